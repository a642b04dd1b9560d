"""First pass over a stream, which counts labels and holds out samples."""

import numpy as np
from sklearn.preprocessing import StandardScaler

from sklearn_ls._labels.training_labels import (
    ClassSummary,
    TrainingLabels,
    count_codes,
    sum_rows,
)
from sklearn_ls._network.checked_stream import LabeledSamples
from sklearn_ls._network.feature_scaling import update_scaler
from sklearn_ls._samples.order import WINDOW
from sklearn_ls._samples.prefetch import prefetch
from sklearn_ls._warnings import warn

MANY = 100  # expected number of samples of a label that is not missing by chance
# Limits of the held-out samples, which are kept in memory.
MAX_HELD_OUT, MAX_BYTES_HELD_OUT, FEW_HELD_OUT = 2**17, 2**27, 2**10


class Survey:
    """Result of the first pass over a stream.

    Parameters
    ----------
    stream : CheckedStream

    fraction : float
        Fraction of the samples to hold out.

    scales : bool
        Whether to compute the mean and the variance of the features.

    Attributes
    ----------
    stream : CheckedStream

    n_samples : int

    sample : Samples
        Samples of the first block.

    labels : LabelCounts

    summary : ClassSummary

    scaler : StandardScaler or None

    held_out : LabeledSamples or None

    threshold : float
        Samples whose number is smaller are held out.
    """

    def __init__(self, stream, fraction, *, scales):
        self.stream = stream
        self.n_samples, self.sample, self.labels = 0, None, None
        self.scaler = StandardScaler() if scales else None
        held_out, first_window = None, None
        for part, numbers in prefetch(stream.read_all()):
            X, labels = part
            if self.sample is None:
                self.sample, self.labels = X, LabelCounts(labels)
                held_out = HeldOut(fraction, _count_held_out(X))
                if X.is_sparse:
                    self.scaler = None
            if self.scaler is not None:
                update_scaler(self.scaler, X, weight=labels.weight)
            self.n_samples += len(labels)
            self.labels.add(labels)
            held_out.add(part, numbers)
            if first_window is None and self.n_samples * X.n_bytes >= WINDOW:
                first_window = self.labels.classes, self.labels.counts.copy()
        if self.sample is None:
            raise ValueError("The stream has no samples.")
        self.summary = self.labels.summarize()  # may raise
        self.held_out = held_out.join(self.labels.classes)
        self.threshold = held_out.threshold
        if stream.n_shards == 1 and first_window is not None:
            self._warn_if_sorted(*first_window)

    def _warn_if_sorted(self, classes, counts):
        """Warn if labels that are frequent later are missing in the first window.

        Parameters
        ----------
        classes, counts : ndarray
            Classes and number of samples per class in the first window.
        """
        labels = self.labels
        if labels.multilabel:
            return
        expected = labels.counts / labels.counts.sum() * counts.sum()
        frequent = labels.classes[expected >= MANY]
        seen = classes[counts > 0]
        if len(missing := np.setdiff1d(frequent, seen)):
            warn(
                "The stream seems to be sorted by label: the labels "
                f"{missing[:5]} do not occur in its first {counts.sum():.0f} samples. "
                "Only samples that are close to each other are shuffled. Shuffle the "
                "data, or pass them in parts that can be read in any order, such as a "
                "list of blocks, several files or a Dataset."
            )

    def to_dict(self):
        """Return statistics that identify the data."""
        scaler = self.scaler
        moments = None if scaler is None else [scaler.mean_, scaler.var_]
        return {
            "n_samples": self.n_samples,
            "classes": self.labels.classes,
            "shares": self.labels.shares,
            "moments": moments,
        }


