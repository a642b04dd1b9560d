"""Sequences of calls, which work, or raise an error without changing anything."""

import copy
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import skorch.callbacks
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch import nn

from faults.rows_modules import MODULES
from helpers import quick_classifier, quick_search
from sklearn_ls import load_model, save_model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = np.arange(24) % 3
VOTES = np.where(RNG.random((24, 3)) < 0.3, -1, Y[:, np.newaxis])
X_PREDICT = RNG.normal(size=(5, 3))
ERRORS = (ValueError, TypeError, AttributeError, NotFittedError)
# Messages of documented errors that are not ValueErrors.
DOCUMENTED = (
    "has no attribute 'partial_fit'|has no attribute 'embed'|module must be callable|"
    "module must return|embed and net_ are not available|fitted with refit=False|"
    "unexpected keyword argument 'votes'|unexpected keyword argument 'y_soft'|"
    "unexpected keyword argument '(bad|momentum|foreach)'|"
    "argument 'size'"  # of modules that are given images
)


def check_error(error):
    """Check that an error is documented."""
    if not isinstance(error, ValueError):  # as all errors of data and parameters are
        assert re.search(DOCUMENTED, str(error)), repr(error)


class Small(nn.Sequential):
    def __init__(self, n_features, n_classes, n_units=3):
        super().__init__(
            nn.Linear(n_features, n_units), nn.Tanh(), nn.Linear(n_units, n_classes)
        )


