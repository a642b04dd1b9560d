"""Held-out predictions, of a fitted search or of other estimators."""

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
    """Held-out predictions of a fitted search, and what it takes to add others.

    Parameters
    ----------
    search : LabelSmoothingClassifierCV
        Fitted; of a pipeline the last step.

    X : array-like of shape (n_samples, ...)
        The samples as the search gets them.

    splits : list of (train, test)

    probas : list of ndarray of shape (n_test, n_classes)
        The predicted probabilities of the test samples of each split.
    """

    search: Any
    X: Any
    splits: list
    probas: list


def check_X_labels(X, y):
    """Return samples that can be indexed, and labels.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)

    y : array-like of shape (n_samples,)

    Returns
    -------
    X : array-like of shape (n_samples, ...)
        Unchanged, except sparse matrices that cannot be indexed.

    y : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)

    codes : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If `y` is soft or multilabel, or differs from `X` in length.
    """
    (X,) = indexable(X)
    y = labels_to_array(y)
    if y.ndim != 1:
        raise ValueError(
            f"y must hold one label per sample. Got shape {y.shape}. For soft labels "
            "pass the most likely label of each sample."
        )
    y = check_labels(y)
    check_consistent_length(X, y)
    classes = find_classes(y)
    return X, y, classes, encode_labels(y, classes)


def read_held_out(estimator, X, y, classes):
    """Return the held-out predictions of a fitted search, if they are of these samples.

    This is checked: the predictions of its fold networks on the splits that its `cv`
    gives must reproduce `oof_proba_`.

    Parameters
    ----------
    estimator : estimator
        Any estimator. Those of interest are a search with `oof_proba_` and a pipeline
        that ends in one.

    X : array-like of shape (n_samples, ...)

    y : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)
        The sorted labels of `y`.

    Returns
    -------
    held_out : HeldOut or None
    """
    search = last_step(estimator)
    oof_proba = getattr(search, "oof_proba_", None)
    if np.shape(oof_proba) != (len(y), len(classes)):
        return None
    if not np.array_equal(search.classes_, classes):
        return None
    try:
        X = transform_up_to_last(estimator, X)
        splits = list(check_cv(search.cv, y, classifier=True).split(X, y))
        probas = predict_splits(search.estimators_, X, splits, classes)
    except (TypeError, ValueError):  # cv needs groups, or X or the splits differ
        return None
    reproduced = mean_held_out_proba(probas, splits, len(y))
    if not np.allclose(reproduced, oof_proba, atol=1e-4, equal_nan=True):
        return None
    return HeldOut(search, X, splits, probas)


def predict_splits(estimators, X, splits, classes):
    """Return each estimator's predicted probabilities of the test samples of its split.

    Parameters
    ----------
    estimators : list of estimator
        Fitted, one per split.

    X : array-like of shape (n_samples, ...)

    splits : list of (train, test)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    probas : list of ndarray of shape (n_test, n_classes)
    """
    return [
        predict_all(estimator, take_rows(X, test), classes)
        for estimator, (_, test) in zip(estimators, splits, strict=True)
    ]


def predict_all(estimator, X, classes):
    """Return predicted probabilities of all classes.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    X : array-like of shape (n_samples, ...)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    y_proba : ndarray of shape (n_samples, n_classes), float64
        0 for classes that the estimator was not trained on. Rows sum to one with the
        precision of float64, also if the estimator predicts in float32.
    """
    of_its_classes = estimator.predict_proba(X)
    y_proba = np.zeros((len(of_its_classes), len(classes)))
    y_proba[:, np.searchsorted(classes, estimator.classes_)] = of_its_classes
    return y_proba / y_proba.sum(axis=1, keepdims=True)


def mean_held_out_proba(probas, splits, n_samples):
    """Return the mean prediction of each sample, NaN if it was never held out.

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
