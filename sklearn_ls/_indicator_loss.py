"""Losses of independent labels, one sigmoid a column, and their gradients.

The conventions are those of `_loss.py`.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from sklearn_ls._row_values import (
    mean,
    of_networks,
    scaled,
    share,
    share_or_stack,
    split,
    stack_weights,
    take,
    weighted,
)


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
            take(self.weight, index),
        )

    def split(self, sizes: list[int]) -> "list[IndicatorTarget]":
        """Return the rows in parts of these sizes."""
        parts = (
            self.y_soft.split(sizes, -2),
            self.indicators.split(sizes, -2),
            split(self.weight, sizes),
        )
        return [IndicatorTarget(*rows) for rows in zip(*parts, strict=True)]

    @staticmethod
    def stack(targets: "list[IndicatorTarget]") -> "IndicatorTarget":
        """Return the targets of several networks as one, what they share but once."""
        n_samples = targets[0].y_soft.shape[-2]
        return IndicatorTarget(
            torch.stack([target.y_soft for target in targets]),
            share_or_stack([target.indicators for target in targets]),
            stack_weights([target.weight for target in targets], n_samples),
        )

    def of_networks(self, keep: Tensor) -> "IndicatorTarget":
        """Return the target of some of the networks that it was stacked for."""
        return IndicatorTarget(
            of_networks(self.y_soft, keep, 2),
            of_networks(self.indicators, keep, 2),
            of_networks(self.weight, keep),
        )

    def sharing(self, other: "IndicatorTarget") -> "IndicatorTarget":
        """Return this target with the indicators of another, if they are equal."""
        return replace(self, indicators=share(self.indicators, other.indicators))

    def loss(self, logits: Tensor) -> Tensor:
        """Return the mean loss of the rows, differentiable."""
        return mean(_binary_losses(logits, self.y_soft), self.weight)

    def loss_and_gradient(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss and its gradient with respect to the logits.

        The gradient is ``(sigmoid(logits) - q) * w / n_samples``.

        Shape
        -----
        columns : (..., n_labels, n_samples) -> (...), the same as `columns`
        """
        loss = self.loss(columns.mT)
        gradient = torch.sigmoid(columns).sub_(self.y_soft.mT)
        return loss, scaled(gradient, self.weight)

    def hits(self, logits: Tensor) -> Tensor:
        """Return the summed weight of the rows whose labels are all as given."""
        right = ((logits > 0) == (self.indicators > 0)).all(-1)
        return weighted(right.to(logits), self.weight).sum(-1)

    @staticmethod
    def margin(logits: Tensor) -> Tensor:
        """Return how far the logit nearest to 0 of each row is from it."""
        return logits.abs().amin(-1)


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


def _binary_losses(logits: Tensor, targets: Tensor) -> Tensor:
    losses = functional.binary_cross_entropy_with_logits(
        logits, targets, reduction="none"
    )
    return losses.sum(-1)
