"""Rules for classifiers that are fitted to copies of samples.

The copies of a sample must stay together. A classifier that resamples or splits its
training data would separate them.
"""

from numbers import Integral

import numpy as np
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import has_fit_parameter

from sklearn_ls._compat import balanced_class_weight
from sklearn_ls._labels.hold_out import hold_out

ONE_DRAW = "strategy='sample' with n_draws=1"

# Parameters of trees in scikit-learn, LightGBM and CatBoost that count samples.
SAMPLE_LIMITS = {
    "min_child_samples",
    "min_data",
    "min_data_in_leaf",
    "min_data_per_leaf",
    "min_samples_leaf",
    "min_samples_split",
}
# Defaults of LightGBM that `get_params` does not list.
LIGHTGBM_LIMITS = {"min_data_in_bin": 3, "min_data_per_group": 100}


def takes_sample_weight(classifier):
    """Return whether `fit` accepts `sample_weight`."""
    if isinstance(classifier, VotingClassifier):  # its signature does not show it
        members = [member for _, member in classifier.estimators if member != "drop"]
        return all(map(takes_sample_weight, members))
    return has_fit_parameter(classifier, "sample_weight")


def require_sample_weight(classifier):
    """Raise ValueError if `fit` does not accept `sample_weight`."""
    if takes_sample_weight(classifier):
        return
    name = type(classifier).__name__
    if isinstance(classifier, Pipeline):
        raise ValueError(
            "A Pipeline does not pass sample_weight to its steps. Make "
            "SmoothedTargetClassifier the last step instead: make_pipeline(scaler, "
            "SmoothedTargetClassifier(classifier)), or use strategy='sample'."
        )
    raise ValueError(
        "strategy='replicate' requires a classifier whose fit accepts sample_weight, "
        f"but {name} does not accept it. Use strategy='sample'."
    )


def _check_copyable(classifier):
    """Raise ValueError, with advice, for classifiers that would separate copies.

    Parameters
    ----------
    classifier : estimator
        Classifier to check, including nested estimators.
    """
    if get_tags(classifier).input_tags.pairwise:
        raise ValueError(
            f"{type(classifier).__name__} requires a matrix of all pairs of samples, "
            f"in which samples cannot be copied. Use {ONE_DRAW}."
        )
    for estimator in nested(classifier):
        params = estimator.get_params(deep=False)
        for rule in RULES:
            if problem := rule(estimator, params):
                raise ValueError(f"{type(estimator).__name__} {problem}")
        if estimator is not classifier:
            _check_nested(estimator)


def nested(classifier):
    """Yield an estimator and all estimators nested in its parameters."""
    yield classifier
    for value in classifier.get_params(deep=True).values():
        if hasattr(value, "fit") and hasattr(value, "get_params"):
            yield value


def _class_names(estimator):
    """Return the names of the class of an estimator and its base classes."""
    return {kind.__name__ for kind in type(estimator).__mro__}


def _bags(estimator, params):
    bags = _class_names(estimator) & {"BaggingClassifier", "XGBRFClassifier"}
    if bags or "rf" in (params.get("boosting_type"), params.get("boosting")):
        return (
            "resamples the copies of a sample separately, so only copies with wrong "
            "labels may remain. Resample outside, BaggingClassifier("
            f"SmoothedTargetClassifier(...)), or use {ONE_DRAW}."
        )


def _bootstraps(estimator, params):
    if params.get("bootstrap", False):
        return (
            "resamples the copies of a sample separately for each tree, so only copies "
            "with wrong labels may remain. Set bootstrap=False, resample outside, "
            "BaggingClassifier(SmoothedTargetClassifier(tree)), or use "
            f"{ONE_DRAW}."
        )


def _cross_validates(estimator, params):
    if params.get("cv", "prefit") != "prefit" or params.get("probability") is True:
        return (
            "uses cross-validation, which would put copies of one sample on both sides "
            "of a split. Cross-validate outside, as in GridSearchCV("
            "SmoothedTargetClassifier(...), ...) or CalibratedClassifierCV("
            f"SmoothedTargetClassifier(...)), or use {ONE_DRAW}."
        )


def _stops_early(estimator, params):
    if isinstance(estimator, HistGradientBoostingClassifier):
        return  # see `adapt_to_copies`
    advice = "early_stopping=False"
    on = params.get("early_stopping", False)
    if isinstance(estimator, GradientBoostingClassifier):
        advice = "n_iter_no_change=None"
        on = params["n_iter_no_change"] is not None
    if on:
        ours = type(estimator).__module__.startswith("sklearn_ls.")
        direct = ", or fit it on the soft labels directly" if ours else ""
        return (
            "would hold out samples for early stopping, including copies of training "
            f"samples. Set {advice}{direct}, or use {ONE_DRAW}."
        )


RULES = (_bags, _bootstraps, _cross_validates, _stops_early)


