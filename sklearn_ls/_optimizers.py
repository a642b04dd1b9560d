"""Optimisers: the named ones, their options, and which can serve many networks."""

import inspect

import torch

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}

# What these do to a number depends on that number's gradients alone.
ELEMENTWISE = {
    *OPTIMIZERS.values(),
    torch.optim.ASGD,
    torch.optim.Adadelta,
    torch.optim.Adagrad,
    torch.optim.Adamax,
    torch.optim.NAdam,
    torch.optim.RAdam,
    torch.optim.RMSprop,
    torch.optim.Rprop,
}


def optimizer_options(optimizer, learning_rate, weight_decay, optimizer_params, device):
    """Return the class of an optimiser and its keyword arguments.

    Parameters
    ----------
    optimizer : {"adam", "adamw", "sgd"} or class

    learning_rate, weight_decay : float

    optimizer_params : dict or None
        Further arguments, which take precedence.

    device : str

    Returns
    -------
    optimizer : class

    options : dict
    """
    options = {"lr": learning_rate, "weight_decay": weight_decay}
    options.update(optimizer_params or {})
    if isinstance(optimizer, str):
        optimizer = OPTIMIZERS[optimizer]
        if not {"foreach", "differentiable"} & options.keys():
            options.setdefault("fused", torch.device(device).type in ("cpu", "cuda"))
    elif options["weight_decay"] == 0 and not _takes_weight_decay(optimizer):
        del options["weight_decay"]
    return optimizer, options


def _takes_weight_decay(optimizer):
    return "weight_decay" in inspect.signature(optimizer).parameters


def keep_networks(optimizer, keep):
    """Leave only some networks in an optimiser of stacked weights.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        One of `ELEMENTWISE`; each of its weights has a leading dimension of networks.

    keep : list of int
        Which of them to keep.
    """
    for group in optimizer.param_groups:
        for weights in group["params"]:
            state = optimizer.state[weights]
            for name, value in state.items():
                if torch.is_tensor(value) and value.shape == weights.shape:
                    state[name] = value[keep]
            weights.data = weights.data[keep]
            weights.grad = None
