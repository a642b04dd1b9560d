"""The inverse temperature of logits that minimizes the log-loss."""

import numpy as np
from scipy.optimize import minimize_scalar

LOG_SCALES = -10.0, 10.0  # bounds of the logarithm of the scale


def log_probabilities(y_proba):
    """Return finite logarithms in float64: 0 is clipped to the machine precision."""
    return np.log(y_proba.clip(np.finfo(y_proba.dtype).eps)).astype(np.float64)


def fit_scale(logits, codes, weight=None):
    """Return the inverse temperature that minimizes the log-loss.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        May be ``-inf``, except those of the labels.

    codes : ndarray of shape (n_samples,)

    weight : ndarray of shape (n_samples,), default=None

    Returns
    -------
    scale : float
    """
    largest = logits.max(axis=1, keepdims=True)
    gaps = largest[:, 0] - logits[np.arange(len(codes)), codes]
    logits = logits - largest

    def loss(log_scale):
        scale = np.exp(log_scale)
        losses = scale * gaps + np.log(np.exp(scale * logits).sum(axis=1))
        return np.average(losses, weights=weight)

    best = minimize_scalar(
        loss, bounds=LOG_SCALES, method="bounded", options={"xatol": 1e-9}
    )
    return np.exp(best.x)
