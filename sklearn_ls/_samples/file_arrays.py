"""Arrays that are read in slices: HDF5, Zarr, dask and dataframes of mixed dtypes."""

import math
import mmap
from functools import cached_property
from itertools import pairwise

import numpy as np

from sklearn_ls._samples.order import WINDOW, even_blocks


def find_file_array(X):
    """Return X as a FileArray, or None if it is, or should be, in memory.

    Chunked arrays, such as those of h5py, zarr and dask, and dataframes of mixed dtypes
    are read in slices, unless they are small.
    """
    source = None
    if is_array_in_file(X):
        source = FileArray(X)
    elif hasattr(X, "iloc") and len({*getattr(X, "dtypes", ())}) > 1:
        if not any(hasattr(dtype, "fill_value") for dtype in X.dtypes):  # not sparse
            source = FrameArray(X)
    return source if source is not None and source.nbytes > WINDOW else None


def is_array_in_file(X):
    """Return whether X is a numeric array that is read in slices."""
    return (
        hasattr(X, "chunks")
        and hasattr(X, "__getitem__")
        and getattr(getattr(X, "dtype", None), "kind", None) in {*"biuf"}
        and all(isinstance(n, int) for n in getattr(X, "shape", (None,)))
    )


def is_mapped(X):
    """Return whether an ndarray is memory-mapped."""
    while X is not None and not isinstance(X, mmap.mmap):
        X = X.obj if isinstance(X, memoryview) else getattr(X, "base", None)
    return X is not None


def describe_mapped(X):
    """Return the arguments of `open_mapped` for a memory-mapped array, or None.

    Parameters
    ----------
    X : ndarray
    """
    root = X
    while isinstance(root, np.ndarray) and not isinstance(root.base, mmap.mmap):
        root = root.base
    layout = "C" if X.flags.c_contiguous else "F" if X.flags.f_contiguous else None
    if getattr(root, "filename", None) is None or layout is None:
        return None
    if root.mode == "c":  # changes are not in the file
        return None
    offset = root.offset + X.ctypes.data - root.ctypes.data
    return str(root.filename), X.dtype, offset, X.shape, layout


def open_mapped(path, dtype, offset, shape, order):
    """Return a memory-mapped array.

    Parameters
    ----------
    path, dtype, offset, shape, order : see numpy.memmap

    Raises
    ------
    OSError
        If this process cannot read the file.
    """
    try:
        return np.memmap(path, dtype, "r", offset, shape, order)
    except OSError as error:
        raise OSError(
            f"X is memory-mapped from {path}, which this process cannot read. Put the "
            "file where all processes can read it, or pass numpy.array(X)."
        ) from error


class FileArray:
    """An array of samples that is read in slices.

    Parameters
    ----------
    source : object of shape (n_samples, ...)
        Array with `shape`, `dtype` and slicing.
    """

    def __init__(self, source):
        self.source = source
        self.shape = tuple(source.shape)
        self.dtype = np.dtype(source.dtype)
        self.edges = chunk_edges(source)

    def __len__(self):
        return self.shape[0]

    @property
    def nbytes(self):
        """Size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_chunked(self):
        """Whether samples are stored in chunks, which can only be read as a whole."""
        return self.edges is not None

    def __getitem__(self, samples):
        """Return samples as an ndarray.

        Parameters
        ----------
        samples : int, slice, or sorted ndarray of shape (n_selected,)
            Samples to return. All samples between the first and the last are read.
        """
        if not isinstance(samples, np.ndarray):
            return np.asarray(self.source[samples])
        if not len(samples):
            return np.empty((0, *self.shape[1:]), self.dtype)
        start, stop = int(samples[0]), int(samples[-1]) + 1
        part = np.asarray(self.source[start:stop])
        return part if len(part) == len(samples) else part[samples - start]

    def checkable(self, part):
        """Return a slice in the form that scikit-learn validates."""
        return self[part]

    def slices(self):
        """Return slices of blocks to read."""
        return [slice(*pair) for pair in pairwise(self.bounds.tolist())]

    def take(self, samples):
        """Return samples in any order, read in blocks."""
        order = np.argsort(samples, kind="stable")
        ordered = samples[order]
        block = np.searchsorted(self.bounds, ordered, side="right")
        starts = np.flatnonzero(np.diff(block)) + 1
        parts = [self[part] for part in np.split(ordered, starts)]
        taken = np.empty((len(samples), *self.shape[1:]), self.dtype)
        taken[order] = np.concatenate(parts)
        return taken

    @cached_property
    def bounds(self):
        """Bounds of blocks of whole chunks, of shape (n_blocks + 1,)."""
        n_samples = len(self)
        n_bytes = self.nbytes // n_samples
        bounds = even_blocks(n_samples, n_bytes)
        if self.edges is None:
            return bounds
        starts = self.edges[np.searchsorted(self.edges, bounds[1:-1])]
        return np.unique(np.concatenate([[0], starts, [n_samples]]))


def chunk_edges(source):
    """Return the ends of the chunks along the first dimension, or None."""
    chunks = getattr(source, "chunks", None)
    if not chunks:
        return None
    if isinstance(chunks[0], tuple):  # dask lists the size of every chunk
        return np.cumsum(chunks[0])
    ends = np.arange(chunks[0], source.shape[0] + chunks[0], chunks[0])
    return np.minimum(ends, source.shape[0])


class FrameArray(FileArray):
    """A dataframe of mixed dtypes, converted in slices.

    Parameters
    ----------
    source : DataFrame of shape (n_samples, n_features)
    """

    def __init__(self, source):
        self.source = source
        self.shape = source.shape
        dtype = source.iloc[:1].to_numpy().dtype
        self.dtype = dtype if dtype.kind in "biuf" else np.dtype(np.float64)
        self.edges = None

    def checkable(self, part):
        """Return a slice as a dataframe."""
        return self.source.iloc[part]

    def __getitem__(self, samples):
        """Return samples as an ndarray."""
        return self.source.iloc[samples].to_numpy(self.dtype)
