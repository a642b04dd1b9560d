"""Interrupted and continued trainings equal uninterrupted ones."""

import copy
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from skorch.callbacks import EpochScoring
from torch import nn

import sklearn_ls._network.training
from helpers import quick_classifier, quick_search
from sklearn_ls import ModelFileError
from sklearn_ls._files.checkpoints import Checkpoint, Checkpoints, digest_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {"hidden_layer_sizes": (6,), "max_epochs": 6, "batch_size": 32}


class Stopped(BaseException):
    """Simulates the end of the process."""


@pytest.fixture
def stop_after(monkeypatch):
    """Return a function that stops the training after some checkpoints."""
    write = Checkpoint.write

    monkeypatch.setattr(Checkpoint, "is_due", lambda self: True)

    def stop(n_checkpoints):
        written = []

        def write_and_stop(self, state):
            write(self, state)
            written.append(self.path)
            if len(written) == n_checkpoints:
                raise Stopped

        monkeypatch.setattr(Checkpoint, "write", write_and_stop)

    return stop


class Normalized(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(
            nn.Linear(n_features, 5),
            nn.BatchNorm1d(5),
            nn.Dropout(0.2),
            nn.Linear(5, n_classes),
        )


class Gelu(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(nn.Linear(n_features, 5), nn.GELU(), nn.Linear(5, n_classes))


CLASSIFIERS = {
    "built-in": {},
    "cosine": {"learning_rate_schedule": "cosine", "ema_decay": 0.9},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2},
    "calibrated": {"calibration": "temperature", "dropout": 0.3},
    "momentum": {"optimizer": "sgd", "optimizer_params": {"momentum": 0.9}},
    "own optimizer": {"optimizer": torch.optim.RAdam},
    "coupling": {"optimizer": torch.optim.LBFGS, "weight_decay": 0.0, "max_epochs": 3},
    "own module": {"module": Normalized, "early_stopping": True},
}


def interrupted(estimator, given, folder, stop_after, n_checkpoints, **params):
    """Return an estimator fitted with interruptions, and their number."""
    for number in range(100):
        stop_after(n_checkpoints[number % len(n_checkpoints)])
        again = clone(estimator)
        try:
            again.fit(*given, checkpoint=folder, **params)
        except Stopped:
            continue
        assert not folder.exists()
        return again, number
    raise AssertionError("no end")


def assert_same(actual, expected, X):
    assert_array_equal(actual.predict_proba(X), expected.predict_proba(X))
    if hasattr(expected, "loss_curve_"):
        assert actual.loss_curve_ == expected.loss_curve_
        assert actual.validation_scores_ == expected.validation_scores_
    if hasattr(expected, "oof_proba_"):
        assert_array_equal(actual.oof_proba_, expected.oof_proba_)
        assert [member.n_iter_ for member in actual.estimators_] == [
            member.n_iter_ for member in expected.estimators_
        ]


@pytest.mark.parametrize("params", CLASSIFIERS.values(), ids=CLASSIFIERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classifiers(iris, params, dtype, tmp_path, stop_after):
    given = iris[0].astype(dtype), iris[1]
    clf = quick_classifier(**{**SMALL, **params})
    expected = clone(clf).fit(*given)
    clf, n_times = interrupted(clf, given, tmp_path / "run", stop_after, [1, 2])
    assert n_times > 1
    assert_same(clf, expected, given[0])


SEARCHES = {
    "stacks": {"n_iter_no_change": 2, "max_epochs": 40},
    "refitted": {"ensemble": False},
    "cosine": {"learning_rate_schedule": "cosine"},
    "own module in stacks": {"module": Gelu},
    "one after another": {"module": Normalized},
}


@pytest.mark.parametrize("params", SEARCHES.values(), ids=SEARCHES)
def test_searches(iris, params, tmp_path, stop_after):
    search = quick_search([0.0, 0.3], **{**SMALL, **params})
    expected = clone(search).fit(*iris)
    search, n_times = interrupted(search, iris, tmp_path / "run", stop_after, [1, 3, 4])
    assert n_times > 1
    assert_same(search, expected, iris[0])
    if params.get("n_iter_no_change"):  # some networks leave the stack before others
        assert len({member.n_iter_ for member in search.estimators_}) > 1


@pytest.mark.parametrize("make", [quick_classifier, lambda: quick_search([0.1])])
def test_votes(iris, make, tmp_path, stop_after):
    X, y = iris
    votes = np.stack([y, (y + np.arange(150) % 2) % 3], axis=1)
    estimator = make().set_params(**SMALL)
    expected = clone(estimator).fit(X, y, votes=votes)
    estimator, _ = interrupted(
        estimator, iris, tmp_path / "run", stop_after, [2], votes=votes
    )
    assert_same(estimator, expected, X)
    assert_array_equal(estimator.annotator_confusion_, expected.annotator_confusion_)


def test_sparse_X_and_further_arguments(iris, tmp_path, stop_after, rng):
    given = csr_array(np.maximum(iris[0], 0)), iris[1]
    params = {"sample_weight": rng.random(150), "sample_epsilon": rng.random(150)}
    clf = quick_classifier(**SMALL)
    expected = clone(clf).fit(*given, **params)
    clf, _ = interrupted(clf, given, tmp_path / "run", stop_after, [2], **params)
    assert_same(clf, expected, given[0])


def test_warm_start(iris, tmp_path, stop_after):
    X, y = iris
    params = {"warm_start": True, "early_stopping": True, **SMALL}
    expected = quick_classifier(**params).fit(X, y).fit(X, y)
    clf = quick_classifier(**params).fit(X, y)
    stop_after(2)
    with pytest.raises(Stopped):
        clf.fit(X, y, checkpoint=tmp_path / "run")
    assert clf.n_iter_ == 6  # as before
    assert_same(clf.fit(X, y, checkpoint=tmp_path / "run"), expected, X)
    assert clf.n_iter_ == 12


def test_random_seed_is_kept(iris, tmp_path, stop_after):
    X, y = iris
    clf = quick_classifier(random_state=None, **SMALL)
    stop_after(2)
    with pytest.raises(Stopped):
        clf.fit(X, y, checkpoint=tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    stop_after(-1)
    one = clone(clf).fit(X, y, checkpoint=tmp_path / "run")
    other = clone(clf).fit(X, y, checkpoint=tmp_path / "copy")
    assert_same(one, other, X)
    assert not np.array_equal(one.predict_proba(X), clf.fit(X, y).predict_proba(X))


def test_processes(iris, tmp_path, stop_after):
    search = quick_search([0.0, 0.3], n_jobs=2, **SMALL)
    expected = clone(search).fit(*iris)
    assert_same(
        clone(search).fit(*iris, checkpoint=tmp_path / "run"), expected, iris[0]
    )
    assert not (tmp_path / "run").exists()


def dropping(n_features, n_classes, p=0.1):
    return nn.Sequential(nn.Dropout(p), nn.Linear(n_features, n_classes))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"random_state": 0}, {"random_state": 1}),
        ({"module": partial(dropping, p=0.1)}, {"module": partial(dropping, p=0.2)}),
        (
            {"module": lambda n, k: nn.Linear(n, k)},
            {"module": lambda n, k: dropping(n, k)},
        ),
        (
            {"module_params": {"p": 0.1, "other": lambda: 0}},
            {"module_params": {"p": 0.2, "other": lambda: 0}},
        ),
        (
            {"epsilon": pd.Series([0.1, 0.2, 0.3])},
            {"epsilon": pd.Series([0.1, 0.2, 0.4])},
        ),
        ({"X": csr_array(np.eye(4)), "n": 1}, {"X": csr_array(np.eye(4, 5)), "n": 1}),
    ],
    ids=["seed", "partial", "lambda", "parameters", "Series", "sparse"],
)
def test_trainings_have_a_hash(first, second):
    assert digest_of(first) == digest_of(copy.copy(first))
    assert digest_of(first) != digest_of(second)


