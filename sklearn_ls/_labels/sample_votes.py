"""Votes to train on, by sample."""

from dataclasses import dataclass, replace

import numpy as np

from sklearn_ls._labels.annotators import estimate_classes
from sklearn_ls._labels.votes import Votes, read_votes
from sklearn_ls._warnings import warn


@dataclass(frozen=True, eq=False)
class SampleVotes:
    """Votes of annotators, by sample.

    A sample without votes has one by a further annotator, the trusted label.

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
        """Return the votes one by one, of which trusted labels are an annotator's."""
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
    """Return votes on samples, with the labels of the samples and the classes.

    Parameters
    ----------
    answers : array-like of shape (n_samples, n_annotators) or DataFrame
        See :func:`read_votes`. -1 is a missing vote. An annotator who gives the same
        answer to a sample again is counted once.

    y : ndarray of shape (n_samples,), default=None
        Labels, which are trained on where samples have no votes. If None, the most
        likely labels in the model of Dawid and Skene.

    X : array-like of shape (n_samples, ...), default=None
        The samples; the index of a DataFrame has their ids.

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
            f"votes are on {table.n_samples} samples, but y has {len(y)}. Pass a "
            "matrix with a row for each sample, or votes on all of them."
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
    """Return the most likely labels of samples, all of which have votes."""
    if not n_votes.all():
        raise ValueError(
            f"votes has no vote on sample {table.samples[n_votes.argmin()]}. Pass y, "
            "whose labels are trained on where there are no votes."
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
            "y contains -1, so that -1 is also a label in votes, and not a missing "
            "vote. To trust some labels only, pass other labels in y, such as the "
            "majority vote, and leave out the votes on the samples to trust."
        )
    never = np.setdiff1d(np.arange(table.n_classes), codes)
    if len(never):
        warn(
            f"These labels occur in votes, but never in y: "
            f"{table.classes[never].tolist()}. They are classes as well."
        )


def align_votes(table, X):
    """Return votes on the samples of X, in their order.

    Ids of one vote per row are found in the index of X or, without an index, are
    positions in X.

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
        If votes are on other samples, or the rows of a matrix are in another order.
    """
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    ids = table.samples
    index = list(X.index) if hasattr(X, "iloc") else None
    if isinstance(ids, np.ndarray):  # of one vote per row
        position = _find_positions(ids, index, n_samples)
        samples = range(n_samples) if index is None else index
        return table.on_samples(position[table.sample], samples)
    if table.n_samples != n_samples:
        raise ValueError(
            f"votes are on {table.n_samples} samples, but X has {n_samples}. Pass a "
            "matrix with a row for each sample, or a DataFrame with the columns "
            "'sample', 'annotator' and 'label'."
        )
    if index is None or isinstance(ids, range) or index == list(ids):
        return table
    if {*index} == {*ids}:
        raise ValueError(
            "The index of X has the samples of votes in another order: votes begin "
            f"with {list(ids)[:3]}, and X begins with {index[:3]}. Sort X."
        )
    if index != list(range(len(index))):
        raise ValueError(
            "The index of X has other samples than votes. Pass votes on the samples of "
            "X, or X without an index."
        )
    return table


def _find_positions(ids, index, n_samples):
    """Return the positions of samples, by their ids, in X."""
    known = range(n_samples) if index is None else index
    positions = {name: position for position, name in enumerate(known)}
    if len(positions) < n_samples:
        raise ValueError("The index of X is not unique, so votes cannot be assigned.")
    found = [positions.get(name, -1) for name in ids.tolist()]
    if -1 in found:
        missing = ids[found.index(-1)]
        if index is None:
            raise ValueError(
                f"votes are on sample {missing!r}, but X is an array of {n_samples} "
                "samples, whose ids are 0 and so on. Pass X as a DataFrame with the "
                "ids as index, or a matrix of votes with a row for each sample."
            )
        raise ValueError(
            f"votes are on sample {missing!r}, which is not in the index of X."
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
