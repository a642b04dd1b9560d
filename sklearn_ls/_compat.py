"""Private and experimental parts of scikit-learn, and differences between versions.

No other module imports them.
"""

import inspect
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.metrics._scorer import _Scorer
from sklearn.model_selection import GridSearchCV
from sklearn.model_selection._validation import _score
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_method_params, _check_sample_weight

if TYPE_CHECKING:  # scikit-learn has no types, and what it decorates would lose its own
    from sklearn.callback import CallbackSupportMixin

    Function = TypeVar("Function", bound=Callable[..., Any])

    def _fit_context(
        *, prefer_skip_nested_validation: bool
    ) -> Callable[[Function], Function]: ...

    def available_if(check: Callable[..., bool]) -> Callable[[Function], Function]: ...

    def validate_params(
        constraints: dict[str, Any], *, prefer_skip_nested_validation: bool
    ) -> Callable[[Function], Function]: ...

    def with_callbacks(method: Function) -> Function: ...

else:
    from sklearn.base import _fit_context
    from sklearn.utils._param_validation import validate_params
    from sklearn.utils.metaestimators import available_if

    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:  # scikit-learn < 1.9

        class CallbackSupportMixin:
            """Placeholder for versions of scikit-learn without callbacks."""

        def with_callbacks(method):
            """Return `method` unchanged."""
            return method


__all__ = [
    "CallbackSupportMixin",
    "DocLinkMixin",
    "FitProgress",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "Probability",
    "ScorerOfClasses",
    "SearchRules",
    "StrOptions",
    "_check_partial_fit_first_call",
    "_fit_context",
    "available_if",
    "balanced_class_weight",
    "check_sample_weight",
    "score_fold",
    "take_params",
    "take_rows",
    "validate_parameters",
    "validate_params",
    "with_callbacks",
]


class DocLinkMixin:
    """Link the HTML representation to the documentation of the estimator."""

    _doc_link_module = "sklearn_ls"
    _doc_link_template = (
        "https://sklearn-ls.readthedocs.io/en/stable/generated/"
        "sklearn_ls.{estimator_name}.html"
    )

    def _doc_link_url_param_generator(self):
        return {"estimator_name": type(self).__name__}


class Probability(Interval):
    """Constraint for a number in [0, 1] that is not a bool."""

    def __init__(self):
        super().__init__(Real, 0, 1, closed="both")

    def is_satisfied_by(self, val):
        """Return whether `val` satisfies the constraint."""
        return not isinstance(val, (bool, np.bool_)) and super().is_satisfied_by(val)


def check_sample_weight(sample_weight, X):
    """Return the weights as float64, checked to be non-negative and not all zero.

    Weights whose sum would overflow, or whose products with probabilities would be
    rounded to zero, are divided by the largest weight.
    """
    weight = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    largest = weight.max()
    if largest == 0:
        raise ValueError("sample_weight is zero for every sample.")
    limits = np.finfo(np.float64)
    if largest < limits.tiny / limits.eps or largest > limits.max / len(weight):
        return weight / largest
    return weight


def balanced_class_weight(codes, sample_weight, n_classes):
    """Return weights that give every class present the same total weight.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    sample_weight : ndarray of shape (n_samples,)

    n_classes : int

    Returns
    -------
    weights : ndarray of shape (n_classes,)
        Class weights; 0 for classes without any weight.
    """
    counts = sample_weight > 0
    codes, sample_weight = codes[counts], sample_weight[counts]
    present = np.unique(codes)
    weights = np.zeros(n_classes)
    if "sample_weight" in inspect.signature(compute_class_weight).parameters:
        weights[present] = compute_class_weight(
            "balanced", classes=present, y=codes, sample_weight=sample_weight
        )
    else:
        totals = np.bincount(codes, weights=sample_weight)[present]
        weights[present] = totals.sum() / (len(present) * totals)
    return weights


