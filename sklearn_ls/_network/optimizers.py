"""Optimizers, their options and their states."""

import inspect
from dataclasses import dataclass
from functools import cache
from threading import Thread

import numpy as np
import torch

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}

# Optimizers that update each parameter element from its own gradients only.
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


@dataclass(frozen=True, eq=False)
class OptimizerSpec:
    """An optimizer and its options.

    Parameters
    ----------
    name : {"adam", "adamw", "sgd"} or class

    learning_rate, weight_decay : float

    params : dict
        Additional keyword arguments, which take precedence.

    schedule : {"constant", "cosine"}, default="constant"
        Schedule of the learning rate.

    ema_decay : float, default=0.0
        Decay of the moving average of the weights; 0 disables it.
    """

    name: str | type
    learning_rate: float
    weight_decay: float
    params: dict
    schedule: str = "constant"
    ema_decay: float = 0.0

    def resolve(self, device):
        """Return the class of the optimizer and its keyword arguments.

        Parameters
        ----------
        device : str

        Returns
        -------
        optimizer : class

        options : dict
        """
        _import_compiler()
        options = {
            "lr": self.learning_rate,
            "weight_decay": self.weight_decay,
            **self.params,
        }
        if isinstance(self.name, str):
            if not {"foreach", "differentiable"} & options.keys():
                options.setdefault(
                    "fused", torch.device(device).type in ("cpu", "cuda")
                )
            return OPTIMIZERS[self.name], options
        if options["weight_decay"] == 0 and not _takes_weight_decay(self.name):
            del options["weight_decay"]
        return self.name, options


@cache
def _import_compiler():
    """Make torch import its compiler, as it does with the first optimizer, in a thread.

    The import keeps all frames of its thread alive, and with them the training data.
    """
    thread = Thread(target=lambda: torch.optim.SGD([torch.zeros(1)]))
    thread.start()
    thread.join()


def _takes_weight_decay(optimizer):
    return "weight_decay" in inspect.signature(optimizer).parameters


@dataclass(frozen=True, eq=False)
class OptimizerState:
    """The state of an optimizer, as arrays.

    Parameters
    ----------
    optimizer : str
        Qualified name of the class of the optimizer.

    options : str
        Options of the optimizer, as a string.

    shapes : dict of str to tuple
        Shape of each parameter of the module, by name.

    values : dict of str to dict
        State of each parameter: moments as arrays of the shape of the parameter,
        numbers, and other values.
    """

    optimizer: str
    options: str
    shapes: dict
    values: dict

    @classmethod
    def read(cls, optimizer, module):
        """Return the state of an optimizer.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            Optimizer of the parameters of `module`, or of one tensor with all of them.

        module : torch.nn.Module
        """
        parameters = dict(module.named_parameters())
        values = {
            name: _to_arrays(optimizer.state[parameter])
            for name, parameter in parameters.items()
            if parameter in optimizer.state
        }
        if (flat := _find_flat(optimizer, parameters)) is not None:
            values = _split(_to_arrays(optimizer.state[flat]), parameters)
        shapes = {name: tuple(value.shape) for name, value in parameters.items()}
        options = repr(optimizer.defaults)
        return cls(_qualified_name(optimizer), options, shapes, values)

    def fits(self, optimizer, module):
        """Return whether the state matches an optimizer and a module."""
        shapes = {n: tuple(p.shape) for n, p in module.named_parameters()}
        if self.optimizer != _qualified_name(optimizer) or self.shapes != shapes:
            return False
        if self.options == repr(optimizer.defaults):
            return True
        expected = _find_state_keys(optimizer)
        return expected is None or all(
            value.keys() == expected for value in self.values.values()
        )

    def load(self, optimizer, module):
        """Load this state into a matching optimizer.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer

        module : torch.nn.Module
        """
        parameters = dict(module.named_parameters())
        values = {id(parameters[name]): value for name, value in self.values.items()}
        if (flat := _find_flat(optimizer, parameters)) is not None:
            values = {id(flat): _join(self.values, self.shapes)}
        learnable = [p for group in optimizer.param_groups for p in group["params"]]
        state = {
            index: _to_tensors(values[id(parameter)])
            for index, parameter in enumerate(learnable)
            if values.get(id(parameter))
        }
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _qualified_name(optimizer):
    kind = type(optimizer)
    return f"{kind.__module__.removeprefix('torch.')}.{kind.__qualname__}"


