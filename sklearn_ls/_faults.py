"""What goes wrong in training, and what is said then."""

import inspect
import math
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning


def warn(message, category=UserWarning):
    """Warn at the line outside of this package and scikit-learn that led here."""
    level, frame = 1, inspect.currentframe()
    while frame.f_back is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in ("sklearn", "sklearn_ls", "joblib"):
            break
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def refuse_divergence(finite, epoch):
    """Raise unless everything is finite.

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


def warn_of_saturation(margin):
    """Warn when most rows of a network leave no gradient.

    Parameters
    ----------
    margin : Tensor of shape (..., n_samples)
        How far each row's logits are from a decision.
    """
    saturated = margin > -math.log(torch.finfo(margin.dtype).eps)
    if (saturated.sum(-1) > margin.shape[-1] / 2).any():
        warn(
            "After the first epoch most outputs are saturated: the probabilities "
            "are 0 or 1 to machine precision and the gradient vanishes. Scale X, "
            "for instance with StandardScaler."
        )


def warn_unless_converged(converged, *, max_epochs, tol, patience):
    """Warn when `max_epochs` ended the training, unless that was asked for.

    Parameters
    ----------
    converged : list of bool
        One a network.

    max_epochs, tol, patience : see Plateau
    """
    missed = len(converged) - sum(converged)
    if missed and np.isfinite(patience):
        of_them = f" of {missed} of {len(converged)} networks" * (len(converged) > 1)
        warn(
            f"Training{of_them} stopped at max_epochs={max_epochs} before converging "
            f"within tol={tol}. Increase max_epochs or learning_rate.",
            ConvergenceWarning,
        )
