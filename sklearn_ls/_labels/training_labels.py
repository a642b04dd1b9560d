"""Encoded labels of the training samples, with their weights."""

from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from sklearn.utils import (
    check_consistent_length,
    compute_class_weight,
    gen_batches,
)
from sklearn.utils.multiclass import check_classification_targets

from sklearn_ls._compat import balanced_class_weight
from sklearn_ls._labels.containers import (
    PART,
    check_labels,
    code_dtype,
    column_names,
    encode_labels,
    find_classes,
    parts_of,
    to_numpy_backed,
)
from sklearn_ls._labels.sample_votes import SampleVotes, encode_votes
from sklearn_ls._labels.smoothing import check_epsilon
from sklearn_ls._labels.soft_labels import SoftLabels, check_soft_labels, check_target


def count_codes(codes, n_classes, weight=None):
    """Return the number of samples of each class, or the sum of their weights.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Codes, processed in parts because `np.bincount` makes a copy.

    n_classes : int

    weight : ndarray of shape (n_samples,), default=None
    """
    counts = np.zeros(n_classes)
    size = max(PART, n_classes)
    for part in gen_batches(len(codes), size):
        weights = None if weight is None else weight[part]
        counts += np.bincount(codes[part], weights=weights, minlength=n_classes)
    return counts


def sum_rows(values, weight=None):
    """Return the weighted sum of the rows of a matrix."""
    total = np.zeros(values.shape[1])
    for part in parts_of(len(values)):
        weights = np.ones(1) if weight is None else weight[part]
        total += (values[part] * weights[:, np.newaxis]).sum(axis=0)
    return total


@dataclass(frozen=True, eq=False)
class ClassSummary:
    """Summary of the labels on which smoothing depends.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels; for multilabel targets, the column indices.

    prior : ndarray of shape (n_classes,)
        Weighted frequency of each class.

    multilabel : bool
        Whether the classes are independent labels.
    """

    classes: np.ndarray
    prior: np.ndarray
    multilabel: bool


