"""The formula in torch: cross-entropy losses and their gradients.

Conventions: `logits` of shape (..., n_samples, n_classes), as modules give them. The
closed form of the gradient works on `columns`, logits of shape (..., n_classes,
n_samples): a row of numbers a class. The leading dimension is one of networks, where
several are trained together; a target that they share has none.
"""

from dataclasses import dataclass, replace

import numpy as np
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
    stack_rows,
    stack_weights,
    take,
    weighted,
)
from sklearn_ls._transition import Transition


@dataclass(frozen=True, slots=True)
class LabelTarget:
    """Smoothed targets of one label a row; of hard labels never written out.

    The target of row `i` with label `y` is ``q = spread * towards``, plus `excess` at
    `y`, or plus ``excess * y_soft``; its loss is ``w * -(q . log r)`` with ``r =
    softmax(logits)``, or what a transition makes of it.

    Parameters
    ----------
    codes : LongTensor of shape (..., n_samples)
        What predictions are compared with.

    excess, spread : Tensor of shape (..., 1) or (..., n_samples)

    towards : None or Tensor of shape (..., 1, n_classes) or (..., n_classes, n_classes)
        None stands for ones. A matrix is indexed by the label first.

    weight : None or Tensor of shape (..., n_samples)
        Multiplies a row's loss.

    y_soft : None or Tensor of shape (..., n_samples, n_classes)
        None stands for the one-hot rows of `codes`.

    transition : None or Transition
        The same for all networks.
    """

    codes: Tensor
    excess: Tensor
    spread: Tensor
    towards: Tensor | None
    weight: Tensor | None
    y_soft: Tensor | None = None
    transition: Transition | None = None

    @property
    def labels(self) -> Tensor:
        """The labels as given."""
        return self.codes

    @property
    def kind(self) -> tuple:
        """Equal for targets that can be stacked."""
        towards = None if self.towards is None else tuple(self.towards.shape)
        return towards, self.y_soft is None

    def take(self, index: Tensor) -> "LabelTarget":
        """Return the rows at `index`."""
        return LabelTarget(
            self.codes.index_select(-1, index),
            take(self.excess, index),
            take(self.spread, index),
            self.towards,
            take(self.weight, index),
            take(self.y_soft, index, -2),
            self.transition,
        )

    def split(self, sizes: list[int]) -> "list[LabelTarget]":
        """Return the rows in parts of these sizes."""
        n_parts = len(sizes)
        parts = zip(
            split(self.codes, sizes),
            split(self.excess, sizes),
            split(self.spread, sizes),
            [self.towards] * n_parts,
            split(self.weight, sizes),
            split(self.y_soft, sizes, -2),
            [self.transition] * n_parts,
            strict=True,
        )
        return [LabelTarget(*part) for part in parts]

    @staticmethod
    def stack(targets: "list[LabelTarget]") -> "LabelTarget":
        """Return the targets of several networks as one, what they share but once."""
        n_samples = targets[0].codes.shape[-1]
        return LabelTarget(
            share_or_stack([target.codes for target in targets]),
            stack_rows([target.excess for target in targets]),
            stack_rows([target.spread for target in targets]),
            share_or_stack([target.towards for target in targets]),
            stack_weights([target.weight for target in targets], n_samples),
            share_or_stack([target.y_soft for target in targets]),
            targets[0].transition,
        )

    def of_networks(self, keep: Tensor) -> "LabelTarget":
        """Return the target of some of the networks that it was stacked for."""
        return LabelTarget(
            of_networks(self.codes, keep),
            of_networks(self.excess, keep),
            of_networks(self.spread, keep),
            of_networks(self.towards, keep, 2),
            of_networks(self.weight, keep),
            of_networks(self.y_soft, keep, 2),
            self.transition,
        )

    def sharing(self, other: "LabelTarget") -> "LabelTarget":
        """Return this target with the soft labels of another, if they are equal."""
        return replace(self, y_soft=share(self.y_soft, other.y_soft))

    def loss(self, logits: Tensor) -> Tensor:
        """Return the mean loss of the rows, differentiable."""
        return self._mean_loss(self._log_given(logits), dim=-1)

    def loss_and_gradient(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss and its gradient with respect to the logits.

        The gradient is ``(p - q) * w / n_samples`` with ``p = softmax(logits)``; with a
        transition T, ``p * (1 - T @ (q / r)) * w / n_samples``.

        Shape
        -----
        columns : (..., n_classes, n_samples) -> (...), the same as `columns`
        """
        log_proba = torch.log_softmax(columns, -2)
        if self.transition is None:
            loss = self._mean_loss(log_proba, dim=-2)
            gradient = self._subtract_target(log_proba.exp_())
            return loss, scaled(gradient, self.weight)
        proba = log_proba.exp_()
        given = self.transition.forward(proba, dim=-2)
        ratio = self._subtract_target(torch.zeros_like(given)).div_(given)
        gradient = self.transition.backward(ratio).add_(1).mul_(proba)
        loss = self._mean_loss(given.log_(), dim=-2)
        return loss, scaled(gradient, self.weight)

    def _log_given(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of the labels as given."""
        if self.transition is None:
            return functional.log_softmax(logits, -1)
        return self.transition.forward(functional.softmax(logits, -1), dim=-1).log()

    def _mean_loss(self, log_given: Tensor, dim: int) -> Tensor:
        at_label = self._at_label(log_given, dim)
        if self.towards is not None:
            log_given = log_given * self._towards(dim)
        rows = self.excess * at_label + self.spread * log_given.sum(dim)
        return -mean(rows, self.weight)

    def _subtract_target(self, columns: Tensor) -> Tensor:
        """Subtract the target in place."""
        spread, excess = self.spread.unsqueeze(-2), self.excess.unsqueeze(-2)
        if self.towards is None:
            columns.sub_(spread)
        else:
            columns.sub_(spread * self._towards(dim=-2))
        if self.y_soft is not None:
            return columns.sub_(excess * self.y_soft.mT)
        rows = (*columns.shape[:-2], 1, columns.shape[-1])
        codes = self.codes.unsqueeze(-2).expand(rows)
        return columns.scatter_add_(-2, codes, -excess.expand(rows))

    def _at_label(self, values: Tensor, dim: int) -> Tensor:
        if self.y_soft is not None:
            y_soft = self.y_soft if dim == -1 else self.y_soft.mT
            return (y_soft * values).sum(dim)
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

    def hits(self, logits: Tensor) -> Tensor:
        """Return the summed weight of the rows that are classified as labelled."""
        if self.transition is not None:
            logits = self._log_given(logits)
        right = (logits.argmax(-1) == self.codes).to(logits)
        return weighted(right, self.weight).sum(-1)

    @staticmethod
    def margin(logits: Tensor) -> Tensor:
        """Return how far the largest logit of each row is above the next."""
        top = logits.topk(2, -1).values
        return top[..., 0] - top[..., 1]


def label_target(
    codes, smoothing, weight, dtype, device, *, y_soft=None, transition=None
):
    """Put smoothed labels on a device.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    smoothing : Smoothing
        Of rows, see `Smoothing.of_rows`.

    weight : None or ndarray of shape (n_samples,)

    dtype : dtype

    device : str

    y_soft : None or ndarray of shape (n_samples, n_classes), default=None
        Soft labels that are smoothed instead of `codes`; `smoothing.towards` must not
        depend on the label.

    transition : None or Transition, default=None

    Returns
    -------
    target : LabelTarget
    """

    def tensor(values):
        return None if values is None else torch.tensor(values.astype(dtype)).to(device)

    excess, spread = (
        tensor(np.atleast_1d(values)) for values in (smoothing.excess, smoothing.spread)
    )
    towards = smoothing.towards
    towards = tensor(None if towards is None else np.atleast_2d(towards))
    codes = torch.tensor(codes, dtype=torch.long).to(device)
    return LabelTarget(
        codes, excess, spread, towards, tensor(weight), tensor(y_soft), transition
    )
