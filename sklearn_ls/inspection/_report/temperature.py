"""Probabilities scaled by a temperature that is fitted on held-out predictions."""

import warnings

import numpy as np
from scipy.special import softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from sklearn_ls._compat import take_rows
from sklearn_ls.inspection._held_out import predict_all
from sklearn_ls.inspection._pipeline import last_step
from sklearn_ls.metrics._temperature import fit_scale, log_probabilities

N_SPLITS = 5  # to fit a temperature, the default of CalibratedClassifierCV


def cross_val_proba(fitted, smoothing_params, X, y, classes):
    """Return held-out probabilities of training samples, to fit a temperature on.

    Parameters
    ----------
    fitted : estimator
        Estimator fitted to `X` and `y`. Clones of it are trained in the same way on the
        folds.

    smoothing_params : SmoothingParams

    X : array-like of shape (n_samples, ...)

    y : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    oof_proba : ndarray of shape (n_samples, n_classes)
        NaN for samples that carry no information on a temperature, see
        `mask_unseen_labels`.
    """
    estimator = clone(fitted)
    early_stopping = smoothing_params.sibling("early_stopping")
    if estimator.get_params().get(early_stopping) == "auto":
        # Folds may be too small for what "auto" chose for all training samples.
        network = last_step(fitted)
        network = getattr(network, "estimators_", [network])[0]
        if hasattr(network, "validation_scores_"):  # not wrapped in another estimator
            stopped = network.validation_scores_ is not None
            estimator.set_params(**{early_stopping: stopped})
    codes = np.searchsorted(classes, y)
    splits = _split(codes)
    oof_proba = np.full((len(y), len(classes)), np.nan)
    for train, test in splits:
        fold_estimator = clone(estimator).fit(take_rows(X, train), y[train])
        oof_proba[test] = predict_all(fold_estimator, take_rows(X, test), classes)
    return mask_unseen_labels(oof_proba, codes, splits)


def _split(codes):
    """Return the splits of training samples that have two classes to train on.

    The number of splits does not depend on rare classes, which would make the folds so
    large that networks trained on the rest differ from the one trained on all samples.
    """
    n_most_frequent = np.bincount(codes).max()
    if n_most_frequent < 2:
        raise ValueError(
            "Each label occurs only once in the training samples of a split, so no "
            "temperature can be fitted. Pass more samples per label, or a cv with more "
            "folds."
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        n_splits = min(N_SPLITS, n_most_frequent)
        splits = list(StratifiedKFold(n_splits).split(codes, codes))
    return [(train, test) for train, test in splits if len({*codes[train]}) > 1]


def mask_unseen_labels(oof_proba, codes, splits):
    """Return held-out probabilities with NaN for samples of labels not trained on.

    The probability of such a label is 0, whatever the temperature.

    Parameters
    ----------
    oof_proba : ndarray of shape (n_samples, n_classes)

    codes : ndarray of shape (n_samples,)

    splits : list of (train, test)

    Returns
    -------
    oof_proba : ndarray of shape (n_samples, n_classes)
    """
    oof_proba = oof_proba.copy()
    indices = np.arange(len(codes))
    for train, test in splits:
        unseen = ~np.isin(codes[test], codes[train])
        oof_proba[indices[test][unseen]] = np.nan
    return oof_proba


def scale(y_proba, oof_proba, oof_codes):
    """Return probabilities scaled by a temperature fitted on held-out probabilities.

    Parameters
    ----------
    y_proba : ndarray of shape (n_samples, n_classes)
        Probabilities to scale.

    oof_proba : ndarray of shape (n_oof_samples, n_classes)
        Probabilities to fit the temperature on. Rows of NaN are ignored.

    oof_codes : ndarray of shape (n_oof_samples,)
        Codes of their labels.

    Returns
    -------
    y_proba : ndarray of shape (n_samples, n_classes)
        Scaled probabilities, still 0 for classes that the classifier was not trained
        on. Unchanged if there are no held-out probabilities.
    """
    is_held_out = ~np.isnan(oof_proba[:, 0])
    if not is_held_out.any():
        return y_proba
    oof_proba, oof_codes = oof_proba[is_held_out], oof_codes[is_held_out]
    is_possible = oof_proba.any(axis=0) | y_proba.any(axis=0)
    is_possible[oof_codes] = True
    oof_logits, logits = (
        np.where(is_possible, log_probabilities(proba), -np.inf)
        for proba in (oof_proba, y_proba)
    )
    return softmax(fit_scale(oof_logits, oof_codes) * logits, axis=1)
