"""Calibration of the logits of a trained network.

A calibration is a subclass of `Calibrator` that is registered in `CALIBRATIONS`.
"""

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import logit
from torch import Tensor

from sklearn_ls._labels.objective import Objective, SmoothingRule
from sklearn_ls._labels.smoothing import recover_indicators, recover_targets
from sklearn_ls._labels.unsmoothing import unsmooth, unsmooth_indicators
from sklearn_ls._network.training_loss import make_loss, make_rows

LOG_SCALES = -10.0, 10.0  # search range for the logarithm of the scale of the logits


class Calibrator:
    """Leaves the logits unchanged; base class of the other calibrators."""

    needs_hold_out = False
    attribute_names: tuple[str, ...] = ()  # fitted attributes of the estimator

    @classmethod
    def check(cls, objective, labels):
        """Raise ValueError before training if this calibration is impossible.

        Parameters
        ----------
        objective : Objective

        labels : TrainingLabels
        """

    @classmethod
    def fit(cls, logits, labels, objective):
        """Return a fitted calibrator.

        Parameters
        ----------
        logits : ndarray of shape (n_held_out, n_classes)
            Logits of samples that the network was not trained on; None unless
            `needs_hold_out`.

        labels : TrainingLabels
            Labels of these samples.

        objective : Objective
        """
        return cls()

    def __call__(self, logits: Tensor) -> Tensor:
        """Return calibrated logits."""
        return logits

    def attributes(self):
        """Return the fitted attributes of the estimator, by name."""
        return {name: getattr(self, name[:-1]) for name in self.attribute_names}

    @classmethod
    def restore(cls, attributes, objective):
        """Restore a calibrator from its attributes."""
        return cls()


@dataclass(frozen=True)
class Temperature(Calibrator):
    """Temperature scaling: divides the logits by a number.

    Parameters
    ----------
    temperature : float
        Positive.
    """

    temperature: float

    needs_hold_out = True
    attribute_names = ("temperature_",)

    @classmethod
    def fit(cls, logits, labels, objective):
        """Return the temperature with the smallest loss on held-out samples.

        If all of them are predicted correctly, or more confidently than a transition
        matrix allows, the loss decreases with the temperature without a minimum. The
        transition matrix is then ignored, and a sample of unknown label is added.
        """
        n_samples = len(labels)
        labels = replace(labels, sample_epsilon=None, votes=None)
        objectives = [
            _with_uniform(objective, 0.0),
            replace(
                _with_uniform(objective, 1 / (1 + n_samples)), transition_matrix=None
            ),
        ]
        logits = torch.from_numpy(logits).double()
        for candidate in objectives:
            mean_loss = make_loss(candidate, np.float64, "cpu").mean
            rows = make_rows(candidate, labels, np.float64, "cpu").widened()

            def loss(log_scale, mean_loss=mean_loss, rows=rows):
                return float(mean_loss(logits * math.exp(log_scale), rows))

            best = minimize_scalar(
                loss, bounds=LOG_SCALES, method="bounded", options={"xatol": 1e-12}
            )
            if best.fun < loss(LOG_SCALES[1]):
                break
        return cls(math.exp(-best.x))

    def __call__(self, logits):
        """Return the logits divided by the temperature."""
        return logits / self.temperature

    @classmethod
    def restore(cls, attributes, objective):
        """Restore a calibrator from its temperature."""
        return cls(attributes["temperature_"])


def _with_uniform(objective, epsilon):
    """Return an objective with uniform smoothing and without votes."""
    rule = SmoothingRule(epsilon, "uniform", objective.rule.n_outcomes)
    return replace(objective, rule=rule, has_votes=False)


@dataclass(frozen=True, eq=False)
class Unsmoothing(Calibrator):
    """Undoes the smoothing formula.

    Parameters
    ----------
    objective : Objective
        Objective that the network was trained for.
    """

    objective: Objective

    @classmethod
    def check(cls, objective, labels):
        """Raise ValueError if the smoothing is not invertible."""
        if labels.sample_epsilon is not None:
            raise ValueError(
                "calibration='unsmooth' cannot undo a sample_epsilon. Set calibration "
                "to None or 'temperature', or fit without sample_epsilon."
            )
        n_classes, matrix = objective.n_classes, objective.transition_matrix
        if np.ndim(matrix) == 2 and np.linalg.matrix_rank(matrix) < n_classes:
            raise ValueError(
                "calibration='unsmooth' requires an invertible transition_matrix, but "
                "one of its rows is a combination of the others. Set calibration to "
                "None or 'temperature'."
            )
        undo = recover_indicators if objective.multilabel else recover_targets
        undo(np.full((1, n_classes), 1 / n_classes), objective.smoothing)

    @classmethod
    def fit(cls, logits, labels, objective):
        """Return the calibrator that inverts the smoothing of an objective."""
        return cls(objective)

    @classmethod
    def restore(cls, attributes, objective):
        """Return the calibrator that inverts the smoothing of an objective."""
        return cls(objective)

    def __call__(self, logits):
        """Return the logits of the unsmoothed probabilities."""
        smoothing = self.objective.smoothing
        if self.objective.multilabel:
            recover = partial(recover_indicators, smoothing=smoothing)
            proba = unsmooth_indicators(torch.sigmoid(logits).cpu().numpy(), recover)
            return torch.from_numpy(logit(proba))
        recover = partial(recover_targets, smoothing=smoothing)
        proba = torch.softmax(logits, -1).cpu().numpy()
        proba = unsmooth(proba, recover, self.objective.transition_matrix)
        return torch.from_numpy(np.log(proba))


CALIBRATIONS: dict[str | None, type[Calibrator]] = {
    None: Calibrator,
    "temperature": Temperature,
    "unsmooth": Unsmoothing,
}
