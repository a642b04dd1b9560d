"""Selective prediction: errors among the samples predicted with most confidence."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from sklearn_ls._types import Floats, MatrixLike, VectorLike
from sklearn_ls.metrics._probabilities import check_against_labels


def risk_coverage_curve(
    y_true: ArrayLike,
    y_proba: VectorLike | MatrixLike,
    *,
    confidence: VectorLike | None = None,
    sample_weight: VectorLike | None = None,
    labels: ArrayLike | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Compute the error rate as a function of coverage.

    A classifier that may abstain predicts only samples for which its confidence is at
    least a threshold. Coverage is the fraction of samples that are predicted, and risk
    is the fraction of these predictions that are wrong [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, as returned by `predict_proba`. In the binary case, the
        probabilities of the greater label may be passed instead.

    confidence : array-like of shape (n_samples,), default=None
        Confidence in each prediction. If None, the predicted probability of the most
        likely class.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative sample weights.

    labels : array-like of shape (n_classes,), default=None
        All labels, sorted. Required if `y_true` does not contain all of them.

    Returns
    -------
    coverage : ndarray of shape (n_thresholds,)
        Coverage in (0, 1], in increasing order. The last element is 1.

    risk : ndarray of shape (n_thresholds,)
        Risk in [0, 1] at each coverage. The last element is the error rate of all
        samples.

    thresholds : ndarray of shape (n_thresholds,)
        Distinct values of the confidence, in decreasing order.

    Raises
    ------
    ValueError
        If labels or probabilities are invalid, or the shapes differ.

    See Also
    --------
    area_under_risk_coverage : The mean risk.
    sklearn_ls.inspection.RiskCoverageDisplay : Plots the curve.

    References
    ----------
    .. [1] Y. Geifman and R. El-Yaniv. Selective classification for deep neural
       networks. NeurIPS 2017. :doi:`10.48550/arXiv.1705.08500`

    Examples
    --------
    >>> from sklearn_ls.metrics import risk_coverage_curve
    >>> y_proba = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]
    >>> coverage, risk, thresholds = risk_coverage_curve([0, 1, 1, 1], y_proba)
    >>> coverage
    array([0.25, 0.5 , 0.75, 1.  ])
    >>> risk
    array([0.  , 0.  , 0.  , 0.25])
    """
    codes, y_proba, weight = check_against_labels(
        y_true, y_proba, sample_weight, labels
    )
    if confidence is None:
        confidence = y_proba.max(axis=1)
    else:
        confidence = column_or_1d(confidence, dtype=np.float64, input_name="confidence")
        confidence = check_array(confidence, ensure_2d=False, input_name="confidence")
        check_consistent_length(codes, confidence)
    counts = weight > 0
    confidence, weight = confidence[counts], weight[counts]
    wrong = (y_proba.argmax(axis=1) != codes)[counts]
    thresholds, groups = np.unique(-confidence, return_inverse=True)
    answered = np.cumsum(np.bincount(groups, weights=weight))
    errors = np.cumsum(np.bincount(groups, weights=weight * wrong))
    return answered / answered[-1], errors / answered, -thresholds


def area_under_risk_coverage(
    y_true: ArrayLike,
    y_proba: VectorLike | MatrixLike,
    *,
    confidence: VectorLike | None = None,
    sample_weight: VectorLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    """Compute the area under the risk-coverage curve (AURC).

    This is the mean over samples of the risk at the sample's own confidence: the error
    rate of the predictions with at least that confidence [1]_. It depends on the number
    of errors and on whether they are the least confident predictions, and not on the
    values of the confidence. Label smoothing can make it worse [2]_, see
    :ref:`selective_prediction`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, as returned by `predict_proba`. In the binary case, the
        probabilities of the greater label may be passed instead.

    confidence : array-like of shape (n_samples,), default=None
        Confidence in each prediction. If None, the predicted probability of the most
        likely class.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative sample weights.

    labels : array-like of shape (n_classes,), default=None
        All labels, sorted. Required if `y_true` does not contain all of them.

    Returns
    -------
    area : float
        Area in [0, 1]; lower is better. It is 0 if all predictions are correct, and the
        error rate if all confidences are equal.

    Raises
    ------
    ValueError
        If labels or probabilities are invalid, or the shapes differ.

    See Also
    --------
    risk_coverage_curve : The curve.
    get_scorer : The scorer ``"neg_area_under_risk_coverage"`` uses this metric.

    References
    ----------
    .. [1] Y. Geifman, G. Uziel and R. El-Yaniv. Bias-reduced uncertainty estimation for
       deep neural classifiers. ICLR 2019. :doi:`10.48550/arXiv.1805.08206`
    .. [2] G. Xia, O. Laurent, G. Franchi and C.-S. Bouganis. Towards understanding why
       label smoothing degrades selective classification and how to fix it. ICLR 2025.
       :doi:`10.48550/arXiv.2403.14715`

    Examples
    --------
    >>> from sklearn_ls.metrics import area_under_risk_coverage
    >>> y_proba = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]
    >>> area_under_risk_coverage([0, 1, 1, 1], y_proba)  # the least confident is wrong
    0.0625
    >>> area_under_risk_coverage([1, 1, 0, 1], y_proba)  # the most confident is wrong
    0.5208333333333333
    """
    coverage, risk, _ = risk_coverage_curve(
        y_true,
        y_proba,
        confidence=confidence,
        sample_weight=sample_weight,
        labels=labels,
    )
    return float(np.average(risk, weights=np.diff(coverage, prepend=0)))
