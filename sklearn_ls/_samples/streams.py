"""Streams: blocks of samples with their labels, read again in every epoch.

A stream has shards, which may be read in any order, and each of them yields blocks. A
subclass of `Stream` says what they are; `open_stream` knows which one reads what.
"""

import os
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from sklearn_ls._samples.file_arrays import find_file_array, is_array_in_file
from sklearn_ls._samples.order import BLOCK


class Block(NamedTuple):
    """Some samples with their labels.

    Parameters
    ----------
    X : array-like, sparse matrix or dataframe of shape (n_samples, ...)

    y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
            n_classes), default=None

    sample_weight : array-like of shape (n_samples,), default=None
    """

    X: Any
    y: Any = None
    sample_weight: Any = None


class Stream:
    """Base class of streams."""

    n_shards = 1

    def read(self, shard):
        """Return an iterator of the blocks of a shard, always the same."""
        raise NotImplementedError

    def read_samples(self):
        """Yield X of all blocks, in order."""
        for shard in range(self.n_shards):
            for block in self.read(shard):
                yield block.X


class BlockStream(Stream):
    """An iterable of blocks, such as a torch DataLoader or a list of shards.

    Parameters
    ----------
    blocks : iterable of (X, y), (X, y, sample_weight), or X
        Iterated in every epoch. A sequence has a shard per item.
    """

    def __init__(self, blocks):
        self.blocks = blocks
        self.is_sequence = isinstance(blocks, (list, tuple))
        self.n_shards = len(blocks) if self.is_sequence else 1

    def read(self, shard):
        """Return an iterator of blocks."""
        blocks = self.blocks[shard : shard + 1] if self.is_sequence else self.blocks
        return map(_to_block, blocks)


def _to_block(item):
    if not isinstance(item, (tuple, list)):
        return Block(_to_array(item))
    if not 1 <= len(item) <= 3:
        raise ValueError(
            "Each block of a stream must be (X, y) or (X, y, sample_weight). Got "
            f"{len(item)} items."
        )
    return Block(*map(_to_array, item))


def _to_array(values):
    """Return tensors as arrays, and other containers as they are."""
    is_tensor = hasattr(values, "detach")
    return values.detach().cpu().numpy() if is_tensor else values


