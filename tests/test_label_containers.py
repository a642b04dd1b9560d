"""Labels, indicator matrices and soft labels in the containers of other packages."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    LabelSmoothingClassifierCV,
    SmoothedTargetClassifier,
)
from sklearn_ls._labels.containers import labels_to_array
from sklearn_ls._labels.soft_labels import check_target
from sklearn_ls.metrics import expected_calibration_error, soft_log_loss

SHORT = {"max_epochs": 2, "n_iter_no_change": np.inf, "random_state": 0}
CLASSIFIERS = [
    LabelSmoothingClassifier(0.2, **SHORT),
    LabelSmoothingClassifierCV([0.2], cv=2, ensemble=False, **SHORT),
    SmoothedTargetClassifier(LogisticRegression(), LabelSmoother(0.2)),
]
NAMES = np.array(["setosa", "versicolor", "virginica"])
INDICATORS = pd.DataFrame({"a": [0, 1, 1, 0], "b": [1, 1, 0, 0], "c": [0, 0, 1, 1]})
SOFT = np.array([[0.1, 0.2, 0.7], [0.6, 0.2, 0.2], [0, 1, 0], [0.3, 0.3, 0.4]])
DTYPES = ["Int64", "UInt8", "boolean", "int64[pyarrow]", "bool[pyarrow]"]
MISSING = "Input y contains NaN or None"


def in_two_chunks(values):
    half = len(values) // 2
    return pa.chunked_array([pa.array(values[:half]), pa.array(values[half:])])


def arrow(values):
    return pa.array(values)


def arrow_dictionary(values):
    return arrow(values).dictionary_encode()


def arrow_table(matrix, names):
    return pa.table(dict(zip(names, np.asarray(matrix).T, strict=True)))


def arrow_batch(matrix, names):
    return arrow_table(matrix, names).to_batches()[0]


def dask_array(values):
    return da.from_array(np.asarray(values), chunks=len(values) // 2)


def dask_frame(values):
    """A dask Series or DataFrame of pandas."""
    return dd.from_pandas(values, npartitions=2)


def dask_series(values):
    return dask_frame(pd.Series(values))


def dask_array_of_unknown_length(values):
    array = dask_array(values)
    return array[array == array]


VECTORS = [
    arrow,
    in_two_chunks,
    arrow_dictionary,
    dask_array,
    dask_series,
    dask_array_of_unknown_length,
]


@pytest.mark.parametrize("container", VECTORS)
@pytest.mark.parametrize(
    "labels", [NAMES[[2, 0, 1, 0]].tolist(), [3, 1, 2, 1]], ids=["str", "int"]
)
def test_vectors_are_the_labels_that_they_hold(container, labels):
    y = labels_to_array(container(labels))
    assert_array_equal(y, labels)
    assert y.dtype.kind in "OUT" if isinstance(labels[0], str) else "i"


@pytest.mark.parametrize("container", [arrow, in_two_chunks, dask_array, dask_series])
def test_vectors_of_bools_stay_bools(container):
    y = labels_to_array(container([True, False, False, True]))
    assert y.dtype == bool
    assert y.tolist() == [True, False, False, True]


@pytest.mark.parametrize("container", [arrow, in_two_chunks])
@pytest.mark.parametrize(
    "labels",
    [["a", "b", None, "a"], [1, 2, None, 1], [True, None, True, False], [None] * 4],
    ids=["str", "int", "bool", "null"],
)
def test_nulls_are_missing_labels(container, labels):
    with pytest.raises(ValueError, match=MISSING):
        labels_to_array(container(labels))


@pytest.mark.parametrize("columns", [["a", "b", "c"], ["b"]], ids=["all", "one"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nullable_and_arrow_columns_are_indicators(dtype, columns):
    frame = INDICATORS.astype(dict.fromkeys(columns, dtype))
    target = check_target(frame)
    assert target.dtype.kind in "biu"
    assert_array_equal(target, INDICATORS)


@pytest.mark.parametrize("column", ["a", "c"])
@pytest.mark.parametrize("dtype", [*DTYPES, "Float64", "double[pyarrow]"])
def test_missing_values_of_nullable_and_arrow_columns_are_refused(dtype, column):
    frame = INDICATORS.astype({column: dtype})
    frame.loc[1, column] = pd.NA
    with pytest.raises(ValueError, match=MISSING):
        check_target(frame)


@pytest.mark.parametrize(
    "dtype", ["Float32", "float[pyarrow]", "Float64", "double[pyarrow]"]
)
def test_nullable_and_arrow_floats_keep_their_precision(dtype):
    y_soft = np.array([[0.1, 0.2, 0.7 + 5e-6], [0.2, 0.3, 0.5]])
    frame = pd.DataFrame(y_soft, columns=["c", "a", "b"]).astype(dtype)
    if "32" in dtype or "float[" in dtype:  # sums have rounding errors
        soft = check_target(frame)
        assert soft.classes.tolist() == ["a", "b", "c"]
        assert_allclose(soft.y_soft, y_soft[:, [1, 2, 0]], atol=1e-5)
    else:
        with pytest.raises(ValueError, match="Row 0 is"):
            check_target(frame)


def test_other_extension_columns_are_left_alone():
    frame = pd.DataFrame({"a": pd.interval_range(0, 4), "b": pd.Categorical([1] * 4)})
    with pytest.raises(ValueError, match=r"y has shape \(4, 2\) and dtype object"):
        check_target(frame)


@pytest.mark.parametrize("table", [arrow_table, arrow_batch])
def test_tables_of_floats_are_soft_labels_of_named_classes(table):
    soft = check_target(table(SOFT, ["owl", "cat", "dog"]))
    assert soft.classes.tolist() == ["cat", "dog", "owl"]
    assert_allclose(soft.y_soft, SOFT[:, [1, 2, 0]])
    with pytest.raises(ValueError, match=r"columns of the soft labels are \['cat'"):
        check_target(table(SOFT, ["owl", "cat", "dog"]), NAMES)


@pytest.mark.parametrize("table", [arrow_table, arrow_batch])
@pytest.mark.parametrize("dtype", [int, bool])
def test_tables_of_integers_and_bools_are_indicators(table, dtype):
    target = check_target(table(INDICATORS.astype(dtype), list("abc")))
    assert target.dtype == dtype
    assert_array_equal(target, INDICATORS)


def test_tables_with_nulls_or_two_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match=MISSING):
        check_target(pa.table({"a": [0, None], "b": [1, 1]}))
    twice = pa.table([[0.5, 0.5], [0.5, 0.5]], names=["a", "a"])
    with pytest.raises(ValueError, match=r"different names. Got \['a', 'a'\]"):
        check_target(twice)


@pytest.mark.parametrize("dtype", [None, "Int64", "bool[pyarrow]"])
def test_dask_frames_are_indicators(dtype):
    frame = INDICATORS if dtype is None else INDICATORS.astype(dtype)
    target = check_target(dask_frame(frame))
    assert target.dtype.kind in "bi"
    assert_array_equal(target, INDICATORS)


def test_dask_matrices_and_frames_of_floats_are_soft_labels():
    soft = check_target(dask_array(SOFT))
    assert_allclose(soft.y_soft, SOFT)
    soft = check_target(dask_frame(pd.DataFrame(SOFT, columns=["b", "c", "a"])))
    assert soft.classes.tolist() == ["a", "b", "c"]
    assert_allclose(soft.y_soft, SOFT[:, [2, 0, 1]])


def assert_same_fit(classifier, X, y, expected_y, **params):
    """Assert that two containers of the same labels give the same classifier."""
    fitted = classifier.fit(X, y, **params)
    y_proba, score = fitted.predict_proba(X), fitted.score(X, y)
    classes = fitted.classes_
    expected = classifier.fit(X, expected_y)
    assert_array_equal(classes, expected.classes_)
    assert_array_equal(y_proba, expected.predict_proba(X))
    assert score == expected.score(X, expected_y)


@pytest.mark.parametrize("container", VECTORS)
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda c: type(c).__name__)
def test_classifiers_take_vectors(classifier, container, iris):
    X, labels = iris[0], NAMES[iris[1]]
    assert_same_fit(classifier, X, container(labels.tolist()), labels)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classifier", CLASSIFIERS[:2], ids=lambda c: type(c).__name__)
def test_nullable_and_arrow_indicators_train_independent_labels(
    classifier, dtype, iris
):
    X, _ = iris
    frame = pd.DataFrame((X[:, :2] > 0).astype(int), columns=["a", "b"])
    assert_same_fit(classifier, X, frame.astype({"a": dtype}), frame)
    assert classifier.label_smoother_.multilabel_


@pytest.mark.parametrize(
    "container",
    [
        lambda y_soft: arrow_table(y_soft, NAMES),
        lambda y_soft: dask_frame(pd.DataFrame(y_soft, columns=NAMES)),
        lambda y_soft: pd.DataFrame(y_soft, columns=NAMES).astype("Float64"),
    ],
    ids=["arrow", "dask", "Float64"],
)
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda c: type(c).__name__)
def test_classifiers_take_soft_labels_as_y_and_as_y_soft(classifier, container, iris):
    X, codes = iris
    y_soft = 0.9 * np.eye(3)[codes] + 0.1 / 3
    frame = pd.DataFrame(y_soft, columns=NAMES)
    assert_same_fit(classifier, X, container(y_soft), frame)
    classifier.fit(X, dask_array(NAMES[codes]), y_soft=container(y_soft))
    y_proba = classifier.predict_proba(X)
    expected = classifier.fit(X, NAMES[codes], y_soft=frame).predict_proba(X)
    assert_array_equal(y_proba, expected)


def test_smoother_and_metrics_accept_them(rng):
    labels = [1, 0, 1, 0]
    expected = LabelSmoother(0.2).fit_transform(labels)
    assert_array_equal(LabelSmoother(0.2).fit_transform(arrow(labels)), expected)
    assert_array_equal(LabelSmoother(0.2).fit_transform(dask_array(labels)), expected)
    y_proba = rng.dirichlet(np.ones(2), 4)
    error = expected_calibration_error(labels, y_proba)
    assert expected_calibration_error(in_two_chunks(labels), y_proba) == error
    y_proba = rng.dirichlet(np.ones(3), 4)
    loss = soft_log_loss(SOFT, y_proba)
    assert soft_log_loss(arrow_table(SOFT, list("abc")), y_proba) == loss
    assert soft_log_loss(dask_array(SOFT), y_proba) == loss
