"""The search on a real cluster of two processes."""

import os
import signal
import threading
import time
from functools import partial

import numpy as np
import pytest
from distributed import Client, LocalCluster
from joblib import parallel_config
from numpy.testing import assert_array_equal

from helpers import quick_search

# Messages of a cluster that loses a worker.
pytestmark = [
    pytest.mark.processes,
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def client():
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster) as client:
        yield client


make = partial(quick_search, [0, 0.1, 0.2, 0.4, 0.6, 0.8], cv=4, batch_size=32)


def assert_same_search(one, other, X):
    assert_array_equal(one.oof_proba_, other.oof_proba_)
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    for name, values in one.cv_results_.items():
        if name.endswith("score"):
            assert_array_equal(other.cv_results_[name], values)


def test_search_on_a_cluster_equals_serial_and_gets_the_data_once(client, digits):
    X, y = digits
    X = X.astype(np.float64)
    serial = make(max_epochs=4).fit(X, y)
    scattered = set()
    over = threading.Event()

    def watch():
        while not over.wait(0.01):
            keys = map(str, client.who_has())
            scattered.update(key for key in keys if key.startswith("SearchData"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with parallel_config(backend="dask"):
        on_cluster = make(max_epochs=4).fit(X, y)
    over.set()
    watcher.join()
    assert_same_search(on_cluster, serial, X)
    assert len(scattered) == 1


@pytest.mark.posix
def test_search_survives_a_worker_that_is_killed(client, digits):
    X, y = digits
    serial = make(max_epochs=40).fit(X, y)
    killed = []
    over = threading.Event()

    def kill():
        """Kill a worker when both are working."""
        while not killed and not over.wait(0.05):
            if all(client.processing().values()):
                time.sleep(0.5)  # for the data to arrive
                address, pid = next(iter(client.run(os.getpid).items()))
                os.kill(pid, signal.SIGKILL)
                killed.append(address)

    killer = threading.Thread(target=kill)
    killer.start()
    with parallel_config(backend="dask"):
        on_cluster = make(max_epochs=40).fit(X, y)
    over.set()
    killer.join()
    assert len(killed) == 1
    assert_same_search(on_cluster, serial, X)
