"""Tensors with one entry per sample, for one network or several.

A leading dimension indexes networks; tensors shared by all networks lack it. A single
entry applies to all samples. None means absent or ones.
"""

from dataclasses import dataclass, field, fields

import torch
from torch import Tensor


def per_sample(*shape, default=None):
    """Return a field whose tensors have the shape (..., n_samples, *shape).

    Parameters
    ----------
    *shape : str
        Names of the other dimensions.

    default : None, default=None
    """
    dim = -1 - len(shape)
    return field(default=default, metadata={"ndim": 1 + len(shape), "dim": dim})


def per_network(*shape, default=None):
    """Return a field whose tensors have the shape (..., *shape), without samples."""
    return field(default=default, metadata={"ndim": len(shape), "dim": None})


def learned(*shape):
    """Return a field of parameters that are learned with the weights of the network.

    They have the shape of `per_network`. In a stack, each network has its own
    parameters, which trainers update in place.
    """
    metadata = {"ndim": len(shape), "dim": None, "learned": True}
    return field(default=None, metadata=metadata)


@dataclass
class RowTensors:
    """Base class of the tensors that a loss compares outputs with.

    Fields are created by `per_sample`, `per_network` and `learned`. Every subclass has
    `labels` for scoring, as `codes` or `indicators`, and `weight`, the sample weights.
    """

    def parameters(self) -> "dict[str, Tensor]":
        """Return the parameters that are learned with the weights of the network.

        Their names start with "rows/", unlike those of the parameters of a module.
        """
        return {
            f"rows/{item.name}": getattr(self, item.name)
            for item in fields(self)
            if item.metadata.get("learned")
        }

    def fitted_fields(self, parameters: "dict[str, Tensor]") -> dict:
        """Return the learned parameters as fields of a FittedNetwork."""
        return {}

    def take(self, index: Tensor) -> "RowTensors":
        """Return the samples at `index`."""

        def taken(values, dim):
            return values.index_select(dim, index)

        return self._with(self._per_sample(taken)).widened()

    def widened(self) -> "RowTensors":
        """Return the tensors in the dtypes that losses require.

        Subclasses may store them in smaller dtypes.
        """
        return self

    def split(self, sizes: list[int]) -> "list[RowTensors]":
        """Split the samples into parts of these sizes."""
        if len(sizes) == 1:
            return [self]
        parts = self._per_sample(lambda values, dim: values.split(sizes, dim))
        names, columns = parts.keys(), zip(*parts.values(), strict=True)
        return [self._with(zip(names, values, strict=True)) for values in columns]

    def _per_sample(self, apply):
        """Return `apply(values, dim)` for the fields with one entry per sample."""
        changed = {}
        for item in fields(self):
            values, dim = getattr(self, item.name), item.metadata["dim"]
            if values is not None and dim is not None and values.shape[dim] > 1:
                changed[item.name] = apply(values, dim)
        return changed

    def _with(self, changes):
        """Return a copy with changes, faster than `dataclasses.replace`."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        vars(other).update(changes)
        return other

    @classmethod
    def stack(cls, rows: "list[RowTensors]") -> "RowTensors":
        """Stack the tensors of several networks, except those that are equal.

        Learned tensors are always stacked.
        """
        return cls(
            **{
                item.name: _stack(
                    [getattr(tensors, item.name) for tensors in rows], item.metadata
                )
                for item in fields(cls)
            }
        )

    def of_networks(self, keep: Tensor) -> "RowTensors":
        """Return the tensors of a subset of the stacked networks."""
        kept = {}
        for item in fields(self):
            values = getattr(self, item.name)
            if item.metadata.get("learned"):  # the trainer selects these in place
                continue
            if values is not None and values.ndim > item.metadata["ndim"]:
                kept[item.name] = values.index_select(0, keep)
        return self._with(kept)

    def sharing(self, other: "RowTensors") -> "RowTensors":
        """Return the same tensors, reusing those of `other` that are equal."""
        shared = {}
        for item in fields(self):
            a, b = getattr(self, item.name), getattr(other, item.name)
            if item.metadata.get("learned"):
                continue
            if a is not None and b is not None and _equal(a, b):
                shared[item.name] = b
        return self._with(shared)

    def stacking_key(self) -> tuple:
        """Return a key that is equal for tensors that can be stacked."""
        key = [type(self)]
        for item in fields(self):
            values, dim = getattr(self, item.name), item.metadata["dim"]
            if item.name == "weight":  # None can be stacked with weights, as ones
                continue
            shape = None if values is None else list(values.shape)
            if shape is not None and dim is not None:
                shape[dim] = None
            key.append(shape if shape is None else tuple(shape))
        return tuple(key)


def _equal(a, b):
    return a is b or torch.equal(a, b)


def _stack(tensors, metadata):
    if metadata.get("learned"):
        return torch.stack(tensors)
    present = [tensor for tensor in tensors if tensor is not None]
    if not present:
        return None
    if metadata["dim"] is not None:
        shape = torch.broadcast_shapes(*(tensor.shape for tensor in present))
        tensors = [
            present[0].new_ones(shape) if tensor is None else tensor.expand(shape)
            for tensor in tensors
        ]
    if all(_equal(tensors[0], tensor) for tensor in tensors[1:]):
        return tensors[0]
    return torch.stack(tensors)


def weigh(losses: Tensor, weight: Tensor | None) -> Tensor:
    """Return the losses multiplied by sample weights."""
    return losses if weight is None else losses * weight


def scale_gradient(gradient: Tensor, weight: Tensor | None) -> Tensor:
    """Scale the gradient of the losses of samples to that of the mean loss, in place.

    Shape
    -----
    gradient : (..., n_classes, n_samples)
    """
    n_samples = gradient.shape[-1]
    if weight is None:
        return gradient.div_(n_samples)
    return gradient.mul_((weight / n_samples).unsqueeze(-2))
