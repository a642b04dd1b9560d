"""The verdict of a report: what its scores mean, in words."""

import numpy as np
from scipy import stats

from sklearn_ls.inspection._report.variants import (
    HARD,
    HARD_SCALED,
    SMOOTHED,
    VARIANTS,
)
from sklearn_ls.inspection._standard_error import LIMIT, differs, mean_and_error

NOT_SMOOTHED = (
    "You do not need smoothing: the search chose epsilon 0. The smoothed variants are "
    "therefore trained on hard labels too; only their calibration can differ."
)


def format_verdict(scores, smooths=True):
    """Return what the scores mean, in a few sentences.

    Parameters
    ----------
    scores : dict of str to (dict of str to ndarray of shape (n_splits,))
        For each score, the values of each variant on the splits. The variants are
        among `VARIANTS`, and include the first and one with smoothing.

    smooths : bool, default=True
        Whether any epsilon is above 0. A search may choose none.

    Returns
    -------
    verdict : str
    """
    accuracies, losses = scores["accuracy"], scores["log-loss"]
    variants = [variant for variant in VARIANTS if variant in accuracies]
    smoothed = [name for name in variants if name not in (HARD, HARD_SCALED)]
    best = min(variants, key=lambda variant: losses[variant].mean())
    good = [name for name in variants if not _is_above(losses, name, than=best)]
    simplest = good[0]
    accurate = (
        name
        for name in smoothed
        if name in good and _is_above(accuracies, name, than=HARD)
    )
    to_use = simplest if simplest in smoothed else next(accurate, smoothed[0])
    gain, error = _compare(accuracies, to_use, HARD)
    accuracy_sign = np.sign(gain) if differs(gain, error) else 0
    advice = _advise(scores, accuracy_sign, simplest, to_use, smoothed)
    sentences = [
        advice if smooths else NOT_SMOOTHED,
        _describe_accuracy(accuracy_sign, gain, error),
        _describe_probabilities(losses, best, simplest),
    ]
    calibration_errors = scores["calibration error"]
    if _is_above(calibration_errors, simplest, than=HARD):
        difference = _format_difference(calibration_errors, simplest, sign="+")
        sentences.append(
            f"By the calibration error '{simplest}' is worse than {HARD} "
            f"({difference})."
        )
    uncalibrated = SMOOTHED[None]
    if (
        smooths
        and uncalibrated in variants
        and _is_above(losses, uncalibrated, than=HARD)
    ):
        sentences.append(
            "The network's own probabilities are worse with smoothing: the log-loss "
            f"rises by {_format_difference(losses, uncalibrated)}."
        )
    sentences.append(_describe_chance(scores, len(variants) - 1))
    return " ".join(sentences)


def _advise(scores, accuracy_sign, simplest, to_use, smoothed):
    losses = scores["log-loss"]
    if accuracy_sign < 0:
        if simplest in smoothed:
            return (
                "Smoothing costs accuracy, but gives better probabilities "
                f"({simplest}): smooth only if those are what you need."
            )
        return "Do not smooth: it costs accuracy."
    if accuracy_sign > 0:
        best = min(losses, key=lambda variant: losses[variant].mean())
        if not _is_above(losses, to_use, than=best):
            return f"Smoothing helps: use it, with the probabilities of '{to_use}'."
        return (
            f"Smoothing helps accuracy. For probabilities '{simplest}' is as good as "
            "any."
        )
    if simplest == HARD:
        return "You do not need smoothing."
    if simplest == HARD_SCALED:
        best = min(smoothed, key=lambda variant: losses[variant].mean())
        if _is_above(losses, best, than=HARD_SCALED):
            return (
                "You do not need smoothing; temperature scaling gives better "
                "probabilities."
            )
        if _is_above(scores["calibration error"], HARD_SCALED, than=best):
            return (
                "You do not need smoothing for accuracy or log-loss: temperature "
                "scaling does as well. The calibration error is smaller with "
                f"'{best}'."
            )
        return (
            "You do not need smoothing; temperature scaling gives the same calibration."
        )
    return f"Smoothing helps probabilities only: use those of '{simplest}'."


def _describe_accuracy(sign, gain, error):
    difference = _format_mean(gain, error, sign="+")
    if sign == 0:
        return f"Accuracy does not differ detectably ({difference})."
    return f"Accuracy {'rises' if sign > 0 else 'falls'} ({difference})."


def _describe_probabilities(losses, best, simplest):
    text = f"By the log-loss of the observed labels '{best}' has the best probabilities"
    if best != HARD:
        text += f" ({_format_difference(losses, best, sign='+')})"
    if best == simplest:
        return f"{text}."
    return f"{text}, but '{simplest}', which is simpler, is not detectably worse."


def _describe_chance(scores, n_smoothed_or_scaled):
    n_splits = len(scores["accuracy"][HARD])
    # Less one, since a temperature does not change accuracy.
    n_comparisons = len(scores) * n_smoothed_or_scaled - 1
    by_chance = n_comparisons * 2 * stats.t.sf(LIMIT, n_splits - 1)
    return (
        f"Differences count beyond {LIMIT} paired standard errors; of {n_comparisons}, "
        f"about {by_chance:.1f} would exceed that by chance alone."
    )


def _format_difference(values, variant, sign=""):
    """Return the mean difference from hard labels and its standard error as text."""
    return _format_mean(*_compare(values, variant, HARD), sign=sign)


def _format_mean(mean, error, sign=""):
    """Return a mean and its standard error as text, without rounding errors."""
    mean, error = (round(float(value), 6) + 0.0 for value in (mean, error))
    return f"{mean:{sign}.2g} +- {error:.1g}"


def _compare(values, variant, other):
    """Return the mean difference of two variants and its standard error."""
    return mean_and_error(values[variant] - values[other])


def _is_above(values, variant, than):
    difference, error = _compare(values, variant, than)
    return difference > 0 and differs(difference, error)
