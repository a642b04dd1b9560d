"""Smoothing undone in predicted probabilities."""

import numpy as np

from sklearn_ls._labels.noise import split_rate

FLOOR = 1e-3  # of probabilities; smaller ones raised the log-loss


def unsmooth(proba, recover, transition_matrix=None):
    """Undo the smoothing in predicted probabilities, assuming it was learned exactly.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)

    recover : callable
        Undoes the formula, as :meth:`LabelSmoother.recover` does.

    transition_matrix : None, float or ndarray of shape (n_classes, n_classes)
        As `check_transition_matrix` returns it: the observed labels were smoothed, and
        `proba` is of the true ones.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        At least `FLOOR`, or `0.1 / n_classes` if smaller, before normalization.
    """
    recovered = recover_proba(proba, recover, transition_matrix)
    for floor in (0, floor_of(proba.shape[1])):
        recovered = np.maximum(recovered, floor)
        recovered /= recovered.sum(axis=1, keepdims=True)
    return recovered.astype(proba.dtype, copy=False)


def floor_of(n_classes):
    """Return the smallest probability before normalization."""
    return min(FLOOR, 0.1 / n_classes)


def recover_proba(proba, recover, transition_matrix=None):
    """Undo the smoothing in predicted probabilities, an affine function of them.

    Parameters
    ----------
    proba, recover, transition_matrix : see unsmooth

    Returns
    -------
    recovered : ndarray of shape (n_samples, n_classes)
        May be negative.
    """
    if transition_matrix is None:
        return recover(proba)
    if np.ndim(transition_matrix) == 0:
        stay, move = split_rate(transition_matrix, proba.shape[1])
        return (recover(stay * proba + move) - move) / stay
    observed = recover(proba @ transition_matrix)
    return np.linalg.solve(transition_matrix.T, observed.T).T


def unsmooth_indicators(proba, recover):
    """Undo the smoothing of independent labels.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_labels)

    recover : callable
        Undoes the formula, as :meth:`LabelSmoother.recover` does.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_labels)
        In [FLOOR, 1 - FLOOR].
    """
    return recover(proba).clip(FLOOR, 1 - FLOOR).astype(proba.dtype, copy=False)
