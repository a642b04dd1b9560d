"""Bad input and faults: what each gets. The rows are those of the table of faults."""

import copy
import datetime
import pickle
import re
import tracemalloc
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

from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    LabelSmoothingClassifierCV,
)
from sklearn_ls._compat import InvalidParameterError
from sklearn_ls._device import resolve_device

X, Y = load_iris(return_X_y=True)
X32 = X.astype(np.float32)
LABELS = np.unique(Y)
ONEHOT = np.eye(len(LABELS), dtype=int)[Y]
INDICATORS = ONEHOT.copy()
INDICATORS[0] = 1
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


def search(**params):
    params = {**small().get_params(), "epsilons": [0, 0.2], "cv": 2, **params}
    del params["epsilon"], params["warm_start"]
    return LabelSmoothingClassifierCV(**params)


def network(n_features, n_classes):
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(int(np.prod(n_features)), 4),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(4, n_classes),
    )


def changed(X, value):
    X = X.copy()
    X[3, 1] = value
    return X


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def fitted_like(given):
    return small().fit(FRAMES.get(type(given), X), Y)


# What X can be given to, with the labels `Y`.
FRAMES = {
    pd.DataFrame: pd.DataFrame(X, columns=list("abcd")),
    pl.DataFrame: pl.DataFrame(X, schema=list("abcd")),
}
TAKES_X = {
    "fit": lambda X: small().fit(X, Y),
    "partial_fit": lambda X: small().partial_fit(X, Y, classes=LABELS),
    "partial_fit again": lambda X: fitted_like(X).partial_fit(X, Y),
    "predict_proba": lambda X: fitted_like(X).predict_proba(X),
    "search fit": lambda X: search().fit(X, Y),
    "search predict": lambda X_: (
        search().fit(FRAMES.get(type(X_), X), Y).predict_proba(X_)
    ),
}
takes_X = pytest.mark.parametrize("call", TAKES_X.values(), ids=TAKES_X)

