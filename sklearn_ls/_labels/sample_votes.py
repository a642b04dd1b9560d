"""Annotators' votes for training, grouped by sample."""

from dataclasses import dataclass, replace

import numpy as np

from sklearn_ls._labels.annotators import estimate_classes
from sklearn_ls._labels.votes import Votes, read_votes
from sklearn_ls._warnings import warn


@dataclass(frozen=True, eq=False)
class SampleVotes:
    """Votes of annotators, grouped by sample.

    The trusted label of a sample without votes is stored as the vote of an additional
    annotator.

    Parameters
    ----------
    annotator, label : ndarray of shape (n_samples, n_slots)
        Indices of the annotators, and the codes of their answers; -1 where a sample has
        fewer votes.

    annotators : array-like of shape (n_annotators,)
        Ids of the annotators.
    """

    annotator: np.ndarray
    label: np.ndarray
    annotators: object

    def __len__(self):
        return len(self.label)

    def take(self, samples):
        """Return the votes on some samples."""
        return replace(
            self, annotator=self.annotator[samples], label=self.label[samples]
        )

    def as_table(self, n_classes):
        """Return one entry per vote, including the trusted labels."""
        sample, slot = np.nonzero(self.label >= 0)
        return Votes(
            sample,
            self.annotator[sample, slot],
            self.label[sample, slot],
            range(len(self)),
            range(len(self.annotators) + 1),
            np.arange(n_classes),
        )

    def log_likelihood(self, confusion):
        """Return the log-probability of the votes on each sample for each class.

        Parameters
        ----------
        confusion : ndarray of shape (n_annotators, n_classes, n_classes)

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples, n_classes)
        """
        trusted = np.eye(confusion.shape[1])[np.newaxis]
        with np.errstate(divide="ignore"):
            log_answers = np.log(np.concatenate([confusion, trusted])).swapaxes(1, 2)
        total = np.zeros((len(self), confusion.shape[1]))
        for annotator, label in zip(self.annotator.T, self.label.T, strict=True):
            is_vote = (label >= 0)[:, np.newaxis]
            total += np.where(is_vote, log_answers[annotator, label], 0.0)
        return total


def encode_votes(answers, y=None, X=None, weight=None):
    """Group votes by sample; return them with the encoded labels and the classes.

    Parameters
    ----------
    answers : array-like of shape (n_samples, n_annotators) or DataFrame
        See :func:`read_votes`. -1 is a missing vote. Identical votes of an annotator on
        a sample are counted once.

    y : ndarray of shape (n_samples,), default=None
        Labels, used for training where samples have no votes. If None, the most likely
        labels in the Dawid-Skene model are used.

    X : array-like of shape (n_samples, ...), default=None
        Samples; the index of a DataFrame contains their ids.

    weight : array-like of shape (n_samples,), default=None
        Sample weights. Ignored unless they are valid.

    Returns
    -------
    votes : SampleVotes

    codes : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)
    """
    labels = np.array([]) if y is None else y
    table = read_votes(answers, labels=labels, name="votes").distinct()
    if X is not None:
        table = align_votes(table, X)
    if y is not None and len(y) != table.n_samples:
        raise ValueError(
            f"votes has {table.n_samples} samples, but y has {len(y)}. Pass a matrix "
            "with one row per sample, or votes on all samples."
        )
    n_votes = np.bincount(table.sample, minlength=table.n_samples)
    if y is not None:
        codes = np.searchsorted(table.classes, y)
        _warn_of_labels(table, codes)
    else:
        codes = _estimate_labels(table, n_votes, weight)
    annotator, label = _by_sample(table, n_votes, codes)
    return SampleVotes(annotator, label, table.annotators), codes, table.classes


