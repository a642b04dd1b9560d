"""Invalid labels, one or several per sample, and changed classes."""

import numpy as np
import pandas as pd
import polars as pl
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from faults.bad_input import Row
from faults.data import CLASSES, INDICATORS, ONEHOT, X, Y, as_objects

LABELS = {
    "lengths": [
        Row(
            "`X` and `y` of different lengths",
            ValueError,
            "Found input variables with inconsistent numbers of samples",
            {
                "shorter": Y[:-1],
                "shorter multilabel": INDICATORS[:-1],
                "longer": np.r_[Y, 0],
            },
        )
    ],
    "required": [Row("No `y`", ValueError, "requires y to be passed")],
    "continuous": [
        Row(
            "Numbers that are not integers",
            ValueError,
            "Unknown label type: continuous",
            {"array": Y + 0.5, "list": (Y + 0.5).tolist(), "feature": X[:, 0]},
        )
    ],
    "nan": [
        Row(
            "NaN",
            ValueError,
            "Input y contains NaN",
            {
                name: container([np.nan, 1.0, 2.0] * 50)
                for name, container in {
                    "float": np.array,
                    "list": list,
                    "object": as_objects,
                    "pandas": pd.Series,
                    "polars": pl.Series,
                }.items()
            },
        )
    ],
    "none": [
        Row(
            "None among the labels",
            ValueError,
            "Input y contains NaN",
            {
                f"{name} of {labels}": container(labels * 50)
                for name, container in {
                    "list": list,
                    "object": as_objects,
                    "pandas": pd.Series,
                    "polars": pl.Series,
                }.items()
                for labels in (["a", "b", None], [0, 1, None])
            },
        )
    ],
    "not a time": [
        Row(
            "NaT among dates as labels",
            ValueError,
            "Input y contains NaN or None",
            {
                dtype: np.where(Y == 2, np.array("NaT", dtype), Y.astype(dtype))
                for dtype in ("datetime64[D]", "timedelta64[s]")
            },
        )
    ],
    "missing": [
        Row(
            "Missing values of pandas",
            ValueError,
            "Input y contains NaN",
            {
                dtype: pd.Series(labels * 50, dtype=dtype)
                for dtype, labels in {
                    "string": ["a", "b", None],
                    "category": ["a", "b", None],
                    "Int64": [0, 1, None],
                }.items()
            },
        ),
    ],
    "mixed": [
        Row(
            "Both strings and numbers",
            ValueError,
            "y has mixed label types ... Convert them to one type",
            {
                f"{name} with {number}": container(["a", "b"] * 74 + ["a", number])
                for name, container in {
                    "list": list,
                    "tuple": tuple,
                    "object": as_objects,
                    "pandas": pd.Series,
                }.items()
                for number in (1, 1.5, True)
            },
        )
    ],
    "one class": [
        Row("One class", ValueError, "y has only one class, ... At least two")
    ],
    "column": [
        Row(
            "A column vector",
            DataConversionWarning,
            "A column-vector y was passed when a 1d array was expected",
        )
    ],
    "multilabel": [
        Row(
            "A matrix of integers 0 and 1, or of booleans",
            None,
            "Accepted as multilabel.",
            {
                "int": INDICATORS,
                "bool": INDICATORS.astype(bool),
                "uint8": INDICATORS.astype(np.uint8),
                "list": INDICATORS.tolist(),
                "pandas": pd.DataFrame(INDICATORS),
                "sparse": sparse.csr_matrix(INDICATORS),
            },
        )
    ],
    "one-hot": [
        Row(
            "The same with exactly one 1 in every row",
            UserWarning,
            "every row has exactly one 1",
            {"one-hot": ONEHOT},
        )
    ],
    "other matrices": [
        Row(
            "A matrix of other integers, or of strings",
            ValueError,
            "pass a matrix of the integers 0 and 1 ... pass a vector",
            {
                "0 and 2": 2 * INDICATORS,
                "0 and -1": -INDICATORS,
                "1 and 2": 1 + INDICATORS,
                "0, 1 and 2": INDICATORS.cumsum(axis=1) + INDICATORS,
                "sparse 0 and 2": sparse.csr_matrix(2 * INDICATORS),
                "str": INDICATORS.astype(str),
            },
        )
    ],
    "other kind": [
        Row(
            "Multilabel `y` after a fit with one label per sample, or vice versa",
            ValueError,
            "y has shape ... was fitted with",
        )
    ],
    "unseen": [
        Row(
            "Classes in `partial_fit` that are not among `classes`",
            ValueError,
            "`y` has classes not in `self.classes_`",
            {
                "other integers": Y + 5,
                "strings": Y.astype(str),
                "floats": Y.astype(float) * 2,
            },
        )
    ],
    "unseen by the smoother": [
        Row(
            "Labels in `transform` that were not in `fit`",
            ValueError,
            "y contains previously unseen labels",
            {
                f"{seen} {unseen}": (seen, unseen)
                for seen, unseen in [
                    ([0, 2], [1]),
                    ([0, 2], [-1]),
                    ([0, 2], [3]),
                    ([0, 2**40], [3]),
                    ([0, 2], [0.5]),
                    ([0, 2], ["0"]),
                    (["0", "2"], [0]),
                    (["a", "c"], ["b"]),
                    (["a", "c"], ["abc"]),
                    ([False, True], [2]),
                    (as_objects(["a", "c"]), ["abc"]),
                ]
            },
        )
    ],
    "classes": [
        Row(
            "No `classes` in the first call of `partial_fit`",
            ValueError,
            "classes must be passed on the first call to partial_fit",
        )
    ],
    "other classes": [
        Row(
            "Different `classes` in a later call",
            ValueError,
            "is not the same as on last call to partial_fit",
            {"another": [*CLASSES[:2], 3]},
        )
    ],
    "warm start": [
        Row(
            "Different classes in a second `fit`, with ``warm_start=True``",
            ValueError,
            "warm_start=True requires the classes",
            {"others": Y + 1},
        )
    ],
}
