"""Held-out predictions, of a fitted search or of other estimators."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils import check_consistent_length, indexable

from sklearn_ls._compat import take_rows
from sklearn_ls._labels.containers import to_frame
from sklearn_ls._labels.training_labels import encode_training_labels
from sklearn_ls.inspection._pipeline import (
    fit_argument,
    last_step,
    transform_up_to_last,
)


class HeldOut(NamedTuple):
    """Held-out predictions of a fitted search, with its samples and splits.

    Parameters
    ----------
    search : LabelSmoothingClassifierCV
        Fitted search; for a pipeline, its last step.

    X : array-like of shape (n_samples, ...)
        Samples, as passed to the search.

    splits : list of (train, test)

    probas : list of ndarray of shape (n_test, n_classes)
        The predicted probabilities of the test samples of each split.
    """

    search: Any
    X: Any
    splits: list
    probas: list


def check_X_labels(X, y, y_soft=None):
    """Return samples that can be indexed, and labels.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)

    y : array-like of shape (n_samples,) or (n_samples, n_classes)

    y_soft : array-like of shape (n_samples, n_classes), default=None

    Returns
    -------
    X : array-like of shape (n_samples, ...)
        Unchanged, except for sparse matrices that cannot be indexed.

    labels : TrainingLabels

    Raises
    ------
    ValueError
        If `y` is multilabel, or differs from `X` in length.
    """
    (X,) = indexable(X)
    labels = encode_training_labels(y, y_soft)
    if labels.multilabel:
        raise ValueError(
            "y must have one label per sample, or soft labels. Got a multilabel "
            f"indicator matrix of shape {labels.codes.shape}."
        )
    check_consistent_length(X, labels.codes)
    return X, labels


def make_splits(cv, X, labels, groups=None):
    """Return the splits of a cross-validation as pairs of indices.

    Soft labels are split by the most likely label.
    """
    samples = np.arange(len(labels))
    splits = check_cv(cv, labels.y, classifier=True).split(X, labels.y, groups)
    return [(samples[train], samples[test]) for train, test in splits]


def fit_part(estimator, X, labels, samples):
    """Return a clone of an estimator, fitted to some of the samples.

    Parameters
    ----------
    estimator : estimator

    X : array-like of shape (n_samples, ...)

    labels : TrainingLabels
        Soft labels are passed if the estimator takes them.

    samples : ndarray of shape (n_train,)

    Returns
    -------
    estimator : estimator
    """
    soft, name = {}, fit_argument(estimator, "y_soft")
    if labels.y_soft is not None and name is not None:
        # Named, since a class may not be the most likely one of any of these samples.
        soft[name] = to_frame(labels.y_soft[samples], None, labels.classes)
    return clone(estimator).fit(take_rows(X, samples), labels.y[samples], **soft)


def read_held_out(estimator, X, labels):
    """Return held-out predictions of a fitted search if they belong to these samples.

    This is checked: the search must have been fitted to these labels without sample
    weights, and the predictions of its fold networks on the splits that its `cv` gives
    must reproduce `oof_proba_`.

    Parameters
    ----------
    estimator : estimator
        Any estimator. The result is None unless it is a search with `oof_proba_` or a
        pipeline that ends in one.

    X : array-like of shape (n_samples, ...)

    labels : TrainingLabels

    Returns
    -------
    held_out : HeldOut or None
    """
    search = last_step(estimator)
    if getattr(search, "labels_digest_", None) != labels.digest():
        return None
    if not np.array_equal(search.classes_, labels.classes):
        return None
    if not hasattr(search, "oof_proba_"):  # refit=False
        return None
    try:
        X = transform_up_to_last(estimator, X)
        splits = make_splits(search.cv, X, labels)
        probas = predict_splits(search.estimators_, X, splits, labels.classes)
    except (TypeError, ValueError):  # cv needs groups, or X or the splits differ
        return None
    reproduced = mean_held_out_proba(probas, splits, len(labels))
    if not np.allclose(reproduced, search.oof_proba_, atol=1e-4, equal_nan=True):
        return None
    return HeldOut(search, X, splits, probas)


def cross_val_probas(estimator, X, labels, splits):
    """Return probabilities of each sample by an estimator that was not trained on it.

    Estimators are fitted to the labels themselves, while
    :func:`~sklearn.model_selection.cross_val_predict` encodes them.

    Parameters
    ----------
    estimator : estimator

    X : array-like of shape (n_samples, ...)

    labels : TrainingLabels

    splits : list of (train, test)

    Returns
    -------
    y_proba : ndarray of shape (n_samples, n_classes)
        NaN for samples that were never held out; the mean for samples held out more
        than once.
    """
    fitted = (fit_part(estimator, X, labels, train) for train, _ in splits)
    probas = predict_splits(fitted, X, splits, labels.classes)
    return mean_held_out_proba(probas, splits, len(labels))


def predict_splits(estimators, X, splits, classes):
    """Return each estimator's predicted probabilities of the test samples of its split.

    Parameters
    ----------
    estimators : iterable of estimator
        Fitted estimators, one per split.

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
        Fitted estimator.

    X : array-like of shape (n_samples, ...)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    y_proba : ndarray of shape (n_samples, n_classes), float64
        0 for classes that the estimator was not trained on. Rows sum to one with the
        precision of float64, even if the estimator predicts in float32.
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
