"""Division of the networks of a search into stacks, processes and devices."""

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import gen_even_slices

from sklearn_ls._network.device import count_cuda_devices
from sklearn_ls._network.fitting import divide_evenly
from sklearn_ls._network.stacking import networks_at_once, reason_not_stackable

ENOUGH = 10  # networks in a stack; larger stacks are hardly faster


def assign_devices(device, n_jobs):
    """Return the device of each process.

    Parameters
    ----------
    device : str

    n_jobs : int or None

    Returns
    -------
    devices : list of str
        A single device if all processes share it.
    """
    n_processes = effective_n_jobs(n_jobs)
    if n_processes == 1 or not device.startswith("cuda"):
        return [device]
    n_devices = count_cuda_devices() if device == "cuda" else 1
    if n_processes > n_devices:
        raise ValueError(
            f"n_jobs={n_jobs} means {n_processes} processes, but the number of GPUs is "
            f"{n_devices}. Set n_jobs={n_devices}: a stack of networks in one process "
            "makes full use of a GPU."
        )
    return [f"cuda:{index}" for index in range(n_processes)]


def divide_tasks(n_candidates, n_splits, stack_size, *, devices, n_processes):
    """Divide the networks of a search into tasks for processes.

    On GPUs there is one task per device, which is divided into stacks later. On the CPU
    a task is a stack. It contains whole splits, whose networks share their samples, and
    several splits only if the stack stays small. Stacks that cannot be distributed
    evenly over the processes are divided into smaller ones. All stacks are divided if
    each process would get a single one and their sizes differ.

    Parameters
    ----------
    n_candidates, n_splits : int

    stack_size : int
        Maximum number of networks in a stack.

    devices : list of str
        See `assign_devices`.

    n_processes : int

    Returns
    -------
    tasks : list of list of (candidate, split)
    """
    if devices[0].startswith("cuda"):
        pairs = list(np.ndindex(n_candidates, n_splits))
        return [pairs[start :: len(devices)] for start in range(len(devices))]
    stacks = divide_stacks(n_candidates, n_splits, stack_size)
    n_whole = len(stacks) // n_processes * n_processes
    if n_whole == n_processes and len({*map(len, stacks[:n_whole])}) > 1:
        n_whole = 0
    rest = [pair for stack in stacks[n_whole:] for pair in stack]
    parts = gen_even_slices(len(rest), n_processes) if rest else []
    return stacks[:n_whole] + [rest[part] for part in parts]


def divide_stacks(n_candidates, n_splits, stack_size):
    """Divide the networks of a search into stacks of splits.

    Parameters
    ----------
    n_candidates, n_splits, stack_size : int

    Returns
    -------
    stacks : list of list of (candidate, split)
    """
    splits_at_once = max(1, min(stack_size, ENOUGH) // n_candidates)
    return [
        [(c, s) for s in range(n_splits)[splits] for c in range(n_candidates)[subset]]
        for splits in divide_evenly(n_splits, splits_at_once)
        for subset in divide_evenly(n_candidates, stack_size)
    ]


def choose_stack_size(architecture, X, params, *, device, n_samples, verbose):
    """Return the number of networks to train as a stack.

    Parameters
    ----------
    architecture : Architecture

    X : Samples

    params : TrainingParams

    device : str

    n_samples : int
        Size of the largest training split.

    verbose : int
        If nonzero, print the reason if networks are not stacked.

    Returns
    -------
    stack_size : int
    """
    module = architecture.build()
    architecture.check(module)
    module = module.to(device)
    two_samples = X.take(np.arange(2), device)
    if params.callbacks:
        reason = "callbacks require a single network"
    else:
        reason = reason_not_stackable(
            module, two_samples, device, params.optimizer_spec
        )
    if reason is not None:
        if verbose:
            print(f"The networks are trained one after another: {reason}.")
        return 1
    return networks_at_once(module, two_samples, params.batch_of(n_samples), device)
