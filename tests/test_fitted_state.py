"""Fitted state: complete, independent of parameters, and without leaks."""

import copy
import gc
import itertools
import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skorch.callbacks
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import sklearn_ls
from helpers import stacks_of
from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV

PARAMS = {
    "hidden_layer_sizes": (20,),
    "learning_rate": 0.01,
    "batch_size": 50,
    "max_epochs": 5,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
METHODS = ["predict", "predict_proba", "decision_function", "embed"]


def make(**params):
    return LabelSmoothingClassifier(**{**PARAMS, **params})


def make_search(**params):
    return LabelSmoothingClassifierCV([0.0, 0.2], **{**PARAMS, "cv": 3, **params})


def pickled(estimator):
    return pickle.loads(pickle.dumps(estimator))


def predictions(clf, X):
    return {name: getattr(clf, name)(X) for name in METHODS if hasattr(clf, name)}


def settings_of(net):
    """Return the class of a net's optimizer, and its options."""
    return type(net.optimizer_), dict(net.optimizer_.param_groups[0], params=None)


def assert_same_predictions(clf, X, expected):
    for name, values in expected.items():
        assert_array_equal(getattr(clf, name)(X), values)


# Rows 57 and 58: modules with state outside their state_dict


class BufferedFeatures(torch.nn.Module):
    """Random features in a buffer that is not in `state_dict`."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        directions = torch.randn(n_features, 30)
        self.register_buffer("directions", directions, persistent=False)
        self.linear = torch.nn.Linear(30, n_classes)

    def forward(self, X):
        return self.linear(torch.relu(X @ self.directions))


class PlainFeatures(torch.nn.Module):
    """Random features in a tensor that is not registered."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.directions = torch.randn(n_features, 30)
        self.linear = torch.nn.Linear(30, n_classes)

    def forward(self, X):
        return self.linear(torch.relu(X @ self.directions.to(X)))


class RunningMean(torch.nn.Module):
    """Subtracts a mean that training changes, and that is a plain tensor."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.mean = torch.zeros(n_features)
        self.linear = torch.nn.Linear(n_features, n_classes)

    def forward(self, X):
        if self.training:
            self.mean = 0.9 * self.mean.to(X) + 0.1 * X.detach().mean(0)
        return self.linear(X - self.mean.to(X))


random_modules = pytest.mark.parametrize("module", [BufferedFeatures, PlainFeatures])


# Row 57
@random_modules
@pytest.mark.parametrize(
    "copied",
    [pickled, copy.deepcopy, lambda clf: pickled(pickled(clf))],
    ids=["pickle", "deepcopy", "pickled twice"],
)
def test_classifier_copies_predict_alike_with_random_modules(iris, module, copied):
    clf = make(module=module, max_epochs=20).fit(*iris)
    assert clf.score(*iris) > 0.9
    assert_same_predictions(copied(clf), iris[0], predictions(clf, iris[0]))


# Row 57
@random_modules
@pytest.mark.parametrize("stack_size", [None, 1])
@pytest.mark.parametrize("ensemble", [True, False])
def test_search_predicts_as_it_scores_with_random_modules(
    iris, module, stack_size, ensemble
):
    X, y = iris
    search = make_search(module=module, max_epochs=20, ensemble=ensemble)
    with stacks_of(stack_size):
        search.fit(X, y)
    accuracy = np.mean(search.classes_[search.oof_proba_.argmax(axis=1)] == y)
    assert_allclose(accuracy, search.best_score_)
    assert accuracy > 0.8
    assert search.score(X, y) > 0.8
    assert_array_equal(pickled(search).predict_proba(X), search.predict_proba(X))


# Row 57
@pytest.mark.parametrize(
    "fit",
    [
        lambda X, y: make(module=RunningMean).fit(X, y),
        lambda X, y: make(module=RunningMean).partial_fit(X, y, classes=[0, 1, 2]),
        lambda X, y: make_search(module=RunningMean).fit(X, y),
    ],
    ids=["fit", "partial_fit", "search"],
)
def test_classifiers_refuse_modules_that_learn_outside_their_state_dict(iris, fit):
    X, y = iris
    with pytest.raises(ValueError, match="state_dict"):
        fit(X + 3, y)


# Row 58
@random_modules
@pytest.mark.parametrize(
    "random_state", [None, np.random.RandomState(0), 0], ids=["None", "stream", "int"]
)
@pytest.mark.parametrize("train", ["fit", "partial_fit"])
def test_classifier_warm_start_keeps_the_random_module(
    iris, module, random_state, train
):
    X, y = iris
    clf = make(module=module, random_state=random_state, warm_start=True).fit(X, y)
    y_proba = clf.predict_proba(X)
    clf.set_params(learning_rate=1e-30, weight_decay=0)
    getattr(clf, train)(X, y)
    assert clf.n_iter_ > 5
    assert_array_equal(clf.predict_proba(X), y_proba)
    assert_array_equal(pickled(clf).predict_proba(X), y_proba)


# Row 58
def test_classifier_warm_start_keeps_the_module_of_another_random_state(iris):
    X, y = iris
    clf = make(module=BufferedFeatures, warm_start=True).fit(X, y)
    y_proba = clf.predict_proba(X)
    clf.set_params(random_state=1, learning_rate=1e-30, weight_decay=0).fit(X, y)
    assert_array_equal(clf.predict_proba(X), y_proba)


# Rows 60 and 61: changes of parameters after fit


def network(n_features, n_classes, sizes=(20,), slope=0.0):
    return torch.nn.Sequential(
        torch.nn.Linear(n_features, *sizes),
        torch.nn.LeakyReLU(slope),
        torch.nn.Linear(*sizes, n_classes),
    )


def overwrite(value):
    """Change an array, a dict or a list in place, including nested values."""
    if isinstance(value, dict):
        for part in value.values():
            overwrite(part)
        value.clear()
        value["unknown"] = 3
    elif isinstance(value, list):
        for part in value:
            overwrite(part)
        value[:] = [7]
    elif isinstance(value, pd.DataFrame):
        value.iloc[:, :] = np.roll(value.to_numpy(), 1, axis=1)
    elif isinstance(value, np.ndarray):
        value[...] = np.roll(value, 1, axis=-1)


NOISE = np.array([[0.8, 0.2, 0.0], [0.1, 0.9, 0.0], [0.0, 0.3, 0.7]])
CHANGEABLE = {
    "epsilon": lambda: {"epsilon": np.array([0.1, 0.2, 0.4])},
    "list of epsilons": lambda: {"epsilon": [0.1, 0.2, 0.4]},
    "prior": lambda: {"distribution": np.array([0.2, 0.3, 0.5])},
    "distribution": lambda: {"distribution": NOISE.copy()},
    "list of lists": lambda: {"distribution": NOISE.tolist()},
    "frame": lambda: {"distribution": pd.DataFrame(NOISE)},
    "transition": lambda: {"transition_matrix": NOISE.copy()},
    "frame of transitions": lambda: {"transition_matrix": pd.DataFrame(NOISE)},
    "sizes": lambda: {"hidden_layer_sizes": [20, 10]},
    "array of sizes": lambda: {"hidden_layer_sizes": np.array([20, 10])},
    "module_params": lambda: {
        "module": network,
        "module_params": {"sizes": [8], "slope": 0.3},
    },
    "optimizer_params": lambda: {
        "optimizer": "sgd",
        "optimizer_params": {"momentum": 0.9},
    },
    "class_weight": lambda: {"class_weight": {0: 2.0}},
}
changeable = pytest.mark.parametrize("params", CHANGEABLE.values(), ids=CHANGEABLE)
calibrations = pytest.mark.parametrize("calibration", [None, "unsmooth"])


# Row 60
@changeable
@calibrations
@pytest.mark.parametrize("unpickled", [False, True], ids=["fitted", "unpickled"])
def test_classifier_holds_copies_of_its_parameters(
    iris, params, calibration, unpickled
):
    X, y = iris
    params = params()
    clf = make(**params, calibration=calibration).fit(X, y)
    expected, y_soft = predictions(clf, X), clf.label_smoother_.transform(y)
    settings = settings_of(clf.net_)
    if unpickled:
        clf = pickled(clf)
        params = clf.get_params()
    overwrite(params)
    for same in (clf, pickled(clf), copy.deepcopy(clf)):
        assert_same_predictions(same, X, expected)
        assert_array_equal(same.label_smoother_.transform(y), y_soft)
        assert settings_of(same.net_) == settings


# Row 60
@changeable
@pytest.mark.parametrize("ensemble", [True, False])
def test_search_holds_copies_of_its_parameters(iris, params, ensemble):
    X, y = iris
    params = {k: v for k, v in params().items() if k != "epsilon"}
    epsilons = np.array([0.0, 0.2])
    search = make_search(ensemble=ensemble, calibration="unsmooth", **params)
    search.set_params(epsilons=epsilons).fit(X, y)
    expected = predictions(search, X)
    overwrite(params)
    overwrite(epsilons)
    for same in (search, pickled(search)):
        assert_same_predictions(same, X, expected)
        assert_array_equal(same.epsilons_, [0.0, 0.2])


# Row 60
@pytest.mark.parametrize(
    "names", [np.array([0, 1, 2]), np.array(["a", "b", "c"]), ["a", "b", "c"]]
)
def test_classifier_holds_a_copy_of_the_classes(iris, names):
    X, y = iris
    classes = copy.deepcopy(names)
    y = np.asarray(names)[y]
    clf = make().partial_fit(X, y, classes=classes)
    expected = predictions(clf, X)
    overwrite(classes)
    for same in (clf, pickled(clf)):
        assert_array_equal(same.classes_, names)
        assert_same_predictions(same, X, expected)
        same.partial_fit(X, y)


CHANGES = [
    {"module": network},
    {"hidden_layer_sizes": (7, 7)},
    {"activation": "tanh"},
    {"dropout": 0.5},
    {"module_params": {"sizes": [3]}},
    {"optimizer": "sgd"},
    {"optimizer": torch.optim.RMSprop},
    {"optimizer_params": {"betas": (0.5, 0.5)}},
    {"optimizer_params": {"unknown": 3}},
    {"learning_rate": 0.5},
    {"weight_decay": 0.5},
    {"callbacks": [skorch.callbacks.LRScheduler("StepLR", step_size=1)]},
    {"callbacks": [skorch.callbacks.EpochScoring("accuracy")]},
    {"epsilon": 0.9},
    {"distribution": "prior"},
    {"transition_matrix": 0.3},
    {"calibration": "unsmooth"},
    {"calibration": "temperature"},
    {"class_weight": "balanced"},
    {"batch_size": 3},
    {"max_epochs": 9},
    {"early_stopping": True},
    {"warm_start": True},
    {"random_state": 7},
]


# Row 61
@pytest.mark.parametrize("change", CHANGES, ids=",".join)
@pytest.mark.parametrize("unpickled", [False, True], ids=["fitted", "unpickled"])
def test_classifier_ignores_parameters_changed_after_fit(iris, change, unpickled):
    X, y = iris
    clf = make(epsilon=0.2).fit(X, y)
    expected, settings = predictions(clf, X), settings_of(pickled(clf).net_)
    if unpickled:
        clf = pickled(clf)
    clf.set_params(**change)
    for same in (clf, pickled(clf)):
        assert_same_predictions(same, X, expected)
        assert settings_of(same.net_) == settings
        kinds = {type(callback) for _, callback in same.net_.callbacks_}
        assert kinds.isdisjoint(map(type, change.get("callbacks", [])))
        assert same.score(X, y) == np.mean(expected["predict"] == y)


# Row 61
@pytest.mark.parametrize("unpickled", [False, True], ids=["fitted", "unpickled"])
@pytest.mark.parametrize("module", [None, network])
def test_classifier_of_images_ignores_a_module_set_after_fit(rng, unpickled, module):
    images, y = rng.normal(size=(30, 1, 8, 8)), np.arange(30) % 3
    clf = make(module="convnet", max_epochs=1).fit(images, y)
    expected, settings = predictions(clf, images), settings_of(clf.net_)
    if unpickled:
        clf = pickled(clf)
    clf.set_params(module=module)
    assert_same_predictions(clf, images, expected)
    assert settings_of(clf.net_) == settings
    assert clf.score(images, y) == np.mean(expected["predict"] == y)


# Row 61
@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize(
    "change", [{"module": None}, {"ensemble": None}, {"epsilons": [0.5]}], ids=",".join
)
def test_search_ignores_parameters_changed_after_fit(rng, ensemble, change):
    images, y = rng.normal(size=(30, 1, 8, 8)), np.arange(30) % 3
    search = make_search(module="convnet", max_epochs=1, ensemble=ensemble)
    expected = predictions(search.fit(images, y), images)
    search.set_params(**change)
    for same in (search, pickled(search)):
        assert_same_predictions(same, images, expected)


# Rows 38, 62 and 63: Ctrl-C


@pytest.fixture(autouse=True)
def ctrl_c():
    """Make SIGINT raise KeyboardInterrupt, also in background processes."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
    torch.set_grad_enabled(True)


def interrupt_in(hook, epoch):
    """Return a callback that presses Ctrl-C in a hook, from an epoch on."""

    def press(self, net, *args, **kwargs):
        if len(net.history) >= epoch:
            signal.raise_signal(signal.SIGINT)

    return type("Interrupt", (skorch.callbacks.Callback,), {hook: press})()


def interrupt_at(step):
    """Return a module that presses Ctrl-C in a training step."""
    steps = itertools.count(1)

    class Interrupting(torch.nn.Linear):
        def forward(self, X):
            if self.training and next(steps) == step:
                signal.raise_signal(signal.SIGINT)
            return super().forward(X)

    return Interrupting


@contextmanager
def interruption_taken():
    """Expect a warning; a KeyboardInterrupt would end pytest."""
    with pytest.warns(UserWarning, match="interrupted") as warned:
        try:
            yield
        except KeyboardInterrupt:
            pytest.fail("KeyboardInterrupt")
    assert len(warned) == 1


def assert_left_no_trace():
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


HOOKS = ["on_epoch_begin", "on_batch_begin", "on_batch_end", "on_grad_computed"]
END = "on_epoch_end"
UNEVEN = {
    "learning_rate": 1.0,
    "early_stopping": True,
    "validation_fraction": 0.4,
    "dropout": 0.0,
}


# Rows 38 and 62
@pytest.mark.parametrize("hook", [*HOOKS, END])
@pytest.mark.parametrize(
    "params",
    [{}, UNEVEN, {"calibration": "temperature"}, {"n_iter_no_change": 10}],
    ids=["", "early stopping", "temperature", "patience"],
)
def test_classifier_interrupted_keeps_whole_epochs(iris, hook, params):
    X, y = iris
    clf = make(callbacks=[interrupt_in(hook, epoch=4)], **params)
    with interruption_taken():
        clf.fit(X, y)
    assert_left_no_trace()
    assert clf.n_iter_ == len(clf.loss_curve_)
    assert clf.n_iter_ in (3, 4)
    params = {**params, "n_iter_no_change": np.inf, "max_epochs": clf.n_iter_}
    expected = make(callbacks=[interrupt_in(hook, epoch=99)], **params).fit(X, y)
    assert_allclose(clf.loss_curve_, expected.loss_curve_)
    assert clf.validation_scores_ == expected.validation_scores_
    y_proba = clf.predict_proba(X)
    assert_allclose(y_proba, expected.predict_proba(X), atol=1e-12)
    assert_array_equal(
        pickled(clf.set_params(callbacks=None)).predict_proba(X), y_proba
    )


# Rows 38 and 62. The test above relies on this difference.
def test_classifier_interrupted_keeps_the_best_epoch_not_the_last(iris):
    X, y = iris
    clf = make(callbacks=[interrupt_in("on_batch_end", epoch=4)], **UNEVEN)
    with interruption_taken():
        clf.fit(X, y)
    history = clf.net_.history
    best = 1 + int(np.argmax([r["valid_acc"] - r["valid_brier"] for r in history]))
    assert best < clf.n_iter_
    expected = make(**{**UNEVEN, "max_epochs": best}).fit(X, y)
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-12)


