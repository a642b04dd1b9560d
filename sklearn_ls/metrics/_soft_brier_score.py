"""Brier score of predicted probabilities for soft labels."""

import numpy as np

from sklearn_ls._types import MatrixLike, VectorLike
from sklearn_ls.metrics._probabilities import check_against_soft_labels


def soft_brier_score(
    y_soft: MatrixLike,
    y_proba: VectorLike | MatrixLike,
    *,
    sample_weight: VectorLike | None = None,
) -> float:
    """Compute the Brier score of predicted probabilities for soft labels.

    This is the mean over samples of ``sum((y_soft - y_proba) ** 2)`` over the classes.

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
        may be passed instead.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative sample weights.

    Returns
    -------
    loss : float
        Brier score in [0, 2]; 0 if the probabilities equal the soft labels.

    Raises
    ------
    ValueError
        If a row of an argument is not a probability distribution, or the shapes differ.

    See Also
    --------
    soft_log_loss : Log-loss for soft labels.
    sklearn.metrics.brier_score_loss : Brier score for one label per sample.

    Notes
    -----
    For soft labels of 0 and 1 it equals `brier_score_loss` with
    ``scale_by_half=False``, which is twice its default for two classes. The expected
    score of labels drawn from `y_soft` is higher by the mean of
    ``1 - sum(y_soft ** 2)``, which does not depend on the predictions.

    Examples
    --------
    >>> from sklearn_ls.metrics import soft_brier_score
    >>> soft_brier_score([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]])
    0.25
    """
    y_soft, y_proba, weight = check_against_soft_labels(y_soft, y_proba, sample_weight)
    return float(np.average(((y_soft - y_proba) ** 2).sum(axis=1), weights=weight))