class Normalized(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(nn.BatchNorm1d(n_features), nn.Linear(n_features, n_classes))


PARAMS = {
    "epsilon": [0.0, 0.3, [0.1, 0.0, 0.2], 2.0, "a", pd.Series([0.1, 0.2, 0.3])],
    "epsilons": [[0.1], [0.0, 0.3], [], [2.0], None],
    "distribution": ["uniform", "others", "each", "prior", np.eye(3), "bad", [1.0]],
    "hidden_layer_sizes": [(), (3,), (2, 2), 0, "a"],
    "activation": ["tanh", "relu", "exp"],
    "dropout": ["auto", 0.0, 0.5, 1.0],
    "feature_clip": [None, 3.0, np.inf, -1.0],
    "module": [
        *(None, Small, Normalized, "convnet", nn.Linear, nn.ReLU, 3),
        *(value for row in MODULES["fit"] for value in row.examples.values()),
    ],
    "module_params": [None, {"n_units": 2}, {"other": 1}],
    "optimizer": ["adam", "adamw", "sgd", torch.optim.NAdam, torch.optim.LBFGS, "bad"],
    "optimizer_params": [None, {"foreach": True}, {"momentum": 0.9}, {"bad": 1}],
    "learning_rate": [1e-3, 1e-1, 1e30, 0.0],
    "learning_rate_schedule": ["constant", "cosine", "bad"],
    "weight_decay": [0.0, 0.1, -1.0],
    "ema_decay": [0.0, 0.9, 1.0],
    "batch_size": ["auto", 1, 7, 100, 0],
    "max_epochs": [1, 2, 0],
    "early_stopping": [True, False, "auto", None],
    "validation_fraction": [0.2, 0.5, 0.99, 0.0],
    "n_iter_no_change": [1, np.inf, 0],
    "class_weight": [None, "balanced", {0: 2.0}, {0: 0, 1: 0}, {7: 1}],
    "transition_matrix": [None, 0.2, 0.8, np.full((3, 3), 1 / 3), 0.9 * np.eye(3)],
    "calibration": [None, "temperature", "unsmooth", "bad"],
    "device": ["cpu", "cpu:0", "auto", "meta", "banana", "cuda:99"],
    "callbacks": [None, [skorch.callbacks.EpochScoring("accuracy")], [3]],
    "warm_start": [True, False, 2],
    "ensemble": [True, False],
    "refit": [True, False],
}


def set_param(estimator, draw):
    names = sorted(PARAMS.keys() & estimator.get_params().keys())
    name = draw(st.sampled_from(names))
    estimator.set_params(**{name: draw(st.sampled_from(PARAMS[name]))})


def fit(estimator, draw):
    X_given, y, params = draw(st.sampled_from(DATA))
    estimator.fit(X_given, y, **params)


def partial_fit(estimator, draw):
    X_given, y, params = draw(st.sampled_from(DATA))
    estimator.partial_fit(X_given, y, classes=draw(st.sampled_from(CLASSES)), **params)


DATA = [
    (X, Y, {}),
    (X.astype(np.float32), Y, {}),
    (X[:6], Y[:6], {}),
    (X, np.array(["a", "b", "c"])[Y], {}),
    (X, Y > 0, {}),
    (X, np.eye(3, dtype=int)[Y] | np.eye(3, dtype=int)[0], {}),
    (X, 0.7 * np.eye(3)[Y] + 0.1, {}),
    (X, Y, {"sample_weight": np.arange(24.0)}),
    (X, Y, {"sample_weight": np.zeros(24)}),
    (X, Y, {"votes": VOTES}),
    (X, Y, {"y_soft": np.eye(3)[Y]}),
    (X[:, :2], Y, {}),
    (np.where(X > 2, np.nan, X), Y, {}),
    (X * 1e30, Y, {}),
    (X, Y[:-1], {}),
    (X, np.zeros(24), {}),
    (X[:, np.newaxis, np.newaxis].repeat(4, 2).repeat(4, 3)[..., :4], Y, {}),
]
CLASSES = [None, [0, 1, 2], ["a", "b", "c"], [False, True], [0, 1], [0]]


def predict(estimator, draw):
    method = draw(
        st.sampled_from(["predict", "predict_log_proba", "decision_function", "embed"])
    )
    getattr(estimator, method)(X_PREDICT)


def copied(estimator, draw):
    return copy.deepcopy(estimator)


def cloned(estimator, draw):
    return clone(estimator)


def pickled(estimator, draw):
    return pickle.loads(pickle.dumps(estimator))


CALLS = [fit, fit, set_param, set_param, partial_fit, predict, copied, pickled, cloned]
MODES = [
    torch.inference_mode,
    torch.no_grad,
    lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    lambda: torch.device("meta"),
]


def state_of(estimator):
    """Return everything that a call may change, for comparison."""
    return {
        name: pickle.dumps(value)
        for name, value in estimator.__getstate__().items()
        if name not in PARAMS
    }


def check(estimator):
    """Check that a fitted estimator predicts numbers, or refuses the features."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            y_proba = estimator.predict_proba(X_PREDICT)
        except ERRORS as error:
            check_error(error)
            return
    assert np.isfinite(y_proba).all()
    assert ((y_proba >= 0) & (y_proba <= 1)).all()


def run(estimator, draw, path):
    """Make some calls, in any of the modes."""
    for _ in range(draw(st.integers(1, 8))):
        call, before = draw(st.sampled_from(CALLS)), state_of(estimator)
        mode = draw(st.sampled_from(MODES)) if draw(st.integers(0, 4)) == 0 else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                if mode is None:
                    changed = call(estimator, draw)
                else:
                    with mode():
                        changed = call(estimator, draw)
            except ERRORS as error:
                check_error(error)
                assert state_of(estimator) == before, call.__name__
                continue
        estimator = estimator if changed is None else changed
        check(estimator)
    check_file(estimator, path)


def check_file(estimator, path):
    """Check that a file contains the same model."""
    try:
        save_model(estimator, path)
    except (NotFittedError, ValueError):  # not fitted, or `scoring` was changed
        return
    missing = [name for name, value in estimator.get_params().items() if is_code(value)]
    code = {name: getattr(estimator, name) for name in missing}
    try:
        loaded = load_model(path, **code)
    except TypeError as error:  # of code that was changed after fit
        assert "was saved without" in str(error) or "cannot be passed" in str(error)
        return
    try:
        expected = estimator.predict_proba(X_PREDICT)
    except ERRORS:
        return
    np.testing.assert_array_equal(loaded.predict_proba(X_PREDICT), expected)


def is_code(value):
    return (
        callable(value)
        or isinstance(value, pd.Series)
        or (
            isinstance(value, list)
            and any(hasattr(item, "initialize") for item in value)
        )
    )


def make_tests(n_examples, **options):
    quiet = settings(
        **options,
        max_examples=n_examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    @quiet
    @given(st.data())
    def of_classifiers(path, data):
        run(quick_classifier(max_epochs=2, device="cpu"), data.draw, path)

    @quiet
    @given(st.data())
    def of_searches(path, data):
        search = quick_search([0.0, 0.3], cv=2, max_epochs=2, device="cpu")
        run(search, data.draw, path)

    return of_classifiers, of_searches


@pytest.mark.parametrize(
    "test", make_tests(100, derandomize=True), ids=["classifier", "search"]
)
def test_sequences(test, tmp_path):
    test(tmp_path / "model")


@pytest.mark.long
@pytest.mark.parametrize("test", make_tests(5000), ids=["classifier", "search"])
def test_many_sequences(test, tmp_path):
    test(tmp_path / "model")
