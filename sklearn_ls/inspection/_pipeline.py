"""Estimators inside of pipelines and searches, and the arguments of their `fit`."""

from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter


def last_step(estimator):
    """Return the last step of a pipeline, or any other estimator itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def transform_up_to_last(estimator, X):
    """Return X transformed by all but the last step of a fitted pipeline."""
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        return estimator[:-1].transform(X)
    return X


def require_proba(estimator, name):
    """Raise TypeError unless an estimator has `predict_proba`."""
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"{name} requires probabilities, but {type(estimator).__name__} has no "
            "predict_proba."
        )


def is_grid_search(estimator):
    """Return whether an estimator is a search over parameters of another."""
    params = estimator.get_params(deep=False)
    return not params.keys().isdisjoint({"param_grid", "param_distributions"})


def best_of_grid_search(estimator):
    """Return the best estimator of a fitted search, or any other estimator itself."""
    if is_grid_search(estimator):
        return getattr(estimator, "best_estimator_", estimator)
    return estimator


def fit_argument(estimator, name):
    """Return the name by which an argument reaches the innermost `fit`, or None.

    Parameters
    ----------
    estimator : estimator
        Any estimator, including a pipeline or a grid search.

    name : str
        Name of the argument, such as "y_soft" and "votes".
    """
    if is_grid_search(estimator):
        return fit_argument(estimator.estimator, name)
    if isinstance(estimator, Pipeline):
        step, last = estimator.steps[-1]
        name = fit_argument(last, name)
        routed = get_config()["enable_metadata_routing"]
        return name if name is None or routed else f"{step}__{name}"
    return name if has_fit_parameter(estimator, name) else None
