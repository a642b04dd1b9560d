"""The built-in networks: a multilayer perceptron and a small ConvNet."""

import warnings
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ls._device import private_rng

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


class MLP(nn.Sequential):
    """Multilayer perceptron, ending in logits.

    Linear layers with an activation, and dropout where asked for, between them. Weights
    and biases are drawn as :class:`torch.nn.Linear` draws them, uniformly within
    ``1 / sqrt(fan_in)``, but from a generator of one's own.

    Parameters
    ----------
    n_features : int

    n_classes : int

    hidden_layer_sizes : sequence of int, default=(100,)

    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"

    dropout : float, default=0.0
        Probability of dropping a hidden unit in training, in [0, 1).

    generator : torch.Generator, default=None
        Source of the initial weights.

    Shape
    -----
    (n_samples, n_features) -> (n_samples, n_classes)

    Examples
    --------
    >>> import torch
    >>> from sklearn_ls._modules import MLP
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
        generator=None,
    ):
        sizes = [n_features, *hidden_layer_sizes, n_classes]
        layers = []
        for n_in, n_out in pairwise(sizes):
            linear = nn.utils.skip_init(nn.Linear, n_in, n_out)
            bound = n_in**-0.5
            nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
            nn.init.uniform_(linear.bias, -bound, bound, generator=generator)
            layers += [linear, ACTIVATIONS[activation](), nn.Dropout(dropout)]
        super().__init__(*layers[:-2])
        self.activation = activation
        self.dropout = dropout

    def flatten(self) -> Tensor:
        """Lay all weights into one tensor, and all gradients; return the former.

        The parameters become views of them. An optimiser takes one long tensor faster
        than several short ones.
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

    def differentiator(self, generator: torch.Generator):
        """Return what writes the gradient of a target's mean loss to `grad`.

        The gradient of the whole network in closed form, without autograd.

        Parameters
        ----------
        generator : torch.Generator
            Source of the dropout masks.

        Returns
        -------
        differentiate : callable
            Takes X, a Tensor of shape (n_samples, n_features), and a target; returns
            the loss. To be called without gradient tracking.
        """
        for parameter in self.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        linears = [layer for layer in self if isinstance(layer, nn.Linear)]
        layers = [(linear.weight.data, linear.bias.data) for linear in linears]
        gradients = [(linear.weight.grad, linear.bias.grad) for linear in linears]

        def differentiate(X, target):
            masks = dropout_masks(layers, self.dropout, X, generator)
            return mlp_gradient(X, target, layers, gradients, self.activation, masks)

        return differentiate


def dropout_masks(layers, dropout, X, generator):
    """Draw what multiplies the hidden layers: 0, or the inverse of what is kept.

    Parameters
    ----------
    layers : list of (weight, bias)

    dropout : float

    X : Tensor of shape (..., n_samples, n_features)

    generator : torch.Generator

    Returns
    -------
    masks : list of None or Tensor of shape (n_out, n_samples)
        One a hidden layer, the same for all networks; None without dropout.
    """
    if not dropout:
        return [None] * (len(layers) - 1)
    keep = 1 - dropout
    return [
        X.new_empty(bias.shape[-1], X.shape[-2])
        .bernoulli_(keep, generator=generator)
        .div_(keep)
        for _, bias in layers[:-1]
    ]


def mlp_gradient(X, target, layers, gradients, activation, masks) -> Tensor:
    """Loss of a multilayer perceptron and its gradient, in closed form.

    Activations are columns, `A = f(W A + b)` from `A = X^T` on, so that the same lines
    serve one network and a stack of networks with a leading dimension.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)

    target : LabelTarget or IndicatorTarget

    layers : list of (weight, bias)
        Of shapes (..., n_out, n_in) and (..., n_out).

    gradients : list of (weight, bias)
        As `layers`; overwritten.

    activation : {"identity", "logistic", "tanh", "relu"}

    masks : list of None or Tensor of shape (n_out, n_samples)
        What dropout multiplies each hidden layer with.

    Returns
    -------
    loss : Tensor of shape (...)
    """
    _, derive = _ACTIVATE[activation]
    columns, inputs, hidden = _mlp_forward(X, layers, activation, masks)
    loss, delta = target.loss_and_gradient(columns)
    for depth in range(len(layers) - 1, -1, -1):
        weight_gradient, bias_gradient = gradients[depth]
        torch.matmul(delta, inputs[depth].mT, out=weight_gradient)
        torch.sum(delta, -1, out=bias_gradient)
        if depth:
            delta = derive(torch.matmul(layers[depth][0].mT, delta), hidden[depth])
            if masks[depth - 1] is not None:
                delta.mul_(masks[depth - 1])
    return loss


def mlp_logits(X, layers, activation) -> Tensor:
    """Logits of a multilayer perceptron, or of a stack of them.

    Parameters
    ----------
    X, layers, activation : see mlp_gradient

    Returns
    -------
    logits : Tensor of shape (..., n_samples, n_classes)
    """
    columns, _, _ = _mlp_forward(X, layers, activation, [None] * (len(layers) - 1))
    return columns.mT