@dataclass(frozen=True, eq=False)
class TrainingLabels:
    """Labels and weights of samples.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Positions in `classes` of the labels used to split and score samples (the most
        likely labels, for soft labels), or indicators of independent labels.

    classes : ndarray of shape (n_classes,)
        Sorted labels; for indicators, the column indices.

    weight : ndarray of shape (n_samples,), default=None
        Sample weights; None for ones.

    y_soft : ndarray of shape (n_samples, n_classes), default=None
        Soft labels to train on instead of `codes`.

    sample_epsilon : ndarray of shape (n_samples,), default=None
        Epsilon of each sample.

    votes : SampleVotes, default=None
        Votes of annotators to train on instead of `codes`.
    """

    codes: np.ndarray
    classes: np.ndarray
    weight: np.ndarray | None = None
    y_soft: np.ndarray | None = None
    sample_epsilon: np.ndarray | None = None
    votes: SampleVotes | None = None

    def __len__(self):
        return len(self.codes)

    @property
    def multilabel(self):
        """Whether each sample may have several labels."""
        return self.codes.ndim == 2

    @property
    def y(self):
        """The labels themselves, or the indicators."""
        return self.codes if self.multilabel else self.classes[self.codes]

    def take(self, samples):
        """Return the labels of some samples."""

        def part(values):
            return None if values is None else values[samples]

        return TrainingLabels(
            self.codes[samples],
            self.classes,
            part(self.weight),
            part(self.y_soft),
            part(self.sample_epsilon),
            None if self.votes is None else self.votes.take(samples),
        )

    def digest(self):
        """Return a hash of the codes and of any soft labels, votes and weights."""
        digest = sha256()
        for part in parts_of(len(self)):
            digest.update(self.codes[part].astype(np.int64).tobytes())
        if self.y_soft is not None:
            for part in parts_of(len(self)):
                digest.update(self.y_soft[part].astype(np.float64).tobytes())
        if self.votes is not None:
            digest.update(self.votes.annotator.tobytes() + self.votes.label.tobytes())
        if self.weight is not None and np.ptp(self.weight):
            digest.update(b"weights")
            for part in parts_of(len(self)):
                digest.update(self.weight[part].astype(np.float64).tobytes())
        return digest.hexdigest()

    def weighted(self, weight):
        """Return the same labels with other sample weights."""
        return replace(self, weight=weight)

    def normalized(self, samples):
        """Return the labels with weights whose mean over some samples is one."""
        if self.weight is None:
            return self
        weight = self.weight if samples is None else self.weight[samples]
        return self.weighted(self.weight / weight.mean())

    def recode(self, classes):
        """Return the same labels, encoded as positions in a subset of the classes.

        Parameters
        ----------
        classes : ndarray of shape (n_kept,)
            Sorted subset that contains the labels of all samples.
        """
        if len(classes) == len(self.classes):
            return self
        kept = np.searchsorted(self.classes, classes)
        table = np.zeros(len(self.classes), dtype=code_dtype(len(classes)))
        table[kept] = np.arange(len(classes))
        return replace(self, codes=table[self.codes], classes=classes)

    def recode_among(self, classes):
        """Return the same labels, encoded as positions in a superset of the classes.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,)
            Sorted superset of `self.classes`.
        """
        if self.multilabel or self.y_soft is not None:
            return self
        table = np.searchsorted(classes, self.classes).astype(code_dtype(len(classes)))
        return replace(self, codes=table[self.codes], classes=classes)

    @classmethod
    def concatenate(cls, parts):
        """Concatenate labels of the same classes, without votes."""
        first = parts[0]
        weight = y_soft = None
        if any(part.weight is not None for part in parts):
            weight = np.concatenate(
                [np.ones(len(p)) if p.weight is None else p.weight for p in parts]
            )
        if first.y_soft is not None:
            y_soft = np.concatenate([part.y_soft for part in parts])
        codes = np.concatenate([part.codes for part in parts])
        return cls(codes, first.classes, weight, y_soft)

    def find_present(self):
        """Return the classes that occur, or all classes of soft labels and votes."""
        if self.multilabel or self.y_soft is not None or self.votes is not None:
            return self.classes
        return self.classes[count_codes(self.codes, len(self.classes)) > 0]

    def positive(self):
        """Return the positions of the samples of positive weight, or None for all."""
        if self.weight is None or np.all(self.weight > 0):
            return None
        return np.flatnonzero(self.weight)

    def summarize(self):
        """Return the summary of the labels.

        Returns
        -------
        summary : ClassSummary

        Raises
        ------
        ValueError
            If there is only one class.
        """
        shares = self.codes if self.multilabel else self.y_soft
        if shares is None:
            prior = count_codes(self.codes, len(self.classes), self.weight)
            present = self.find_present()
        else:
            prior = sum_rows(shares, self.weight)
            present = self.classes[shares.any(axis=0)]
        if self.weight is not None:
            prior = prior / self.weight.sum()
        else:
            prior = prior / len(self)
        if not self.multilabel and len(present) < 2:
            raise ValueError(
                f"y has only one class, {present[0]}. At least two are required."
            )
        return ClassSummary(self.classes, prior, self.multilabel)


def encode_target(y, classes=None):
    """Validate and encode labels from any container.

    Parameters
    ----------
    y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
            n_classes)
        Labels, an indicator matrix or soft labels.

    classes : ndarray of shape (n_classes,), default=None
        Classes, if known.

    Returns
    -------
    labels : TrainingLabels
        Labels without weights.
    """
    return _encode(check_target(y, classes), classes)


def _encode(target, classes):
    """Encode the output of `check_target`."""
    if isinstance(target, SoftLabels):
        codes = target.y_soft.argmax(axis=1)
        codes = codes.astype(code_dtype(len(target.classes)))
        return TrainingLabels(codes, target.classes, y_soft=target.y_soft)
    target = check_labels(target)
    if target.ndim == 2:
        return TrainingLabels(target, np.arange(target.shape[1]))
    if classes is None:
        classes = find_classes(target)
    return TrainingLabels(encode_labels(target, classes), classes)


