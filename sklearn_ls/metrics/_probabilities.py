"""Validation of predicted probabilities and of the labels to compare them with."""

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from sklearn_ls._compat import check_sample_weight
from sklearn_ls._labels.containers import (
    check_labels,
    column_names,
    encode_labels,
    find_classes,
    labels_to_array,
)
from sklearn_ls._labels.smoothing import find_bad_row
from sklearn_ls._labels.soft_labels import check_soft_labels


def check_against_labels(y_true, y_proba, sample_weight, labels):
    """Return codes, probabilities and weights, checked against each other.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)

    sample_weight : array-like of shape (n_samples,) or None

    labels : array-like of shape (n_classes,) or None

    Returns
    -------
    codes : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes)

    weight : ndarray of shape (n_samples,)
    """
    y_true = labels_to_array(y_true, "y_true")
    if y_true.ndim != 1:
        raise ValueError(
            f"y_true must have one label per sample. Got shape {y_true.shape}. For "
            "soft labels, use soft_log_loss or soft_brier_score."
        )
    names = column_names(y_proba)
    y_proba = _check_probabilities(y_proba)
    check_consistent_length(y_true, y_proba)
    classes = _check_classes(check_labels(y_true), y_proba.shape[1], labels)
    if len(unknown := np.setdiff1d(y_true, classes)):
        raise ValueError(
            f"y_true contains {unknown}, which are not among the labels {classes}. "
            "Pass all classes of y_proba as labels, and remove samples of other "
            "classes."
        )
    weight = check_sample_weight(sample_weight, y_proba)
    y_proba = _order_columns(y_proba, names, classes)
    return encode_labels(y_true, classes), y_proba, weight


def check_against_soft_labels(y_soft, y_proba, sample_weight):
    """Return soft labels, probabilities and weights, checked against each other.

    Parameters
    ----------
    y_soft : array-like of shape (n_samples, n_classes)

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)

    sample_weight : array-like of shape (n_samples,) or None

    Returns
    -------
    y_soft, y_proba : ndarray of shape (n_samples, n_classes)

    weight : ndarray of shape (n_samples,)
    """
    soft = check_soft_labels(y_soft)
    names = column_names(y_proba)
    y_proba = _check_probabilities(y_proba)
    check_consistent_length(soft.y_soft, y_proba)
    if y_proba.shape[1] != len(soft.classes):
        raise ValueError(
            f"y_proba has {y_proba.shape[1]} columns, but y_soft has "
            f"{len(soft.classes)}."
        )
    y_proba = _order_columns(y_proba, names, soft.classes)
    return soft.y_soft, y_proba, check_sample_weight(sample_weight, y_proba)


def _check_probabilities(y_proba):
    """Return probabilities with one column per class, whose rows sum to one."""
    y_proba = check_array(
        y_proba,
        ensure_2d=False,
        dtype=[np.float64, np.float32],
        input_name="y_proba",
    )
    columns = y_proba
    if y_proba.ndim == 1:
        columns = np.column_stack([1 - y_proba, y_proba])
    if (bad := find_bad_row(columns, tolerance=1e-3)) is not None:
        raise ValueError(
            "The rows of y_proba must be probabilities that sum to 1. Row "
            f"{bad} is {y_proba[bad]}."
        )
    return columns


def _order_columns(y_proba, names, classes):
    """Return the columns in the order of the classes; they may be named by these.

    Parameters
    ----------
    y_proba : ndarray of shape (n_samples, n_classes)

    names : list or None
        Names of the columns. None and consecutive numbers mean that the columns are in
        the order of the classes.

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    y_proba : ndarray of shape (n_samples, n_classes)
    """
    labels = classes.tolist()
    if names is None or names == list(range(len(labels))):
        return y_proba
    as_text = [str(label) for label in labels]  # as polars requires
    for possible in (labels, as_text):
        if {*names} == {*possible}:
            return y_proba[:, [names.index(label) for label in possible]]
    raise ValueError(
        f"The columns of y_proba are named {names}, but the classes are "
        f"{classes.tolist()}. Name them by the classes, or pass an array with a column "
        "for each sorted class."
    )


def _check_classes(y_true, n_columns, labels):
    """Return the classes of the columns of the probabilities, sorted."""
    if labels is None:
        classes = find_classes(y_true)
        if len(classes) != n_columns:
            raise ValueError(
                f"y_proba has {n_columns} columns, but y_true has {len(classes)} "
                f"different labels: {classes}. Pass all classes as labels, such as "
                "labels=classifier.classes_."
            )
        return classes
    classes = labels_to_array(labels, "labels")
    if not np.array_equal(classes, np.unique(classes)):
        raise ValueError(
            "labels must be unique and sorted, as classes_ are, and the columns of "
            f"y_proba in the same order. Got {classes}."
        )
    if len(classes) != n_columns:
        raise ValueError(
            f"y_proba has {n_columns} columns, but there are {len(classes)} labels: "
            f"{classes}."
        )
    return classes
