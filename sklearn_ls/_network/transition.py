"""Known label noise: predictions of the true label turned into those of the observed.

With ``T[j, k] = P(observed label k | true label j)``, a network that predicts the
distribution p of the true label predicts ``p @ T`` of the observed one. Trained to
agree with the observed labels through T, it learns p: forward correction.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sklearn_ls._labels.noise import split_rate


@dataclass(frozen=True)
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
        """Return the distributions of the observed labels, positive despite rounding.

        Parameters
        ----------
        proba : Tensor of shape (..., n_samples, n_classes)
            The distributions of the true labels; with `dim=-2` they are the columns.

        dim : int
            Of the classes, -1 or -2.
        """
        if not isinstance(self.move, Tensor):
            observed = self.stay * proba + self.move
        else:
            observed = proba @ self.move if dim == -1 else self.move.mT @ proba
        return observed.clamp_min(torch.finfo(observed.dtype).tiny)

    def backward(self, columns: Tensor) -> Tensor:
        """Return the gradient with respect to p from that with respect to ``p @ T``.

        Shape
        -----
        columns : (..., n_classes, n_samples) -> (..., n_classes, n_samples)
        """
        if isinstance(self.move, Tensor):
            return self.move @ columns
        return self.stay * columns + self.move * columns.sum(-2, keepdim=True)


def make_transition(transition_matrix, n_classes, dtype, device):
    """Return the transition of a checked `transition_matrix`.

    Parameters
    ----------
    transition_matrix : float or ndarray of shape (n_classes, n_classes)
        A float is the fraction of wrong labels, each other label being as frequent.

    n_classes : int

    dtype : dtype

    device : str

    Returns
    -------
    transition : Transition
    """
    if np.ndim(transition_matrix) == 0:
        return Transition(*split_rate(transition_matrix, n_classes))
    return Transition(0.0, torch.tensor(transition_matrix.astype(dtype)).to(device))
