"""Fitted estimators are the same after saving and loading."""

import json
import os
import pickle
import stat
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from skorch.callbacks import EpochScoring
from torch import nn

from helpers import quick_classifier, quick_search
from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    SmoothedTargetClassifier,
    load_model,
    save_model,
)

MATRIX = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.0, 0.3, 0.7]]
SMALL = {"hidden_layer_sizes": (5,), "max_epochs": 3}


class Network(nn.Sequential):
    """A custom module."""

    def __init__(self, n_features, n_classes, n_units=4, activation=nn.Tanh):
        super().__init__(
            nn.Linear(n_features, n_units), activation(), nn.Linear(n_units, n_classes)
        )


@pytest.fixture
def through_file(tmp_path):
    """Return a function that saves and loads an estimator."""

    def save_and_load(estimator, include_oof=False, **given):
        path = tmp_path / "model.safetensors"
        save_model(estimator, path, include_oof=include_oof)
        return load_model(path, **given)

    return save_and_load


def assert_same_values(actual, expected):
    """Compare nested values of any type, and their types."""
    assert type(actual) is type(expected)
    if isinstance(expected, np.ndarray):
        assert actual.dtype == expected.dtype
        if expected.dtype == object:
            assert actual.shape == expected.shape
            assert_same_values([*actual.flat], [*expected.flat])
        else:
            assert_array_equal(actual, expected)
        if isinstance(expected, np.ma.MaskedArray):
            assert_array_equal(actual.mask, expected.mask)
    elif isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key in expected:
            assert_same_values(actual[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same_values(one, other)
    elif hasattr(expected, "get_params"):
        assert_same_values(vars_of(actual), vars_of(expected))
    elif callable(expected) or "Scorer" in type(expected).__name__:
        assert repr(actual) == repr(expected)
    else:
        assert actual == expected or (actual != actual and expected != expected)


def vars_of(estimator):
    return {
        name: value
        for name, value in sorted(vars(estimator).items())
        if not name.startswith("_")
    }


def assert_same_model(actual, expected, X, y=None):
    assert_same_values(actual, expected)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        assert_array_equal(getattr(actual, method)(X), getattr(expected, method)(X))
    if y is not None:
        assert actual.score(X, y) == expected.score(X, y)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"epsilon": [0.1, 0.2, 0.3], "distribution": "prior"},
        {"distribution": np.array(MATRIX), "transition_matrix": MATRIX},
        {"transition_matrix": 0.2, "calibration": "unsmooth", "feature_clip": np.inf},
        {"calibration": "temperature", "dropout": 0.2, "early_stopping": True},
        {"optimizer": "sgd", "optimizer_params": {"momentum": 0.9}, "tol": 0},
        {"class_weight": {"a": 2, "b": np.float32(0.5)}, "verbose": 0},
        {"hidden_layer_sizes": (), "feature_clip": None, "activation": "tanh"},
        {"learning_rate_schedule": "cosine", "epsilon": np.float64(0.2)},
    ],
    ids=lambda params: ",".join(params),
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classifiers_are_the_same(iris, params, dtype, through_file):
    X, y = iris[0].astype(dtype), np.array(["a", "b", "c"])[iris[1]]
    clf = quick_classifier(**{**SMALL, **params}).fit(X, y)
    loaded = through_file(clf)
    assert_same_model(loaded, clf, X, y)
    assert_array_equal(loaded.embed(X), clf.embed(X))
    assert_array_equal(loaded.net_.predict_proba(X), clf.net_.predict_proba(X))
    assert_same_model(clone(loaded).fit(X, y), clf, X)  # times differ in no attribute


@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("include_oof", [True, False])
def test_searches_are_the_same(iris, ensemble, include_oof, through_file):
    X, y = pd.DataFrame(iris[0], columns=list("abcd")), iris[1]
    search = quick_search(ensemble=ensemble, **SMALL).fit(X, y)
    loaded = through_file(search, include_oof)
    assert hasattr(loaded, "oof_proba_") == include_oof
    if not include_oof:
        del search.oof_proba_
    assert_same_model(loaded, search, X, y)
    assert_array_equal(loaded.feature_names_in_, ["a", "b", "c", "d"])
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(X.rename(columns={"a": "z"}))


