"""What of the training data counts, how much, and what is held out."""

import math

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import compute_class_weight

from sklearn_ls._compat import balanced_class_weight


def refuse_dates(X):
    """Raise for columns of dates, which NumPy would silently turn into nanoseconds.

    Parameters
    ----------
    X : array-like or dataframe

    Raises
    ------
    TypeError
        That names the columns of a dataframe.
    """
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        dtypes = zip(X.columns, X.dtypes, strict=True)
        dates = [name for name, dtype in dtypes if _is_date(dtype)]
    else:
        dates = ["X"] if _holds_dates(X) else []
    if dates:
        raise TypeError(
            f"Dates and durations are no features: {', '.join(map(str, dates))}. "
            "Convert them to numbers, such as the days since a certain date."
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


def weigh_classes(codes, sample_weight, class_weight, classes):
    """Return what `class_weight` stands for.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,) or (n_samples, n_labels)

    sample_weight : ndarray of shape (n_samples,)

    class_weight : dict, "balanced" or None

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    weights : ndarray of shape (n_classes,) or None
        None where classes have no weights.
    """
    if class_weight is None:
        return None
    if codes.ndim == 2:
        raise ValueError(
            "class_weight is not defined for multilabel y; use sample_weight."
        )
    if class_weight == "balanced":
        return balanced_class_weight(codes, sample_weight, len(classes))
    weights = compute_class_weight(class_weight, classes=classes, y=classes)
    if not np.all((weights >= 0) & np.isfinite(weights)):
        raise ValueError(
            f"class_weight must be finite and not negative. Got {class_weight}."
        )
    if not np.any(sample_weight * weights[codes]):
        raise ValueError(f"class_weight={class_weight} leaves no row any weight.")
    return weights


def hold_out(codes, rows, fraction, random_state):
    """Split rows into those to train on and those to validate on.

    Stratified by label, except where that is impossible: for multilabel targets, and
    with more classes than rows to hold out. A label that occurs once stays in training.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,) or (n_samples, n_labels)

    rows : ndarray of shape (n_rows,)
        The rows of `codes` to split.

    fraction : float
        Of the rows, to validate on.

    random_state : int

    Returns
    -------
    training, validation : ndarray
        Parts of `rows`.

    Raises
    ------
    ValueError
        Where rows to hold out or to train on are too few.
    """
    n_held_out = count_held_out(len(rows), fraction)
    alone, stratify = rows[:0], None
    if codes.ndim == 1:
        counts = np.bincount(codes[rows])
        if n_held_out >= np.count_nonzero(counts > 1):
            single = counts[codes[rows]] == 1
            alone, rows = rows[single], rows[~single]
            stratify = codes[rows]
    if n_held_out >= len(rows):
        raise ValueError(
            f"Rows to hold out for early stopping or a temperature: {n_held_out}. That "
            f"is too many of {len(rows)} (without labels that occur once, which stay "
            "in training). Pass more rows, or hold out none."
        )
    training, validation = train_test_split(
        rows, test_size=n_held_out, stratify=stratify, random_state=random_state
    )
    return np.concatenate([training, alone]), validation


def count_held_out(n_rows, fraction):
    """Return how many of `n_rows` rows to hold out."""
    return math.ceil(fraction * n_rows)
