"""Bad input and faults: what each gets. The rows are those of the table of faults."""

import copy
import datetime
import pickle
import re
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skorch.callbacks
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import (
    ConvergenceWarning,
    DataConversionWarning,
    NotFittedError,
)
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_ls import LabelSmoother, LabelSmoothingClassifier
from sklearn_ls._compat import InvalidParameterError
from sklearn_ls._device import resolve_device

X, Y = load_iris(return_X_y=True)
X32 = X.astype(np.float32)
LABELS = np.unique(Y)
ONEHOT = np.eye(len(LABELS), dtype=int)[Y]
IMAGES = np.random.default_rng(0).normal(size=(20, 1, 8, 8))
PREDICTIONS = [
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "embed",
]


def small(**params):
    defaults = {
        "hidden_layer_sizes": (4,),
        "max_epochs": 2,
        "n_iter_no_change": np.inf,
        "device": "cpu",
        "random_state": 0,
    }
    return LabelSmoothingClassifier(**{**defaults, **params})


def linear(n_features, n_classes):
    return torch.nn.Linear(n_features, n_classes)


def flat_linear(n_features, n_classes):
    n_inputs = int(np.prod(n_features))
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(n_inputs, n_classes)
    )


def changed(X, value):
    X = X.copy()
    X[3, 1] = value
    return X


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


# What X can be given to; row for row with `Y`.
TAKES_X = {
    "fit": lambda X: small().fit(X, Y),
    "partial_fit": lambda X: small().partial_fit(X, Y, classes=LABELS),
    "partial_fit again": lambda X: small().fit(X_LIKE[type(X)], Y).partial_fit(X, Y),
    "predict_proba": lambda X: small().fit(X_LIKE[type(X)], Y).predict_proba(X),
}
X_LIKE = {
    np.ndarray: X,
    sparse.csr_matrix: X,
    pd.DataFrame: pd.DataFrame(X, columns=list("abcd")),
    pl.DataFrame: pl.DataFrame(X, schema=list("abcd")),
}
takes_X = pytest.mark.parametrize("call", TAKES_X.values(), ids=TAKES_X)

# What labels can be given to.
TAKES_Y = {
    "smoother fit": lambda y: LabelSmoother().fit(y),
    "smoother transform": lambda y: LabelSmoother().fit(Y).transform(y),
    "classifier fit": lambda y: small().fit(X, y),
    "classifier partial_fit": lambda y: small().partial_fit(X, y, classes=LABELS),
}
takes_y = pytest.mark.parametrize("call", TAKES_Y.values(), ids=TAKES_Y)
LEARNS_Y = {name: call for name, call in TAKES_Y.items() if name[-9:] != "transform"}
learns_y = pytest.mark.parametrize("call", LEARNS_Y.values(), ids=LEARNS_Y)


# Rows 1 to 3: numbers that are not finite


@takes_X
@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix])
@pytest.mark.parametrize(
    ("value", "match"),
    [
        pytest.param(np.nan, r"Input X contains NaN\.", id="row1"),
        pytest.param(np.inf, "contains infinity or a value too large", id="row2"),
        pytest.param(-np.inf, "contains infinity or a value too large", id="row2-"),
    ],
)
def test_classifier_refuses_X_that_is_not_finite(call, container, value, match):
    with pytest.raises(ValueError, match=match):
        call(container(changed(X, value)))


# Row 3. NumPy itself warns of the cast.
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix])
def test_classifier_refuses_X_that_overflows_float32(container):
    clf = small(warm_start=True).fit(X32, Y)
    too_large = container(changed(X, 1e39))
    match = re.escape("infinity or a value too large for dtype('float32')")
    for call in (
        lambda: clf.predict_proba(too_large),
        lambda: clf.partial_fit(too_large, Y),
        lambda: clf.fit(too_large, Y),
        lambda: small().fit(too_large.astype(np.float32), Y),
    ):
        with pytest.raises(ValueError, match=match):
            call()


