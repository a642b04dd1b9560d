"""Streams of blocks: what a first pass counts, and batches."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from sklearn_ls._labels.objective import Objective
from sklearn_ls._labels.training_labels import (
    ClassSummary,
    TrainingLabels,
    count_codes,
    sum_rows,
)
from sklearn_ls._network.batches import Gathered, cut_batches, share_batches
from sklearn_ls._network.feature_scaling import update_scaler
from sklearn_ls._network.ranks import ONE_PROCESS, OneProcess
from sklearn_ls._network.row_tensors import RowTensors
from sklearn_ls._network.samples import Samples
from sklearn_ls._network.training_loss import make_rows
from sklearn_ls._samples.order import WINDOW
from sklearn_ls._samples.prefetch import prefetch
from sklearn_ls._samples.streams import Stream

MAX_HELD_OUT = 2**17  # samples, or
MAX_BYTES_HELD_OUT = 2**27


class LabeledSamples(NamedTuple):
    """Some samples with their labels.

    Parameters
    ----------
    X : Samples

    labels : TrainingLabels
    """

    X: Samples
    labels: TrainingLabels

    def take(self, index):
        """Return some of them."""
        return LabeledSamples(self.X.subset(index), self.labels.take(index))

    def weighted(self, class_weight):
        """Return the same samples with their weights multiplied.

        Parameters
        ----------
        class_weight : float or ndarray of shape (n_classes,)
            By the factor of all samples, or of each label.
        """
        labels = self.labels
        factor = class_weight[labels.codes] if np.ndim(class_weight) else class_weight
        if labels.weight is not None:
            factor = factor * labels.weight
        if np.ndim(factor) == 0 and factor == 1:
            return self
        weight = np.broadcast_to(factor, len(labels))
        return LabeledSamples(self.X, labels.weighted(weight))

    def count_positive(self):
        """Return the number of samples of positive weight."""
        weight = self.labels.weight
        return len(self.labels) if weight is None else np.count_nonzero(weight)

    @classmethod
    def concatenate(cls, parts):
        """Return samples one after the other."""
        if len(parts) == 1:
            return parts[0]
        X = Samples.concatenate([part.X for part in parts])
        return cls(X, TrainingLabels.concatenate([part.labels for part in parts]))


@dataclass(frozen=True, eq=False)
class CheckedStream:
    """A stream whose blocks are validated, with a random number for each sample.

    Parameters
    ----------
    stream : Stream

    check : callable
        Returns the LabeledSamples of a block.

    seed : int
    """

    stream: Stream
    check: Any
    seed: int

    def read(self, shard):
        """Yield the LabeledSamples of each block, and numbers in [0, 1).

        A number depends on the seed and the place of the sample only.
        """
        rng = np.random.default_rng([self.seed, shard])
        for block in self.stream.read(shard):
            if np.shape(block.X)[:1] == (0,):
                continue
            part = self.check(block)
            yield part, rng.random(len(part.labels))

    def read_all(self):
        """Yield the same for all shards, in order."""
        for shard in range(self.stream.n_shards):
            yield from self.read(shard)


class Survey:
    """What a first pass over a stream tells.

    Parameters
    ----------
    stream : CheckedStream

    fraction : float
        Fraction of the samples to hold out.

    scales : bool
        Whether to measure the features.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)

    n_samples : int

    counts, weights : ndarray of shape (n_classes,)
        Number of samples of positive weight with each label, or most likely label, and
        their total weight; all in one for independent labels.

    shares : ndarray of shape (n_classes,)
        Total weight of each class, divided among classes by soft labels.

    scaler : StandardScaler or None

    held_out : LabeledSamples or None

    threshold : float
        Samples with a smaller number are held out.
    """

    def __init__(self, stream, fraction, *, scales):
        self.stream = stream
        self.n_samples, self.sample = 0, None
        self.classes, self.counts, self.weights, self.shares = None, 0, 0, 0
        self.scaler = StandardScaler() if scales else None
        self.threshold = fraction
        parts, numbers = [], []
        for part, u in prefetch(stream.read_all()):
            self._count(part)
            chosen = np.flatnonzero(u < self.threshold)
            if len(chosen):
                parts.append(part.take(chosen))
                numbers.append(u[chosen])
            if sum(map(len, numbers)) > 2 * self._max_held_out():
                parts, numbers = self._thin_out(parts, numbers)
        if not self.n_samples:
            raise ValueError("The stream has no samples.")
        if parts:
            parts, _ = self._thin_out(parts, numbers)
        self.held_out = None
        if parts:
            X, labels = LabeledSamples.concatenate(
                [
                    LabeledSamples(p.X, p.labels.recode_among(self.classes))
                    for p in parts
                ]
            )
            self.held_out = LabeledSamples(X, labels)

    def _count(self, part):
        X, labels = part
        if self.scaler is not None and not X.is_sparse:
            update_scaler(self.scaler, X, weight=labels.weight)
        self.sample = X if self.sample is None else self.sample
        self.n_samples += len(labels)
        self._merge_classes(labels)
        labels = labels.recode_among(self.classes)
        n_classes = len(self.classes)
        shares = labels.codes if labels.multilabel else labels.y_soft
        if labels.multilabel:
            weight = np.ones(len(labels)) if labels.weight is None else labels.weight
            counts, weights = float(np.count_nonzero(weight)), weight.sum()
        else:
            positive = labels.positive()
            codes = labels.codes if positive is None else labels.codes[positive]
            counts = count_codes(codes, n_classes)
            weights = count_codes(labels.codes, n_classes, labels.weight)
        self.counts, self.weights = self.counts + counts, self.weights + weights
        self.shares += weights if shares is None else sum_rows(shares, labels.weight)

    def _merge_classes(self, labels):
        """Add the classes of a block to those of the blocks before."""
        if self.classes is None:
            self.classes, self.multilabel = labels.classes, labels.multilabel
            self.is_soft = labels.y_soft is not None
            return
        is_soft = labels.y_soft is not None
        fixed = labels.multilabel or is_soft
        same = (labels.multilabel, is_soft) == (self.multilabel, self.is_soft)
        if not same or (fixed and not np.array_equal(labels.classes, self.classes)):
            raise ValueError(
                "The labels of the blocks of a stream must be of one kind: labels, "
                "indicators of as many labels, or soft labels of the same classes."
            )
        if fixed or np.isin(labels.classes, self.classes).all():
            return
        merged = np.union1d(self.classes, labels.classes)
        table = np.searchsorted(merged, self.classes)
        for name in ("counts", "weights", "shares"):
            values = np.zeros(len(merged))
            values[table] = getattr(self, name)
            setattr(self, name, values)
        self.classes = merged

    def _max_held_out(self):
        return max(
            2**10, min(MAX_HELD_OUT, MAX_BYTES_HELD_OUT // max(1, self.sample.n_bytes))
        )

    def _thin_out(self, parts, numbers):
        """Keep the held-out samples of smallest number, if they are too many."""
        numbers, most = np.concatenate(numbers), self._max_held_out()
        sizes = [len(part.labels) for part in parts]
        if len(numbers) > most:
            self.threshold = np.partition(numbers, most)[most]
        chosen = np.split(numbers < self.threshold, np.cumsum(sizes)[:-1])
        parts = [
            p.take(np.flatnonzero(keep)) for p, keep in zip(parts, chosen, strict=True)
        ]
        return parts, [numbers[numbers < self.threshold]]

    @property
    def summary(self):
        """The summary of the labels."""
        present = self.classes[np.asarray(self.shares) > 0]
        if not self.multilabel and len(present) < 2:
            raise ValueError(
                f"y has only one class, {self.classes[0]}; smoothing requires two."
            )
        prior = self.shares / np.sum(self.weights)
        return ClassSummary(self.classes, prior, self.multilabel)

    def to_dict(self):
        """Return the numbers that identify the data."""
        scaler = self.scaler
        moments = None if scaler is None else [scaler.mean_, scaler.var_]
        return {
            "n_samples": self.n_samples,
            "classes": self.classes,
            "shares": self.shares,
            "moments": moments,
        }

    def labels_of_classes(self):
        """Return a label of each class, with the weight of all samples that have it."""
        if self.multilabel:
            codes = np.eye(len(self.classes), dtype=int)
            return TrainingLabels(codes, self.classes)
        codes = np.arange(len(self.classes))
        return TrainingLabels(codes, self.classes, weight=self.weights)


@dataclass(frozen=True, eq=False)
class StreamWindow:
    """Samples of a stream that are shuffled together, in memory.

    Parameters
    ----------
    part : LabeledSamples

    order : ndarray of shape (n_in_window,)

    make_rows : callable
        Returns the RowTensors of labels, in a dtype.
    """

    part: LabeledSamples
    order: np.ndarray
    make_rows: Any

    @property
    def n_samples(self):
        """The number of samples."""
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
class StreamBatches:
    """Batches of a stream, whose samples are shuffled in windows.

    Parameters
    ----------
    stream : CheckedStream

    classes : ndarray of shape (n_classes,)

    objective : Objective

    class_weight : float or ndarray of shape (n_classes,)
        By which sample weights are multiplied.

    threshold : float
        Samples with smaller numbers are held out.

    n_samples : int
        Number of training samples.

    batch_size : int

    device : str

    ranks : OneProcess or Ranks, default=ONE_PROCESS
        Processes that train together, each on its share of every batch.
    """

    stream: CheckedStream
    classes: np.ndarray
    objective: Objective
    class_weight: Any
    threshold: float
    n_samples: int
    batch_size: int
    device: str
    ranks: OneProcess = ONE_PROCESS

    X = None  # not in memory
    rows = RowTensors()  # nothing is learned with the network's weights

    def __len__(self):
        return self.n_samples

    @property
    def n_batches(self):
        """Number of batches per epoch."""
        return sum(1 for _ in self._slices())

    def shares(self):
        """Return the share of each batch that `epoch` yields in this process."""
        return share_batches(self._slices(), self.ranks)

    def _slices(self):
        return gen_batches(
            len(self), self.batch_size, min_batch_size=min(2, self.batch_size)
        )

    def epoch(self, rng=None):
        """Return an iterator of (samples, their row tensors).

        They are the shares of this process.

        Parameters
        ----------
        rng : numpy.random.Generator, default=None
            Shuffles the shards, and the samples of each window; None leaves all in
            order.
        """
        windows = prefetch(self._windows(None if rng is None else rng.spawn(1)[0]))
        return cut_batches(
            windows, self._slices(), self.batch_size, self.device, self.ranks
        )

    def first(self):
        """Return the first batch, in order."""
        for window in self._windows(None, window_bytes=1):
            n_samples = min(window.n_samples, self.batch_size)
            span = slice(0, n_samples)
            return next(cut_batches([window], iter([span]), n_samples, self.device))

    def _windows(self, rng, window_bytes=WINDOW):
        shards = np.arange(self.stream.stream.n_shards)
        if rng is not None:
            rng.shuffle(shards)
        parts, n_bytes = [], 0
        for shard in shards:
            for part, numbers in self.stream.read(int(shard)):
                part = self._select(part, numbers)
                if not len(part.labels):
                    continue
                parts.append(part)
                n_bytes += len(part.labels) * max(64, part.X.n_bytes)
                if n_bytes >= window_bytes:
                    yield self._window(parts, rng)
                    parts, n_bytes = [], 0
        if parts:
            yield self._window(parts, rng)

    def _select(self, part, numbers):
        """Return the training samples of a block, with their weights."""
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
