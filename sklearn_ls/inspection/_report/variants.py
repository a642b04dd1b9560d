"""The variants that the report compares: labels hard or smoothed, and calibrated."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from sklearn_ls._compat import take_rows
from sklearn_ls._labels.unsmoothing import unsmooth
from sklearn_ls.inspection._held_out import predict_all, predict_splits
from sklearn_ls.inspection._pipeline import last_step
from sklearn_ls.inspection._report.smoothing_params import without_smoothing
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
        By the name of the variant.

    epsilon : float or array-like
        The epsilon of the smoothed variants.

    left_out : dict of str to str
        The reason for each variant that cannot be computed.

    strategy : str, default=None
        How a :class:`~sklearn_ls.SmoothedTargetClassifier` was trained.
    """

    probas: dict
    epsilon: object
    left_out: dict
    strategy: str | None = None


def predict_variants(estimator, smoothing_params, X, y, split, classes):
    """Train all variants on the training samples of a split, and predict the others.

    Parameters
    ----------
    estimator : estimator

    smoothing_params : SmoothingParams

    X : array-like of shape (n_samples, ...)

    y : ndarray of shape (n_samples,)

    split : tuple of (train, test)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    predictions : FoldPredictions
    """
    train, test = split
    X_train, y_train, X_test = take_rows(X, train), y[train], take_rows(X, test)
    hard = without_smoothing(estimator, smoothing_params).fit(X_train, y_train)
    hard_proba = predict_all(hard, X_test, classes)
    oof_proba = cross_val_proba(hard, smoothing_params, X_train, y_train, classes)
    train_codes = np.searchsorted(classes, y_train)
    probas = {
        HARD: hard_proba,
        HARD_SCALED: scale(hard_proba, oof_proba, train_codes),
    }
    smoothed = clone(estimator).fit(X_train, y_train)
    calibration = estimator.get_params().get(smoothing_params.calibration)
    probas[SMOOTHED[calibration]] = predict_all(smoothed, X_test, classes)
    epsilon, estimator = _at_chosen_epsilon(estimator, smoothed, smoothing_params)
    strategy = getattr(last_step(smoothed), "strategy_", None)
    left_out = {}
    other_calibrations = [other for other in SMOOTHED if other != calibration]
    for other in other_calibrations if smoothing_params.calibration else ():
        smoothed = clone(estimator).set_params(**{smoothing_params.calibration: other})
        try:
            smoothed.fit(X_train, y_train)
        except ValueError as error:  # such as smoothing that cannot be undone
            left_out[SMOOTHED[other]] = str(error)
        else:
            probas[SMOOTHED[other]] = predict_all(smoothed, X_test, classes)
    return FoldPredictions(probas, epsilon, left_out, strategy)


def _at_chosen_epsilon(estimator, fitted, smoothing_params):
    """Return epsilon, and the estimator with nothing left to search."""
    if not smoothing_params.is_search:
        return estimator.get_params()[smoothing_params.epsilon], estimator
    best = last_step(fitted).best_params_
    params = {smoothing_params.epsilon: [best["epsilon"]]}
    return best["epsilon"], clone(estimator).set_params(**params)


def predict_variants_of_search(held_out, smoothing_params, codes, classes):
    """Return the held-out predictions of a fitted search, and those of the variants.

    Only hard labels are trained, on the same splits. The temperature for the test
    samples of a split is fitted on the held-out predictions of the other samples.

    Parameters
    ----------
    held_out : HeldOut

    smoothing_params : SmoothingParams

    codes : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    predictions : list of FoldPredictions
        One per split.
    """
    search, X, splits, smoothed_probas = held_out
    hard = without_smoothing(search, smoothing_params.without_prefix())
    hard.set_params(cv=splits).fit(X, classes[codes])
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
        predictions.append(FoldPredictions(probas, search.epsilon_, left_out))
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
