"""The model of Dawid and Skene: a confusion matrix per annotator, by EM."""

import numpy as np
from scipy.sparse import csr_array
from scipy.special import logsumexp

# Added to counts, for answers that were never observed; also keeps logarithms finite.
UNSEEN = 1e-10


def fit_dawid_skene(votes, tol=1e-8, *, prior_answers=0.0, weight=None):
    """Return the probabilities (n_samples, n_classes) of the classes.

    Parameters
    ----------
    votes : Votes
        At least one for each sample.

    tol : float, default=1e-8
        Gain of the log-likelihood per vote at which iterations end.

    prior_answers : float, default=0.0
        Number of answers per class that a prior is worth, which keeps annotators with
        few votes near the answers of all annotators. Without it, annotators with a
        single vote tell nothing.

    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples.
    """
    previous = -np.inf
    for y_soft, log_likelihood in maximize_expectations(votes, prior_answers, weight):
        if log_likelihood - previous <= tol * len(votes.label):
            return y_soft
        previous = log_likelihood


def maximize_expectations(votes, prior_answers=0.0, weight=None):
    """Yield the classes' probabilities and the log-likelihood, without end.

    `said` counts which sample (row) was given which answer (column), an answer being a
    pair of annotator and label that occurs. `rates` holds its probability, given the
    annotator and the true class, of shape (n_answers, n_classes).
    """
    keys = votes.annotator * votes.n_classes + votes.label
    answers, answer = np.unique(keys, return_inverse=True)
    _, first, owner = np.unique(
        answers // votes.n_classes, return_index=True, return_inverse=True
    )
    said = csr_array(
        (np.ones(len(answer)), (votes.sample, answer)),
        shape=(votes.n_samples, len(answers)),
    )
    weight = np.ones(votes.n_samples) if weight is None else weight / weight.mean()
    heard = said.T.tocsr() * weight
    label = answers % votes.n_classes
    y_soft = votes.counts() / said.sum(axis=1)[:, np.newaxis]
    while True:
        prior = np.average(y_soft, axis=0, weights=weight)
        rates = heard @ y_soft + UNSEEN
        totals = np.add.reduceat(rates, first)[owner]
        if prior_answers:
            rates += prior_answers * _pool(rates, label)[label]
        rates /= totals + prior_answers
        with np.errstate(divide="ignore"):  # classes that nobody voted for
            log_joint = np.log(prior) + said @ np.log(rates)
        log_evidence = logsumexp(log_joint, axis=1, keepdims=True)
        y_soft = np.exp(log_joint - log_evidence)
        yield y_soft, weight @ log_evidence.ravel()


def _pool(rates, label):
    """Return the probability of each label (row) given each class, by any annotator."""
    n_classes = rates.shape[1]
    pooled = np.eye(n_classes) + 1 / n_classes
    np.add.at(pooled, label, rates)
    return pooled / pooled.sum(axis=0)


def count_answers(votes, y_soft):
    """Return how often annotators gave each answer to samples of each class.

    Parameters
    ----------
    votes : Votes

    y_soft : ndarray of shape (n_samples, n_classes)
        Probabilities of the classes.

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
