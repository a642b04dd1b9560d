"""Scorers of the metrics, for `scoring`."""

import inspect

from sklearn.metrics import make_scorer

from sklearn_ls._compat import ScorerOfClasses
from sklearn_ls.metrics._calibration_error import expected_calibration_error
from sklearn_ls.metrics._log_loss_decomposition import log_loss_decomposition
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


OF_LABELS = {
    "neg_calibration_loss": calibration_loss,
    "neg_expected_calibration_error": expected_calibration_error,
    "neg_refinement_loss": refinement_loss,
}
OF_SOFT_LABELS = {
    "neg_soft_brier_score": soft_brier_score,
    "neg_soft_log_loss": soft_log_loss,
}


def get_scorer(name, **params):
    """Return a scorer of probabilities, for `scoring`.

    It scores what `predict_proba` returns, and takes the classes from the estimator, so
    that a fold's `y` may lack some.

    Parameters
    ----------
    name : str
        ``"neg_expected_calibration_error"``, ``"neg_calibration_loss"`` and
        ``"neg_refinement_loss"`` (of :func:`log_loss_decomposition`), or, for soft
        labels as `y`, ``"neg_soft_log_loss"`` and ``"neg_soft_brier_score"``.

    **params : dict
        Parameters of the metric, such as `n_bins`.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)`` returns a float; larger is better. A scorer as
        :func:`sklearn.metrics.make_scorer` returns it.

    Raises
    ------
    ValueError
        For another name.

    TypeError
        For parameters that the metric does not have.

    See Also
    --------
    sklearn.metrics.get_scorer : Scorers such as ``"neg_log_loss"``.

    Notes
    -----
    Do not choose a model by its calibration alone: one that predicts the shares of the
    classes for every row is perfectly calibrated. ``"neg_refinement_loss"`` chooses as
    if the model were recalibrated afterwards.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_ls.metrics import get_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> scorer = get_scorer("neg_expected_calibration_error", n_bins=5)
    >>> scores = cross_val_score(LogisticRegression(max_iter=500), X, y, scoring=scorer)
    >>> round(float(scores.mean()), 2)  # the error with a minus: larger is better
    -0.09
    """
    metric = {**OF_LABELS, **OF_SOFT_LABELS}.get(name)
    if metric is None:
        raise ValueError(
            f"{name!r} is no score of sklearn_ls.metrics. It has "
            f"{[*OF_LABELS, *OF_SOFT_LABELS]}; names of scikit-learn's scores are "
            "passed as `scoring` as they are."
        )
    known = set(inspect.signature(metric).parameters)
    known -= {"y_true", "y_soft", "y_proba", "sample_weight", "labels"}
    if unknown := sorted(set(params) - known):
        raise TypeError(f"{name!r} has no parameters {unknown}, but {sorted(known)}.")
    if name in OF_LABELS:
        return ScorerOfClasses(metric, -1, params, "predict_proba")
    return make_scorer(
        metric, response_method="predict_proba", greater_is_better=False, **params
    )