class FitProgress:
    """Report the progress of a fit to the callbacks set with `set_callbacks`.

    Parameters
    ----------
    estimator : estimator
        Estimator that inherits from :class:`CallbackSupportMixin`.

    X, y : array-like
        The training data, as passed to callbacks.

    n_tasks : int
        Maximum number of tasks of the fit.
    """

    def __init__(self, estimator, X, y, n_tasks):
        self.about = {"estimator": estimator, "X": X, "y": y}
        self.context = None
        if hasattr(estimator, "_skl_callbacks") or hasattr(
            estimator, "_parent_callback_ctx"
        ):
            self.context = estimator._init_callback_context(max_subtasks=n_tasks)
            self.context.call_on_fit_task_begin(**self.about)

    def task_end(self, name, fitted_attributes=None):
        """Report that a task has ended; return True if a callback requests to stop.

        Parameters
        ----------
        name : str
            Name of the task.

        fitted_attributes : callable, default=None
            Function that returns the attributes with which a copy of the estimator can
            predict. None if it cannot predict.
        """
        if self.context is None:
            return False
        task = self.context.subcontext(task_name=name)
        task.call_on_fit_task_begin(**self.about)
        return task.call_on_fit_task_end(
            **self.about, reconstruction_attributes=fitted_attributes
        )

    def end(self, fitted_attributes=None):
        """Report the end of the fit."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                **self.about, reconstruction_attributes=fitted_attributes
            )


def validate_parameters(estimator):
    """Validate the parameters, even if scikit-learn skips this in a nested fit."""
    estimator._validate_params()


def take_rows(values, rows):
    """Return some samples of an array, a sparse matrix, a dataframe or a list."""
    return _safe_indexing(values, rows)


def take_params(X, params, rows):
    """Return the parameters of a `fit`, indexed if they have a value per sample."""
    return _check_method_params(X, params, indices=rows)


def score_fold(estimator, X, y, params, scorer):
    """Score a fitted estimator as GridSearchCV does: NaN and a warning on error.

    Parameters
    ----------
    estimator : estimator

    X, y : array-like of shape (n_samples, ...)
        Test data.

    params : dict
        Further arguments of the scorer.

    scorer : callable

    Returns
    -------
    scores : float or dict of str to float
    """
    return _score(estimator, X, y, scorer, params, error_score=np.nan)


class ScorerOfClasses(_Scorer):
    """Scorer that passes the classes of the estimator to the metric as `labels`."""

    def _score(self, method_caller, estimator, X, y_true, **kwargs):
        kwargs["labels"] = estimator.classes_
        return super()._score(method_caller, estimator, X, y_true, **kwargs)


def _takes_sample_weight(scorer):
    function = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in inspect.signature(function).parameters


class _OptionallyWeightedScorer:
    """Scorer that ignores sample weights if its function does not accept them.

    Parameters
    ----------
    scorer : callable
    """

    def __init__(self, scorer):
        self.scorer = scorer

    def __call__(self, estimator, X, y, sample_weight=None):
        """Return the score."""
        if _takes_sample_weight(self.scorer):
            return self.scorer(estimator, X, y, sample_weight=sample_weight)
        return self.scorer(estimator, X, y)

    def _accept_sample_weight(self):
        return True


class SearchRules:
    """Scoring, refit and results as in GridSearchCV.

    Parameters
    ----------
    estimator : estimator
        Estimator of the type to be scored.

    scoring, refit : see GridSearchCV

    Attributes
    ----------
    scorer : callable

    multimetric : bool
        Whether there are several scores. Set by `results`.
    """

    def __init__(self, estimator, scoring, refit):
        self._search = GridSearchCV(estimator, {}, scoring=scoring, refit=refit)
        self.scorer, self._metric = self._search._get_scorers()

    def scorers(self):
        """Return the scorer, or a dict of scorers, for the attribute `scorer_`."""
        return getattr(self.scorer, "_scorers", self.scorer)

    def takes_sample_weight(self):
        """Return whether each scorer takes sample weights; a single one is "score"."""
        scorers = getattr(self.scorer, "_scorers", {"score": self.scorer})
        return {name: _takes_sample_weight(scorer) for name, scorer in scorers.items()}

    def weighted_scorer(self):
        """Return a scorer that passes sample weights only to scorers that take them.

        With several scorers, scikit-learn 1.6 passes the weights to all of them, and
        later versions raise an AttributeError for functions.
        """
        if not hasattr(self.scorer, "_scorers"):
            return self.scorer
        scorers = {
            name: scorer
            if isinstance(scorer, _Scorer) and _takes_sample_weight(scorer)
            else _OptionallyWeightedScorer(scorer)
            for name, scorer in self.scorers().items()
        }
        return type(self.scorer)(scorers=scorers, raise_exc=False)

    def results(self, candidates, n_splits, scores, fit_times, score_times):
        """Return `cv_results_`.

        Parameters
        ----------
        candidates : list of dict

        n_splits : int

        scores, fit_times, score_times : list
            One per candidate and split, grouped by candidate.

        Returns
        -------
        cv_results : dict of ndarrays
        """
        numbers = zip(scores, fit_times, score_times, strict=True)
        names = ("test_scores", "fit_time", "score_time")
        out = [dict(zip(names, values, strict=True)) for values in numbers]
        self.multimetric = isinstance(scores[0], dict)
        if self.multimetric:
            self._search._check_refit_for_multimetric(scores[0])
            self._metric = self._search.refit
        return self._search._format_results(candidates, n_splits, out)

    def best(self, results):
        """Return the index and the score of the best candidate.

        Both are None if no candidate is chosen. The score is None if a callable
        chooses.
        """
        refit = self._search.refit
        if self.multimetric and refit is False:
            return None, None
        index = self._search._select_best_index(refit, self._metric, results)
        if callable(refit):
            return index, None
        return index, results[f"mean_test_{self._metric}"][index]
