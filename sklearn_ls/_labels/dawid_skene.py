"""Dawid-Skene model: one confusion matrix per annotator, fitted by EM."""

import numpy as np
from scipy.sparse import csr_array
from scipy.special import logsumexp

# Added to the counts of answers, so that the logarithm of zero counts is finite.
UNSEEN = 1e-10


def fit_dawid_skene(votes, tol=1e-8, *, prior_answers=0.0, weight=None):
    """Return class probabilities, an ndarray of shape (n_samples, n_classes).

    Parameters
    ----------
    votes : Votes
        Votes, at least one per sample.

    tol : float, default=1e-8
        Iterations stop when the log-likelihood per vote increases by at most `tol`.

    prior_answers : float, default=0.0
        Weight of the prior, in answers per class. The prior keeps annotators with few
        votes close to the average annotator; without it, annotators with a single vote
        carry no information.

    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples.
    """
    previous = -np.inf
    for y_soft, log_likelihood in maximize_expectations(votes, prior_answers, weight):
        if log_likelihood - previous <= tol * len(votes.label):
            return y_soft
        previous = log_likelihood


def maximize_expectations(votes, prior_answers=0.0, weight=None):
    """Yield class probabilities and the log-likelihood, one pair per iteration.

    An answer is an observed pair of annotator and label. `vote_matrix` has one row per
    sample and one column per answer, and counts the votes. `rates`, of shape
    (n_answers, n_classes), has the probability of each answer given its annotator and
    the true class.
    """
    keys = votes.annotator * votes.n_classes + votes.label
    answers, answer = np.unique(keys, return_inverse=True)
    _, first, owner = np.unique(
        answers // votes.n_classes, return_index=True, return_inverse=True
    )
    vote_matrix = csr_array(
        (np.ones(len(answer)), (votes.sample, answer)),
        shape=(votes.n_samples, len(answers)),
    )
    weight = np.ones(votes.n_samples) if weight is None else weight / weight.mean()
    weighted_votes = vote_matrix.T.tocsr() * weight
    label = answers % votes.n_classes
    y_soft = votes.counts() / vote_matrix.sum(axis=1)[:, np.newaxis]
    while True:
        prior = np.average(y_soft, axis=0, weights=weight)
        rates = weighted_votes @ y_soft + UNSEEN
        totals = np.add.reduceat(rates, first)[owner]
        if prior_answers:
            rates += prior_answers * _pool(rates, label)[label]
        rates /= totals + prior_answers
        with np.errstate(divide="ignore"):  # classes that nobody voted for
            log_joint = np.log(prior) + vote_matrix @ np.log(rates)
        log_evidence = logsumexp(log_joint, axis=1, keepdims=True)
        y_soft = np.exp(log_joint - log_evidence)
        yield y_soft, weight @ log_evidence.ravel()


def _pool(rates, label):
    """Return the probability of each label (rows) given the class (columns)."""
    n_classes = rates.shape[1]
    pooled = np.eye(n_classes) + 1 / n_classes
    np.add.at(pooled, label, rates)
    return pooled / pooled.sum(axis=0)


def count_answers(votes, y_soft):
    """Return how often each annotator gave each answer to samples of each class.

    Parameters
    ----------
    votes : Votes

    y_soft : ndarray of shape (n_samples, n_classes)
        Class probabilities.

    Returns
    -------
    counts : ndarray of shape (n_annotators, n_classes, n_classes)
        Indexed by annotator, class and answer.
    """
    answer = votes.annotator * votes.n_classes + votes.label
    n_answers = votes.n_annotators * votes.n_classes
    counts = np.stack(
        [
            np.bincount(answer, weights=share[votes.sample], minlength=n_answers)
            for share in y_soft.T
        ]
    )
    shape = votes.n_classes, votes.n_annotators, votes.n_classes
    return counts.reshape(shape).swapaxes(0, 1)
