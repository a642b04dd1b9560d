"""The log-loss against soft labels."""

import numpy as np
from scipy.special import xlogy

from sklearn_ls.metrics._probabilities import check_against_soft_labels


def soft_log_loss(y_soft, y_proba, *, sample_weight=None):
    """Return the cross-entropy of predicted probabilities against soft labels.

    That is the mean over the rows of ``-sum(y_soft * log(y_proba))``, in nats: the
    log-loss that is expected when the labels are drawn from `y_soft`. At the best it is
    the mean entropy of `y_soft`, not 0.

    Parameters
    ----------
    y_soft : array-like of shape (n_samples, n_classes)
        Floats of which each row is a distribution. The columns of a dataframe are
        sorted by name, as `classes_` are; those of an array must be in that order.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities as `predict_proba` returns them: rows sum to one, and
        columns are in the order of `classes_`, or a dataframe's are named by them. A
        vector holds those of the second of two classes. Those below the machine
        precision of their dtype count as that.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows.

    Returns
    -------
    loss : float
        Non-negative.

    Raises
    ------
    ValueError
        For rows of either that are no distributions, and for different shapes.

    See Also
    --------
    soft_brier_score : Squared differences instead of logarithms.
    sklearn.metrics.log_loss : Against one label a row.

    Examples
    --------
    >>> from sklearn_ls.metrics import soft_log_loss
    >>> round(soft_log_loss([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]), 3)
    0.693
    """
    y_soft, y_proba, weight = check_against_soft_labels(y_soft, y_proba, sample_weight)
    y_proba = y_proba.clip(np.finfo(y_proba.dtype).eps, 1)
    return float(np.average(-xlogy(y_soft, y_proba).sum(axis=1), weights=weight))
