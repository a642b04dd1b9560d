"""Two estimates of the share of wrong labels, each blind to what the other sees."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from sklearn_ls.metrics._temperature import log_probabilities

STARTS = (0.02, 0.2, 0.6)  # shares drawn anew, from which to look for the likeliest


def uniform_part(codes, y_proba):
    """Return the share of labels that look wrong at random.

    Maximises the likelihood of the labels under ``(1 - share) softmax(z / temperature)
    + share / n_classes`` over both unknowns, `z` being the log-probabilities. It is
    blind to mistakes that depend on the class or the features, which the classifier
    learns as well.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes)
        Of each row by a classifier that was not trained on it, smoothed or not: the
        temperature makes up for that.

    Returns
    -------
    rate : float
        Share of wrong labels, in [0, (n_classes - 1) / n_classes]: of those drawn anew
        one in `n_classes` is right.
    """
    n_classes = y_proba.shape[1]
    z = log_probabilities(y_proba)
    rows = np.arange(len(codes))

    def loss(unknowns):
        log_scale, share = unknowns
        fitted = np.exp(log_softmax(z * np.exp(log_scale), axis=1)[rows, codes])
        mixed = (1 - share) * fitted + share / n_classes
        return -np.log(mixed.clip(np.finfo(np.float64).tiny)).mean()

    fits = [minimize(loss, (0.0, g), bounds=((-5, 5), (0, 1))) for g in STARTS]
    share = min(fits, key=lambda fit: fit.fun).x[1]
    return float(share * (n_classes - 1) / n_classes)


def disagreement(codes, y_proba):
    """Return the share of labels off the diagonal of cleanlab's confident joint.

    It counts the labels that a confident classifier contradicts, whatever the pattern,
    and with them the classifier's own mistakes.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes)
        Of each row by a classifier that was not trained on it.

    Returns
    -------
    rate : float
        In [0, 1]; NaN without cleanlab.
    """
    try:
        from cleanlab.count import estimate_joint
    except ImportError:
        return np.nan
    return float(1 - np.trace(estimate_joint(codes, y_proba)))
