"""Batches of a stream."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklearn_ls._labels.objective import Objective
from sklearn_ls._network.batches import Gathered, Shuffled, cut_batches
from sklearn_ls._network.checked_stream import CheckedStream, LabeledSamples
from sklearn_ls._network.ranks import ONE_PROCESS, OneProcess
from sklearn_ls._network.row_tensors import RowTensors
from sklearn_ls._network.samples import Samples
from sklearn_ls._network.training_loss import make_rows
from sklearn_ls._samples.order import SMALLEST, WINDOW
from sklearn_ls._samples.prefetch import prefetch
from sklearn_ls._samples.streams import changed_stream


@dataclass(frozen=True, eq=False)
class StreamWindow:
    """Samples of a stream that are shuffled together, in memory.

    Parameters
    ----------
    part : LabeledSamples

    order : ndarray of shape (n_in_window,)
        Order of the samples.

    make_rows : callable
        Function of labels and a dtype that returns RowTensors.
    """

    part: LabeledSamples
    order: np.ndarray
    make_rows: Any

    @property
    def n_samples(self):
        """Number of samples."""
        return len(self.order)

    def after(self, n_done):
        """Return the samples after the first ones."""
        part = self.part.take(self.order[n_done:])
        return replace(self, part=part, order=np.arange(len(part.labels)))

    def joined(self, window):
        """Return these samples followed by those of another window."""
        part = LabeledSamples.concatenate([self.part, window.part])
        order = np.concatenate([self.order, self.n_samples + window.order])
        return replace(self, part=part, order=order)

    def gathered(self):
        """Return the samples with their row tensors."""
        X, labels = self.part
        return Gathered(X, self.order, self.make_rows(labels, X.dtype), self.order)


@dataclass(frozen=True, eq=False)
class StreamBatches(Shuffled):
    """Batches of a stream, whose samples are shuffled in windows.

    Parameters
    ----------
    stream : CheckedStream

    sample : Samples
        Some samples of the stream.

    classes : ndarray of shape (n_classes,)

    objective : Objective

    class_weight : float or ndarray of shape (n_classes,)
        Factors of the sample weights.

    threshold : float
        Samples whose number is smaller are held out.

    n_samples : int
        Number of training samples.

    batch_size : int

    device : str

    ranks : OneProcess or Ranks, default=ONE_PROCESS
        Processes that train together, each on its share of every batch.
    """

    stream: CheckedStream
    sample: Samples
    classes: np.ndarray
    objective: Objective
    class_weight: Any
    threshold: float
    n_samples: int
    batch_size: int
    device: str
    ranks: OneProcess = ONE_PROCESS

    X = None  # samples are not in memory
    rows = RowTensors()  # the loss has no parameters

    def __len__(self):
        return self.n_samples

    def epoch(self, rng=None):
        """Return an iterator over (samples, row tensors), this process's shares.

        Parameters
        ----------
        rng : numpy.random.Generator, default=None
            Generator used to shuffle the shards and the samples of each window; None
            keeps their order.
        """
        windows = prefetch(self._windows(None if rng is None else rng.spawn(1)[0]))
        return cut_batches(
            windows, self.slices(), self.batch_size, self.device, self.ranks
        )

    def some_samples(self):
        """Return a few samples to test a network with."""
        return self.sample.take(slice(self.batch_size), self.device)

    def _windows(self, rng):
        shards = np.arange(self.stream.n_shards)
        if rng is not None:
            rng.shuffle(shards)
        parts, n_bytes = [], 0
        for shard in shards:
            for part, numbers in self.stream.read(int(shard)):
                part = self._select(part, numbers)
                if not len(part.labels):
                    continue
                parts.append(part)
                n_bytes += len(part.labels) * max(SMALLEST, part.X.n_bytes)
                if n_bytes >= WINDOW:
                    yield self._window(parts, rng)
                    parts, n_bytes = [], 0
        if parts:
            yield self._window(parts, rng)

    def _select(self, part, numbers):
        """Return the training samples of a block, with their weights."""
        if not np.isin(part.labels.classes, self.classes).all():
            raise changed_stream("different labels")
        labels = part.labels.recode_among(self.classes)
        part = LabeledSamples(part.X, labels).weighted(self.class_weight)
        kept = numbers >= self.threshold
        if part.labels.weight is not None:
            kept &= part.labels.weight > 0
        return part if kept.all() else part.take(np.flatnonzero(kept))

    def _window(self, parts, rng):
        part = LabeledSamples.concatenate(parts)
        order = np.arange(len(part.labels))
        if rng is not None:
            rng.shuffle(order)
        return StreamWindow(part, order, self._make_rows)

    def _make_rows(self, labels, dtype):
        return make_rows(self.objective, labels, dtype, self.device)
