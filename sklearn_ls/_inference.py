"""Running a trained module over rows, and its weights as arrays."""

import copy

import numpy as np
import torch
from sklearn.utils import gen_batches
from torch.nn import functional

from sklearn_ls._batches import rows_at_a_time, rows_to_tensor

# What to make of logits, batch by batch; by the names that users know.
FINISHES = {
    "logits": lambda logits: logits,
    "softmax": lambda logits: torch.softmax(logits, -1),
    "log_softmax": lambda logits: torch.log_softmax(logits, -1),
    "argmax": lambda logits: logits.argmax(-1),
    "logistic": torch.sigmoid,
    "log_logistic": functional.logsigmoid,
    "positive": lambda logits: (logits > 0).long(),
}


@torch.inference_mode()
def apply_module(module, X, finish, temperature=1.0):
    """Run a module over all rows, a bounded number at a time.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode, on the device to use.

    X : ndarray or CSR matrix of shape (n_samples, ...)

    finish : str
        Key of `FINISHES`, what to make of each batch of logits.

    temperature : float, default=1.0
        What logits are divided by first.

    Returns
    -------
    output : ndarray of shape (n_samples, ...)
    """
    device = module_device(module)

    def output_of(rows):
        logits = module(rows_to_tensor(X, rows, device))
        if temperature != 1 and finish not in ("argmax", "positive"):
            logits = logits / temperature
        return FINISHES[finish](logits).cpu().numpy()

    outputs = (
        output_of(rows)
        for rows in gen_batches(X.shape[0], rows_at_a_time(X, at_least=64))
    )
    first = next(outputs)
    output = np.empty((X.shape[0], *first.shape[1:]), dtype=first.dtype)
    output[: len(first)] = first
    start = len(first)
    for part in outputs:
        output[start : start + len(part)] = part
        start += len(part)
    return output


def module_device(module):
    """Return the device of a module's weights."""
    return next(module.parameters()).device


def penultimate(module, X):
    """Return the inputs of a module's last linear layer.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode, on the device to use; left as it is.

    X : ndarray or CSR matrix of shape (n_samples, ...)

    Returns
    -------
    inputs : ndarray of shape (n_samples, n_units)
    """
    module = copy.deepcopy(module)  # a hook on one that others use would see theirs
    inputs = []
    _last_linear(module).register_forward_pre_hook(
        lambda layer, args: inputs.append(args[0].cpu())
    )
    apply_module(module, X, "argmax")
    return torch.cat(inputs).numpy()


def last_layer(module):
    """Return weights and biases of a module's last linear layer.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    weights : ndarray of shape (n_outputs, n_units)

    biases : ndarray of shape (n_outputs,)
        Zeros if the layer has none.
    """
    layer = _last_linear(module)
    weights = layer.weight.detach().cpu().numpy()
    if layer.bias is None:
        return weights, np.zeros(len(weights), dtype=weights.dtype)
    return weights, layer.bias.detach().cpu().numpy()


def _last_linear(module):
    linears = [
        layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)
    ]
    if not linears:
        raise ValueError(
            "embed needs a module with a torch.nn.Linear as its last layer."
        )
    return linears[-1]


def module_to_arrays(module):
    """Return a module's weights and buffers by name; on the CPU they share memory.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    arrays : dict of str to ndarray
    """
    return {name: v.cpu().numpy() for name, v in module.state_dict().items()}


def load_arrays(module, arrays):
    """Copy what :func:`module_to_arrays` returned into a module.

    Parameters
    ----------
    module : torch.nn.Module

    arrays : dict of str to ndarray

    Raises
    ------
    ValueError
        If names or shapes differ.
    """
    try:
        module.load_state_dict({k: torch.tensor(v) for k, v in arrays.items()})
    except RuntimeError as error:
        raise ValueError(
            "The weights of the fit before do not fit this network; set "
            f"warm_start=False or undo the change to its parameters. {error}"
        ) from error


def count_weight_layers(module):
    """Return how many layers of a module have weights."""
    layers = module.modules()
    return sum(any(True for _ in m.parameters(recurse=False)) for m in layers)
