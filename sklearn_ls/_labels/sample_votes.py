"""Votes to train on, by sample."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import softmax

from sklearn_ls._labels.dawid_skene import count_answers, fit_dawid_skene
from sklearn_ls._labels.votes import Votes, read_votes

# Answers per class that the prior of an annotator's confusion matrix is worth. Of 0.5
# to 20 it was the best on LabelMe, and 2 to 20 were the same on letter.
PRIOR_ANSWERS = 10.0
# Share of uniform answers in estimates from votes alone, by which annotators who never
# vote on the same samples as others seem to be always right.
UNIFORM = 0.3
TOL = 1e-4  # of the model of Dawid and Skene, from which training starts


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


def encode_votes(answers, y=None, index=None):
    """Return votes on samples, with the labels of the samples and the classes.

    Parameters
    ----------
    answers : array-like of shape (n_samples, n_annotators) or DataFrame
        See :func:`read_votes`. -1 is a missing vote. An annotator who gives the same
        answer to a sample again tells nothing new.

    y : ndarray of shape (n_samples,), default=None
        Labels, which are trained on where samples have no votes. If None, the most
        likely labels in the model of Dawid and Skene.

    index : array-like of shape (n_samples,), default=None
        Ids of the samples in the order of X, if that is a DataFrame.

    Returns
    -------
    votes : SampleVotes

    codes : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)
    """
    table = read_votes(answers, labels=np.array([]) if y is None else y).distinct()
    check_sample_order(index, table.samples)
    if y is not None and len(y) != table.n_samples:
        raise ValueError(
            f"votes are on {table.n_samples} samples, but y has {len(y)}. Pass a "
            "matrix with a row for each sample, or votes on all of them."
        )
    n_votes = np.bincount(table.sample, minlength=table.n_samples)
    if y is not None:
        codes = np.searchsorted(table.classes, y)
    elif n_votes.all():
        codes = fit_dawid_skene(table).argmax(axis=1)
    else:
        raise ValueError(
            f"votes has no vote on sample {table.samples[n_votes.argmin()]}. Pass y, "
            "whose labels are trained on where there are no votes."
        )
    annotator, label = _by_sample(table, n_votes, codes)
    return SampleVotes(annotator, label, table.annotators), codes, table.classes


def check_sample_order(index, samples):
    """Raise ValueError if a dataframe has the samples of votes in another order.

    Parameters
    ----------
    index : array-like of shape (n_samples,) or None
        Of the dataframe.

    samples : range or array-like of shape (n_samples,)
        Ids of the samples; a range stands for none.
    """
    if index is None or isinstance(samples, range):
        return
    index, samples = list(index), list(samples)
    if index != samples and {*index} == {*samples}:
        raise ValueError(
            "The index of X has the samples of votes in another order: votes on them "
            f"begin with {samples[:3]}, and X begins with {index[:3]}. Sort X."
        )
    if index != list(range(len(index))) and {*index} != {*samples}:
        raise ValueError(
            "The index of X has other samples than votes. Pass votes on the samples of "
            "X, or X without an index."
        )


def estimate_confusion(votes, n_classes):
    """Return confusion matrices to start from, by the model of Dawid and Skene.

    Parameters
    ----------
    votes : SampleVotes

    n_classes : int

    Returns
    -------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)

    shared : ndarray of shape (n_classes, n_classes)
        That of all annotators together, the mean of the prior.
    """
    table = _as_table(votes, n_classes)
    y_soft = fit_dawid_skene(table, TOL)
    confusion, shared = (
        (1 - UNIFORM) * matrices + UNIFORM / n_classes
        for matrices in _average_answers(table, y_soft, PRIOR_ANSWERS)
    )
    return confusion, shared


def describe_annotators(votes, confusion, y_proba):
    """Return what is known of annotators, as fitted attributes, and the consensus.

    Parameters
    ----------
    votes : SampleVotes

    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Confusion matrices as they were learned.

    y_proba : ndarray of shape (n_samples, n_classes)
        Probabilities predicted without the votes on the samples. NaN for samples that
        do not count.

    Returns
    -------
    attributes : dict
        The confusion matrices are mean answers to the consensus, with one answer per
        class as all annotators together give.

    consensus : ndarray of shape (n_samples, n_classes)
        Probabilities of the classes, given the votes as well.
    """
    tiny = np.finfo(np.float64).tiny  # trusted labels may be impossible otherwise
    log_proba = np.log(np.maximum(y_proba.astype(np.float64), tiny))
    consensus = softmax(log_proba + votes.log_likelihood(confusion), axis=1)
    table = _as_table(votes, consensus.shape[1])
    answers, _ = _average_answers(table, np.nan_to_num(consensus), prior_answers=1.0)
    right = np.diagonal(answers, axis1=1, axis2=2)
    attributes = {
        "annotators_": np.asarray(votes.annotators),
        "annotator_confusion_": answers,
        "annotator_reliability_": right @ np.nanmean(consensus, axis=0),
    }
    return attributes, consensus


def _as_table(votes, n_classes):
    """Return one entry per vote, of which trusted labels are another annotator's."""
    sample, slot = np.nonzero(votes.label >= 0)
    return Votes(
        sample,
        votes.annotator[sample, slot],
        votes.label[sample, slot],
        range(len(votes)),
        range(len(votes.annotators) + 1),
        np.arange(n_classes),
    )


def _average_answers(table, proba, prior_answers):
    """Return the mean answers of each annotator, and of all of them."""
    n_classes = table.n_classes
    counts = count_answers(table, proba)[:-1]  # without trusted labels
    shared = counts.sum(axis=0) + np.eye(n_classes) + 1 / n_classes
    shared /= shared.sum(axis=1, keepdims=True)
    confusion = counts + prior_answers * shared
    return confusion / confusion.sum(axis=2, keepdims=True), shared


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
