"""Smoothing undone in what a network predicts."""

import numpy as np
from scipy.special import logit

FLOOR = 1e-3  # of probabilities; smaller ones raised the log-loss

# What the predict chain asks for, made of probabilities; by its own names.
FROM_PROBABILITIES = {
    "logits": np.log,
    "softmax": lambda proba: proba,
    "log_softmax": np.log,
    "argmax": lambda proba: proba.argmax(axis=1),
}
FROM_INDICATORS = {
    "logits": logit,
    "logistic": lambda proba: proba,
    "log_logistic": np.log,
    "positive": lambda proba: (proba > 0.5).astype(int),
}


def unsmooth(proba, smoother, transition_matrix=None):
    """Undo the smoothing in what a network predicts, as if it had learnt it exactly.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)

    smoother : LabelSmoother
        Fitted, to one label a row.

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
        recovered = smoother.recover(proba)
    elif np.ndim(transition_matrix) == 0:
        move = transition_matrix / (n_classes - 1)
        stay = 1 - transition_matrix - move
        recovered = (smoother.recover(stay * proba + move) - move) / stay
    else:
        given = smoother.recover(proba @ transition_matrix)
        recovered = np.linalg.solve(transition_matrix.T, given.T).T
    for floor in (0, min(FLOOR, 0.1 / n_classes)):
        recovered = np.maximum(recovered, floor)
        recovered /= recovered.sum(axis=1, keepdims=True)
    return recovered.astype(proba.dtype, copy=False)


def unsmooth_indicators(proba, smoother):
    """Undo the smoothing of independent labels.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_labels)

    smoother : LabelSmoother
        Fitted to such labels.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_labels)
        In [FLOOR, 1 - FLOOR].
    """
    recovered = smoother.recover(proba).clip(FLOOR, 1 - FLOOR)
    return recovered.astype(proba.dtype, copy=False)