# Row 3
def test_classifier_takes_1e39_in_float64():
    too_large_for_float32 = changed(X, 1e39)
    clf = small().fit(too_large_for_float32, Y)
    assert np.isfinite(clf.predict_proba(too_large_for_float32)).all()


# Rows 4 to 6: shapes of X


# Row 4
@pytest.mark.parametrize(
    "call",
    [
        lambda: small().fit(X[:0], Y[:0]),
        lambda: small().fit(sparse.csr_matrix(X)[:0], Y[:0]),
        lambda: small().partial_fit(X[:0], Y[:0], classes=LABELS),
        lambda: LabelSmoother().fit([]),
        lambda: LabelSmoother().fit(Y[:0]),
        lambda: LabelSmoother().fit(ONEHOT[:0]),
        lambda: LabelSmoother().fit(Y).transform([]),
        lambda: LabelSmoother().fit(Y).inverse_transform(np.empty((0, 3))),
        lambda: LabelSmoother().fit(Y).recover(np.empty((0, 3))),
    ],
)
def test_estimators_refuse_zero_rows(call):
    with pytest.raises(ValueError, match=re.escape("Found array with 0 sample(s)")):
        call()


# Row 5
@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix])
@pytest.mark.parametrize("method", PREDICTIONS)
def test_classifier_predicting_refuses_zero_rows(method, container):
    clf = small().fit(X, Y)
    with pytest.raises(ValueError, match=re.escape("Found array with 0 sample(s)")):
        getattr(clf, method)(container(X)[:0])


# Row 6
@takes_X
@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (X[:, :0], "Found array with 0 feature(s)"),
        (X[:, 0], "Expected 2D array, got 1D array instead"),
        (X.reshape(150, 2, 2), "Found array with dim 3"),
        (X.reshape(150, 1, 2, 2), "Found array with dim 4"),
    ],
    ids=["no columns", "1-D", "3-D", "4-D"],
)
def test_classifier_refuses_X_that_is_no_matrix(call, wrong, match):
    with pytest.raises(ValueError, match=re.escape(match)):
        call(wrong)


# Row 6
@pytest.mark.parametrize("shape", [(20, 64), (20, 8, 8), (20, 1, 8, 8)])
def test_classifier_with_a_module_takes_any_shape_of_sample(shape):
    clf = small(module=flat_linear).fit(
        IMAGES.reshape(shape), Y[:20] + np.arange(20) % 2
    )
    assert clf.predict(IMAGES.reshape(shape)).shape == (20,)


# Row 6
@pytest.mark.parametrize(
    "wrong",
    [IMAGES.reshape(20, 64), IMAGES[:, 0], IMAGES[:, :, :3]],
    ids=["2-D", "3-D", "too small"],
)
def test_classifier_convnet_refuses_what_is_no_image(wrong):
    match = re.escape("X of shape (n_samples, n_channels, height, width)")
    with pytest.raises(ValueError, match=match):
        small(module="convnet").fit(wrong, np.arange(20) % 2)


# Row 6
@pytest.mark.parametrize(
    "wrong",
    [IMAGES.reshape(20, 64), IMAGES[:, 0], IMAGES[:, :, :4], IMAGES[:, :0]],
    ids=["2-D", "3-D", "smaller", "no channel"],
)
def test_classifier_convnet_predicting_refuses_other_shapes(wrong):
    clf = small(module="convnet", max_epochs=1).fit(IMAGES, np.arange(20) % 2)
    with pytest.raises(ValueError, match=r"^(X has|Found array)"):
        clf.predict(wrong)


# Rows 7 to 12: types of X


# Row 7
@takes_X
@pytest.mark.parametrize(
    "words",
    [
        changed(X.astype(object), "word"),
        np.full(X.shape, "word"),
        pd.DataFrame(X, columns=list("abcd")).assign(b="word"),
        pl.DataFrame(X, schema=list("abcd")).with_columns(b=pl.lit("word")),
    ],
    ids=["object", "str", "pandas", "polars"],
)
def test_classifier_refuses_words_in_X(call, words):
    with pytest.raises(ValueError, match="could not convert string to float"):
        call(words)


