"""Streams whose blocks are validated."""

import zlib
from typing import NamedTuple

import numpy as np

from sklearn_ls._labels.training_labels import TrainingLabels
from sklearn_ls._network.samples import Samples
from sklearn_ls._samples.streams import changed_stream


class LabeledSamples(NamedTuple):
    """Samples with their labels.

    Parameters
    ----------
    X : Samples

    labels : TrainingLabels
    """

    X: Samples
    labels: TrainingLabels

    def take(self, index):
        """Return a subset of the samples."""
        return LabeledSamples(self.X.subset(index), self.labels.take(index))

    def weighted(self, class_weight):
        """Return the same samples with their weights multiplied.

        Parameters
        ----------
        class_weight : float or ndarray of shape (n_classes,)
            Factor of all samples, or of the samples of each class.
        """
        labels = self.labels
        factor = class_weight[labels.codes] if np.ndim(class_weight) else class_weight
        if labels.weight is not None:
            factor = factor * labels.weight
        if np.ndim(factor) == 0 and factor == 1:
            return self
        weight = np.broadcast_to(factor, len(labels))
        return LabeledSamples(self.X, labels.weighted(weight))

    def positive(self):
        """Return the samples of positive weight."""
        index = self.labels.positive()
        return self if index is None else self.take(index)

    @classmethod
    def concatenate(cls, parts):
        """Concatenate samples."""
        if len(parts) == 1:
            return parts[0]
        X = Samples.concatenate([part.X for part in parts])
        return cls(X, TrainingLabels.concatenate([part.labels for part in parts]))


class CheckedStream:
    """A stream whose blocks are validated, with a random number for each sample.

    Parameters
    ----------
    stream : Stream

    check : callable
        Function that validates a block and returns LabeledSamples.

    seed : int
    """

    def __init__(self, stream, check, seed):
        self.stream = stream
        self.check = check
        self.seed = seed
        self.seen = {}  # checksum of the labels of each shard

    @property
    def n_shards(self):
        """Number of shards."""
        return self.stream.n_shards

    def read(self, shard):
        """Yield the LabeledSamples of each block, and their numbers in [0, 1).

        A number depends only on the seed and the position of the sample.

        Raises
        ------
        ValueError
            If a block is invalid, or the labels differ from the first pass.
        """
        rng, checksum = np.random.default_rng([self.seed, shard]), 0
        for block in self.stream.read(shard):
            if block.is_empty:
                continue
            part = self.check(block)
            checksum = _add_labels(checksum, part.labels)
            yield part, rng.random(len(part.labels))
        if self.seen.setdefault(shard, checksum) != checksum:
            raise changed_stream("different labels")

    def read_all(self):
        """Yield samples and numbers of all shards, in order."""
        for shard in range(self.n_shards):
            yield from self.read(shard)


def _add_labels(checksum, labels):
    """Return the checksum, updated by the labels of the next block."""
    checksum = zlib.crc32(labels.classes.astype(str).tobytes(), checksum)
    return zlib.crc32(np.ascontiguousarray(labels.codes), checksum)
