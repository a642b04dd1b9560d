"""The order in which samples are trained on: by windows of shuffled blocks.

A window is a number of blocks of neighboring samples that are drawn at random, and its
samples are shuffled. So files are read in blocks, and few samples have to be in memory;
small data are a single window, that is, shuffled completely. The order depends on the
number and the size of the samples, and not on where they are.
"""

from typing import NamedTuple

import numpy as np
from sklearn.utils import gen_even_slices

BLOCK = 2**19  # bytes that are read at once
WINDOW = 2**25  # bytes that are shuffled at once
SMALLEST = 64  # bytes that a sample counts at least, since its index needs some, too


class Window(NamedTuple):
    """Samples that are shuffled together.

    Parameters
    ----------
    ranges : list of (start, stop)
        Where they are.

    order : ndarray of shape (n_in_window,) or None
        Their order; None leaves them as they are.
    """

    ranges: list
    order: np.ndarray | None

    def positions(self):
        """Return the positions of the samples, in order."""
        if len(self.ranges) == 1 and self.ranges[0][0] == 0 and self.order is not None:
            return self.order
        ranges = [np.arange(*pair, dtype=index_dtype(pair[1])) for pair in self.ranges]
        positions = np.concatenate(ranges)
        return positions if self.order is None else positions[self.order]


def index_dtype(n):
    """Return the dtype of indices below `n`."""
    return np.int32 if n < 2**31 else np.int64


def count_windows(n_samples, n_bytes):
    """Return the number of windows for samples of `n_bytes` each."""
    return max(1, -(-n_samples * max(n_bytes, SMALLEST) // WINDOW))


def even_blocks(n_samples, n_bytes):
    """Return the bounds of blocks of samples of `n_bytes` each.

    Returns
    -------
    bounds : ndarray of shape (n_blocks + 1,)
    """
    n_blocks = max(1, n_samples * max(n_bytes, SMALLEST) // BLOCK)
    return np.linspace(0, n_samples, min(n_blocks, n_samples) + 1).astype(np.int64)


def make_windows(bounds, n_bytes, rng=None):
    """Yield the windows of an epoch.

    Parameters
    ----------
    bounds : ndarray of shape (n_blocks + 1,)
        Bounds of the blocks.

    n_bytes : int
        Size of a sample.

    rng : numpy.random.Generator, default=None
        None leaves all samples in order. All numbers are drawn before the first window.
    """
    n_samples, n_blocks = int(bounds[-1]), len(bounds) - 1
    n_windows = min(count_windows(n_samples, n_bytes), n_blocks)
    parts = list(gen_even_slices(n_blocks, n_windows))
    if rng is None:
        for part in parts:
            yield Window([(int(bounds[part.start]), int(bounds[part.stop]))], None)
        return
    if n_windows == 1:
        order = np.arange(n_samples, dtype=index_dtype(n_samples))
        rng.shuffle(order)
        yield Window([(0, n_samples)], order)
        return
    blocks, seeds = rng.permutation(n_blocks), rng.integers(2**62, size=n_windows)
    for part, seed in zip(parts, seeds, strict=True):
        chosen = np.sort(blocks[part])
        ranges = [(int(bounds[b]), int(bounds[b + 1])) for b in chosen]
        n_in_window = sum(stop - start for start, stop in ranges)
        order = np.random.default_rng(seed).permutation(n_in_window)
        yield Window(ranges, order)
