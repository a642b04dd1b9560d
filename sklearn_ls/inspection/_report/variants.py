"""The variants that the report compares: hard or smoothed labels, and calibration."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from sklearn_ls._compat import take_rows
from sklearn_ls._labels.unsmoothing import unsmooth
from sklearn_ls.inspection._held_out import fit_part, predict_all, predict_splits
from sklearn_ls.inspection._pipeline import last_step
from sklearn_ls.inspection._report.smoothing_params import (
    best_epsilon_above_0,
    without_smoothing,
)
from sklearn_ls.inspection._report.temperature import (
    cross_val_proba,
    mask_unseen_labels,
    scale,
)

HARD, HARD_SCALED = "hard labels", "hard + temperature"
SMOOTHED = {  # by the value of `calibration`
    None: "smoothed",
    "temperature": "smoothed + temperature",
    "unsmooth": "smoothed + unsmooth",
}
VARIANTS = (HARD, HARD_SCALED, *SMOOTHED.values())  # from simple to complex


class FoldPredictions(NamedTuple):
    """Predictions of all variants for the test samples of one split.

    Parameters
    ----------
    probas : dict of str to ndarray of shape (n_test, n_classes)
        Predicted probabilities by variant.

    epsilon : float or array-like
        The epsilon of the smoothed variants.

    chosen : float or array-like
        The epsilon that a search chose. If it is 0 and labels are hard, `epsilon` is
        the best value above 0.

    left_out : dict of str to str
        Reason for each variant that cannot be computed.

    strategy : str, default=None
        How a :class:`~sklearn_ls.SmoothedTargetClassifier` was trained.
    """

    probas: dict
    epsilon: object
    chosen: object
    left_out: dict
    strategy: str | None = None


def predict_variants(estimator, smoothing_params, X, labels, split):
    """Train all variants on the training samples of a split; predict its test samples.

    Parameters
    ----------
    estimator : estimator

    smoothing_params : SmoothingParams

    X : array-like of shape (n_samples, ...)

    labels : TrainingLabels
        Soft labels are only used by the smoothed variants.

    split : tuple of (train, test)

    Returns
    -------
    predictions : FoldPredictions
    """
    train, test = split
    X_test, classes = take_rows(X, test), labels.classes
    hard = without_smoothing(estimator, smoothing_params)
    hard = fit_part(hard, X, replace(labels, y_soft=None), train)
    hard_proba = predict_all(hard, X_test, classes)
    oof_proba = cross_val_proba(
        hard, smoothing_params, take_rows(X, train), labels.y[train], classes
    )
    probas = {
        HARD: hard_proba,
        HARD_SCALED: scale(hard_proba, oof_proba, labels.codes[train]),
    }
    smoothed = fit_part(estimator, X, labels, train)
    chosen = epsilon = estimator.get_params()[smoothing_params.epsilon]
    if smoothing_params.is_search:
        chosen, epsilon = _epsilons_of(last_step(smoothed), labels)
        # A search over the chosen epsilon alone.
        estimator = clone(estimator).set_params(**{smoothing_params.epsilon: [epsilon]})
        if epsilon != chosen:
            smoothed = fit_part(estimator, X, labels, train)
    calibration = estimator.get_params().get(smoothing_params.calibration)
    probas[SMOOTHED[calibration]] = predict_all(smoothed, X_test, classes)
    strategy = getattr(last_step(smoothed), "strategy_", None)
    left_out = {}
    other_calibrations = [other for other in SMOOTHED if other != calibration]
    for other in other_calibrations if smoothing_params.calibration else ():
        variant = clone(estimator).set_params(**{smoothing_params.calibration: other})
        try:
            smoothed = fit_part(variant, X, labels, train)
        except ValueError as error:  # such as smoothing that cannot be undone
            left_out[SMOOTHED[other]] = str(error)
        else:
            probas[SMOOTHED[other]] = predict_all(smoothed, X_test, classes)
    return FoldPredictions(probas, epsilon, chosen, left_out, strategy)


def _epsilons_of(search, labels):
    """Return the epsilon that a search chose, and that of the smoothed variants."""
    chosen = search.best_params_["epsilon"]
    if chosen == 0 and labels.y_soft is None:
        return chosen, best_epsilon_above_0(search)
    return chosen, chosen


def predict_variants_of_search(held_out, smoothing_params, labels):
    """Return the held-out predictions of a fitted search, and those of the variants.

    Networks are only trained for hard labels, on the same splits, and for another
    epsilon if the search chose 0. The temperature for the test samples of a split is
    fitted on the held-out predictions of the other samples.

    Parameters
    ----------
    held_out : HeldOut

    smoothing_params : SmoothingParams

    labels : TrainingLabels

    Returns
    -------
    predictions : list of FoldPredictions
        One per split.
    """
    search, X, splits, smoothed_probas = held_out
    codes, classes = labels.codes, labels.classes
    chosen, epsilon = _epsilons_of(search, labels)
    if epsilon != chosen:
        search = clone(search).set_params(epsilons=[epsilon], cv=splits)
        search.fit(X, labels.y)
        smoothed_probas = predict_splits(search.estimators_, X, splits, classes)
    hard = without_smoothing(search, smoothing_params.without_prefix())
    hard.set_params(cv=splits).fit(X, labels.y)
    hard_probas = predict_splits(hard.estimators_, X, splits, classes)
    calibration = search.get_params().get("calibration")
    probas_of_splits = {HARD: hard_probas, SMOOTHED[calibration]: smoothed_probas}
    scaled = {HARD: HARD_SCALED}
    oof_probas = {HARD: mask_unseen_labels(hard.oof_proba_, codes, splits)}
    if calibration is None:
        scaled[SMOOTHED[None]] = SMOOTHED["temperature"]
        oof_probas[SMOOTHED[None]] = mask_unseen_labels(
            search.oof_proba_, codes, splits
        )
    predictions = []
    for k, (_, test) in enumerate(splits):
        probas = {name: of_splits[k] for name, of_splits in probas_of_splits.items()}
        oof_codes = np.delete(codes, test)
        for variant, oof_proba in oof_probas.items():
            probas[scaled[variant]] = scale(
                probas[variant], np.delete(oof_proba, test, axis=0), oof_codes
            )
        left_out = {}
        if calibration is None:
            try:
                probas[SMOOTHED["unsmooth"]] = _unsmooth(
                    search, search.estimators_[k], smoothed_probas[k], classes
                )
            except ValueError as error:
                left_out[SMOOTHED["unsmooth"]] = str(error)
        predictions.append(FoldPredictions(probas, epsilon, chosen, left_out))
    return predictions


def _unsmooth(search, network, y_proba, classes):
    """Return what a fold network would have predicted with calibration="unsmooth"."""
    if search.get_params().get("transition_matrix") is not None:
        raise ValueError(
            "it cannot be computed for a search that was fitted with a "
            "transition_matrix."
        )
    columns = np.searchsorted(classes, network.classes_)
    unsmoothed = np.zeros_like(y_proba)
    unsmoothed[:, columns] = unsmooth(
        y_proba[:, columns], network.label_smoother_.recover
    )
    return unsmoothed
