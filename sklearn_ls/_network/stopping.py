"""When training stops."""

import math


class StoppingRule:
    """Count epochs without improvement, as MLPClassifier does.

    Parameters
    ----------
    n_iter_no_change : int or inf
        Maximum number of consecutive epochs without an improvement.

    tol : float
        Minimum gain over the best score that counts as an improvement.
    """

    def __init__(self, n_iter_no_change, tol):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.best_score = -math.inf
        self.best_loss = math.inf  # of the epochs with the best score
        self.n_without_gain = 0

    def update(self, score, loss=0.0):
        """Take note of an epoch; return whether it is the best so far.

        Of epochs with the same score the one with the smallest loss is the best.
        """
        gained = score >= self.best_score + self.tol
        self.n_without_gain = 0 if gained else self.n_without_gain + 1
        is_best = (score, -loss) > (self.best_score, -self.best_loss)
        if is_best:
            self.best_score, self.best_loss = score, loss
        return is_best

    @property
    def reached(self):
        """Whether to stop."""
        return self.n_without_gain > self.n_iter_no_change
