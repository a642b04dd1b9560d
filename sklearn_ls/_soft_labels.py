"""Soft labels: for each row a distribution over the classes, from any container."""

from typing import NamedTuple

import numpy as np

from sklearn_ls._labels import check_labels, labels_to_array


class SoftLabels(NamedTuple):
    """Distributions over classes, one a row.

    Parameters
    ----------
    y_soft : ndarray of shape (n_samples, n_classes)
        Rows sum to one.

    classes : ndarray of shape (n_classes,)
        What the columns stand for, sorted.
    """

    y_soft: np.ndarray
    classes: np.ndarray

    @property
    def most_likely(self):
        """The label of the largest entry of each row, the first of equals."""
        return self.classes[self.y_soft.argmax(axis=1)]

    def take(self, rows):
        """Return the soft labels of some rows."""
        return SoftLabels(self.y_soft[rows], self.classes)


def check_target(y, classes=None):
    """Return labels checked, and soft labels as such.

    A matrix of floats can only be meant as soft labels; one of integers or bools is an
    indicator matrix.

    Parameters
    ----------
    y : array-like of shape (n_samples,), or {array-like, sparse matrix, dataframe} of \
            shape (n_samples, n_labels)

    classes : ndarray of shape (n_classes,), default=None
        The sorted classes of soft labels, where they are known; else the names of the
        columns or, without names, their numbers.

    Returns
    -------
    target : ndarray or SoftLabels
        What :func:`check_labels` returns, or soft labels.

    Raises
    ------
    ValueError
        For bad labels, for rows that are no distributions, and for columns that are
        not the classes.
    """
    array = labels_to_array(y)
    if array.ndim != 2 or array.dtype.kind != "f":
        return check_labels(array)
    y_soft = _check_rows(array)
    if not hasattr(y, "columns"):
        if classes is None:
            classes = np.arange(y_soft.shape[1])
        if len(classes) != y_soft.shape[1]:
            raise ValueError(
                f"Soft labels have {y_soft.shape[1]} columns, but there are "
                f"{len(classes)} classes: {classes}. Pass a DataFrame whose column "
                "names are the classes, if they are others."
            )
        return SoftLabels(y_soft, classes)
    names = _check_names(list(y.columns))
    order = np.argsort(names)
    names = names[order]
    if classes is not None and not np.array_equal(names, classes):
        raise ValueError(
            f"The columns of the soft labels are {names}, but the classes are "
            f"{classes}."
        )
    return SoftLabels(y_soft[:, order], names)


def find_soft_labels(y, classes):
    """Return the soft labels that `y` holds, or None for labels of another kind.

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


def _check_rows(y_soft):
    """Return floats of which each row is a distribution, without rounding errors."""
    tolerance = {2: 1e-3, 4: 1e-5}.get(y_soft.dtype.itemsize, 1e-6)
    y_soft = y_soft.astype(float)
    sums = y_soft.sum(axis=1)
    bad = (np.abs(sums - 1) > tolerance) | np.any(y_soft < 0, axis=1)
    if bad.any():
        first = int(np.argmax(bad))
        advice = "A table of counts: y / y.sum(axis=1, keepdims=True)."
        if np.all((y_soft == 0) | (y_soft == 1)):
            advice = "For several labels a row pass integers: y.astype(int)."
        raise ValueError(
            "A matrix of floats as y is taken for soft labels, whose rows are not "
            f"negative and sum to 1. Row {first} is {y_soft[first]}, its sum "
            f"{sums[first]:.9g}. {advice}"
        )
    return y_soft / sums[:, np.newaxis]


def _check_names(names):
    classes = labels_to_array(names)
    if classes.ndim != 1:
        raise ValueError(
            "The names of the columns of soft labels are the classes, one label each. "
            f"Got {names}."
        )
    return classes
