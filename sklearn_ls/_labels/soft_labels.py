"""Soft labels: a distribution over the classes per sample, from any container."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import gen_batches

from sklearn_ls._labels.containers import (
    check_labels,
    column_names,
    labels_to_array,
)
from sklearn_ls._labels.smoothing import find_bad_row


class SoftLabels(NamedTuple):
    """Distributions over the classes, one per sample.

    Parameters
    ----------
    y_soft : ndarray of shape (n_samples, n_classes)
        Rows sum to one.

    classes : ndarray of shape (n_classes,)
        Labels of the columns, sorted.
    """

    y_soft: np.ndarray
    classes: np.ndarray

    @property
    def most_likely(self):
        """The most likely label of each sample, the first if several are tied."""
        return self.classes[self.y_soft.argmax(axis=1)]

    def take(self, samples):
        """Return the soft labels of some samples."""
        return SoftLabels(self.y_soft[samples], self.classes)


def check_target(y, classes=None, name="y"):
    """Validate a target; return labels as an array, or soft labels.

    A matrix of floats is treated as soft labels, a matrix of integers or bools as an
    indicator matrix.

    Parameters
    ----------
    y : array-like of shape (n_samples,), or {array-like, sparse matrix, dataframe} of \
            shape (n_samples, n_labels)

    classes : ndarray of shape (n_classes,), default=None
        Classes of soft labels, sorted unless the columns have names. If None, the
        column names or, without names, the column indices.

    name : str, default="y"
        Name of the argument, for error messages.

    Returns
    -------
    target : ndarray or SoftLabels
        Labels of shape (n_samples,), an indicator matrix, or soft labels.

    Raises
    ------
    ValueError
        If labels are missing or of mixed types, a matrix is neither an indicator matrix
        nor soft labels, or the columns do not match the classes.
    """
    if isinstance(y, SoftLabels):
        return y
    array = labels_to_array(y, name)
    if array.ndim == 1:
        return array
    if array.dtype.kind != "f":
        return check_labels(array)
    return _to_soft_labels(array, column_names(y), classes, name)


def _to_soft_labels(array, columns, classes, name):
    """Validate soft labels; return them with columns in the order of the classes.

    Parameters
    ----------
    array : ndarray of shape (n_samples, n_classes)
        Array of floats.

    columns : list or None
        Column names.

    classes : ndarray of shape (n_classes,) or None
        See :func:`check_target`.

    name : str
        Name of the argument, for error messages.

    Returns
    -------
    soft : SoftLabels
    """
    y_soft = _check_rows(array, name)
    if columns is None:
        if classes is None:
            classes = np.arange(y_soft.shape[1])
        if len(classes) != y_soft.shape[1]:
            raise ValueError(
                f"Soft labels have {y_soft.shape[1]} columns, but there are "
                f"{len(classes)} classes: {classes}. If these are not the classes, "
                "pass a DataFrame whose column names are."
            )
        if not np.array_equal(classes, np.unique(classes)):
            raise ValueError(
                f"The columns of {name} have no names, so they must be in the order of "
                f"the sorted classes. Sort the columns and classes, {classes}, or pass "
                "a DataFrame whose column names are the classes."
            )
        return SoftLabels(y_soft, classes)
    names = _check_names(columns)
    order = np.argsort(names)
    names = names[order]
    if classes is not None and not np.array_equal(names, np.unique(classes)):
        raise ValueError(
            f"The columns of the soft labels are {names}, but the classes are "
            f"{classes}."
        )
    return SoftLabels(y_soft[:, order], names)


def find_soft_labels(y, classes):
    """Return `y` as soft labels, or None if it contains other labels.

    Parameters
    ----------
    y : array-like of shape (n_samples,), or {array-like, sparse matrix, dataframe} of \
            shape (n_samples, n_classes)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    soft : SoftLabels or None
    """
    target = check_target(y, classes) if np.ndim(y) == 2 else None
    return target if isinstance(target, SoftLabels) else None


def check_soft_labels(y_soft, classes=None):
    """Validate soft labels; raise ValueError for other labels."""
    array = labels_to_array(y_soft, "y_soft")
    if array.ndim != 2 or array.dtype.kind != "f":
        raise ValueError(
            "y_soft must be a matrix of floats with one column per class, whose rows "
            f"are distributions. Got shape {array.shape} and dtype {array.dtype}. "
            "Divide counts by their row sums."
        )
    return _to_soft_labels(array, column_names(y_soft), classes, "y_soft")


def _check_rows(y_soft, name):
    """Validate rows and divide them by their sums.

    If the sums differ from one by no more than their own rounding error, the array is
    not copied.
    """
    tolerance = {2: 1e-3, 4: 1e-5}.get(y_soft.dtype.itemsize, 1e-6)
    exact = len(y_soft) > 0
    for part in gen_batches(len(y_soft), 2**14):
        rows = y_soft[part].astype(float)
        if (bad := find_bad_row(rows, tolerance)) is not None:
            raise _not_distributions(y_soft, part.start + bad, name)
        rounding = 4 * np.finfo(y_soft.dtype).eps
        exact = exact and np.abs(rows.sum(axis=1) - 1).max() <= rounding
    if exact and y_soft.dtype in (np.float32, np.float64):
        return y_soft
    y_soft = y_soft.astype(float)
    return y_soft / y_soft.sum(axis=1, keepdims=True)


def _not_distributions(y_soft, row, name):
    advice = "Divide counts and rounded probabilities by their row sums."
    if np.any(y_soft < 0):
        advice = "Apply np.exp to log-probabilities, scipy.special.softmax to logits."
    elif np.all((y_soft == 0) | (y_soft == 1)):
        advice = "For multilabel targets, pass integers: y.astype(int)."
    values = y_soft[row].astype(float)
    return ValueError(
        f"{name} is a matrix of floats, which is treated as soft labels: rows must be "
        f"non-negative and sum to 1. Row {row} is {values} and sums to "
        f"{values.sum():.9g}. {advice}"
    )


def _check_names(names):
    classes = labels_to_array(names)
    if classes.ndim != 1:
        raise ValueError(
            "The column names of soft labels must be the classes, one label per "
            f"column. Got {names} instead."
        )
    return classes
