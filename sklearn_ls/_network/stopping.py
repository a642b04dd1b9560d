"""When training stops, and which epoch is the best.

A rule is a subclass of `StoppingRule` and its name in `STOPPING_RULES`.
"""

import math


class StoppingRule:
    """Counts epochs without improvement, as MLPClassifier does.

    Parameters
    ----------
    n_iter_no_change : int or inf
        Maximum number of consecutive epochs without an improvement.

    tol : float
        Minimum gain over the best score that counts as an improvement.
    """

    restores_best = False  # whether the weights of the best epoch are taken

    def __init__(self, n_iter_no_change, tol):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.best = (-math.inf, -math.inf)
        self.n_without_gain = 0

    def score(self, row):
        """Return the score of an epoch, and the tie-breaker of equal scores.

        Parameters
        ----------
        row : dict
            Record of the epoch.

        Returns
        -------
        score, tie_breaker : float
            Larger is better.
        """
        raise NotImplementedError

    def update(self, row):
        """Update the rule with an epoch; return whether it is the best so far."""
        score, tie_breaker = self.score(row)
        gained = score >= self.best[0] + self.tol
        self.n_without_gain = 0 if gained else self.n_without_gain + 1
        is_best = (score, tie_breaker) > self.best
        self.best = max(self.best, (score, tie_breaker))
        return is_best

    @property
    def reached(self):
        """Whether to stop."""
        return self.n_without_gain > self.n_iter_no_change


class TrainingLoss(StoppingRule):
    """Stops when the training loss no longer improves."""

    def score(self, row):
        """Return the negative loss."""
        return -row["train_loss"], 0.0


class ValidationAccuracy(StoppingRule):
    """Stops when the accuracy on held-out samples no longer improves.

    Of epochs with the same accuracy the one with the smallest loss is the best.
    """

    restores_best = True

    def score(self, row):
        """Return the accuracy and the negative loss on held-out samples."""
        return row["valid_acc"], -row["valid_loss"]


# By the recorded value that each monitors.
STOPPING_RULES = {
    "train_loss": TrainingLoss,
    "valid_acc": ValidationAccuracy,
}


def make_stopping_rule(n_iter_no_change, tol, *, validates):
    """Return the rule of a network.

    Parameters
    ----------
    n_iter_no_change, tol : see StoppingRule

    validates : bool
        Whether there are held-out samples to stop by.
    """
    rule = STOPPING_RULES["valid_acc" if validates else "train_loss"]
    return rule(n_iter_no_change, tol)
