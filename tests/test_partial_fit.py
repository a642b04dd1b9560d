"""Calls of partial_fit with changes of parameters between them."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import skorch.callbacks
import torch
from numpy.testing import assert_allclose, assert_array_equal

import sklearn_ls
from helpers import PLAIN
from sklearn_ls import LabelSmoothingClassifier

PARAMS = {
    **PLAIN,
    "hidden_layer_sizes": (30,),
    "batch_size": 50,
    "learning_rate": 0.01,
    "random_state": 0,
}
CLASSES = [0, 1, 2]
NADAM = {"optimizer": torch.optim.NAdam}
MOMENTUM = {"optimizer": "sgd", "optimizer_params": {"momentum": 0.9}}
LINEAR = {"module": torch.nn.Linear}
WATCHED = {"callbacks": [skorch.callbacks.Callback()]}
UNWATCHED = {"callbacks": None}

# Parameters that are set before each call.
OTHER_OPTIMIZER = {
    "Adam, SGD": [{}, MOMENTUM],
    "SGD, Adam": [MOMENTUM, {"optimizer": "adam", "optimizer_params": None}],
    "Adam, AdamW": [{}, {"optimizer": "adamw"}],
    "Adam, NAdam": [{}, NADAM],
    "NAdam, Adam": [NADAM, {"optimizer": "adam"}],
    "Adam, Adagrad": [{}, {"optimizer": torch.optim.Adagrad}],
    "Adam, Rprop": [{}, {"optimizer": torch.optim.Rprop, "weight_decay": 0}],
    "module": [LINEAR, NADAM],
    "module, SGD": [{**LINEAR, **MOMENTUM}, NADAM | {"optimizer_params": None}],
    "with callbacks": [{}, {**NADAM, **WATCHED}],
    "without callbacks": [{**NADAM, **WATCHED}, {"optimizer": "adam", **UNWATCHED}],
}
OTHER_CALLBACKS = {
    f"{name}: {change}": [{**params, **steps[0]}, *steps[1:]]
    for name, params in {
        "Adam": {},
        "AdamW": {"optimizer": "adamw"},
        "SGD": MOMENTUM,
        "NAdam": NADAM,
        "deep": {"hidden_layer_sizes": (30, 20)},
        "module": LINEAR,
        "module, NAdam": {**LINEAR, **NADAM},
    }.items()
    for change, steps in {
        "added": [UNWATCHED, WATCHED, {}],
        "removed": [WATCHED, UNWATCHED, {}],
        "back and forth": [UNWATCHED, WATCHED, UNWATCHED, WATCHED],
    }.items()
}
OTHER_KERNEL = {
    "foreach": [{}, {"optimizer_params": {"foreach": True}}, {}],
    "fused": [{"optimizer_params": {"foreach": True}}, {"optimizer_params": None}, {}],
}
OTHER_STATE = {
    "amsgrad": [{}, {"optimizer_params": {"amsgrad": True}}],
    "no amsgrad": [
        {"optimizer_params": {"amsgrad": True}},
        {"optimizer_params": None},
    ],
    "momentum": [{"optimizer": "sgd"}, MOMENTUM],
    "no momentum": [MOMENTUM, {"optimizer_params": None}],
}
SEQUENCES = {**OTHER_OPTIMIZER, **OTHER_CALLBACKS, **OTHER_KERNEL, **OTHER_STATE}

# An optimizer state with a wrong layout may crash the process, so each sequence runs in
# a process forked from one that has imported torch.
RUN = """
import os, pickle, signal, sys, traceback, warnings

import torch

from sklearn_ls import LabelSmoothingClassifier


def run(steps):
    clf = LabelSmoothingClassifier(**params)
    messages = []
    for step in steps:
        clf = pickle.loads(pickle.dumps(clf)) if pickled else clf
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clf.set_params(**step).partial_fit(X, y, classes=classes)
        messages.append([str(warning.message) for warning in caught])
    return clf.predict_proba(X), messages


def run_apart(steps):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(30)  # a damaged heap may also end in a deadlock
        try:
            result = run(steps)
        except Exception:
            result = traceback.format_exc()
        with os.fdopen(writing, "wb") as out:
            pickle.dump(result, out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as out:
        result = out.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return pickle.loads(result) if code == 0 else f"It ended with {code}."


sequences, params, classes, X, y = pickle.load(sys.stdin.buffer)
torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports the rest of torch
results = {}
for pickled in (False, True):
    for name, steps in sequences.items():
        results[name, pickled] = run_apart(steps)
pickle.dump(results, sys.stdout.buffer)
"""


class Outcome(NamedTuple):
    y_proba: np.ndarray
    messages: list[list[str]]  # of each call


@pytest.fixture(scope="module")
def results(iris):
    """Result of each sequence, with and without pickling between the calls."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork")
    here = str(Path(sklearn_ls.__file__).parents[1])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": "1",  # threads are not compatible with fork
        "OPENBLAS_NUM_THREADS": "1",
    }
    process = subprocess.run(
        [sys.executable, "-c", RUN],
        input=pickle.dumps((SEQUENCES, PARAMS, CLASSES, *iris)),
        stdout=subprocess.PIPE,
        env=environment,
        check=True,
        timeout=300,
    )
    return pickle.loads(process.stdout)


