"""Streams whose blocks are validated."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sklearn_ls._labels.training_labels import TrainingLabels
from sklearn_ls._network.samples import Samples
from sklearn_ls._samples.streams import Stream


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
