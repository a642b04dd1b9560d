"""Validation samples that are passed to `fit`, with their labels."""

from typing import NamedTuple

import numpy as np

from sklearn_ls._copies.copies import weighted_copies
from sklearn_ls._labels.containers import encode_labels
from sklearn_ls._labels.soft_labels import SoftLabels, check_target


class EvalSet(NamedTuple):
    """Validation samples.

    Parameters
    ----------
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

    codes : ndarray of shape (n_samples,)
        Positions of the labels in `classes`.

    weight : ndarray of shape (n_samples,) or None
    """

    X: object
    codes: np.ndarray
    weight: np.ndarray | None

    def __len__(self):
        return len(self.codes)


def take_eval_sets(params, classes, weights):
    """Extract the validation samples from the arguments of `fit`.

    Samples with soft labels are copied, one copy per class, so that their weighted mean
    loss is the loss of the soft labels.

    Parameters
    ----------
    params : dict
        Arguments of `fit`, including `eval_set`, or `eval_X` and `eval_y`.

    classes : ndarray of shape (n_classes,)

    weights : str
        Name of the argument with the sample weights of each set.

    Returns
    -------
    eval_sets : list of EvalSet

    params : dict
        Other arguments of `fit`.
    """
    params = dict(params)
    pairs = params.pop("eval_set", None) or []
    pairs = [pairs] if isinstance(pairs, tuple) else list(pairs)
    X, y = params.pop("eval_X", None), params.pop("eval_y", None)
    if X is not None:
        pairs += zip(X, y, strict=True) if isinstance(X, tuple) else [(X, y)]
    of_sets = params.pop(weights, None)
    if of_sets is None:
        of_sets = [None] * len(pairs)
    eval_sets = []
    for (X, y), weight in zip(pairs, of_sets, strict=True):
        weight = None if weight is None else np.asarray(weight, dtype=float)
        target = check_target(y, classes)
        if isinstance(target, SoftLabels):
            copies = weighted_copies(target.y_soft, weight)
            eval_sets.append(EvalSet(copies.of(X), copies.codes, copies.weight))
        else:
            eval_sets.append(EvalSet(X, encode_labels(target, classes), weight))
    return eval_sets, params


def weights_of(eval_sets):
    """Return the weights of all sets, or None if there are none."""
    if all(eval_set.weight is None for eval_set in eval_sets):
        return None
    return [
        np.ones(len(eval_set)) if eval_set.weight is None else eval_set.weight
        for eval_set in eval_sets
    ]
