"""Scorers of the metrics, for the parameter `scoring`."""

import inspect
from collections.abc import Callable
from typing import Any

from sklearn.metrics import make_scorer

from sklearn_ls._compat import ScorerOfClasses
from sklearn_ls.metrics._calibration_error import expected_calibration_error
from sklearn_ls.metrics._log_loss_decomposition import log_loss_decomposition
from sklearn_ls.metrics._risk_coverage import area_under_risk_coverage
from sklearn_ls.metrics._soft_brier_score import soft_brier_score
from sklearn_ls.metrics._soft_log_loss import soft_log_loss


def calibration_loss(y_true, y_proba, *, sample_weight=None, labels=None):
    parts = log_loss_decomposition(
        y_true, y_proba, sample_weight=sample_weight, labels=labels
    )
    return parts.calibration


def refinement_loss(y_true, y_proba, *, sample_weight=None, labels=None):
    parts = log_loss_decomposition(
        y_true, y_proba, sample_weight=sample_weight, labels=labels
    )
    return parts.refinement


METRICS_OF_LABELS = {
    "neg_area_under_risk_coverage": area_under_risk_coverage,
    "neg_calibration_loss": calibration_loss,
    "neg_expected_calibration_error": expected_calibration_error,
    "neg_refinement_loss": refinement_loss,
}
METRICS_OF_SOFT_LABELS = {
    "neg_soft_brier_score": soft_brier_score,
    "neg_soft_log_loss": soft_log_loss,
}


def get_scorer(name: str, **params: Any) -> Callable[..., float]:
    """Get a scorer of predicted probabilities, for the parameter `scoring`.

    The scorer uses `predict_proba` and the `classes_` of the estimator, so that classes
    may be missing from `y` in a fold.

    Parameters
    ----------
    name : str
        Name of the scorer: ``"neg_area_under_risk_coverage"``,
        ``"neg_expected_calibration_error"``, ``"neg_calibration_loss"`` or
        ``"neg_refinement_loss"`` (of :func:`log_loss_decomposition`) or, for soft
        labels as `y`, ``"neg_soft_log_loss"`` or ``"neg_soft_brier_score"``.

    **params : dict
        Parameters of the metric, such as `n_bins`.

    Returns
    -------
    scorer : callable
        A scorer as returned by :func:`sklearn.metrics.make_scorer`:
        ``scorer(estimator, X, y)`` returns a float; higher is better.

    Raises
    ------
    ValueError
        If there is no scorer of this name.

    TypeError
        If the metric does not have such parameters.

    See Also
    --------
    sklearn.metrics.get_scorer : Scorers such as ``"neg_log_loss"``.

    Notes
    -----
    Do not select a model by its calibration alone: a model that predicts the class
    frequencies for every sample is perfectly calibrated. ``"neg_refinement_loss"``
    selects the model that is best after recalibration.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_ls.metrics import get_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> scorer = get_scorer("neg_expected_calibration_error", n_bins=5)
    >>> scores = cross_val_score(LogisticRegression(max_iter=500), X, y, scoring=scorer)
    >>> round(float(scores.mean()), 2)  # the negative error: higher is better
    -0.09
    """
    metrics = {**METRICS_OF_LABELS, **METRICS_OF_SOFT_LABELS}
    if name not in metrics:
        raise ValueError(
            f"{name!r} is not a scorer of sklearn_ls.metrics. Valid names are "
            f"{[*metrics]}. Names of scikit-learn's scorers are passed to `scoring` "
            "directly."
        )
    metric = metrics[name]
    valid = set(inspect.signature(metric).parameters)
    valid -= {"y_true", "y_soft", "y_proba", "confidence", "sample_weight", "labels"}
    if invalid := sorted(set(params) - valid):
        raise TypeError(
            f"{name!r} has no parameters {invalid}. Valid parameters are "
            f"{sorted(valid)}."
        )
    if name in METRICS_OF_LABELS:
        return ScorerOfClasses(metric, -1, params, "predict_proba")
    return make_scorer(
        metric, response_method="predict_proba", greater_is_better=False, **params
    )
