"""Checks during and after training."""

import math

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_ls._warnings import warn


def raise_if_diverged(finite, epoch):
    """Raise ValueError if training diverged.

    Parameters
    ----------
    finite : bool
        Whether the loss and the weights are finite.

    epoch : int
        Number of the epoch, starting from 1.
    """
    if not finite:
        raise ValueError(
            f"Training diverged in epoch {epoch}: the loss or the weights are not "
            "finite. Scale X, for example with StandardScaler, or lower learning_rate."
        )


def warn_of_saturation(decision_margin):
    """Warn if the outputs of a network are saturated for most samples.

    Parameters
    ----------
    decision_margin : Tensor of shape (..., n_samples)
        Distance of the logits of each sample from another decision.
    """
    saturated = decision_margin > -math.log(torch.finfo(decision_margin.dtype).eps)
    if (saturated.sum(-1) > decision_margin.shape[-1] / 2).any():
        warn(
            "After the first epoch most outputs are saturated: the probabilities "
            "are 0 or 1 to machine precision and the gradient vanishes. Lower "
            "learning_rate, or scale X, for example with StandardScaler."
        )


def warn_unless_converged(converged, *, max_epochs, tol, n_iter_no_change):
    """Warn if `max_epochs` ended the training before it converged.

    Parameters
    ----------
    converged : list of bool
        Whether each network converged.

    max_epochs, tol, n_iter_no_change : see LabelSmoothingClassifier
    """
    missed = len(converged) - sum(converged)
    if missed and np.isfinite(n_iter_no_change):
        of_them = f" of {missed} of {len(converged)} networks" * (len(converged) > 1)
        warn(
            f"Training{of_them} stopped at max_epochs={max_epochs} before converging "
            f"within tol={tol}. Increase max_epochs or learning_rate.",
            ConvergenceWarning,
        )
