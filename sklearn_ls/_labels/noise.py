"""Validation of transition matrices, which describe known label noise."""

import numpy as np

from sklearn_ls._labels.containers import order_by_class
from sklearn_ls._labels.smoothing import check_stochastic
from sklearn_ls._warnings import warn


def check_transition_matrix(transition_matrix, classes):
    """Validate a noise rate or a transition matrix; return it as float.

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
        If the shape is wrong, a row is not a distribution, two rows are equal, a label
        is never observed, or the rate is so high that the observed labels carry no
        information.
    """
    n_classes = len(classes)
    matrix = order_by_class(transition_matrix, classes, "transition_matrix")
    matrix = np.array(matrix, dtype=float)
    if matrix.ndim == 0:
        if matrix >= (n_classes - 1) / n_classes:
            raise ValueError(
                f"transition_matrix={transition_matrix} is the fraction of wrong "
                f"labels. It must be below {(n_classes - 1) / n_classes:.6g}, at which "
                f"the labels of {n_classes} classes carry no information."
            )
        return float(matrix)
    if matrix.shape != (n_classes, n_classes):
        raise ValueError(
            f"transition_matrix has shape {matrix.shape}, but there are {n_classes} "
            f"classes. Expected a float or the shape {(n_classes, n_classes)}."
        )
    check_stochastic(matrix, "transition_matrix")
    if not np.all(occurs := matrix.any(axis=0)):
        raise ValueError(
            "transition_matrix gives these labels probability 0, but y may contain "
            f"them: {classes[~occurs]}. Every column needs a positive entry."
        )
    _, first, counts = np.unique(matrix, axis=0, return_index=True, return_counts=True)
    if np.any(counts > 1):
        same = np.all(matrix == matrix[first[counts.argmax()]], axis=1)
        raise ValueError(
            "transition_matrix has equal rows for these classes, so the observed "
            f"labels cannot distinguish them: {classes[same]}. Merge these classes."
        )
    if np.any(mislabeled := matrix.diagonal() < matrix.max(axis=1)):
        warn(
            "According to transition_matrix, samples of these true classes are labeled "
            "as another class more often than correctly: "
            f"{classes[mislabeled]}. Rows must correspond to the true labels and "
            "columns to the observed labels, in the order of classes_."
        )
    return matrix


def split_rate(rate, n_classes):
    """Return the transition matrix of a noise rate as two numbers.

    Parameters
    ----------
    rate : float
        Fraction of wrong labels, distributed equally over the other classes.

    n_classes : int

    Returns
    -------
    stay, move : float
        The matrix is ``stay * identity + move``.
    """
    move = rate / (n_classes - 1)
    return 1 - rate - move, move
