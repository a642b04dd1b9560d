"""The scores that the report compares, and the differences between variants."""

import numpy as np
from scipy.special import xlogy

from sklearn_ls._differences import mean_of_samples, mean_of_splits
from sklearn_ls.metrics import area_under_risk_coverage, expected_calibration_error

SCORES = ("accuracy", "log-loss", "Brier score", "calibration error", "AURC")
OF_WHOLE_SPLITS = {"calibration error", "AURC"}


class VariantScores:
    """One score of all variants on the same test samples.

    Parameters
    ----------
    values : list of dict of str to ndarray of shape (n_test,) or float
        For each split, the score of each test sample, or of the split as a whole, by
        variant.

    tests : list of ndarray of shape (n_test,), default=None
        Indices of the test samples of each split, if each sample has a score.

    n_comparisons : int, default=1
        Number of differences from hard labels that are tested, for the Bonferroni
        correction.
    """

    def __init__(self, values, tests=None, n_comparisons=1):
        self.values = values
        self.tests = tests
        self.n_comparisons = n_comparisons

    @property
    def of_whole_splits(self):
        """Mean scores of the splits, an array of shape (n_variants, n_splits)."""
        return np.transpose(
            [
                [np.mean(of_split[name]) for name in self.variants]
                for of_split in self.values
            ]
        )

    @property
    def variants(self):
        """Names of the variants."""
        return list(self.values[0])

    def mean(self, variant):
        """Return the mean score of a variant and its standard error."""
        return self._mean([of_split[variant] for of_split in self.values])

    def difference(self, variant, other):
        """Return the mean paired difference of two variants and its standard error."""
        return self._mean([split[variant] - split[other] for split in self.values])

    def _mean(self, values):
        if self.tests is None:
            return mean_of_splits(np.array(values))
        return mean_of_samples(values, self.tests)

    def is_significant(self, difference):
        """Return whether a mean difference is significant."""
        return difference.is_significant(self.n_comparisons)

    def is_above(self, variant, other):
        """Return whether a variant has a significantly higher score than another."""
        difference = self.difference(variant, other)
        return difference.value > 0 and self.is_significant(difference)


def score_variants(codes, probas, tests, n_epsilons=1):
    """Return the scores of `SCORES` of all variants.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    probas : list of dict of str to ndarray of shape (n_test, n_classes)
        Predictions for the test samples of each split, by variant.

    tests : list of ndarray of shape (n_test,)

    n_epsilons : int, default=1
        Number of epsilons among which the epsilon of the smoothed variants was chosen
        on these samples.

    Returns
    -------
    scores : dict of str to VariantScores
    """
    values = [
        {name: score_all(codes[test], y_proba) for name, y_proba in split.items()}
        for split, test in zip(probas, tests, strict=True)
    ]
    n_others = len(probas[0]) - 1
    return {
        score: VariantScores(
            [{name: v[score] for name, v in split.items()} for split in values],
            None if score in OF_WHOLE_SPLITS else tests,
            n_epsilons * (1 if score == "accuracy" else n_others),
        )
        for score in SCORES
    }


def score_all(codes, y_proba):
    """Return all scores, either of each sample or of all samples together.

    The means over samples equal scikit-learn's metrics.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes), float64
        Probabilities are clipped to the machine precision for the log-loss, as in
        :func:`~sklearn.metrics.log_loss`.

    Returns
    -------
    scores : dict of str to ndarray of shape (n_samples,) or float
    """
    eps = np.finfo(y_proba.dtype).eps
    labels = np.arange(y_proba.shape[1])
    one_hot = codes[:, np.newaxis] == labels
    brier = np.square(y_proba - one_hot).sum(axis=1)
    return {
        "accuracy": (y_proba.argmax(axis=1) == codes).astype(float),
        "log-loss": -xlogy(one_hot, y_proba.clip(eps, 1 - eps)).sum(axis=1),
        "Brier score": brier / 2 if len(labels) == 2 else brier,
        "calibration error": expected_calibration_error(codes, y_proba, labels=labels),
        "AURC": area_under_risk_coverage(codes, y_proba, labels=labels),
    }