# Rows 38 and 62. Three steps make an epoch.
@pytest.mark.parametrize("step", [4, 6, 8])
def test_classifier_interrupted_in_a_step_keeps_whole_epochs(iris, step):
    X, y = iris
    with interruption_taken():
        clf = make(module=interrupt_at(step)).fit(X, y)
    assert_left_no_trace()
    whole = (step - 1) // 3
    assert clf.n_iter_ in (whole, whole + 1)
    expected = make(module=torch.nn.Linear, max_epochs=clf.n_iter_).fit(X, y)
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-12)


# Rows 38 and 62
@pytest.mark.parametrize("train", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "params",
    [
        *[{"callbacks": [interrupt_in(hook, epoch=1)]} for hook in HOOKS],
        {"module": lambda *sizes: interrupt_at(1)(*sizes)},
    ],
    ids=[*HOOKS, "step"],
)
def test_classifier_interrupted_in_its_first_epoch_stays_unfitted(iris, train, params):
    clf = make(**params)
    classes = {} if train == "fit" else {"classes": [0, 1, 2]}
    with pytest.raises(KeyboardInterrupt):
        getattr(clf, train)(*iris, **classes)
    assert_left_no_trace()
    assert vars(clf).keys() == clf.get_params().keys()
    with pytest.raises(NotFittedError):
        clf.predict(iris[0])


