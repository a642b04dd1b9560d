import pickle
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.fixes import parse_version

from sklearn_ls import LabelSmoother
from sklearn_ls._compat import InvalidParameterError

LABELS = {
    "int": np.array([3, 1, 2, 3, -5]),
    "uint8": np.array([3, 1, 2, 3, 9], dtype=np.uint8),
    "int8": np.array([-128, 127, 0], dtype=np.int8),
    "large uint64": np.array([2**64 - 1, 2**64 - 3], dtype=np.uint64),
    "far apart": np.array([0, 2**40, 5, 2**40]),
    "float": np.array([2.0, 1.0, 2.0]),
    "bool": np.array([True, False, True]),
    "str": np.array(["owl", "cat", "dog", "owl"]),
    "object": np.array(["owl", "cat", "dog", "owl"], dtype=object),
    "object of int": np.array([3, 1, 2, 3], dtype=object),
    "list": ["b", "a", "b"],
    "categorical": pd.Series(["b", "a", "c", "b"], dtype="category"),
    "pandas str": pd.Series(["b", "a", "c", "b"], dtype="string"),
    "pandas Int64": pd.Series([3, 1, 2, 3], dtype="Int64"),
    "pandas boolean": pd.Series([True, False, True], dtype="boolean"),
    "categorical of bool": pd.Series([True, False], dtype="category"),
    "polars str": pl.Series(["b", "a", "c", "b"]),
    "polars categorical": pl.Series(["b", "a", "b"], dtype=pl.Categorical),
    "polars int": pl.Series([3, 1, 2, 3]),
}
INDICATORS = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1]])


@pytest.mark.filterwarnings("ignore:Can't test estimator LabelSmoother")
def test_check_estimator_of_a_transformer_of_y():
    results = check_estimator(LabelSmoother())
    assert {result["status"] for result in results} == {"passed"}


@pytest.mark.parametrize("distribution", ["uniform", "others", "each", "prior"])
@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS.keys())
def test_labels_of_any_container_come_back(y, distribution):
    smoother = LabelSmoother(0.2, distribution=distribution)
    y_soft = smoother.fit_transform(y)
    labels = np.asarray(list(y))
    assert_array_equal(smoother.inverse_transform(y_soft), labels)
    assert smoother.classes_.dtype.kind in (labels.dtype.kind, "O")
    assert_array_equal(smoother.classes_, np.unique(labels.tolist()))


@pytest.mark.filterwarnings("ignore:The number of unique classes is greater")
@given(st.lists(st.integers(-(2**62), 2**62), min_size=1), st.randoms())
def test_relabelling_permutes_the_columns(labels, random):
    y = [*labels, 0, 1]  # two classes at least
    names = sorted(set(y))
    random.shuffle(names)
    renamed = np.array([f"{names.index(label):04d}" for label in y])
    plain, strings = LabelSmoother(0.3).fit(y), LabelSmoother(0.3).fit(renamed)
    order = [list(plain.classes_).index(label) for label in names]
    assert_array_equal(plain.transform(y)[:, order], strings.transform(renamed))


def test_fit_transform_equals_fit_then_transform():
    y = LABELS["str"]
    smoother = LabelSmoother(0.2, distribution="prior")
    assert_array_equal(smoother.fit_transform(y), smoother.fit(y).transform(y))


def test_class_prior_is_the_weighted_share():
    assert_allclose(
        LabelSmoother().fit(["a", "b", "b", "b"]).class_prior_, [0.25, 0.75]
    )
    weighted = LabelSmoother().fit(["a", "b", "b"], sample_weight=[2, 1, 1])
    repeated = LabelSmoother().fit(["a", "a", "b", "b"])
    assert_allclose(weighted.class_prior_, repeated.class_prior_)


def test_distribution_array_is_kept_as_floats():
    matrix = [[0, 1], [1, 0]]
    smoother = LabelSmoother(distribution=matrix).fit([0, 1])
    assert smoother.distribution_.dtype == float
    assert_array_equal(smoother.distribution_, matrix)
    assert not hasattr(LabelSmoother().fit([0, 1]), "distribution_")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, "float32"])
