"""Rows 68, 70 and 79: global modes of torch, forks, and lack of memory."""

import os
import subprocess
import sys
import textwrap
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from faults.calls import small, small_search
from faults.data import CLASSES, X, Y, network


@contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


MODES = {
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "default device": lambda: default_device("meta"),
    "device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "inference": torch.inference_mode,
    "no gradients": torch.no_grad,
    "deterministic": deterministic,
}


class Dropout(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(nn.Dropout(0.2), nn.Linear(n_features, n_classes))


def results(dtype):
    """Return all results of training and prediction."""
    X_given = X.astype(dtype)
    for module in (None, network, Dropout):
        clf = small(module=module, early_stopping=True, batch_size=40)
        yield clf.fit(X_given, Y).predict_proba(X_given)
        yield clf.embed(X_given)
        clf.set_params(early_stopping=False)
        yield clf.partial_fit(X_given, Y, classes=CLASSES).predict_proba(X_given)
        search = small_search(module=module, calibration="temperature")
        yield search.fit(X_given, Y).oof_proba_
    images = X_given[:, np.newaxis, np.newaxis].repeat(4, 2)
    yield small(module="convnet").fit(images, Y).predict_proba(images)


@pytest.fixture(scope="module", params=[np.float32, np.float64])
def expected(request):
    return request.param, [*results(request.param)]


# Row 68
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_modes_change_nothing(mode, expected):
    dtype, values = expected
    with mode():
        found = [*results(dtype)]
    for one, other in zip(found, values, strict=True):
        assert_array_equal(one, other)


def modes():
    """Return the modes of torch."""
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.are_deterministic_algorithms_enabled(),
    )


# Row 68
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_modes_are_left_as_they_were(mode):
    with mode():
        before = modes()
        small(module=network).fit(X, Y).predict(X)
        after = modes()
    assert before == after


FORK = """
    import os, sys, threading, warnings
    import numpy as np, torch
    warnings.simplefilter("ignore")
    from sklearn_ls import LabelSmoothingClassifier
    from sklearn_ls._network.device import private_rng
    torch.set_num_threads(2)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4000, 64)), rng.integers(0, 3, 4000)
    clf = LabelSmoothingClassifier(max_epochs=2, tol=0, batch_size=2000, device="cpu")
    clf.fit(X, y)
    expected = clf.predict_proba(X)
    held, done = threading.Event(), threading.Event()
    def hold():  # the lock of torch's generator, as another fit would
        with private_rng(0, "cpu"):
            held.set()
            done.wait()
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        assert np.abs(clf.predict_proba(X) - expected).max() < 1e-10
        clf.fit(X, y)
        os._exit(0)
    done.set()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


# The network is imported after the fork, when torch has used two threads.
FORK_BEFORE_IMPORT = """
    import os, sys
    import torch
    import sklearn_ls
    torch.set_num_threads(2)
    a = torch.randn(2000, 2000)
    a @ a
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    child = os.fork()
    if child == 0:
        from sklearn.datasets import make_classification
        from sklearn_ls import LabelSmoothingClassifier
        from sklearn_ls._network.ranks import join_ranks
        X, y = make_classification(20_000, 50)
        LabelSmoothingClassifier(max_epochs=2, device="cpu").fit(X, y)
        with join_ranks("cpu") as ranks:
            assert type(ranks).__name__ == "OneProcess"
        os._exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


# Row 70
@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is not available")
@pytest.mark.parametrize("script", [FORK, FORK_BEFORE_IMPORT])
def test_forked_processes_do_not_hang(script):
    command = [sys.executable, "-c", textwrap.dedent(script)]
    subprocess.run(command, check=True, timeout=120)


# Row 79
def test_prediction_continues_with_smaller_batches(monkeypatch):
    clf = small(module=network).fit(X, Y)
    expected, sizes = clf.predict_proba(X), []

    def forward(self, batch):
        sizes.append(len(batch))
        if len(batch) > 40:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return nn.functional.linear(batch, self.weight, self.bias)

    monkeypatch.setattr(nn.Linear, "forward", forward)
    assert np.abs(clf.predict_proba(X) - expected).max() < 1e-10
    assert max(sizes) == 150
    assert sum(size for size in sizes if size <= 40) >= 150


# Row 79
def test_the_batch_size_is_named_where_memory_is_short(monkeypatch):
    def forward(self, batch):
        if self.training:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return nn.functional.linear(batch, self.weight, self.bias)

    monkeypatch.setattr(nn.Linear, "forward", forward)
    with pytest.raises(torch.OutOfMemoryError, match=r"batch_size=50\. .* CUDA out of"):
        small(module=network, batch_size=50).fit(X, Y)
