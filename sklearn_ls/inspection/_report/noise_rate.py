"""Two estimates of the fraction of wrong labels."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from sklearn_ls.metrics._temperature import log_probabilities

UNIFORM, DISAGREEMENT = "uniform part", "disagreement"
INITIAL_SHARES = (0.02, 0.2, 0.6)  # starting points: fraction of random labels


def estimate_noise(codes, oof_proba):
    """Return two estimates of the fraction of wrong labels, by name.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    oof_proba : ndarray of shape (n_samples, n_classes)
        NaN for samples that were never held out.

    Returns
    -------
    noise : dict of str to float
    """
    is_held_out = ~np.isnan(oof_proba[:, 0])
    codes, y_proba = codes[is_held_out], oof_proba[is_held_out].astype(np.float64)
    return {
        UNIFORM: uniform_part(codes, y_proba),
        DISAGREEMENT: disagreement(codes, y_proba),
    }


def uniform_part(codes, y_proba):
    """Return the fraction of labels that look wrong at random.

    Maximizes the likelihood of the labels under
    ``(1 - share) softmax(z / temperature) + share / n_classes`` over both unknowns,
    where `z` are the log-probabilities. It does not detect mistakes that depend on the
    class or the features, since the classifier learns them, too.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes)
        Predicted probabilities of a classifier that was not trained on these samples.
        Smoothing makes no difference, since the temperature compensates for it.

    Returns
    -------
    rate : float
        Fraction of wrong labels, in [0, (n_classes - 1) / n_classes], since one in
        `n_classes` labels drawn at random is correct.
    """
    n_classes = y_proba.shape[1]
    z = log_probabilities(y_proba)
    indices = np.arange(len(codes))

    def loss(unknowns):
        log_scale, share = unknowns
        fitted = np.exp(log_softmax(z * np.exp(log_scale), axis=1)[indices, codes])
        mixed = (1 - share) * fitted + share / n_classes
        return -np.log(mixed.clip(np.finfo(np.float64).tiny)).mean()

    bounds = (-5, 5), (0, 1)
    fits = [minimize(loss, (0.0, share), bounds=bounds) for share in INITIAL_SHARES]
    share = min(fits, key=lambda fit: fit.fun).x[1]
    return float(share * (n_classes - 1) / n_classes)


def disagreement(codes, y_proba):
    """Return the fraction of labels off the diagonal of cleanlab's confident joint.

    It counts the labels that a confident classifier contradicts, whatever the pattern,
    including mistakes of the classifier.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes)
        Predicted probabilities of a classifier that was not trained on these samples.

    Returns
    -------
    rate : float
        Fraction of wrong labels, in [0, 1]; NaN if cleanlab is not installed.
    """
    try:
        from cleanlab.count import estimate_joint
    except ImportError:
        return np.nan
    return float(1 - np.trace(estimate_joint(codes, y_proba)))