def _find_state_keys(optimizer):
    """Return the keys of the state of an optimizer with these options, if known."""
    if type(optimizer) not in ELEMENTWISE:  # keys may depend on shapes and steps
        return None
    weight = torch.zeros(1, requires_grad=True)
    weight.grad = torch.zeros(1)
    names = inspect.signature(type(optimizer)).parameters
    options = {name: v for name, v in optimizer.defaults.items() if name in names}
    probe = type(optimizer)([weight], **options)
    probe.step()
    return probe.state[weight].keys()


def _find_flat(optimizer, parameters):
    """Return the tensor that contains all parameters, or None."""
    own = {id(parameter) for parameter in parameters.values()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if id(parameter) not in own:
                return parameter
    return None


def _split(flat, parameters):
    """Split the state of the flat tensor into the states of the parameters."""
    sizes = [parameter.numel() for parameter in parameters.values()]
    ends = np.cumsum(sizes)
    return {
        name: {
            key: value[end - size : end].reshape(parameter.shape)
            if np.shape(value) == (ends[-1],)
            else value
            for key, value in flat.items()
        }
        for (name, parameter), size, end in zip(
            parameters.items(), sizes, ends, strict=True
        )
    }


def _join(values, shapes):
    """Join the states of the parameters into the state of the flat tensor."""
    first, *_ = values.values() or [{}]
    return {
        key: np.concatenate([values[name][key].ravel() for name in shapes])
        if np.shape(value) == shapes[next(iter(shapes))] and np.ndim(value)
        else value
        for key, value in first.items()
    }


def state_to_arrays(optimizer):
    """Return the state of an optimizer, in the layout of its parameters."""
    return _to_arrays(optimizer.state_dict()["state"])


def load_state(optimizer, state):
    """Load the output of :func:`state_to_arrays` into an optimizer of the same layout.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer

    state : dict of int to dict

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    known = type(optimizer) in ELEMENTWISE  # others may have state of any shape
    for index, values in state.items() if known else ():
        shape = tuple(parameters[index].shape)
        for value in values.values():
            if isinstance(value, np.ndarray) and value.ndim and value.shape != shape:
                raise ValueError(
                    "The state of the optimizer does not match the shapes of the "
                    "parameters."
                )
    optimizer.load_state_dict({**optimizer.state_dict(), "state": _to_tensors(state)})


def _to_arrays(value):
    return _convert(
        value, torch.Tensor, lambda tensor: tensor.detach().cpu().numpy().copy()
    )


def _to_tensors(value):
    return _convert(value, np.ndarray, torch.tensor)


def _convert(value, kind, convert):
    """Convert all values of a type in nested lists and dicts."""
    if isinstance(value, kind):
        return convert(value)
    if isinstance(value, dict):
        return {key: _convert(item, kind, convert) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_convert(item, kind, convert) for item in value)
    return value


def keep_networks(optimizer, keep):
    """Keep a subset of the networks in an optimizer of stacked weights.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        One of `ELEMENTWISE`, whose weights have a leading dimension of networks.

    keep : list of int
        Indices of the networks to keep.
    """
    for group in optimizer.param_groups:
        for weights in group["params"]:
            state = optimizer.state[weights]
            for name, value in state.items():
                if torch.is_tensor(value) and value.shape == weights.shape:
                    state[name] = value[keep]
            weights.data = weights.data[keep]
            weights.grad = None
