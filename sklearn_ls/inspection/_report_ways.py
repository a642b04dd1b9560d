"""The ways to probabilities that a report compares."""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.special import softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from sklearn_ls._compat import take_rows
from sklearn_ls._labels.unsmoothing import unsmooth
from sklearn_ls.inspection._held_out import predict_all, predict_splits
from sklearn_ls.inspection._pipeline import last_step
from sklearn_ls.metrics._temperature import fit_scale, log_probabilities

HARD, HARD_SCALED = "hard labels", "hard + temperature"
SMOOTHED = {
    None: "smoothed",
    "temperature": "smoothed + temperature",
    "unsmooth": "smoothed + unsmooth",
}
WAYS = (HARD, HARD_SCALED, *SMOOTHED.values())  # simple ones first
N_SPLITS = 5  # to fit a temperature, as CalibratedClassifierCV has by default


class Knobs(NamedTuple):
    """The names of the parameters that make an estimator smooth."""

    epsilon: str
    distribution: str
    calibration: str | None

    @property
    def searches(self):
        """Whether the estimator chooses epsilon."""
        return self.epsilon.endswith("epsilons")


class Predicted(NamedTuple):
    """What the ways predict for the held-out rows of one split."""

    probas: dict  # of way to ndarray of shape (n_test, n_classes)
    epsilon: object  # that of the smoothed ways
    left_out: dict  # of way to reason


def find_knobs(estimator):
    """Return the names of the parameters to compare with and without.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    knobs : Knobs

    Raises
    ------
    TypeError
        For a search over parameters, and where there is not one epsilon.

    ValueError
        For an epsilon that is 0.
    """
    params = estimator.get_params()
    last = {name: name.split("__")[-1] for name in params}
    if {"param_grid", "param_distributions"} & {*last.values()}:
        raise TypeError(
            "estimator must not search parameters by a grid, which would overrule the "
            "epsilon of 0 to compare with. Pass its best_estimator_, or a "
            "LabelSmoothingClassifierCV."
        )
    names = [
        name
        for name, end in last.items()
        if end in ("epsilon", "epsilons") and _sibling(name, "distribution") in params
    ]
    if len(names) != 1:
        raise TypeError(
            "estimator must have one epsilon of label smoothing. "
            f"{type(estimator).__name__} has {', '.join(names) or 'none'}. (A "
            "SmoothedTargetClassifier has it where its smoother is given, as "
            "smoother=LabelSmoother(0.1).)"
        )
    (epsilon,) = names
    if epsilon.endswith("epsilons") and not hasattr(last_step(estimator), "epsilons"):
        raise TypeError(
            "A search of epsilon must be the estimator or the last step of a pipeline, "
            f"but {type(estimator).__name__} has it as {epsilon}."
        )
    if not np.any(params[epsilon]):
        raise ValueError(
            f"{epsilon}={params[epsilon]!r} smooths nothing, so there is nothing to "
            "compare. Give the epsilon that you think of using."
        )
    calibration = _sibling(epsilon, "calibration")
    return Knobs(
        epsilon,
        _sibling(epsilon, "distribution"),
        calibration if calibration in params else None,
    )


def _sibling(name, other):
    """Return the name of another parameter of the object that has this one."""
    return "__".join([*name.split("__")[:-1], other])


def without_smoothing(estimator, knobs):
    """Return the estimator unfitted, with hard labels and the network's probabilities.

    Of a search that is a search of epsilon 0 alone: its fold networks still predict
    together, so that this is not taken for a merit of smoothing.
    """
    params = {knobs.epsilon: [0.0] if knobs.searches else 0.0}
    if knobs.searches:
        other = ("scoring", None), ("refit", True), ("distribution", "uniform")
        params |= {_sibling(knobs.epsilon, name): value for name, value in other}
    if knobs.calibration:
        params[knobs.calibration] = None
    return clone(estimator).set_params(**params)


def predict_ways(estimator, knobs, X, y, split, classes):
    """Train on one part of the data, and predict the other in all ways.

    Parameters
    ----------
    estimator : estimator

    knobs : Knobs

    X : array-like of shape (n_samples, ...)

    y : ndarray of shape (n_samples,)

    split : tuple of (train, test)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    predicted : Predicted
    """
    train, test = split
    X_train, y_train, X_test = take_rows(X, train), y[train], take_rows(X, test)
    hard = without_smoothing(estimator, knobs).fit(X_train, y_train)
    proba = predict_all(hard, X_test, classes)
    probas = {
        HARD: proba,
        HARD_SCALED: scale(*_hold_out(hard, knobs, X_train, y_train, classes), proba),
    }
    smoothed = clone(estimator).fit(X_train, y_train)
    given = estimator.get_params().get(knobs.calibration)
    probas[SMOOTHED[given]] = predict_all(smoothed, X_test, classes)
    epsilon, estimator = _at_chosen_epsilon(estimator, smoothed, knobs)
    left_out = {}
    others = [calibration for calibration in SMOOTHED if calibration != given]
    for calibration in others if knobs.calibration else ():
        other = clone(estimator).set_params(**{knobs.calibration: calibration})
        try:
            other.fit(X_train, y_train)
        except ValueError as error:  # such as smoothing that can't be undone
            left_out[SMOOTHED[calibration]] = str(error)
        else:
            probas[SMOOTHED[calibration]] = predict_all(other, X_test, classes)
    return Predicted(probas, epsilon, left_out)