@pytest.mark.parametrize(
    "params",
    [
        {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"},
        {"scoring": {"a": "accuracy"}, "refit": "a", "ensemble": False},
        {"refit": False, "ensemble": False},
        {"calibration": "temperature", "epsilons": np.array([0.0, 0.3])},
    ],
)
def test_searches_with_scorers_are_the_same(iris, params, through_file):
    X, y = iris
    search = quick_search(**{**SMALL, **params}).fit(X, y)
    loaded = through_file(search, include_oof=True)
    assert_same_values(loaded, search)
    if search.refit:
        assert_same_model(loaded, search, X, y)
    else:
        with pytest.raises(AttributeError, match="refit=False"):
            loaded.predict(X)


def test_a_search_whose_folds_lack_a_class_is_the_same(through_file, rng):
    X, y = rng.normal(size=(41, 3)), np.r_[np.zeros(20), np.ones(20), 2].astype(int)
    search = quick_search([0.1], cv=StratifiedKFold(2), **SMALL)
    with pytest.warns(UserWarning, match="least populated class"):
        search.fit(X, y)
    loaded = through_file(search, cv=search.cv)
    assert_array_equal(loaded.predict_proba(X), search.predict_proba(X))
    assert len(loaded.estimators_[0].classes_) != len(loaded.estimators_[1].classes_)


def test_multilabel_and_soft_labels(iris, through_file):
    X, Y = make_multilabel_classification(60, 5, n_classes=4, random_state=0)
    clf = quick_classifier(**SMALL).fit(X, Y)
    assert_same_model(through_file(clf), clf, X, Y)
    X, y = iris
    frame = pd.DataFrame(0.7 * np.eye(3)[y] + 0.1, columns=["ant", "bee", "cow"])
    clf = quick_classifier(**SMALL).fit(X, frame)
    assert_same_model(through_file(clf), clf, X)


def test_votes(iris, through_file):
    X, y = iris
    votes = pd.DataFrame({"ann": y, "bob": (y + 1) % 3})
    for estimator in (quick_classifier(**SMALL), quick_search([0.1], **SMALL)):
        estimator.fit(X, y, votes=votes)
        loaded = through_file(estimator, include_oof=True)
        assert_same_model(loaded, estimator, X, y)
        assert_array_equal(loaded.annotators_, ["ann", "bob"])


def test_images(through_file, rng):
    X, y = rng.random((20, 1, 8, 8)).astype(np.float32), np.arange(20) % 2
    params = {"module": "convnet", "module_params": {"n_filters": 3, "n_hidden": 4}}
    clf = quick_classifier(max_epochs=2, **params).fit(X, y)
    assert_same_model(through_file(clf), clf, X, y)


LABELS = {
    "bool": [False, True],
    "object strings": np.array(["a", "b"], dtype=object),
    "long strings": ["a" * 300, "b"],
    "odd strings": ["\ud800", "\n\0x", "é漢🙂"],
    "large integers": [2**53, 2**53 + 1, -(2**62) - 1],
    "large unsigned integers": np.array([2**63, 2**64 - 1], dtype=np.uint64),
    "big-endian": np.array([3, 4], dtype=">i4"),
    "dates": np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]"),
    "nanoseconds": np.array([1, 2], dtype="datetime64[ns]"),
    "spans": np.array([1, 2], dtype="timedelta64[25s]"),
    "long double": np.array([1, 2], dtype=np.longdouble),
    **{
        name: np.array([1, 2], dtype=name)
        for name in (
            *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
            *("float16", "float32", "float64"),
        )
    },
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_of_every_type_come_back(labels, through_file, rng):
    y = np.resize(np.asarray(labels), 30)
    X = rng.normal(size=(30, 2))
    for estimator in (
        quick_classifier(**SMALL).fit(X, y),
        quick_search([0.1], **SMALL).fit(X, y),
    ):
        loaded = through_file(estimator)
        assert loaded.classes_.dtype == estimator.classes_.dtype
        assert_array_equal(loaded.classes_, estimator.classes_)
        assert_array_equal(loaded.predict(X), estimator.predict(X))
    smoother = LabelSmoother().fit(y)
    assert_same_values(through_file(smoother), smoother)


@pytest.mark.parametrize(
    ("params", "y"),
    [
        ({}, [3, 4, 4]),
        ({"epsilon": [0.1, 0.2], "dtype": np.float32}, ["a", "b"]),
        ({"distribution": [0.3, 0.7], "dtype": "float16"}, [1, 2]),
        ({"distribution": "prior", "dtype": np.dtype("float64")}, [0, 1, 1]),
        ({"distribution": "each"}, [[0, 1], [1, 1]]),
    ],
)
def test_smoothers_are_the_same(params, y, through_file):
    smoother = LabelSmoother(**params).fit(y)
    loaded = through_file(smoother)
    assert_same_values(loaded, smoother)
    assert_array_equal(loaded.transform(y), smoother.transform(y))
    assert loaded.transform(y).dtype == smoother.transform(y).dtype


def test_partial_fit_continues(iris, through_file):
    X, y = iris
    clf = quick_classifier(batch_size=20, **SMALL).partial_fit(X, y, classes=[0, 1, 2])
    loaded = through_file(clf)
    for _ in range(2):
        clf.partial_fit(X, y)
        loaded.partial_fit(X, y)
    assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_warm_start_continues(iris, through_file):
    X, y = iris
    clf = quick_classifier(warm_start=True, early_stopping=True, **SMALL).fit(X, y)
    loaded = through_file(clf.fit(X, y))
    assert_same_model(loaded.fit(X, y), clf.fit(X, y), X)
    assert loaded.n_iter_ == 9
    assert len(loaded.validation_scores_) == 3


def test_parameters_changed_after_fit_do_not_change_what_is_loaded(iris, through_file):
    X, y = iris
    clf = quick_classifier(0.3, calibration="unsmooth", **SMALL).fit(X, y)
    expected = clf.predict_proba(X)
    clf.set_params(epsilon=0.0, calibration=None, hidden_layer_sizes=7, dropout=0.4)
    loaded = through_file(clf)
    assert_array_equal(loaded.predict_proba(X), expected)
    assert_array_equal(
        loaded.label_smoother_.transform(y), clf.label_smoother_.transform(y)
    )
    assert loaded.get_params() == clf.get_params()


def test_changed_scoring_is_refused(iris, tmp_path):
    search = quick_search([0.1], **SMALL).fit(*iris)
    search.set_params(scoring="neg_log_loss")
    with pytest.raises(ValueError, match="scoring was changed after fit"):
        save_model(search, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change", [{"module": nn.Linear}, {"optimizer": torch.optim.RMSprop}]
)
def test_changed_code_is_refused(iris, tmp_path, change):
    clf = quick_classifier(max_epochs=3, **CODE).fit(*iris)
    clf.set_params(**change)
    with pytest.raises(ValueError, match=f"{next(iter(change))} was changed after fit"):
        save_model(clf, tmp_path / "model")


CODE = {
    "module": Network,
    "module_params": {"n_units": 3, "activation": nn.ReLU},
    "optimizer": torch.optim.NAdam,
    "callbacks": [EpochScoring("accuracy")],
}


def test_code_is_passed_to_load_model(iris, through_file):
    X, y = iris
    clf = quick_classifier(max_epochs=3, **CODE).fit(X, y)
    loaded = through_file(clf, **CODE)
    assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    assert loaded.module is Network
    assert_same_model(clone(loaded).fit(X, y), clone(clf).fit(X, y), X)
    for kept in CODE:
        others = {name: value for name, value in CODE.items() if name != kept}
        with pytest.raises(TypeError, match=rf"without {kept}\. Pass .*{kept}=\.\.\."):
            through_file(clf, **others)
    with pytest.raises(TypeError, match="epsilon cannot be passed"):
        through_file(clf, **CODE, epsilon=0.2)


def test_code_that_predictions_do_not_use_may_be_replaced(iris, through_file):
    def scorer(estimator, X, y):
        return estimator.score(X, y)

    X, y = iris
    params = {"cv": StratifiedKFold(3), "random_state": np.random.RandomState(0)}
    search = quick_search([0.1], scoring=scorer, **{**SMALL, **params}).fit(X, y)
    loaded = through_file(search, cv=3, random_state=0, scoring=None)
    assert_array_equal(loaded.predict_proba(X), search.predict_proba(X))
    assert (loaded.cv, loaded.random_state) == (3, 0)


@pytest.mark.parametrize(
    ("module_params", "message"),
    [
        ({"n_units": 5, "activation": nn.ReLU}, "do not have the shapes"),
        ({"n_units": 3, "activation": nn.Tanh}, "predictions of the module differ"),
        ({"n_layers": 3}, "n_layers"),
    ],
)
def test_another_module_is_refused(iris, through_file, module_params, message):
    clf = quick_classifier(max_epochs=3, **CODE).fit(*iris)
    with pytest.raises(ValueError, match=message):
        through_file(clf, **{**CODE, "module_params": module_params})


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (
            SmoothedTargetClassifier(LogisticRegression()),
            TypeError,
            "Save its classifier_ by its own",
        ),
        (make_pipeline(LabelSmoother()), TypeError, "To save a Pipeline, use skops.io"),
        (LabelSmoothingClassifier(), NotFittedError, "not fitted yet"),
    ],
)
def test_other_estimators_are_refused(estimator, error, message, tmp_path):
    with pytest.raises(error, match=message):
        save_model(estimator, tmp_path / "model")


