"""Multilayer perceptron with a closed-form gradient, for one or many networks."""

import math

import torch
from torch import Tensor


def dropout_masks(layers, dropout, X, generator, share=None):
    """Draw the dropout masks of the hidden layers: 0 or ``1 / (1 - dropout)``.

    Parameters
    ----------
    layers : list of (weight, bias)

    dropout : float

    X : Tensor of shape (..., n_samples, n_features)

    generator : torch.Generator

    share : Share, default=None
        Samples of the batch that X contains; None for all. Masks are drawn for the
        whole batch.

    Returns
    -------
    masks : list of None or Tensor of shape (n_out, n_samples)
        One per hidden layer, the same for all networks; None without dropout.
    """
    if not dropout:
        return [None] * (len(layers) - 1)
    start, stop, n_batch, _ = share or (0, X.shape[-2], X.shape[-2], 1.0)
    return [
        _draw_mask((bias.shape[-1], n_batch), 1 - dropout, X, generator)[:, start:stop]
        for _, bias in layers[:-1]
    ]


def _draw_mask(shape, keep, X, generator):
    """Draw a mask, four entries from each 64-bit random number.

    `bernoulli_` draws one number per entry, which is slower. The probability that an
    entry is nonzero is `keep`, rounded to 16 bits; the mean is 1.
    """
    n_entries = math.prod(shape)
    bits = torch.empty(-(-n_entries // 4), dtype=torch.int64, device=X.device)
    bits.random_(-(2**63), None, generator=generator)
    n_kept = min(max(1, round(keep * 2**16)), 2**16 - 1)  # of 2^16 possible values
    values = bits.view(torch.int16)[:n_entries].view(shape)
    # The comparison writes floats directly, since converting booleans is slower.
    mask = torch.empty(shape, dtype=X.dtype, device=X.device)
    return torch.lt(values, n_kept - 2**15, out=mask).mul_(2**16 / n_kept)


def mlp_gradient(X, loss, rows, layers, gradients, activation, masks) -> Tensor:
    """Loss of a multilayer perceptron and its gradient, in closed form.

    Activations are columns: `A = f(W A + b)`, starting from `A = X^T`. The same code
    works for one network and for a stack of networks with a leading dimension.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)

    loss : Loss

    rows : RowTensors

    layers : list of (weight, bias)
        Tensors of shapes (..., n_out, n_in) and (..., n_out).

    gradients : list of (weight, bias)
        Tensors of the same shapes, overwritten by the gradients.

    activation : {"identity", "logistic", "tanh", "relu"}

    masks : list of None or Tensor of shape (n_out, n_samples)
        Dropout mask of each hidden layer.

    Returns
    -------
    mean_loss : Tensor of shape (...)
    """
    _, derive = _ACTIVATE[activation]
    columns, inputs, hidden = _mlp_forward(X, layers, activation, masks)
    mean_loss, delta = loss.mean_and_gradient(columns, rows)
    for depth in range(len(layers) - 1, -1, -1):
        weight_gradient, bias_gradient = gradients[depth]
        torch.matmul(delta, inputs[depth].mT, out=weight_gradient)
        torch.sum(delta, -1, out=bias_gradient)
        if depth:
            delta = derive(torch.matmul(layers[depth][0].mT, delta), hidden[depth])
            if masks[depth - 1] is not None:
                delta.mul_(masks[depth - 1])
    return mean_loss


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


# In-place functions: the activation, and the product of a gradient with the derivative
# of the activation, computed from the value of the activation. `torch.gt` writes floats
# directly, since converting booleans is slower.
_ACTIVATE = {
    "identity": (lambda z: z, lambda delta, a: delta),
    "logistic": (torch.sigmoid_, lambda delta, a: delta.mul_(a - a * a)),
    "tanh": (torch.tanh_, lambda delta, a: delta.mul_(1 - a * a)),
    "relu": (
        torch.relu_,
        lambda delta, a: delta.mul_(torch.gt(a, 0, out=torch.empty_like(a))),
    ),
}
