"""Streams: blocks of samples with their labels, which are read in every epoch.

A stream has shards, which may be read in any order, and each shard yields blocks.
Subclasses of `Stream` read different sources; `open_stream` chooses the subclass.
"""

import os
from collections.abc import Iterable, Mapping, MappingView, Sequence, Set
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from sklearn_ls._samples.file_arrays import find_file_array, is_array_in_file
from sklearn_ls._samples.order import BLOCK


class Block(NamedTuple):
    """Samples with their labels.

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

    @property
    def is_empty(self):
        """Whether the block has no samples."""
        return np.shape(self.X)[:1] == (0,)


class Stream:
    """Base class of streams."""

    n_shards = 1

    def read(self, shard):
        """Return an iterator over the blocks of a shard, the same in every pass."""
        raise NotImplementedError

    def read_all(self):
        """Yield the blocks of all shards, in order."""
        for shard in range(self.n_shards):
            yield from self.read(shard)


class BlockStream(Stream):
    """An iterable of blocks, such as a torch DataLoader or a list of shards.

    Parameters
    ----------
    blocks : iterable of (X, y), (X, y, sample_weight), or X
        Blocks, iterated over in every epoch. Each item of a list or tuple is a shard.
    """

    def __init__(self, blocks):
        self.blocks = blocks
        self.is_sequence = isinstance(blocks, (list, tuple))
        self.n_shards = len(blocks) if self.is_sequence else 1

    def read(self, shard):
        """Return an iterator over blocks."""
        blocks = self.blocks[shard : shard + 1] if self.is_sequence else self.blocks
        return merge_small(map(_to_block, blocks))


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
    """Convert tensors to arrays; return other containers unchanged."""
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    return (values.float() if "bfloat16" in str(values.dtype) else values).numpy()


def merge_small(blocks):
    """Merge small blocks of arrays, so that blocks have at least half a megabyte.

    Parameters
    ----------
    blocks : iterable of Block
    """
    waiting, n_bytes = [], 0
    for block in blocks:
        if waiting and _layout(block) != _layout(waiting[0]):
            yield _merge(waiting)
            waiting, n_bytes = [], 0
        waiting.append(block)
        n_bytes += getattr(block.X, "nbytes", BLOCK)
        if _layout(block) is None or n_bytes >= BLOCK:
            yield _merge(waiting)
            waiting, n_bytes = [], 0
    if waiting:
        yield _merge(waiting)


def _layout(block):
    """Return dtypes and shapes that must match to merge blocks; None if impossible."""
    arrays = [part for part in block if part is not None]
    if not all(isinstance(part, np.ndarray) and part.ndim for part in arrays):
        return None
    if len({len(part) for part in arrays}) > 1:  # an error is raised later
        return None
    return [(part.dtype, part.shape[1:]) for part in arrays]


def _merge(blocks):
    if len(blocks) == 1:
        return blocks[0]
    columns = zip(*blocks, strict=True)
    return Block(*(None if c[0] is None else np.concatenate(c) for c in columns))


class DatasetStream(Stream):
    """A torch Dataset, whose items are samples with their labels.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset or IterableDataset
        Dataset of items (x, y), (x, y, sample_weight), or x.
    """

    def __init__(self, dataset):
        self.dataset = dataset
        self.is_iterable = hasattr(dataset, "__iter__")
        if self.is_iterable:
            first = next(iter(dataset), None)
        else:
            first = dataset[0] if len(dataset) else None
        x = first[0] if isinstance(first, (tuple, list)) else first
        n_bytes = np.asarray(_to_array(x)).nbytes
        self.block_size = max(1, BLOCK // max(1, n_bytes))
        if not self.is_iterable:
            self.n_shards = -(-len(dataset) // self.block_size)

    def read(self, shard):
        """Return an iterator over blocks of stacked samples."""
        if self.is_iterable:
            items = iter(self.dataset)
        else:
            start = shard * self.block_size
            stop = min(start + self.block_size, len(self.dataset))
            items = (self.dataset[i] for i in range(start, stop))
        while chunk := list(islice(items, self.block_size)):
            if not isinstance(chunk[0], (tuple, list)):
                chunk = [(x,) for x in chunk]
            columns = zip(*chunk, strict=True)
            yield Block(*(np.stack(list(map(_to_array, c))) for c in columns))


NUMBERS = 2**19  # values per block of a table (a few MB); smaller blocks are slower


class ArrowStream(Stream):
    """The columns of a pyarrow dataset, such as a folder of parquet files.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset

    features : list of str, default=None
        Names of the feature columns; None for all other columns.

    y : str or list of str, default=None
        Name of the label column, or names of the columns of soft labels.

    sample_weight : str, default=None
        Name of the column of sample weights.
    """

    def __init__(self, dataset, features=None, y=None, sample_weight=None):
        self.dataset = dataset
        self.y = y
        self.sample_weight = sample_weight
        names = _columns_of(dataset.schema)
        for part, kind in ((y, "y"), (sample_weight, "sample_weight")):
            if part is not None and not _are_names(part):
                raise ValueError(
                    f"X is a dataset with columns, so {kind} must be the name of a "
                    f"column. The columns are {names}."
                )
        others = [*_as_list(y), *_as_list(sample_weight)]
        self.features = features or [name for name in names if name not in others]
        self.columns = [*self.features, *others]
        _check_columns(names, self.columns)
        self.shards = []
        for fragment in dataset.get_fragments():
            in_groups = hasattr(fragment, "split_by_row_group")
            self.shards += fragment.split_by_row_group() if in_groups else [fragment]
        self.n_shards = len(self.shards)

    def read(self, shard):
        """Return an iterator over blocks of dataframes."""
        n_rows = max(1, NUMBERS // len(self.columns))
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
                frame = batch.to_pandas(ignore_metadata=True)
                labels, weights = (
                    None if names is None else frame[names]
                    for names in (self.y, self.sample_weight)
                )
                yield Block(frame[self.features], labels, weights)


def _columns_of(schema):
    """Return the names of columns that are not part of a pandas index."""
    index = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in schema.names if name not in index]


def _as_list(names):
    """Return a list of names, from None, one name or several."""
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
        Collections with the same partitions. `y` and `sample_weight` may be None, or
        names of columns if `X` is a dataframe.

    features : list of str, default=None
        Names of the feature columns; None for all other columns.
    """

    def __init__(self, X, y=None, sample_weight=None, features=None):
        self.names = {}  # columns of y and sample_weight
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
        elif not hasattr(X, "numblocks"):
            raise ValueError(
                f"X is a dask {type(X).__name__}. Pass a dask dataframe or array."
            )
        self.features = features
        collections = [part for part in (X, y, sample_weight) if part is not None]
        if not all(is_dask(part) for part in collections):
            raise ValueError(
                "X is a dask collection, so y and sample_weight must be dask "
                "collections with the same partitions, or names of columns."
            )
        self.parts = X, y, sample_weight
        self.n_shards = _count_partitions(X)
        if any(_count_partitions(part) != self.n_shards for part in collections):
            raise ValueError(
                "X, y and sample_weight have different partitions. Repartition them."
            )

    def read(self, shard):
        """Yield a partition as a block."""
        import dask

        parts = [None if p is None else _partition(p, shard) for p in self.parts]
        X, y, sample_weight = dask.compute(*parts)
        parts = {"X": X, "y": y, "sample_weight": sample_weight}
        if self.features is not None:
            parts |= {name: X[columns] for name, columns in self.names.items()}
            parts["X"] = X[self.features]
        yield Block(**parts)


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
        Names of the feature columns; None for all columns but labels and weights.

    Returns
    -------
    stream : Stream or None
    """
    if not is_stream(X):
        return None
    if isinstance(X, (str, os.PathLike)):
        X = _open_parquet(X)
    if hasattr(X, "get_fragments"):
        return ArrowStream(X, features, y, sample_weight)
    if is_dask(X):
        return DaskStream(X, y, sample_weight, features)
    if y is not None or sample_weight is not None:
        raise ValueError(
            "X is a stream, so labels and sample weights must be in its blocks: (X, y) "
            "or (X, y, sample_weight). Pass y=None and sample_weight=None."
        )
    if type(getattr(X, "sampler", None)).__name__ == "RandomSampler":
        raise ValueError(
            "X is a DataLoader that shuffles, but a stream must have the same order in "
            "every pass. To train, pass its dataset, fit(loader.dataset), which fit "
            "shuffles itself. To predict, set shuffle=False."
        )
    return DatasetStream(X) if _is_torch_dataset(X) else BlockStream(X)


def is_stream(X):
    """Return whether X is a stream, whose samples cannot be indexed."""
    return (
        isinstance(X, (str, os.PathLike))
        or hasattr(X, "get_fragments")
        or (is_dask(X) and not is_array_in_file(X))
        or _is_iterable_of_blocks(X)
    )


def raise_for_stream(X, reason):
    """Raise TypeError if X is a stream.

    Parameters
    ----------
    X : array-like, or anything that `open_stream` accepts

    reason : str
        Reason and advice for the error message.
    """
    if is_stream(X):
        raise TypeError(f"X is a stream of blocks ({type(X).__name__}). {reason}")


def _open_parquet(path):
    try:
        import pyarrow.dataset
    except ImportError as error:
        raise ImportError(
            "X is a path, and reading parquet files requires pyarrow and pandas. "
            "Install them with: pip install pyarrow pandas"
        ) from error
    try:
        return pyarrow.dataset.dataset(path, format="parquet", partitioning="hive")
    except pyarrow.ArrowInvalid as error:
        raise ValueError(
            f"X is a path, {str(path)!r}, but it does not contain parquet files. Pass "
            "an array, such as numpy.load(path, mmap_mode='r'), or a dataset in "
            "another format, such as pyarrow.dataset.dataset(path, format='csv')."
        ) from error


def _is_torch_dataset(X):
    return any(
        kind.__module__.startswith("torch.utils.data") and kind.__name__ == "Dataset"
        for kind in type(X).__mro__
    )


def _is_iterable_of_blocks(X):
    if _is_torch_dataset(X):
        return True
    if isinstance(X, (list, tuple)):
        if not X or not isinstance(X[0], (list, tuple)) or not X[0]:
            return False
        first = X[0][0]
        if hasattr(first, "ndim"):
            return first.ndim > 1
        return isinstance(X[0], tuple) and np.ndim(first) > 1  # lists may be images
    array_like = ("shape", "dtype", "columns", "__array__", "__array_interface__")
    collections = (Sequence, Set, Mapping, MappingView)
    return (
        isinstance(X, Iterable)
        and not isinstance(X, collections)
        and not any(hasattr(X, name) for name in array_like)
    )


def raise_for_names(**arguments):
    """Raise ValueError for names of columns, which are only valid for streams.

    Parameters
    ----------
    **arguments : object
        Arguments by name.
    """
    for name, value in arguments.items():
        if isinstance(value, str):
            raise ValueError(
                f"{name} is the name of a column, {value!r}, which requires X to be "
                "a path of parquet files, a pyarrow dataset or a dask dataframe. "
                f"Otherwise, pass the values: {name}=frame[{value!r}]."
            )


def raise_if_not_readable_again(X):
    """Raise ValueError for iterators, functions and dicts of arrays."""
    if callable(X) and hasattr(X, "__code__"):
        raise ValueError(
            "X is a function. Pass an object whose __iter__ yields all blocks each "
            "time; see the user guide on large data."
        )
    if isinstance(X, Mapping) and not hasattr(X, "shape"):  # not a sparse matrix
        raise ValueError(
            f"X is a {type(X).__name__} of arrays. Pass one of them, X[name]."
        )
    if hasattr(X, "__next__"):
        raise ValueError(
            "X is an iterator, which can be read only once, but training reads the "
            "data in every epoch. Pass an object whose __iter__ starts from the "
            "beginning, such as a DataLoader or a list of blocks."
        )


def read_parts(X, features=None):
    """Return an iterator over parts of the samples, or None if X is in memory.

    Parameters
    ----------
    X : array-like, or anything that `open_stream` accepts

    features : list of str, default=None
        Names of the feature columns.
    """
    if (stream := open_stream(X, features=features)) is not None:
        return (block.X for block in stream.read_all() if not block.is_empty)
    if (source := find_file_array(X)) is not None:
        return (source.checkable(part) for part in source.slices())
    return None


def changed_stream(what):
    """Return the error for a stream that has changed since the first pass.

    Parameters
    ----------
    what : str
        Description of the difference, for the error message.
    """
    return ValueError(
        f"The stream has {what} than in the first pass. It must yield the same samples "
        "in the same order each time."
    )