def test_the_file_has_no_training_samples(iris, tmp_path, rng):
    X, y = rng.normal(size=iris[0].shape), iris[1]
    path = tmp_path / "model"
    search = quick_search([0.1], ensemble=False, **SMALL).fit(X, y)
    save_model(search, path)
    content = path.read_bytes()
    for dtype in (np.float64, np.float32):
        assert not any(value.tobytes() in content for value in X.astype(dtype).ravel())
    assert not any(repr(float(value)).encode() in content for value in X.ravel())
    assert not any(row.tobytes() in content for row in search.oof_proba_)
    save_model(search, path, include_oof=True)
    assert search.oof_proba_.tobytes() in path.read_bytes()


@pytest.mark.posix
def test_a_file_keeps_its_permissions_and_links(iris, tmp_path):
    smoother = LabelSmoother().fit(iris[1])
    path, link = tmp_path / "model", tmp_path / "link"
    save_model(smoother, path)
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    link.symlink_to(path)
    save_model(smoother.set_params(epsilon=0.2), link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert load_model(path).epsilon == 0.2
    assert sorted(tmp_path.iterdir()) == [link, path]


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(iris, tmp_path, where, monkeypatch):
    smoother, path = LabelSmoother().fit(iris[1]), tmp_path / "model"
    save_model(smoother, path)
    before = path.read_bytes()

    def fail(*args):
        raise OSError(28, "No space left on device")

    if where == "write":
        smoother.set_params(distribution=list(range(10**6)))  # more than 4 MB
        resource = pytest.importorskip("resource")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    else:
        monkeypatch.setattr(os, where, fail)
    try:
        with pytest.raises(OSError, match=r"No space left|File too large"):
            save_model(smoother, path)
    finally:
        if where == "write":
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


def test_missing_files_and_folders(iris, tmp_path):
    smoother = LabelSmoother().fit(iris[1])
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "model")
    with pytest.raises(FileNotFoundError):
        save_model(smoother, tmp_path / "folder" / "model")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        save_model(smoother, tmp_path)


