"""Classifiers fitted on parts of the data, as one where they can be, and scored."""

import math
import time
from collections import defaultdict
from typing import NamedTuple

from sklearn.utils import gen_even_slices

from sklearn_ls._batches import to_device_if_it_fits
from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._compat import score_fold, take_rows
from sklearn_ls._stack import train_stack

ENOUGH = 10  # networks in a stack: more of them gain little


class Trained(NamedTuple):
    """How the training of a network went; those trained as one share the time."""

    converged: bool
    fit_time: float  # in seconds


class Fitted(NamedTuple):
    """One network of a search, trained and scored."""

    classifier: LabelSmoothingClassifier
    converged: bool
    fit_time: float  # in seconds
    test_scores: float | dict[str, float]
    score_time: float


def divide(n_candidates, n_splits, size, *, by_split):
    """Divide the networks of a search into stacks.

    Parameters
    ----------
    n_candidates, n_splits : int

    size : int
        The most networks a stack may have.

    by_split : bool
        Whether a stack is to hold whole splits, whose networks share their rows, and
        more than one of them only if it stays small.

    Returns
    -------
    stacks : list of list of (candidate, split)
    """
    if not by_split:
        pairs = [(c, s) for s in range(n_splits) for c in range(n_candidates)]
        return [pairs[some] for some in _evenly(len(pairs), size)]
    splits_at_once = max(1, min(size, ENOUGH) // n_candidates)
    return [
        [(c, s) for s in range(n_splits)[splits] for c in range(n_candidates)[some]]
        for splits in _evenly(n_splits, splits_at_once)
        for some in _evenly(n_candidates, size)
    ]


def _evenly(n, size):
    """Return slices of at most `size`, as even as can be."""
    return gen_even_slices(n, math.ceil(n / size))


def fit_and_score(
    X,
    given,
    X_seen,
    y_seen,
    score_params,
    classifiers,
    splits,
    *,
    scorer,
    stop_on_test,
    stack_size,
    network_end=None,
):
    """Fit classifiers on parts of the data and score them on others.

    Parameters
    ----------
    X, given : as `_check_data` returns them

    X_seen : array-like, sparse matrix or dataframe of shape (n_samples, ...)
        What scorers get to see.

    y_seen : ndarray of shape (n_samples,) or (n_samples, ...)
        Likewise.

    score_params : dict
        What else they get, of n_samples each.

    classifiers : list of LabelSmoothingClassifier
        Not fitted yet, as `_member` makes them.

    splits : list of (train, test)
        The rows that each is to learn from and to be scored on.

    scorer : callable

    stop_on_test : bool
        Whether the rows to be scored on also decide when to stop, rather than a part of
        those to learn from.

    stack_size, network_end : see fit_networks

    Returns
    -------
    fitted : list of Fitted
    """
    outcomes = fit_networks(
        X,
        given,
        classifiers,
        [train for train, _ in splits],
        [test if stop_on_test else None for _, test in splits],
        stack_size=stack_size,
        network_end=network_end,
    )
    fitted, parts = [], {}
    for classifier, (_, test), trained in zip(
        classifiers, splits, outcomes, strict=True
    ):
        start = time.perf_counter()
        if id(test) not in parts:
            params = {k: take_rows(values, test) for k, values in score_params.items()}
            parts = {id(test): (take_rows(X_seen, test), y_seen[test], params)}
        scores = score_fold(classifier, *parts[id(test)], scorer)
        score_time = time.perf_counter() - start
        del classifier._module  # on a GPU they would fill it; arrays remain
        fitted.append(Fitted(classifier, *trained, scores, score_time))
    return fitted


def fit_networks(
    X,
    given,
    classifiers,
    rows,
    held_out,
    *,
    stack_size=1,
    network_end=None,
):
    """Fit classifiers on parts of the data, as one where they can be.

    Parameters
    ----------
    X, given : as `_check_data` returns them

    classifiers : list of LabelSmoothingClassifier

    rows, held_out : list of ndarray or None
        What each trains on, and what it stops and is calibrated by, see `_prepare`.

    stack_size : int, default=1
        The most networks to train as one.

    network_end : callable, default=None
        Called when a network is done.

    Returns
    -------
    outcomes : list of Trained
    """
    network_end = network_end or (lambda: None)
    start = time.perf_counter()
    X_there = to_device_if_it_fits(X, classifiers[0].device_)
    networks, calibrations, of_split = [], [], {}
    for classifier, *parts in zip(classifiers, rows, held_out, strict=True):
        prepared = _prepare(classifier, X_there, given, *parts)
        training, validation, calibration = prepared
        training.share(of_split.setdefault(id(parts[0]), training))
        networks.append((classifier._start_module(), training, validation))
        calibrations.append(calibration)
    prepare_time = (time.perf_counter() - start) / len(networks)
    groups = [
        group[some]
        for group in _alike(networks)
        for some in _evenly(len(group), stack_size)
    ]
    outcomes = [None] * len(networks)
    for group in groups:
        start = time.perf_counter()
        train = _train_together if len(group) > 1 else _train_alone
        converged = train(
            [classifiers[i] for i in group], [networks[i] for i in group], network_end
        )
        for i in group:
            classifiers[i]._calibrate(X, calibrations[i])
        fit_time = (time.perf_counter() - start) / len(group) + prepare_time
        for i, outcome in zip(group, converged, strict=True):
            outcomes[i] = Trained(outcome, fit_time)
    return outcomes


def _prepare(classifier, X, given, rows, held_out):
    try:
        return classifier._prepare(X, given, rows=rows, held_out=held_out)
    except ValueError as error:
        if rows is None:
            raise
        raise ValueError(
            f"The {len(rows)} training rows of a split can't be learnt from: {error}"
        ) from error


def _alike(networks):
    """Return the positions of networks that can be stacked, in lists."""
    groups = defaultdict(list)
    for position, (module, training, validation) in enumerate(networks):
        shapes = tuple(parameter.shape for parameter in module.parameters())
        groups[shapes, _kind(training), _kind(validation)].append(position)
    return list(groups.values())


def _kind(batches):
    if batches is None:
        return None
    return len(batches), batches.batch_size, batches.target.kind


def _train_together(classifiers, networks, network_end):
    first = classifiers[0]
    outcomes = train_stack(
        networks,
        network_end=network_end,
        seed=first._seed,
        **first._stopping(),
        **first._optimizer(),
    )
    for classifier, (module, _, _), (losses, scores, _) in zip(
        classifiers, networks, outcomes, strict=True
    ):
        classifier._record(module, losses, scores)
    return [converged for _, _, converged in outcomes]


def _train_alone(classifiers, networks, network_end):
    (classifier,), ((module, training, validation),) = classifiers, networks
    net = classifier._build_net(module, classifier.device_)
    converged = net.train(
        training, validation, seed=classifier._seed, **classifier._stopping()
    )
    classifier._record(net.module_, *net.curves())
    network_end()
    return [converged]
