"""What a fitted search knows of the rows that its fold networks did not train on."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils import check_consistent_length, indexable

from sklearn_ls._compat import take_rows
from sklearn_ls._labels.containers import (
    check_labels,
    encode_labels,
    find_classes,
    labels_to_array,
)
from sklearn_ls.inspection._pipeline import last_step, transform_up_to_last


class HeldOut(NamedTuple):
    """Predictions that are there already, and what it takes to add others like them."""

    search: Any  # fitted, the last step of a pipeline
    X: Any  # as the search got it
    splits: list  # of (train, test)
    probas: list  # of ndarray of shape (n_test, n_classes), one a split


def check_rows(X, y):
    """Return rows that can be indexed, and labels.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)

    y : array-like of shape (n_samples,)

    Returns
    -------
    X : as given, but for sparse matrices

    y : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)

    codes : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        For soft or multilabel `y`, and for different numbers of rows.
    """
    (X,) = indexable(X)
    y = labels_to_array(y)
    if y.ndim != 1:
        raise ValueError(
            f"One label a row is needed, but y has shape {y.shape}. Of soft labels "
            "pass the most likely ones."
        )
    y = check_labels(y)
    check_consistent_length(X, y)
    classes = find_classes(y)
    return X, y, classes, encode_labels(y, classes)


def read_held_out(estimator, X, y, classes):
    """Return the held-out predictions of a fitted search, if they are of these rows.

    They are checked: its `cv` must give splits of which the fold networks' predictions
    make up `oof_proba_` again.

    Parameters
    ----------
    estimator : estimator
        Maybe a search with `oof_proba_`, or a pipeline that ends in one.

    X : array-like of shape (n_samples, ...)

    y : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)
        The sorted labels of `y`.

    Returns
    -------
    held_out : HeldOut or None
    """
    search = last_step(estimator)
    known = getattr(search, "oof_proba_", None)
    if np.shape(known) != (len(y), len(classes)):
        return None
    if not np.array_equal(search.classes_, classes):
        return None
    try:
        X = transform_up_to_last(estimator, X)
        splits = list(check_cv(search.cv, y, classifier=True).split(X, y))
        probas = predict_splits(search.estimators_, X, splits, classes)
    except (TypeError, ValueError):  # groups are wanted, X or the splits are others
        return None
    again = mean_of_splits(probas, splits, len(y))
    if not np.allclose(again, known, atol=1e-4, equal_nan=True):
        return None
    return HeldOut(search, X, splits, probas)


def predict_splits(estimators, X, splits, classes):
    """Return each estimator's probabilities of the held-out rows of its split."""
    return [
        predict_all(estimator, take_rows(X, test), classes)
        for estimator, (_, test) in zip(estimators, splits, strict=True)
    ]


def predict_all(estimator, X, classes):
    """Return probabilities of all classes, 0 for those that are unknown.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    X : array-like of shape (n_samples, ...)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    y_proba : ndarray of shape (n_samples, n_classes), float64
        Rows sum to one more exactly than those of float32 do.
    """
    known = estimator.predict_proba(X)
    y_proba = np.zeros((len(known), len(classes)))
    y_proba[:, np.searchsorted(classes, estimator.classes_)] = known
    return y_proba / y_proba.sum(axis=1, keepdims=True)


def mean_of_splits(probas, splits, n_samples):
    """Return the mean prediction of each row, NaN where it was never held out.

    Parameters
    ----------
    probas : list of ndarray of shape (n_test, n_classes)

    splits : list of (train, test)

    n_samples : int

    Returns
    -------
    y_proba : ndarray of shape (n_samples, n_classes)
    """
    total = np.zeros((n_samples, probas[0].shape[1]))
    counts = np.zeros((n_samples, 1))
    for y_proba, (_, test) in zip(probas, splits, strict=True):
        total[test] += y_proba
        counts[test] += 1
    counts[counts == 0] = np.nan
    return total / counts
