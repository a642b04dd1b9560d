"""Rows 11, 49 and 53: memory, and read-only input."""

import numpy as np
import pytest
import skorch.callbacks
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from faults.bad_input import each_example, each_row
from faults.calls import small
from faults.data import CLASSES, INDICATORS, ONEHOT, X, Y, network, read_only
from faults.rows_features import FEATURES
from helpers import peak_memory
from sklearn_ls import LabelSmoother


# Row 11
@each_example(FEATURES["sparse"])
def test_classifier_takes_sparse_X_as_dense(row, value):
    y_proba = small().fit(value, Y).predict_proba(value)
    dense = small(feature_clip=None).fit(X, Y)
    assert_allclose(y_proba, dense.predict_proba(X), rtol=1e-12)


# Row 11. SciPy converts sparse rows to dense arrays, whose memory is measured.
@pytest.mark.parametrize("callbacks", [None, [skorch.callbacks.Callback()]])
def test_classifier_never_makes_all_of_sparse_X_dense(callbacks):
    n_samples, n_features = 500, 20_000
    X_sparse = sparse.eye(n_samples, n_features, format="csr")
    clf = small(batch_size=10, max_epochs=1, callbacks=callbacks)
    used = peak_memory(lambda: clf.fit(X_sparse, np.arange(n_samples) % 2))
    assert used < n_samples * n_features * X_sparse.dtype.itemsize / 2
    used = peak_memory(lambda: clf.predict(X_sparse))
    assert used < n_samples * n_features * X_sparse.dtype.itemsize / 2


# Row 53
def test_classifier_never_makes_a_matrix_of_hard_labels():
    n_samples, n_classes = 3000, 1000
    y = np.arange(n_samples) % n_classes
    clf = small(hidden_layer_sizes=(2,), batch_size=50, max_epochs=1)
    clf.set_params(early_stopping=True)
    used = peak_memory(lambda: clf.fit(y[:, np.newaxis] / n_classes, y))
    assert used < n_samples * n_classes * 8 / 4


# Row 53
def test_smoother_encodes_without_a_matrix():
    n_samples, n_classes = 3000, 1000
    y = np.arange(n_samples) % n_classes
    used = peak_memory(lambda: LabelSmoother().fit(y).encode(y))
    assert used < n_samples * n_classes * 8 / 4


# Row 49


@pytest.fixture(params=["read-only", "memmap"])
def guard(request, tmp_path):
    """Return a function that makes arrays read-only."""

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
@each_row(FEATURES["read-only"])
def test_classifier_takes_arrays_that_can_only_be_read(guard, params, row):
    weight = np.linspace(0.5, 2, len(Y))
    clf = small(**params).fit(guard(X), guard(Y), sample_weight=guard(weight))
    expected = small(**params).fit(X, Y, sample_weight=weight)
    assert_array_equal(clf.predict_proba(guard(X)), expected.predict_proba(X))


def test_classifier_partial_fit_takes_arrays_that_can_only_be_read(guard):
    clf = small().partial_fit(guard(X), guard(Y), guard(CLASSES), guard(np.ones(150)))
    expected = small().partial_fit(X, Y, CLASSES)
    assert_array_equal(clf.predict_proba(guard(X)), expected.predict_proba(X))


def test_classifier_takes_sparse_X_that_can_only_be_read():
    X_sparse = sparse.csr_matrix(X)
    for array in (X_sparse.data, X_sparse.indices, X_sparse.indptr):
        array.flags.writeable = False
    y_proba = small().fit(X_sparse, Y).predict_proba(X_sparse)
    dense = small(feature_clip=None).fit(X, Y)
    assert_array_equal(y_proba, dense.predict_proba(X))


@pytest.mark.parametrize("y", [Y, INDICATORS], ids=["labels", "multilabel"])
def test_smoother_takes_arrays_that_can_only_be_read(guard, y):
    smoother = LabelSmoother().fit(guard(y), sample_weight=guard(np.ones(len(y))))
    y_soft = smoother.transform(guard(y))
    assert_array_equal(smoother.inverse_transform(guard(y_soft)), y)
    before = ONEHOT if y.ndim == 1 else y
    assert_allclose(smoother.recover(guard(y_soft)), before, atol=1e-12)