class LabelCounts:
    """Counts of the labels of blocks.

    Parameters
    ----------
    labels : TrainingLabels
        Labels of the first block, which are not counted yet.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)

    counts, weights : ndarray of shape (n_classes,)
        Number of samples of positive weight per (most likely) label, and their total
        weight. A single entry for independent labels.

    shares : ndarray of shape (n_classes,)
        Total weight of each class; soft labels divide the weight of a sample.
    """

    def __init__(self, labels):
        self.kind = _kind_of(labels)
        self.classes = labels.classes
        self.multilabel = labels.multilabel
        self.counts, self.weights, self.shares = np.zeros((3, len(self.classes)))
        if self.multilabel:
            self.counts, self.weights = np.zeros((2, 1))

    def add(self, labels):
        """Count the labels of a block.

        Raises
        ------
        ValueError
            If the kind of labels differs from that of previous blocks.
        """
        if _kind_of(labels) != self.kind:
            raise ValueError(
                "All blocks of a stream must have the same kind of labels: labels of "
                "one type, indicators with the same number of columns, or soft labels "
                f"with the same classes. Got {self.kind[0]} and {_kind_of(labels)[0]}."
            )
        self._add_classes(labels.classes)
        labels = labels.recode_among(self.classes)
        weight = labels.weight
        if labels.multilabel:
            weight = np.ones(len(labels)) if weight is None else weight
            self.counts += np.count_nonzero(weight)
            self.weights += weight.sum()
            self.shares += sum_rows(labels.codes, weight)
            return
        n_classes, positive = len(self.classes), labels.positive()
        codes = labels.codes if positive is None else labels.codes[positive]
        weights = count_codes(labels.codes, n_classes, weight)
        self.counts += count_codes(codes, n_classes)
        self.weights += weights
        soft = labels.y_soft
        self.shares += weights if soft is None else sum_rows(soft, weight)

    def _add_classes(self, classes):
        if np.isin(classes, self.classes).all():
            return
        merged = np.union1d(self.classes, classes)
        table = np.searchsorted(merged, self.classes)
        for name in ("counts", "weights", "shares"):
            values = np.zeros(len(merged))
            values[table] = getattr(self, name)
            setattr(self, name, values)
        self.classes = merged

    def summarize(self):
        """Return the summary of the labels.

        Raises
        ------
        ValueError
            If there is only one class.
        """
        present = self.classes[self.shares > 0]
        if not len(present) and not self.weights.any():
            raise ValueError("The weights of all samples of the stream are zero.")
        if not self.multilabel and len(present) < 2:
            raise ValueError(
                "All samples with positive sample_weight have the label "
                f"{present[0]}, but at least two classes are required."
                if len(self.classes) > 1
                else f"y has only one class, {present[0]}. At least two are required."
            )
        prior = self.shares / self.weights.sum()
        return ClassSummary(self.classes, prior, self.multilabel)

    def as_labels(self):
        """Return one label per class, with the total weight of its samples."""
        if self.multilabel:
            return TrainingLabels(np.eye(len(self.classes), dtype=int), self.classes)
        codes = np.arange(len(self.classes))
        return TrainingLabels(codes, self.classes, weight=self.weights)


def _kind_of(labels):
    """Return the name of the kind of labels, and the property that blocks share."""
    if labels.multilabel:
        return "indicators", len(labels.classes)
    if labels.y_soft is not None:
        return "soft labels", tuple(labels.classes.tolist())
    is_text = labels.classes.dtype.kind in "OUST"
    return "text" if is_text else "numbers", None


class HeldOut:
    """Samples with the smallest numbers, which are held out.

    Parameters
    ----------
    fraction : float
        Upper bound of the numbers.

    most : int
        Maximum number of samples.
    """

    def __init__(self, fraction, most):
        self.threshold = fraction
        self.most = most
        self.parts, self.numbers, self.n_samples = [], [], 0

    def add(self, part, numbers):
        """Add the samples of a block whose numbers are below the threshold."""
        chosen = np.flatnonzero(numbers < self.threshold)
        if not len(chosen):
            return
        self.parts.append(part.take(chosen))
        self.numbers.append(numbers[chosen])
        self.n_samples += len(chosen)
        if self.n_samples > 2 * self.most:
            self._thin_out()

    def _thin_out(self):
        numbers = np.concatenate(self.numbers)
        if len(numbers) <= self.most:
            return
        self.threshold = np.partition(numbers, self.most)[self.most]
        kept = [np.flatnonzero(values < self.threshold) for values in self.numbers]
        pairs = list(zip(self.parts, self.numbers, kept, strict=True))
        self.parts = [part.take(index) for part, _, index in pairs if len(index)]
        self.numbers = [values[index] for _, values, index in pairs if len(index)]
        self.n_samples = sum(map(len, self.numbers))

    def join(self, classes):
        """Return the held-out samples, or None if there are none.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,)
            All classes of the stream.
        """
        if not self.parts:
            return None
        self._thin_out()
        return LabeledSamples.concatenate(
            [LabeledSamples(X, y.recode_among(classes)) for X, y in self.parts]
        )


def _count_held_out(X):
    """Return the maximum number of samples to hold out."""
    in_memory = MAX_BYTES_HELD_OUT // max(1, X.n_bytes)
    return max(FEW_HELD_OUT, min(MAX_HELD_OUT, in_memory))