def _check_nested(estimator):
    """Raise for nested estimators that cannot be adapted to copies."""
    name = type(estimator).__name__
    if _is_balanced(estimator):
        raise ValueError(
            f"{name}(class_weight={estimator.class_weight!r}) inside another estimator "
            "would count copies instead of samples. Pass class_weight as a dict, or "
            "use sample_weight."
        )
    if isinstance(estimator, HistGradientBoostingClassifier) and _holds_out(estimator):
        raise ValueError(
            f"{name} inside another estimator would hold out samples for early "
            "stopping, including copies of training samples. Set "
            f"early_stopping=False, or use {ONE_DRAW}."
        )


def _is_balanced(estimator):
    return str(getattr(estimator, "class_weight", None)).startswith("balanced")


def _settle_early_stopping(classifier, n_samples):
    """Replace ``early_stopping="auto"``, which would count copies."""
    for estimator in nested(classifier):
        if isinstance(estimator, HistGradientBoostingClassifier):
            if estimator.early_stopping == "auto":
                estimator.set_params(early_stopping=n_samples > 10_000)


def _balance(classifier, copies, classes):
    """Replace ``class_weight="balanced"``, which would count copies."""
    if copies.weight is None or not _is_balanced(classifier):
        return
    weights = balanced_class_weight(copies.codes, copies.weight, len(classes))
    weights = {classes[k]: weights[k] for k in np.flatnonzero(weights)}
    classifier.set_params(class_weight=weights)


def _scale_sample_limits(classifier, copies):
    """Multiply limits that would count copies by the number of copies per sample."""
    n_copies = len(copies.rows) / len(np.unique(copies.rows))
    if n_copies == 1:
        return
    for estimator in nested(classifier):
        params = estimator.get_params(deep=False)
        limits = {name: params[name] for name in SAMPLE_LIMITS & params.keys()}
        if "LGBMClassifier" in _class_names(estimator):
            limits |= {n: params.get(n, limit) for n, limit in LIGHTGBM_LIMITS.items()}
        for name, limit in limits.items():
            smallest = 2 if name == "min_samples_split" else 1
            if isinstance(limit, Integral) and limit > smallest:
                estimator.set_params(**{name: round(n_copies * limit)})


def _holds_out(classifier):
    return (
        isinstance(classifier, HistGradientBoostingClassifier)
        and bool(classifier.early_stopping)
        and classifier.validation_fraction is not None
    )


def _hold_out(classifier, y_soft):
    """Return a mask of the samples that HistGradientBoostingClassifier would hold out.

    They are those of a fit on the samples with their most likely labels.
    """
    n_samples = len(y_soft)
    fraction = classifier.validation_fraction
    if fraction >= 1:  # number of samples; `hold_out` rounds up
        fraction = (fraction - 0.5) / n_samples
    random_state = check_random_state(classifier.random_state)
    seed = random_state.randint(np.iinfo(np.uint32).max, dtype="u8")
    labels = y_soft.argmax(axis=1)
    _, rows = hold_out(labels, np.arange(n_samples), fraction, seed)
    held_out = np.zeros(n_samples, dtype=bool)
    held_out[rows] = True
    return held_out


def adapt_to_copies(classifier, copies, y_soft, classes, validated=False):
    """Adapt a classifier to the copies of samples, or raise if that is impossible.

    Parameters
    ----------
    classifier : estimator
        Classifier, whose parameters that count samples are changed:
        ``early_stopping="auto"`` of HistGradientBoostingClassifier,
        ``class_weight="balanced"`` and limits of leaves.

    copies : RowCopies

    y_soft : ndarray of shape (n_samples, n_classes)
        Soft target of each sample.

    classes : ndarray of shape (n_classes,)

    validated : bool, default=False
        Whether validation samples are passed to the classifier.

    Returns
    -------
    training : RowCopies

    validation : RowCopies or None
        Not None if the classifier would hold out samples for early stopping. All of
        their labels occur in `training`.

    Raises
    ------
    ValueError
        If the classifier would resample or split copies.
    """
    if not validated:
        _settle_early_stopping(classifier, len(y_soft))
    _check_copyable(classifier)
    validation = None
    if not validated and _holds_out(classifier):
        if not has_fit_parameter(classifier, "X_val"):
            raise ValueError(
                "HistGradientBoostingClassifier would hold out samples for early "
                "stopping, including copies of training samples. Set "
                "early_stopping=False, or install scikit-learn >= 1.7, which accepts "
                "validation data."
            )
        held_out = _hold_out(classifier, y_soft)[copies.rows]
        copies, validation = copies.select(~held_out), copies.select(held_out)
        validation = validation.select(np.isin(validation.codes, copies.codes))
    _balance(classifier, copies, classes)
    _scale_sample_limits(classifier, copies)
    return copies, validation
