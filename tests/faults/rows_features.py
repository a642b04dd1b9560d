"""Invalid features: the content of `X`, and differences from the `X` of `fit`."""

import numpy as np
import pandas as pd
import polars as pl
from scipy import sparse
from sklearn.exceptions import NotFittedError

from faults.bad_input import Row
from faults.data import DAYS, FRAMES, IMAGES, POLARS_DATES, STAMPS, X, changed

DATES = "Dates and durations are not supported as features"

FEATURES = {
    "not finite": [
        Row("NaN", ValueError, "Input X contains NaN.", {"nan": np.nan}),
        Row(
            "Infinity",
            ValueError,
            "Input X contains infinity or a value too large for dtype",
            {"inf": np.inf, "-inf": -np.inf},
        ),
    ],
    "overflow": [
        Row(
            "A value that is too large for a network in float32",
            ValueError,
            "X has values that are too large for float32",
            {"1e39": changed(X, 1e39)},
        )
    ],
    "missing": [
        Row(
            "Missing values in pandas or polars",
            ValueError,
            "Input X contains NaN",
            {
                "Float64": FRAMES[pd.DataFrame].astype("Float64").mask(X > 7),
                "Int64": FRAMES[pd.DataFrame].round().astype("Int64").mask(X > 7),
                "polars": FRAMES[pl.DataFrame].with_columns(
                    b=pl.lit(None, dtype=pl.Float64)
                ),
            },
        )
    ],
    "no samples": [Row("No samples", ValueError, "Found array with 0 sample(s)")],
    "shape": [
        Row(
            "No features",
            ValueError,
            "Found array with 0 feature(s)",
            {"no columns": X[:, :0]},
        ),
        Row(
            "A one-dimensional array",
            ValueError,
            "Expected 2D array, got 1D array instead",
            {"1-D": X[:, 0]},
        ),
        Row(
            "A three-dimensional array, without a `module` that supports it",
            ValueError,
            "Found array with dim 3",
            {"3-D": X.reshape(150, 2, 2)},
        ),
        Row(
            "A four-dimensional array, without a `module` that supports it",
            ValueError,
            "Found array with dim 4",
            {"4-D": X.reshape(150, 1, 2, 2)},
        ),
    ],
    "not images": [
        Row(
            "Input other than images of at least 4 x 4 pixels, with "
            '``module="convnet"``',
            ValueError,
            "module='convnet' requires X of shape (n_samples, n_channels, height,",
            {
                "2-D": IMAGES.reshape(20, 64),
                "3-D": IMAGES[:, 0],
                "too small": IMAGES[:, :, :3],
            },
        )
    ],
    "words": [
        Row(
            "Strings",
            ValueError,
            "could not convert string to float",
            {
                "object": changed(X.astype(object), "word"),
                "str": np.full(X.shape, "word"),
                "pandas": FRAMES[pd.DataFrame].assign(b="word"),
                "polars": FRAMES[pl.DataFrame].with_columns(b=pl.lit("word")),
            },
        )
    ],
    "numbers as strings": [
        Row(
            "Numbers as strings, such as ``'1.5'``",
            None,
            "Accepted and converted to floats.",
            {"str": X.astype(str), "object": X.astype(str).astype(object)},
        )
    ],
    "dates in arrays": [
        Row(
            "Dates or durations of NumPy",
            TypeError,
            f"{DATES}: X",
            {
                "datetime64": DAYS,
                "timedelta64": DAYS - DAYS[0, 0],
                "object of datetime64": np.array([list(row) for row in DAYS], object),
                "object of timedelta64": np.array(
                    [list(row) for row in DAYS - DAYS[0, 0]], object
                ),
                "lists of datetime64": [list(row) for row in DAYS],
                "list of arrays": list(DAYS),
            },
        ),
        Row(
            "Dates of Python's `datetime`, in a list",
            TypeError,
            "must be a string or a real number",
            {"lists of date": DAYS.tolist()},
        ),
    ],
    "dates in pandas": [
        Row(
            "A column `when` of dates, periods or durations in a pandas DataFrame",
            TypeError,
            f"{DATES}: when",
            {
                "stamp": STAMPS,
                "zone": STAMPS.dt.tz_localize("UTC"),
                "period": STAMPS.dt.to_period("D"),
                "delta": STAMPS - STAMPS[0],
                "category": STAMPS.astype("category"),
            },
        ),
        Row(
            "The same with dtype object",
            TypeError,
            "must be a string or a real number",
            {"object": STAMPS.astype(object), "date": STAMPS.dt.date},
        ),
    ],
    "dates in polars": [
        Row(
            "A column `when` of dates, times or durations in a polars DataFrame",
            TypeError,
            f"{DATES}: when",
            POLARS_DATES,
        )
    ],
    "complex": [Row("Complex numbers", ValueError, "Complex data not supported")],
    "sparse": [
        Row(
            "A sparse matrix or array",
            None,
            "Accepted, and converted to dense arrays one batch at a time.",
            {
                f"{layout} {kind}": getattr(sparse, f"{layout}_{kind}")(X)
                for kind in ("matrix", "array")
                for layout in ("csr", "csc", "coo", "lil")
            },
        )
    ],
    "read-only": [
        Row(
            "Arrays that are read-only or memory-mapped, also as `y` and weights",
            None,
            "Accepted.",
        )
    ],
}

PREDICTING = {
    "unfitted": [
        Row(
            "Predicting before `fit`",
            NotFittedError,
            "LabelSmoothingClassifier instance is not fitted yet. Call 'fit'",
        )
    ],
    "unfitted smoother": [
        Row(
            "Transforming before `fit`",
            NotFittedError,
            "LabelSmoother instance is not fitted yet. Call 'fit'",
        )
    ],
    "number of features": [
        Row(
            "Fewer features than in `fit`",
            ValueError,
            "X has 3 features, but ... is expecting 4 features",
            {"fewer": X[:, :3]},
        ),
        Row(
            "More features than in `fit`",
            ValueError,
            "X has 8 features, but ... is expecting 4 features",
            {"more": np.c_[X, X]},
        ),
    ],
    "feature names": [
        Row(
            "Feature names that differ from those of `fit`, or in a different order",
            ValueError,
            "The feature names should match those that were passed during fit",
            {"renamed": list("abcz"), "reordered": list("bacd")},
        )
    ],
    "no feature names": [
        Row(
            "An array after `fit` with a dataframe",
            UserWarning,
            "X does not have valid feature names, but ... was fitted with",
        )
    ],
    "other images": [
        Row(
            "Images with a different shape than in `fit`",
            ValueError,
            "X has ...",
            {
                "2-D": IMAGES.reshape(20, 64),
                "3-D": IMAGES[:, 0],
                "smaller": IMAGES[:, :, :4],
                "no channel": IMAGES[:, :0],
            },
            pattern="^(X has|Found array)",
        )
    ],
}
