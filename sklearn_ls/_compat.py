"""What is private or experimental in scikit-learn, or differs between its versions.

Everything of the kind that the package uses is imported here and nowhere else.
"""

import inspect
from numbers import Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(method):
        """Return `method` as it is."""
        return method


__all__ = [
    "CallbackSupportMixin",
    "DocLinkMixin",
    "FitProgress",
    "Interval",
    "InvalidParameterError",
    "Options",
    "Probability",
    "StrOptions",
    "_check_partial_fit_first_call",
    "_fit_context",
    "balanced_class_weight",
    "check_sample_weight",
    "with_callbacks",
]


class DocLinkMixin:
    """Link the HTML representation to the page of the estimator."""

    _doc_link_module = "sklearn_ls"
    _doc_link_template = (
        "https://sklearn-ls.readthedocs.io/en/stable/generated/"
        "sklearn_ls.{estimator_name}.html"
    )

    def _doc_link_url_param_generator(self):
        return {"estimator_name": type(self).__name__}


class Probability(Interval):
    """Constraint for a number in [0, 1] that is no bool."""

    def __init__(self):
        super().__init__(Real, 0, 1, closed="both")

    def is_satisfied_by(self, val):
        """Tell whether `val` is such a number."""
        return not isinstance(val, (bool, np.bool_)) and super().is_satisfied_by(val)


def check_sample_weight(sample_weight, X):
    """Return the weights as float64, checked to be non-negative and not all zero."""
    weight = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not weight.any():
        raise ValueError("sample_weight is zero for every row; nothing can be learnt.")
    return weight


def balanced_class_weight(codes, sample_weight):
    """Weights that give every class present the same total weight.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    sample_weight : ndarray of shape (n_samples,)
        Positive.

    Returns
    -------
    row_weight : ndarray of shape (n_samples,)
        The weight of each row's class.
    """
    classes, codes = np.unique(codes, return_inverse=True)
    if "sample_weight" in inspect.signature(compute_class_weight).parameters:
        class_weight = compute_class_weight(
            "balanced",
            classes=np.arange(len(classes)),
            y=codes,
            sample_weight=sample_weight,
        )
    else:
        totals = np.bincount(codes, weights=sample_weight)
        class_weight = totals.sum() / (len(classes) * totals)
    return class_weight[codes]


class FitProgress:
    """Tell the callbacks set with `set_callbacks` how a fit goes on.

    Parameters
    ----------
    estimator : estimator
        Inherits from :class:`CallbackSupportMixin` and has `max_epochs`.

    X, y : array-like
        The training data, as callbacks are to get them.
    """

    def __init__(self, estimator, X, y):
        self.about = {"estimator": estimator, "X": X, "y": y}
        self.context = None
        if hasattr(estimator, "_skl_callbacks") or hasattr(
            estimator, "_parent_callback_ctx"
        ):
            self.context = estimator._init_callback_context(
                max_subtasks=estimator.max_epochs
            )
            self.context.call_on_fit_task_begin(**self.about)

    def epoch_end(self, fitted_attributes):
        """Report an epoch; return True if a callback wants training to stop.

        Parameters
        ----------
        fitted_attributes : callable
            Returns what a copy of the estimator needs to predict.
        """
        if self.context is None:
            return False
        epoch = self.context.subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(**self.about)
        return epoch.call_on_fit_task_end(
            **self.about, reconstruction_attributes=fitted_attributes
        )

    def end(self, fitted_attributes):
        """Report the end of the fit."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                **self.about, reconstruction_attributes=fitted_attributes
            )
