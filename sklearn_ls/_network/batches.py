"""Mini-batches of samples and their row tensors, on a device."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from sklearn.utils import gen_batches

from sklearn_ls._network.ranks import ONE_PROCESS, OneProcess
from sklearn_ls._network.row_tensors import RowTensors
from sklearn_ls._network.samples import Samples
from sklearn_ls._samples.file_arrays import FileArray
from sklearn_ls._samples.order import even_blocks, index_dtype, make_windows
from sklearn_ls._samples.prefetch import prefetch
from sklearn_ls._samples.streams import changed_stream


class Shuffled:
    """Base class of batches of samples that are shuffled in every epoch.

    Subclasses have `batch_size`, `ranks` and a length, the number of samples.
    """

    @property
    def n_batches(self):
        """Number of batches per epoch."""
        return sum(1 for _ in self.slices())

    def shares(self):
        """Yield the share of each batch that `epoch` yields in this process."""
        return share_batches(self.slices(), self.ranks)

    def slices(self):
        """Return an iterator of the slices of the batches among all samples."""
        return gen_batches(
            len(self), self.batch_size, min_batch_size=min(2, self.batch_size)
        )


@dataclass(frozen=True, eq=False)
class Batches(Shuffled):
    """Batches of samples of `X`, in a different random order in every epoch.

    If the last batch would have a single sample, it is merged with the previous one,
    since batch normalization needs two. A single batch of all samples is not shuffled.

    Parameters
    ----------
    X : Samples

    samples : ndarray of shape (n_selected,) or (n_networks, n_selected), or None
        Indices of the samples in `X`, for stacked networks one row per network unless
        they are equal. None for all samples.

    rows : RowTensors
        Row tensors of these samples, on `device`.

    batch_size : int

    device : str

    ranks : OneProcess or Ranks, default=ONE_PROCESS
        Processes that train together, each on its share of every batch.
    """

    X: Samples
    samples: np.ndarray | None
    rows: RowTensors
    batch_size: int
    device: str
    ranks: OneProcess = ONE_PROCESS

    def __len__(self):
        return len(self.X) if self.samples is None else self.samples.shape[-1]

    @property
    def n_dims(self):
        """Number of leading dimensions, 2 if each network has its own samples."""
        return 1 if self.samples is None else self.samples.ndim

    def of_rank(self, ranks):
        """Return the samples of this process; every sample belongs to one process."""
        if ranks.size == 1:
            return self
        part = np.array_split(np.arange(len(self)), ranks.size)[ranks.rank]
        rows = self.rows.take(torch.from_numpy(part).to(self.device))
        return replace(self, samples=self.indices()[..., part], rows=rows)

    def sharing(self, other):
        """Return the same batches, reusing the tensors of `other` that are equal."""
        return replace(self, rows=self.rows.sharing(other.rows))

    @classmethod
    def stack(cls, batches):
        """Return the batches of several networks as one, with a leading dimension.

        Parameters
        ----------
        batches : list of Batches
            Batches with the same X, number of samples and batch size.

        Returns
        -------
        stacked : Batches
        """
        first = batches[0]
        samples = first.samples
        if not all(_equal(samples, other.samples) for other in batches):
            samples = np.stack([other.indices() for other in batches])
        rows = first.rows.stack([other.rows for other in batches])
        return replace(first, samples=samples, rows=rows)

    def of_networks(self, keep):
        """Return the batches of a subset of the stacked networks."""
        samples = self.samples if self.n_dims == 1 else self.samples[keep]
        rows = self.rows.of_networks(torch.as_tensor(keep, device=self.device))
        return replace(self, samples=samples, rows=rows)

    def stacking_key(self):
        """Return a key that is equal for batches that can be stacked."""
        return len(self), self.batch_size, self.rows.stacking_key()

    def count(self, X):
        """Return the number of samples of a batch X."""
        return X.shape[self.n_dims - 1]

    def indices(self):
        """Return the indices of the samples in X."""
        if self.samples is not None:
            return self.samples
        return np.arange(len(self), dtype=index_dtype(len(self)))

    def epoch(self, rng=None):
        """Return an iterator over (samples of X, row tensors), this process's shares.

        Parameters
        ----------
        rng : numpy.random.Generator, default=None
            Generator used to shuffle the samples; None keeps their order.
        """
        if not len(self):  # the part of a process may be empty
            return iter(())
        windows = self._windows(rng if self.batch_size < len(self) else None)
        return cut_batches(
            windows, self.slices(), self.batch_size, self.device, self.ranks
        )

    def some_samples(self):
        """Return a few samples to test a network with."""
        few = slice(min(len(self), self.batch_size))
        index = few if self.samples is None else self.samples[..., few]
        X = self.X.take(index if self.n_dims == 1 else index.ravel(), self.device)
        return X if self.n_dims == 1 else X.unflatten(0, (len(index), -1))

    def _windows(self, rng):
        """Return an iterator over the windows of an epoch; files are read ahead."""
        bounds = self._blocks()
        windows = make_windows(bounds, self.X.n_bytes, rng)
        if self.X.is_read and self.n_dims == 1:
            return prefetch(map(self._read, windows))
        return map(self._look_up, windows)

    def _blocks(self):
        X = self.X.X
        if not isinstance(X, FileArray) or not X.is_chunked:
            return even_blocks(len(self), self.X.n_bytes)
        if self.samples is None:
            return X.bounds
        return np.unique(np.searchsorted(self.samples, X.bounds))

    def _look_up(self, window):
        positions = window.positions()
        samples = self.samples
        index = positions if samples is None else samples[..., positions]
        return Gathered(self.X, index, self.rows, positions)

    def _read(self, window):
        """Read a window block by block."""
        parts = [slice(*pair) for pair in window.ranges]
        if self.samples is not None:
            parts = [self.samples[part] for part in parts]
        positions = window.positions()
        index = np.arange(len(positions)) if window.order is None else window.order
        X = self.X.read(parts, len(positions))
        return Gathered(X, index, self.rows, positions)


class Gathered(NamedTuple):
    """Samples of a window in memory, with their indices.

    Parameters
    ----------
    X : Samples

    index : ndarray of shape (n_in_window,) or (n_networks, n_in_window)
        Indices in `X`.

    rows : RowTensors

    positions : ndarray of shape (n_in_window,)
        Positions in `rows`.
    """

    X: Samples
    index: np.ndarray
    rows: RowTensors
    positions: np.ndarray

    @property
    def n_samples(self):
        """Number of samples of each network."""
        return len(self.positions)

    def gathered(self):
        """Return self, since the row tensors are already made."""
        return self

    def share(self, batches, ranks):
        """Return the samples of a process, and the slices of its batches."""
        if ranks.size == 1:
            return self, batches
        parts = [
            np.arange(batch.start + share.start, batch.start + share.stop)
            for batch, share in zip(batches, share_batches(batches, ranks), strict=True)
        ]
        stops = np.cumsum([len(part) for part in parts]).tolist()
        chosen = np.concatenate(parts)
        return (
            self._replace(
                index=self.index[..., chosen], positions=self.positions[chosen]
            ),
            [slice(n - len(part), n) for n, part in zip(stops, parts, strict=True)],
        )

    def after(self, n_done):
        """Return the samples after the first ones."""
        rest = slice(n_done, None)
        return self._replace(
            index=self.index[..., rest], positions=self.positions[rest]
        )

    def joined(self, window):
        """Return these samples followed by those of another window."""
        X, index = window.X, self.index
        if X is not self.X:  # read from a file
            X = Samples.concatenate([X, self.X.subset(index)])
            index = np.arange(len(window.X), len(X))
        return Gathered(
            X,
            np.concatenate([index, window.index], axis=-1),
            self.rows,
            np.concatenate([self.positions, window.positions]),
        )


def cut_batches(windows, slices, batch_size, device, ranks=ONE_PROCESS):
    """Yield batches, (samples, row tensors), that are cut from windows.

    Parameters
    ----------
    windows : iterable of Gathered or StreamWindow
        The samples of an incomplete batch are added to the next window.

    slices : iterator of slice
        Slices of the batches among all samples, in the order of the windows.

    batch_size : int

    device : str

    ranks : OneProcess or Ranks, default=ONE_PROCESS
        Processes that train together, each on its share of every batch.
    """
    start, rest, batch = 0, None, next(slices, None)
    for window in windows:
        if rest is not None and rest.n_samples:
            window = rest.joined(window)
        complete = []
        while batch is not None and batch.stop - start <= window.n_samples:
            complete.append(slice(batch.start - start, batch.stop - start))
            batch = next(slices, None)
        n_done = complete[-1].stop if complete else 0
        if complete:
            shared = window.gathered().share(complete, ranks)
            yield from _gather(*shared, batch_size, device)
        start, rest = start + n_done, window.after(n_done)
    if batch is not None or (rest is not None and rest.n_samples):
        raise changed_stream("a different number of samples")


def share_batches(slices, ranks):
    """Yield the share of a process in each batch."""
    return (ranks.share(batch.stop - batch.start) for batch in slices)


def _gather(window, batches, batch_size, device):
    """Yield batches; several small ones are gathered at once, which is faster."""
    X, rows = window.X, window.rows
    positions = torch.from_numpy(window.positions).to(device)
    n_gathered = max(1, X.at_once() // batch_size)
    for first in range(0, len(batches), n_gathered):
        group = batches[first : first + n_gathered]
        span = slice(group[0].start, group[-1].stop)
        sizes = [batch.stop - batch.start for batch in group]
        index = window.index[..., span]
        samples = X.take(index.ravel(), device)
        if index.ndim > 1:
            samples = samples.unflatten(0, (len(index), -1))
        yield from zip(
            samples.split(sizes, index.ndim - 1),
            rows.take(positions[span]).split(sizes),
            strict=True,
        )


def _equal(a, b):
    return a is b or (a is not None and b is not None and np.array_equal(a, b))
