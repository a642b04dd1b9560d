"""What a process of a search does: train networks on parts of the data, score them."""

import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from sklearn_ls._classifier import LabelSmoothingClassifier, make_fitted
from sklearn_ls._compat import score_fold, take_rows
from sklearn_ls._labels.training_labels import ClassSummary, TrainingLabels
from sklearn_ls._network.batches import to_device_if_it_fits
from sklearn_ls._network.fitted import FittedNetwork
from sklearn_ls._network.fitting import train_networks
from sklearn_ls._network.plans import TrainingParams, plan_network


@dataclass(frozen=True, eq=False)
class SearchData:
    """The data of a search, which processes get as a whole.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, ...)

    labels : TrainingLabels

    features : dict
        The attributes that describe X.

    X_seen, y_seen : array-like of shape (n_samples, ...)
        What scorers get.

    score_params : dict
        What else they get, with n_samples entries each.
    """

    X: Any
    labels: TrainingLabels
    features: dict
    X_seen: Any
    y_seen: np.ndarray
    score_params: dict

    def __sizeof__(self):
        """Return the size in bytes, by which dask decides to send it only once."""
        arrays = (self.X, self.labels.codes, self.labels.y_soft, self.y_seen)
        return sum(getattr(array, "nbytes", 0) for array in arrays)


class Scored(NamedTuple):
    """One network of a search, trained and scored."""

    network: FittedNetwork
    summary: ClassSummary
    converged: bool
    fit_time: float  # in seconds
    test_scores: float | dict[str, float]
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
):
    """Train networks on parts of the data and score them on others.

    Parameters
    ----------
    data : SearchData

    candidates : list of dict
        The parameters of each network, of :class:`LabelSmoothingClassifier`.

    splits : list of (train, test)
        The samples that each is trained and scored on.

    scorer : callable

    stop_on_test : bool
        Whether the samples to score on also decide when to stop, rather than a part of
        those to train on.

    seed : int

    device : str

    stack_size, network_end : see train_networks

    Returns
    -------
    scored : list of Scored
    """
    start = time.perf_counter()
    X = to_device_if_it_fits(data.X, device)
    plans, of_split = [], {}
    for candidate, (train, test) in zip(candidates, splits, strict=True):
        plan = _plan(X, data.labels, candidate, train, test, stop_on_test, seed, device)
        same_split = of_split.setdefault(id(train), plan)
        training = plan.training.sharing(same_split.training)
        plans.append(replace(plan, training=training))
    plan_time = (time.perf_counter() - start) / len(plans)
    trained = train_networks(
        data.X, plans, seed=seed, stack_size=stack_size, network_end=network_end
    )
    scored, parts = [], {}
    for candidate, (_, test), one in zip(candidates, splits, trained, strict=True):
        start = time.perf_counter()
        if id(test) not in parts:
            params = {k: take_rows(v, test) for k, v in data.score_params.items()}
            parts = {
                id(test): (take_rows(data.X_seen, test), data.y_seen[test], params)
            }
        classifier = make_fitted(candidate, one.network, one.summary, data.features)
        scores = score_fold(classifier, *parts[id(test)], scorer)
        one.network.release()  # modules would fill a GPU; their weights remain
        score_time = time.perf_counter() - start
        scored.append(
            Scored(
                one.network,
                one.summary,
                one.converged,
                one.fit_time + plan_time,
                scores,
                score_time,
            )
        )
    return scored


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
            f"The {len(train)} training samples of a split can't be learned from: "
            f"{error}"
        ) from error
