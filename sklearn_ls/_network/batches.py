"""Mini-batches of samples and their row tensors, on a device."""

import math
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import gen_batches

from sklearn_ls._network.row_tensors import RowTensors


def to_tensor(X, index, device):
    """Return the samples of `X` at `index` as a dense tensor.

    Parameters
    ----------
    X : ndarray, CSR matrix or Tensor of shape (n_samples, ...)
        May be read-only or memory-mapped: only the samples at `index` are copied.

    index : ndarray of shape (n_selected,), or slice unless X is a Tensor

    device : str

    Returns
    -------
    samples : Tensor of shape (n_selected, ...)
    """
    if isinstance(X, torch.Tensor):
        return X[torch.from_numpy(index)].to(device)
    if issparse(X):
        return torch.from_numpy(X[index].toarray()).to(device)
    if isinstance(index, slice):
        return torch.from_numpy(X[index].copy()).to(device)
    return torch.from_numpy(X.take(index, axis=0)).to(device)


def to_device_if_it_fits(X, device):
    """Move dense `X` to a device with memory of its own, unless it would fill it."""
    on_device = isinstance(X, torch.Tensor)
    if torch.device(device).type != "cuda" or issparse(X) or on_device:
        return X
    free, _ = torch.cuda.mem_get_info(device)
    return torch.tensor(X, device=device) if X.nbytes < free // 2 else X


@dataclass(frozen=True, eq=False)
class Batches:
    """Batches of some samples of `X`, in another random order each epoch.

    A last batch of a single sample joins the one before it, since batch normalization
    needs two. A single batch of all samples is not shuffled.

    Parameters
    ----------
    X : ndarray, CSR matrix or Tensor of shape (n_samples, ...)

    samples : ndarray of shape (n_selected,) or (n_networks, n_selected)
        Indices of the samples in `X`; for stacked networks, those of each network
        unless they are equal.

    rows : RowTensors
        Of those samples, on `device`.

    batch_size : int

    device : str
    """

    X: Any
    samples: np.ndarray
    rows: RowTensors
    batch_size: int
    device: str

    def __len__(self):
        return self.samples.shape[-1]

    @property
    def n_batches(self):
        """Number of batches per epoch."""
        return sum(1 for _ in self._slices())

    def _slices(self):
        return gen_batches(
            len(self), self.batch_size, min_batch_size=min(2, self.batch_size)
        )

    def sharing(self, other):
        """Return the same batches, reusing the tensors of `other` that are equal."""
        return replace(self, rows=self.rows.sharing(other.rows))

    @classmethod
    def stack(cls, batches):
        """Return the batches of several networks as one, with a leading dimension.

        Parameters
        ----------
        batches : list of Batches
            Of the same X, number of samples and batch size.

        Returns
        -------
        stacked : Batches
        """
        first = batches[0]
        samples = first.samples
        if not all(np.array_equal(samples, other.samples) for other in batches):
            samples = np.stack([other.samples for other in batches])
        rows = first.rows.stack([other.rows for other in batches])
        return replace(first, samples=samples, rows=rows)

    def of_networks(self, keep):
        """Return the batches of a subset of the stacked networks."""
        samples = self.samples if self.samples.ndim == 1 else self.samples[keep]
        rows = self.rows.of_networks(torch.as_tensor(keep, device=self.device))
        return replace(self, samples=samples, rows=rows)

    def stacking_key(self):
        """Return a key that is equal for batches that can be stacked."""
        return len(self), self.batch_size, self.rows.stacking_key()

    def count(self, X):
        """Return the number of samples of a batch X."""
        return X.shape[self.samples.ndim - 1]

    def epoch(self, rng=None):
        """Yield (samples of X, their row tensors).

        Parameters
        ----------
        rng : numpy.random.Generator, default=None
            Shuffles the samples; None leaves them in order.
        """
        order = np.arange(len(self))
        if rng is not None and self.batch_size < len(self):
            rng.shuffle(order)
        samples = self.samples[..., order]
        index = torch.from_numpy(order).to(self.device)
        batches = self._slices()
        # Small batches are gathered several at once: a call costs more than the copy.
        n_gathered = max(1, samples_at_once(self.X) // self.batch_size)
        while group := list(islice(batches, n_gathered)):
            span = slice(group[0].start, group[-1].stop)
            sizes = [batch.stop - batch.start for batch in group]
            X = to_tensor(self.X, samples[..., span].ravel(), self.device)
            if samples.ndim > 1:
                X = X.unflatten(0, (len(samples), -1))
            yield from zip(
                X.split(sizes, samples.ndim - 1),
                self.rows.take(index[span]).split(sizes),
                strict=True,
            )


def samples_at_once(X, at_least=1):
    """Return the number of samples of X to copy, or to run a network on, at once.

    Parameters
    ----------
    X : ndarray, CSR matrix or Tensor of shape (n_samples, ...)

    at_least : int, default=1

    Returns
    -------
    n_samples : int
        As many as fit in the caches.
    """
    return min(4096, max(at_least, 2**18 // math.prod(X.shape[1:])))
