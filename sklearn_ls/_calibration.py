"""Probabilities made to fit what is known of the labels, after training."""

import math

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import logit

from sklearn_ls._smoothing import recover_indicators, recover_targets

LOG_SCALES = -10.0, 10.0  # where to look for the scale of the logits
FLOOR = 1e-3  # of unsmoothed probabilities; smaller ones raised the log-loss

# What the predict chain asks for, made of probabilities; by the keys of `FINISHES`.
OF_PROBABILITIES = {
    "logits": lambda proba: np.log(proba),
    "softmax": lambda proba: proba,
    "log_softmax": lambda proba: np.log(proba),
    "argmax": lambda proba: proba.argmax(axis=1),
}
OF_INDEPENDENT_PROBABILITIES = {
    "logits": logit,
    "logistic": lambda proba: proba,
    "log_logistic": lambda proba: np.log(proba),
    "positive": lambda proba: (proba > 0.5).astype(int),
}


def fit_temperature(logits, targets):
    """Return the temperature by which to divide logits for the smallest loss.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)

    targets : iterable of LabelTarget or IndicatorTarget
        In float64, on the CPU. The first counts for which ever smaller temperatures are
        not ever better.

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


def unsmooth(proba, smoothing, transition_matrix=None):
    """Undo the smoothing that a network has learnt, which never learns it exactly.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)

    smoothing : Smoothing

    transition_matrix : None, float or ndarray of shape (n_classes, n_classes)
        As `check_transition_matrix` returns it: labels were smoothed as given, and
        `proba` is of the true ones.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        At least `FLOOR`, or a tenth of equal shares, before rows are made to sum to 1.
    """
    n_classes = proba.shape[1]
    if transition_matrix is None:
        recovered = recover_targets(proba, smoothing)
    elif np.ndim(transition_matrix) == 0:
        move = transition_matrix / (n_classes - 1)
        stay = 1 - transition_matrix - move
        given = recover_targets(stay * proba + move, smoothing)
        recovered = (given - move) / stay
    else:
        given = recover_targets(proba @ transition_matrix, smoothing)
        recovered = np.linalg.solve(transition_matrix.T, given.T).T
    for floor in (0, min(FLOOR, 0.1 / n_classes)):
        recovered = np.maximum(recovered, floor)
        recovered /= recovered.sum(axis=1, keepdims=True)
    return recovered.astype(proba.dtype, copy=False)


def unsmooth_indicators(proba, smoothing):
    """Undo the smoothing of independent labels.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_labels)

    smoothing : Smoothing

    Returns
    -------
    proba : ndarray of shape (n_samples, n_labels)
        In [FLOOR, 1 - FLOOR].
    """
    recovered = recover_indicators(proba, smoothing).clip(FLOOR, 1 - FLOOR)
    return recovered.astype(proba.dtype, copy=False)