def test_files_of_another_training_are_ignored(iris, tmp_path, stop_after):
    X, y = iris
    clf, folder = quick_classifier(**SMALL), tmp_path / "run"
    stop_after(6)
    with pytest.raises(Stopped):
        clf.fit(X, y, checkpoint=folder)
    (folder / "training.sklearn_ls").unlink()
    stop_after(-1)
    expected = clone(clf).fit(X, (y + 1) % 3)
    clf.fit(X, (y + 1) % 3, checkpoint=folder)
    assert_same(clf, expected, X)


def test_relative_folders_are_those_of_the_call(iris, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Checkpoints, "remove", lambda self: os.chdir("elsewhere"))
    quick_classifier(**SMALL).fit(*iris, checkpoint="run")
    assert (tmp_path / "run" / "network.sklearn_ls").exists()


def test_many_networks_have_short_names(rng, tmp_path):
    X, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    search = quick_search(np.linspace(0, 0.5, 60), cv=2, **SMALL)
    search.set_params(hidden_layer_sizes=(), max_epochs=1)
    search.fit(X, y, checkpoint=tmp_path / "run")


def test_interrupted_by_the_user(iris, tmp_path, monkeypatch):
    X, y = iris
    monkeypatch.setattr(Checkpoint, "is_due", lambda self: True)
    expected = quick_classifier(**SMALL).fit(X, y)
    run_epoch, n_epochs = sklearn_ls._network.training._run_epoch, []

    def interrupt(trainer, states, seed, epoch):
        n_epochs.append(epoch)
        if len(n_epochs) in (3, 4):  # also in the first epoch after a restart
            trainer.train_epoch(seed, epoch)
            raise KeyboardInterrupt
        run_epoch(trainer, states, seed, epoch)

    monkeypatch.setattr(sklearn_ls._network.training, "_run_epoch", interrupt)
    for _ in range(2):
        with pytest.warns(UserWarning, match="interrupted after 2 epochs"):
            clf = quick_classifier(**SMALL).fit(X, y, checkpoint=tmp_path / "run")
    monkeypatch.setattr(sklearn_ls._network.training, "_run_epoch", run_epoch)
    two = quick_classifier(**{**SMALL, "max_epochs": 2}).fit(X, y)
    assert_array_equal(clf.predict_proba(X), two.predict_proba(X))
    clf = quick_classifier(**SMALL).fit(X, y, checkpoint=tmp_path / "run")
    assert_same(clf, expected, X)