# Row 8
@pytest.mark.parametrize("dtype", [str, object])
def test_classifier_parses_numeric_strings(dtype):
    strings = X.astype(str).astype(dtype)
    y_proba = small().fit(strings, Y).predict_proba(strings)
    assert_array_equal(y_proba, small().fit(X, Y).predict_proba(X))


DAYS = np.arange(600).astype("M8[D]").reshape(150, 4)
STAMPS = pd.Series(pd.date_range("2020", periods=150))
POLARS_DATES = {
    "Datetime": datetime.datetime(2020, 1, 1),
    "Date": datetime.date(2020, 1, 1),
    "Duration": datetime.timedelta(1),
    "Time": datetime.time(1),
}


# Row 9
@takes_X
@pytest.mark.parametrize(
    "dates",
    [
        DAYS,
        DAYS - DAYS[0, 0],
        np.array([list(row) for row in DAYS], dtype=object),
        np.array([list(row) for row in DAYS - DAYS[0, 0]], dtype=object),
        DAYS.tolist(),
        [list(row) for row in DAYS],
        list(DAYS),
    ],
    ids=[
        "datetime64",
        "timedelta64",
        "object of datetime64",
        "object of timedelta64",
        "lists of date",
        "lists of datetime64",
        "list of arrays",
    ],
)
def test_classifier_refuses_arrays_of_dates(call, dates):
    with pytest.raises(TypeError):
        small().fit(dates, Y) if isinstance(dates, list) else call(dates)


# Row 9
@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(
    "column",
    [
        STAMPS,
        STAMPS.dt.tz_localize("UTC"),
        STAMPS.dt.to_period("D"),
        STAMPS - STAMPS[0],
        STAMPS.astype("category"),
        STAMPS.astype(object),
        STAMPS.dt.date,
    ],
    ids=["stamp", "zone", "period", "delta", "category", "object", "date"],
)
def test_classifier_refuses_pandas_columns_of_dates(column, alone):
    df = pd.DataFrame({"number": X[:, 0], "when": column})
    with pytest.raises(TypeError):
        small().fit(df[["when"]] if alone else df, Y)


# Row 9
@pytest.mark.parametrize("value", POLARS_DATES.values(), ids=POLARS_DATES)
def test_classifier_refuses_polars_columns_of_dates(value):
    df = pl.DataFrame({"number": X[:, 0], "when": [value] * 150})
    with pytest.raises(TypeError, match="Dates and durations are no features: when"):
        small().fit(df, Y)


# Row 10
@takes_X
@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix])
def test_classifier_refuses_complex_X(call, container):
    with pytest.raises(ValueError, match="Complex data not supported"):
        call(container(X + 1j))


# Row 11
@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "lil"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_classifier_takes_sparse_X_as_dense(layout, kind):
    X_sparse = getattr(sparse, f"{layout}_{kind}")(X)
    y_proba = small().fit(X_sparse, Y).predict_proba(X_sparse)
    assert_allclose(y_proba, small().fit(X, Y).predict_proba(X), rtol=1e-12)


