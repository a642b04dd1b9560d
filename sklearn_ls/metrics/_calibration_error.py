"""The expected calibration error."""

from numbers import Integral
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf

from sklearn_ls._compat import Options, StrOptions, validate_params
from sklearn_ls._types import Binning, Kind, MatrixLike, VectorLike
from sklearn_ls.metrics._bins import CONSTRAINTS, Bins, bin_samples, events
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
    y_true: ArrayLike,
    y_proba: VectorLike | MatrixLike,
    *,
    kind: Kind = "top-label",
    strategy: Binning = "uniform",
    n_bins: int = 15,
    norm: Literal[1, 2, "max"] = 1,
    bias_corrected: bool = False,
    sample_weight: VectorLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    r"""Compute the expected calibration error of predicted probabilities.

    Predictions of similar probability are put into bins. With the fraction of samples
    :math:`w_b` in bin b, their mean predicted probability :math:`\bar p_b` and the
    fraction :math:`\bar y_b` of correct predictions among them, the error is

    .. math::
        \Big(\sum_b w_b \, |\bar y_b - \bar p_b|^{norm}\Big)^{1 / norm}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, as returned by `predict_proba`. Each row sums to one.
        The columns are in the order of the sorted labels; those of a dataframe may be
        named by the labels instead. In the binary case, the probabilities of the
        greater label may be passed instead.

    kind : {"top-label", "class-wise"}, default="top-label"
        The predicted probabilities that are used.

        - ``"top-label"``: the probability of the predicted class, compared with the
          frequency with which that class is correct [1]_. In case of ties, the
          predicted class is the first.
        - ``"class-wise"``: the probability of each class, in bins of its own, compared
          with the frequency of that class. The error is the mean over classes [2]_
          [3]_, with ``norm=2`` that of the squares, and with ``norm="max"`` the
          maximum.

    strategy : {"uniform", "quantile"}, default="uniform"
        Strategy used to define the widths of the bins: ``"uniform"`` for identical
        widths, ``"quantile"`` for about the same number of samples per bin.

    n_bins : int, default=15
        Number of bins, at least 1.

    norm : {1, 2, "max"}, default=1
        1 is the usual expected calibration error, 2 the root of the mean square, and
        ``"max"`` the largest gap of a non-empty bin, known as maximum calibration error
        [1]_.

    bias_corrected : bool, default=False
        Whether to correct the bias that bins with few samples cause, see Notes. Only
        for norm 1 and 2.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative sample weights.

    labels : array-like of shape (n_classes,), default=None
        All labels, sorted. Required if `y_true` does not contain all of them.

    Returns
    -------
    error : float
        Calibration error in [0, 1]; 0 for a perfectly calibrated classifier.

    Raises
    ------
    ValueError
        If a row of `y_proba` is not a probability distribution, the labels do not match
        the columns of `y_proba`, or ``bias_corrected=True`` with ``norm="max"``.

    See Also
    --------
    calibration_curve_multiclass : The means of the bins.
    log_loss_decomposition : Calibration without bins, as part of a proper score.
    sklearn_ls.inspection.ReliabilityDisplay : The diagram that the error summarizes.

    Notes
    -----
    The error is not a proper score: predicting the class frequencies for every sample
    gives an error of 0. It depends on the bins and is biased upwards if they have few
    samples: even a perfectly calibrated classifier has gaps of about
    :math:`\sqrt{\bar y_b (1 - \bar y_b) / n_b}`.

    With `bias_corrected`, the estimators of Kumar et al. [4]_ are used. With
    ``norm=2``, :math:`\bar y_b (1 - \bar y_b) / (n_b - 1)` is subtracted from the
    square of each gap, which makes the sum nearly unbiased; if the sum is negative, the
    error is 0. With ``norm=1``, the result is twice the error minus its mean over
    normally distributed :math:`\bar y_b` of variance
    :math:`\bar y_b (1 - \bar y_b) / n_b`; the mean is computed, not sampled. This
    reduces the bias but does not remove it. Bins with a single sample, whose variance
    cannot be estimated, are treated as if they had no gap. With sample weights,
    :math:`n_b` is :math:`(\sum w)^2 / \sum w^2`, so that here, and only here, a weight
    of 2 is not equivalent to repeating the sample.

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
    Four predictions with probability 0.9, one of which is wrong:

    >>> from sklearn_ls.metrics import expected_calibration_error
    >>> y_proba = [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]
    >>> round(expected_calibration_error([0, 0, 1, 1], y_proba), 2)
    0.15
    """
    if bias_corrected and norm == "max":
        raise ValueError(
            'bias_corrected=True requires norm=1 or norm=2. Got norm="max".'
        )
    codes, y_proba, weight = check_against_labels(
        y_true, y_proba, sample_weight, labels
    )
    predicted, occurred = events(codes, y_proba, kind)
    bins_of_events = [
        bin_samples(*event, weight, n_bins, strategy)
        for event in zip(predicted.T, occurred.T, strict=True)
    ]
    bins = Bins(*map(np.concatenate, zip(*bins_of_events, strict=True)))
    gaps = np.abs(bins.prob_true - bins.prob_pred)
    if norm == "max":
        return float(gaps.max())
    powers = _correct(gaps, bins, norm) if bias_corrected else gaps**norm
    return float(max(np.average(powers, weights=bins.counts), 0.0) ** (1 / norm))


def _correct(gaps, bins, norm):
    """Return bias-corrected powers of the gaps."""
    is_single = bins.n_effective < 1 + 1e-9
    n_effective = np.where(is_single, 2, bins.n_effective)
    variance = bins.prob_true * (1 - bins.prob_true)
    if norm == 2:
        powers = gaps**2 - variance / (n_effective - 1)
    else:
        powers = 2 * gaps - _folded_normal_mean(gaps, np.sqrt(variance / n_effective))
    return np.where(is_single, 0, powers)


def _folded_normal_mean(mean, scale):
    """Return the mean absolute value of a normally distributed variable."""
    z = np.divide(mean, scale, out=np.full_like(mean, np.inf), where=scale > 0)
    return np.sqrt(2 / np.pi) * scale * np.exp(-(z**2) / 2) + mean * erf(z / np.sqrt(2))
