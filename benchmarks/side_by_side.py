"""Functions shared by the benchmarks of time and memory."""

import gc
import os
import resource
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"  # also in child processes
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import torch
from threadpoolctl import threadpool_info


def use_one_thread():
    """Limit torch to one thread; `threadpool_limits` limits other libraries."""
    torch.set_num_threads(1)
    pools = threadpool_info()
    assert any(pool["user_api"] == "blas" for pool in pools), pools
    assert all(pool["num_threads"] == 1 for pool in pools), pools
    assert torch.get_num_threads() == 1


def clock(device):
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def rotated(names, by):
    by %= len(names)
    return names[by:] + names[:by]


def alternate(contestants, repeats, device):
    """Run all contestants alternately, once unmeasured, then `repeats` times.

    Each round starts with a different contestant, so that their order changes.

    Parameters
    ----------
    contestants : dict of str to callable
        Functions that return the function to time.

    Returns
    -------
    times : dict of str to list of float
        Times in seconds.

    results : dict of str to object
        Results of the last runs.
    """
    times, results = {name: [] for name in contestants}, {}
    for repeat in range(-1, repeats):
        for name in rotated(list(contestants), repeat):
            run = contestants[name]()
            results.pop(name, None)  # so that only one result is in memory
            gc.collect()
            start = clock(device)
            results[name] = run()
            elapsed = clock(device) - start
            if repeat >= 0:
                times[name].append(elapsed)
    return times, results


def print_ratio(name, other, medians, goals):
    ratio, goal = medians[name] / medians[other], goals.get(other)
    verdict = "no goal"
    if goal is not None:
        verdict = f"goal <= {goal:.2f}  {'met' if ratio <= goal else 'MISSED'}"
    print(f"{name} / {other:<18} {ratio:6.2f}  {verdict}")


def peak_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
