"""The temperature that makes probabilities fit labels."""

import math

import torch
from scipy.optimize import minimize_scalar

LOG_SCALES = -10.0, 10.0  # where to look for the scale of the logits


def fit_temperature(logits, targets):
    """Return the temperature by which to divide logits for the smallest loss.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)

    targets : iterable of LabelTarget or IndicatorTarget
        In float64, on the CPU. The first counts whose loss does not fall without end
        as the temperature gets smaller, or else the last.

    Returns
    -------
    temperature : float
        Positive.
    """
    logits = torch.from_numpy(logits).double()
    for target in targets:

        def loss(log_scale, target=target):
            return float(target.loss(logits * math.exp(log_scale)))

        best = minimize_scalar(
            loss, bounds=LOG_SCALES, method="bounded", options={"xatol": 1e-12}
        )
        if best.fun < loss(LOG_SCALES[1]):
            break
    return math.exp(-best.x)
