"""Cross-entropy with soft targets, as an objective for gradient boosting."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit


@dataclass(eq=False)
class SoftObjective:
    """Gradient and Hessian of the cross-entropy with soft targets, in NumPy.

    The loss of a sample with raw scores z is ``-mass . log(p @ T)``, where ``p`` is the
    softmax of z or, with two classes, z is the logit of the second.

    Classes are on the first axis, which NumPy reduces much faster than a short last
    axis.

    Parameters
    ----------
    mass : ndarray of shape (n_classes, n_samples)
        Soft targets, times the weights of samples and classes.

    transition : ndarray of shape (n_classes, n_classes), default=None
        Probability of each observed label (columns) given the true label (rows).

    hessian_factor : float, default=1.0
        Factor of the diagonal of the Hessian, which libraries use for more than two
        classes.
    """

    mass: np.ndarray
    transition: np.ndarray | None = None
    hessian_factor: float = 1.0

    def __post_init__(self):
        self.total = self.mass.sum(axis=0)

    def prior(self):
        """Return the positive frequency of each class, of shape (n_classes,).

        With a transition, these would be frequencies of observed labels, so a uniform
        distribution is returned.
        """
        if self.transition is not None:
            return np.full(len(self.mass), 1 / len(self.mass))
        totals = self.mass.sum(axis=1, dtype=float)
        prior = np.maximum(totals / totals.sum(), 1e-15)
        return prior / prior.sum()

    def gradient_and_hessian(self, raw):
        """Return the derivatives of the loss of each sample.

        With a transition, the expected Hessian (Fisher scoring) is used, which is never
        negative.

        Parameters
        ----------
        raw : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Raw scores; one per sample for two classes.

        Returns
        -------
        gradient, hessian : ndarray of the shape of `raw`
            The gradient and the diagonal of the Hessian.
        """
        proba = _proba(raw)
        if self.transition is None:
            hessian = proba * (1 - proba)
            gradient = np.multiply(proba, self.total, out=proba)
            gradient -= self.mass
        else:
            observed = (self.transition.T @ proba).clip(min=1e-30)
            factor = np.square(self.transition) @ (1 / observed) - 1
            hessian = np.square(proba) * factor
            gradient = proba * (self.total - self.transition @ (self.mass / observed))
        hessian *= self.total
        if raw.ndim == 1:
            return gradient[1], hessian[1]
        hessian *= self.hessian_factor
        return gradient.T, hessian.T


def _proba(raw):
    """Return the probabilities of raw scores, of shape (n_classes, n_samples)."""
    if raw.ndim == 1:
        positive = expit(raw)
        return np.stack([1 - positive, positive])
    proba = np.array(raw.T, order="C")
    proba -= proba.max(axis=0)
    np.exp(proba, out=proba)
    proba /= proba.sum(axis=0)
    return proba
