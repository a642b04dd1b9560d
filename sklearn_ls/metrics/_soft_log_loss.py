"""Log-loss of predicted probabilities for soft labels."""

import numpy as np
from scipy.special import xlogy

from sklearn_ls._types import MatrixLike, VectorLike
from sklearn_ls.metrics._probabilities import check_against_soft_labels


def soft_log_loss(
    y_soft: MatrixLike,
    y_proba: VectorLike | MatrixLike,
    *,
    sample_weight: VectorLike | None = None,
) -> float:
    """Compute the log-loss of predicted probabilities for soft labels.

    This is the mean over samples of ``-sum(y_soft * log(y_proba))``, in nats: the
    expected log-loss of labels drawn from `y_soft`. Its minimum is the mean entropy of
    `y_soft`, not 0.

    Parameters
    ----------
    y_soft : array-like of shape (n_samples, n_classes)
        Soft labels as floats; each row is a probability distribution. The columns of a
        dataframe are sorted by name, like `classes_`; those of an array must be in that
        order.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, as returned by `predict_proba`. Each row sums to one.
        The columns are in the order of `classes_`; those of a dataframe may be named by
        the classes instead. In the binary case, the probabilities of the second class
        may be passed instead. Probabilities are clipped to the machine precision of
        their dtype.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative sample weights.

    Returns
    -------
    loss : float
        Log-loss, non-negative.

    Raises
    ------
    ValueError
        If a row of an argument is not a probability distribution, or the shapes differ.

    See Also
    --------
    soft_brier_score : Brier score for soft labels.
    sklearn.metrics.log_loss : Log-loss for one label per sample.

    Examples
    --------
    >>> from sklearn_ls.metrics import soft_log_loss
    >>> round(soft_log_loss([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]), 3)
    0.693
    """
    y_soft, y_proba, weight = check_against_soft_labels(y_soft, y_proba, sample_weight)
    y_proba = y_proba.clip(np.finfo(y_proba.dtype).eps, 1)
    return float(np.average(-xlogy(y_soft, y_proba).sum(axis=1), weights=weight))
