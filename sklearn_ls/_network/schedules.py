"""Learning rate schedules.

A schedule is a function that maps the completed fraction of training, in [0, 1], to a
factor of the learning rate. It is registered in `SCHEDULES`; None means no change.
"""

import math

WARM_UP = 0.1  # fraction of training during which the cosine schedule increases


def cosine(progress):
    """Return a factor with a linear warm-up to 1, followed by cosine decay to 0."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2


SCHEDULES = {"constant": None, "cosine": cosine}


def schedule_steps(optimizer, name, n_steps, n_done=0):
    """Apply a schedule to an optimizer.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer

    name : {"constant", "cosine"}

    n_steps : int
        Number of steps of the whole training.

    n_done : int, default=0
        Number of previous steps.

    Returns
    -------
    hooks : list of RemovableHandle
        Hooks to remove after training. Empty for a constant learning rate, which
        callbacks may change.
    """
    factor = SCHEDULES[name]
    if factor is None:
        return []
    initial = [group["lr"] for group in optimizer.param_groups]

    def set_learning_rates(optimizer, args, kwargs):
        nonlocal n_done
        progress = (n_done + 0.5) / n_steps  # the middle of the step
        for group, learning_rate in zip(optimizer.param_groups, initial, strict=True):
            group["lr"] = learning_rate * factor(progress)
        n_done += 1

    return [optimizer.register_step_pre_hook(set_learning_rates)]
