"""Tensors with an entry per sample, of one network or of several.

A leading dimension is one of networks; tensors that the networks share have none. A
single entry stands for all samples, and None for none or for ones.
"""

from dataclasses import dataclass, field, fields

import torch
from torch import Tensor


def per_sample(*shape, default=None):
    """Return a field whose tensors have the shape (..., n_samples, *shape).

    Parameters
    ----------
    *shape : str
        Names of the further dimensions.

    default : None, default=None
    """
    dim = -1 - len(shape)
    return field(default=default, metadata={"ndim": 1 + len(shape), "dim": dim})


def per_network(*shape, default=None):
    """Return a field whose tensors have the shape (..., *shape), without samples."""
    return field(default=default, metadata={"ndim": len(shape), "dim": None})


@dataclass
class RowTensors:
    """Base of what a loss compares the outputs with, sample by sample.

    Its fields are made by `per_sample` and `per_network`. Every set of such tensors has
    the `labels` to score by, as `codes` or `indicators`, and `weight`, which multiplies
    the loss of each sample.
    """

    def take(self, index: Tensor) -> "RowTensors":
        """Return the samples at `index`."""

        def taken(values, dim):
            return values.index_select(dim, index)

        return self._with(self._per_sample(taken))

    def split(self, sizes: list[int]) -> "list[RowTensors]":
        """Return the samples in parts of these sizes."""
        parts = self._per_sample(lambda values, dim: values.split(sizes, dim))
        names, columns = parts.keys(), zip(*parts.values(), strict=True)
        return [self._with(zip(names, values, strict=True)) for values in columns]

    def _per_sample(self, apply):
        """Return `apply(values, dim)` of the fields with an entry for every sample."""
        changed = {}
        for one in fields(self):
            values, dim = getattr(self, one.name), one.metadata["dim"]
            if values is not None and dim is not None and values.shape[dim] > 1:
                changed[one.name] = apply(values, dim)
        return changed

    def _with(self, changes):
        """Do what `dataclasses.replace` does, which small batches would wait for."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        vars(other).update(changes)
        return other

    @classmethod
    def stack(cls, rows: "list[RowTensors]") -> "RowTensors":
        """Return the tensors of several networks as one, what they share only once."""
        return cls(
            **{
                one.name: _stack([getattr(row, one.name) for row in rows], one.metadata)
                for one in fields(cls)
            }
        )

    def of_networks(self, keep: Tensor) -> "RowTensors":
        """Return the tensors of some of the networks that they were stacked for."""
        kept = {}
        for one in fields(self):
            values = getattr(self, one.name)
            if values is not None and values.ndim > one.metadata["ndim"]:
                kept[one.name] = values.index_select(0, keep)
        return self._with(kept)

    def sharing(self, other: "RowTensors") -> "RowTensors":
        """Return the same, holding the tensors of another where they are equal."""
        shared = {}
        for one in fields(self):
            values, theirs = getattr(self, one.name), getattr(other, one.name)
            if values is not None and theirs is not None and _equal(values, theirs):
                shared[one.name] = theirs
        return self._with(shared)

    def stacking_key(self) -> tuple:
        """Return what is equal for tensors that can be stacked."""
        key = [type(self)]
        for one in fields(self):
            values, dim = getattr(self, one.name), one.metadata["dim"]
            if one.name == "weight":  # None can be stacked with weights, as ones
                continue
            shape = None if values is None else list(values.shape)
            if shape is not None and dim is not None:
                shape[dim] = None
            key.append(shape if shape is None else tuple(shape))
        return tuple(key)


def _equal(values, others):
    return values is others or torch.equal(values, others)


def _stack(parts, metadata):
    present = next((part for part in parts if part is not None), None)
    if present is None:
        return None
    dim = metadata["dim"]
    if dim is not None:
        shape = torch.broadcast_shapes(
            *(part.shape for part in parts if part is not None)
        )
        parts = [
            present.new_ones(shape) if part is None else part.expand(shape)
            for part in parts
        ]
    first, *others = parts
    if all(_equal(first, part) for part in others):
        return first
    return torch.stack(parts)


def weigh(losses: Tensor, weight: Tensor | None) -> Tensor:
    """Return the losses of samples times their weights."""
    return losses if weight is None else losses * weight


def scale_gradient(gradient: Tensor, weight: Tensor | None) -> Tensor:
    """Return the gradient of the mean loss; that of the samples' losses is overwritten.

    Shape
    -----
    gradient : (..., n_classes, n_samples)
    """
    n_samples = gradient.shape[-1]
    if weight is None:
        return gradient.div_(n_samples)
    return gradient.mul_((weight / n_samples).unsqueeze(-2))