def _estimate_labels(table, n_votes, weight):
    """Return the most likely labels; raise if a sample has no votes."""
    if not n_votes.all():
        raise ValueError(
            f"votes has no vote on sample {table.samples[n_votes.argmin()]}. Pass y to "
            "provide labels of samples without votes."
        )
    weight = None if weight is None else np.asarray(weight, dtype=np.float64)
    if weight is not None and (
        weight.shape != n_votes.shape or not (weight >= 0).all() or not weight.any()
    ):
        weight = None  # an error is raised when weights are validated
    return estimate_classes(table, weight).argmax(axis=1)


def _warn_of_labels(table, codes):
    complete = len(table.label) == table.n_samples * table.n_annotators
    if complete and table.n_classes > 2 and -1 in table.classes.tolist():
        warn(
            "y contains -1, so -1 is a label in votes as well, and not a missing vote. "
            "To trust only some labels, replace -1 in y by other labels, such as the "
            "majority vote, and remove the votes on the trusted samples."
        )
    never = np.setdiff1d(np.arange(table.n_classes), codes)
    if len(never):
        warn(
            f"These labels occur in votes, but not in y: "
            f"{table.classes[never].tolist()}. They are added to the classes."
        )


def align_votes(table, X):
    """Return votes in the order of the samples of X.

    Sample ids of a table with one vote per row are looked up in the index of X. If X
    has no index, they are positions in X.

    Parameters
    ----------
    table : Votes

    X : array-like of shape (n_samples, ...)

    Returns
    -------
    table : Votes

    Raises
    ------
    ValueError
        If the samples of votes and X differ, or are in a different order.
    """
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    ids = table.samples
    index = list(X.index) if hasattr(X, "iloc") else None
    if isinstance(ids, np.ndarray):  # one vote per row
        position = _find_positions(ids, index, n_samples)
        samples = range(n_samples) if index is None else index
        return table.on_samples(position[table.sample], samples)
    if table.n_samples != n_samples:
        raise ValueError(
            f"votes has {table.n_samples} samples, but X has {n_samples}. Pass a "
            "matrix with one row per sample, or a DataFrame with the columns "
            "'sample', 'annotator' and 'label'."
        )
    if index is None or isinstance(ids, range) or index == list(ids):
        return table
    if {*index} == {*ids}:
        raise ValueError(
            "X and votes have the same samples in a different order: votes starts with "
            f"{list(ids)[:3]}, X with {index[:3]}. Sort X in the order of votes."
        )
    if index != list(range(len(index))):
        raise ValueError(
            "The index of X does not match the samples of votes. Pass votes on the "
            "samples of X, or pass X as an array."
        )
    return table


def _find_positions(ids, index, n_samples):
    """Return the positions in X of samples with these ids."""
    known = range(n_samples) if index is None else index
    positions = {name: position for position, name in enumerate(known)}
    if len(positions) < n_samples:
        raise ValueError("The index of X is not unique, so votes cannot be assigned.")
    found = [positions.get(name, -1) for name in ids.tolist()]
    if -1 in found:
        missing = ids[found.index(-1)]
        if index is None:
            raise ValueError(
                f"votes contains sample {missing!r}, but X is an array, whose samples "
                f"have the ids 0 to {n_samples - 1}. Pass X as a DataFrame with the "
                "ids as index, or pass a matrix of votes with one row per sample."
            )
        raise ValueError(
            f"votes contains sample {missing!r}, which is not in the index of X."
        )
    return np.array(found)


def _by_sample(table, n_votes, codes):
    """Return annotators and labels of shape (n_samples, n_slots)."""
    order = np.argsort(table.sample, kind="stable")
    first = np.cumsum(n_votes) - n_votes
    slot = np.arange(len(order)) - np.repeat(first, n_votes)
    shape = table.n_samples, max(1, n_votes.max(initial=0))
    annotator, label = np.full(shape, -1), np.full(shape, -1)
    annotator[table.sample[order], slot] = table.annotator[order]
    label[table.sample[order], slot] = table.label[order]
    trusted = n_votes == 0
    annotator[trusted, 0], label[trusted, 0] = table.n_annotators, codes[trusted]
    return annotator, label
