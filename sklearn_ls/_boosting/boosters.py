"""Gradient boosting libraries with custom objectives: XGBoost and LightGBM."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.utils import compute_class_weight
from sklearn.utils.validation import has_fit_parameter

from sklearn_ls._boosting.eval_sets import take_eval_sets, weights_of
from sklearn_ls._boosting.metrics import of_probabilities, replace_metrics, to_proba
from sklearn_ls._boosting.objective import SoftObjective
from sklearn_ls._compat import balanced_class_weight
from sklearn_ls._labels.noise import split_rate


@dataclass(frozen=True, eq=False)
class FittedBooster:
    """A fitted classifier with the initial score that its predictions need.

    Parameters
    ----------
    classifier : estimator
        Classifier, fitted to labels (LightGBM) or their codes (XGBoost).

    classes_ : ndarray of shape (n_seen,)
        Classes that the classifier was fitted to.

    init_score : ndarray of shape (n_seen,) or (), default=None
        Initial score, added to the raw scores of the classifier; None if the classifier
        predicts probabilities itself.
    """

    classifier: Any
    classes_: np.ndarray
    init_score: np.ndarray | None = None

    def decision_function(self, X):
        """Return the raw scores of LightGBM, which are logits up to a constant."""
        return self.classifier.predict(X, raw_score=True) + self.init_score

    def predict_proba(self, X):
        """Return the probabilities of `classes_`."""
        if self.init_score is None:
            return self.classifier.predict_proba(X)
        proba = to_proba(self.decision_function(X))
        return np.column_stack([1 - proba, proba]) if proba.ndim == 1 else proba


class Booster:
    """Base class of the libraries.

    Attributes
    ----------
    name : str
        Name of the classifier class. Subclasses are supported as well.

    module : str
        Name of the package.

    objectives : set of str or None
        Objectives that can be replaced, which are cross-entropies.
    """

    name: str
    module: str
    objectives: set

    @classmethod
    def is_of(cls, classifier):
        """Return whether a classifier is from this library."""
        return any(
            kind.__name__ == cls.name and kind.__module__.split(".")[0] == cls.module
            for kind in type(classifier).__mro__
        )

    @classmethod
    def reason_unusable(cls, classifier):
        """Return the reason why the objective cannot be replaced, or None."""
        if classifier.objective not in cls.objectives:
            return f"it has objective={classifier.objective!r}"
        return None


class XGBoost(Booster):
    """XGBClassifier, which is fitted to codes and stores the initial score itself."""

    name, module = "XGBClassifier", "xgboost"
    objectives = {None, "binary:logistic", "multi:softprob", "multi:softmax"}

    @classmethod
    def fit(cls, classifier, X, y, classes, objective, sample_weight, params):
        """Fit a classifier to an objective.

        Parameters
        ----------
        classifier : estimator
            Classifier to fit.

        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        y : ndarray of shape (n_samples,)
            Labels that contain every class. The objective does not use them.

        classes : ndarray of shape (n_classes,)

        objective : SoftObjective

        sample_weight : ndarray of shape (n_samples,) or None
            Weights for the metrics; the objective already contains them.

        params : dict
            Additional arguments of `fit`.

        Returns
        -------
        fitted : FittedBooster
        """
        binary, weight = len(classes) == 2, classifier.scale_pos_weight
        if binary:
            objective = _weigh_second(objective, weight)
        else:
            objective = replace(objective, hessian_factor=2.0)
        base_score, eval_metric = classifier.base_score, classifier.eval_metric
        replaced = {}
        if callable(eval_metric):
            replaced["eval_metric"] = of_probabilities(eval_metric)
        if base_score is None and params.get("xgb_model") is None:
            is_weighted = weight not in (None, 1)
            replaced["base_score"] = cls._base_score(objective.prior(), is_weighted)
        objective = replace(objective, mass=objective.mass.astype(np.float32))
        classifier.set_params(objective=_XGBoostObjective(objective), **replaced)
        params = cls.with_eval_sets(classifier, params, classes)
        y = np.searchsorted(classes, y)
        classifier.fit(X, y, sample_weight=sample_weight, **params)
        kind = "binary:logistic" if binary else "multi:softprob"
        classifier.set_params(
            base_score=base_score, eval_metric=eval_metric, objective=kind
        )
        return FittedBooster(classifier, classes)

    @staticmethod
    def with_eval_sets(classifier, params, classes):
        """Return arguments of `fit` with the labels of validation samples encoded."""
        eval_sets, params = take_eval_sets(params, classes, "sample_weight_eval_set")
        if eval_sets:
            params["eval_set"] = [(one.X, one.codes) for one in eval_sets]
            params["sample_weight_eval_set"] = weights_of(eval_sets)
        return params

    @staticmethod
    def _base_score(prior, is_weighted):
        """Return the initial score that the library uses for its own objective.

        With two classes it is a probability: the frequency of the second class or, with
        `scale_pos_weight` or in older versions, the result of a Newton step from 0.5.
        """
        import xgboost

        is_old = tuple(map(int, xgboost.__version__.split(".")[:2])) < (3, 1)
        if len(prior) == 2:
            if is_old or is_weighted:
                return float(expit(2 * (prior[1] - prior[0])))
            return float(prior[1])
        if is_old:
            return None  # equal scores
        log_prior = np.log(prior)
        return (log_prior - log_prior.mean()).tolist()


@dataclass(eq=False)
class _XGBoostObjective:
    objective: SoftObjective

    def __call__(self, y_true, y_pred, sample_weight=None):
        gradient, hessian = self.objective.gradient_and_hessian(y_pred)
        hessian = np.ascontiguousarray(hessian)  # XGBoost reads rows
        return np.ascontiguousarray(gradient), np.maximum(hessian, 1e-16, out=hessian)


# Parameters (and aliases) of LightGBM that apply to its own objectives only.
OF_OWN_OBJECTIVES = (
    "application",
    "app",
    "objective_type",
    "loss",
    "num_class",
    "unbalance",
    "unbalanced_sets",
    "pos_bagging_fraction",
    "neg_bagging_fraction",
)


class LightGBM(Booster):
    """LGBMClassifier, whose model predicts raw scores without the initial score."""

    name, module = "LGBMClassifier", "lightgbm"
    objectives = {None, "binary", "multiclass", "softmax"}

    @classmethod
    def reason_unusable(cls, classifier):
        """Return the reason why the objective cannot be replaced, or None."""
        params = classifier.get_params()
        for name in ("boosting", "boosting_type", "boost"):
            if params.get(name) in ("rf", "random_forest"):
                return f"{name}={params[name]!r} does not support an objective"
        if params.get("is_unbalance", False):
            return "is_unbalance=True counts labels. Use class_weight='balanced'"
        if params.get("sigmoid", 1) != 1:
            return f"it has sigmoid={params['sigmoid']}"
        for name in OF_OWN_OBJECTIVES:
            if params.get(name) not in (None, False):
                return f"it has {name}={params[name]!r}"
        return super().reason_unusable(classifier)

    @classmethod
    def fit(cls, classifier, X, y, classes, objective, sample_weight, params):
        """Fit a classifier to an objective, see `XGBoost.fit`.

        The objective already contains the weights of `class_weight`.
        """
        n_classes, settings = len(classes), classifier.get_params()
        prior = objective.prior()
        if n_classes == 2:
            objective = _weigh_second(objective, settings.get("scale_pos_weight"))
            init_score = np.log(prior[1] / prior[0])
        else:
            factor = n_classes / (n_classes - 1)
            objective = replace(objective, hessian_factor=factor)
            init_score = np.log(prior)
        eval_sets, params = take_eval_sets(params, classes, "eval_sample_weight")
        params |= _eval_arguments(classifier, eval_sets, classes)
        if _starts_from_prior(settings, params):
            params["init_score"] = _repeat(init_score, len(y))
            if eval_sets:
                sizes = map(len, eval_sets)
                params["eval_init_score"] = [_repeat(init_score, n) for n in sizes]
        else:
            init_score = np.zeros_like(init_score)
        metrics = [settings.get("metric"), params.get("eval_metric")]
        params["eval_metric"] = replace_metrics(metrics, n_classes)
        own = _LightGBMObjective(objective)
        replaced = {
            "class_weight": None,
            "metric": "None",  # otherwise a metric would treat scores as probabilities
            "feature_pre_filter": False,  # otherwise it fails on very few samples
        }
        classifier.set_params(objective=own, **replaced)
        classifier.fit(X, y, sample_weight=sample_weight, **params)
        own.objective = None  # free the data, since the classifier keeps a reference
        classifier.set_params(**{name: settings.get(name) for name in replaced})
        return FittedBooster(classifier, classes, init_score)

    @staticmethod
    def with_eval_sets(classifier, params, classes):
        """Return arguments of `fit` with one label per validation sample."""
        eval_sets, params = take_eval_sets(params, classes, "eval_sample_weight")
        return params | _eval_arguments(classifier, eval_sets, classes)


@dataclass(eq=False)
class _LightGBMObjective:
    objective: SoftObjective | None

    def __call__(self, y_true, y_pred):
        return self.objective.gradient_and_hessian(y_pred)


def _weigh_second(objective, weight):
    """Return an objective in which the second of two classes is weighted."""
    if weight in (None, 1):
        return objective
    mass = objective.mass * np.array([[1], [weight]], dtype=objective.mass.dtype)
    return replace(objective, mass=mass)


def _eval_arguments(classifier, eval_sets, classes):
    """Return the arguments of LightGBM's `fit` for validation samples."""
    if not eval_sets:
        return {}
    weights = {"eval_sample_weight": weights_of(eval_sets)}
    if not has_fit_parameter(classifier, "eval_X"):  # before LightGBM 4.7
        pairs = [(one.X, classes[one.codes]) for one in eval_sets]
        return {"eval_set": pairs, **weights}
    X = tuple(one.X for one in eval_sets)
    return {"eval_X": X, "eval_y": tuple(one.codes for one in eval_sets), **weights}


