"""The last step of a pipeline, and what reaches it."""

from sklearn.pipeline import Pipeline


def last_step(estimator):
    """Return the last step of a pipeline, or any other estimator itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def transform_up_to_last(estimator, X):
    """Return X transformed by all but the last step of a fitted pipeline."""
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        return estimator[:-1].transform(X)
    return X
