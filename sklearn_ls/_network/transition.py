"""Forward correction for known label noise.

With ``T[j, k] = P(observed label k | true label j)``, a network that predicts the
distribution p of the true label predicts the distribution ``p @ T`` of the observed
label. Training ``p @ T`` on the observed labels makes the network learn p.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sklearn_ls._labels.noise import split_rate


@dataclass(frozen=True)
class Transition:
    """Transition matrix ``T = stay * identity + move``.

    Parameters
    ----------
    stay : float

    move : float or Tensor of shape (n_classes, n_classes)
        A float stands for a matrix with this value in every entry.
    """

    stay: float
    move: float | Tensor

    def forward(self, proba: Tensor, dim: int) -> Tensor:
        """Return the distributions of the observed labels, clipped to be positive.

        Parameters
        ----------
        proba : Tensor of shape (..., n_samples, n_classes)
            Distributions of the true labels; with `dim=-2`, as columns.

        dim : int
            Dimension of the classes, -1 or -2.
        """
        if not isinstance(self.move, Tensor):
            observed = self.stay * proba + self.move
        else:
            observed = proba @ self.move if dim == -1 else self.move.mT @ proba
        return observed.clamp_min(torch.finfo(observed.dtype).tiny)

    def backward(self, columns: Tensor) -> Tensor:
        """Convert the gradient with respect to ``p @ T`` to that with respect to p.

        Shape
        -----
        columns : (..., n_classes, n_samples) -> (..., n_classes, n_samples)
        """
        if isinstance(self.move, Tensor):
            return self.move @ columns
        return self.stay * columns + self.move * columns.sum(-2, keepdim=True)


def make_transition(transition_matrix, n_classes, dtype, device):
    """Return the transition of a validated `transition_matrix`.

    Parameters
    ----------
    transition_matrix : float or ndarray of shape (n_classes, n_classes)
        A float is the fraction of wrong labels, distributed equally over the other
        classes.

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
