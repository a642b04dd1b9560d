"""Samples of X, which are copied, converted and moved in parts."""

import math
from functools import partial
from itertools import pairwise

import joblib
import numpy as np
import torch
from scipy.sparse import issparse, vstack
from sklearn.utils import assert_all_finite, check_consistent_length, gen_batches
from sklearn.utils.validation import validate_data

from sklearn_ls._samples.file_arrays import (
    FileArray,
    describe_mapped,
    find_file_array,
    is_mapped,
    open_mapped,
)
from sklearn_ls._samples.order import count_windows


class Samples:
    """Samples of any numeric dtype, converted for networks when they are taken.

    Parameters
    ----------
    X : ndarray, CSR matrix, FileArray or Tensor of shape (n_samples, ...)
        Samples, which are not changed. An array may be read-only or memory-mapped.

    dtype : dtype
        Dtype to compute in.
    """

    def __init__(self, X, dtype):
        self.X = X
        self.dtype = np.dtype(dtype)

    def __reduce__(self):
        """Pickle memory-mapped arrays as the names of their files."""
        mapped = describe_mapped(self.X) if isinstance(self.X, np.ndarray) else None
        if mapped is None:
            return Samples, (self.X, self.dtype)
        return _open_samples, (mapped, self.dtype)

    def __len__(self):
        return self.X.shape[0]

    @property
    def shape(self):
        """Shape of all samples."""
        return tuple(self.X.shape)

    @property
    def sample_shape(self):
        """Shape of a sample."""
        return self.shape[1:]

    @property
    def is_sparse(self):
        """Whether X is sparse."""
        return issparse(self.X)

    @property
    def n_bytes(self):
        """Size of a sample in X, in bytes."""
        if self.is_sparse:
            return (self.X.data.nbytes + self.X.indices.nbytes) // max(1, len(self))
        return math.prod(self.shape[1:]) * self.X.dtype.itemsize

    @property
    def is_read(self):
        """Whether the samples are read from a file, in windows."""
        if isinstance(self.X, FileArray):
            return True
        if not isinstance(self.X, np.ndarray) or not is_mapped(self.X):
            return False
        return count_windows(len(self), self.n_bytes) > 1

    def take(self, index, device):
        """Return samples as a dense tensor.

        Parameters
        ----------
        index : ndarray of shape (n_selected,) or slice

        device : str

        Returns
        -------
        samples : Tensor of shape (n_selected, ...)
            A copy.
        """
        if isinstance(self.X, torch.Tensor):
            if not isinstance(index, slice):
                index = torch.from_numpy(index).long().to(self.X.device)
            return self.X[index].to(device, _TORCH[self.dtype.name], copy=True)
        if self.is_sparse:
            part = self.X[index].toarray()
        elif isinstance(index, slice):
            part = np.array(self.X[index], self.dtype, order="C")
        elif isinstance(self.X, FileArray):
            part = self.X.take(index)
        elif self.X.flags.c_contiguous:  # otherwise `take` would copy the whole array
            part = self.X.take(index, axis=0)
        else:
            part = self.X[index]
        return torch.from_numpy(part.astype(self.dtype, "C", copy=False)).to(device)

    def read(self, parts, n_samples):
        """Read samples into memory, without changing their dtype.

        Parameters
        ----------
        parts : list of slice, or of sorted ndarray
            Indices of the samples, read one part after another.

        n_samples : int
            Total number of samples in `parts`.
        """
        X = np.empty((n_samples, *self.shape[1:]), self.X.dtype)
        start = 0
        for part in parts:
            values = self.X[part]
            X[start : start + len(values)] = values
            start += len(values)
        return Samples(X, self.dtype)

    def digest(self):
        """Return a hash of the samples."""
        if isinstance(self.X, FileArray):
            return joblib.hash([joblib.hash(self.X[part]) for part in self.X.slices()])
        return joblib.hash(self.X)

    def sketch(self):
        """Return about a hundred samples, evenly spaced or the first ones of a file."""
        step = 1 if isinstance(self.X, FileArray) else max(1, len(self) // 100)
        return self.take(np.arange(0, min(len(self), 200 * step), step), "cpu").numpy()

    def in_blocks(self, index=None):
        """Yield blocks of samples; chunked files are read into memory.

        Parameters
        ----------
        index : sorted ndarray of shape (n_selected,), default=None
            Indices of samples; None for all.

        Yields
        ------
        samples : Samples

        index : ndarray or None
            Indices in the yielded samples.

        positions : slice
            Positions of these samples in the argument `index`.
        """
        if not isinstance(self.X, FileArray) or not self.X.is_chunked:
            yield self, index, slice(None)
            return
        bounds = self.X.bounds
        bounds = bounds if index is None else np.searchsorted(index, bounds)
        for pair in pairwise(bounds.tolist()):
            positions = slice(*pair)
            part = positions if index is None else index[positions]
            yield Samples(self.X[part], self.dtype), None, positions

    def subset(self, index):
        """Return a subset of the samples, in memory."""
        if isinstance(self.X, torch.Tensor):
            index = torch.from_numpy(index).long().to(self.X.device)
        in_file = isinstance(self.X, FileArray)
        return Samples(self.X.take(index) if in_file else self.X[index], self.dtype)

    @classmethod
    def concatenate(cls, parts):
        """Concatenate samples in memory."""
        join = vstack if parts[0].is_sparse else np.concatenate
        return cls(join([part.X for part in parts]), parts[0].dtype)

    def at_once(self, n_outputs=1, at_least=1):
        """Return the number of samples to copy, or to run a network on, at once.

        Parameters
        ----------
        n_outputs : int, default=1
            Number of outputs of the network.

        at_least : int, default=1

        Returns
        -------
        n_samples : int
            Number of samples that fit in the caches.
        """
        return samples_at_once(self.shape[1:], n_outputs, at_least)

    def to_device_if_it_fits(self, device):
        """Copy dense samples to a GPU if they fit into half of its free memory."""
        X = self.X
        if torch.device(device).type != "cuda" or not isinstance(X, np.ndarray):
            return self
        free, _ = torch.cuda.mem_get_info(device)
        if X.nbytes >= free // 2 or str(X.dtype) not in _TORCH:
            return self
        return Samples(torch.tensor(X, device=device), self.dtype)


_NUMERIC = {np.dtype(kind) for kind in "?bBhHiIlLqQefd"}


def _open_samples(mapped, dtype):
    return Samples(np.asarray(open_mapped(*mapped)), dtype)


# Dtypes that all torch functions support.
_TORCH = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float16, torch.float32, torch.float64),
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    )
}


