"""Rows 1 to 10 and 12: the content of X."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse

from faults.bad_input import each_example, each_row
from faults.calls import PREDICTIONS, small, takes_X
from faults.data import CLASSES, IMAGES, INDICATORS, X32, X, Y, changed, network
from faults.rows_features import FEATURES, PREDICTING
from sklearn_ls import LabelSmoother

# Rows 1 to 3: numbers that are not finite


@takes_X
@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix])
@each_example(FEATURES["not finite"])
def test_classifier_refuses_X_that_is_not_finite(call, container, row, value):
    with row.reported():
        call(container(changed(X, value)))


# Row 3. NumPy warns of the cast.
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix])
@each_example(FEATURES["overflow"])
def test_classifier_refuses_X_that_overflows_float32(container, row, value):
    clf = small(warm_start=True).fit(X32, Y)
    too_large = container(value)
    for call in (
        lambda: clf.predict_proba(too_large),
        lambda: clf.partial_fit(too_large, Y),
        lambda: clf.fit(too_large, Y),
    ):
        with row.reported():
            call()
    with pytest.raises(ValueError, match="Input X contains infinity"):
        small().fit(too_large.astype(np.float32), Y)


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
        lambda: small().partial_fit(X[:0], Y[:0], classes=CLASSES),
        lambda: LabelSmoother().fit([]),
        lambda: LabelSmoother().fit(Y[:0]),
        lambda: LabelSmoother().fit(INDICATORS[:0]),
        lambda: LabelSmoother().fit(Y).transform([]),
        lambda: LabelSmoother().fit(Y).inverse_transform(np.empty((0, 3))),
        lambda: LabelSmoother().fit(Y).recover(np.empty((0, 3))),
    ],
)
@each_row(FEATURES["no samples"])
def test_estimators_refuse_zero_samples(call, row):
    with row.reported():
        call()


# Row 5
@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix])
@pytest.mark.parametrize("method", PREDICTIONS)
@each_row(FEATURES["no samples"])
def test_classifier_predicting_refuses_zero_samples(method, container, row):
    clf = small().fit(X, Y)
    with row.reported():
        getattr(clf, method)(container(X)[:0])


# Row 6
@takes_X
@each_example(FEATURES["shape"])
def test_classifier_refuses_X_that_is_not_a_matrix(call, row, value):
    with row.reported():
        call(value)


# Row 6
@pytest.mark.parametrize("shape", [(20, 64), (20, 8, 8), (20, 1, 8, 8)])
def test_classifier_with_a_module_takes_any_shape_of_sample(shape):
    clf = small(module=network).fit(IMAGES.reshape(shape), np.arange(20) % 2)
    assert clf.predict(IMAGES.reshape(shape)).shape == (20,)


# Row 6
@each_example(FEATURES["not images"])
def test_classifier_convnet_refuses_X_without_images(row, value):
    with row.reported():
        small(module="convnet").fit(value, np.arange(20) % 2)


# Row 6
@each_example(PREDICTING["other images"])
def test_classifier_convnet_predicting_refuses_other_shapes(row, value):
    clf = small(module="convnet", max_epochs=1).fit(IMAGES, np.arange(20) % 2)
    with row.reported():
        clf.predict(value)


# Rows 7 to 12: types of X


# Row 7
@takes_X
@each_example(FEATURES["words"])
def test_classifier_refuses_words_in_X(call, row, value):
    with row.reported():
        call(value)


# Row 8
@each_example(FEATURES["numbers as strings"])
def test_classifier_parses_numeric_strings(row, value):
    y_proba = small().fit(value, Y).predict_proba(value)
    assert_array_equal(y_proba, small().fit(X, Y).predict_proba(X))


# Row 9
@takes_X
@each_example(FEATURES["dates in arrays"])
def test_classifier_refuses_arrays_of_dates(call, row, value):
    with row.reported():
        call(value)


# Row 9
@pytest.mark.parametrize("alone", [True, False])
@each_example(FEATURES["dates in pandas"])
def test_classifier_refuses_pandas_columns_of_dates(alone, row, value):
    df = pd.DataFrame({"number": X[:, 0], "when": value})
    with row.reported():
        small().fit(df[["when"]] if alone else df, Y)


# Row 9
@each_example(FEATURES["dates in polars"])
def test_classifier_refuses_polars_columns_of_dates(row, value):
    df = pl.DataFrame({"number": X[:, 0], "when": [value] * 150})
    with row.reported():
        small().fit(df, Y)


# Row 10
@takes_X
@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix])
@each_row(FEATURES["complex"])
def test_classifier_refuses_complex_X(call, container, row):
    with row.reported():
        call(container(X + 1j))


# Row 12
@takes_X
@each_example(FEATURES["missing"])
def test_classifier_refuses_missing_values_in_X(call, row, value):
    with row.reported():
        call(value)


# Row 76
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        *((dtype, "float32") for dtype in ("uint8", "int16", "float16", "bool")),
        *((dtype, "float64") for dtype in ("int64", "uint32", "float64")),
    ],
)
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, torch.from_numpy])
def test_narrow_numbers_are_trained_in_float32(dtype, expected, container):
    narrow = (20 * (X - X.min())).astype(dtype)
    clf = small(feature_clip=3.0).fit(container(narrow), Y)
    y_proba = clf.predict_proba(container(narrow))
    assert y_proba.dtype == expected
    alike = small(feature_clip=3.0).fit(narrow.astype(expected), Y)
    assert_array_equal(y_proba, alike.predict_proba(narrow.astype(expected)))


# Row 78
def test_lazy_frames_are_refused():
    lazy = pl.DataFrame(X).lazy()
    for call in (lambda: small().fit(lazy, Y), lambda: small().fit(X, Y).predict(lazy)):
        with pytest.raises(TypeError, match=r"X is a LazyFrame\. Pass X\.collect\(\)"):
            call()
