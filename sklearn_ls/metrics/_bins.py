"""Probabilities in bins, and how often what they are of came true."""

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
    """The bins that hold rows of positive weight, from low to high probability.

    Parameters
    ----------
    prob_true : ndarray of shape (n_bins,)
        The (weighted) share of rows in which the event came true.

    prob_pred : ndarray of shape (n_bins,)
        The (weighted) mean of the probabilities.

    counts : ndarray of shape (n_bins,)
        The sum of the weights.

    n_effective : ndarray of shape (n_bins,)
        How many rows of equal weight would give means of the same variance.
    """

    prob_true: np.ndarray
    prob_pred: np.ndarray
    counts: np.ndarray
    n_effective: np.ndarray


def events(codes, y_proba, kind):
    """Return the probabilities to be judged, and whether their events came true.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes)

    kind : {"top-label", "class-wise"}

    Returns
    -------
    predicted, happened : ndarray of shape (n_samples, n_events)
        One event, that the predicted class is right, or one a class.
    """
    codes = codes[:, np.newaxis]
    if kind == "class-wise":
        return y_proba, codes == np.arange(y_proba.shape[1])
    top = y_proba.argmax(axis=1, keepdims=True)
    return np.take_along_axis(y_proba, top, axis=1), codes == top


def find_bins(predicted, weight, n_bins, strategy):
    """Return the number of the bin of each probability.

    Bins are closed on the right, as in scikit-learn's `calibration_curve`.

    Parameters
    ----------
    predicted, weight : ndarray of shape (n_samples,)

    n_bins : int

    strategy : {"uniform", "quantile"}

    Returns
    -------
    numbers : ndarray of shape (n_samples,)
        From 0 to `n_bins` - 1.
    """
    inner = np.linspace(0, 1, n_bins + 1)[1:-1]
    if strategy == "quantile":
        inner = _quantiles(predicted, weight, inner)
    return np.searchsorted(inner, predicted)


def bin_rows(predicted, happened, weight, n_bins, strategy):
    """Return the means of rows whose probabilities are in the same bin.

    Parameters
    ----------
    predicted, happened, weight : ndarray of shape (n_samples,)

    n_bins : int

    strategy : {"uniform", "quantile"}

    Returns
    -------
    bins : Bins
    """
    numbers = find_bins(predicted, weight, n_bins, strategy)

    def total(values):
        return np.bincount(numbers, weights=values, minlength=n_bins)

    counts = total(weight)
    full = counts > 0
    counts[~full] = 1
    return Bins(
        total(weight * happened)[full] / counts[full],
        total(weight * predicted)[full] / counts[full],
        counts[full],
        1 / total((weight / counts[numbers]) ** 2)[full],
    )


def _quantiles(values, weight, shares):
    """Return the least values which these shares of the weight do not exceed.

    They are among the values, not between them, so that weights are copies.
    """
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    # Less a rounding error, so that weights may have any unit.
    positions = np.searchsorted(reached / reached[-1], shares - 1e-12)
    return values[order][positions]
