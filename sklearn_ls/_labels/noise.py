"""Known label noise: transition matrices, checked."""

import numpy as np

from sklearn_ls._labels.containers import order_by_class
from sklearn_ls._labels.smoothing import check_stochastic
from sklearn_ls._warnings import warn


def check_transition_matrix(transition_matrix, classes):
    """Return a noise rate as float, and a matrix as an array of floats.

    Parameters
    ----------
    transition_matrix : float, array-like or DataFrame of shape (n_classes, n_classes)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    transition_matrix : float or ndarray of shape (n_classes, n_classes)

    Raises
    ------
    ValueError
        For another shape, rows that are no distributions, classes that labels do not
        tell apart or that are never given, and a rate at which the given label is not
        the likeliest.
    """
    n_classes = len(classes)
    matrix = order_by_class(transition_matrix, classes, "transition_matrix")
    matrix = np.array(matrix, dtype=float)
    if matrix.ndim == 0:
        if matrix >= (n_classes - 1) / n_classes:
            raise ValueError(
                f"transition_matrix={transition_matrix} as the share of wrong labels "
                f"must be below {(n_classes - 1) / n_classes:.6g}, at which the labels "
                f"of {n_classes} classes tell nothing."
            )
        return float(matrix)
    if matrix.shape != (n_classes, n_classes):
        raise ValueError(
            f"transition_matrix has shape {matrix.shape}, but there are {n_classes} "
            f"classes: expected a number or the shape {(n_classes, n_classes)}."
        )
    check_stochastic(matrix, "transition_matrix")
    if not np.all(occurs := matrix.any(axis=0)):
        raise ValueError(
            "transition_matrix says that these labels are never given, but y may have "
            f"them: {classes[~occurs]}. Every column needs an entry above 0."
        )
    _, first, counts = np.unique(matrix, axis=0, return_index=True, return_counts=True)
    if np.any(counts > 1):
        same = np.all(matrix == matrix[first[counts.argmax()]], axis=1)
        raise ValueError(
            "transition_matrix says that these classes are labelled alike, so that "
            f"labels can't tell them apart: {classes[same]}. Merge them."
        )
    if np.any(mislabeled := matrix.diagonal() < matrix.max(axis=1)):
        warn(
            "transition_matrix says that rows of these true classes are labelled as "
            f"another more often than rightly: {classes[mislabeled]}. Its rows are the "
            "true labels, its columns the observed ones, in the order of classes_."
        )
    return matrix


def split_rate(rate, n_classes):
    """Return the transition matrix of a noise rate as two numbers.

    Parameters
    ----------
    rate : float
        Fraction of wrong labels, each other label being as frequent.

    n_classes : int

    Returns
    -------
    stay, move : float
        The matrix is ``stay * identity + move``.
    """
    move = rate / (n_classes - 1)
    return 1 - rate - move, move
