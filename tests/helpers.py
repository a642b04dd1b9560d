"""Helpers: estimators that train quickly, and the peak memory of a call."""

import sys
import tracemalloc
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV
from sklearn_ls._search import run

QUICK = {"max_epochs": 5, "n_iter_no_change": np.inf, "random_state": 0}
# Disables features that other libraries do not have by default.
PLAIN = {
    "feature_clip": None,
    "dropout": 0.0,
    "ema_decay": 0.0,
    "optimizer": "adam",
    "early_stopping": False,
}


def quick_classifier(epsilon=0.1, **params):
    """Return a classifier that trains for exactly `max_epochs` epochs."""
    return LabelSmoothingClassifier(epsilon, **{**QUICK, **params})


def plain_classifier(epsilon=0.1, **params):
    """Return a quick classifier with a plain training loop."""
    return quick_classifier(epsilon, **{**PLAIN, **params})


def quick_search(epsilons=(0.0, 0.1, 0.5), **params):
    """Return a search whose networks train for exactly `max_epochs` epochs."""
    return LabelSmoothingClassifierCV(epsilons, **{"cv": 3, **QUICK, **params})


def peak_memory(call):
    """Return the peak memory of NumPy and Python during a call, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def peak_rss():
    """Return the maximum number of kilobytes that the process has held."""
    resource = pytest.importorskip("resource")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


@contextmanager
def stacks_of(size):
    """Set the stack size of searches; None does not change it."""
    choose = run.choose_stack_size

    def choose_size(*args, **params):
        chosen = choose(*args, **params)
        return chosen if chosen == 1 or size is None else size

    with mock.patch.object(run, "choose_stack_size", choose_size):
        yield
