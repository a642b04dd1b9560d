"""Pipelines, and estimators that are none, by their last step."""

from sklearn.pipeline import Pipeline


def last_step(estimator):
    """Return what an estimator is or, of a pipeline, ends in."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def transform_up_to_last(estimator, X):
    """Return X as the last step of a fitted pipeline gets it."""
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        return estimator[:-1].transform(X)
    return X