@pytest.fixture(params=[False, True], ids=["", "pickled"])
def outcome_of(results, request):
    """Return the result of a sequence, or fail with its error."""

    def outcome_of(name):
        result = results[name, request.param]
        if isinstance(result, str):
            pytest.fail(result, pytrace=False)
        return Outcome(*result)

    return outcome_of


def train(iris, *steps):
    X, y = iris
    clf = LabelSmoothingClassifier(**PARAMS)
    for params in steps:
        clf.set_params(**params).partial_fit(X, y, classes=CLASSES)
    return clf.predict_proba(X)


# Row 56. After fit, partial_fit starts with new moments as well.
@pytest.mark.parametrize("name", OTHER_OPTIMIZER)
def test_classifier_partial_fit_resets_a_new_optimizer(iris, outcome_of, name):
    X, y = iris
    y_proba, messages = outcome_of(name)
    assert messages[0] == []
    assert ["optimizer" in message for message in messages[1]] == [True]
    first, second = OTHER_OPTIMIZER[name]
    one_epoch = {"max_epochs": 1, "n_iter_no_change": np.inf}
    clf = LabelSmoothingClassifier(**{**PARAMS, **one_epoch, **first}).fit(X, y)
    clf.set_params(**second).partial_fit(X, y)
    assert_allclose(y_proba, clf.predict_proba(X), atol=1e-12)


# Row 56
@pytest.mark.parametrize("name", OTHER_CALLBACKS)
def test_classifier_partial_fit_takes_other_callbacks(iris, outcome_of, name):
    y_proba, messages = outcome_of(name)
    assert not any(messages)
    steps = [{**params, "callbacks": None} for params in OTHER_CALLBACKS[name]]
    assert_allclose(y_proba, train(iris, *steps), atol=1e-12)


# Row 56
@pytest.mark.parametrize("name", OTHER_KERNEL)
def test_classifier_partial_fit_takes_another_kernel(iris, outcome_of, name):
    y_proba, messages = outcome_of(name)
    assert not any(messages)
    assert_allclose(y_proba, train(iris, {}, {}, {}), atol=1e-12)


# Row 56
@pytest.mark.parametrize("name", OTHER_STATE)
def test_classifier_partial_fit_takes_options_with_another_state(outcome_of, name):
    y_proba, messages = outcome_of(name)
    assert messages[0] == []
    assert all("optimizer" in message for message in messages[1])
    assert np.isfinite(y_proba).all()


# Row 59
@pytest.mark.parametrize("first", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("distribution", "bad"),
        ("epsilon", 2),
        ("optimizer", "bad"),
        ("optimizer_params", 3),
        ("learning_rate", -1),
        ("weight_decay", -1),
        ("batch_size", -3),
        ("batch_size", 0),
        ("hidden_layer_sizes", "bad"),
        ("activation", "bad"),
        ("dropout", 1),
        ("module", "bad"),
        ("module_params", 3),
        ("class_weight", 3),
        ("transition_matrix", "bad"),
        ("calibration", "bad"),
        ("callbacks", 3),
        ("device", 3),
        ("early_stopping", "bad"),
        ("max_epochs", 0),
        ("n_iter_no_change", 0),
        ("tol", -1),
        ("validation_fraction", 2),
        ("warm_start", "bad"),
        ("random_state", "bad"),
        ("verbose", -1),
    ],
)
def test_classifier_partial_fit_validates_changed_parameters(iris, first, name, value):
    X, y = iris
    clf = LabelSmoothingClassifier(**PARAMS).partial_fit(X, y, classes=CLASSES)
    if first == "fit":
        clf.set_params(max_epochs=1, n_iter_no_change=np.inf).fit(X, y)
    y_proba, n_iter = clf.predict_proba(X), clf.n_iter_
    with pytest.raises(ValueError, match=f"The '{name}' parameter of"):
        clf.set_params(**{name: value}).partial_fit(X, y)
    clf.set_params(**LabelSmoothingClassifier(**PARAMS).get_params())
    assert_array_equal(clf.predict_proba(X), y_proba)
    assert clf.n_iter_ == n_iter


def test_classifier_partial_fit_continues_with_any_optimizer(iris):
    X, y = iris
    clf = LabelSmoothingClassifier(**{**PARAMS, "optimizer": torch.optim.Adafactor})
    whole = LabelSmoothingClassifier(**clf.get_params()).set_params(
        max_epochs=3, n_iter_no_change=np.inf
    )
    for _ in range(3):
        clf.partial_fit(X, y, classes=CLASSES)
    y_proba = whole.fit(X, y).predict_proba(X)
    assert_allclose(clf.predict_proba(X), y_proba, atol=1e-12)
