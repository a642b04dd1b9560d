"""The smoothing formula in torch: cross-entropy losses and their gradients.

Conventions: `logits` of shape (..., n_samples, n_classes), as modules give them. The
closed form of the gradient works on `columns`, logits of shape (..., n_classes,
n_samples): a row of numbers a class. The leading dimension is one of networks, where
several are trained together; a target that they share has none.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class LabelTarget:
    """Smoothed targets of one label a row, never written out as a matrix.

    The target of row `i` with label `y` is ``q = spread * towards``, plus `excess` at
    `y`; its loss is ``w * -(q . log_softmax(logits))``.

    Parameters
    ----------
    codes : LongTensor of shape (..., n_samples)

    excess, spread : Tensor of shape (..., 1) or (..., n_samples)

    towards : None or Tensor of shape (..., 1, n_classes) or (..., n_classes, n_classes)
        None stands for ones. A matrix is indexed by the label first.

    weight : None or Tensor of shape (..., n_samples)
        Multiplies a row's loss.
    """

    codes: Tensor
    excess: Tensor
    spread: Tensor
    towards: Tensor | None
    weight: Tensor | None

    @property
    def labels(self) -> Tensor:
        """The labels as given."""
        return self.codes

    @property
    def kind(self) -> tuple[int, ...]:
        """Equal for targets that can be stacked."""
        return () if self.towards is None else tuple(self.towards.shape)

    def take(self, index: Tensor) -> "LabelTarget":
        """Return the rows at `index`."""
        return LabelTarget(
            self.codes.index_select(-1, index),
            _take(self.excess, index),
            _take(self.spread, index),
            self.towards,
            _take(self.weight, index),
        )

    def split(self, sizes: list[int]) -> "list[LabelTarget]":
        """Return the rows in parts of these sizes."""
        codes, excess, spread, weight = (
            _split(values, sizes)
            for values in (self.codes, self.excess, self.spread, self.weight)
        )
        towards = [self.towards] * len(sizes)
        rows = zip(codes, excess, spread, towards, weight, strict=True)
        return [LabelTarget(*parts) for parts in rows]

    @staticmethod
    def stack(targets: "list[LabelTarget]") -> "LabelTarget":
        """Return the targets of several networks as one, what they share but once."""
        n_samples = targets[0].codes.shape[-1]
        return LabelTarget(
            _share_or_stack([target.codes for target in targets]),
            _stack_rows([target.excess for target in targets]),
            _stack_rows([target.spread for target in targets]),
            _stack_optional([target.towards for target in targets]),
            _stack_weights([target.weight for target in targets], n_samples),
        )

    def of_networks(self, keep: Tensor) -> "LabelTarget":
        """Return the target of some of the networks that it was stacked for."""
        return LabelTarget(
            _of_networks(self.codes, keep, 1),
            _of_networks(self.excess, keep, 1),
            _of_networks(self.spread, keep, 1),
            _of_networks(self.towards, keep, 2),
            _of_networks(self.weight, keep, 1),
        )

    def loss(self, logits: Tensor) -> Tensor:
        """Return the mean loss of the rows, differentiable."""
        return self._mean_loss(functional.log_softmax(logits, -1), dim=-1)

    def loss_and_gradient(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss and its gradient with respect to the logits.

        The gradient is ``(softmax(logits) - q) * w / n_samples``.

        Shape
        -----
        columns : (..., n_classes, n_samples) -> (...), the same as `columns`
        """
        log_proba = torch.log_softmax(columns, -2)
        loss = self._mean_loss(log_proba, dim=-2)
        gradient = log_proba.exp_()
        spread = self.spread.unsqueeze(-2)
        if self.towards is None:
            gradient.sub_(spread)
        else:
            gradient.sub_(spread * self._towards(dim=-2))
        rows = (*columns.shape[:-2], 1, columns.shape[-1])
        codes = self.codes.unsqueeze(-2).expand(rows)
        gradient.scatter_add_(-2, codes, -self.excess.unsqueeze(-2).expand(rows))
        return loss, _scaled(gradient, self.weight)

    def _mean_loss(self, log_proba: Tensor, dim: int) -> Tensor:
        at_label = self._at_label(log_proba, dim)
        if self.towards is not None:
            log_proba = log_proba * self._towards(dim)
        rows = self.excess * at_label + self.spread * log_proba.sum(dim)
        return -_mean(rows, self.weight)

    def _at_label(self, values: Tensor, dim: int) -> Tensor:
        shape = list(values.shape)
        shape[dim] = 1
        return values.gather(dim, self.codes.unsqueeze(dim).expand(shape)).squeeze(dim)

    def _towards(self, dim: int) -> Tensor:
        towards = self.towards
        if towards.shape[-2] > 1:  # a matrix
            if towards.ndim == 2:
                towards = towards[self.codes]
            else:
                codes = self.codes.expand(len(towards), -1).unsqueeze(-1)
                towards = towards.take_along_dim(codes, -2)
        return towards if dim == -1 else towards.mT

    def hard_loss(self, logits: Tensor) -> Tensor:
        """Return the summed weighted loss of the labels as they are, unsmoothed."""
        losses = -self._at_label(functional.log_softmax(logits, -1), dim=-1)
        return _weighted(losses, self.weight).sum(-1)

    def hits(self, logits: Tensor) -> Tensor:
        """Return the summed weight of the rows that are classified as labelled."""
        right = (logits.argmax(-1) == self.codes).to(logits)
        return _weighted(right, self.weight).sum(-1)

    @staticmethod
    def margin(logits: Tensor) -> Tensor:
        """Return how far the largest logit of each row is above the next."""
        top = logits.topk(2, -1).values
        return top[..., 0] - top[..., 1]


