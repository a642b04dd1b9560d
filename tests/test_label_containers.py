"""Labels in the containers of pandas, dask and pyarrow: what NumPy arrays give."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    LabelSmoothingClassifierCV,
    SmoothedTargetClassifier,
)

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
EXCLUSIVE = np.eye(3, dtype=int)[Y]
INDICATORS = EXCLUSIVE | (X[:, :3] > 0.5)
SOFT = 0.2 + 0.4 * EXCLUSIVE
PARAMS = {
    "hidden_layer_sizes": (8,),
    "learning_rate": 0.01,
    "max_epochs": 3,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}


def make():
    return LabelSmoothingClassifier(**PARAMS)


def make_search():
    return LabelSmoothingClassifierCV([0.0, 0.2], cv=2, **PARAMS)


def make_smoothed_target():
    return SmoothedTargetClassifier(GaussianNB(), LabelSmoother(0.2))


# What labels are given to, and all that comes of it.


def from_smoother(y):
    smoother = LabelSmoother(0.2).fit(y)
    return [
        smoother.classes_,
        smoother.class_prior_,
        smoother.multilabel_,
        smoother.transform(y),
        LabelSmoother(0.2).fit_transform(y),
    ]


def from_classifier(clf, y):
    return [
        clf.classes_,
        clf.predict(X),
        clf.predict_proba(X),
        clf.score(X, y),
    ]


def from_fit(y):
    return from_classifier(make().fit(X, y), y)


def from_partial_fit(y, classes=(0, 1, 2)):
    clf = make().partial_fit(X, y, classes=list(classes)).partial_fit(X, y)
    return from_classifier(clf, y)


def from_search(y):
    search = make_search().fit(X, y)
    return [search.oof_proba_, search.best_score_, *from_classifier(search, y)]


def from_smoothed_target(y):
    return from_classifier(make_smoothed_target().fit(X, y), y)


def assert_same(results, expected):
    for ours, theirs in zip(results, expected, strict=True):
        assert_array_equal(ours, theirs)


TAKE_ALL = {
    "smoother": from_smoother,
    "fit": from_fit,
    "partial_fit": from_partial_fit,
    "search": from_search,
}
take_all = pytest.mark.parametrize("results_of", TAKE_ALL.values(), ids=TAKE_ALL)

# Nullable columns


@pytest.fixture(params=["Int64", "UInt8", "boolean", "int64[pyarrow]", "bool[pyarrow]"])
def kind(request):
    if "pyarrow" in request.param:
        pytest.importorskip("pyarrow")
    return request.param


def to_frame(indicators, kind, n_columns):
    frame = pd.DataFrame(indicators, columns=list("abc"))
    return frame.astype(dict.fromkeys(frame.columns[:n_columns], kind))


# Row 84
@take_all
@pytest.mark.parametrize("n_columns", [1, 3])
def test_estimators_take_nullable_indicators_as_multilabel(results_of, kind, n_columns):
    frame = to_frame(INDICATORS, kind, n_columns)
    assert_same(results_of(frame), results_of(pd.DataFrame(INDICATORS)))


# Row 84. The rows of these sum to 1, so that they could be taken for soft labels.
@pytest.mark.parametrize("n_columns", [1, 3])
def test_estimators_take_nullable_one_hot_indicators_as_multilabel(kind, n_columns):
    frame = to_frame(EXCLUSIVE, kind, n_columns)
    assert LabelSmoother().fit(frame).multilabel_
    for estimator in (make(), make_search()):
        with pytest.warns(UserWarning, match="exactly one 1"):
            clf = estimator.fit(X, frame)
        assert clf.out_activation_ == "logistic"
        assert clf.predict(X).shape == (150, 3)


# Row 84
@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("indicators", [INDICATORS, EXCLUSIVE], ids=["many", "one-hot"])
def test_smoothed_target_classifier_refuses_nullable_indicators(
    kind, n_columns, indicators
):
    with pytest.raises(ValueError) as expected:
        make_smoothed_target().fit(X, pd.DataFrame(indicators))
    with pytest.raises(ValueError) as error:
        make_smoothed_target().fit(X, to_frame(indicators, kind, n_columns))
    assert str(error.value) == str(expected.value)


# Row 84
@take_all
@pytest.mark.parametrize("n_columns", [1, 3])
def test_estimators_refuse_nullable_indicators_that_are_missing(
    results_of, kind, n_columns
):
    frame = to_frame(INDICATORS, kind, n_columns)
    frame.iloc[3, 0] = pd.NA
    with pytest.raises(ValueError, match="Input y contains NaN"):
        results_of(frame)


# dask and pyarrow


LABELS = {
    "int": Y,
    "bool": Y > 0,
    "str": np.array(["setosa", "versicolor", "virginica"])[Y],
}


def dask_array(y):
    return da.from_array(y, chunks=60)


def dask_array_of_unknown_length(y):
    return da.from_array(y, chunks=60)[da.ones(len(y), dtype=bool, chunks=60)]


def dask_series(y):
    dd = pytest.importorskip("dask.dataframe", exc_type=ImportError)
    return dd.from_pandas(pd.Series(y), npartitions=3)


def pyarrow_array(y):
    return pytest.importorskip("pyarrow").array(y)


def pyarrow_chunks(y):
    pa = pytest.importorskip("pyarrow")
    return pa.chunked_array([pa.array(part) for part in np.array_split(y, 3)])


def pyarrow_dictionary(y):
    return pyarrow_array(y).dictionary_encode()


CONTAINERS = [
    dask_array,
    dask_array_of_unknown_length,
    dask_series,
    pyarrow_array,
    pyarrow_chunks,
    pyarrow_dictionary,
]


def name_of(function):
    return function.__name__


# Row 88
@pytest.mark.parametrize("container", CONTAINERS, ids=name_of)
@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize(
    "results_of",
    [from_smoother, from_fit, from_search, from_smoothed_target],
    ids=["smoother", "fit", "search", "smoothed target"],
)
def test_estimators_take_labels_of_dask_and_pyarrow(results_of, y, container):
    assert_same(results_of(container(y)), results_of(y))


# Row 88
@pytest.mark.parametrize("container", CONTAINERS, ids=name_of)
@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_classifier_partial_fit_takes_labels_of_dask_and_pyarrow(y, container):
    classes = np.unique(y)
    assert_same(from_partial_fit(container(y), classes), from_partial_fit(y, classes))


def dask_frame(frame):
    dd = pytest.importorskip("dask.dataframe", exc_type=ImportError)
    return dd.from_pandas(frame, npartitions=3)


def pyarrow_table(frame):
    return pytest.importorskip("pyarrow").table(dict(frame))


def pyarrow_chunked_table(frame):
    pa = pytest.importorskip("pyarrow")
    return pa.concat_tables([pyarrow_table(frame[:70]), pyarrow_table(frame[70:])])


frames = pytest.mark.parametrize(
    "container", [dask_frame, pyarrow_table, pyarrow_chunked_table], ids=name_of
)


# Row 88
@frames
@pytest.mark.parametrize(
    "results_of",
    [from_smoother, from_fit, from_search, from_smoothed_target],
    ids=["smoother", "fit", "search", "smoothed target"],
)
def test_estimators_take_frames_of_soft_labels(results_of, container):
    frame = pd.DataFrame(SOFT, columns=["pear", "apple", "plum"])
    results = results_of(container(frame))
    assert_same(results, results_of(frame))


# Row 88
@frames
def test_classifiers_take_frames_as_y_soft(container):
    frame = pd.DataFrame(SOFT, columns=["setosa", "virginica", "versicolor"])
    for make_estimator in (make, make_search, make_smoothed_target):
        clf = make_estimator().fit(X, LABELS["str"], y_soft=container(frame))
        expected = make_estimator().fit(X, LABELS["str"], y_soft=frame)
        assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


# Row 88
@take_all
@frames
def test_estimators_take_frames_of_indicators(results_of, container):
    frame = pd.DataFrame(INDICATORS, columns=list("abc"))
    assert_same(results_of(container(frame)), results_of(frame))


# Row 88
@take_all
@pytest.mark.parametrize("y", [SOFT, INDICATORS], ids=["soft", "indicators"])
def test_estimators_take_matrices_of_dask(results_of, y):
    assert_same(results_of(da.from_array(y, chunks=(60, 2))), results_of(y))


def first_missing(y, container):
    values = [None, *y[1:].tolist()]
    pa = pytest.importorskip("pyarrow")
    return pa.array(values) if container == "array" else pa.chunked_array([values])


# Row 88
@pytest.mark.parametrize("container", ["array", "chunked array"])
@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize(
    "results_of",
    [from_smoother, from_fit, from_search, from_smoothed_target],
    ids=["smoother", "fit", "search", "smoothed target"],
)
def test_estimators_refuse_nulls_of_pyarrow(results_of, y, container):
    with pytest.raises(ValueError, match="Input y contains NaN or None"):
        results_of(first_missing(y, container))


# Row 88
@pytest.mark.parametrize(
    "results_of",
    [from_smoother, from_fit, from_search, from_smoothed_target],
    ids=["smoother", "fit", "search", "smoothed target"],
)
def test_estimators_refuse_tables_with_nulls(results_of):
    pa = pytest.importorskip("pyarrow")
    columns = {name: SOFT[:, i].tolist() for i, name in enumerate("abc")}
    columns["b"][3] = None
    with pytest.raises(ValueError, match="Input y contains NaN"):
        results_of(pa.table(columns))
