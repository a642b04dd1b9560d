"""When to stop training."""

import math


class Plateau:
    """Count epochs without improvement, as MLPClassifier does.

    Parameters
    ----------
    patience : int or inf
        How many such epochs in a row are borne.

    tol : float
        A smaller gain over the best score is no improvement.
    """

    def __init__(self, patience, tol):
        self.patience = patience
        self.tol = tol
        self.best = (-math.inf, -math.inf)  # score, -loss
        self.misses = 0

    def update(self, score, loss=0.0):
        """Take note of an epoch; return whether it is the best so far.

        Of epochs with the same score the one with the smallest loss is best.
        """
        best_score, _ = self.best
        self.misses = self.misses + 1 if score < best_score + self.tol else 0
        is_best = (score, -loss) > self.best
        self.best = max(self.best, (score, -loss))
        return is_best

    @property
    def reached(self):
        """Whether to stop."""
        return self.misses > self.patience
