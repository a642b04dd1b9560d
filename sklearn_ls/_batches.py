"""Rows of X and their targets, a batch at a time, as tensors on a device."""

import math
from itertools import islice

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import gen_batches


def rows_to_tensor(X, index, device):
    """Return the rows of `X` at `index` as a dense tensor.

    Parameters
    ----------
    X : ndarray, CSR matrix or Tensor of shape (n_samples, ...)
        May be read-only or memory-mapped: only the rows asked for are copied.

    index : ndarray of shape (n_rows,), or slice unless X is a Tensor

    device : str

    Returns
    -------
    rows : Tensor of shape (n_rows, ...)
    """
    if isinstance(X, torch.Tensor):
        return X[torch.from_numpy(index)].to(device)
    if issparse(X):
        return torch.from_numpy(X[index].toarray()).to(device)
    if isinstance(index, slice):
        rows = X[index]
        return torch.from_numpy(rows if rows.flags.writeable else rows.copy()).to(
            device
        )
    return torch.from_numpy(X.take(index, axis=0)).to(device)


def to_device_if_it_fits(X, device):
    """Move dense `X` to a device with memory of its own, unless it would fill it."""
    on_device = isinstance(X, torch.Tensor)
    if torch.device(device).type != "cuda" or issparse(X) or on_device:
        return X
    free, _ = torch.cuda.mem_get_info(device)
    return torch.tensor(X, device=device) if X.nbytes < free // 2 else X


class Batches:
    """Batches of some rows of `X`, shuffled anew each epoch.

    A last batch of a single row joins the one before it, since batch normalisation
    needs two. A single batch of all rows is not shuffled.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, ...)

    rows : ndarray of shape (n_rows,) or (n_networks, n_rows)
        Which rows of `X` take part; for several networks that are trained together,
        those of each, unless they share them.

    target : LabelTarget or IndicatorTarget
        Of those rows, on `device`.

    batch_size : int

    device : str
    """

    def __init__(self, X, rows, target, batch_size, device):
        self.X = X
        self.rows = rows
        self.target = target
        self.batch_size = batch_size
        self.device = device

    def __len__(self):
        return self.rows.shape[-1]

    def share(self, other):
        """Hold what the targets of other batches hold already but once."""
        self.target = self.target.sharing(other.target)

    @classmethod
    def stack(cls, batches):
        """Return the batches of several networks as one's, with a leading dimension.

        Parameters
        ----------
        batches : list of Batches
            Of the same X, number of rows and size.

        Returns
        -------
        stacked : Batches
        """
        first = batches[0]
        rows = first.rows
        if not all(np.array_equal(rows, other.rows) for other in batches):
            rows = np.stack([other.rows for other in batches])
        target = first.target.stack([other.target for other in batches])
        return cls(first.X, rows, target, first.batch_size, first.device)

    def of_networks(self, keep):
        """Return the batches of some of the networks that they were stacked for."""
        rows = self.rows if self.rows.ndim == 1 else self.rows[keep]
        target = self.target.of_networks(torch.as_tensor(keep, device=self.device))
        return Batches(self.X, rows, target, self.batch_size, self.device)

    def count(self, X):
        """Return how many rows a batch X has."""
        return X.shape[self.rows.ndim - 1]

    def epoch(self, rng=None):
        """Yield (rows of X, their targets).

        Parameters
        ----------
        rng : numpy.random.Generator, default=None
            Shuffles the rows; None leaves them in order.
        """
        order = np.arange(len(self))
        if rng is not None and self.batch_size < len(self):
            rng.shuffle(order)
        rows, index = self.rows[..., order], torch.from_numpy(order).to(self.device)
        batches = gen_batches(
            len(self), self.batch_size, min_batch_size=min(2, self.batch_size)
        )
        # Small batches are gathered several at once: a call costs more than the copy.
        n_gathered = max(1, rows_at_a_time(self.X) // self.batch_size)
        while group := list(islice(batches, n_gathered)):
            some = slice(group[0].start, group[-1].stop)
            sizes = [batch.stop - batch.start for batch in group]
            X = rows_to_tensor(self.X, rows[..., some].ravel(), self.device)
            if rows.ndim > 1:
                X = X.unflatten(0, (len(rows), -1))
            yield from zip(
                X.split(sizes, rows.ndim - 1),
                self.target.take(index[some]).split(sizes),
                strict=True,
            )


def rows_at_a_time(X, at_least=1):
    """Return how many rows of X to copy, or run a network on, at once.

    Parameters
    ----------
    X : ndarray, CSR matrix or Tensor of shape (n_samples, ...)

    at_least : int, default=1

    Returns
    -------
    n_rows : int
        So many fit in the caches.
    """
    return min(4096, max(at_least, 2**18 // math.prod(X.shape[1:])))
