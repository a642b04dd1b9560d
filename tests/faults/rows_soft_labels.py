"""Invalid soft labels: matrices of floats as `y`, and `y_soft`."""

import numpy as np
import pandas as pd
from scipy import sparse

from faults.bad_input import Row
from faults.data import INDICATORS, ONEHOT, SOFT, Y, soft_with

SOFT_LABELS = {
    "not distributions": [
        Row(
            "A row that does not sum to 1",
            ValueError,
            "Row 3 is [0.5 0.6 0.1] and sums to 1.2",
            {"": soft_with(3, [0.5, 0.6, 0.1])},
        ),
        Row(
            "Negative entries",
            ValueError,
            "Row 3 is [ 2. -1.  0.] and sums to 1",
            {"": soft_with(3, [2, -1, 0])},
        ),
        Row(
            "A sum that differs from 1 by more than 1e-6",
            ValueError,
            "Row 3 is ... and sums to 1.000002",
            {"": soft_with(3, [0.5, 0.5, 2e-6])},
        ),
        Row(
            "A sum that differs from 1 by more than 1e-3, in float16",
            ValueError,
            "Row 0 is ... and sums to 1.009",
            {
                "": (SOFT / SOFT.sum(axis=1, keepdims=True)).astype(np.float16) * 1.01,
            },
        ),
        Row(
            "A row of zeros",
            ValueError,
            "Row 3 is [0. 0. 0.] and sums to 0",
            {"": soft_with(3, [0, 0, 0])},
        ),
        Row(
            "NaN",
            ValueError,
            "Input y contains NaN",
            {"": soft_with(3, [np.nan, 0, 1])},
        ),
        Row(
            "Infinity",
            ValueError,
            "Input y contains infinity",
            {"": soft_with(3, [np.inf, 0, 1])},
        ),
        Row(
            "A missing column",
            ValueError,
            "Row 0 is [0.6 0.2] and sums to 0.8",
            {"": SOFT[:, :2]},
        ),
        Row(
            "A sparse matrix whose rows do not sum to 1",
            ValueError,
            "Row 0 is [0.5 0.  0. ] and sums to 0.5",
            {"": sparse.csr_matrix(0.5 * ONEHOT)},
        ),
        Row(
            "Counts",
            ValueError,
            "Divide counts and rounded probabilities by their row",
            {"": 10 * SOFT},
        ),
        Row(
            "Log-probabilities",
            ValueError,
            "Apply np.exp to log-probabilities",
            {"": np.log(SOFT)},
        ),
        Row(
            "Multilabel indicators as floats",
            ValueError,
            "pass integers: y.astype(int)",
            {"": np.c_[ONEHOT, ONEHOT].astype(float)},
        ),
        Row(
            "A dataframe with two columns of the same name",
            ValueError,
            "The columns of y must have different names. Got ['a', 'b', 'a']",
            {"": pd.DataFrame(SOFT, columns=["a", "b", "a"])},
        ),
        Row(
            "Column names that mix strings and numbers",
            ValueError,
            "y has mixed label types (int, str)",
            {"": pd.DataFrame(SOFT, columns=["a", "b", 3])},
        ),
        Row(
            "Column names with several levels",
            ValueError,
            "The column names of soft labels must be the classes",
            {
                "": pd.DataFrame(
                    SOFT, columns=pd.MultiIndex.from_tuples(["ab", "ac", "bc"])
                )
            },
        ),
    ],
    "one class": [
        Row(
            "A single class with probability 1",
            ValueError,
            "y has only one class, 1",
            {"": np.eye(3)[np.ones(len(Y), dtype=int)]},
        )
    ],
    "of other classes": [
        Row(
            "A number of columns that differs from the number of classes in `fit`",
            ValueError,
            "Soft labels have 2 columns, but there are 3 classes",
            {"": np.full((len(Y), 2), 0.5)},
        ),
        Row(
            "Column names that are not the classes of `fit`",
            ValueError,
            "The columns of the soft labels are ['a' 'b' 'c'], but the classes are",
            {"": pd.DataFrame(SOFT, columns=list("abc"))},
        ),
    ],
    "y_soft": [
        Row(
            "`y_soft` whose number of columns is not the number of classes of `y`",
            ValueError,
            "Soft labels have 2 columns, but there are 3 classes",
            {"": (Y, SOFT[:, :2] / SOFT[:, :2].sum(axis=1, keepdims=True))},
        ),
        Row(
            "`y_soft` with a different length than `y`",
            ValueError,
            "Found input variables with inconsistent numbers of samples",
            {"": (Y, SOFT[:-1])},
        ),
        Row(
            "`y_soft` that is not a matrix of floats",
            ValueError,
            "y_soft must be a matrix of floats",
            {"multilabel": (Y, INDICATORS), "labels": (Y, Y)},
        ),
        Row(
            "`y_soft` with a row that does not sum to 1",
            ValueError,
            "Row 5 is [1. 1. 1.] and sums to 3",
            {"": (Y, soft_with(5, [1, 1, 1]))},
        ),
        Row(
            "`y_soft` together with soft or multilabel `y`",
            ValueError,
            "y_soft requires a y with one label per sample",
            {"soft": (SOFT, SOFT), "multilabel": (INDICATORS, SOFT)},
        ),
        Row(
            "`y_soft` whose column names are not the classes of `y`",
            ValueError,
            "The columns of y_soft are",
            {
                "strings": (Y, pd.DataFrame(SOFT, columns=list("abc"))),
                "integers": (Y + 7, pd.DataFrame(SOFT)),
            },
        ),
    ],
}
