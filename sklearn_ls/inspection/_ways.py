"""The ways to probabilities that a report compares."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from sklearn_ls._compat import take_rows
from sklearn_ls.inspection._held_out import predict_all, predict_splits

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
    if epsilon.endswith("epsilons") and not hasattr(find_search(estimator), "epsilons"):
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
    chosen, left_out = {}, {}
    epsilon = estimator.get_params()[knobs.epsilon]
    if knobs.searches:
        best = find_search(smoothed).best_params_
        epsilon = best["epsilon"]
        chosen = {knobs.epsilon: [epsilon]}
        if "distribution" in best:
            chosen[knobs.distribution] = best["distribution"]
    others = [calibration for calibration in SMOOTHED if calibration != given]
    for calibration in others if knobs.calibration else ():
        other = clone(estimator).set_params(
            **chosen, **{knobs.calibration: calibration}
        )
        try:
            other.fit(X_train, y_train)
        except ValueError as error:  # such as smoothing that can't be undone
            left_out[SMOOTHED[calibration]] = str(error)
        else:
            probas[SMOOTHED[calibration]] = predict_all(other, X_test, classes)
    return Predicted(probas, epsilon, left_out)


def _hold_out(fitted, knobs, X, y, classes):
    """Return held-out probabilities of training rows, and the codes of their labels.

    They are NaN where they tell nothing of a temperature, see `forget_unseen`.
    """
    estimator = clone(fitted)
    early_stopping = _sibling(knobs.epsilon, "early_stopping")
    if estimator.get_params().get(early_stopping) == "auto":
        # Parts of the data may have too few rows for what all of it was trained with.
        network = find_search(fitted)
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


def find_search(estimator):
    """Return what an estimator is or, of a pipeline, ends in."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


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
    ways = {
        HARD: (hard.oof_proba_, predict_splits(hard.estimators_, X, splits, classes)),
        SMOOTHED[search.get_params().get("calibration")]: (
            search.oof_proba_,
            held_out.probas,
        ),
    }
    predicted = []
    for number, (_, test) in enumerate(splits):
        probas = {way: parts[number] for way, (_, parts) in ways.items()}
        for way, scaled in ((HARD, HARD_SCALED), ("smoothed", SMOOTHED["temperature"])):
            if way in ways:
                oof = forget_unseen(ways[way][0], codes, splits)
                probas[scaled] = scale(
                    np.delete(oof, test, axis=0), np.delete(codes, test), probas[way]
                )
        predicted.append(Predicted(probas, search.epsilon_, {}))
    return predicted


class _AsGiven(ClassifierMixin, BaseEstimator):
    """Takes logits for features, and returns them."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X[:, 1] - X[:, 0] if X.shape[1] == 2 else X

    def predict(self, X):
        return self.classes_[X.argmax(axis=1)]


def scale(known, codes, y_proba):
    """Return probabilities scaled by scikit-learn's temperature.

    It is fitted to probabilities, rather than to an estimator, so that one serves
    several purposes, and to codes: `CalibratedClassifierCV` takes other integers for
    codes.

    Parameters
    ----------
    known : ndarray of shape (n_known, n_classes)
        Probabilities to fit the temperature on. Rows of NaN only tell that there is
        their label.

    codes : ndarray of shape (n_known,)
        Their labels.

    y_proba : ndarray of shape (n_samples, n_classes)
        What to scale.

    Returns
    -------
    scaled : ndarray of shape (n_samples, n_classes)
        0 for classes that `codes` lacks. As they are if nothing is known.
    """
    fit_on = np.flatnonzero(~np.isnan(known[:, 0]))
    if not len(fit_on):
        return y_proba
    present, codes = np.unique(codes, return_inverse=True)
    smallest = np.finfo(np.float64).eps
    logits, to_scale = (
        np.log(np.clip(some[:, present], smallest, None)) for some in (known, y_proba)
    )
    everything = np.arange(len(codes))
    scaler = CalibratedClassifierCV(
        FrozenEstimator(_AsGiven().fit(logits, codes)),
        method="temperature",
        ensemble=True,  # so that not all rows have to be fitted on
        cv=[(everything, fit_on)],  # nothing is trained
    )
    scaled = np.zeros_like(y_proba)
    scaled[:, present] = scaler.fit(logits, codes).predict_proba(to_scale)
    return scaled
