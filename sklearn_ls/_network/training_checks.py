"""Checks on how a training goes."""

import math

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_ls._warnings import warn


def raise_if_diverged(finite, epoch):
    """Raise ValueError unless everything is finite.

    Parameters
    ----------
    finite : bool

    epoch : int
        The number of the epoch, from 1 on.
    """
    if not finite:
        raise ValueError(
            f"Training diverged in epoch {epoch}: the loss or the weights are not "
            "finite. Scale X, for instance with StandardScaler, or lower learning_rate."
        )


def warn_of_saturation(decision_margin):
    """Warn where most samples of a network leave no gradient.

    Parameters
    ----------
    decision_margin : Tensor of shape (..., n_samples)
        How far the logits of each sample are from another decision.
    """
    saturated = decision_margin > -math.log(torch.finfo(decision_margin.dtype).eps)
    if (saturated.sum(-1) > decision_margin.shape[-1] / 2).any():
        warn(
            "After the first epoch most outputs are saturated: the probabilities "
            "are 0 or 1 to machine precision and the gradient vanishes. Lower "
            "learning_rate, or scale X, for instance with StandardScaler."
        )


def warn_unless_converged(converged, *, max_epochs, tol, n_iter_no_change):
    """Warn where `max_epochs` ended a training, unless that was asked for.

    Parameters
    ----------
    converged : list of bool
        One per network.

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
