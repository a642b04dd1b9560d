"""Losses in torch, and their gradients.

Conventions: modules return `logits` of shape (..., n_samples, n_classes). Gradients in
closed form use `columns`, logits of shape (..., n_classes, n_samples). A leading
dimension indexes networks that are trained together; tensors that they share lack it.

A loss is a subclass of `Loss` that implements at least `per_sample`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sklearn_ls._network.row_tensors import (
    RowTensors,
    per_network,
    per_sample,
    scale_gradient,
    weigh,
)
from sklearn_ls._network.transition import Transition


class Loss:
    """Base class of the losses, functions of logits and row tensors."""

    @property
    def of_labels(self) -> "Loss":
        """The loss on labels, used for validation."""
        return self

    def per_sample(self, logits: Tensor, rows: RowTensors) -> Tensor:
        """Return the unweighted loss of each sample; it is differentiable.

        Shape
        -----
        logits : (..., n_samples, n_classes) -> (..., n_samples)
        """
        raise NotImplementedError

    def mean(self, logits: Tensor, rows: RowTensors) -> Tensor:
        """Return the mean of the weighted losses; it is differentiable."""
        return weigh(self.per_sample(logits, rows), rows.weight).mean(-1)

    def mean_and_gradient(
        self, columns: Tensor, rows: RowTensors
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss and its gradient with respect to the logits.

        The gradient is computed by autograd unless a subclass has a closed form.

        Shape
        -----
        columns : (..., n_classes, n_samples) -> (...), the same as `columns`
        """
        with torch.enable_grad():
            columns = columns.detach().requires_grad_()
            loss = self.mean(columns.mT, rows)
            (gradient,) = torch.autograd.grad(loss.sum(), columns)
        return loss.detach(), gradient

    def is_correct(self, logits: Tensor, rows: RowTensors) -> Tensor:
        """Return whether the predicted label of each sample is the observed one."""
        return logits.mT.max(-2).indices == rows.codes  # faster than argmax

    def brier(self, logits: Tensor, rows: RowTensors) -> Tensor:
        """Return the Brier score of each sample."""
        proba = self.observed_log_proba(logits.mT).exp()
        return proba.square().sum(-2) - 2 * rows.expect(proba, dim=-2) + 1

    def observed_log_proba(self, columns: Tensor) -> Tensor:
        """Return the log-probabilities of the observed labels, as columns."""
        return torch.log_softmax(columns, -2)  # much faster than over dim=-1

    def sum_scores(self, logits: Tensor, rows: RowTensors) -> Tensor:
        """Return weighted sums of scores over samples whose labels are not smoothed.

        Returns
        -------
        sums : Tensor of shape (4, ...)
            Sums of correct predictions, losses, Brier scores and weights.
        """
        loss, brier = self.per_sample(logits, rows), self.brier(logits, rows)
        correct = self.is_correct(logits, rows).to(loss)
        scores = torch.stack([correct, loss, brier, torch.ones_like(loss)])
        return weigh(scores, rows.weight).sum(-1)

    def decision_margin(self, logits: Tensor) -> Tensor:
        """Return the difference of the two largest logits of each sample."""
        top = logits.topk(2, -1).values
        return top[..., 0] - top[..., 1]


@dataclass
class LabelRows(RowTensors):
    """Smoothed labels, without dense targets for hard labels.

    The target of a sample with label `y` is ``q = smoothing_weight * distribution``,
    plus `excess` at `y`, or plus ``excess * y_soft``.

    Parameters
    ----------
    codes : Tensor of shape (..., n_samples)
        Observed labels, used to score predictions. Integers of any type until
        `widened`.

    excess, smoothing_weight : Tensor of shape (..., 1) or (..., n_samples)

    distribution : None or Tensor of shape (..., 1, n_classes) or \
            (..., n_classes, n_classes)
        None stands for ones. A matrix has one row per label.

    weight : None or Tensor of shape (..., n_samples)

    y_soft : None or Tensor of shape (..., n_samples, n_classes)
        None stands for the one-hot rows of `codes`. Floats of any type until `widened`.
    """

    codes: Tensor = per_sample()
    excess: Tensor = per_sample()
    smoothing_weight: Tensor = per_sample()
    distribution: Tensor | None = per_network("n_labels", "n_classes")
    weight: Tensor | None = per_sample()
    y_soft: Tensor | None = per_sample("n_classes")

    @property
    def labels(self) -> Tensor:
        """The observed labels."""
        return self.codes

    def widened(self) -> "LabelRows":
        """Return the tensors in the dtypes that losses require."""
        changes = {"codes": self.codes.long()}
        if self.y_soft is not None:
            changes["y_soft"] = self.y_soft.to(self.excess.dtype)
        return self._with(changes)

    def expect(self, values: Tensor, dim: int) -> Tensor:
        """Return the expectation of values under the target of each sample.

        Parameters
        ----------
        values : Tensor of shape (..., n_samples, n_classes)
            Values of the classes; with `dim=-2`, as columns.

        dim : int
            Dimension of the classes, -1 or -2.
        """
        at_label = self._at_label(values, dim)
        if self.distribution is not None:
            values = values * self._distribution(dim)
        return self.excess * at_label + self.smoothing_weight * values.sum(dim)

    def subtract_from(self, columns: Tensor) -> Tensor:
        """Subtract the targets from columns, in place."""
        weight, excess = self.smoothing_weight.unsqueeze(-2), self.excess.unsqueeze(-2)
        if self.distribution is None:
            columns.sub_(weight)
        else:
            columns.sub_(weight * self._distribution(dim=-2))
        if self.y_soft is not None:
            return columns.sub_(excess * self.y_soft.mT)
        shape = (*columns.shape[:-2], 1, columns.shape[-1])
        codes = self.codes.unsqueeze(-2).expand(shape)
        return columns.scatter_add_(-2, codes, -excess.expand(shape))

    def _at_label(self, values: Tensor, dim: int) -> Tensor:
        if self.y_soft is not None:
            y_soft = self.y_soft if dim == -1 else self.y_soft.mT
            return (y_soft * values).sum(dim)
        shape = list(values.shape)
        shape[dim] = 1
        return values.gather(dim, self.codes.unsqueeze(dim).expand(shape)).squeeze(dim)

    def _distribution(self, dim: int) -> Tensor:
        distribution = self.distribution
        if distribution.shape[-2] > 1:  # a matrix
            if distribution.ndim == 2:
                distribution = distribution[self.codes]
            else:
                codes = self.codes.expand(len(distribution), -1).unsqueeze(-1)
                distribution = distribution.take_along_dim(codes, -2)
        return distribution if dim == -1 else distribution.mT