# Rows 38 and 62
@pytest.mark.parametrize("hook", [*HOOKS, END])
@pytest.mark.parametrize("first", ["fit", "partial_fit"])
@pytest.mark.parametrize("again", ["fit", "warm fit", "partial_fit"])
def test_classifier_interrupted_later_is_unchanged(iris, hook, first, again):
    X, y = iris
    clf = make(epsilon=0.3, max_epochs=2)
    clf.fit(X, y) if first == "fit" else clf.partial_fit(X, y, classes=[0, 1, 2])
    expected, content = predictions(clf, X), joblib.hash(clf)
    params = clf.get_params()
    epoch = 1 if again == "partial_fit" else 3
    clf.set_params(
        max_epochs=5,
        warm_start=again == "warm fit",
        epsilon=0.1,
        callbacks=[interrupt_in(hook, epoch)],
    )
    before = dict(vars(clf))
    with pytest.raises(KeyboardInterrupt):
        getattr(clf, again.removeprefix("warm "))(X, y)
    assert_left_no_trace()
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[name] is value for name, value in before.items())
    assert_same_predictions(clf, X, expected)
    assert joblib.hash(clf.set_params(**params)) == content


# Rows 38 and 62
@pytest.mark.parametrize("fitted", [False, True])
def test_classifier_ends_quietly_where_a_callback_asks_for_it(iris, fitted):
    class Stop(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 3:
                raise KeyboardInterrupt

    clf = make().fit(*iris) if fitted else make()
    clf.set_params(callbacks=[Stop()], max_epochs=50, n_iter_no_change=10)
    try:
        clf.fit(*iris)
    except KeyboardInterrupt:
        pytest.fail("KeyboardInterrupt")
    assert clf.n_iter_ == 3
    expected = make(max_epochs=3).fit(*iris)
    y_proba = clf.predict_proba(iris[0])
    assert_allclose(y_proba, expected.predict_proba(iris[0]), atol=1e-12)


# Rows 38 and 62
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(
    "params",
    [
        *[
            lambda hook=hook: {"callbacks": [interrupt_in(hook, epoch=3)]}
            for hook in [*HOOKS, END]
        ],
        lambda: {"callbacks": [interrupt_in(END, epoch=3)], "ensemble": False},
        lambda: {"module": interrupt_at(8)},
    ],
    ids=[*HOOKS, END, "without ensemble", "step"],
)
def test_search_interrupted_is_unchanged(iris, fitted, params):
    X, y = iris
    search = make_search(max_epochs=2)
    if fitted:
        search.fit(X, y)
        expected = predictions(search, X)
    search.set_params(max_epochs=5, **params())
    before = dict(vars(search))
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert_left_no_trace()
    assert vars(search).keys() == before.keys()
    assert all(vars(search)[name] is value for name, value in before.items())
    if fitted:
        assert_same_predictions(search.set_params(ensemble=True), X, expected)


def interrupt_twice(call, first, second):
    """Press Ctrl-C at the n-th call in the package, and again some lines later.

    Return whether there were that many calls.
    """
    package = str(Path(sklearn_ls.__file__).parent)
    calls, lines = itertools.count(1), itertools.count(1)
    interrupted = False

    def on_call(frame, event, arg):
        nonlocal interrupted
        if event in ("call", "c_call") and frame.f_code.co_filename.startswith(package):
            if next(calls) == first:
                interrupted = True
                signal.raise_signal(signal.SIGINT)

    def on_line(frame, event, arg):
        if not frame.f_code.co_filename.startswith(package):
            return None
        if event == "line" and interrupted and next(lines) == second:
            signal.raise_signal(signal.SIGINT)
        return on_line

    traced = sys.gettrace()
    sys.settrace(on_line)
    sys.setprofile(on_call)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(None)
        sys.settrace(traced)
    return interrupted


# Row 63. Python ignores exceptions that are raised while it closes a generator.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("second", [1, 2, 3, 4, 8])
def test_classifier_interrupted_twice_is_as_before_or_as_after(iris, second):
    X, y = iris
    fitted = make(max_epochs=2).fit(X, y)
    start = fitted.predict_proba(X)
    end = make(max_epochs=1, epsilon=0.4).fit(X, y).predict_proba(X)
    first, interrupted = 1, True
    while interrupted:
        clf = copy.copy(fitted).set_params(max_epochs=1, epsilon=0.4)
        before = dict(vars(clf))
        interrupted = interrupt_twice(partial(clf.fit, X, y), first, second)
        first += 23
        assert torch.is_grad_enabled()
        assert vars(clf).keys() >= clf.get_params().keys()
        if clf.n_iter_ == 1:
            assert_array_equal(clf.predict_proba(X), end)
        else:
            assert vars(clf).keys() == before.keys()
            assert all(vars(clf)[name] is value for name, value in before.items())
            assert_array_equal(clf.predict_proba(X), start)


# Threads


@pytest.fixture
def many_switches():
    """Make threads switch often."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


# Row 64
@pytest.mark.parametrize(
    ("estimator", "n_fits"),
    [
        (make(max_epochs=1), 100),
        (make(max_epochs=1, calibration="unsmooth", epsilon=0.3), 100),
        (make_search(max_epochs=1, cv=2), 10),
        (make_search(max_epochs=1, cv=2, ensemble=False), 10),
    ],
    ids=["classifier", "unsmoothed", "search", "refitted"],
)
def test_classifiers_predict_whole_models_while_they_are_fitted(
    rng, many_switches, estimator, n_fits
):
    X = rng.normal(size=(60, 4))
    data = [
        (X, np.array(["a", "b", "c"])[np.arange(60) % 3]),
        (X + 1, np.array(["d", "e", "f", "g", "h"])[np.arange(60) % 5]),
    ]
    fitted = [clone(estimator).fit(*each) for each in data]
    allowed = {
        name: [getattr(clf, name)(X) for clf in fitted]
        for name in ("predict", "predict_proba")
    }
    clf = clone(estimator).fit(*data[0])
    done, wrong, n_calls = threading.Event(), [], 0

    def predict():
        nonlocal n_calls
        while not (done.is_set() or wrong):
            for name, expected in allowed.items():
                n_calls += 1
                try:
                    values = getattr(clf, name)(X)
                except Exception as error:
                    wrong.append(error)
                else:
                    if not any(np.array_equal(values, each) for each in expected):
                        wrong.append((name, values))

    predicting = threading.Thread(target=predict)
    predicting.start()
    for i in range(n_fits):
        clf.fit(*data[i % 2])
    done.set()
    predicting.join()
    assert wrong == []
    assert n_calls > 100


# Memory


@pytest.fixture
def count_bytes():
    """Return the size of all tensors that are alive, in bytes."""
    gc.collect()
    gc.freeze()
    yield _count_bytes
    gc.unfreeze()


def _count_bytes():
    gc.collect()
    sizes = {}
    for each in gc.get_objects():
        if issubclass(type(each), torch.Tensor):
            gradient = [each.grad] if each.is_leaf and each.grad is not None else []
            for tensor in [each, *gradient]:
                storage = tensor.untyped_storage()
                sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())


WIDE = {"hidden_layer_sizes": (2000,), "max_epochs": 2}
N_BYTES = 8 * (100 * 2000 + 2000 + 2000 * 3 + 3)


def wide_network(n_features, n_classes):
    return network(n_features, n_classes, sizes=(2000,))


@pytest.fixture
def wide(rng):
    return rng.normal(size=(60, 100)), np.arange(60) % 3


@pytest.fixture(autouse=True, scope="module")
def warm():
    """Trigger lazy imports of torch, which leave a reference cycle."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    gc.collect()


# Row 66
@pytest.mark.parametrize(
    "train",
    [
        lambda X, y: make(**WIDE).fit(X, y),
        lambda X, y: make(**WIDE, early_stopping=True).fit(X, y),
        lambda X, y: make(**WIDE, calibration="temperature").fit(X, y),
        lambda X, y: make(**WIDE, callbacks=[skorch.callbacks.Callback()]).fit(X, y),
        lambda X, y: make(**WIDE, module=wide_network).fit(X, y),
        lambda X, y: make(**WIDE).partial_fit(X, y, classes=[0, 1, 2]).fit(X, y),
        lambda X, y: make(**WIDE, warm_start=True).fit(X, y).fit(X, y),
        lambda X, y: make_search(**WIDE, ensemble=False).fit(X, y).best_estimator_,
    ],
    ids=[
        "fit",
        "early stopping",
        "temperature",
        "callbacks",
        "module",
        "after partial_fit",
        "warm start",
        "search",
    ],
)
def test_classifier_holds_its_weights_alone(wide, count_bytes, train):
    clf = train(*wide)
    assert count_bytes() < 1.5 * N_BYTES
    clf.predict(wide[0])
    assert count_bytes() < 1.5 * N_BYTES
    assert len(pickle.dumps(clf)) < 1.1 * N_BYTES


@pytest.fixture
def uncollected():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# Row 66
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True},
        {"calibration": "temperature"},
        {"callbacks": [skorch.callbacks.EpochScoring("accuracy", on_train=True)]},
        {"callbacks": [skorch.callbacks.LRScheduler("StepLR", step_size=1)]},
        {"module": network},
        {"module": "convnet"},
    ],
    ids=[
        "MLP",
        "early stopping",
        "temperature",
        "scoring",
        "rates",
        "module",
        "images",
    ],
)
@pytest.mark.parametrize("unpickled", [False, True], ids=["fitted", "unpickled"])
def test_classifier_is_freed_without_the_collector(rng, uncollected, params, unpickled):
    X, y = rng.normal(size=(60, 1, 8, 8)), np.arange(60) % 3
    X = X if params.get("module") == "convnet" else X.reshape(60, 64)
    clf = make(**params, max_epochs=2).fit(X, y)
    if unpickled:
        clf = pickled(clf)
    clf.predict(X)
    data = weakref.ref(X)
    del X
    assert data() is None
    alive = [weakref.ref(each) for each in (clf, clf.net_, clf.net_.module_)]
    alive += [weakref.ref(weights) for weights in clf.net_.module_.parameters()]
    del clf
    assert [each() for each in alive] == [None] * len(alive)