def _starts_from_prior(settings, params):
    """Return whether the initial score of LightGBM is the class frequencies."""
    init_model = params.get("init_model")
    if isinstance(getattr(init_model, "objective", None), _LightGBMObjective):
        raise ValueError(
            "init_model was trained on soft targets with strategy='objective', and "
            "does not contain the initial score that its predictions require. Train "
            "it with strategy='replicate'."
        )
    continues = params.get("init_score") is not None or init_model is not None
    return not continues and settings.get("boost_from_average", True)


def _repeat(init_score, n_samples):
    if np.ndim(init_score):
        return np.tile(init_score, (n_samples, 1))
    return np.full(n_samples, init_score)


BOOSTERS = (XGBoost, LightGBM)


def find_booster(classifier):
    """Return the library of a classifier, or None."""
    return next((kind for kind in BOOSTERS if kind.is_of(classifier)), None)


def fit_booster(classifier, X, y_soft, classes, sample_weight, transition, params):
    """Fit a classifier of a supported library to soft targets.

    Parameters
    ----------
    classifier : estimator
        Classifier to fit.

    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

    y_soft : ndarray of shape (n_samples, n_classes)

    classes : ndarray of shape (n_classes,)

    sample_weight : ndarray of shape (n_samples,) or None

    transition : float, ndarray of shape (n_classes, n_classes) or None
        Known label noise.

    params : dict
        Additional arguments of `fit`.

    Returns
    -------
    fitted : FittedBooster
    """
    mass = np.array(y_soft.T, order="C")
    if sample_weight is not None:
        mass *= sample_weight
    if np.ndim(transition) == 0 and transition is not None:
        stay, move = split_rate(transition, len(classes))
        transition = stay * np.eye(len(classes)) + move
    mass *= _class_weights(classifier, classes, mass)[:, np.newaxis]
    objective = SoftObjective(mass, transition)
    labels = classes[_cover_classes(mass)]
    return find_booster(classifier).fit(
        classifier, X, labels, classes, objective, sample_weight, params
    )


def _class_weights(classifier, classes, mass):
    class_weight = getattr(classifier, "class_weight", None)
    if class_weight == "balanced":
        codes, totals = np.arange(len(classes)), mass.sum(axis=1)
        return balanced_class_weight(codes, totals, len(classes))
    return compute_class_weight(class_weight, classes=classes, y=classes)


def _cover_classes(mass):
    """Return the most likely codes, with some changed so that every class occurs."""
    codes = mass.argmax(axis=0)
    for code in np.flatnonzero(np.bincount(codes, minlength=len(mass)) == 0):
        often = np.bincount(codes, minlength=len(mass))[codes] > 1
        codes[np.where(often, mass[code], -1).argmax()] = code
    return codes
