"""Training and scoring of the networks of one task of a search."""

import gc
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sklearn_ls._classifier import LabelSmoothingClassifier, make_fitted
from sklearn_ls._compat import score_fold, take_rows
from sklearn_ls._labels.training_labels import ClassSummary
from sklearn_ls._network.fitted import FittedNetwork
from sklearn_ls._network.fitting import train_networks
from sklearn_ls._network.plans import TrainingParams, plan_network
from sklearn_ls._training_data import ArrayData


@dataclass(frozen=True, eq=False)
class SearchData(ArrayData):
    """Data of a search, passed as a whole to each process.

    Parameters
    ----------
    X, labels, features : see ArrayData

    y_seen : ndarray of shape (n_samples, ...)
        The labels passed to scorers.

    score_params : dict
        Further arguments of the scorers, with n_samples entries each.

    frame : dataframe of shape (n_samples, n_features), default=None
        The samples passed to scorers, if they are not those of X.
    """

    y_seen: np.ndarray
    score_params: dict
    frame: Any = None

    @property
    def X_seen(self):
        """The samples passed to scorers."""
        return self.X.X if self.frame is None else self.frame

    def __sizeof__(self):
        """Return the size in bytes; dask sends large objects only once."""
        arrays = [self.labels.codes, self.labels.y_soft, self.y_seen]
        if self.labels.votes is not None:
            arrays += [self.labels.votes.annotator, self.labels.votes.label]
        n_bytes = sum(array.nbytes for array in arrays if array is not None)
        return n_bytes + len(self.X) * self.X.n_bytes


class Scored(NamedTuple):
    """One network of a search, trained and scored."""

    network: FittedNetwork
    summary: ClassSummary
    converged: bool
    fit_time: float  # in seconds
    test_scores: float | dict[str, float]
    correct: np.ndarray  # whether the observed label of each test sample was predicted
    score_time: float


def train_and_score(
    data,
    candidates,
    splits,
    *,
    scorer,
    stop_on_test,
    seed,
    device,
    stack_size,
    network_end=lambda: None,
    part=lambda name: None,
):
    """Train networks on training splits and score them on test splits.

    Parameters
    ----------
    data : SearchData

    candidates : list of dict
        Parameters of :class:`LabelSmoothingClassifier` for each network.

    splits : list of (train, test)
        Indices of the training and test samples of each network.

    scorer : callable

    stop_on_test : bool
        Whether to stop early on the test samples, rather than on held-out training
        samples.

    seed : int

    device : str

    stack_size, network_end, part : see train_networks

    Returns
    -------
    scored : list of Scored
    """
    start = time.perf_counter()
    X = data.X.to_device_if_it_fits(device)
    plans, of_split = [], {}
    for candidate, (train, test) in zip(candidates, splits, strict=True):
        plan = _plan(X, data.labels, candidate, train, test, stop_on_test, seed, device)
        same_split = of_split.setdefault(id(train), plan)
        training = plan.training.sharing(same_split.training)
        plans.append(replace(plan, training=training))
    plan_time = (time.perf_counter() - start) / len(plans)
    trained = train_networks(
        plans,
        seed=seed,
        stack_size=stack_size,
        network_end=network_end,
        part=part,
    )
    scored, parts = [], {}
    for candidate, (_, test), fold in zip(candidates, splits, trained, strict=True):
        start = time.perf_counter()
        if id(test) not in parts:
            params = {k: take_rows(v, test) for k, v in data.score_params.items()}
            parts = {
                id(test): (take_rows(data.X_seen, test), data.y_seen[test], params)
            }
        classifier = make_fitted(candidate, fold.network, fold.summary, data.features)
        scores = score_fold(classifier, *parts[id(test)], scorer)
        score_time = time.perf_counter() - start
        correct = _find_correct(classifier, parts[id(test)][0], data.labels.y[test])
        fold.network.release()  # save GPU memory; the weights remain
        scored.append(
            Scored(
                fold.network,
                fold.summary,
                fold.converged,
                fold.fit_time + plan_time,
                scores,
                correct,
                score_time,
            )
        )
    return scored


def train_and_score_in_worker(*args, **kwargs):
    """Call `train_and_score`, and free cyclic references to the data.

    Otherwise joblib waits for a second until the worker closes memory-mapped arrays.
    """
    scored = train_and_score(*args, **kwargs)
    gc.collect()
    return scored


def part_of(checkpoints, name):
    """Return the argument `part` of `train_networks`.

    Parameters
    ----------
    checkpoints : Checkpoints or NoCheckpoints

    name : str
        Name of the networks that are trained together.
    """
    return partial(_part, checkpoints, name)


def _part(checkpoints, name, part):
    return checkpoints.part(f"{name}-{part}")


def _find_correct(classifier, X, y):
    """Return whether each prediction is correct; multilabel y requires all labels.

    Shape
    -----
    X : (n_samples, ...), y : (n_samples,) or (n_samples, n_labels) -> (n_samples,)
    """
    correct = classifier.predict(X) == y
    return correct.all(axis=1) if correct.ndim > 1 else correct


def _plan(X, labels, candidate, train, test, stop_on_test, seed, device):
    try:
        return plan_network(
            X,
            labels,
            TrainingParams.of(candidate, LabelSmoothingClassifier.__name__),
            seed=seed,
            device=device,
            samples=train,
            held_out=test if stop_on_test else None,
        )
    except ValueError as error:
        raise ValueError(
            f"The {len(train)} training samples of a split of cv are invalid: {error}"
        ) from error
