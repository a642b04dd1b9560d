"""Training on devices, by all of their names."""

import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch
from numpy.testing import assert_allclose, assert_array_equal

from helpers import stacks_of
from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV

PARAMS = {
    "hidden_layer_sizes": (20,),
    "learning_rate": 0.02,
    "batch_size": 50,
    "dtype": "float64",
    "dropout": 0.0,  # its random numbers differ between devices
    "max_epochs": 20,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}


@pytest.fixture(
    params=[
        "cpu",
        "cpu:0",
        pytest.param("cuda", marks=pytest.mark.cuda),
        pytest.param("cuda:0", marks=pytest.mark.cuda),
    ]
)
def device(request):
    return request.param


def make(device, **params):
    return LabelSmoothingClassifier(**{**PARAMS, "device": device, **params})


def make_search(device, **params):
    params = {**PARAMS, "cv": 3, "device": device, **params}
    return LabelSmoothingClassifierCV([0.0, 0.2], **params)


def network(n_features, n_classes):
    return torch.nn.Sequential(
        torch.nn.Linear(n_features, 20),
        torch.nn.ReLU(),
        torch.nn.Linear(20, n_classes),
    )


# Row 55
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"optimizer": "sgd", "learning_rate": 0.2},
        {"optimizer": torch.optim.NAdam},
        {"early_stopping": True},
        {"calibration": "temperature"},
        {"callbacks": [skorch.callbacks.Callback()]},
        {"callbacks": [skorch.callbacks.EpochScoring("accuracy")]},
        {"module": network},
    ],
    ids=[
        "built-in",
        "sgd",
        "optimizer class",
        "early stopping",
        "temperature",
        "callback",
        "batch callback",
        "module",
    ],
)
def test_classifier_learns_on_every_device_name(iris, device, params):
    X, y = iris
    clf, expected = make(device, **params).fit(X, y), make("cpu", **params).fit(X, y)
    assert clf.loss_curve_[-1] < 0.8 * clf.loss_curve_[0]
    assert clf.score(X, y) > 0.9
    assert_allclose(clf.loss_curve_, expected.loss_curve_, rtol=1e-6)
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-6)


# Row 55
def test_classifier_partial_fit_learns_on_every_device_name(iris, device):
    X, y = iris
    clf, expected = make(device), make("cpu")
    for _ in range(5):
        clf.partial_fit(X, y, classes=[0, 1, 2])
        expected.partial_fit(X, y, classes=[0, 1, 2])
    assert clf.loss_curve_[-1] < clf.loss_curve_[0]
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-6)


# Row 55
def test_classifier_warm_start_learns_on_every_device_name(iris, device):
    X, y = iris
    clf = make(device, max_epochs=5, warm_start=True).fit(X, y)
    clf.set_params(max_epochs=15).fit(X, y)
    assert clf.loss_curve_[-1] < clf.loss_curve_[5] < clf.loss_curve_[0]
    assert clf.score(X, y) > 0.9


# Row 55
@pytest.mark.parametrize(
    "params",
    [{}, {"ensemble": False}],
    ids=["ensemble", "refitted"],
)
@pytest.mark.parametrize("stack_size", [None, 1])
def test_search_learns_on_every_device_name(iris, device, params, stack_size):
    X, y = iris
    with stacks_of(stack_size):
        clf, expected = (
            make_search(name, **params).fit(X, y) for name in (device, "cpu")
        )
    assert clf.best_score_ > 0.9
    assert clf.score(X, y) > 0.9
    assert_allclose(clf.oof_proba_, expected.oof_proba_, atol=1e-6)
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-6)


# Row 55
@pytest.mark.parametrize("params", [{}, {"module": network}], ids=["MLP", "module"])
def test_net_continues_training_on_every_device_name(iris, device, params):
    X, y = iris
    clf = make(device, max_epochs=1, **params).fit(X, y)
    net = clf.net_.set_params(max_epochs=10)
    before = net.predict_proba(X)
    net.partial_fit(X, y.astype(np.int64))
    assert net.history[-1, "train_loss"] < net.history[0, "train_loss"]
    assert not np.allclose(net.predict_proba(X), before)


# Row 55
def test_classifier_predicts_after_pickling_on_every_device_name(iris, device):
    X, y = iris
    clf = make(device, max_epochs=2).fit(X, y)
    unpickled = pickle.loads(pickle.dumps(clf))
    assert_array_equal(unpickled.predict_proba(X), clf.predict_proba(X))
    assert unpickled.device_ == clf.device_
