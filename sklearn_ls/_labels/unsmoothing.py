"""Functions to undo label smoothing in predicted probabilities."""

import numpy as np

from sklearn_ls._labels.noise import split_rate

FLOOR = 1e-3  # minimum probability; smaller values increased the log-loss


def unsmooth(proba, recover, transition_matrix=None):
    """Undo the smoothing in predicted probabilities, assuming it was learned exactly.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)

    recover : callable
        Undoes the formula, as :meth:`LabelSmoother.recover` does.

    transition_matrix : None, float or ndarray of shape (n_classes, n_classes)
        As returned by `check_transition_matrix`. The observed labels were smoothed, and
        `proba` contains probabilities of the true labels.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        Before normalization, at least `FLOOR`, or `0.1 / n_classes` if that is smaller.
    """
    recovered = recover_proba(proba, recover, transition_matrix)
    for floor in (0, floor_of(proba.shape[1])):
        recovered = np.maximum(recovered, floor)
        recovered /= recovered.sum(axis=1, keepdims=True)
    return recovered.astype(proba.dtype, copy=False)


def floor_of(n_classes):
    """Return the minimum probability before normalization."""
    return min(FLOOR, 0.1 / n_classes)


def recover_proba(proba, recover, transition_matrix=None):
    """Undo the smoothing in predicted probabilities by an affine function.

    Parameters
    ----------
    proba, recover, transition_matrix : see unsmooth

    Returns
    -------
    recovered : ndarray of shape (n_samples, n_classes)
        Values may be negative.
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
