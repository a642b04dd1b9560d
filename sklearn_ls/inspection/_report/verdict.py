"""The verdict of a report: what its scores mean, in words."""

import numpy as np

from sklearn_ls._differences import LEVEL
from sklearn_ls.inspection._report.variants import (
    HARD,
    HARD_SCALED,
    SMOOTHED,
    VARIANTS,
)


def format_verdict(scores):
    """Return what the scores mean, in a few sentences.

    Parameters
    ----------
    scores : dict of str to VariantScores
        The variants are among `VARIANTS`, and include the first and one with smoothing.

    Returns
    -------
    verdict : str
    """
    accuracies, losses = scores["accuracy"], scores["log-loss"]
    variants = [variant for variant in VARIANTS if variant in losses.variants]
    smoothed = [name for name in variants if name not in (HARD, HARD_SCALED)]
    best = min(variants, key=lambda variant: losses.mean(variant).value)
    good = [name for name in variants if not losses.is_above(name, best)]
    simplest = good[0]
    judged = simplest if simplest in smoothed else smoothed[0]
    gain = accuracies.difference(judged, HARD)
    accuracy_sign = np.sign(gain.value) if accuracies.is_significant(gain) else 0
    accurate = [
        name for name in smoothed if name in good and accuracies.is_above(name, HARD)
    ]
    if accuracy_sign > 0 and accurate and simplest not in accurate:
        simplest = accurate[0]
    advice = _advise(scores, accuracy_sign, simplest, smoothed, accurate)
    sentences = [
        advice,
        _describe_accuracy(accuracy_sign, gain),
        _describe_probabilities(losses, best, simplest),
    ]
    calibration_errors = scores["calibration error"]
    if calibration_errors.is_above(simplest, HARD):
        sentences.append(
            f"By the calibration error, '{simplest}' is worse than {HARD} "
            f"({calibration_errors.difference(simplest, HARD)})."
        )
    if scores["AURC"].is_above(simplest, HARD):
        sentences.append(
            f"The area under the risk-coverage curve is larger with '{simplest}' "
            f"({scores['AURC'].difference(simplest, HARD)}): its most confident "
            f"predictions have more errors than those of {HARD}."
        )
    uncalibrated = SMOOTHED[None]
    if uncalibrated in variants and losses.is_above(uncalibrated, HARD):
        sentences.append(
            "The network's own probabilities are worse with smoothing: the log-loss "
            f"rises ({losses.difference(uncalibrated, HARD)})."
        )
    sentences.append(
        f"Differences are significant by a paired t-test at the {100 * LEVEL:g} % "
        "level, corrected for multiple comparisons."
    )
    return " ".join(sentences)


def _advise(scores, accuracy_sign, simplest, smoothed, accurate):
    """Return the advice.

    Parameters
    ----------
    scores : dict of str to VariantScores

    accuracy_sign : {-1, 0, 1}
        Sign of the difference in accuracy by smoothing; 0 if it is not significant.

    simplest : str
        The simplest variant whose log-loss is not significantly worse than the best. If
        some of these variants are more accurate than hard labels, the simplest of them.

    smoothed, accurate : list of str
        The smoothed variants, and those of them with a higher accuracy and a log-loss
        as good as the best.
    """
    losses = scores["log-loss"]
    if accuracy_sign < 0:
        if simplest in smoothed:
            return (
                "Smoothing costs accuracy, but gives better probabilities "
                f"({simplest}): use it only if you need probabilities."
            )
        return "Do not smooth: it costs accuracy."
    if accuracy_sign > 0:
        if accurate:
            return f"Smoothing helps: use it, with the probabilities of '{simplest}'."
        return (
            f"Smoothing helps accuracy. For probabilities '{simplest}' is as good as "
            "any."
        )
    if simplest == HARD:
        return "You do not need smoothing."
    if simplest == HARD_SCALED:
        best = min(smoothed, key=lambda variant: losses.mean(variant).value)
        if losses.is_above(best, HARD_SCALED):
            return (
                "You do not need smoothing; temperature scaling gives better "
                "probabilities."
            )
        if scores["calibration error"].is_above(HARD_SCALED, best):
            return (
                "You do not need smoothing for accuracy or log-loss: temperature "
                "scaling does as well. The calibration error is smaller with "
                f"'{best}'."
            )
        return "You do not need smoothing; temperature scaling does about as well."
    return f"Smoothing helps probabilities only: use those of '{simplest}'."


def _describe_accuracy(sign, gain):
    if sign == 0:
        return f"Accuracy does not differ significantly ({gain})."
    return f"Accuracy {'rises' if sign > 0 else 'falls'} ({gain})."


def _describe_probabilities(losses, best, simplest):
    text = f"By the log-loss on observed labels, '{best}' has the best probabilities"
    if best != HARD:
        text += f" ({losses.difference(best, HARD)})"
    if best == simplest:
        return f"{text}."
    return f"{text}, but '{simplest}', which is simpler, is not significantly worse."
