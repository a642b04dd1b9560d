"""Checks of X that scikit-learn leaves to estimators."""

import numpy as np


def describe_features(estimator):
    """Return the fitted attributes that describe X, as a dict."""
    names = ("n_features_in_", "feature_names_in_")
    return {name: vars(estimator)[name] for name in names if name in vars(estimator)}


def raise_for_lazy_frame(X):
    """Raise TypeError for a LazyFrame of polars, whose data are not computed yet."""
    if type(X).__name__ == "LazyFrame" and hasattr(X, "collect"):
        raise TypeError("X is a LazyFrame. Pass X.collect() instead.")


def raise_for_dates(X):
    """Raise TypeError for dates, which NumPy would silently convert to nanoseconds.

    Parameters
    ----------
    X : array-like or dataframe

    Raises
    ------
    TypeError
        If X contains dates or durations. The message names the columns of a dataframe.
    """
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        dtypes = zip(X.columns, X.dtypes, strict=True)
        dates = [name for name, dtype in dtypes if _is_date(dtype)]
    else:
        dates = ["X"] if _holds_dates(X) else []
    if dates:
        raise TypeError(
            "Dates and durations are not supported as features: "
            f"{', '.join(map(str, dates))}. Convert them to numbers, such as days "
            "since a reference date."
        )


def _holds_dates(X):
    if isinstance(X, (list, tuple)):
        try:
            X = np.asarray(X)
        except ValueError:  # ragged
            return False
    dtype = getattr(X, "dtype", None)
    if isinstance(X, np.ndarray) and dtype.kind == "O":
        return any(isinstance(x, (np.datetime64, np.timedelta64)) for x in X.flat)
    return _is_date(dtype)


def _is_date(dtype):
    dtype = getattr(getattr(dtype, "categories", None), "dtype", dtype)
    kind = getattr(dtype, "kind", "")
    return kind in ("M", "m") or str(dtype).startswith(
        ("Date", "Time", "Duration", "period")
    )