class DatasetStream(Stream):
    """A torch Dataset, whose items are samples with their labels.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset or IterableDataset
        Of items (x, y), (x, y, sample_weight), or x.
    """

    def __init__(self, dataset):
        self.dataset = dataset
        self.is_iterable = hasattr(dataset, "__iter__")
        first = next(iter(dataset)) if self.is_iterable else dataset[0]
        x = first[0] if isinstance(first, (tuple, list)) else first
        n_bytes = np.asarray(_to_array(x)).nbytes
        self.block_size = max(1, BLOCK // max(1, n_bytes))
        if not self.is_iterable:
            self.n_shards = -(-len(dataset) // self.block_size)

    def read(self, shard):
        """Return an iterator of blocks of stacked samples."""
        if self.is_iterable:
            items = iter(self.dataset)
        else:
            start = shard * self.block_size
            stop = min(start + self.block_size, len(self.dataset))
            items = (self.dataset[i] for i in range(start, stop))
        while some := list(islice(items, self.block_size)):
            if not isinstance(some[0], (tuple, list)):
                some = [(x,) for x in some]
            columns = zip(*some, strict=True)
            yield Block(*(np.stack(list(map(_to_array, c))) for c in columns))


class ParquetStream(Stream):
    """The columns of a pyarrow dataset, such as a folder of parquet files.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset

    features : list of str, default=None
        Names of the columns of features; None for all other columns.

    y : str or list of str, default=None
        Name of the column of labels, or names of those of soft labels.

    sample_weight : str, default=None
        Name of the column of sample weights.
    """

    def __init__(self, dataset, features=None, y=None, sample_weight=None):
        self.dataset = dataset
        self.y = y
        self.sample_weight = sample_weight
        others = [*_as_list(y), *_as_list(sample_weight)]
        names = dataset.schema.names
        self.features = features or [name for name in names if name not in others]
        self.columns = [*self.features, *others]
        _check_columns(names, self.columns)
        self.shards = []
        for fragment in dataset.get_fragments():
            in_groups = hasattr(fragment, "split_by_row_group")
            self.shards += fragment.split_by_row_group() if in_groups else [fragment]
        self.n_shards = len(self.shards)

    def read(self, shard):
        """Return an iterator of blocks of dataframes."""
        n_rows = max(1, BLOCK // (8 * len(self.columns)))
        batches = self.shards[shard].to_batches(
            schema=self.dataset.schema,
            columns=self.columns,
            batch_size=n_rows,
            batch_readahead=1,
            fragment_readahead=1,
            use_threads=False,
        )
        for batch in batches:
            if batch.num_rows:
                yield _block_of_frame(
                    batch.to_pandas(), self.features, self.y, self.sample_weight
                )


def _block_of_frame(frame, features, y=None, sample_weight=None):
    def columns(names):
        return None if names is None else frame[names]

    return Block(frame[features], columns(y), columns(sample_weight))


def _as_list(names):
    """Return None, a name or names as a list."""
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _check_columns(names, wanted):
    if missing := [name for name in wanted if name not in names]:
        raise ValueError(
            f"The dataset has no columns {missing}. Its columns are {list(names)}."
        )


class DaskStream(Stream):
    """The partitions of dask collections.

    Parameters
    ----------
    X, y, sample_weight : dask dataframe, series or array
        Of the same partitions. `y` and `sample_weight` may be None, or names of columns
        if `X` is a dataframe.

    features : list of str, default=None
        Names of the columns of features; None for all other columns.
    """

    def __init__(self, X, y=None, sample_weight=None, features=None):
        self.names = {}
        if hasattr(X, "columns"):
            self.names = {
                name: part
                for name, part in (("y", y), ("sample_weight", sample_weight))
                if _are_names(part)
            }
            y, sample_weight = (
                None if _are_names(part) else part for part in (y, sample_weight)
            )
            others = list(chain.from_iterable(map(_as_list, self.names.values())))
            features = features or [name for name in X.columns if name not in others]
            _check_columns(X.columns, [*features, *others])
            X = X[[*features, *others]]
        self.features = features
        given = [part for part in (X, y, sample_weight) if part is not None]
        if not all(is_dask(part) for part in given):
            raise ValueError(
                "The number of samples in each partition of a dask collection is not "
                "known, so y and sample_weight must be dask collections of the same "
                "partitions, or names of columns."
            )
        self.parts = X, y, sample_weight
        self.n_shards = _count_partitions(X)
        if any(_count_partitions(part) != self.n_shards for part in given):
            raise ValueError("X, y and sample_weight have different partitions.")

    def read(self, shard):
        """Yield the partition as a block."""
        import dask

        parts = [None if p is None else _partition(p, shard) for p in self.parts]
        X, *others = dask.compute(*parts)
        if not len(X):
            return
        if self.names:
            yield _block_of_frame(X, self.features, **self.names)
        else:
            yield Block(X, *others)


def is_dask(values):
    """Return whether values are a dask collection."""
    return hasattr(values, "__dask_graph__")


def _count_partitions(values):
    is_array = hasattr(values, "numblocks")
    return values.numblocks[0] if is_array else values.npartitions


def _partition(values, number):
    is_array = hasattr(values, "numblocks")
    return values.blocks[number] if is_array else values.partitions[number]


def _are_names(values):
    return isinstance(values, str) or (
        isinstance(values, list) and all(isinstance(name, str) for name in values)
    )


def open_stream(X, y=None, sample_weight=None, features=None):
    """Return a stream of the data, or None if X is an array.

    Parameters
    ----------
    X : path, dataset, dask collection or iterable, see :ref:`streams`

    y : dask collection, str or list of str, default=None
        Labels, or names of columns; None if they are in the blocks.

    sample_weight : dask collection or str, default=None

    features : list of str, default=None
        Names of the columns of features; None for all that are not labels or weights.

    Returns
    -------
    stream : Stream or None
    """
    if not is_stream(X):
        return None
    if isinstance(X, (str, os.PathLike)):
        X = _open_parquet(X)
    if hasattr(X, "get_fragments"):
        return ParquetStream(X, features, y, sample_weight)
    if is_dask(X):
        return DaskStream(X, y, sample_weight, features)
    if y is not None or sample_weight is not None:
        raise ValueError(
            "X is a stream of blocks, so labels and sample weights must be in its "
            "blocks: (X, y) or (X, y, sample_weight). Pass y=None and "
            "sample_weight=None."
        )
    if type(getattr(X, "sampler", None)).__name__ == "RandomSampler":
        raise ValueError(
            "X is a DataLoader that shuffles, so that its samples have another order "
            "each time. Set shuffle=False; fit shuffles them itself."
        )
    return DatasetStream(X) if _is_torch_dataset(X) else BlockStream(X)


def is_stream(X):
    """Return whether X is read in blocks that have no positions."""
    return (
        isinstance(X, (str, os.PathLike))
        or hasattr(X, "get_fragments")
        or (is_dask(X) and not is_array_in_file(X))
        or _is_iterable_of_blocks(X)
    )


def raise_for_stream(X, needed_by):
    """Raise TypeError for a stream, where all data are needed at once.

    Parameters
    ----------
    X : array-like, or anything that `open_stream` takes

    needed_by : str
        What needs the data, for the error message.
    """
    if is_stream(X):
        raise TypeError(
            f"{needed_by} needs arrays, but X is a stream of blocks "
            f"({type(X).__name__}). Pass an array, which may be memory-mapped: "
            "numpy.load(path, mmap_mode='r')."
        )


def _open_parquet(path):
    try:
        import pyarrow.dataset
    except ImportError as error:
        raise ImportError(
            "X is the path of parquet files, which requires pyarrow and pandas: pip "
            "install pyarrow pandas."
        ) from error
    return pyarrow.dataset.dataset(path, format="parquet")


def _is_torch_dataset(X):
    return any(
        kind.__module__.startswith("torch.utils.data") and kind.__name__ == "Dataset"
        for kind in type(X).__mro__
    )


def _is_iterable_of_blocks(X):
    if _is_torch_dataset(X):
        return True
    if isinstance(X, (list, tuple)):
        return bool(X) and isinstance(X[0], tuple) and np.ndim(X[0][0]) > 1
    array_like = ("shape", "dtype", "columns", "__array__", "__array_interface__")
    return hasattr(X, "__iter__") and not any(hasattr(X, name) for name in array_like)


def raise_if_one_shot(X):
    """Raise ValueError for an iterator, which cannot be read in every epoch."""
    if hasattr(X, "__next__"):
        raise ValueError(
            "X is an iterator, which can be read only once, but training reads it in "
            "every epoch. Pass an object whose __iter__ starts from the beginning, "
            "such as a DataLoader or a list of blocks."
        )


def read_parts(X, features=None):
    """Return an iterator of the samples in parts, or None if X is in memory.

    Parameters
    ----------
    X : array-like, or anything that `open_stream` takes

    features : list of str, default=None
        Names of the columns of features.
    """
    if (stream := open_stream(X, features=features)) is not None:
        return stream.read_samples()
    if (source := find_file_array(X)) is not None:
        return (source.checkable(part) for part in source.slices())
    return None