class Allocations(TorchDispatchMode):
    """Notes the largest tensor that torch makes, in bytes."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(value, torch.Tensor):
                self.largest = max(self.largest, value.untyped_storage().nbytes())
        return result


def most_memory(call):
    """Bytes that NumPy held at most, or that the largest tensor took."""
    tracemalloc.start()
    try:
        with Allocations() as allocations:
            call()
        return max(tracemalloc.get_traced_memory()[1], allocations.largest)
    finally:
        tracemalloc.stop()


# Row 11
@pytest.mark.parametrize("callbacks", [None, [skorch.callbacks.Callback()]])
def test_classifier_never_makes_all_of_sparse_X_dense(callbacks):
    n_samples, n_features = 200, 20_000
    X_sparse = sparse.eye_array(n_samples, n_features, format="csr")
    clf = small(batch_size=10, max_epochs=1, callbacks=callbacks)
    used = most_memory(lambda: clf.fit(X_sparse, np.arange(n_samples) % 2))
    assert used < n_samples * n_features * X_sparse.dtype.itemsize / 2
    used = most_memory(lambda: clf.predict(X_sparse))
    assert used < n_samples * n_features * X_sparse.dtype.itemsize / 2


# Row 12
@takes_X
@pytest.mark.parametrize(
    "missing",
    [
        changed_frame.mask(np.arange(150) == 3)
        for changed_frame in (
            X_LIKE[pd.DataFrame].astype("Float64"),
            X_LIKE[pd.DataFrame].round().astype("Int64"),
        )
    ]
    + [X_LIKE[pl.DataFrame].with_columns(b=pl.lit(None, dtype=pl.Float64))],
    ids=["Float64", "Int64", "polars"],
)
def test_classifier_refuses_missing_values_in_X(call, missing):
    with pytest.raises(ValueError, match="Input X contains NaN"):
        call(missing)


# Rows 13 to 22: y


# Row 13
@pytest.mark.parametrize("call", [TAKES_Y[name] for name in TAKES_Y if "class" in name])
@pytest.mark.parametrize("y", [Y[:-1], ONEHOT[:-1], np.r_[Y, 0]])
def test_classifier_refuses_X_and_y_of_unequal_length(call, y):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        call(y)


# Row 14
@takes_y
def test_estimators_refuse_y_none(call):
    with pytest.raises(ValueError, match=r"\by\b"):
        call(None)


# Row 14
def test_classifier_says_that_it_requires_y():
    with pytest.raises(ValueError, match="requires y to be passed"):
        small().fit(X, None)


# Row 15
@learns_y
@pytest.mark.parametrize("y", [Y + 0.5, (Y + 0.5).tolist(), X[:, 0]])
def test_estimators_refuse_continuous_labels(call, y):
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        call(y)


# Row 16
@takes_y
@pytest.mark.parametrize(
    "container",
    [np.array, list, lambda y: np.array(y, dtype=object), pd.Series, pl.Series],
    ids=["float", "list", "object", "pandas", "polars"],
)
def test_estimators_refuse_nan_labels(call, container):
    with pytest.raises(ValueError, match="Input y contains NaN"):
        call(container([np.nan, 1.0, 2.0] * 50))


# Row 17
@takes_y
@pytest.mark.parametrize("number", [1, 1.5, True])
@pytest.mark.parametrize(
    "container",
    [list, tuple, lambda y: np.array(y, dtype=object), pd.Series],
    ids=["list", "tuple", "object", "pandas"],
)
def test_estimators_refuse_mixed_labels(call, container, number):
    with pytest.raises(ValueError, match="mixed label types"):
        call(container(["a", "b"] * 74 + ["a", number]))


# Row 18
@takes_y
@pytest.mark.parametrize("labels", [["a", "b", None], [0, 1, None]])
@pytest.mark.parametrize(
    "container",
    [list, lambda y: np.array(y, dtype=object), pd.Series, pl.Series],
    ids=["list", "object", "pandas", "polars"],
)
def test_estimators_refuse_none_among_labels(call, container, labels):
    with pytest.raises(ValueError, match="Input y contains NaN"):
        call(container(labels * 50))


# Row 18
@takes_y
@pytest.mark.parametrize("dtype", ["string", "category", "Int64"])
def test_estimators_refuse_missing_labels_of_pandas(call, dtype):
    labels = [0, 1, None] if dtype == "Int64" else ["a", "b", None]
    with pytest.raises(ValueError, match="Input y contains NaN"):
        call(pd.Series(labels * 50, dtype=dtype))


# Row 19
@pytest.mark.parametrize(
    "call",
    [
        lambda: LabelSmoother().fit([0, 0]),
        lambda: LabelSmoother().fit(["a"]),
        lambda: small().fit(X, np.zeros(150, dtype=int)),
        lambda: small().fit(X[:1], Y[:1]),
        lambda: small().partial_fit(X[:50], Y[:50], classes=[0]),
    ],
)
def test_estimators_refuse_a_single_class(call):
    with pytest.raises(ValueError, match="class"):
        call()


# Row 20
def test_smoother_warns_of_a_column_vector():
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        y_soft = LabelSmoother().fit(Y[:, np.newaxis]).transform(Y)
    assert_array_equal(y_soft, LabelSmoother().fit_transform(Y))


# Row 20
def test_classifier_warns_of_a_column_vector():
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        clf = small().fit(X, Y[:, np.newaxis])
    assert_array_equal(clf.predict_proba(X), small().fit(X, Y).predict_proba(X))


# Row 21
@pytest.mark.parametrize(
    "container",
    [
        np.array,
        lambda y: y.astype(bool),
        lambda y: y.astype(np.uint8),
        lambda y: y.tolist(),
        pd.DataFrame,
        sparse.csr_matrix,
    ],
    ids=["int", "bool", "uint8", "list", "pandas", "sparse"],
)
def test_estimators_take_an_integer_matrix_as_multilabel(container):
    smoother = LabelSmoother(epsilon=0.2).fit(container(ONEHOT))
    assert smoother.multilabel_
    assert_allclose(smoother.transform(container(ONEHOT)), np.where(ONEHOT, 0.9, 0.1))
    clf = small().fit(X, container(ONEHOT))
    assert clf.label_smoother_.multilabel_
    assert clf.out_activation_ == "logistic"
    assert clf.predict(X).shape == ONEHOT.shape


# Row 21
@learns_y
@pytest.mark.parametrize(
    "y",
    [
        ONEHOT.astype(float),
        0.9 * ONEHOT + 0.1 / 3,
        ONEHOT.astype(float).tolist(),
        sparse.csr_matrix(0.5 * ONEHOT),
        2 * ONEHOT,
        -ONEHOT,
        1 + ONEHOT,
        ONEHOT.cumsum(axis=1) + ONEHOT,
        sparse.csr_matrix(2 * ONEHOT),
        ONEHOT.astype(str),
    ],
    ids=[
        "float one-hot",
        "soft",
        "list of floats",
        "sparse floats",
        "0 and 2",
        "0 and -1",
        "1 and 2",
        "0, 1 and 2",
        "sparse 0 and 2",
        "str",
    ],
)
def test_estimators_say_what_to_pass_instead_of_another_matrix(call, y):
    match = "pass a matrix of the integers 0 and 1.*pass a vector"
    with pytest.raises(ValueError, match=match):
        call(y)


# Row 21
@pytest.mark.parametrize(
    "call",
    [
        lambda: LabelSmoother().fit(Y).transform(ONEHOT),
        lambda: LabelSmoother().fit(ONEHOT).transform(Y),
        lambda: small().fit(X, Y).partial_fit(X, ONEHOT),
        lambda: small().fit(X, ONEHOT).partial_fit(X, Y),
    ],
    ids=["smoother", "multilabel smoother", "classifier", "multilabel classifier"],
)
def test_estimators_refuse_multilabel_for_single_label_and_vice_versa(call):
    with pytest.raises(ValueError, match=r"\by\b"):
        call()


# Row 23
@pytest.mark.parametrize(
    "epsilon",
    [np.nan, True, False, np.True_, "0.1", -0.1, 1.1, np.inf, None, 0.1 + 0j]
    + [[0.1, 0.2, np.nan], [0.1, 0.2, 1.1], [-0.1, 0.2, 0.3], ["a", "b", "c"]]
    + [[True, False, True], [0.1, 0.2], [[0.1, 0.2, 0.3]]],
    ids=repr,
)
@learns_y
def test_estimators_refuse_epsilon_outside_0_to_1(call, epsilon):
    estimator = {
        "smoother fit": lambda: LabelSmoother(epsilon=epsilon).fit(Y),
        "classifier fit": lambda: small(epsilon=epsilon).fit(X, Y),
        "classifier partial_fit": lambda: small(epsilon=epsilon).partial_fit(
            X, Y, classes=LABELS
        ),
    }
    name = next(name for name in LEARNS_Y if LEARNS_Y[name] is call)
    with pytest.raises(InvalidParameterError, match="The 'epsilon' parameter of"):
        estimator[name]()
