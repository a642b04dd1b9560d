"""Invalid parameters, weights and devices, and failures of training."""

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from faults.bad_input import Row
from faults.data import SOFT, X32, X, Y
from sklearn_ls._compat import InvalidParameterError

NAMES = ["low", "medium", "high"]
NAMED = pd.DataFrame([[0.7, 0.2, 0.1], [0, 0.7, 0.3], [0.1, 0, 0.9]], NAMES, NAMES)

PARAMETERS = {
    "epsilon": [
        Row(
            "`epsilon` that is not a number in [0, 1]",
            InvalidParameterError,
            "The 'epsilon' parameter of ... must be a float in the range [0.0, 1.0]",
            {
                repr(epsilon): epsilon
                for epsilon in [
                    *[np.nan, True, False, np.True_, "0.1", -0.1, 1.1],
                    *[np.inf, None, 0.1 + 0j],
                ]
            },
        ),
        Row(
            "`epsilon` per class with such entries, or with the wrong length",
            InvalidParameterError,
            "The 'epsilon' parameter of ... must be a float in the range [0.0, 1.0]",
            {
                repr(epsilon): epsilon
                for epsilon in [
                    [0.1, 0.2, np.nan],
                    [0.1, 0.2, 1.1],
                    [-0.1, 0.2, 0.3],
                    ["a", "b", "c"],
                    [True, False, True],
                    [0.1, 0.2],
                    [[0.1, 0.2, 0.3]],
                ]
            },
        ),
    ],
    "epsilon per sample": [
        Row(
            "`sample_epsilon` that is not one number in [0, 1] per sample",
            InvalidParameterError,
            "sample_epsilon must contain one float in the range [0.0, 1.0]",
            {
                "scalar": 0.1,
                "short": Y[:-1] * 0.1,
                "matrix": SOFT,
                "negative": Y - 0.5,
                "nan": np.where(Y, np.nan, 0.1),
                "above 1": Y + 0.5,
                "str": ["a"] * len(Y),
            },
        )
    ],
    "epsilon per sample in the search": [
        Row(
            "`sample_epsilon` in `LabelSmoothingClassifierCV.fit`",
            TypeError,
            "LabelSmoothingClassifierCV.fit does not accept a per-sample epsilon",
        )
    ],
    "epsilons": [
        Row(
            "`epsilons` that is not a list of numbers in [0, 1]",
            InvalidParameterError,
            "The 'epsilons' parameter of LabelSmoothingClassifierCV must",
            {
                repr(epsilons): epsilons
                for epsilons in [
                    *[0.1, None, "0.1", [], [[0.1]], [0.1, np.nan], [-0.1, 0]],
                    *[[0, 1.1], ["a"], [True]],
                ]
            },
        )
    ],
    "transition_matrix": [
        Row(
            "`transition_matrix` that is neither a number in [0, 1] nor a matrix",
            InvalidParameterError,
            "The 'transition_matrix' parameter of ... must be a float in the range",
            {repr(value): value for value in [-0.1, 1.5, True, "0.1"]},
        ),
        Row(
            "A number of at least (n_classes - 1) / n_classes as `transition_matrix`",
            ValueError,
            "must be below 0.666667, at which the labels of 3 classes carry no",
            {"2/3": 2 / 3, "0.9": 0.9},
        ),
        Row(
            "A `transition_matrix` whose rows are all equal",
            ValueError,
            "so the observed labels cannot distinguish them: [0 1 2]",
            {"all": np.full((3, 3), 1 / 3)},
        ),
        Row(
            "A matrix with some equal rows",
            ValueError,
            "so the observed labels cannot distinguish them: [0 1]",
            {"two": [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]]},
        ),
        Row(
            "A matrix with a shape other than (n_classes, n_classes)",
            ValueError,
            "has shape (2, 2), but there are 3 classes",
            {"": np.eye(2)},
        ),
        Row(
            "A `transition_matrix` with a row that does not sum to 1",
            ValueError,
            "must be non-negative and sum to 1. Row 0 is [1. 1. 1.] and sums to 3",
            {"": np.ones((3, 3))},
        ),
        Row(
            "A `transition_matrix` with negative entries or NaN",
            ValueError,
            "must be non-negative and sum to 1. Row 0 is",
            {
                "negative": [[2, -1, 0], [0, 1, 0], [0, 0, 1]],
                "nan": [[np.nan, 0, 0], [0, 1, 0], [0, 0, 1]],
            },
        ),
        Row(
            "A `transition_matrix` with a column of zeros",
            ValueError,
            "these labels probability 0, but y may contain them: [1]",
            {"": [[1, 0, 0], [1, 0, 0], [0, 0, 1]]},
        ),
    ],
    "transition mostly wrong": [
        Row(
            "A matrix in which a class is mislabeled more often than labeled correctly",
            UserWarning,
            "more often than correctly: [1 2]",
            {"permuted": np.eye(3)[[0, 2, 1]]},
        )
    ],
    "transition of multilabel": [
        Row(
            "`transition_matrix` with multilabel `y`",
            ValueError,
            "transition_matrix is not supported for multilabel y",
        )
    ],
    "named matrices": [
        Row(
            "A dataframe as `distribution` or `transition_matrix` whose index and "
            "columns are not the classes",
            ValueError,
            "has the index ['low', 'medium', 'high'] and the columns",
            {"": NAMED},
        )
    ],
    "named values": [
        Row(
            "A Series as `epsilon` or `distribution` whose index is not the classes",
            ValueError,
            "has the index ..., but the classes are",
        )
    ],
    "hidden layers": [
        Row(
            "`hidden_layer_sizes` that are not positive integers",
            ValueError,
            "hidden_layer_sizes must be positive integers",
            {repr(sizes): sizes for sizes in ([0], [2.5], [True], True, ["a"])},
        )
    ],
    "callbacks": [
        Row(
            "`callbacks` that are not callbacks",
            ValueError,
            "callbacks must be skorch callbacks, such as EpochScoring",
            {repr(callbacks): callbacks for callbacks in ([3], ["a"], [None])},
        )
    ],
    "callback without validation": [
        Row(
            "A callback that uses validation scores, without validation",
            ValueError,
            "recorded only with early_stopping=True",
        )
    ],
    "scoring": [
        Row(
            "Both names and callables in `scoring`, with soft labels as `y`",
            ValueError,
            "scoring must contain names only, ... or callables only",
        )
    ],
    "refit": [
        Row(
            "`score` with several scorers and a callable as `refit`",
            ValueError,
            "score requires refit to be the name of one",
        )
    ],
    "scoring by noisy labels": [
        Row(
            "`scoring` of probabilities, with a `transition_matrix`",
            UserWarning,
            "evaluates the probabilities of the true labels",
        )
    ],
}