def _mlp_forward(X, layers, activation, masks):
    """Return the columns of logits, the input of each layer, and the hidden layers."""
    activate, _ = _ACTIVATE[activation]
    inputs, hidden = [X.mT], [None]
    for (weight, bias), mask in zip(layers, [*masks, None], strict=True):
        columns = torch.matmul(weight, inputs[-1]).add_(bias.unsqueeze(-1))
        if len(inputs) < len(layers):
            hidden.append(activate(columns))
            inputs.append(columns if mask is None else columns * mask)
    return columns, inputs, hidden


# In place, each: the activation of a layer's inputs, and the product of a gradient with
# the derivative of the activation, which its value is enough to tell.
_ACTIVATE = {
    "identity": (lambda z: z, lambda delta, a: delta),
    "logistic": (torch.sigmoid_, lambda delta, a: delta.mul_(a - a * a)),
    "tanh": (torch.tanh_, lambda delta, a: delta.mul_(1 - a * a)),
    "relu": (torch.relu_, lambda delta, a: delta.mul_(a.sign())),
}


class ConvNet(nn.Sequential):
    """Small convolutional network for images, ending in logits.

    Two blocks of a 3 x 3 convolution, batch normalisation, ReLU and 2 x 2 max-pooling,
    then a hidden layer with dropout.

    Parameters
    ----------
    n_features : tuple (n_channels, height, width)
        Shape of one image; height and width at least 4.

    n_classes : int

    n_filters : int, default=32
        Filters of the first block; the second has twice as many.

    n_hidden : int, default=128
        Units of the hidden layer.

    dropout : float, default=0.25
        Probability of dropping a hidden unit in training, in [0, 1).

    Shape
    -----
    (n_samples, n_channels, height, width) -> (n_samples, n_classes)

    Examples
    --------
    >>> import torch
    >>> from sklearn_ls._modules import ConvNet
    >>> ConvNet((1, 8, 8), 10)(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """

    def __init__(self, n_features, n_classes, n_filters=32, n_hidden=128, dropout=0.25):
        if np.size(n_features) != 3 or min(n_features[1:]) < 4:
            raise ValueError(
                "module='convnet' takes X of shape (n_samples, n_channels, height, "
                "width) with at least 4 x 4 pixels. Got samples of shape "
                f"{n_features}."
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
    def _block(n_in, n_out):
        return (
            nn.Conv2d(n_in, n_out, 3, padding=1),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )


def build_module(module, n_features, n_classes, params, *, dtype, seed=0):
    """Make the network on the CPU, its weights drawn from `seed`.

    Parameters
    ----------
    module : None, "convnet" or callable
        None stands for the built-in multilayer perceptron.

    n_features : int or tuple
        Features, or the shape of one sample.

    n_classes : int

    params : dict
        Keyword arguments of the module.

    dtype : numpy dtype
        Of the weights.

    seed : int, default=0

    Returns
    -------
    module : torch.nn.Module
    """
    dtype = getattr(torch, np.dtype(dtype).name)
    if module is None:
        generator = torch.Generator().manual_seed(seed)
        return MLP(n_features, n_classes, **params, generator=generator).to(dtype)
    if isinstance(module, nn.Module):
        raise TypeError(
            f"module is a {type(module).__name__} that is already made. Pass its "
            "class, or a function that takes (n_features, n_classes, **module_params) "
            "and makes one, so that every fit starts from new weights."
        )
    build = ConvNet if module == "convnet" else module
    with private_rng(seed, "cpu"):
        built = build(n_features, n_classes, **params)
    if not isinstance(built, nn.Module):
        raise TypeError(
            "module must return a torch.nn.Module when called with (n_features, "
            f"n_classes, **module_params). It returned a {type(built).__name__}."
        )
    return built.to(dtype)


@torch.inference_mode()
def check_output(module, sample_shape, n_classes, dtype):
    """Check that a module made by the user gives one logit a class.

    Parameters
    ----------
    module : torch.nn.Module
        On the CPU.

    sample_shape : tuple of int

    n_classes : int

    dtype : numpy dtype

    Raises
    ------
    ValueError
        If its output has another shape.

    Warns
    -----
    UserWarning
        If its output looks like probabilities.
    """
    X = np.random.default_rng(0).normal(size=(2, *sample_shape)).astype(dtype)
    logits = module.eval()(torch.from_numpy(X))
    shape = tuple(getattr(logits, "shape", [type(logits).__name__]))
    if shape != (2, n_classes):
        raise ValueError(
            f"module must give logits of shape (n_samples, {n_classes}), one for each "
            f"class. For 2 samples it gave {shape}."
        )
    if (logits >= 0).all() and torch.allclose(logits.sum(-1), torch.ones(2).to(logits)):
        warnings.warn(
            "The module's outputs look like probabilities. It should end in logits: "
            "leave out its softmax.",
            UserWarning,
            stacklevel=2,
        )
