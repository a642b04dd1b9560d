"""Rows 71 to 73 and 77: custom modules."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from torch import nn

from faults.bad_input import each_example
from faults.calls import small, small_search
from faults.data import X, Y
from faults.rows_modules import MODULES


@pytest.mark.parametrize("make", [small, small_search])
@each_example(MODULES["call"])
def test_modules_that_cannot_be_built_are_refused(make, row, value):
    with row.reported():
        make(module=value).fit(X, Y)


@pytest.mark.parametrize("make", [small, small_search])
@each_example(MODULES["fit"])
def test_modules_are_refused_before_the_training(make, row, value):
    state = torch.get_rng_state()
    with row.reported():
        make(module=value, callbacks=[Unreached()] if make is small else None).fit(X, Y)
    assert torch.equal(state, torch.get_rng_state())


class Unreached:
    """A callback that must not be called."""

    def __getattr__(self, name):
        raise AssertionError(name)

    def __deepcopy__(self, memo):
        return self


class OutOfOrder(nn.Module):
    """Module whose last linear layer is registered first."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.last = nn.Linear(5, n_classes)
        self.first = nn.Linear(n_features, 5)

    def forward(self, X):
        return self.last(torch.tanh(self.first(X)))


# Row 72
def test_embed_finds_the_layer_of_the_logits():
    clf = small(module=OutOfOrder).fit(X, Y)
    weights = clf.net_.module_.last.state_dict()
    logits = clf.embed(X) @ weights["weight"].numpy().T + weights["bias"].numpy()
    assert_allclose(logits, clf.decision_function(X))


@each_example(MODULES["embed"])
def test_embed_needs_a_linear_layer(row, value):
    clf = small(module=value).fit(X, Y)
    with row.reported():
        clf.embed(X)


# Row 73
@each_example(MODULES["NaN"])
@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_samples_without_a_prediction_are_named(row, value, method):
    X_bad = X.copy()
    X_bad[70] = -200
    for estimator in (small(module=value), small_search(module=value)):
        estimator.fit(X, Y)
        with row.reported():
            getattr(estimator, method)(X_bad)
        assert np.isfinite(estimator.predict_proba(np.delete(X_bad, 70, 0))).all()


# Row 73
def test_nan_is_found_where_scikit_learn_does_not_look():
    X_bad = X.copy()
    X_bad[70] = np.nan
    clf = small().fit(X, Y)
    with config_context(assume_finite=True):
        with pytest.raises(ValueError, match="NaN or infinity for sample 70"):
            clf.predict(X_bad)


class InPlace(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(nn.ReLU(inplace=True), nn.Linear(n_features, n_classes))


# Row 67
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_modules_that_compute_in_place_do_not_change_X(dtype):
    X_given = X.astype(dtype)
    before = X_given.copy()
    clf = small(module=InPlace).fit(X_given, Y)
    for method in ("predict", "predict_proba", "embed"):
        getattr(clf, method)(X_given)
        getattr(clf, method)(X_given[:1])
    assert_array_equal(X_given, before)


class Lazy(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(nn.LazyLinear(5), nn.Tanh(), nn.Linear(5, n_classes))


# Row 77
def test_lazy_layers_are_trained_alone_and_in_a_search():
    clf = small(module=Lazy).fit(X, Y)
    search = small_search(module=Lazy, ensemble=False, epsilons=[0.1]).fit(X, Y)
    assert_allclose(search.predict_proba(X), clf.predict_proba(X), atol=1e-6)
