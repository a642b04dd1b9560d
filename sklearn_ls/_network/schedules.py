"""Schedules of the learning rate.

A schedule is a function from the fraction of training that is done, in [0, 1], to the
factor of the learning rate, and its name in `SCHEDULES`; None leaves the rate alone.
"""

import math

WARM_UP = 0.1  # fraction of training in which the cosine schedule rises


def cosine(progress):
    """Return a factor that rises linearly to 1, and then falls to 0 as a cosine."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2


SCHEDULES = {"constant": None, "cosine": cosine}


def schedule_steps(optimizer, name, n_steps, n_done=0):
    """Let an optimizer follow a schedule from now on.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer

    name : {"constant", "cosine"}

    n_steps : int
        Number of steps of the whole training.

    n_done : int, default=0
        Number of steps that were made before.

    Returns
    -------
    hooks : list of RemovableHandle
        To be removed after the training. Empty for a constant rate, which callbacks may
        change.
    """
    factor = SCHEDULES[name]
    if factor is None:
        return []
    initial = [group["lr"] for group in optimizer.param_groups]

    def set_learning_rates(optimizer, args, kwargs):
        nonlocal n_done
        progress = (n_done + 0.5) / n_steps  # in the middle of the step
        for group, learning_rate in zip(optimizer.param_groups, initial, strict=True):
            group["lr"] = learning_rate * factor(progress)
        n_done += 1

    return [optimizer.register_step_pre_hook(set_learning_rates)]