def _at_chosen_epsilon(estimator, fitted, knobs):
    """Return epsilon, and the estimator with nothing left to search."""
    if not knobs.searches:
        return estimator.get_params()[knobs.epsilon], estimator
    best = last_step(fitted).best_params_
    chosen = {knobs.epsilon: [best["epsilon"]]}
    if "distribution" in best:
        chosen[knobs.distribution] = best["distribution"]
    return best["epsilon"], clone(estimator).set_params(**chosen)


def _hold_out(fitted, knobs, X, y, classes):
    """Return held-out probabilities of training rows, and the codes of their labels.

    They are NaN where they tell nothing of a temperature, see `forget_unseen`.
    """
    estimator = clone(fitted)
    early_stopping = _sibling(knobs.epsilon, "early_stopping")
    if estimator.get_params().get(early_stopping) == "auto":
        # Parts of the data may have too few rows for what all of it was trained with.
        network = last_step(fitted)
        network = getattr(network, "estimators_", [network])[0]
        stopped = network.validation_scores_ is not None
        estimator.set_params(**{early_stopping: stopped})
    codes = np.searchsorted(classes, y)
    splits = _split_again(codes)
    known = np.full((len(y), len(classes)), np.nan)
    for train, test in splits:
        fold = clone(estimator).fit(take_rows(X, train), y[train])
        known[test] = predict_all(fold, take_rows(X, test), classes)
    return forget_unseen(known, codes, splits), codes


def _split_again(codes):
    """Return the splits of training rows in which there are two classes to train on.

    As many as there are without rare classes, so that these don't make folds of all
    classes so large that networks of the rest are no longer like that of all rows.
    """
    most = np.bincount(codes).max()
    if most < 2:
        raise ValueError(
            "Training rows in which each label occurs once are too few to fit a "
            "temperature. Pass more rows of a label, or a cv with more folds."
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        splits = list(StratifiedKFold(min(N_SPLITS, most)).split(codes, codes))
    return [(train, test) for train, test in splits if len({*codes[train]}) > 1]


def forget_unseen(known, codes, splits):
    """Return held-out probabilities, NaN where the row's label was not trained on.

    They are then 0, whatever the temperature.

    Parameters
    ----------
    known : ndarray of shape (n_samples, n_classes)

    codes : ndarray of shape (n_samples,)

    splits : list of (train, test)

    Returns
    -------
    known : ndarray of shape (n_samples, n_classes)
    """
    known = known.copy()
    rows = np.arange(len(codes))
    for train, test in splits:
        unseen = ~np.isin(codes[test], codes[train])
        known[rows[test][unseen]] = np.nan
    return known


def predict_beside(held_out, knobs, codes, classes):
    """Predict by hard labels what a search has held out, and add what it knows.

    Nothing smoothed is trained. The temperature for the rows of a split is fitted on
    the held-out rows of the others.

    Parameters
    ----------
    held_out : HeldOut

    knobs : Knobs

    codes : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    predicted : list of Predicted
        One a split.
    """
    search, X, splits, _ = held_out
    knobs = Knobs(*(name and name.split("__")[-1] for name in knobs))
    hard = without_smoothing(search, knobs).set_params(cv=splits)
    hard.fit(X, classes[codes])
    calibration = search.get_params().get("calibration")
    ways = {
        HARD: (hard.oof_proba_, predict_splits(hard.estimators_, X, splits, classes)),
        SMOOTHED[calibration]: (search.oof_proba_, held_out.probas),
    }
    scaled = {HARD: HARD_SCALED, SMOOTHED[None]: SMOOTHED["temperature"]}
    known = {
        way: forget_unseen(oof, codes, splits)
        for way, (oof, _) in ways.items()
        if way in scaled
    }
    predicted = []
    for number, (_, test) in enumerate(splits):
        probas = {way: parts[number] for way, (_, parts) in ways.items()}
        others = np.delete(codes, test)
        for way, oof in known.items():
            oof = np.delete(oof, test, axis=0)
            probas[scaled[way]] = scale(oof, others, probas[way])
        left_out = {}
        if calibration is None:
            try:
                probas[SMOOTHED["unsmooth"]] = _undo(
                    search, search.estimators_[number], held_out.probas[number], classes
                )
            except ValueError as error:
                left_out[SMOOTHED["unsmooth"]] = str(error)
        predicted.append(Predicted(probas, search.epsilon_, left_out))
    return predicted


def _undo(search, member, y_proba, classes):
    """Return what a fold network would have predicted with calibration="unsmooth"."""
    if search.get_params().get("transition_matrix") is not None:
        raise ValueError(
            "it is not known of a search that was fitted with a transition_matrix."
        )
    known = np.searchsorted(classes, member.classes_)
    unsmoothed = np.zeros_like(y_proba)
    unsmoothed[:, known] = unsmooth(y_proba[:, known], member.label_smoother_)
    return unsmoothed


def scale(known, codes, y_proba):
    """Return probabilities scaled by the temperature that fits best what is known.

    Parameters
    ----------
    known : ndarray of shape (n_known, n_classes)
        Probabilities to fit the temperature on, without rows of NaN.

    codes : ndarray of shape (n_known,)
        Their labels.

    y_proba : ndarray of shape (n_samples, n_classes)
        What to scale.

    Returns
    -------
    scaled : ndarray of shape (n_samples, n_classes)
        Still 0 for classes that the classifier does not know. As they are if nothing is
        known.
    """
    fit_on = ~np.isnan(known[:, 0])
    if not fit_on.any():
        return y_proba
    known, codes = known[fit_on], codes[fit_on]
    possible = known.any(axis=0) | y_proba.any(axis=0)
    possible[codes] = True
    logits, to_scale = (
        np.where(possible, log_probabilities(some), -np.inf)
        for some in (known, y_proba)
    )
    return softmax(fit_scale(logits, codes) * to_scale, axis=1)
