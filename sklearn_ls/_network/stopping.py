"""Stopping rules, which end training and choose the best epoch.

A rule is a subclass of `StoppingRule` that is registered in `STOPPING_RULES`.
"""

import math

ROUNDING = 1e-7  # tolerance of equal scores


class StoppingRule:
    """Counts epochs without improvement, as MLPClassifier does.

    Parameters
    ----------
    n_iter_no_change : int or inf
        Maximum number of consecutive epochs without an improvement.

    tol : float
        Minimum gain over the best score that counts as an improvement.
    """

    restores_best = False  # whether to restore the weights of the best epoch

    def __init__(self, n_iter_no_change, tol):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.best = -math.inf
        self.n_without_gain = 0

    def score(self, row):
        """Return the score of an epoch.

        Parameters
        ----------
        row : dict
            Record of the epoch.

        Returns
        -------
        score : float
            Larger is better.
        """
        raise NotImplementedError

    def update(self, row):
        """Update the rule with an epoch; return whether it is the best so far."""
        score = self.score(row)
        gained = score >= self.best + self.tol
        self.n_without_gain = 0 if gained else self.n_without_gain + 1
        if score <= self.best + ROUNDING:
            return False
        self.best = score
        return True

    @property
    def reached(self):
        """Whether to stop."""
        return self.n_without_gain > self.n_iter_no_change


class TrainingLoss(StoppingRule):
    """Stops when the training loss no longer improves."""

    def score(self, row):
        """Return the negative loss."""
        return -row["train_loss"]


class ValidationScore(StoppingRule):
    """Stops when the score on held-out samples no longer improves.

    The score is the accuracy minus the Brier score. Accuracy alone is too noisy on few
    samples with wrong labels, and its maximum over many epochs may be due to chance.
    The Brier score varies less and is bounded, so wrong labels do not dominate it.
    """

    restores_best = True

    def score(self, row):
        """Return the accuracy minus the Brier score."""
        return row["valid_acc"] - row["valid_brier"]


# The keys say what each rule monitors.
STOPPING_RULES = {
    "training": TrainingLoss,
    "validation": ValidationScore,
}


def make_stopping_rule(n_iter_no_change, tol, *, validates):
    """Return the stopping rule of a network.

    Parameters
    ----------
    n_iter_no_change, tol : see StoppingRule

    validates : bool
        Whether there are held-out samples for validation.
    """
    rule = STOPPING_RULES["validation" if validates else "training"]
    return rule(n_iter_no_change, tol)