def samples_at_once(sample_shape, n_outputs=1, at_least=1):
    """Return the number of samples to copy, or to run a network on, at once.

    Parameters
    ----------
    sample_shape : tuple of int

    n_outputs, at_least : see Samples.at_once
    """
    n_numbers = max(1, math.prod(sample_shape))
    n_samples = min(4096, max(at_least, 2**18 // n_numbers))
    return max(1, min(n_samples, 2**22 // n_outputs))


def check_samples(
    estimator, X, y="no_validation", *, reset, dtypes, allow_nd, in_memory=False
):
    """Validate X as scikit-learn does, without converting large data at once.

    Parameters
    ----------
    estimator : estimator
        Estimator on which `n_features_in_` and `feature_names_in_` are set or checked.

    X : array-like, sparse matrix or dataframe of shape (n_samples, ...)
        Samples. Large arrays in files are read in blocks.

    y : ndarray of shape (n_samples,) or (n_samples, n_labels), or None
        Labels. By default y is not validated; None raises an error, since y is
        required.

    reset : bool
        Whether to set these attributes instead of checking them.

    dtypes : list of dtype
        Dtypes to compute in, the preferred one first.

    allow_nd : bool
        Whether samples may have more than one dimension.

    in_memory : bool, default=False
        Whether X is converted to an array in memory.

    Returns
    -------
    samples : Samples
    """
    check = partial(
        validate_data,
        estimator,
        dtype=None if _has_one_numeric_dtype(X) else dtypes,
        accept_sparse="csr",
        allow_nd=allow_nd,
    )
    source = None if in_memory else find_file_array(X)
    if source is None:
        if isinstance(y, str):
            X = check(X, reset=reset)
        else:
            X, _ = check(X, y, reset=reset, multi_output=True)
        dtype = _dtype_of(X, dtypes)
        _check_range(X, dtype)
        return Samples(X, dtype)
    if y is None:
        check(source.checkable(slice(1)), None, reset=False)  # raises
    if not isinstance(y, str):
        check_consistent_length(source, y)
    for part in source.slices():
        X = check(source.checkable(part), reset=reset)
        dtype, reset = _dtype_of(X, dtypes), False
        _check_range(X, dtype)
    return Samples(source, dtype)


def _dtype_of(X, dtypes):
    return np.dtype(X.dtype if X.dtype in dtypes else dtypes[0])


def _has_one_numeric_dtype(X):
    dtypes = list(getattr(X, "dtypes", [getattr(X, "dtype", None)]))
    return len({*dtypes}) == 1 and dtypes[0] in _NUMERIC


def _check_range(X, dtype):
    """Raise ValueError if a value is too large for a smaller dtype."""
    if X.dtype.kind != "f" or X.dtype.itemsize <= dtype.itemsize:
        return
    if issparse(X):
        X = X.data
    with np.errstate(over="ignore"):
        for part in gen_batches(len(X), samples_at_once(X.shape[1:])):
            try:
                assert_all_finite(X[part].astype(dtype))
            except ValueError:
                raise ValueError(
                    f"X has values that are too large for {dtype.name}, in which the "
                    "network computes. Scale X, or fit with dtype='float64'."
                ) from None
