"""Predicted probabilities in bins, and the frequencies of their events."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from sklearn_ls._compat import Interval, StrOptions

CONSTRAINTS = {
    "kind": [StrOptions({"top-label", "class-wise"})],
    "strategy": [StrOptions({"uniform", "quantile"})],
    "n_bins": [Interval(Integral, 1, None, closed="left")],
    "sample_weight": ["array-like", None],
    "labels": ["array-like", None],
}


class Bins(NamedTuple):
    """The bins with samples of positive weight, from low to high probability.

    Parameters
    ----------
    prob_true : ndarray of shape (n_bins,)
        The (weighted) fraction of samples for which the event occurred.

    prob_pred : ndarray of shape (n_bins,)
        The (weighted) mean of the predicted probabilities.

    counts : ndarray of shape (n_bins,)
        The sum of the weights.

    n_effective : ndarray of shape (n_bins,)
        The number of samples of equal weight whose mean has the same variance.
    """

    prob_true: np.ndarray
    prob_pred: np.ndarray
    counts: np.ndarray
    n_effective: np.ndarray


def events(codes, y_proba, kind):
    """Return the predicted probabilities of events, and whether these occurred.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes)

    kind : {"top-label", "class-wise"}

    Returns
    -------
    predicted, occurred : ndarray of shape (n_samples, n_events)
        A single event, that the predicted class is correct, or one event per class.
    """
    codes = codes[:, np.newaxis]
    if kind == "class-wise":
        return y_proba, codes == np.arange(y_proba.shape[1])
    top = y_proba.argmax(axis=1, keepdims=True)
    return np.take_along_axis(y_proba, top, axis=1), codes == top


def find_bins(predicted, weight, n_bins, strategy):
    """Return the index of the bin of each probability.

    Bins are closed on the right, as in scikit-learn's `calibration_curve`.

    Parameters
    ----------
    predicted, weight : ndarray of shape (n_samples,)

    n_bins : int

    strategy : {"uniform", "quantile"}

    Returns
    -------
    bin_indices : ndarray of shape (n_samples,)
        From 0 to `n_bins` - 1.
    """
    inner = np.linspace(0, 1, n_bins + 1)[1:-1]
    if strategy == "quantile":
        inner = _quantiles(predicted, weight, inner)
    return np.searchsorted(inner, predicted)


def bin_samples(predicted, occurred, weight, n_bins, strategy):
    """Return the means of the samples in each bin.

    Parameters
    ----------
    predicted, occurred, weight : ndarray of shape (n_samples,)

    n_bins : int

    strategy : {"uniform", "quantile"}

    Returns
    -------
    bins : Bins
    """
    bin_indices = find_bins(predicted, weight, n_bins, strategy)

    def total(values):
        return np.bincount(bin_indices, weights=values, minlength=n_bins)

    counts = total(weight)
    nonempty = counts > 0
    counts[~nonempty] = 1
    return Bins(
        total(weight * occurred)[nonempty] / counts[nonempty],
        total(weight * predicted)[nonempty] / counts[nonempty],
        counts[nonempty],
        1 / total((weight / counts[bin_indices]) ** 2)[nonempty],
    )


def _quantiles(values, weight, shares):
    """Return the smallest values with at least these shares of the weight below.

    They are among the values, not between them, so that an integer weight is
    equivalent to repeating the sample.
    """
    order = np.argsort(values)
    cumulative = np.cumsum(weight[order])
    # Minus a rounding error, so that scaling the weights makes no difference.
    indices = np.searchsorted(cumulative / cumulative[-1], shares - 1e-12)
    return values[order][indices]
