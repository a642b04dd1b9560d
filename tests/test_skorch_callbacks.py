"""Callbacks are copied and called, and receive data, as in skorch."""

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import numpy as np
import pytest
import skorch
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import average_precision_score, roc_auc_score
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
)

from helpers import quick_classifier
from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV

PARAMS = {
    "hidden_layer_sizes": (20,),
    "learning_rate": 0.01,
    "batch_size": 40,
    "max_epochs": 4,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
HOOKS = [name for name in vars(Callback) if name.startswith("on_")]


def make(**params):
    return LabelSmoothingClassifier(**{**PARAMS, **params})


class Recorder(Callback):
    """Records the losses in the history at the end of each epoch."""

    def __init__(self, every=1):
        self.every = every

    def initialize(self):
        self.losses_, self.batches_ = [], 0
        return self

    def on_batch_end(self, net, training=False, **kwargs):
        self.batches_ += training

    def on_epoch_end(self, net, **kwargs):
        self.losses_.append(net.history[-1, "train_loss"])


CALLBACKS = {
    "recorder": lambda: Recorder(),
    "epoch scoring": lambda: EpochScoring("accuracy", on_train=True, name="score"),
    "batch scoring": lambda: BatchScoring("accuracy", on_train=True, name="score"),
    "rates": lambda: LRScheduler("StepLR", step_size=1),
    "stopping": lambda: EarlyStopping("train_loss", patience=2, load_best=True),
}
all_callbacks = pytest.mark.parametrize(
    "make_callback", CALLBACKS.values(), ids=CALLBACKS
)


# Row 65
@all_callbacks
@pytest.mark.parametrize("train", ["fit", "partial_fit", "search"])
def test_classifier_leaves_the_callbacks_as_they_are(iris, make_callback, train):
    callback = make_callback()
    before = copy.deepcopy(vars(callback))
    callbacks = [callback]
    clf = make(callbacks=callbacks)
    if train == "search":
        clf = LabelSmoothingClassifierCV([0.1], cv=2, callbacks=callbacks, **PARAMS)
    classes = {"classes": [0, 1, 2]} if train == "partial_fit" else {}
    getattr(clf, "partial_fit" if classes else "fit")(*iris, **classes)
    assert vars(callback) == before
    assert clf.callbacks is callbacks
    assert len(callbacks) == 1
    assert callbacks[0] is callback


# Row 65
def test_net_holds_the_callbacks_with_what_they_recorded(iris):
    callback = Recorder(every=3)
    clf = make(callbacks=[callback, EpochScoring("accuracy", on_train=True)])
    clf.fit(*iris)
    callbacks = dict(clf.net_.callbacks_)
    assert callbacks["Recorder"] is not callback
    assert callbacks["Recorder"].every == 3
    assert callbacks["Recorder"].losses_ == clf.loss_curve_
    assert callbacks["Recorder"].batches_ == 16
    assert callbacks["EpochScoring"].best_score_ == min(clf.net_.history[:, "accuracy"])


# Row 65
def test_classifier_fits_again_with_fresh_callbacks(iris):
    clf = make(callbacks=[Recorder()]).fit(*iris)
    first = dict(clf.net_.callbacks_)["Recorder"]
    clf.set_params(random_state=1).fit(*iris)
    second = dict(clf.net_.callbacks_)["Recorder"]
    assert second is not first
    assert second.losses_ == clf.loss_curve_
    assert first.losses_ != second.losses_
    assert len(first.losses_) == len(second.losses_) == 4


# Row 65
@all_callbacks
def test_classifiers_share_callbacks_between_threads(iris, make_callback):
    X, y = iris
    estimators = [make(random_state=seed, max_epochs=10) for seed in range(6)]
    serial = [clone(clf).set_params(callbacks=[make_callback()]) for clf in estimators]
    shared = [make_callback()]
    for clf in estimators:
        clf.set_params(callbacks=shared)
    with ThreadPoolExecutor(4) as threads:
        fits = [threads.submit(clf.fit, X, y) for clf in estimators]
    for fit, clf in zip(fits, serial, strict=True):
        expected = clf.fit(X, y)
        assert_array_equal(fit.result().predict_proba(X), expected.predict_proba(X))
        rows = zip(fit.result().net_.history, expected.net_.history, strict=True)
        for row, expected_row in rows:
            assert row.get("score") == expected_row.get("score")
        for (_, ours), (_, theirs) in zip(
            fit.result().net_.callbacks_, expected.net_.callbacks_, strict=True
        ):
            recorded = vars(theirs).keys() & {"losses_", "batches_", "best_score_"}
            assert all(vars(ours)[name] == vars(theirs)[name] for name in recorded)


# Row 65
def test_classifier_takes_callbacks_that_cannot_be_copied_deeply(iris, tmp_path):
    class Log(Callback):
        def __init__(self, file):
            self.file = file

        def on_epoch_end(self, net, **kwargs):
            self.file.write(f"{len(net.history)}\n")

    with open(tmp_path / "log", "w+") as file:
        make(callbacks=[Log(file)]).fit(*iris)
        file.seek(0)
        assert file.read().split() == ["1", "2", "3", "4"]


# Scores


@pytest.fixture
def two_classes(rng):
    X = rng.normal(size=(300, 4))
    noise = rng.normal(size=300)
    return X, np.array(["no", "yes"])[(X.sum(axis=1) + noise > 0).astype(int)]


METRICS = {
    "roc_auc": roc_auc_score,
    "average_precision": average_precision_score,
}


# Row 86
@pytest.mark.parametrize("scoring", ["neg_log_loss", "neg_brier_score", "f1"])
def test_epoch_scoring_of_two_classes(two_classes, scoring):
    callback = EpochScoring(scoring, lower_is_better=False, name="score")
    clf = make(callbacks=[callback], early_stopping=True).fit(*two_classes)
    scores = clf.net_.history[:, "score"]
    best = [score > max(scores[:i], default=-np.inf) for i, score in enumerate(scores)]
    assert clf.net_.history[:, "score_best"] == best


# Row 86
@pytest.mark.parametrize("scoring", METRICS)
@pytest.mark.parametrize("on_train", [False, True])
@pytest.mark.parametrize("use_caching", [False, True])
def test_epoch_scoring_ranks_as_sklearn(two_classes, scoring, on_train, use_caching):
    X, y = two_classes
    metric = METRICS[scoring]
    options = {
        "lower_is_better": False,
        "on_train": on_train,
        "use_caching": use_caching,
    }
    callbacks = [
        EpochScoring(scoring, name="ranking", **options),
        EpochScoring(
            lambda net, X, y: metric(y, net.predict_proba(X)[:, 1]),
            name="expected",
            **options,
        ),
    ]
    clf = make(callbacks=callbacks, early_stopping=True).fit(X, y)
    history = clf.net_.history
    assert_allclose(history[:, "ranking"], history[:, "expected"])
    assert_array_equal(history[:, "ranking_best"], history[:, "expected_best"])


# Row 86
@pytest.mark.parametrize("scoring", METRICS)
def test_epoch_scoring_equals_the_score_of_the_fitted_classifier(two_classes, scoring):
    X, y = two_classes
    callback = EpochScoring(
        scoring, lower_is_better=False, on_train=True, use_caching=False
    )
    clf = make(callbacks=[callback], early_stopping=False).fit(X, y)
    expected = METRICS[scoring](y == "yes", clf.predict_proba(X)[:, 1])
    assert_allclose(clf.net_.history[-1, scoring], expected)


# Row 86
@pytest.mark.parametrize("scoring", ["roc_auc_ovr", "neg_log_loss", "f1_macro"])
def test_epoch_scoring_of_three_classes(iris, scoring):
    callback = EpochScoring(scoring, on_train=True, use_caching=False, name="score")
    clf = make(callbacks=[callback]).fit(*iris)
    assert np.isfinite(clf.net_.history[:, "score"]).all()


# The history


LOSSES = {"epoch", "train_loss", "train_loss_best", "dur"}
VALIDATION = {"valid_loss", "valid_loss_best", "valid_acc", "valid_acc_best"}


# Row 87
@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("verbose", [0, 1])
@pytest.mark.parametrize(
    "callbacks", [None, [Callback()], [Recorder()]], ids=["none", "epoch", "batch"]
)
def test_history_has_the_keys_of_skorch(iris, early_stopping, verbose, callbacks):
    clf = make(early_stopping=early_stopping, callbacks=callbacks, verbose=verbose)
    history = clf.fit(*iris).net_.history
    assert len(history) == 4
    for row in history:
        expected = LOSSES | VALIDATION if early_stopping else LOSSES
        assert row.keys() >= expected
        assert row["dur"] > 0
    if early_stopping:
        scores = history[:, "valid_acc"]
        assert scores == clf.validation_scores_
        best = [score > max(scores[:i], default=-1) for i, score in enumerate(scores)]
        assert history[:, "valid_acc_best"] == best


# Row 87
def test_checkpoint_monitors_the_best_accuracy(iris, tmp_path):
    checkpoint = Checkpoint(monitor="valid_acc_best", dirname=tmp_path)
    clf = make(callbacks=[checkpoint], early_stopping=True).fit(*iris)
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    names = {"params.pt", "optimizer.pt", "criterion.pt", "history.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert saved.keys() == clf.net_.module_.state_dict().keys()
    history = json.loads((tmp_path / "history.json").read_text())
    best = clf.net_.history[:, "valid_acc_best"]
    assert len(history) == 4 - best[::-1].index(True)
    assert clf.net_.history[:, "event_cp"] == best


# How callbacks are called


# Row 90
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("early_stopping", [True, False])
def test_hooks_of_the_instance_are_called(iris, hook, early_stopping):
    calls, expected = [], []
    callback = Callback()
    setattr(callback, hook, lambda net, *args, **kwargs: calls.append(kwargs.keys()))

    def count(self, net, *args, **kwargs):
        expected.append(kwargs.keys())

    in_class = type("InClass", (Callback,), {hook: count})()
    make(callbacks=[callback], early_stopping=early_stopping).fit(*iris)
    make(callbacks=[in_class], early_stopping=early_stopping).fit(*iris)
    assert len(calls) > 0
    assert calls == expected


# Row 90
def test_mocks_are_callbacks(iris):
    spy = mock.Mock(spec=Callback)
    clf = make(callbacks=[spy], early_stopping=True).fit(*iris)
    (copied,) = (each for _, each in clf.net_.callbacks_ if isinstance(each, mock.Mock))
    assert spy.mock_calls == []
    counts = {hook: getattr(copied, hook).call_count for hook in HOOKS}
    assert counts["on_train_begin"] == counts["on_train_end"] == 1
    assert counts["on_epoch_begin"] == counts["on_epoch_end"] == 4
    assert counts["on_batch_begin"] == counts["on_batch_end"] > 4
    assert counts["on_grad_computed"] > 4
    call = copied.on_epoch_end.call_args
    assert isinstance(call.args[0], skorch.NeuralNet)
    assert {"dataset_train", "dataset_valid"} <= call.kwargs.keys()


class Averaging(skorch.callbacks.Callback):
    """Sets the weights at the end of the training, like an average."""

    def on_train_end(self, net, X=None, y=None, **kwargs):
        with torch.no_grad():
            for weights in net.module_.parameters():
                weights.zero_()


def test_weights_that_a_callback_sets_at_the_end_are_those_of_the_classifier(iris):
    X, y = iris
    clf = quick_classifier(callbacks=[Averaging()], early_stopping=False)
    assert_allclose(clf.fit(X, y).predict_proba(X), 1 / 3)


class Follower(skorch.callbacks.Callback):
    """Reads the records of another callback."""

    def __init__(self, other):
        self.other = other

    def on_epoch_end(self, net, **kwargs):
        self.seen_ = self.other.n_epochs_


class Counter(skorch.callbacks.Callback):
    def initialize(self):
        self.n_epochs_ = 0
        return self

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ += 1


def test_callbacks_may_refer_to_each_other(iris):
    counter = Counter()
    clf = quick_classifier(callbacks=[counter, Follower(counter)], max_epochs=3)
    callbacks = dict(clf.fit(*iris).net_.callbacks_)
    assert callbacks["Follower"].seen_ == callbacks["Counter"].n_epochs_ == 3