@pytest.mark.parametrize(
    "change",
    [
        lambda clf, X, y: (clf.set_params(learning_rate=0.1), X, y),
        lambda clf, X, y: (clf.set_params(module=Gelu), X, y),
        lambda clf, X, y: (clf, X + 1, y),
        lambda clf, X, y: (clf, X.astype(np.float32), y),
        lambda clf, X, y: (clf, X, y[::-1]),
        lambda clf, X, y: (quick_search([0.1], **SMALL), X, y),
    ],
)
def test_another_training_is_refused(iris, tmp_path, stop_after, change):
    clf, folder = quick_classifier(**SMALL), tmp_path / "run"
    stop_after(1)
    with pytest.raises(Stopped):
        clf.fit(*iris, checkpoint=folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    other, X, y = change(clone(clf), *iris)
    with pytest.raises(ValueError, match="belongs to a training with different data"):
        other.fit(X, y, checkpoint=folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_splits_at_random_are_refused(iris, tmp_path, stop_after):
    splitter = StratifiedKFold(3, shuffle=True)
    search = quick_search([0.1], cv=splitter, **SMALL)
    stop_after(1)
    with pytest.raises(Stopped):
        search.fit(*iris, checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match="a cv that splits at random"):
        search.fit(*iris, checkpoint=tmp_path / "run")


def test_trainings_that_cannot_continue_are_refused(iris, tmp_path, stop_after):
    clf = quick_classifier(callbacks=[EpochScoring("accuracy")])
    with pytest.raises(ValueError, match="callbacks cannot be combined"):
        clf.fit(*iris, checkpoint=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    stop_after(1)
    clf = quick_classifier(**SMALL)
    with pytest.raises(Stopped):
        clf.fit(*iris, checkpoint=tmp_path / "run")
    path = tmp_path / "run" / "network.sklearn_ls"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match=r"network\.sklearn_ls cannot be read"):
        clf.fit(*iris, checkpoint=tmp_path / "run")


def test_writing_takes_a_small_share_of_the_time(iris, tmp_path, monkeypatch):
    now, written = [0.0], []

    def write(path, data):
        if path.name.startswith("network"):
            written.append(now[0])
            now[0] += 1.0  # second

    class Clock:
        @staticmethod
        def monotonic():
            now[0] += 0.1
            return now[0]

    monkeypatch.setattr("sklearn_ls._files.checkpoints.time", Clock)
    monkeypatch.setattr("sklearn_ls._files.checkpoints.write_atomically", write)
    quick_classifier(**{**SMALL, "max_epochs": 300}).fit(*iris, checkpoint=tmp_path)
    gaps = np.diff(written)
    assert len(gaps) > 1
    assert gaps[:-1].min() > 10  # the last one is the end


def test_other_files_in_the_folder_stay(iris, tmp_path):
    names = ["model.safetensors", "notes.txt", ".model.tmp"]
    for name in names:
        (tmp_path / name).write_text("mine")
    quick_classifier(**SMALL).fit(*iris, checkpoint=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_folder_that_cannot_be_written_fails_before_the_training(iris, tmp_path):
    (tmp_path / "file").write_text("")
    clf = quick_classifier(**SMALL)
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OSError, match="file"):
            clf.fit(*iris, checkpoint=folder)
    assert not hasattr(clf, "classes_")


def test_a_full_disk_does_not_end_the_training(iris, tmp_path, stop_after):
    folder = tmp_path / "run"
    clf = quick_classifier(hidden_layer_sizes=(400,), max_epochs=4)
    expected = clone(clf).fit(*iris)
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    stop_after(1)
    with pytest.raises(Stopped):
        clf.fit(*iris, checkpoint=folder)
    before = (folder / "network.sklearn_ls").read_bytes()
    stop_after(2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.warns(UserWarning, match=r"could not be written \(EFBIG: .* again"):
            with pytest.raises(Stopped):
                clf.fit(*iris, checkpoint=folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (folder / "network.sklearn_ls").read_bytes() == before
    assert len(list(folder.iterdir())) == 2  # no temporary file is left
    stop_after(-1)
    assert_same(clf.fit(*iris, checkpoint=folder), expected, iris[0])


KILLED = """
    import sys
    from pathlib import Path
    import numpy as np
    import torch
    from sklearn.datasets import load_digits
    from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV
    torch.set_num_threads(1)
    X, y = load_digits(return_X_y=True)
    params = {"max_epochs": 40, "tol": 0.0, "random_state": 0, "device": "cpu"}
    if sys.argv[1] == "network":
        estimator = LabelSmoothingClassifier(**params)
    else:
        estimator = LabelSmoothingClassifierCV([0.0, 0.2], cv=2, **params)
    folder = sys.argv[2] if len(sys.argv) > 3 else None
    print("ready", flush=True)
    estimator.fit(X, y, checkpoint=folder)
    np.save(sys.argv[-1], estimator.predict_proba(X))
"""


def start(kind, folder, output, with_checkpoint=True):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), kind]
    command += [str(folder), str(output)] if with_checkpoint else [str(output)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
    return process


def kill_at_random(kind, tmp_path, n_kills, seed):
    """Kill a training repeatedly, and compare its result with an uninterrupted one.

    If it ends before it is killed, it starts again, and is killed sooner.
    """
    process = start(kind, None, tmp_path / "expected.npy", False)
    begin = time.perf_counter()
    assert process.wait() == 0
    longest = (time.perf_counter() - begin) / n_kills
    rng, killed, code = random.Random(seed), 0, None
    folder, output = tmp_path / "run", tmp_path / "actual.npy"
    while killed < n_kills or code != 0:
        process = start(kind, folder, output)
        if killed < n_kills:
            time.sleep(rng.uniform(0, longest))
            process.send_signal(signal.SIGKILL)
        code = process.wait()
        if code == 0:
            assert not folder.exists()
            assert_array_equal(np.load(output), np.load(tmp_path / "expected.npy"))
            longest /= 2
        else:
            assert code == -signal.SIGKILL
            killed += 1


@pytest.mark.processes
@pytest.mark.posix
@pytest.mark.parametrize(("kind", "n_kills"), [("network", 2), ("search", 1)])
def test_killed_trainings_continue(kind, n_kills, tmp_path):
    kill_at_random(kind, tmp_path, n_kills, seed=0)


@pytest.mark.long
@pytest.mark.posix
@pytest.mark.parametrize("kind", ["network", "search"])
def test_trainings_killed_many_times_continue(kind, tmp_path):
    for seed in range(1, 6):
        (tmp_path / str(seed)).mkdir()
        kill_at_random(kind, tmp_path / str(seed), n_kills=10, seed=seed)


@pytest.mark.skipif(
    getattr(os, "geteuid", lambda: 1)() != 0, reason="mounting a file system needs root"
)
def test_a_disk_that_is_really_full(iris, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted")
    try:
        clf = quick_classifier(hidden_layer_sizes=(3000,), max_epochs=2)
        expected = clone(clf).fit(*iris)
        with pytest.warns(
            UserWarning, match=r"could not be written \(ENOSPC: No space"
        ):
            clf.fit(*iris, checkpoint=disk / "run")
        assert_same(clf, expected, iris[0])
    finally:
        subprocess.run(["umount", str(disk)], check=True)
