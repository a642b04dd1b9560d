"""The Brier score against soft labels."""

import numpy as np

from sklearn_ls.metrics._probabilities import check_against_soft_labels


def soft_brier_score(y_soft, y_proba, *, sample_weight=None):
    """Return the squared distance of predicted probabilities from soft labels.

    That is the mean over the rows of ``sum((y_soft - y_proba) ** 2)`` over the classes.

    Parameters
    ----------
    y_soft : array-like of shape (n_samples, n_classes)
        Floats of which each row is a distribution. The columns of a dataframe are
        sorted by name, as `classes_` are; those of an array must be in that order.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities as `predict_proba` returns them: rows sum to one, and
        columns are in the order of `classes_`, or a dataframe's are named by them. A
        vector holds those of the second of two classes.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows.

    Returns
    -------
    loss : float
        In [0, 2], 0 where the probabilities are the soft labels.

    Raises
    ------
    ValueError
        For rows of either that are no distributions, and for different shapes.

    See Also
    --------
    soft_log_loss : Logarithms instead of squared differences.
    sklearn.metrics.brier_score_loss : Against one label a row.

    Notes
    -----
    For soft labels of 0 and 1 it is `brier_score_loss` with ``scale_by_half=False``,
    which is twice what that returns for two classes by default. The score that is
    expected when labels are drawn from `y_soft` is larger by what no prediction can
    mend, the mean of ``1 - sum(y_soft ** 2)``.

    Examples
    --------
    >>> from sklearn_ls.metrics import soft_brier_score
    >>> soft_brier_score([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]])
    0.25
    """
    y_soft, y_proba, weight = check_against_soft_labels(y_soft, y_proba, sample_weight)
    return float(np.average(((y_soft - y_proba) ** 2).sum(axis=1), weights=weight))