# Row 66
def test_search_is_freed_without_the_collector(wide, uncollected):
    X, y = wide
    search = make_search(max_epochs=2).fit(X, y)
    alive = [weakref.ref(each) for each in (search, *search.estimators_)]
    del search
    assert [each() for each in alive] == [None] * len(alive)


# Row 66. The first fit of a process triggers lazy imports of torch.
def test_classifier_is_freed_without_the_collector_after_the_first_fit():
    code = """
import gc, weakref
import numpy as np
from sklearn_ls import LabelSmoothingClassifier

gc.disable()
X, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3
clf = LabelSmoothingClassifier(max_epochs=2, n_iter_no_change=np.inf).fit(X, y)
alive = [weakref.ref(X), weakref.ref(clf)]
del X, clf
print([each() is None for each in alive])
"""
    here = str(Path(sklearn_ls.__file__).parents[1])
    path = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    assert process.stdout == "[True, True]\n"


# Pickles


# Row 89
@pytest.mark.parametrize(
    "callbacks",
    [
        lambda path: [],
        lambda path: [skorch.callbacks.LRScheduler("StepLR", step_size=1)],
        lambda path: [
            skorch.callbacks.LRScheduler("StepLR", step_size=9, step_every="batch")
        ],
        lambda path: [skorch.callbacks.EpochScoring("accuracy", on_train=True)],
        lambda path: [skorch.callbacks.BatchScoring("accuracy", on_train=True)],
        lambda path: [skorch.callbacks.Checkpoint(monitor=None, dirname=path)],
        lambda path: [skorch.callbacks.GradientNormClipping(1)],
        lambda path: [skorch.callbacks.EarlyStopping("train_loss", load_best=True)],
    ],
    ids=[
        "none",
        "rate per epoch",
        "rate per batch",
        "epoch score",
        "batch score",
        "checkpoint",
        "clipping",
        "early stopping",
    ],
)
@pytest.mark.parametrize("train", ["fit", "partial_fit"])
def test_classifier_holds_plain_arrays(iris, tmp_path, callbacks, train):
    clf = make(callbacks=callbacks(tmp_path))
    getattr(clf, train)(*iris, **({} if train == "fit" else {"classes": [0, 1, 2]}))
    assert b"torch" not in pickle.dumps(clf)
    assert b"torch" not in pickle.dumps(clf.set_params(callbacks=None))


