"""Paired differences of scores, and which of them are significant."""

from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.025  # significance level per score; 5 % for two scores together
ROUNDING = 1e-6  # difference between two training runs of the same network


class Mean(NamedTuple):
    """The mean of a score, or of the paired differences of two scores.

    Parameters
    ----------
    value : float
        The mean over splits.

    error : float
        Standard error of the mean; NaN if it is unknown.

    df : float
        Degrees of freedom of the standard error; infinite for many samples.
    """

    value: float
    error: float
    df: float

    def is_significant(self, n_comparisons=1):
        """Return whether a mean difference is significant.

        Uses a t-test at `LEVEL` with Bonferroni correction.

        Parameters
        ----------
        n_comparisons : int, default=1
            Number of differences that are tested.
        """
        limit = stats.t.isf(LEVEL / (2 * n_comparisons), self.df)
        return bool(abs(self.value) > limit * self.error + ROUNDING)

    def __str__(self):
        value, error = (round(float(number), 6) + 0.0 for number in self[:2])
        return f"{value:+.2g} +- {error:.1g}"


def mean_of_splits(values):
    """Return the mean over splits, with the standard error of independent splits.

    Parameters
    ----------
    values : ndarray of shape (n_splits,)

    Returns
    -------
    mean : Mean
    """
    n_splits, error = len(values), np.nan
    if n_splits > 1:
        error = values.std(ddof=1) / np.sqrt(n_splits)
    return Mean(values.mean(), error, max(1, n_splits - 1))


def mean_of_samples(values, tests, weight=None):
    """Return the mean over splits, with the larger of two standard errors.

    One assumes independent samples and treats the networks as fixed. The other assumes
    independent splits; it is larger if the networks themselves vary, because of their
    training samples or the epoch in which they were stopped.

    Parameters
    ----------
    values : list of ndarray of shape (n_test,)
        Values of the test samples of each split.

    tests : list of ndarray of shape (n_test,)
        Indices of the test samples. A sample that is tested more than once counts once.

    weight : array-like of shape (n_samples,), default=None
        Sample weights. The mean is NaN if all weights of a split are zero.

    Returns
    -------
    mean : Mean
        Its degrees of freedom combine those of the variance over samples and of the
        variance that splits add to it, by Satterthwaite's formula.
    """
    n_samples = 1 + max(test.max() for test in tests)
    weight = np.ones(n_samples) if weight is None else np.asarray(weight, dtype=float)
    totals = [weight[test].sum() for test in tests]
    if not all(totals):
        return Mean(np.nan, np.nan, 1)
    shares = [weight[t] / total for t, total in zip(tests, totals, strict=True)]
    means = [share @ of_split for share, of_split in zip(shares, values, strict=True)]
    mean, error_of_splits, df_of_splits = mean_of_splits(np.array(means))
    deviations = np.zeros(n_samples)
    for share, test, of_split in zip(shares, tests, values, strict=True):
        np.add.at(deviations, test, share * (of_split - mean) / len(tests))
    df = len(np.unique(np.concatenate([test[weight[test] > 0] for test in tests]))) - 1
    if df == 0:
        return Mean(mean, np.nan, 1)
    variance = deviations @ deviations * (df + 1) / df
    total = np.fmax(variance, error_of_splits**2)
    if total > variance:
        added = 1 - variance / total
        df = 1 / (added**2 / df_of_splits + (1 - added) ** 2 / df)
    return Mean(mean, np.sqrt(total), df)
