"""Training a network in several processes equals training it in one process."""

import os
import shutil
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import sklearn_ls
from ranks.cases import AGREED, EQUAL, X, checkpointed, describe
from ranks.failures import SCENARIOS
from sklearn_ls._network.device import resolve_device
from sklearn_ls._network.ranks import Share

pytestmark = pytest.mark.posix

HERE = Path(__file__).parent
PATHS = [str(Path(sklearn_ls.__file__).parents[1]), str(HERE.parent)]


def launch(script, size, folder, *args, torchrun=False, **variables):
    """Run a script in several processes; return the dump of each, or None."""
    variables |= {
        "PYTHONPATH": os.pathsep.join(PATHS),
        "OMP_NUM_THREADS": "1",
        "RESULTS": str(folder),
    }
    command = [str(HERE / script), *args]
    if torchrun:
        launcher = ["-m", "torch.distributed.run", "--standalone"]
        command = [*launcher, f"--nproc-per-node={size}", *command]
        environments = [variables]
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            variables["MASTER_PORT"] = str(free.getsockname()[1])
        variables |= {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": str(size)}
        environments = [
            {**variables, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            for rank in range(size)
        ]
    processes = [
        subprocess.Popen([sys.executable, *command], env={**os.environ, **environment})
        for environment in environments
    ]
    try:
        for process in processes:
            process.wait(300)
    finally:
        for process in processes:
            process.kill()
    if not variables.get("KILL"):
        assert [process.returncode for process in processes] == [0] * len(processes)
    paths = [folder / f"{rank}.joblib" for rank in range(size)]
    return [joblib.load(path) if path.exists() else None for path in paths]


@cache
def alone(name):
    return describe(EQUAL[name]())


def assert_agree(results):
    """Check that all processes have identical results."""
    first, *others = results
    for other in others:
        assert first.keys() == other.keys()
        for name, values in first.items():
            assert_array_equal(values, other[name], err_msg=name)


def assert_same_network(actual, expected):
    """Check that two trainings gave the same network and curves."""
    atol = {"temperature": 1e-6, "proba": 1e-6}  # of the search for a temperature
    if expected["temperature"] == 1:
        atol = {}
    assert actual.keys() == expected.keys()
    for name, values in expected.items():
        assert_allclose(
            actual[name], values, rtol=0, atol=atol.get(name, 1e-10), err_msg=name
        )


@pytest.mark.processes
@pytest.mark.parametrize("size", [1, 2, 3])
def test_several_processes_train_the_network_of_one(size, tmp_path):
    results = launch("cases.py", size, tmp_path, torchrun=size == 2)
    for name in EQUAL:
        assert_same_network(results[0][name], alone(name))
    for name in EQUAL | AGREED:
        assert_agree([result[name] for result in results])
    # Batch statistics are computed on shares, so only the quality is the same.
    normed = results[0]["batch normalization"]["proba"].argmax(axis=1)
    expected = AGREED["batch normalization"]().predict(X)
    assert np.mean(normed == expected) > 0.7


@pytest.mark.processes
def test_events_in_one_process_reach_all_processes(tmp_path):
    names = [name for name in SCENARIOS if name != "killed"]
    first, second = launch("failures.py", 2, tmp_path, *names)

    def both(name):
        return first[name][0], second[name][0]

    for message in both("divergence"):
        assert message.startswith("ValueError: Training diverged in epoch 1")
    for name in ("X", "y", "weight", "parameters", "callbacks"):
        for message in both("other weights" if name == "weight" else f"other {name}"):
            assert message.startswith("ValueError: The processes that train together")
            assert name in message.partition(". ")[0]
    for message in both("no backend"):
        assert message.startswith("ValueError: The process group has no backend")
    for name, error in (
        ("NaN in one", "ValueError: Input X contains NaN"),
        ("error in one", "OSError: a disk is full"),
    ):
        other, own = both(name)
        assert own.startswith(error)
        assert other.startswith("RuntimeError: Another of the processes")
        assert first[name][1] < 60  # seconds, much less than the time-out
    for name in ("fit after errors", "grid search", "thread", "workers", "fork"):
        assert_agree(both(name))
    for name, n_epochs in (("Ctrl-C in one", 2), ("Ctrl-C in an epoch", 1)):
        assert_agree(both(name))
        assert len(first[name][0]["loss"]) == n_epochs
    assert len(first["stop in one"][0]["loss"]) == 2
    assert_agree(both("stop in one"))
    for message in both("Ctrl-C in one, fitted"):
        assert message == "KeyboardInterrupt: "
    assert both("lines") == (5, 0)
    assert len({*both("search")}) == 1
    assert isinstance(first["search"][0], float)
    assert both("files") == (["network.sklearn_ls", "training.sklearn_ls"], [])
    assert first["hang"][0].startswith("RuntimeError: Another of the processes")
    assert first["hang"][1] < second["hang"][1]  # which sleeps


@pytest.mark.processes
def test_a_training_that_is_killed_continues_in_any_number_of_processes(tmp_path):
    """One process is killed, and the others end with an error."""
    folders = [tmp_path / "killed", tmp_path / "three", tmp_path / "one"]
    folders[0].mkdir()
    first, second = launch("failures.py", 2, folders[0], "killed", KILL="1")
    assert second is None
    message, seconds = first["killed"]
    assert message.startswith("RuntimeError: Another of the processes")
    assert seconds < 60
    for folder in folders[1:]:
        shutil.copytree(folders[0] / "run", folder / "run")
    alone = describe(checkpointed(folders[2] / "run"))
    together = launch("failures.py", 3, folders[1], "killed")
    assert_agree([result["killed"][0] for result in together])
    assert_same_network(together[0]["killed"][0], alone)
    assert len(alone["loss"]) == 6
    assert not any((folder / "run").exists() for folder in folders[1:])


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n_batch", [1, 2, 3, 4, 5, 9, 100, 101])
def test_shares_are_all_of_a_batch(n_batch, size):
    shares = [Share.of(rank, size, n_batch) for rank in range(size)]
    of_samples = [
        np.arange(share.start, share.stop) for share in shares if share.weight
    ]
    assert_array_equal(np.concatenate(of_samples), np.arange(n_batch))
    assert sum(share.weight for share in shares) == pytest.approx(1)
    for share in shares:
        assert share.stop - share.start >= min(2, n_batch)
        assert 0 <= share.start < share.stop <= n_batch == share.n_batch


def test_each_process_takes_a_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for number, device in (("0", "cuda:0"), ("1", "cuda:1"), ("3", "cuda:1")):
        monkeypatch.setenv("LOCAL_RANK", number)
        with pytest.raises(ValueError, match=f"device='{device}' is not available"):
            resolve_device("auto")