def encode_training_labels(
    y, y_soft=None, sample_epsilon=None, classes=None, votes=None, X=None, weight=None
):
    """Validate and encode the labels to train on.

    Parameters
    ----------
    y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
            n_classes)
        Labels, an indicator matrix or soft labels.

    y_soft : array-like of shape (n_samples, n_classes), default=None
        Soft labels to train on; `y` is then used to split and score samples.

    sample_epsilon : array-like of shape (n_samples,), default=None

    classes : ndarray of shape (n_classes,), default=None
        Classes, if known.

    votes : array-like of shape (n_samples, n_annotators) or DataFrame, default=None
        Votes of annotators to train on; `y` may then be None.

    X : array-like of shape (n_samples, ...), default=None
        Samples to which the votes are assigned.

    weight : array-like of shape (n_samples,), default=None
        Sample weights used to estimate labels from votes. They are not validated here.

    Returns
    -------
    labels : TrainingLabels
        Labels without weights.

    Raises
    ------
    ValueError
        If labels are invalid or not in `classes`.
    """
    if votes is not None:
        if sample_epsilon is not None:
            raise ValueError(
                "sample_epsilon cannot be combined with votes. Pass only one of them."
            )
        return _encode_with_votes(y, y_soft, votes, X, weight)
    y, y_soft = to_numpy_backed(y), to_numpy_backed(y_soft)
    target = check_target(y, classes)
    if not isinstance(target, SoftLabels) and target.ndim == 1:
        if target.dtype.kind not in "iub":  # objects must be strings
            check_classification_targets(y)
        _check_seen(target, classes)
    if y_soft is None:
        labels = _encode(target, classes)
    else:
        labels = _encode_with_soft_labels(target, y_soft, classes)
    if classes is not None and len(labels.classes) != len(classes):
        raise ValueError(
            f"y has {len(labels.classes)} columns, but there are {len(classes)} "
            "classes."
        )
    if sample_epsilon is not None:
        sample_epsilon = check_epsilon(
            sample_epsilon,
            [(len(labels),)],
            "sample_epsilon must contain one float in the range [0.0, 1.0] for each of "
            f"the {len(labels)} samples",
        )
    return replace(labels, sample_epsilon=sample_epsilon)


def _check_seen(y, classes):
    if classes is None:
        return
    if (unseen := np.setdiff1d(y, classes)).size:
        raise ValueError(
            "`y` has classes not in `self.classes_`. `self.classes_` has "
            f"{classes}. 'y' also has {unseen}."
        )


def _encode_with_soft_labels(target, y_soft, classes):
    """Return the codes of labels, with the soft labels to train on."""
    if isinstance(target, SoftLabels) or target.ndim == 2:
        raise ValueError(
            "y_soft requires a y with one label per sample, which is used to split and "
            "score samples. Got a matrix as y."
        )
    if classes is None and column_names(y_soft) is None:
        classes = find_classes(target)
    soft = check_soft_labels(y_soft, classes)
    check_consistent_length(target, soft.y_soft)
    try:
        codes = encode_labels(target, soft.classes)
    except ValueError as error:
        raise ValueError(
            f"The columns of y_soft are {soft.classes}, but y has the labels "
            f"{find_classes(target)}. Use the labels as column names, without changing "
            "their type, or pass an array with one column per label, in sorted order."
        ) from error
    return TrainingLabels(codes, soft.classes, y_soft=soft.y_soft)


def _encode_with_votes(y, y_soft, votes, X, weight):
    """Return labels with the votes to train on."""
    if y_soft is not None:
        raise ValueError("votes cannot be combined with y_soft. Pass only one of them.")
    if y is not None:
        y = check_target(to_numpy_backed(y))
        if isinstance(y, SoftLabels) or y.ndim == 2:
            raise ValueError(
                "With votes, y must be None or have one label per sample, which is "
                "used to split and score samples. Got a matrix as y."
            )
        y = check_labels(y)
    votes, codes, classes = encode_votes(votes, y, X, weight)
    return TrainingLabels(codes, classes, votes=votes)


def weigh_classes(labels, class_weight):
    """Return the weight of each class.

    Parameters
    ----------
    labels : TrainingLabels

    class_weight : dict, "balanced" or None

    Returns
    -------
    weights : ndarray of shape (n_classes,) or None
        None if `class_weight` is None.
    """
    if class_weight is None:
        return None
    if labels.multilabel:
        raise ValueError(
            "class_weight is not supported for multilabel y. Use sample_weight instead."
        )
    classes = labels.classes
    if class_weight == "balanced":
        totals = count_codes(labels.codes, len(classes), labels.weight)
        return balanced_class_weight(np.arange(len(classes)), totals, len(classes))
    weights = compute_class_weight(class_weight, classes=classes, y=classes)
    if not np.all((weights >= 0) & np.isfinite(weights)):
        raise ValueError(
            f"class_weight must be finite and non-negative. Got {class_weight} instead."
        )
    totals = count_codes(labels.codes, len(classes), labels.weight)
    if not np.any((totals > 0) & (weights > 0)):
        raise ValueError(
            f"class_weight={class_weight} sets the weight of every sample to zero."
        )
    return weights
