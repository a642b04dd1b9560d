"""Training objectives: smoothing and known label noise."""

from dataclasses import dataclass

import numpy as np

from sklearn_ls._labels.containers import order_by_class
from sklearn_ls._labels.noise import check_transition_matrix
from sklearn_ls._labels.smoothing import (
    Smoothing,
    check_distribution,
    check_epsilon,
    smoothing_of,
)


@dataclass(frozen=True, eq=False)
class SmoothingRule:
    """Parameters of label smoothing, from which the soft targets are computed.

    Parameters
    ----------
    epsilon : float or ndarray of shape (n_classes,)

    distribution : {"uniform", "others", "each"} or ndarray of shape (n_classes,) or \
            (n_classes, n_classes)

    n_outcomes : int
        Number of classes, or 2 for each of several independent labels.
    """

    epsilon: float | np.ndarray
    distribution: str | np.ndarray
    n_outcomes: int

    @property
    def smoothing(self):
        """The smoothing of each label."""
        return self.with_epsilon(self.epsilon)

    def with_epsilon(self, epsilon):
        """Return the smoothing for another epsilon, such as one per sample."""
        return smoothing_of(epsilon, self.distribution, self.n_outcomes)


def check_smoothing(epsilon, distribution, summary, owner):
    """Validate the smoothing parameters; return them as a smoothing rule.

    Parameters
    ----------
    epsilon : float or array-like of shape (n_classes,)

    distribution : str, or array-like or DataFrame of shape (n_classes,) or \
            (n_classes, n_classes)

    summary : ClassSummary

    owner : str
        Name of the estimator, for error messages.

    Returns
    -------
    rule : SmoothingRule
        Shares no memory with the arguments.
    """
    n_classes = len(summary.classes)
    epsilon = check_epsilon(
        order_by_class(epsilon, summary.classes, "epsilon"),
        [(), (n_classes,)],
        f"The 'epsilon' parameter of {owner} must be a float in the range [0.0, 1.0] "
        f"or an array of {n_classes} such floats, one per class",
    )
    if not isinstance(distribution, str):
        distribution = order_by_class(distribution, summary.classes, "distribution")
        distribution = check_distribution(distribution, n_classes, summary.multilabel)
    elif distribution == "prior":
        distribution = summary.prior.copy()
    n_outcomes = 2 if summary.multilabel else n_classes
    return SmoothingRule(epsilon, distribution, n_outcomes)


@dataclass(frozen=True, eq=False)
class Objective:
    """Training objective: label smoothing, label noise and votes.

    Parameters
    ----------
    rule : SmoothingRule

    transition_matrix : None, float or ndarray of shape (n_classes, n_classes)
        Known label noise, as returned by `check_transition_matrix`.

    n_classes : int

    multilabel : bool

    has_votes : bool, default=False
        Whether to train on annotators' votes, with a confusion matrix per annotator.
    """

    rule: SmoothingRule
    transition_matrix: float | np.ndarray | None
    n_classes: int
    multilabel: bool
    has_votes: bool = False

    @property
    def smoothing(self) -> Smoothing:
        """The smoothing of each label."""
        return self.rule.smoothing


def make_objective(epsilon, distribution, transition_matrix, summary, owner):
    """Validate the parameters of the training objective; return the objective.

    Parameters
    ----------
    epsilon, distribution, transition_matrix : see LabelSmoothingClassifier

    summary : ClassSummary

    owner : str
        Name of the estimator, for error messages.

    Returns
    -------
    objective : Objective
        Shares no memory with the arguments.
    """
    rule = check_smoothing(epsilon, distribution, summary, owner)
    multilabel = summary.multilabel
    is_each = isinstance(distribution, str) and distribution == "each"
    if is_each and not multilabel and len(summary.classes) > 2:
        raise ValueError(
            "distribution='each' gives targets that sum to 1 + (n_classes - 2) * "
            "epsilon, so they are not probabilities. Use distribution='uniform' with "
            "epsilon=convert_epsilon(epsilon, n_classes, from_='each', to='uniform')."
        )
    if transition_matrix is not None:
        if multilabel:
            raise ValueError(
                "transition_matrix is not supported for multilabel y. Set it to None."
            )
        transition_matrix = check_transition_matrix(transition_matrix, summary.classes)
    return Objective(rule, transition_matrix, len(summary.classes), multilabel)
