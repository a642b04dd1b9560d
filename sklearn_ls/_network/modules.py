"""The built-in networks: a multilayer perceptron and a small ConvNet."""

import copy
import inspect
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ls._network.closed_form import dropout_masks, mlp_gradient
from sklearn_ls._network.device import private_rng
from sklearn_ls._network.feature_scaling import FeatureScaling
from sklearn_ls._warnings import warn

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


class MLP(nn.Sequential):
    """Multilayer perceptron that returns logits.

    The features are scaled, and linear layers alternate with activations and optional
    dropout. Weights and biases have the initial distribution of
    :class:`torch.nn.Linear`, uniform within ``1 / sqrt(fan_in)``, but are drawn from
    `generator`.

    Parameters
    ----------
    n_features : int

    n_classes : int

    hidden_layer_sizes : sequence of int, default=(100,)

    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"

    dropout : float, default=0.0
        Probability of dropping a hidden unit in training, in [0, 1).

    feature_clip : float, default=None
        Bound of the scaled features; None disables the scaling.

    generator : torch.Generator, default=None
        Generator used to draw the initial weights.

    Shape
    -----
    (n_samples, n_features) -> (n_samples, n_classes)

    Examples
    --------
    >>> import torch
    >>> from sklearn_ls._network.modules import MLP
    >>> MLP(4, 3)(torch.zeros(5, 4)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        n_features,
        n_classes,
        hidden_layer_sizes=(100,),
        activation="relu",
        dropout=0.0,
        feature_clip=None,
        generator=None,
    ):
        sizes = [n_features, *hidden_layer_sizes, n_classes]
        layers = []
        if feature_clip is not None:
            layers.append(FeatureScaling(n_features, feature_clip))
        for n_in, n_out in pairwise(sizes):
            linear = nn.utils.skip_init(nn.Linear, n_in, n_out, dtype=torch.float32)
            bound = n_in**-0.5
            nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
            nn.init.uniform_(linear.bias, -bound, bound, generator=generator)
            layers += [linear, ACTIVATIONS[activation](), nn.Dropout(dropout)]
        super().__init__(*layers[:-2])
        self.activation = activation
        self.dropout = dropout

    @staticmethod
    def weight_shapes(n_features, n_classes, *, hidden_layer_sizes, **params):
        """Return the shapes of weights and buffers by name, without building them."""
        shapes, position = {}, 0
        if params["feature_clip"] is not None:
            shapes = {"0.center": (n_features,), "0.inverse_scale": (n_features,)}
            position = 1
        for n_in, n_out in pairwise([n_features, *hidden_layer_sizes, n_classes]):
            shapes |= _layer_shapes(position, (n_out, n_in))
            position += 3
        return shapes

    @property
    def scaling(self):
        """The scaling of the features, or None."""
        return self[0] if isinstance(self[0], FeatureScaling) else None

    def flatten(self) -> Tensor:
        """Move all weights into one tensor, and return it with its gradient.

        The parameters become views of this tensor. An optimizer is faster with one
        large tensor than with several small ones.
        """
        parameters = list(self.parameters())
        flat = torch.cat([parameter.detach().flatten() for parameter in parameters])
        flat.grad = torch.zeros_like(flat)
        sizes = [parameter.numel() for parameter in parameters]
        for parameter, weights, gradient in zip(
            parameters, flat.split(sizes), flat.grad.split(sizes), strict=True
        ):
            parameter.data = weights.view_as(parameter)
            parameter.grad = gradient.view_as(parameter)
        return flat.requires_grad_()

    def differentiator(self, loss, generator: torch.Generator):
        """Return a function that writes the gradient of the mean loss to `grad`.

        The gradient of the whole network is computed in closed form, without autograd.

        Parameters
        ----------
        loss : Loss

        generator : torch.Generator
            Generator used to draw dropout masks.

        Returns
        -------
        differentiate : callable
            Function of X, a Tensor of shape (n_samples, n_features), its RowTensors and
            its Share of the batch. It returns the mean loss, and must be called without
            gradient tracking.
        """
        for parameter in self.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        linears = [layer for layer in self if isinstance(layer, nn.Linear)]
        layers = [(linear.weight.data, linear.bias.data) for linear in linears]
        gradients = [(linear.weight.grad, linear.bias.grad) for linear in linears]

        def differentiate(X, rows, share):
            if self.scaling is not None:
                X = self.scaling(X)
            masks = dropout_masks(layers, self.dropout, X, generator, share)
            return mlp_gradient(
                X, loss, rows, layers, gradients, self.activation, masks
            )

        return differentiate


class ConvNet(nn.Sequential):
    """Small convolutional network for images that returns logits.

    It has two blocks of a 3 x 3 convolution, batch normalization, ReLU and 2 x 2
    max-pooling, followed by a hidden layer with dropout.

    Parameters
    ----------
    n_features : tuple (n_channels, height, width)
        Shape of an image; height and width must be at least 4.

    n_classes : int

    n_filters : int, default=32
        Number of filters of the first block; the second has twice as many.

    n_hidden : int, default=128
        Number of units of the hidden layer.

    dropout : float, default=0.25
        Probability of dropping a hidden unit in training, in [0, 1).

    Shape
    -----
    (n_samples, n_channels, height, width) -> (n_samples, n_classes)

    Examples
    --------
    >>> import torch
    >>> from sklearn_ls._network.modules import ConvNet
    >>> ConvNet((1, 8, 8), 10)(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """

    def __init__(self, n_features, n_classes, n_filters=32, n_hidden=128, dropout=0.25):
        if np.size(n_features) != 3 or min(n_features[1:]) < 4:
            raise ValueError(
                "module='convnet' requires X of shape (n_samples, n_channels, height, "
                "width) with at least 4 x 4 pixels. Got samples of shape "
                f"{n_features} instead."
            )
        channels, height, width = n_features
        super().__init__(
            *self._block(channels, n_filters),
            *self._block(n_filters, 2 * n_filters),
            nn.Flatten(),
            nn.Linear(2 * n_filters * (height // 4) * (width // 4), n_hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(n_hidden, n_classes),
        )

    @staticmethod
    def weight_shapes(n_features, n_classes, n_filters=32, n_hidden=128, dropout=0.25):
        """Return the shapes of weights and buffers by name, without building them."""
        channels, height, width = n_features
        shapes = {}
        for position, n_in, n_out in (
            (0, channels, n_filters),
            (4, n_filters, 2 * n_filters),
        ):
            shapes |= _layer_shapes(position, (n_out, n_in, 3, 3))
            shapes |= _layer_shapes(position + 1, (n_out,))
            statistics = ("running_mean", "running_var")
            shapes |= {f"{position + 1}.{name}": (n_out,) for name in statistics}
            shapes[f"{position + 1}.num_batches_tracked"] = ()
        n_flat = 2 * n_filters * (height // 4) * (width // 4)
        shapes |= _layer_shapes(9, (n_hidden, n_flat))
        return shapes | _layer_shapes(12, (n_classes, n_hidden))

    @staticmethod
    def _block(n_in, n_out):
        return (
            nn.Conv2d(n_in, n_out, 3, padding=1),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )


def _layer_shapes(position, shape):
    """Return the shapes of the weight and the bias of a layer."""
    return {f"{position}.weight": shape, f"{position}.bias": shape[:1]}


@dataclass(frozen=True, eq=False)
class Architecture:
    """Architecture of a network: the module, its arguments and its shapes.

    Parameters
    ----------
    module : None, "convnet" or callable
        None stands for the built-in multilayer perceptron.

    params : dict
        Keyword arguments of the module.

    sample_shape : tuple of int

    n_classes : int

    dtype : {"float32", "float64"}
        Dtype of the weights.

    seed : int
        Seed of the initial weights and other random numbers drawn by the constructor of
        the module.
    """

    module: Any
    params: dict
    sample_shape: tuple
    n_classes: int
    dtype: str
    seed: int

    @property
    def n_features(self):
        """Number of features, or shape of a sample, to pass to a module."""
        shape = self.sample_shape
        return shape[0] if len(shape) == 1 else shape

    @property
    def is_custom(self):
        """Whether the module is not a built-in one."""
        return self.module not in (None, "convnet")

    def weight_shapes(self):
        """Return the shapes of weights and buffers by name, without allocating them.

        None for a custom module that cannot be built on the meta device.
        """
        if not self.is_custom:
            kind = MLP if self.module is None else ConvNet
            return kind.weight_shapes(self.n_features, self.n_classes, **self.params)
        try:
            with torch.device("meta"):
                state = self.build().state_dict()
        except Exception:  # a custom constructor may need actual values
            return None
        return {name: tuple(values.shape) for name, values in state.items()}

    def build(self):
        """Return the network on the CPU, with the initial weights of its seed."""
        dtype = getattr(torch, self.dtype)
        shapes = self.n_features, self.n_classes
        if self.module is None:
            generator = torch.Generator().manual_seed(self.seed)
            return MLP(*shapes, **self.params, generator=generator).to(dtype)
        if isinstance(self.module, nn.Module):
            raise TypeError(
                f"module is an instance of {type(self.module).__name__}. Pass the "
                "class, or a function of (n_features, n_classes, **module_params) that "
                "returns a module, so that every fit starts from new weights."
            )
        build = ConvNet if self.module == "convnet" else self.module
        with private_rng(self.seed, "cpu"):
            built = self._call(build, *shapes)
        if not isinstance(built, nn.Module):
            raise TypeError(
                "module must return a torch.nn.Module when called with (n_features, "
                "n_classes, **module_params). It returned a "
                f"{type(built).__name__}."
            )
        return built.to(dtype)

    def _call(self, build, *shapes):
        try:
            inspect.signature(build).bind(*shapes, **self.params)
        except TypeError as error:
            name = getattr(build, "__name__", build)
            raise TypeError(
                "module must be callable with (n_features, n_classes, "
                f"**module_params). {name} is not: {error}."
            ) from error
        except ValueError:  # no signature is available
            pass
        return build(*shapes, **copy.deepcopy(self.params))

    def check(self, module):
        """Check that a custom module has weights and returns one logit per class."""
        if self.module is not None:
            with private_rng(self.seed, "cpu"):  # lazy layers draw their weights here
                check_output(module, self.sample_shape, self.n_classes, self.dtype)
        if self.is_custom:
            check_weights(module)


def make_architecture(
    module,
    module_params,
    hidden_layer_sizes,
    activation,
    dropout,
    feature_clip,
    **shapes,
):
    """Return the architecture defined by the parameters of an estimator.

    Parameters
    ----------
    module, module_params, hidden_layer_sizes, activation, dropout, feature_clip : see \
            LabelSmoothingClassifier

    **shapes : dict
        `sample_shape`, `n_classes`, `dtype` and `seed` of the architecture.

    Returns
    -------
    architecture : Architecture
        Shares no memory with the arguments.
    """
    if module is not None:
        return Architecture(module, copy.deepcopy(module_params or {}), **shapes)
    sizes = np.atleast_1d(hidden_layer_sizes).tolist()
    if not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(
            "hidden_layer_sizes must be positive integers. Got "
            f"{hidden_layer_sizes!r} instead."
        )
    params = {
        "hidden_layer_sizes": sizes,
        "activation": activation,
        "dropout": dropout,
        "feature_clip": feature_clip,
    }
    return Architecture(None, params, **shapes)


def check_weights(module):
    """Raise ValueError unless a module has trainable weights, and only tensors.

    Parameters
    ----------
    module : torch.nn.Module
    """
    state = module.state_dict()
    if extra := [name for name, v in state.items() if not isinstance(v, torch.Tensor)]:
        raise ValueError(
            f"The state_dict of the module has entries that are not tensors: {extra}. "
            "get_extra_state is not supported. Use register_buffer instead."
        )
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise ValueError(
            "The module has no parameters to train. At least one parameter must "
            "require a gradient."
        )


def _check_single(logits, n_classes):
    if tuple(logits.shape) != (1, n_classes):
        raise ValueError(
            f"module must return logits of shape (1, {n_classes}) for a single sample. "
            f"Got shape {tuple(logits.shape)} instead. Do not squeeze the dimension "
            "of samples."
        )


@torch.no_grad()  # not inference_mode, since lazy layers create their weights here
def check_output(module, sample_shape, n_classes, dtype):
    """Check that a module returns one logit per class, and no random numbers.

    Parameters
    ----------
    module : torch.nn.Module
        Module on the CPU.

    sample_shape : tuple of int

    n_classes : int

    dtype : numpy dtype

    Raises
    ------
    ValueError
        If the output has the wrong shape, or depends on random numbers.

    Warns
    -----
    UserWarning
        If the output looks like probabilities.
    """
    X = np.random.default_rng(0).normal(size=(2, *sample_shape)).astype(dtype)
    module.eval()
    logits = module(torch.from_numpy(X))
    shape = tuple(getattr(logits, "shape", [type(logits).__name__]))
    if shape != (2, n_classes):
        raise ValueError(
            f"module must return logits of shape (n_samples, {n_classes}), one per "
            f"class. Got {shape} for 2 samples."
        )
    state = torch.get_rng_state()
    _check_single(module(torch.from_numpy(X[:1])), n_classes)
    if not torch.equal(state, torch.get_rng_state()):
        raise ValueError(
            "The module draws random numbers in evaluation mode. Draw them only if "
            "self.training is True, so that predictions are deterministic."
        )
    if (logits >= 0).all() and torch.allclose(logits.sum(-1), torch.ones(2).to(logits)):
        warn(
            "The outputs of the module look like probabilities. It should return "
            "logits: remove its softmax."
        )
