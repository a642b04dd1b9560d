"""The expected calibration error."""

from numbers import Integral

import numpy as np
from scipy.special import erf

from sklearn_ls._compat import Options, StrOptions, validate_params
from sklearn_ls.metrics._bins import CONSTRAINTS, Bins, bin_rows, events
from sklearn_ls.metrics._probabilities import check_against_labels


@validate_params(
    {
        **CONSTRAINTS,
        "norm": [Options(Integral, {1, 2}), StrOptions({"max"})],
        "bias_corrected": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def expected_calibration_error(
    y_true,
    y_proba,
    *,
    kind="top-label",
    strategy="uniform",
    n_bins=15,
    norm=1,
    bias_corrected=False,
    sample_weight=None,
    labels=None,
):
    r"""Return how far predicted probabilities are from how often they come true.

    Predictions of about the same probability make a bin. With the share of rows
    :math:`w_b` in bin b, the mean predicted probability :math:`\bar p_b` and the share
    :math:`\bar y_b` of predictions that came true, the error is

    .. math::
        \Big(\sum_b w_b \, |\bar y_b - \bar p_b|^{norm}\Big)^{1 / norm}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities as `predict_proba` returns them: rows sum to one, and
        columns are in the order of the sorted labels, or a dataframe's are named by
        them. A vector holds those of the greater of two labels.

    kind : {"top-label", "class-wise"}, default="top-label"
        Which predictions are judged.

        - ``"top-label"``: the probability of the predicted class, the first of the
          largest, by whether that class is right [1]_.
        - ``"class-wise"``: the probabilities of each class, in bins of its own, by
          whether the label is that class; then the mean over classes [2]_ [3]_, of the
          squares with ``norm=2``, and the largest with ``norm="max"``.

    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of the same width in [0, 1], or of about the same number of rows.

    n_bins : int, default=15
        Number of bins, at least 1.

    norm : {1, 2, "max"}, default=1
        1 is what is mostly meant by expected calibration error, 2 the root of the mean
        square, ``"max"`` the largest gap of a bin that has rows, known as maximum
        calibration error [1]_.

    bias_corrected : bool, default=False
        Whether to subtract what bins of few rows add by chance, see the notes. With
        norm 1 or 2 only.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows.

    labels : array-like of shape (n_classes,), default=None
        All labels, sorted. Needed where `y_true` lacks some.

    Returns
    -------
    error : float
        In [0, 1], 0 for a perfectly calibrated classifier.

    Raises
    ------
    ValueError
        For rows of `y_proba` that are no distributions, for labels and columns that do
        not fit each other, and for ``bias_corrected=True`` with ``norm="max"``.

    See Also
    --------
    calibration_curve_multiclass : The means of the bins.
    log_loss_decomposition : Calibration without bins, as part of a proper score.
    sklearn_ls.inspection.ReliabilityDisplay : The diagram that it sums up.

    Notes
    -----
    The error is no proper score: predicting the shares of the classes for every row has
    none. It depends on the bins, and is too large by chance where they hold few rows:
    even a perfectly calibrated classifier has gaps of about
    :math:`\sqrt{\bar y_b (1 - \bar y_b) / n_b}`.

    `bias_corrected` means the estimators of Kumar et al. [4]_. With ``norm=2``
    :math:`\bar y_b (1 - \bar y_b) / (n_b - 1)` is subtracted from the square of each
    gap, which makes the sum nearly unbiased; where it is negative the error is 0. With
    ``norm=1`` it is twice the error less its mean over normal
    :math:`\bar y_b`, which have that variance (divided by :math:`n_b`); the mean is
    computed, not drawn. This reduces the bias and does not remove it. Bins of a single
    row, which tell nothing of their own chance, count as if they had no gap. With
    weights :math:`n_b` is :math:`(\sum w)^2 / \sum w^2`, so that only here a row of
    weight 2 is not two rows.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger. On calibration of modern
       neural networks. ICML 2017. :doi:`10.48550/arXiv.1706.04599`
    .. [2] J. Nixon, M. Dusenberry, G. Jerfel, T. Nguyen, J. Liu, L. Zhang and D. Tran.
       Measuring calibration in deep learning. CVPR Workshops 2019.
       :doi:`10.48550/arXiv.1904.01685`
    .. [3] M. Kull, M. Perello-Nieto, M. Kängsepp, T. Silva Filho, H. Song and P. Flach.
       Beyond temperature scaling: obtaining well-calibrated multiclass probabilities
       with Dirichlet calibration. NeurIPS 2019. :doi:`10.48550/arXiv.1910.12656`
    .. [4] A. Kumar, P. Liang and T. Ma. Verified uncertainty calibration. NeurIPS 2019.
       :doi:`10.48550/arXiv.1909.10155`

    Examples
    --------
    Four predictions of 0.9, of which one is wrong:

    >>> from sklearn_ls.metrics import expected_calibration_error
    >>> y_proba = [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]
    >>> round(expected_calibration_error([0, 0, 1, 1], y_proba), 2)
    0.15
    """
    if bias_corrected and norm == "max":
        raise ValueError(
            'bias_corrected=True needs norm=1 or norm=2: for norm="max" there is no '
            "such estimator."
        )
    codes, y_proba, weight = check_against_labels(
        y_true, y_proba, sample_weight, labels
    )
    predicted, happened = events(codes, y_proba, kind)
    bins_of_events = [
        bin_rows(*event, weight, n_bins, strategy)
        for event in zip(predicted.T, happened.T, strict=True)
    ]
    bins = Bins(*map(np.concatenate, zip(*bins_of_events, strict=True)))
    gaps = np.abs(bins.prob_true - bins.prob_pred)
    if norm == "max":
        return float(gaps.max())
    powers = _correct(gaps, bins, norm) if bias_corrected else gaps**norm
    return float(max(np.average(powers, weights=bins.counts), 0.0) ** (1 / norm))


def _correct(gaps, bins, norm):
    """Return the powers of the gaps without what they owe to chance."""
    alone = bins.n_effective < 1 + 1e-9
    n_rows = np.where(alone, 2, bins.n_effective)
    variance = bins.prob_true * (1 - bins.prob_true)
    if norm == 2:
        powers = gaps**2 - variance / (n_rows - 1)
    else:
        powers = 2 * gaps - _mean_distance(gaps, np.sqrt(variance / n_rows))
    return np.where(alone, 0, powers)


def _mean_distance(mean, scale):
    """Return the mean absolute value of normal numbers."""
    z = np.divide(mean, scale, out=np.full_like(mean, np.inf), where=scale > 0)
    chance = np.sqrt(2 / np.pi) * scale * np.exp(-(z**2) / 2)
    return chance + mean * erf(z / np.sqrt(2))
