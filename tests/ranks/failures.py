"""Effects of failures and interrupts in one process on all processes."""

import contextlib
import io
import os
import signal
import sys
import threading
import time
import warnings
from datetime import timedelta
from pathlib import Path

import joblib
import numpy as np
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from ranks.cases import WEIGHT, Watcher, X, Y, checkpointed, describe, small
from sklearn_ls import LabelSmoothingClassifierCV
from sklearn_ls._network import ranks

FOLDER = Path(os.environ.get("RESULTS", "."))
RANK = int(os.environ.get("RANK", 0))


class AfterEpoch(Callback):
    """Calls a function in one process after an epoch."""

    def __init__(self, act, epoch=2, rank=1):
        self.act = act
        self.epoch = epoch
        self.rank = rank

    def on_epoch_end(self, net, **kwargs):
        """Call it."""
        if len(net.history) == self.epoch and self.rank == RANK:
            self.act()


def interrupt():
    """Press Ctrl-C, or stop the training as skorch's callbacks do."""
    os.kill(os.getpid(), signal.SIGINT)


def stop():
    """Stop the training as skorch's callbacks do."""
    raise KeyboardInterrupt


class Interrupting(torch.nn.Linear):
    """Presses Ctrl-C in one process in the 100th step."""

    n_steps = 0

    def forward(self, X):
        """Return logits."""
        if self.training:
            self.n_steps += 1
        if self.training and self.n_steps == 100 and RANK == 1:
            interrupt()
        return super().forward(X)


def fail():
    """Raise an error of a callback."""
    raise OSError("a disk is full")


def after_epoch(act, **params):
    """Return a classifier with a callback."""
    return small(callbacks=[AfterEpoch(act)], max_epochs=4, **params)


def interrupted_before_fit():
    """Return a classifier that is fitted, and then interrupted."""
    clf = after_epoch(interrupt).set_params(callbacks=None).fit(X, Y)
    return clf.set_params(callbacks=[AfterEpoch(interrupt)]).fit(X, Y)


def in_thread():
    """Return a classifier that a thread fits, in one process only."""
    fitted = []
    if RANK == 1:
        thread = threading.Thread(target=lambda: fitted.append(small().fit(X, Y)))
        thread.start()
        thread.join()
        assert fitted  # it trained alone
    return small().fit(X, Y)


def grid_search():
    """Return the best classifier of a search in this process."""
    grid = {"learning_rate": [0.01, 0.02]}
    return GridSearchCV(small(max_epochs=1), grid, cv=2).fit(X, Y).best_estimator_


def in_workers():
    """Return a classifier whose parameters workers of one process chose."""
    grid = {"learning_rate": [0.01, 0.02]}
    search = GridSearchCV(small(), grid, n_jobs=2, cv=2, refit=False)
    if RANK == 1:
        search.fit(X, Y)
    return small().fit(X, Y)


def forked():
    """Return a classifier that is equal to that of a forked process."""
    clf = small().fit(X, Y)
    if RANK == 1:
        child = os.fork()
        if child == 0:
            alone = small().fit(X, Y)
            os._exit(not np.allclose(alone.loss_curve_, clf.loss_curve_))
        assert os.waitpid(child, 0)[1] == 0
    return clf


def verbose():
    """Return the number of lines that a training prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        small(verbose=1).fit(X, Y)
    return len(printed.getvalue().splitlines())


def searched():
    """Return the score of a search, which each process runs by itself."""
    search = LabelSmoothingClassifierCV(
        [0.0, 0.1], cv=2, max_epochs=1, random_state=0, device="cpu"
    )
    return search.fit(X, Y).best_score_


class Failing(torch.nn.Linear):
    """Raises an error in the 100th step, in all processes."""

    n_steps = 0

    def forward(self, X):
        """Return logits."""
        self.n_steps += self.training
        if self.n_steps == 100:
            fail()
        return super().forward(X)


def written(folder):
    """Return the files that this process writes for a training that fails."""
    folder = folder / f"fit-{RANK}"
    with contextlib.suppress(OSError):
        small(module=Failing, max_epochs=9, batch_size=9).fit(X, Y, checkpoint=folder)
    return sorted(path.name for path in folder.glob("*"))


def hang():
    """Train together with a process that sleeps."""
    ranks.TIMEOUT = timedelta(seconds=1)
    return after_epoch(lambda: time.sleep(4)).fit(X, Y)


def last(X, value):
    """Return X with a different last number, in one process."""
    X = X.copy()
    X[-1, -1] = value if RANK == 1 else X[-1, -1]
    return X


SCENARIOS = {
    "divergence": lambda: small(
        feature_clip=None, optimizer="sgd", learning_rate=1e9
    ).fit(X * 1e9, Y),
    "other X": lambda: small().fit(X + RANK, Y),
    "other y": lambda: small().fit(X, Y if RANK else 2 - Y),
    "other weights": lambda: small().fit(X, Y, WEIGHT + RANK),
    "other parameters": lambda: small(epsilon=0.1 + 0.1 * RANK).fit(X, Y),
    "other callbacks": lambda: small(callbacks=[Watcher()] * RANK).fit(X, Y),
    "no backend": lambda: ranks.join_ranks("mps").__enter__(),
    "NaN in one": lambda: small().fit(last(X, np.nan), Y),
    "error in one": lambda: after_epoch(fail).fit(X, Y),
    "fit after errors": lambda: small().fit(X, Y),
    "Ctrl-C in one": lambda: after_epoch(interrupt).fit(X, Y),
    "Ctrl-C in an epoch": lambda: small(
        module=Interrupting, batch_size=4, max_epochs=9
    ).fit(X, Y),
    "Ctrl-C in one, fitted": interrupted_before_fit,
    "stop in one": lambda: after_epoch(stop).fit(X, Y),
    "grid search": grid_search,
    "thread": in_thread,
    "workers": in_workers,
    "lines": verbose,
    "search": searched,
    "files": lambda: written(FOLDER),
    "fork": forked,
    "killed": lambda: checkpointed(FOLDER / "run"),
    "hang": hang,
}


def run(scenario):
    """Return the result or error of a scenario, and its time."""
    start = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = scenario()
    except (Exception, KeyboardInterrupt) as error:
        result = f"{type(error).__name__}: {error}"
    if hasattr(result, "predict"):
        result = describe(result)
    return result, time.monotonic() - start


if __name__ == "__main__":
    torch.distributed.init_process_group("gloo")
    results = {name: run(SCENARIOS[name]) for name in sys.argv[1:]}
    joblib.dump(results, FOLDER / f"{RANK}.joblib")
    torch.distributed.destroy_process_group()
