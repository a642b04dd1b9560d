"""Copies of samples, labeled and weighted by their soft targets."""

from typing import NamedTuple

import numpy as np

from sklearn_ls._compat import take_rows
from sklearn_ls._labels.smoothing import find_bad_row


class RowCopies(NamedTuple):
    """Copies of samples, ordered by sample.

    Parameters
    ----------
    rows : ndarray of shape (n_copies,)
        Index of the sample of each copy.

    codes : ndarray of shape (n_copies,)
        Class of each copy.

    weight : ndarray of shape (n_copies,) or None
        Weight of each copy; None if copies have no weights.
    """

    rows: np.ndarray
    codes: np.ndarray
    weight: np.ndarray | None

    def select(self, chosen):
        """Return the copies selected by a mask."""
        weight = None if self.weight is None else self.weight[chosen]
        return RowCopies(self.rows[chosen], self.codes[chosen], weight)

    def of(self, X):
        """Return the copied samples of `X`, without sharing its memory."""
        return take_rows(X, self.rows)


def check_smoothed(y_soft, n_samples, classes):
    """Validate the output of a smoother; return it as an array of floats.

    Raises
    ------
    ValueError
        If a row is not a distribution, the shape is wrong, or `classes` are not sorted.
    """
    y_soft, n_classes = np.asarray(y_soft), len(classes)
    if not np.array_equal(classes, np.unique(classes)):
        raise ValueError(
            f"classes_ of the smoother must be sorted. Got {classes} instead."
        )
    if y_soft.shape != (n_samples, n_classes):
        raise ValueError(
            f"The smoother returned soft targets of shape {y_soft.shape} for "
            f"{n_samples} samples and {n_classes} classes."
        )
    tolerance = 1e-6 + n_classes * np.finfo(y_soft.dtype).eps
    if (bad := find_bad_row(y_soft, tolerance)) is not None:
        raise ValueError(
            "Each row of soft targets must contain probabilities that sum to 1. The "
            f"smoother returned {y_soft[bad]} for row {bad}. With distribution='each' "
            "and more than two classes they do not sum to 1: use distribution='uniform'"
            " and epsilon=convert_epsilon(epsilon, n_classes, from_='each', "
            "to='uniform')."
        )
    return y_soft.astype(float, copy=False)


def weighted_copies(y_soft, sample_weight, min_share=0.0):
    """Return a copy of each sample for each class of its soft target.

    Parameters
    ----------
    y_soft : ndarray of shape (n_samples, n_classes)
        Soft targets, whose rows sum to one.

    sample_weight : ndarray of shape (n_samples,) or None

    min_share : float, default=0.0
        Minimum probability of a class for which a copy is made. The most likely class
        always has a copy. The weights of the copies are normalized afterwards.

    Returns
    -------
    copies : RowCopies
        Copies with weight `y_soft[i, k]`, times `sample_weight[i]`. Copies with weight
        zero are omitted.
    """
    if min_share > 0:
        kept = y_soft >= np.minimum(min_share, y_soft.max(axis=1))[:, np.newaxis]
        y_soft = np.where(kept, y_soft, 0)
        y_soft /= y_soft.sum(axis=1, keepdims=True)
    weight = y_soft
    if sample_weight is not None:
        weight = y_soft * sample_weight[:, np.newaxis]
    rows, codes = np.nonzero(weight)
    return RowCopies(rows, codes, weight[rows, codes])


def check_min_share(y_soft, min_share):
    """Raise ValueError if `min_share` leaves only one class of each sample."""
    largest = np.sort(y_soft, axis=1)[:, -2].max()  # share of another class
    if not 0 < largest < min_share:
        return
    raise ValueError(
        f"min_share={min_share} leaves only the most likely class of each sample, so "
        "nothing is smoothed. The largest share of another class is "
        f"{float(largest)!r}: set min_share to at most this value."
    )


def draw_labels(y_soft, n_draws, random_state):
    """Draw labels from soft targets.

    Parameters
    ----------
    y_soft : ndarray of shape (n_samples, n_classes)
        Soft targets, whose rows sum to one.

    n_draws : int
        Number of labels per sample.

    random_state : RandomState

    Returns
    -------
    counts : ndarray of shape (n_samples, n_classes)
        Number of times each class was drawn for each sample.
    """
    generator = np.random.default_rng(random_state.randint(2**31))
    return generator.multinomial(n_draws, y_soft / y_soft.sum(axis=1, keepdims=True))


def repeated_copies(counts):
    """Return one copy of a sample, without weight, for each of its drawn labels.

    Parameters
    ----------
    counts : ndarray of shape (n_samples, n_classes)

    Returns
    -------
    copies : RowCopies
    """
    rows, codes = np.nonzero(counts)
    times = counts[rows, codes]
    return RowCopies(np.repeat(rows, times), np.repeat(codes, times), None)
