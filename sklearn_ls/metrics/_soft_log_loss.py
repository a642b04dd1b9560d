"""The log-loss against soft labels."""

import numpy as np
from scipy.special import xlogy
from sklearn.utils import check_array, check_consistent_length

from sklearn_ls._compat import check_sample_weight
from sklearn_ls._smoothing import find_bad_row
from sklearn_ls._soft_labels import check_soft_labels


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

    y_proba : array-like of shape (n_samples, n_classes)
        Predicted probabilities as `predict_proba` returns them: rows sum to one, and
        columns are in the order of `classes_`. Those below the machine precision of
        their dtype count as that.

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
    sklearn.metrics.log_loss : Against one label a row.

    Examples
    --------
    >>> from sklearn_ls.metrics import soft_log_loss
    >>> round(soft_log_loss([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]), 3)
    0.693

    As a scorer for the soft `y` of :class:`~sklearn_ls.LabelSmoothingClassifierCV`:

    >>> from sklearn.metrics import make_scorer
    >>> scorer = make_scorer(
    ...     soft_log_loss, response_method="predict_proba", greater_is_better=False
    ... )
    """
    soft = check_soft_labels(y_soft)
    y_proba = check_array(y_proba, dtype=[np.float64, np.float32], input_name="y_proba")
    check_consistent_length(soft.y_soft, y_proba)
    if y_proba.shape[1] != len(soft.classes):
        raise ValueError(
            f"y_proba has {y_proba.shape[1]} columns, but y_soft has "
            f"{len(soft.classes)}."
        )
    if (bad := find_bad_row(y_proba, tolerance=1e-3)) is not None:
        raise ValueError(
            "The rows of y_proba must be probabilities that sum to 1. Row "
            f"{bad} is {y_proba[bad]}."
        )
    weight = check_sample_weight(sample_weight, y_proba)
    y_proba = y_proba.clip(np.finfo(y_proba.dtype).eps, 1)
    losses = -xlogy(soft.y_soft, y_proba).sum(axis=1)
    return float(np.average(losses, weights=weight))