def test_a_model_of_cuda_predicts_where_there_is_none(iris, tmp_path, monkeypatch):
    X, y = iris
    clf = quick_classifier(**SMALL).fit(X, y)
    path = tmp_path / "model"
    with monkeypatch.context() as patch:  # as if it had been trained there
        patch.setattr(torch, "device", lambda device: device)
        vars(clf)["_network"] = _on_cuda(vars(clf)["_network"])
        save_model(clf, path)
    loaded = load_model(path)
    assert loaded.device_ == "cuda:7"
    assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def _on_cuda(network):
    from dataclasses import replace

    return replace(network, device="cuda:7")


def test_loading_neither_imports_nor_executes(iris, tmp_path):
    path, other = tmp_path / "model", tmp_path / "other"
    save_model(quick_search([0.1], **SMALL).fit(*iris), path)
    save_model(quick_classifier(**SMALL).fit(*iris), other)
    script = f"""
        import sys
        from sklearn_ls import load_model
        load_model({str(other)!r})  # imports what is imported only once
        before, events = {{*sys.modules}}, []
        watched = ("import", "exec", "compile", "pickle.find_class", "os.system",
                   "subprocess.Popen", "socket.connect", "ctypes.dlopen")
        sys.addaudithook(lambda event, args: events.append((event, args))
                         if event in watched else None)
        load_model({str(path)!r})
        assert not events, events
        assert before == {{*sys.modules}}
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


def test_saving_changes_nothing(iris, tmp_path):
    clf = quick_classifier(**SMALL).fit(*iris)
    before = pickle.dumps(clf)
    save_model(clf, tmp_path / "model")
    assert pickle.dumps(clf) == before
    save_model(clf, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_the_file_is_safetensors_with_versions(iris, tmp_path):
    from safetensors import safe_open

    path = tmp_path / "model.safetensors"
    save_model(quick_classifier(**SMALL).fit(*iris), path)
    with safe_open(path, framework="numpy") as file:
        assert "model.fitted.network.weights.1.weight" in file.keys()
        content = json.loads(file.metadata()["sklearn_ls"])
    assert content["version"] == 1
    versions = content["model"]["versions"]
    assert versions["torch"] == torch.__version__


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.integers(-(2**63), 2**63 - 1).map(np.int64)
    | st.floats(width=32).map(np.float32)
    | st.sampled_from([np.float32, np.dtype(">i8"), np.datetime64("2020-01-01", "s")]),
    lambda values: (
        st.lists(values)
        | st.lists(values).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.sampled_from("$"), values)
        | st.lists(values).map(lambda items: _objects(items))
    ),
)


def _objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


@settings(deadline=None)
@given(VALUES)
def test_values_come_back(value):
    from sklearn_ls._files.values import decode, encode

    arrays = {}
    encoded = json.loads(json.dumps(encode(value, arrays, "a"), allow_nan=False))
    assert_same_values(decode(encoded, arrays, {}), value)