# What labels can be given to.
TAKES_Y = {
    "smoother fit": lambda y: LabelSmoother().fit(y),
    "smoother transform": lambda y: LabelSmoother().fit(Y).transform(y),
    "classifier fit": lambda y: small().fit(X, y),
    "classifier partial_fit": lambda y: small().partial_fit(X, y, classes=LABELS),
    "search class fit": lambda y: search().fit(X, y),
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
        lambda: LabelSmoother().fit(INDICATORS[:0]),
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
    clf = small(module=network).fit(IMAGES.reshape(shape), np.arange(20) % 2)
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
        call(dates)


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


def most_memory(call):
    """Bytes that NumPy held at most; SciPy makes sparse rows dense in NumPy."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Row 11
@pytest.mark.parametrize("callbacks", [None, [skorch.callbacks.Callback()]])
def test_classifier_never_makes_all_of_sparse_X_dense(callbacks):
    n_samples, n_features = 500, 20_000
    X_sparse = sparse.eye(n_samples, n_features, format="csr")
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
        FRAMES[pd.DataFrame].astype("Float64").mask(X > 7),
        FRAMES[pd.DataFrame].round().astype("Int64").mask(X > 7),
        FRAMES[pl.DataFrame].with_columns(b=pl.lit(None, dtype=pl.Float64)),
    ],
    ids=["Float64", "Int64", "polars"],
)
def test_classifier_refuses_missing_values_in_X(call, missing):
    with pytest.raises(ValueError, match="Input X contains NaN"):
        call(missing)


# Rows 13 to 22: y


# Row 13
@pytest.mark.parametrize("call", [TAKES_Y[name] for name in TAKES_Y if "class" in name])
@pytest.mark.parametrize("y", [Y[:-1], INDICATORS[:-1], np.r_[Y, 0]])
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
    smoother = LabelSmoother(epsilon=0.2).fit(container(INDICATORS))
    assert smoother.multilabel_
    assert_allclose(
        smoother.transform(container(INDICATORS)), np.where(INDICATORS, 0.9, 0.1)
    )
    clf = small().fit(X, container(INDICATORS))
    assert clf.label_smoother_.multilabel_
    assert clf.out_activation_ == "logistic"
    assert clf.predict(X).shape == INDICATORS.shape


# Row 21
@learns_y
@pytest.mark.parametrize(
    "y",
    [
        2 * INDICATORS,
        -INDICATORS,
        1 + INDICATORS,
        INDICATORS.cumsum(axis=1) + INDICATORS,
        sparse.csr_matrix(2 * INDICATORS),
        INDICATORS.astype(str),
    ],
    ids=[
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


SOFT = np.full((len(Y), 3), 0.2) + 0.4 * ONEHOT


def soft_with(row, values):
    soft = SOFT.copy()
    soft[row] = values
    return soft


# Rows 21 and 22
@learns_y
@pytest.mark.parametrize(
    ("y", "match"),
    [
        (soft_with(3, [0.5, 0.6, 0.1]), r"Row 3 is \[0.5 0.6 0.1\], its sum 1.2"),
        (soft_with(3, [2, -1, 0]), r"Row 3 is \[ 2. -1.  0.\], its sum 1"),
        (soft_with(3, [0.5, 0.5, 2e-6]), "Row 3 .*, its sum 1.000002"),
        (soft_with(3, [0, 0, 0]), "Row 3 .* its sum 0"),
        (soft_with(3, [np.nan, 0, 1]), "contains NaN"),
        (soft_with(3, [np.inf, 0, 1]), "contains infinity"),
        (SOFT[:, :2], "Row 0 .* its sum"),
        (10 * SOFT, "Divide counts, and rounded probabilities, by the sum"),
        (np.log(SOFT), "Log-probabilities need np.exp"),
        (np.c_[ONEHOT, ONEHOT].astype(float), r"pass integers: y.astype\(int\)"),
        ((SOFT / SOFT.sum(axis=1, keepdims=True)).astype(np.float16) * 1.01, "Row 0"),
        (sparse.csr_matrix(0.5 * ONEHOT), "Row 0 .* its sum 0.5"),
        (
            pd.DataFrame(SOFT, columns=["a", "b", "a"]),
            "columns of y must have different names",
        ),
        (pd.DataFrame(SOFT, columns=["a", "b", 3]), "mixed label types"),
        (
            pd.DataFrame(SOFT, columns=pd.MultiIndex.from_tuples(["ab", "ac", "bc"])),
            "are the classes, one label each",
        ),
    ],
)
def test_estimators_refuse_soft_labels_that_are_no_distributions(call, y, match):
    with pytest.raises(ValueError, match=match):
        call(y)


# Row 19
@pytest.mark.parametrize("estimator", [LabelSmoother(), small(), search()])
def test_estimators_refuse_soft_labels_of_one_class(estimator):
    y = np.eye(3)[np.ones(len(Y), dtype=int)]
    with pytest.raises(ValueError, match="one class only, 1"):
        estimator.fit(y) if isinstance(estimator, LabelSmoother) else estimator.fit(
            X, y
        )


@learns_y
@pytest.mark.parametrize(
    "y",
    [
        SOFT,
        SOFT.tolist(),
        SOFT.astype(np.float16),
        ONEHOT.astype(float),
        sparse.csr_matrix(ONEHOT.astype(float)),
        pd.DataFrame(SOFT),
        pd.DataFrame(SOFT).astype("Float64"),
    ],
    ids=["array", "list", "float16", "one-hot", "sparse", "frame", "nullable"],
)
def test_estimators_take_soft_labels(call, y):
    call(y)


# Row 22
@pytest.mark.parametrize(
    ("y", "y_soft", "match"),
    [
        (
            Y,
            SOFT[:, :2] / SOFT[:, :2].sum(axis=1, keepdims=True),
            "2 columns, but there are",
        ),
        (Y, SOFT[:-1], "inconsistent numbers of samples"),
        (Y, INDICATORS, "y_soft must be a matrix of floats"),
        (Y, Y, "y_soft must be a matrix of floats"),
        (Y, soft_with(5, [1, 1, 1]), "Row 5"),
        (SOFT, SOFT, "y_soft goes with one label a row in y"),
        (INDICATORS, SOFT, "y_soft goes with one label a row in y"),
        (Y, pd.DataFrame(SOFT, columns=list("abc")), "The columns of y_soft are"),
        (Y + 7, pd.DataFrame(SOFT), "The columns of y_soft are"),
    ],
)
def test_classifiers_refuse_y_soft_that_does_not_fit_y(y, y_soft, match):
    for estimator in (small(), LabelSmoothingClassifierCV([0.1], max_epochs=1)):
        with pytest.raises(ValueError, match=match):
            estimator.fit(X, y, y_soft=y_soft)


# Row 22
@pytest.mark.parametrize(
    ("y", "match"),
    [
        (np.full((len(Y), 2), 0.5), "2 columns, but there are 3 classes"),
        (pd.DataFrame(SOFT, columns=list("abc")), "columns of the soft labels are"),
    ],
)
def test_fitted_estimators_refuse_soft_labels_of_other_classes(y, match):
    clf = small().fit(X, Y)
    before = clf.predict_proba(X)
    for call in (
        lambda: clf.partial_fit(X, y),
        lambda: clf.score(X, y),
        lambda: LabelSmoother().fit(Y).transform(y),
    ):
        with pytest.raises(ValueError, match=match):
            call()
    np.testing.assert_array_equal(clf.predict_proba(X), before)


# Row 23
@pytest.mark.parametrize(
    "epsilon",
    [
        0.1,
        Y[:-1] * 0.1,
        SOFT,
        Y - 0.5,
        np.where(Y, np.nan, 0.1),
        Y + 0.5,
        ["a"] * len(Y),
    ],
    ids=["scalar", "short", "matrix", "negative", "nan", "above 1", "str"],
)
def test_classifier_refuses_epsilons_of_rows(epsilon):
    with pytest.raises(
        InvalidParameterError, match="epsilon in fit must hold one float"
    ):
        small().fit(X, Y, epsilon=epsilon)


@pytest.mark.parametrize(
    ("transition_matrix", "match"),
    [
        (-0.1, "The 'transition_matrix' parameter of"),
        (1.5, "The 'transition_matrix' parameter of"),
        (True, "The 'transition_matrix' parameter of"),
        ("0.1", "The 'transition_matrix' parameter of"),
        (2 / 3, "must be below 0.666667, .* tell nothing"),
        (0.9, "must be below 0.666667"),
        (np.full((3, 3), 1 / 3), r"labelled alike, .*\[0 1 2\]"),
        ([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]], r"labelled alike, .*\[0 1\]"),
        (np.eye(2), r"has shape \(2, 2\), but there are 3 classes"),
        (np.ones((3, 3)), "Every row of transition_matrix .* Row 0 .* its sum 3"),
        ([[2, -1, 0], [0, 1, 0], [0, 0, 1]], "Row 0 is"),
        ([[np.nan, 0, 0], [0, 1, 0], [0, 0, 1]], "Row 0 is"),
        ([[1, 0, 0], [1, 0, 0], [0, 0, 1]], r"never given.*\[1\]"),
    ],
)
def test_classifiers_refuse_transition_matrices(transition_matrix, match):
    params = {"transition_matrix": transition_matrix, "max_epochs": 1}
    for estimator in (small(**params), LabelSmoothingClassifierCV([0.1], **params)):
        with pytest.raises(ValueError, match=match):
            estimator.fit(X, Y)


def test_classifiers_warn_of_a_transition_that_is_mostly_wrong():
    permuted = np.eye(3)[[0, 2, 1]]
    with pytest.warns(UserWarning, match=r"more often than rightly: \[1 2\]"):
        small(transition_matrix=permuted).fit(X, Y)


def test_classifiers_warn_of_one_hot_integers():
    for estimator in (small(), search()):
        with pytest.warns(UserWarning, match="every row has exactly one 1"):
            estimator.fit(X, ONEHOT)


def test_named_matrices_are_put_in_the_order_of_the_classes():
    names = np.array(["low", "medium", "high"])
    matrix = pd.DataFrame([[0.7, 0.2, 0.1], [0, 0.7, 0.3], [0.1, 0, 0.9]], names, names)
    in_order = matrix.loc[sorted(names), sorted(names)].to_numpy()
    for name in ("distribution", "transition_matrix"):
        ours = small(**{name: matrix}).fit(X, names[Y])
        expected = small(**{name: in_order}).fit(X, names[Y])
        np.testing.assert_array_equal(ours.predict_proba(X), expected.predict_proba(X))
        unnamed = small(**{name: pd.DataFrame(in_order)}).fit(X, names[Y])
        np.testing.assert_array_equal(ours.predict_proba(X), unnamed.predict_proba(X))
        with pytest.raises(ValueError, match=f"{name} has the rows"):
            small(**{name: matrix}).fit(X, Y)


def test_search_warns_of_probabilities_scored_by_noisy_labels():
    params = {"scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"}
    search(**params).fit(X, Y)
    with pytest.warns(UserWarning, match="judges the probabilities of the true labels"):
        search(transition_matrix=0.1, **params).fit(X, Y)


def test_search_refuses_scorers_that_want_hard_and_soft_labels():
    scoring = {"a": "accuracy", "b": lambda clf, X, y: 0.0}
    with pytest.raises(ValueError, match=r"names only, .* or callables only"):
        search(scoring=scoring, refit="a").fit(X, SOFT)


def test_search_refuses_an_epsilon_a_row():
    with pytest.raises(TypeError, match="The search tries values of epsilon itself"):
        LabelSmoothingClassifierCV([0.1]).fit(X, Y, epsilon=np.zeros(len(Y)))


def test_classifier_refuses_a_transition_of_independent_labels():
    with pytest.raises(ValueError, match="not defined for multilabel y"):
        small(transition_matrix=0.1).fit(X, INDICATORS)


# Row 21
@pytest.mark.parametrize(
    "call",
    [
        lambda: LabelSmoother().fit(Y).transform(INDICATORS),
        lambda: LabelSmoother().fit(INDICATORS).transform(Y),
        lambda: small().fit(X, Y).partial_fit(X, INDICATORS),
        lambda: small().fit(X, INDICATORS).partial_fit(X, Y),
    ],
    ids=["smoother", "multilabel smoother", "classifier", "multilabel classifier"],
)
def test_estimators_refuse_multilabel_for_single_label_and_vice_versa(call):
    with pytest.raises(ValueError, match=r"\by\b"):
        call()


# Row 23
@pytest.mark.parametrize(
    "epsilon",
    [
        *[np.nan, True, False, np.True_, "0.1", -0.1, 1.1, np.inf, None, 0.1 + 0j],
        *[[0.1, 0.2, np.nan], [0.1, 0.2, 1.1], [-0.1, 0.2, 0.3], ["a", "b", "c"]],
        *[[True, False, True], [0.1, 0.2], [[0.1, 0.2, 0.3]]],
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "call",
    [
        lambda epsilon: LabelSmoother(epsilon).fit(Y),
        lambda epsilon: small(epsilon=epsilon).fit(X, Y),
        lambda epsilon: small(epsilon=epsilon).partial_fit(X, Y, classes=LABELS),
    ],
    ids=["smoother fit", "fit", "partial_fit"],
)
def test_estimators_refuse_epsilon_outside_0_to_1(call, epsilon):
    with pytest.raises(InvalidParameterError, match="The 'epsilon' parameter of"):
        call(epsilon)


@pytest.mark.parametrize(
    "epsilons",
    [0.1, None, "0.1", [], [[0.1]], [0.1, np.nan], [-0.1, 0], [0, 1.1], ["a"], [True]],
    ids=repr,
)
def test_search_refuses_epsilons_that_are_no_grid(epsilons):
    with pytest.raises(InvalidParameterError, match="The 'epsilons' parameter of"):
        search(epsilons=epsilons).fit(X, Y)


# Rows 24 to 27: what was fitted before


# Row 24
@pytest.mark.parametrize("unseen", [Y + 5, Y.astype(str), Y.astype(float) * 2])
def test_classifier_partial_fit_refuses_unseen_classes(unseen):
    match = re.escape("`y` has classes not in `self.classes_`")
    with pytest.raises(ValueError, match=match):
        small().partial_fit(X, unseen, classes=LABELS)
    with pytest.raises(ValueError, match=match):
        small().fit(X, Y).partial_fit(X, unseen)


# Row 24
@pytest.mark.parametrize(
    ("seen", "unseen"),
    [
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
        (np.array(["a", "c"], dtype=object), ["abc"]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["encode", "transform"])
def test_smoother_refuses_unseen_labels(method, seen, unseen):
    smoother = LabelSmoother().fit(seen)
    with pytest.raises(ValueError, match="previously unseen labels"):
        getattr(smoother, method)(unseen)


# Row 25
def test_classifier_partial_fit_needs_classes_first():
    clf = small()
    match = "classes must be passed on the first call to partial_fit"
    with pytest.raises(ValueError, match=match):
        clf.partial_fit(X, Y)
    clf.partial_fit(X, Y, classes=LABELS).partial_fit(X, Y)


# Row 25
@pytest.mark.parametrize("first", ["fit", "partial_fit"])
def test_classifier_partial_fit_refuses_changed_classes(first):
    clf = TAKES_X[first](X)
    with pytest.raises(ValueError, match="is not the same as on last call"):
        clf.partial_fit(X, Y, classes=[0, 1, 3])


# Row 25
def test_classifier_warm_start_refuses_changed_classes():
    clf = small(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="warm_start needs the classes of the fit"):
        clf.fit(X, Y + 1)


CALLS_AGAIN = {
    **{name: lambda clf, X, name=name: getattr(clf, name)(X) for name in PREDICTIONS},
    "partial_fit": lambda clf, X: clf.partial_fit(X, Y),
    "warm fit": lambda clf, X: clf.set_params(warm_start=True).fit(X, Y),
}
calls_again = pytest.mark.parametrize("call", CALLS_AGAIN.values(), ids=CALLS_AGAIN)


# Row 26
@calls_again
@pytest.mark.parametrize("wrong", [X[:, :3], np.c_[X, X]], ids=["fewer", "more"])
def test_classifier_refuses_another_number_of_features(call, wrong):
    match = f"X has {wrong.shape[1]} features, but .* is expecting 4 features"
    with pytest.raises(ValueError, match=match):
        call(small().fit(X, Y), wrong)


# Row 26
@calls_again
@pytest.mark.parametrize("kind", FRAMES, ids=["pandas", "polars"])
@pytest.mark.parametrize("names", ["abcz", "bacd"], ids=["renamed", "reordered"])
def test_classifier_refuses_other_feature_names(call, kind, names):
    wrong = FRAMES[kind].rename({"d": "z"}) if "z" in names else FRAMES[kind]
    if kind is pd.DataFrame:
        wrong = FRAMES[kind].rename(columns={"d": "z"}) if "z" in names else wrong
    with pytest.raises(ValueError, match="The feature names should match"):
        call(small().fit(FRAMES[kind], Y), wrong[list(names)])


# Row 26
@calls_again
def test_classifier_warns_of_missing_feature_names(call):
    clf = small().fit(FRAMES[pd.DataFrame], Y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        call(clf, X)


# Row 27
@pytest.mark.parametrize("method", PREDICTIONS)
def test_classifier_predicting_refuses_before_fit(method):
    with pytest.raises(
        NotFittedError, match="LabelSmoothingClassifier instance is not"
    ):
        getattr(small(), method)(X)


# Row 27
@pytest.mark.parametrize(
    "call",
    [
        lambda smoother: smoother.encode(Y),
        lambda smoother: smoother.transform(Y),
        lambda smoother: smoother.inverse_transform(X),
        lambda smoother: smoother.recover(X),
        lambda smoother: smoother.get_feature_names_out(),
    ],
)
def test_smoother_refuses_before_fit(call):
    with pytest.raises(NotFittedError, match="LabelSmoother instance is not fitted"):
        call(LabelSmoother())


# Rows 28 to 30: weights


# Rows 28 and 29
@pytest.mark.parametrize(
    ("sample_weight", "match"),
    [
        pytest.param(np.r_[-1.0, np.ones(149)], "Negative values", id="row28"),
        pytest.param(np.zeros(150), "non-zero|is zero", id="row29-zero"),
        pytest.param(np.r_[np.nan, np.ones(149)], "contains NaN", id="row29-nan"),
        pytest.param(np.r_[np.inf, np.ones(149)], "contains infinity", id="row29-inf"),
        pytest.param(np.ones(3), r"sample_weight\.shape == \(3,\)", id="row29-short"),
        pytest.param(np.ones((150, 1)), "must be 1D array", id="row29-2d"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda weight: LabelSmoother().fit(Y, sample_weight=weight),
        lambda weight: small().fit(X, Y, sample_weight=weight),
        lambda weight: small().partial_fit(X, Y, LABELS, sample_weight=weight),
        lambda weight: search().fit(X, Y, sample_weight=weight),
    ],
    ids=LEARNS_Y,
)
def test_estimators_refuse_bad_sample_weight(call, sample_weight, match):
    with pytest.raises(ValueError, match=match):
        call(sample_weight)


# Row 30
@pytest.mark.parametrize(
    ("class_weight", "match"),
    [
        ({0: -1}, "class_weight must be finite and not negative"),
        ({0: np.nan}, "class_weight must be finite and not negative"),
        ({0: 0, 1: 0, 2: 0}, "leaves no row any weight"),
        ({7: 2}, "are not in class_weight"),
        ({"0": 2}, "are not in class_weight"),
    ],
    ids=["negative", "nan", "zero", "unknown", "other type"],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_classifier_refuses_bad_class_weight(method, class_weight, match):
    clf = small(class_weight=class_weight)
    params = {"classes": LABELS} if method == "partial_fit" else {}
    with pytest.raises(ValueError, match=match):
        getattr(clf, method)(X, Y, **params)


# Row 30
def test_classifier_missing_class_weight_is_one():
    y_proba = small(class_weight={0: 2}).fit(X, Y).predict_proba(X)
    in_full = small(class_weight={0: 2, 1: 1, 2: 1}).fit(X, Y)
    assert_array_equal(y_proba, in_full.predict_proba(X))


# Rows 31 to 33: how training ends


# Row 31. What overflows may first be seen as saturated.
@pytest.mark.filterwarnings("ignore:After the first epoch:UserWarning")
@pytest.mark.parametrize(
    ("X", "learning_rate"), [(X32, 1e30), (X, 1e200)], ids=["float32", "float64"]
)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True},
        {"module": network},
        {"optimizer": "sgd"},
        {"batch_size": 50},
    ],
    ids=["MLP", "early stopping", "module", "sgd", "batches"],
)
def test_classifier_fit_says_that_it_diverged(X, learning_rate, params):
    clf = small(learning_rate=learning_rate, max_epochs=5, **params)
    with pytest.raises(ValueError, match=r"diverged.*Scale X.*lower learning_rate"):
        clf.fit(X, Y)


# Row 31. The weights of the last step are finite, their logits are not.
@pytest.mark.filterwarnings("ignore:After the first epoch:UserWarning")
@pytest.mark.parametrize(
    ("X", "learning_rate"), [(X32, 1e30), (X, 1e200)], ids=["float32", "float64"]
)
@pytest.mark.parametrize(
    "train",
    [
        lambda clf, X: clf.fit(X, Y),
        lambda clf, X: clf.set_params(early_stopping=True).fit(X, Y),
        lambda clf, X: clf.partial_fit(X, Y, classes=LABELS),
    ],
    ids=["fit", "early stopping", "partial_fit"],
)
def test_classifier_never_predicts_nan(train, X, learning_rate):
    clf = small(learning_rate=learning_rate, max_epochs=1)
    with pytest.raises(ValueError, match=r"diverged.*Scale X.*lower learning_rate"):
        assert np.isfinite(train(clf, X).predict_proba(X)).all()


# Row 32
@pytest.mark.parametrize(
    "train",
    [
        lambda clf, X: clf.fit(X, Y),
        lambda clf, X: clf.fit(X.astype(np.float32), Y),
        lambda clf, X: clf.fit(X, INDICATORS),
        lambda clf, X: clf.set_params(module=network).fit(X, Y),
        lambda clf, X: clf.set_params(early_stopping=True).fit(X, Y),
        lambda clf, X: clf.partial_fit(X, Y, classes=LABELS),
    ],
    ids=["fit", "float32", "multilabel", "module", "early stopping", "partial_fit"],
)
def test_classifier_warns_of_saturation(train):
    huge = 1e6 * X
    with pytest.warns(UserWarning, match=r"saturated.*Scale X"):
        clf = train(small(), huge)
    assert np.isfinite(clf.predict_proba(huge)).all()


# Row 33
@pytest.mark.parametrize("early_stopping", [True, False])
def test_classifier_warns_when_not_converged(early_stopping):
    clf = small(n_iter_no_change=10, early_stopping=early_stopping)
    with pytest.warns(ConvergenceWarning, match=r"max_epochs=2 .*tol=0\.0001"):
        clf.fit(X, Y)


# Row 33
def test_classifier_is_quiet_when_converged():
    clf = small(n_iter_no_change=1, tol=1e9, max_epochs=50).fit(X, Y)
    assert clf.n_iter_ < 50


# Rows 34, 35 and 52: devices


@pytest.fixture(params=["fit", "partial_fit"])
def train_on(request):
    """Train on a device; return the classifier."""

    def train(device):
        clf = small(device=device)
        if request.param == "fit":
            return clf.fit(X, Y)
        return clf.partial_fit(X, Y, classes=LABELS)

    return train


# Row 34
@pytest.mark.parametrize("device", ["cuda:99", "meta"])
def test_classifier_lists_devices_when_one_is_absent(train_on, device):
    match = f"device={device!r} is not available here; available devices: cpu"
    with pytest.raises(ValueError, match=match):
        train_on(device)


# Row 34. Elsewhere the test above asks for a CUDA device that is absent.
@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_classifier_lists_devices_without_cuda(train_on):
    match = "device='cuda' is not available here; available devices: cpu"
    with pytest.raises(ValueError, match=match):
        train_on("cuda")


# Row 34
def test_classifier_device_auto_takes_what_there_is(train_on):
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert train_on("auto").device_ == expected


# Row 35
@pytest.mark.parametrize("device", ["banana", "", "cuda:x", 3, None])
def test_classifier_refuses_what_is_no_device(train_on, device):
    with pytest.raises(InvalidParameterError, match="The 'device' parameter"):
        train_on(device)


# Row 52
def test_resolve_device_explains_fork_after_cuda(monkeypatch):
    def empty(*args, **kwargs):
        raise RuntimeError(
            "Cannot re-initialize CUDA in forked subprocess. To use CUDA with "
            "multiprocessing, you must use the 'spawn' start method"
        )

    clf = small().fit(X, Y)
    unpickled = pickle.loads(pickle.dumps(clf))
    monkeypatch.setattr(torch, "empty", empty)
    for call in (
        lambda: resolve_device("cuda"),
        lambda: small().fit(X, Y),
        lambda: unpickled.predict(X),
    ):
        with pytest.raises(RuntimeError, match=r"forked.*loky.*'spawn'"):
            call()


# Row 49


@pytest.fixture(params=["read-only", "memmap"])
def guard(request, tmp_path):
    """Return an array that can only be read."""

    def guard(array):
        if request.param == "read-only":
            return read_only(array)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
        np.save(path, array)
        return np.load(path, mmap_mode="r")

    return guard


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"batch_size": 150},
        {"batch_size": 17},
        {"early_stopping": True},
        {"module": network},
        {"epsilon": read_only(np.array([0.1, 0.2, 0.3]))},
        {"distribution": read_only(np.full(3, 1 / 3))},
        {"callbacks": [skorch.callbacks.Callback()]},
    ],
    ids=lambda params: ",".join(params),
)
def test_classifier_takes_arrays_that_can_only_be_read(guard, params):
    weight = np.linspace(0.5, 2, len(Y))
    clf = small(**params).fit(guard(X), guard(Y), sample_weight=guard(weight))
    expected = small(**params).fit(X, Y, sample_weight=weight)
    assert_array_equal(clf.predict_proba(guard(X)), expected.predict_proba(X))


def test_classifier_partial_fit_takes_arrays_that_can_only_be_read(guard):
    clf = small().partial_fit(guard(X), guard(Y), guard(LABELS), guard(np.ones(150)))
    expected = small().partial_fit(X, Y, LABELS)
    assert_array_equal(clf.predict_proba(guard(X)), expected.predict_proba(X))


def test_classifier_takes_sparse_X_that_can_only_be_read():
    X_sparse = sparse.csr_matrix(X)
    for array in (X_sparse.data, X_sparse.indices, X_sparse.indptr):
        array.flags.writeable = False
    y_proba = small().fit(X_sparse, Y).predict_proba(X_sparse)
    assert_array_equal(y_proba, small().fit(X, Y).predict_proba(X))


@pytest.mark.parametrize("y", [Y, INDICATORS], ids=["labels", "multilabel"])
def test_smoother_takes_arrays_that_can_only_be_read(guard, y):
    smoother = LabelSmoother().fit(guard(y), sample_weight=guard(np.ones(len(y))))
    y_soft = smoother.transform(guard(y))
    assert_array_equal(smoother.inverse_transform(guard(y_soft)), y)
    before = ONEHOT if y.ndim == 1 else y
    assert_allclose(smoother.recover(guard(y_soft)), before, atol=1e-12)


# Rows 50 and 51: threads


# Row 50
@pytest.mark.parametrize(
    "params", [{"dropout": 0.5}, {"module": network}], ids=["MLP", "module"]
)
def test_classifier_fits_alike_in_any_number_of_threads(params):
    clf = small(batch_size=30, **params)
    expected = [
        clone(clf).set_params(random_state=seed).fit(X, Y).predict_proba(X)
        for seed in range(8)
    ]
    with ThreadPoolExecutor(4) as threads:
        fits = [
            threads.submit(clone(clf).set_params(random_state=seed).fit, X, Y)
            for seed in range(8)
        ]
    for fit, y_proba in zip(fits, expected, strict=True):
        assert_array_equal(fit.result().predict_proba(X), y_proba)
    assert not any(np.array_equal(*pair) for pair in pairwise(expected))


@pytest.fixture(params=["fitted", "unpickled"])
def ready(request):
    clf = small(module=network).fit(X, Y)
    return clf if request.param == "fitted" else pickle.loads(pickle.dumps(clf))


# Row 51
@pytest.mark.parametrize("method", PREDICTIONS)
def test_classifier_predicts_alike_in_any_number_of_threads(ready, method):
    parts = [X[start : start + 30] for start in range(60)]
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(getattr(ready, method), parts))
    for part, result in zip(parts, results, strict=True):
        assert_array_equal(result, getattr(ready, method)(part))


# Row 51
@pytest.mark.parametrize("method", PREDICTIONS)
def test_classifier_predicting_writes_no_state(ready, method):
    before, content = dict(vars(ready)), joblib.hash(ready)
    getattr(ready, method)(X)
    assert vars(ready).keys() - before.keys() <= {"_module"}  # not pickled, so rebuilt
    assert all(vars(ready)[name] is value for name, value in before.items())
    assert joblib.hash(ready) == content


# Row 53


def test_classifier_never_makes_a_matrix_of_hard_labels():
    n_samples, n_classes = 3000, 1000
    y = np.arange(n_samples) % n_classes
    clf = small(hidden_layer_sizes=(2,), batch_size=50, max_epochs=1)
    clf.set_params(early_stopping=True)
    used = most_memory(lambda: clf.fit(y[:, np.newaxis] / n_classes, y))
    assert used < n_samples * n_classes * 8 / 4


def test_smoother_encodes_without_a_matrix():
    n_samples, n_classes = 3000, 1000
    y = np.arange(n_samples) % n_classes
    used = most_memory(lambda: LabelSmoother().fit(y).encode(y))
    assert used < n_samples * n_classes * 8 / 4


# Row 54


def test_classifier_draws_a_seed_per_fit():
    def two_fits():
        random_state = np.random.RandomState(0)
        clf = small(random_state=random_state)
        return [clf.fit(X, Y).predict_proba(X) for _ in range(2)]

    first, second = two_fits()
    assert not np.array_equal(first, second)
    assert_array_equal(two_fits(), [first, second])


def test_classifier_draws_one_number_whatever_the_training():
    generators = [np.random.RandomState(0) for _ in range(3)]
    small(random_state=generators[0]).fit(X, Y)
    small(random_state=generators[1], max_epochs=4, dropout=0.5, batch_size=9).fit(X, Y)
    parts = small(random_state=generators[2]).partial_fit(X, Y, classes=LABELS)
    parts.partial_fit(X, Y)
    drawn = {generator.randint(2**31 - 1) for generator in generators}
    assert len(drawn) == 1
    assert drawn != {np.random.RandomState(0).randint(2**31 - 1)}


# What the table wants documented: rows 8, 32, 52, 54


@pytest.mark.parametrize(
    "phrase",
    [
        pytest.param("Numeric strings in X are parsed", id="row8"),
        pytest.param("very large scale saturate the network", id="row32"),
        pytest.param("loky", id="row52"),
        pytest.param("One number is drawn from it per fit", id="row54"),
    ],
)
def test_classifier_documents(phrase):
    assert phrase in " ".join(LabelSmoothingClassifier.__doc__.split())


# Every row: what raises leaves what was fitted before, or nothing


class Interrupt(skorch.callbacks.Callback):
    """Ctrl-C in the middle of an epoch."""

    def on_batch_end(self, net, training=None, **kwargs):
        raise KeyboardInterrupt


# Parameters to set, X, y, sample_weight, and the error that comes of it.
FAULTS = {
    "NaN in X": ({}, changed(X32, np.nan), Y, None, ValueError),
    "words in X": ({}, changed(X.astype(object), "word"), Y, None, ValueError),
    "dates in X": ({}, DAYS, Y, None, TypeError),
    "unequal lengths": ({}, X32, Y[:-1], None, ValueError),
    "mixed labels": ({}, X32, ["a", 1] * 75, None, ValueError),
    "negative weight": ({}, X32, Y, -np.ones(150), ValueError),
    "bad epsilon": ({"epsilon": 2}, X32, Y, None, ValueError),
    "short epsilon": ({"epsilon": [0.1, 0.2]}, X32, Y, None, ValueError),
    "bad class_weight": ({"class_weight": {0: -1}}, X32, Y, None, ValueError),
    "bad device": ({"device": "banana"}, X32, Y, None, ValueError),
    "bad optimizer": ({"optimizer_params": {"a": 1}}, X32, Y, None, TypeError),
    "divergence": ({"learning_rate": 1e30}, X32, Y, None, ValueError),
    "Ctrl-C": ({"callbacks": [Interrupt()]}, X32, Y, None, KeyboardInterrupt),
}
FAULTS_AGAIN = {
    "unseen class": ({}, X32, Y + 1, None, ValueError),
    "fewer columns": ({}, X32[:, :3], Y, None, ValueError),
    "zero columns": ({}, X32[:, :0], Y, None, ValueError),
    "other network": ({"hidden_layer_sizes": (5,)}, X32, Y, None, ValueError),
}
TRAIN = {
    "fit": lambda clf, X, y, weight: clf.fit(X, y, weight),
    "warm fit": lambda clf, X, y, weight: clf.fit(X, y, weight),
    "partial_fit": lambda clf, X, y, weight: clf.partial_fit(
        X, y, None if hasattr(clf, "classes_") else LABELS, weight
    ),
}
# scikit-learn checks parameters in the first partial_fit alone.
AGAIN = [
    *[("fit", fault) for fault in FAULTS],
    *[("warm fit", fault) for fault in [*FAULTS, *FAULTS_AGAIN]],
    *[
        ("partial_fit", fault)
        for fault in [*FAULTS, *FAULTS_AGAIN]
        if "epsilon" not in fault
    ],
]


def fail(clf, train, fault):
    """Let the fault happen; return the attributes from just before."""
    params, X, y, weight, error = {**FAULTS, **FAULTS_AGAIN}[fault]
    clf.set_params(warm_start=train == "warm fit", **params)
    before = dict(vars(clf))
    with pytest.raises(error):
        TRAIN[train](clf, X, y, weight)
    return before


@pytest.mark.parametrize(("train", "fault"), AGAIN)
def test_classifier_that_raises_stays_as_it_was(train, fault):
    clf = small(batch_size=30).fit(X32, Y).partial_fit(X32, Y)
    params = clf.get_params()
    content, y_proba = joblib.hash(clf), clf.predict_proba(X32)
    before = fail(clf, train, fault)
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[name] is value for name, value in before.items())
    clf.set_params(**params)
    assert joblib.hash(clf) == content
    assert_array_equal(clf.predict_proba(X32), y_proba)
    assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X32), y_proba)


@pytest.mark.parametrize("train", TRAIN)
@pytest.mark.parametrize("fault", FAULTS)
def test_classifier_that_raises_at_first_stays_unfitted(train, fault):
    clf = small(batch_size=30)
    before = fail(clf, train, fault)
    assert vars(clf) == before
    assert vars(clf).keys() == clf.get_params().keys()
    with pytest.raises(NotFittedError):
        clf.predict(X32)


@pytest.mark.parametrize(
    ("train", "fault"), [pair for pair in AGAIN if pair[0] != "fit"]
)
def test_classifier_goes_on_as_if_nothing_had_failed(train, fault):
    clf = small(batch_size=30).fit(X32, Y).partial_fit(X32, Y)
    params = clf.set_params(warm_start=train == "warm fit").get_params()
    unharmed = copy.deepcopy(clf)
    fail(clf, train, fault)
    clf.set_params(**params)
    for each in (clf, unharmed):
        TRAIN[train](each, X32, Y, None)
    assert_array_equal(clf.predict_proba(X32), unharmed.predict_proba(X32))
    assert clf.loss_curve_ == unharmed.loss_curve_


@pytest.mark.parametrize(
    "y", [Y + 0.5, [0, None], ["a", 1], [0, 0], 0.5 * INDICATORS, []]
)
def test_smoother_that_raises_stays_as_it_was(y):
    smoother = LabelSmoother(distribution=[0.2, 0.3, 0.5]).fit(Y)
    before, content = dict(vars(smoother)), joblib.hash(smoother)
    with pytest.raises(ValueError):
        smoother.fit(y)
    assert vars(smoother) == before
    assert joblib.hash(smoother) == content


@pytest.mark.parametrize(
    "params",
    [{"epsilon": 2}, {"epsilon": [0.1]}, {"distribution": [1, 1, 1]}, {"dtype": int}],
    ids=str,
)
def test_smoother_with_bad_parameters_stays_as_it_was(params):
    smoother = LabelSmoother().fit(Y)
    y_soft = smoother.transform(Y)
    before = dict(vars(smoother.set_params(**params)))
    with pytest.raises(ValueError):
        smoother.fit(["b", "a", "c"])
    assert vars(smoother) == before
    smoother.set_params(**LabelSmoother().get_params())
    assert_array_equal(smoother.transform(Y), y_soft)