def test_dtype_is_that_of_the_soft_targets(dtype):
    for y in (LABELS["str"], INDICATORS):
        y_soft = LabelSmoother(dtype=dtype).fit_transform(y)
        assert y_soft.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    ("distribution", "zero", "one"),
    [
        ("uniform", [0.1, 0.1, 0.1], [0.9, 0.9, 0.9]),
        ("others", [0.2, 0.2, 0.2], [0.8, 0.8, 0.8]),
        ("each", [0.2, 0.2, 0.2], [0.8, 0.8, 0.8]),
        ("prior", [0.1, 0.1, 0.15], [0.9, 0.9, 0.95]),
        ([0.5, 0.0, 1.0], [0.1, 0.0, 0.2], [0.9, 0.8, 1.0]),
    ],
)
def test_multilabel_columns_are_smoothed_on_their_own(distribution, zero, one):
    smoother = LabelSmoother(0.2, distribution=distribution)
    y_soft = smoother.fit_transform(INDICATORS)
    assert_allclose(y_soft, np.where(INDICATORS, one, zero), atol=1e-15)
    assert_array_equal(smoother.inverse_transform(y_soft), INDICATORS)
    assert_allclose(smoother.recover(y_soft), INDICATORS, atol=1e-12)


@pytest.mark.parametrize("container", [csr_matrix, pd.DataFrame, np.ndarray.tolist])
def test_multilabel_containers(container):
    expected = LabelSmoother().fit_transform(INDICATORS)
    assert_array_equal(LabelSmoother().fit_transform(container(INDICATORS)), expected)


def test_multilabel_epsilon_a_column():
    y_soft = LabelSmoother([0.0, 0.2, 0.4]).fit_transform(INDICATORS)
    for column, epsilon in enumerate([0.0, 0.2, 0.4]):
        alone = LabelSmoother(epsilon).fit_transform(INDICATORS)
        assert_allclose(y_soft[:, column], alone[:, column])


def test_column_vector_is_taken_with_a_warning():
    with pytest.warns(DataConversionWarning):
        y_soft = LabelSmoother().fit_transform([["a"], ["b"]])
    assert_array_equal(y_soft, LabelSmoother().fit_transform(["a", "b"]))


@pytest.mark.parametrize("y", [[0, 1, 9], ["x"], [2**63]])
def test_unseen_labels_are_refused(y):
    smoother = LabelSmoother().fit([0, 1, 2] if y != ["x"] else ["a", "b"])
    with pytest.raises(ValueError, match="unseen labels"):
        smoother.transform(y)


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "recover"])
def test_unfitted_is_refused(method):
    with pytest.raises(NotFittedError):
        getattr(LabelSmoother(), method)([[0.5, 0.5]])
    with pytest.raises(NotFittedError):
        LabelSmoother().get_feature_names_out()


@pytest.mark.parametrize(
    "epsilon", [-0.1, 1.1, np.nan, True, "0.1", None, [0.1], [[0]]]
)
def test_bad_epsilon_is_refused_by_name(epsilon):
    with pytest.raises(InvalidParameterError, match="'epsilon' parameter of Label"):
        LabelSmoother(epsilon).fit([0, 1, 2])


@pytest.mark.parametrize(
    ("distribution", "message"),
    [
        ("normal", "'distribution' parameter of LabelSmoother"),
        ([0.5, 0.5], r"shape \(2,\), but y has 3 classes"),
        (np.eye(4), r"shape \(4, 4\), but y has 3 classes"),
        ([0.5, 0.5, 0.5], "Row 0 .* sums to 1.5"),
        ([[1, 0, 0], [0, 2, -1], [0, 0, 1]], "Row 1 .* sums to 1"),
        ([[1, 0, 0], [0, np.nan, 0], [0, 0, 1]], "Row 1 .* sums to nan"),
    ],
)
def test_bad_distribution_is_refused_by_name(distribution, message):
    with pytest.raises(ValueError, match=message):
        LabelSmoother(distribution=distribution).fit([0, 1, 2])


@pytest.mark.parametrize("dtype", [int, "text", object, np.complex64])
def test_bad_dtype_is_refused_by_name(dtype):
    with pytest.raises(InvalidParameterError, match="'dtype' parameter of"):
        LabelSmoother(dtype=dtype).fit([0, 1])


