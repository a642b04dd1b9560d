"""Tensors with a value, or a row of values, for each row of the data.

A leading dimension is one of networks; values that they share have none. A single value
stands for all rows, and None for none or for ones.
"""

import torch
from torch import Tensor


def take(values: Tensor | None, index: Tensor, dim: int = -1) -> Tensor | None:
    """Return the values of the rows at `index`."""
    if values is None or values.shape[dim] == 1:
        return values
    return values.index_select(dim, index)


def split(values: Tensor | None, sizes: list[int], dim: int = -1):
    """Return the values of parts of the rows, of these sizes."""
    if values is None or values.shape[dim] == 1:
        return [values] * len(sizes)
    return values.split(sizes, dim)


def share(values: Tensor | None, others: Tensor | None) -> Tensor | None:
    """Return `others` if they are equal to `values`, which then need no memory."""
    if values is None or others is None or not torch.equal(values, others):
        return values
    return others


def share_or_stack(parts: list[Tensor | None]) -> Tensor | None:
    """Return the values of several networks as one, those that they share but once."""
    first, *others = parts
    if all(part is first or torch.equal(part, first) for part in others):
        return first
    return torch.stack(parts)


def stack_rows(parts: list[Tensor]) -> Tensor:
    """Return the values of several networks, of which some have one for all rows."""
    return torch.stack(torch.broadcast_tensors(*parts))


def stack_weights(parts: list[Tensor | None], n_samples: int) -> Tensor | None:
    """Return the weights of several networks as one."""
    given = next((part for part in parts if part is not None), None)
    if given is None:
        return None
    ones = given.new_ones(n_samples)
    return share_or_stack([ones if part is None else part for part in parts])


def of_networks(values: Tensor | None, keep: Tensor, shared_ndim: int = 1):
    """Return the values of some of the networks; shared ones have `shared_ndim`."""
    if values is None or values.ndim == shared_ndim:
        return values
    return values.index_select(0, keep)


def weighted(rows: Tensor, weight: Tensor | None) -> Tensor:
    """Return the losses of rows times their weights."""
    return rows if weight is None else rows * weight


def mean(rows: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean of weighted losses."""
    return weighted(rows, weight).mean(-1)


def scaled(gradient: Tensor, weight: Tensor | None) -> Tensor:
    """Return the gradient of the mean loss; that of the rows' losses is overwritten.

    Shape
    -----
    gradient : (..., n_classes, n_samples)
    """
    n_samples = gradient.shape[-1]
    if weight is None:
        return gradient.div_(n_samples)
    return gradient.mul_((weight / n_samples).unsqueeze(-2))
