"""Confusion matrices of annotators, estimated from their votes."""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from sklearn_ls._labels.dawid_skene import count_answers, fit_dawid_skene

# Weight of the prior of an annotator's confusion matrix, in answers per class. Chosen
# from 0.5 to 20 on the LabelMe and letter sets of benchmarks/bench_crowds.py.
PRIOR_ANSWERS = 10.0
# Weight of the prior in the Dawid-Skene model. Without it, annotators with a single
# vote carry no information.
FIRST_PRIOR = 1.0
# Weight of uniform answers in the initial confusion matrices. Votes alone make
# annotators who share no samples with others look perfect.
UNIFORM = 0.3
TOL = 1e-4  # tolerance of the Dawid-Skene model from which training starts


def estimate_classes(table, weight=None):
    """Return class probabilities estimated by the Dawid-Skene model.

    Parameters
    ----------
    table : Votes
        Votes, at least one per sample.

    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples.

    Returns
    -------
    y_soft : ndarray of shape (n_samples, n_classes)
    """
    return fit_dawid_skene(table, TOL, prior_answers=FIRST_PRIOR, weight=weight)


def estimate_confusion(votes, n_classes, weight=None):
    """Return initial confusion matrices estimated by the Dawid-Skene model.

    Parameters
    ----------
    votes : SampleVotes

    n_classes : int

    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples.

    Returns
    -------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)

    shared : ndarray of shape (n_classes, n_classes)
        Confusion matrix of all annotators together, the mean of the prior.
    """
    table = votes.as_table(n_classes)
    y_soft = estimate_classes(table, weight)
    if weight is not None:
        y_soft *= (weight / weight.mean())[:, np.newaxis]
    confusion, shared = (
        (1 - UNIFORM) * matrices + UNIFORM / n_classes
        for matrices in _average_answers(table, y_soft, PRIOR_ANSWERS)
    )
    return confusion, shared


class Annotators(NamedTuple):
    """Estimates for annotators and for the samples that they labeled.

    Parameters
    ----------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Frequency of each answer given the consensus, smoothed by one pseudo-answer per
        class that is distributed like the answers of all annotators.

    reliability : ndarray of shape (n_annotators,)
        Accuracy of each annotator.

    consensus : ndarray of shape (n_samples, n_classes)
        Class probabilities given the votes and the features.
    """

    confusion: np.ndarray
    reliability: np.ndarray
    consensus: np.ndarray


def estimate_annotators(labels, confusion, y_proba):
    """Estimate the reliability of annotators from votes and predictions.

    Parameters
    ----------
    labels : TrainingLabels
        Labels with votes and weights. Samples of weight zero are ignored.

    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Confusion matrices learned jointly with the network.

    y_proba : ndarray of shape (n_samples, n_classes)
        Predicted probabilities; NaN for samples to ignore.

    Returns
    -------
    annotators : Annotators
    """
    tiny = np.finfo(np.float64).tiny  # a trusted label may have probability zero
    log_proba = np.log(np.maximum(y_proba.astype(np.float64), tiny))
    votes = labels.votes
    consensus = softmax(log_proba + votes.log_likelihood(confusion), axis=1)
    weight = np.ones(len(labels)) if labels.weight is None else labels.weight
    counted = ~np.isnan(consensus[:, 0]) & (weight > 0)
    shares = np.zeros_like(consensus)
    weight = weight[counted] / weight[counted].mean()
    shares[counted] = weight[:, np.newaxis] * consensus[counted]
    answers, _ = _average_answers(votes.as_table(shares.shape[1]), shares, 1.0)
    right = np.diagonal(answers, axis1=1, axis2=2)
    return Annotators(answers, right @ shares[counted].mean(axis=0), consensus)


def _average_answers(table, proba, prior_answers):
    """Return the confusion matrix of each annotator, and of all annotators together."""
    n_classes = table.n_classes
    counts = count_answers(table, proba)[:-1]  # without trusted labels
    shared = counts.sum(axis=0) + np.eye(n_classes) + 1 / n_classes
    shared /= shared.sum(axis=1, keepdims=True)
    confusion = counts + prior_answers * shared
    return confusion / confusion.sum(axis=2, keepdims=True), shared
