"""Order of the training samples, which are shuffled in windows of random blocks.

A block contains contiguous samples. A window consists of blocks drawn at random, and
its samples are shuffled. Files are thus read in blocks, and only one window is in
memory. Small data are a single window, so they are shuffled completely. The order
depends only on the number and the size of the samples, not on where they are stored.
"""

from typing import NamedTuple

import numpy as np
from sklearn.utils import gen_even_slices

BLOCK = 2**19  # bytes read at once
WINDOW = 2**25  # bytes shuffled at once
SMALLEST = 64  # minimum size of a sample in bytes, since its index needs memory as well


class Window(NamedTuple):
    """Samples that are shuffled together.

    Parameters
    ----------
    ranges : list of (start, stop)
        Ranges of the samples.

    order : ndarray of shape (n_in_window,) or None
        Order of the samples; None for their original order.
    """

    ranges: list
    order: np.ndarray | None

    def positions(self):
        """Return the positions of the samples, in the order of the window."""
        if len(self.ranges) == 1 and self.ranges[0][0] == 0 and self.order is not None:
            return self.order
        ranges = [np.arange(*pair, dtype=index_dtype(pair[1])) for pair in self.ranges]
        positions = np.concatenate(ranges)
        return positions if self.order is None else positions[self.order]


def index_dtype(n):
    """Return the dtype for indices below `n`."""
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
        None keeps all samples in order. All numbers are drawn before the first window.
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
