"""Known label noise: what is predicted of the true label, said of the given one.

With ``T[j, k] = P(given label k | true label j)``, a network that predicts the
distribution p of the true label predicts ``p @ T`` of the given one. Trained to agree
with the given labels through T, it learns p: forward correction.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sklearn_ls._faults import warn
from sklearn_ls._labels import order_by_class
from sklearn_ls._smoothing import check_stochastic


@dataclass(frozen=True, slots=True)
class Transition:
    """The linear map by ``T = stay * identity + move``.

    Parameters
    ----------
    stay : float

    move : float or Tensor of shape (n_classes, n_classes)
        A number stands for a matrix of it.
    """

    stay: float
    move: float | Tensor

    def forward(self, proba: Tensor, dim: int) -> Tensor:
        """Return the distributions of the given labels, positive despite rounding.

        Parameters
        ----------
        proba : Tensor of shape (..., n_samples, n_classes)
            The distributions of the true labels; with `dim=-2` they are the columns.

        dim : int
            Of the classes, -1 or -2.
        """
        if not isinstance(self.move, Tensor):
            given = self.stay * proba + self.move
        else:
            given = proba @ self.move if dim == -1 else self.move.mT @ proba
        return given.clamp_min(torch.finfo(given.dtype).tiny)

    def backward(self, columns: Tensor) -> Tensor:
        """Return the gradient by p of what has the gradient `columns` by ``p @ T``.

        Shape
        -----
        columns : (..., n_classes, n_samples), as is what is returned
        """
        if isinstance(self.move, Tensor):
            return self.move @ columns
        return self.stay * columns + self.move * columns.sum(-2, keepdim=True)


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
    matrix = np.asarray(matrix, dtype=float)
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
    if not np.all(given := matrix.any(axis=0)):
        raise ValueError(
            "transition_matrix says that these labels are never given, but y may have "
            f"them: {classes[~given]}. Every column needs an entry above 0."
        )
    _, first, counts = np.unique(matrix, axis=0, return_index=True, return_counts=True)
    if np.any(counts > 1):
        same = np.all(matrix == matrix[first[counts.argmax()]], axis=1)
        raise ValueError(
            "transition_matrix says that these classes are labelled alike, so that "
            f"labels can't tell them apart: {classes[same]}. Merge them."
        )
    if np.any(strange := matrix.diagonal() < matrix.max(axis=1)):
        warn(
            "transition_matrix says that rows of these true classes are labelled as "
            f"another more often than rightly: {classes[strange]}. Its rows are true "
            "labels, its columns given ones, both in the order of classes_."
        )
    return matrix


def make_transition(transition_matrix, n_classes, dtype, device):
    """Return what a checked `transition_matrix` stands for.

    Parameters
    ----------
    transition_matrix : None, float or ndarray of shape (n_classes, n_classes)
        A float is the share of labels that are wrong, each other label as often.

    n_classes : int

    dtype : dtype

    device : str

    Returns
    -------
    transition : Transition or None
    """
    if transition_matrix is None:
        return None
    if np.ndim(transition_matrix) == 0:
        move = transition_matrix / (n_classes - 1)
        return Transition(1 - transition_matrix - move, move)
    return Transition(0.0, torch.tensor(transition_matrix.astype(dtype)).to(device))