def test_a_fit_that_fails_changes_nothing():
    smoother = LabelSmoother().fit(["a", "b"])
    before = smoother.transform(["a", "b"])
    smoother.set_params(distribution=[0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match="classes"):
        smoother.fit([1, 2])
    assert_array_equal(smoother.transform(["a", "b"]), before)


def test_soft_targets_of_wrong_width_are_refused():
    smoother = LabelSmoother().fit([0, 1])
    with pytest.raises(ValueError, match="Y has 3 columns"):
        smoother.inverse_transform([[0.2, 0.3, 0.5]])
    with pytest.raises(ValueError, match="fitted with 3 labels per sample"):
        LabelSmoother().fit(INDICATORS).transform(INDICATORS[:, :2])


def test_pandas_output_has_classes_as_columns_and_keeps_the_index():
    y = pd.Series(["u", "v", "u"], index=[5, 6, 7])
    frame = LabelSmoother().set_output(transform="pandas").fit_transform(y)
    assert list(frame.columns) == ["u", "v"]
    if parse_version(sklearn.__version__) >= parse_version("1.7"):  # of a Series
        assert list(frame.index) == [5, 6, 7]
    assert_array_equal(frame, LabelSmoother().fit_transform(y))


def test_polars_output_has_classes_as_columns():
    frame = LabelSmoother().set_output(transform="polars").fit_transform([2, 1, 2])
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == ["1", "2"]


def test_clone_and_pickle():
    smoother = LabelSmoother([0.1, 0.2], distribution=np.eye(2)).fit(["a", "b"])
    again = pickle.loads(pickle.dumps(smoother))
    assert_array_equal(again.transform(["b", "a"]), smoother.transform(["b", "a"]))
    assert not hasattr(clone(smoother), "classes_")


def test_peak_memory_is_that_of_the_output():
    y = np.arange(20_000) % 100
    smoother = LabelSmoother(dtype=np.float32).fit(y)
    tracemalloc.start()
    y_soft = smoother.transform(y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 1.1 * y_soft.nbytes


soft_rows = npst.arrays(
    float, st.tuples(st.integers(1, 6), st.just(3)), elements=st.floats(0.01, 1)
).map(lambda rows: rows / rows.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("distribution", ["uniform", "others", "prior", "matrix"])
@given(y_soft=soft_rows, epsilon=st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_soft_labels_are_smoothed_as_the_mean_of_their_labels(
    distribution, y_soft, epsilon
):
    if distribution == "matrix":
        distribution = [[0.2, 0.8, 0], [0.5, 0, 0.5], [0.1, 0.1, 0.8]]
    smoother = LabelSmoother(epsilon, distribution=distribution).fit(y_soft)
    mean = y_soft @ smoother.transform([0, 1, 2])
    assert_allclose(smoother.transform(y_soft), mean, atol=1e-12)


@given(y_soft=soft_rows)
def test_one_hot_soft_labels_equal_hard_labels(y_soft):
    labels = np.append(y_soft.argmax(axis=1), [0, 1, 2])
    soft, hard = (
        LabelSmoother(distribution="prior"),
        LabelSmoother(distribution="prior"),
    )
    assert_allclose(soft.fit_transform(np.eye(3)[labels]), hard.fit_transform(labels))
    assert_allclose(soft.class_prior_, hard.class_prior_)


@pytest.mark.parametrize("library", [pd, pl])
def test_column_names_of_soft_labels_are_the_classes(library):
    frame = library.DataFrame({"dog": [0.9, 0.2], "cat": [0.1, 0.8]})
    smoother = LabelSmoother(0).fit(frame)
    assert smoother.classes_.tolist() == ["cat", "dog"]
    assert_allclose(smoother.transform(frame), [[0.1, 0.9], [0.8, 0.2]])
    labels = smoother.inverse_transform(smoother.transform(frame))
    assert labels.tolist() == ["dog", "cat"]
    assert_array_equal(smoother.transform(["dog"]), [[0, 1]])


def test_rounding_errors_of_soft_labels_are_removed():
    y_soft = np.array([[0.3, 0.7], [0.1, 0.9]], dtype=np.float16)
    assert_allclose(LabelSmoother(0).fit_transform(y_soft).sum(axis=1), 1)