WEIGHTS = {
    "sample_weight": [
        Row(
            "Negative `sample_weight`",
            ValueError,
            "Negative values in data passed to `sample_weight`",
            {"": np.r_[-1.0, np.ones(149)]},
        ),
        Row(
            "`sample_weight` that is zero for all samples",
            ValueError,
            "Sample weights must contain at least one non-zero number",
            {"": np.zeros(150)},
            pattern="non-zero|is zero",
        ),
        Row(
            "NaN in `sample_weight`",
            ValueError,
            "Input sample_weight contains NaN",
            {"": np.r_[np.nan, np.ones(149)]},
        ),
        Row(
            "Infinity in `sample_weight`",
            ValueError,
            "Input sample_weight contains infinity",
            {"": np.r_[np.inf, np.ones(149)]},
        ),
        Row(
            "`sample_weight` with a different length than `X`",
            ValueError,
            "sample_weight.shape == (3,), expected (150,)",
            {"": np.ones(3)},
        ),
        Row(
            "`sample_weight` with two dimensions",
            ValueError,
            "Sample weights must be 1D array or scalar",
            {"": np.ones((150, 1))},
        ),
    ],
    "class_weight": [
        Row(
            "Negative values or NaN in `class_weight`",
            ValueError,
            "class_weight must be finite and non-negative",
            {"negative": {0: -1}, "nan": {0: np.nan}},
        ),
        Row(
            "`class_weight` that is zero for all classes",
            ValueError,
            "sets the weight of every sample to zero",
            {"": {0: 0, 1: 0, 2: 0}},
        ),
        Row(
            "`class_weight` with a class that is not in `y`",
            ValueError,
            "are not in class_weight",
            {"unknown": {7: 2}, "other type": {"0": 2}},
        ),
    ],
    "missing class": [
        Row(
            "A class that is missing from `class_weight`",
            None,
            "Accepted, with weight 1.",
            {"": {0: 2}},
        )
    ],
}

TRAINING = {
    "diverged": [
        Row(
            "A learning rate so large that the loss or the weights overflow",
            ValueError,
            "Training diverged ... Scale X ... lower learning_rate",
            {"float32": (X32, 1e30), "float64": (X, 1e200)},
        )
    ],
    "saturated": [
        Row(
            "Features of a very large scale, with ``feature_clip=None``",
            UserWarning,
            "most outputs are saturated ... scale X",
            {"1e6": 1e6 * X},
        )
    ],
    "not converged": [
        Row(
            "Too few epochs",
            ConvergenceWarning,
            "Training stopped at max_epochs=2 before converging within tol=0.0001",
        )
    ],
}

DEVICES = {
    "absent": [
        Row(
            "A device that is not available",
            ValueError,
            "device=... is not available. Available devices: cpu",
            {device: device for device in ("cuda:99", "meta")},
        )
    ],
    "no device": [
        Row(
            "A name that is not a device of torch",
            InvalidParameterError,
            "The 'device' parameter ... must be",
            {repr(device): device for device in ["banana", "", "cuda:x", 3, None]},
        )
    ],
    "fork": [
        Row(
            "CUDA in a process that was forked after CUDA had been used",
            RuntimeError,
            "CUDA cannot be used in this process ... Use joblib's loky "
            "backend or the 'spawn' start method",
        )
    ],
}
