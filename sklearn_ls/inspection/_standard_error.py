"""Means over folds, and which differences exceed their standard errors."""

import numpy as np

LIMIT = 2  # number of standard errors that a difference must exceed
ROUNDING = 1e-6  # difference between two trainings of the same network


def mean_and_error(values):
    """Return the mean over folds and its standard error, NaN for a single fold.

    Parameters
    ----------
    values : ndarray of shape (..., n_splits)

    Returns
    -------
    means, errors : ndarray of shape (...)
    """
    means, n_splits = values.mean(axis=-1), values.shape[-1]
    if n_splits == 1:
        return means, np.full_like(means, np.nan)
    return means, values.std(axis=-1, ddof=1) / np.sqrt(n_splits)


def differs(difference, error):
    """Return whether a mean paired difference exceeds `LIMIT` standard errors."""
    return np.abs(difference) > LIMIT * error + ROUNDING