# Row 89
def test_search_holds_plain_arrays(iris):
    scheduler = skorch.callbacks.LRScheduler("StepLR", step_size=1)
    for ensemble in (True, False):
        search = make_search(callbacks=[scheduler], ensemble=ensemble).fit(*iris)
        assert b"torch" not in pickle.dumps(search)


def test_warm_start_may_begin_to_hold_samples_out(iris):
    X, y = iris
    clf = make(warm_start=True, max_epochs=3).fit(X, y)
    clf.set_params(early_stopping=True).fit(X, y)
    assert len(clf.validation_scores_) == 3
    assert clf.n_iter_ == 6


def test_an_unpickled_net_can_be_trained_after_it_has_predicted(iris):
    X, y = iris
    clf = pickled(make().fit(X, y))
    before = clf.predict_proba(X)
    clf.net_.partial_fit(X, y)
    assert not np.allclose(clf.predict_proba(X), before)


class LazyNetwork(torch.nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(torch.nn.LazyLinear(n_classes))


def test_lazy_layers_draw_their_weights_from_the_seed(iris):
    X, y = iris
    one, other = (make(module=LazyNetwork).fit(X, y) for _ in range(2))
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_attributes_that_a_fit_does_not_make_stay(iris):
    clf = make()
    clf.note_ = "mine"
    assert clf.fit(*iris).fit(*iris).note_ == "mine"


class InPlace(torch.nn.Module):
    def __init__(self, n_features, n_classes):
        super().__init__()
        self.layer = torch.nn.Linear(n_features, n_classes)

    def forward(self, X):
        X -= 1
        return self.layer(X)


def test_modules_that_write_into_their_input_leave_X_alone(iris):
    X, y = iris[0].copy(), iris[1]
    make(module=InPlace).fit(X, y).predict(X)
    assert_array_equal(X, iris[0])
