"""The scores that the report compares."""

import numpy as np
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from sklearn_ls.metrics import expected_calibration_error

SCORES = ("accuracy", "log-loss", "Brier score", "calibration error")


def score_all(codes, y_proba):
    """Return the scores of `SCORES`, in their order.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes), float64
        Probabilities of 0 count as the machine precision, see `log_loss`.

    Returns
    -------
    scores : list of float
    """
    labels = np.arange(y_proba.shape[1])
    return [
        accuracy_score(codes, y_proba.argmax(axis=1)),
        log_loss(codes, y_proba, labels=labels),
        brier_score_loss(codes, y_proba, labels=labels),
        expected_calibration_error(codes, y_proba, labels=labels),
    ]
