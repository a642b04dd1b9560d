"""Confusion matrices of annotators, estimated from their votes."""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from sklearn_ls._labels.dawid_skene import count_answers, fit_dawid_skene

# Answers per class that the prior of an annotator's confusion matrix is worth, chosen
# from 0.5 to 20 on the LabelMe and letter sets of benchmarks/bench_crowds.py.
PRIOR_ANSWERS = 10.0
# That of the first estimates, by which annotators with a single vote count.
FIRST_PRIOR = 1.0
# Share of uniform answers in estimates from votes alone, by which annotators who never
# vote on the same samples as others seem to be always right.
UNIFORM = 0.3
TOL = 1e-4  # of the model of Dawid and Skene, from which training starts


def estimate_classes(table, weight=None):
    """Return the probabilities of the classes in the model of Dawid and Skene.

    Parameters
    ----------
    table : Votes
        At least one for each sample.

    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples.

    Returns
    -------
    y_soft : ndarray of shape (n_samples, n_classes)
    """
    return fit_dawid_skene(table, TOL, prior_answers=FIRST_PRIOR, weight=weight)


def estimate_confusion(votes, n_classes, weight=None):
    """Return confusion matrices to start from, by the model of Dawid and Skene.

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
        That of all annotators together, the mean of the prior.
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
    """What is known of annotators and of the samples that they labeled.

    Parameters
    ----------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Mean answers given the consensus, smoothed by one pseudo-answer per class,
        distributed as the answers of all annotators.

    reliability : ndarray of shape (n_annotators,)
        Accuracies.

    consensus : ndarray of shape (n_samples, n_classes)
        Probabilities of the classes given the votes and the features.
    """

    confusion: np.ndarray
    reliability: np.ndarray
    consensus: np.ndarray


def judge_annotators(labels, confusion, y_proba):
    """Return what votes and predictions tell of annotators.

    Parameters
    ----------
    labels : TrainingLabels
        With votes and weights. Samples of weight zero do not count.

    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Confusion matrices as learned with the network.

    y_proba : ndarray of shape (n_samples, n_classes)
        Predicted probabilities. NaN for samples that do not count.

    Returns
    -------
    annotators : Annotators
    """
    tiny = np.finfo(np.float64).tiny  # trusted labels may be impossible otherwise
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
    """Return the mean answers of each annotator, and of all of them."""
    n_classes = table.n_classes
    counts = count_answers(table, proba)[:-1]  # without trusted labels
    shared = counts.sum(axis=0) + np.eye(n_classes) + 1 / n_classes
    shared /= shared.sum(axis=1, keepdims=True)
    confusion = counts + prior_answers * shared
    return confusion / confusion.sum(axis=2, keepdims=True), shared