class CrossEntropy(Loss):
    """Cross-entropy of softmax probabilities with smoothed targets."""

    def per_sample(self, logits: Tensor, rows: LabelRows) -> Tensor:
        """Return ``-(q . log p)``."""
        return -rows.expect(self.observed_log_proba(logits.mT), dim=-2)

    def mean_and_gradient(
        self, columns: Tensor, rows: LabelRows
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss and ``(p - q) * weight / n_samples``."""
        log_proba = torch.log_softmax(columns, -2)
        loss = -weigh(rows.expect(log_proba, dim=-2), rows.weight).mean(-1)
        # A second softmax is faster than the exponential of the first.
        gradient = rows.subtract_from(torch.softmax(columns, -2))
        return loss, scale_gradient(gradient, rows.weight)


@dataclass
class ForwardCrossEntropy(CrossEntropy):
    """Cross-entropy of softmax probabilities multiplied by a transition matrix.

    Parameters
    ----------
    transition : Transition
    """

    transition: Transition

    def mean_and_gradient(
        self, columns: Tensor, rows: LabelRows
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss and ``p * (1 - T @ (q / (p @ T))) * weight / n``."""
        proba = torch.softmax(columns, -2)
        observed = self.transition.forward(proba, dim=-2)
        ratio = rows.subtract_from(torch.zeros_like(observed)).div_(observed)
        gradient = self.transition.backward(ratio).add_(1).mul_(proba)
        loss = -weigh(rows.expect(observed.log_(), dim=-2), rows.weight).mean(-1)
        return loss, scale_gradient(gradient, rows.weight)

    def is_correct(self, logits: Tensor, rows: LabelRows) -> Tensor:
        """Return whether the observed label of each sample is the most probable."""
        return self.observed_log_proba(logits.mT).max(-2).indices == rows.codes

    def observed_log_proba(self, columns: Tensor) -> Tensor:
        """Return ``log(p @ T)``."""
        return self.transition.forward(torch.softmax(columns, -2), dim=-2).log()


@dataclass
class IndicatorRows(RowTensors):
    """Smoothed independent labels.

    Parameters
    ----------
    y_soft : Tensor of shape (..., n_samples, n_labels)
        Target probabilities of 1.

    indicators : Tensor of shape (..., n_samples, n_labels)
        Observed labels, 0 or 1.

    weight : None or Tensor of shape (..., n_samples)
    """

    y_soft: Tensor = per_sample("n_labels")
    indicators: Tensor = per_sample("n_labels")
    weight: Tensor | None = per_sample()

    @property
    def labels(self) -> Tensor:
        """The observed labels."""
        return self.indicators


class BinaryCrossEntropy(Loss):
    """Sum of binary cross-entropies over independent labels, with sigmoid outputs."""

    def per_sample(self, logits: Tensor, rows: IndicatorRows) -> Tensor:
        """Return the sum of the binary cross-entropies."""
        losses = functional.binary_cross_entropy_with_logits(
            logits, rows.y_soft.expand_as(logits), reduction="none"
        )
        return losses.sum(-1)

    def mean_and_gradient(
        self, columns: Tensor, rows: IndicatorRows
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss and ``(sigmoid - q) * weight / n_samples``."""
        loss = self.mean(columns.mT, rows)
        gradient = torch.sigmoid(columns).sub_(rows.y_soft.mT)
        return loss, scale_gradient(gradient, rows.weight)

    def is_correct(self, logits: Tensor, rows: IndicatorRows) -> Tensor:
        """Return whether all labels of each sample are predicted correctly."""
        return ((logits > 0) == (rows.indicators > 0)).all(-1)

    def brier(self, logits: Tensor, rows: IndicatorRows) -> Tensor:
        """Return the mean of the two-class Brier scores over labels."""
        return 2 * (torch.sigmoid(logits) - rows.indicators).square().mean(-1)

    def decision_margin(self, logits: Tensor) -> Tensor:
        """Return the smallest absolute logit of each sample."""
        return logits.abs().amin(-1)
