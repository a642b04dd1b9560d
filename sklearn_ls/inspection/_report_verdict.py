"""What the scores of a report say, in words."""

import numpy as np
from scipy import stats

from sklearn_ls.inspection._report_ways import HARD, HARD_SCALED, SMOOTHED, WAYS
from sklearn_ls.inspection._standard_error import LIMIT, differs, mean_and_error

SCORES = ("accuracy", "log-loss", "Brier score", "calibration error")
UNSMOOTHED = (
    "You do not need smoothing: the search chose epsilon 0. What is called smoothed is "
    "not, and differs by its calibration at most."
)


def judge(scores, smooths=True):
    """Return what to make of the scores, in a few sentences.

    Parameters
    ----------
    scores : dict of str to (dict of str to ndarray of shape (n_splits,))
        Of each score, the values of each way on the folds. Ways are of `WAYS`: the
        first is there, and one with smoothing.

    smooths : bool, default=True
        Whether any epsilon is above 0. A search may choose none.

    Returns
    -------
    verdict : str
    """
    ways = [way for way in WAYS if way in scores["accuracy"]]
    smoothed = [way for way in ways if way not in (HARD, HARD_SCALED)]
    best = min(ways, key=lambda way: scores["log-loss"][way].mean())
    enough = next(
        way for way in ways if not _is_above(scores["log-loss"], way, than=best)
    )
    both = (  # more accurate, and with probabilities that will do
        way
        for way in smoothed
        if not _is_above(scores["log-loss"], way, than=best)
        and _is_above(scores["accuracy"], way, than=HARD)
    )
    to_use = enough if enough in smoothed else next(both, smoothed[0])
    gain, error = _compare(scores["accuracy"], to_use, HARD)
    accuracy = np.sign(gain) if differs(gain, error) else 0
    sentences = [
        _advise(scores, accuracy, enough, to_use, smoothed) if smooths else UNSMOOTHED,
        _tell_accuracy(accuracy, gain, error),
        _tell_probabilities(scores["log-loss"], best, enough),
    ]
    errors = scores["calibration error"]
    if _is_above(errors, enough, than=HARD):
        rise, error = _compare(errors, enough, HARD)
        sentences.append(
            f"By the calibration error '{enough}' is worse than {HARD} "
            f"({_tell(rise, error, sign='+')})."
        )
    raw = SMOOTHED[None]
    if smooths and raw in ways and _is_above(scores["log-loss"], raw, than=HARD):
        rise, error = _compare(scores["log-loss"], raw, HARD)
        sentences.append(
            "The network's own probabilities are worse with smoothing: the log-loss "
            f"rises by {_tell(rise, error)}."
        )
    sentences.append(_warn_of_chance(scores, len(ways) - 1))
    return " ".join(sentences)


def _advise(scores, accuracy, enough, to_use, smoothed):
    if accuracy < 0:
        if enough in smoothed:
            return (
                f"Smoothing costs accuracy, but gives better probabilities ({enough}): "
                "smooth only if those are what you need."
            )
        return "Do not smooth: it costs accuracy."
    if accuracy > 0:
        best = min(scores["log-loss"], key=lambda way: scores["log-loss"][way].mean())
        if not _is_above(scores["log-loss"], to_use, than=best):
            return f"Smoothing helps: use it, with the probabilities of '{to_use}'."
        return (
            f"Smoothing helps accuracy. For probabilities '{enough}' is as good as any."
        )
    if enough == HARD:
        return "You do not need smoothing."
    if enough == HARD_SCALED:
        best = min(smoothed, key=lambda way: scores["log-loss"][way].mean())
        if not _is_above(scores["log-loss"], best, than=HARD_SCALED):
            if _is_above(scores["calibration error"], HARD_SCALED, than=best):
                return (
                    "You do not need smoothing for accuracy or log-loss: temperature "
                    "scaling does as well. The calibration error is smaller with "
                    f"'{best}'."
                )
            return (
                "You do not need smoothing; temperature scaling gives the same "
                "calibration."
            )
        return (
            "You do not need smoothing; temperature scaling gives better probabilities."
        )
    return f"Smoothing helps probabilities only: use those of '{enough}'."


def _tell_accuracy(accuracy, gain, error):
    difference = _tell(gain, error, sign="+")
    if accuracy == 0:
        return f"Accuracy does not differ detectably ({difference})."
    return f"Accuracy {'rises' if accuracy > 0 else 'falls'} ({difference})."


def _tell_probabilities(losses, best, enough):
    told = f"By the log-loss of the given labels '{best}' has the best probabilities"
    if best != HARD:
        change, error = _compare(losses, best, HARD)
        told += f" ({_tell(change, error, sign='+')})"
    if best == enough:
        return f"{told}."
    return f"{told}, but '{enough}', which is simpler, is not detectably worse."


def _warn_of_chance(scores, n_ways):
    n_splits = len(scores["accuracy"][HARD])
    n_looks = len(scores) * n_ways - 1  # a temperature leaves accuracy as it is
    by_chance = n_looks * 2 * stats.t.sf(LIMIT, n_splits - 1)
    return (
        f"Differences count beyond {LIMIT} paired standard errors; of {n_looks}, about "
        f"{by_chance:.1f} would exceed that by chance alone."
    )


def _tell(mean, error, sign=""):
    """Return a difference as text, 0 where it is one of rounding."""
    mean, error = (round(float(value), 6) + 0.0 for value in (mean, error))
    return f"{mean:{sign}.2g} +- {error:.1g}"


def _compare(values, way, other):
    """Return the mean difference of two ways and its standard error."""
    return mean_and_error(values[way] - values[other])


def _is_above(values, way, than):
    difference, error = _compare(values, way, than)
    return difference > 0 and differs(difference, error)
