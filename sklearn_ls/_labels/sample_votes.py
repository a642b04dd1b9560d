"""Votes to train on, by sample."""

from dataclasses import dataclass, replace

import numpy as np

from sklearn_ls._labels.dawid_skene import count_answers, fit_dawid_skene
from sklearn_ls._labels.votes import read_votes

# Answers per class that the prior of an annotator's confusion matrix is worth.
PRIOR_ANSWERS = 10.0
# The prior of the matrix that annotators share: answers that are right, and others.
RIGHT, OTHER = 2.0, 0.5


@dataclass(frozen=True, eq=False)
class SampleVotes:
    """Votes of annotators, by sample.

    Samples without votes have one by an annotator who is always right, after the
    others.

    Parameters
    ----------
    annotator, label : ndarray of shape (n_samples, n_slots)
        Positions of the annotators, and the codes of their answers; -1 where a sample
        has fewer votes.

    samples : array-like of shape (n_samples,)
        Ids of the samples.

    annotators : array-like of shape (n_annotators,)
        Ids of the annotators.

    start : ndarray of shape (n_annotators, n_classes, n_classes)
        Confusion matrices by the model of Dawid and Skene.

    shared : ndarray of shape (n_classes, n_classes)
        Confusion matrix of all annotators together.
    """

    annotator: np.ndarray
    label: np.ndarray
    samples: object
    annotators: object
    start: np.ndarray
    shared: np.ndarray

    def __len__(self):
        return len(self.label)

    def take(self, samples):
        """Return the votes on some samples."""
        return replace(
            self, annotator=self.annotator[samples], label=self.label[samples]
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
        right = np.eye(confusion.shape[1])[np.newaxis]
        with np.errstate(divide="ignore"):
            answers = np.log(np.concatenate([confusion, right])).swapaxes(1, 2)
        total = np.zeros((len(self), confusion.shape[1]))
        for annotator, label in zip(self.annotator.T, self.label.T, strict=True):
            total += np.where(
                (label >= 0)[:, np.newaxis], answers[annotator, label], 0.0
            )
        return total


def encode_votes(answers, y=None):
    """Return votes on samples, with the labels of the samples and the classes.

    Parameters
    ----------
    answers : array-like of shape (n_samples, n_annotators) or DataFrame
        See :func:`read_votes`. -1 is a missing vote.

    y : ndarray of shape (n_samples,), default=None
        Labels, which are trained on where samples have no votes. If None, the most
        likely labels in the model of Dawid and Skene.

    Returns
    -------
    votes : SampleVotes

    codes : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)
    """
    table = read_votes(answers, labels=np.array([]) if y is None else y)
    if y is not None and len(y) != table.n_samples:
        raise ValueError(
            f"votes are on {table.n_samples} samples, but y has {len(y)}. Pass a "
            "matrix with a row for each sample, or votes on all of them."
        )
    n_votes = np.bincount(table.sample, minlength=table.n_samples)
    if y is None and not n_votes.all():
        raise ValueError(
            f"votes has no vote on sample {table.samples[n_votes.argmin()]}. Pass y, "
            "whose labels are trained on where there are no votes."
        )
    voted = table.without_unlabeled()
    y_soft = fit_dawid_skene(voted)
    if y is None:
        codes = y_soft.argmax(axis=1)
    else:
        codes = np.searchsorted(table.classes, y)
    start, shared = _estimate_confusion(count_answers(voted, y_soft))
    return (
        SampleVotes(
            *_by_sample(table, n_votes, codes),
            table.samples,
            table.annotators,
            start,
            shared,
        ),
        codes,
        table.classes,
    )


def check_sample_order(X, samples):
    """Raise ValueError if the index of X has the samples in another order.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples, ...)

    samples : array-like of shape (n_samples,)
        Ids.
    """
    if not hasattr(X, "iloc"):
        return
    index, samples = list(X.index), list(samples)
    if index != samples and {*index} == {*samples}:
        raise ValueError(
            "X has the samples of votes in another order. Sort it by their ids: "
            "X.loc[votes_to_soft(votes)[0].index]."
        )


def _estimate_confusion(counts):
    """Return the confusion matrix of each annotator, and that of all together."""
    n_classes = counts.shape[-1]
    prior = np.full((n_classes, n_classes), OTHER) + np.eye(n_classes) * (RIGHT - OTHER)
    shared = counts.sum(axis=0) + prior
    shared /= shared.sum(axis=1, keepdims=True)
    start = counts + PRIOR_ANSWERS * shared
    return start / start.sum(axis=2, keepdims=True), shared


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