@dataclass(frozen=True, slots=True)
class IndicatorTarget:
    """Smoothed targets of independent labels, one sigmoid a column.

    The loss of a row is the sum of its columns' binary cross-entropies.

    Parameters
    ----------
    y_soft : Tensor of shape (..., n_samples, n_labels)
        Probabilities of 1.

    indicators : Tensor of shape (..., n_samples, n_labels)
        The labels as given, 0 or 1.

    weight : None or Tensor of shape (..., n_samples)
        Multiplies a row's loss.
    """

    y_soft: Tensor
    indicators: Tensor
    weight: Tensor | None

    @property
    def labels(self) -> Tensor:
        """The labels as given."""
        return self.indicators

    @property
    def kind(self) -> tuple[int, ...]:
        """Equal for targets that can be stacked."""
        return tuple(self.y_soft.shape[-1:])

    def take(self, index: Tensor) -> "IndicatorTarget":
        """Return the rows at `index`."""
        return IndicatorTarget(
            self.y_soft.index_select(-2, index),
            self.indicators.index_select(-2, index),
            _take(self.weight, index),
        )

    def split(self, sizes: list[int]) -> "list[IndicatorTarget]":
        """Return the rows in parts of these sizes."""
        parts = (
            self.y_soft.split(sizes, -2),
            self.indicators.split(sizes, -2),
            _split(self.weight, sizes),
        )
        return [IndicatorTarget(*rows) for rows in zip(*parts, strict=True)]

    @staticmethod
    def stack(targets: "list[IndicatorTarget]") -> "IndicatorTarget":
        """Return the targets of several networks as one, what they share but once."""
        n_samples = targets[0].y_soft.shape[-2]
        return IndicatorTarget(
            torch.stack([target.y_soft for target in targets]),
            _share_or_stack([target.indicators for target in targets]),
            _stack_weights([target.weight for target in targets], n_samples),
        )

    def of_networks(self, keep: Tensor) -> "IndicatorTarget":
        """Return the target of some of the networks that it was stacked for."""
        return IndicatorTarget(
            _of_networks(self.y_soft, keep, 2),
            _of_networks(self.indicators, keep, 2),
            _of_networks(self.weight, keep, 1),
        )

    def loss(self, logits: Tensor) -> Tensor:
        """Return the mean loss of the rows, differentiable."""
        return _mean(_binary_losses(logits, self.y_soft), self.weight)

    def loss_and_gradient(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss and its gradient with respect to the logits.

        The gradient is ``(sigmoid(logits) - q) * w / n_samples``.

        Shape
        -----
        columns : (..., n_labels, n_samples) -> (...), the same as `columns`
        """
        loss = self.loss(columns.mT)
        gradient = torch.sigmoid(columns).sub_(self.y_soft.mT)
        return loss, _scaled(gradient, self.weight)

    def hard_loss(self, logits: Tensor) -> Tensor:
        """Return the summed weighted loss of the labels as they are, unsmoothed."""
        return _weighted(_binary_losses(logits, self.indicators), self.weight).sum(-1)

    def hits(self, logits: Tensor) -> Tensor:
        """Return the summed weight of the rows whose labels are all as given."""
        right = ((logits > 0) == (self.indicators > 0)).all(-1)
        return _weighted(right.to(logits), self.weight).sum(-1)

    @staticmethod
    def margin(logits: Tensor) -> Tensor:
        """Return how far the logit nearest to 0 of each row is from it."""
        return logits.abs().amin(-1)


def label_target(codes, smoothing, weight, dtype, device):
    """Put smoothed labels on a device.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    smoothing : Smoothing

    weight : None or ndarray of shape (n_samples,)

    dtype : dtype

    device : str

    Returns
    -------
    target : LabelTarget
    """

    def tensor(values):
        return None if values is None else torch.tensor(values.astype(dtype)).to(device)

    excess, spread = (
        tensor(np.asarray(values)[codes] if np.ndim(values) else np.array([values]))
        for values in (smoothing.excess, smoothing.spread)
    )
    towards = smoothing.towards
    towards = tensor(None if towards is None else np.atleast_2d(towards))
    codes = torch.tensor(codes, dtype=torch.long).to(device)
    return LabelTarget(codes, excess, spread, towards, tensor(weight))


def indicator_target(Y, y_soft, weight, dtype, device):
    """Put smoothed multilabel targets on a device.

    Parameters
    ----------
    Y, y_soft : ndarray of shape (n_samples, n_labels)

    weight : None or ndarray of shape (n_samples,)

    dtype : dtype

    device : str

    Returns
    -------
    target : IndicatorTarget
    """
    return IndicatorTarget(
        *(
            None if values is None else torch.tensor(values.astype(dtype)).to(device)
            for values in (y_soft, Y, weight)
        )
    )


def _take(values: Tensor | None, index: Tensor) -> Tensor | None:
    if values is None or values.shape[-1] == 1:
        return values
    return values.index_select(-1, index)


def _split(values: Tensor | None, sizes: list[int]):
    if values is None or values.shape[-1] == 1:
        return [values] * len(sizes)
    return values.split(sizes, -1)


def _share_or_stack(parts: list[Tensor]) -> Tensor:
    first, *others = parts
    if all(part is first or torch.equal(part, first) for part in others):
        return first
    return torch.stack(parts)


def _stack_rows(parts: list[Tensor]) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*parts))


def _stack_optional(parts: list[Tensor | None]) -> Tensor | None:
    return None if parts[0] is None else torch.stack(parts)


def _stack_weights(parts: list[Tensor | None], n_samples: int) -> Tensor | None:
    given = next((part for part in parts if part is not None), None)
    if given is None:
        return None
    ones = given.new_ones(n_samples)
    return _share_or_stack([ones if part is None else part for part in parts])


def _of_networks(values: Tensor | None, keep: Tensor, shared_ndim: int):
    if values is None or values.ndim == shared_ndim:
        return values
    return values.index_select(0, keep)


def _binary_losses(logits: Tensor, targets: Tensor) -> Tensor:
    losses = functional.binary_cross_entropy_with_logits(
        logits, targets, reduction="none"
    )
    return losses.sum(-1)


def _weighted(rows: Tensor, weight: Tensor | None) -> Tensor:
    return rows if weight is None else rows * weight


def _mean(rows: Tensor, weight: Tensor | None) -> Tensor:
    return _weighted(rows, weight).mean(-1)


def _scaled(gradient: Tensor, weight: Tensor | None) -> Tensor:
    n_samples = gradient.shape[-1]
    if weight is None:
        return gradient.div_(n_samples)
    return gradient.mul_((weight / n_samples).unsqueeze(-2))
