"""The floating-point format in which networks compute."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import DataConversionWarning

import sklearn_ls._base
from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV
from sklearn_ls._network.device import float_dtypes

PARAMS = {
    "hidden_layer_sizes": (20,),
    "max_epochs": 5,
    "random_state": 0,
    "device": "cpu",
}


def fit(X, y, **params):
    return LabelSmoothingClassifier(**{**PARAMS, **params}).fit(X, y)


def search(X, y, **params):
    search = LabelSmoothingClassifierCV([0.0, 0.2], cv=3, **{**PARAMS, **params})
    return search.fit(X, y)


def blocks(X, y):
    return [(X[start : start + 50], y[start : start + 50]) for start in (0, 50, 100)]


@pytest.mark.parametrize("make", [fit, search])
@pytest.mark.parametrize(
    "container",
    [np.asarray, np.asfortranarray, csr_array, pd.DataFrame, np.ndarray.tolist],
)
def test_float32_is_computed_in_for_any_container(iris, make, container):
    X, y = iris
    clf = make(container(X), y, dtype="float32")
    y_proba = clf.predict_proba(container(X))
    assert y_proba.dtype == np.float32
    sparse = container is csr_array
    expected = make(csr_array(X.astype(np.float32)) if sparse else X.astype("f"), y)
    assert_allclose(y_proba, expected.predict_proba(container(X)), atol=1e-4)


@pytest.mark.parametrize("make", [fit, search])
def test_float64_is_computed_in_for_float32_samples(iris, make):
    X, y = iris[0].astype(np.float32), iris[1]
    y_proba = make(X, y, dtype="float64").predict_proba(X)
    assert y_proba.dtype == np.float64
    expected = make(X.astype(np.float64), y).predict_proba(X)
    assert_allclose(y_proba, expected, atol=1e-10)
    assert make(X, y).predict_proba(X).dtype == np.float32


def test_dtype_of_a_stream(iris):
    X, y = iris
    clf = LabelSmoothingClassifier(**PARAMS, dtype="float32").fit(blocks(X, y))
    assert clf.predict_proba(X).dtype == np.float32
    clf = LabelSmoothingClassifier(**PARAMS, dtype="float64")
    clf.fit(blocks(X.astype(np.float32), y))
    assert clf.predict_proba(X).dtype == np.float64


def test_training_continues_in_the_dtype_of_the_network(iris):
    X, y = iris
    clf = fit(X, y, dtype="float32", warm_start=True)
    clf.set_params(dtype="float64").fit(X, y)
    assert clf.predict_proba(X).dtype == np.float32
    clf.partial_fit(X, y)
    assert clf.predict_proba(X).dtype == np.float32
    clf.set_params(warm_start=False).fit(X, y)
    assert clf.predict_proba(X).dtype == np.float64


def test_samples_too_large_for_float32_are_refused(iris):
    X, y = iris[0].copy(), iris[1]
    X[3, 1] = 1e300
    with pytest.raises(ValueError, match=r"too large for float32.* dtype='float64'"):
        fit(X, y, dtype="float32")
    fit(X, y)


@pytest.mark.parametrize("dtype", ["float16", np.float32, None])
def test_unknown_dtype_is_refused(iris, dtype):
    with pytest.raises(ValueError, match="'dtype' parameter"):
        fit(*iris, dtype=dtype)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_float64_becomes_float32_off_the_cpu_and_says_so(device):
    X = np.ones((2, 2))
    with pytest.warns(DataConversionWarning, match="dtype='float64'"):
        assert float_dtypes(X, device) == [np.float32]
    # No warning, which would be an error, where there is nothing to say.
    assert float_dtypes(X, device, "float32") == [np.float32]
    assert float_dtypes(X, device, "float64") == [np.float64]
    for dtype in (np.float32, np.uint8):
        assert float_dtypes(X.astype(dtype), device)[0] == np.float32
    assert float_dtypes(X.tolist(), device) == [np.float32]
    with pytest.warns(DataConversionWarning, match="X has dtype int64"):
        assert float_dtypes(X.astype(np.int64), device) == [np.float32]


def test_float64_is_refused_where_there_is_none():
    with pytest.raises(ValueError, match="'mps' does not support dtype='float64'"):
        float_dtypes(np.ones((2, 2)), "mps", "float64")


@pytest.mark.parametrize(
    ("dtype", "expected"), [("float", np.float32), ("double", np.float64)]
)
def test_floats_of_pyarrow(dtype, expected):
    X = pd.DataFrame({"a": [0.0, 1.0]}, dtype=f"{dtype}[pyarrow]")
    assert float_dtypes(X, "cpu")[0] == expected


def test_a_checkpoint_continues_in_its_dtype_only(iris, tmp_path, monkeypatch):
    X, y = iris

    class Stop(Exception):
        pass

    class Stopping(torch.nn.Linear):
        def forward(self, X):
            if (tmp_path / "run").exists() and self.training:
                raise Stop
            return super().forward(X)

    clf = LabelSmoothingClassifier(**PARAMS, module=Stopping)
    with pytest.raises(Stop):
        clf.fit(X, y, checkpoint=tmp_path / "run")
    with monkeypatch.context() as patch:  # as if "auto" were float32, as on a GPU
        patch.setattr(sklearn_ls._base, "float_dtypes", lambda *args: [np.float32])
        with pytest.raises(ValueError, match="different data or parameters"):
            clf.fit(X, y, checkpoint=tmp_path / "run")
    with pytest.raises(Stop):  # continues
        clf.set_params(dtype="float64").fit(X, y, checkpoint=tmp_path / "run")


@pytest.mark.cuda
def test_float64_becomes_float32_on_cuda(iris):
    X, y = iris
    with pytest.warns(DataConversionWarning, match="float32 on 'cuda'"):
        clf = fit(X, y, device="cuda")
    assert clf.predict_proba(X).dtype == np.float32
    in_double = fit(X, y, device="cuda", dtype="float64").predict_proba(X)
    assert in_double.dtype == np.float64
    assert_allclose(clf.predict_proba(X), in_double, atol=1e-3)
    single = fit(X.astype(np.float32), y, device="cuda")
    assert_array_equal(single.predict(X), clf.predict(X))
