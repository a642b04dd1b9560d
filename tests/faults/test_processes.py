"""Threads and processes: equal results, no deadlocks, no leaks."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from faults.calls import small, small_search
from faults.data import X, Y, network
from helpers import peak_rss


@pytest.mark.parametrize("module", [None, network])
def test_six_threads_with_one_seed_fit_equal_models(module):
    clf = small(module=module, dropout=0.3, batch_size=30, max_epochs=5)
    search = small_search(module=module, dropout=0.3, batch_size=30, max_epochs=3)
    expected = [clone(e).fit(X, Y).predict_proba(X) for e in (clf, search)]
    with ThreadPoolExecutor(6) as threads:
        fits = [
            threads.submit(clone((clf, search)[number % 2]).fit, X, Y)
            for number in range(12)
        ]
    for number, fit in enumerate(fits):
        assert_array_equal(fit.result().predict_proba(X), expected[number % 2])


WORKERS = """
    import multiprocessing, sys, warnings
    import joblib
    import numpy as np
    import torch
    from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV

    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(900, 40)), rng.integers(0, 3, 900)
    params = {"max_epochs": 3, "tol": 0.0, "device": "cpu", "random_state": 0}
    clf = LabelSmoothingClassifier(**params)
    search = LabelSmoothingClassifierCV([0.0, 0.2], cv=2, **params)

    def work(fitted):
        predicted = fitted.predict_proba(X)
        fits = [e.fit(X, y).predict_proba(X) for e in (clf, search)]
        return predicted, *fits

    if __name__ == "__main__":
        torch.set_num_threads(2)
        fitted = LabelSmoothingClassifier(**params).fit(X, y)
        expected = work(fitted)
        if sys.argv[1] == "nested":
            search.set_params(n_jobs=2)
            results = joblib.Parallel(2)(joblib.delayed(work)(fitted) for _ in range(3))
            count = joblib.delayed(torch.get_num_threads)
            n_threads = joblib.Parallel(2)([count()] * 2)
            assert max(n_threads) <= max(1, joblib.cpu_count() // 2), n_threads
        elif sys.argv[1] == "loky":
            results = joblib.Parallel(2)(joblib.delayed(work)(fitted) for _ in range(3))
        else:
            context = multiprocessing.get_context(sys.argv[1])
            with context.Pool(2) as pool:
                results = pool.map(work, [fitted] * 3)
        for result in results:
            for actual, wanted in zip(result, expected, strict=True):
                assert np.abs(actual - wanted).max() < 1e-8
"""


@pytest.mark.parametrize(
    "method",
    [
        "loky",
        *(
            pytest.param(method, marks=pytest.mark.processes)
            for method in ("fork", "spawn", "nested")
        ),
    ],
)
def test_workers_of_every_kind_compute_the_same(method, tmp_path):
    if method == "fork" and not hasattr(os, "fork"):
        pytest.skip("os.fork is not available")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(WORKERS))
    subprocess.run([sys.executable, str(script), method], check=True, timeout=200)


def n_open():
    """Return the numbers of open files and of threads."""
    folder = Path("/proc/self/fd")
    n_files = len(list(folder.iterdir())) if folder.exists() else 0
    return n_files, threading.active_count()


def test_memory_does_not_grow_and_nothing_stays_open(tmp_path):
    def peak():
        gc.collect()
        return peak_rss()

    def use(n_fits, n_predictions):
        for number in range(n_fits):
            if number % 10:
                clf = small(max_epochs=1, module=network if number % 3 else None)
            else:
                clf = small_search(max_epochs=1)
            clf.fit(X, Y, checkpoint=tmp_path / "run" if number % 7 == 0 else None)
        for _ in range(n_predictions):
            clf.predict_proba(X[:3])

    use(60, 500)
    before, opened = peak(), n_open()
    use(300, 10_000)
    assert peak() - before < 20_000  # kilobytes; a fit holds 100 or more
    assert n_open() == opened
