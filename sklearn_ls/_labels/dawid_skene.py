"""The model of Dawid and Skene: a confusion matrix per annotator, by EM."""

import numpy as np
from scipy.sparse import csr_array
from scipy.special import logsumexp

# Added to counts, for answers that were never observed; also keeps logarithms finite.
UNSEEN = 1e-10


def fit_dawid_skene(votes, tol=1e-8):
    """Return the probabilities (n_samples, n_classes) of the classes.

    Parameters
    ----------
    votes : Votes
        At least one for each sample.

    tol : float, default=1e-8
        Gain of the log-likelihood per vote at which iterations end.
    """
    previous = -np.inf
    for y_soft, log_likelihood in maximize_expectations(votes):
        if log_likelihood - previous <= tol * len(votes.label):
            return y_soft
        previous = log_likelihood


def maximize_expectations(votes):
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
    heard = said.T.tocsr()
    y_soft = votes.counts() / said.sum(axis=1)[:, np.newaxis]
    while True:
        prior = y_soft.mean(axis=0)
        rates = heard @ y_soft + UNSEEN
        rates /= np.add.reduceat(rates, first)[owner]
        with np.errstate(divide="ignore"):  # classes that nobody voted for
            log_joint = np.log(prior) + said @ np.log(rates)
        log_evidence = logsumexp(log_joint, axis=1, keepdims=True)
        y_soft = np.exp(log_joint - log_evidence)
        yield y_soft, log_evidence.sum()


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
