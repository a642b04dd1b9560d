"""The smoothing formula in torch: cross-entropy losses and their gradients.

Conventions: `logits` of shape (n_samples, n_classes), as modules give them. The closed
form of the gradient works on `columns`, logits of shape (..., n_classes, n_samples): a
row of numbers a class, with any leading dimensions of networks.
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
    codes : LongTensor of shape (n_samples,)

    excess, spread : Tensor of shape () or (n_samples,)

    towards : None or Tensor of shape (n_classes,) or (n_classes, n_classes)
        None stands for ones. A matrix is indexed by the label first.

    weight : None or Tensor of shape (n_samples,)
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

    def take(self, index: Tensor) -> "LabelTarget":
        """Return the rows at `index`."""
        return LabelTarget(
            self.codes.index_select(0, index),
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
        spread = self.spread if self.spread.ndim == 0 else self.spread.unsqueeze(-2)
        if self.towards is None:
            gradient.sub_(spread)
        else:
            gradient.sub_(spread * self._towards(dim=-2))
        codes = self.codes.unsqueeze(-2)
        excess = self.excess.expand(self.codes.shape).unsqueeze(-2)
        gradient.scatter_add_(-2, codes, -excess)
        return loss, _scaled(gradient, self.weight)

    def _mean_loss(self, log_proba: Tensor, dim: int) -> Tensor:
        at_label = log_proba.gather(dim, self.codes.unsqueeze(dim)).squeeze(dim)
        if self.towards is not None:
            log_proba = log_proba * self._towards(dim)
        rows = self.excess * at_label + self.spread * log_proba.sum(dim)
        return -_mean(rows, self.weight)

    def _towards(self, dim: int) -> Tensor:
        matrix = self.towards.ndim == 2
        towards = self.towards[self.codes] if matrix else self.towards.unsqueeze(0)
        return towards if dim == -1 else towards.mT

    def hard_loss(self, logits: Tensor) -> Tensor:
        """Return the summed weighted loss of the labels as they are, unsmoothed."""
        losses = functional.cross_entropy(logits, self.codes, reduction="none")
        return _weighted(losses, self.weight).sum()

    def hits(self, logits: Tensor) -> Tensor:
        """Return the summed weight of the rows that are classified as labelled."""
        return _weighted(
            (logits.argmax(-1) == self.codes).to(logits), self.weight
        ).sum()

    @staticmethod
    def margin(logits: Tensor) -> Tensor:
        """Return how far the largest logit of each row is above the next."""
        top = logits.topk(2, -1).values
        return top[:, 0] - top[:, 1]


@dataclass(frozen=True, slots=True)
class IndicatorTarget:
    """Smoothed targets of independent labels, one sigmoid a column.

    The loss of a row is the sum of its columns' binary cross-entropies.

    Parameters
    ----------
    y_soft : Tensor of shape (n_samples, n_labels)
        Probabilities of 1.

    indicators : Tensor of shape (n_samples, n_labels)
        The labels as given, 0 or 1.

    weight : None or Tensor of shape (n_samples,)
        Multiplies a row's loss.
    """

    y_soft: Tensor
    indicators: Tensor
    weight: Tensor | None

    @property
    def labels(self) -> Tensor:
        """The labels as given."""
        return self.indicators

    def take(self, index: Tensor) -> "IndicatorTarget":
        """Return the rows at `index`."""
        return IndicatorTarget(
            _take(self.y_soft, index),
            _take(self.indicators, index),
            _take(self.weight, index),
        )

    def split(self, sizes: list[int]) -> "list[IndicatorTarget]":
        """Return the rows in parts of these sizes."""
        parts = (
            _split(values, sizes)
            for values in (self.y_soft, self.indicators, self.weight)
        )
        return [IndicatorTarget(*rows) for rows in zip(*parts, strict=True)]

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
        return _weighted(_binary_losses(logits, self.indicators), self.weight).sum()

    def hits(self, logits: Tensor) -> Tensor:
        """Return the summed weight of the rows whose labels are all as given."""
        right = ((logits > 0) == (self.indicators > 0)).all(-1)
        return _weighted(right.to(logits), self.weight).sum()

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
        tensor(np.asarray(values)[codes] if np.ndim(values) else np.asarray(values))
        for values in (smoothing.excess, smoothing.spread)
    )
    codes = torch.tensor(codes, dtype=torch.long).to(device)
    return LabelTarget(codes, excess, spread, tensor(smoothing.towards), tensor(weight))


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
    if values is None or values.ndim == 0:
        return values
    return values.index_select(0, index)


def _split(values: Tensor | None, sizes: list[int]):
    if values is None or values.ndim == 0:
        return [values] * len(sizes)
    return values.split(sizes)


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
