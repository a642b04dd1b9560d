"""Cross-entropy with votes, through a confusion matrix of each annotator."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sklearn_ls._labels.sample_votes import PRIOR_ANSWERS
from sklearn_ls._network.losses import CrossEntropy, LabelRows
from sklearn_ls._network.row_tensors import (
    RowTensors,
    learned,
    per_network,
    per_sample,
    scale_gradient,
    weigh,
)


@dataclass
class VoteRows(RowTensors):
    """Votes of annotators on samples, and the annotators' confusion matrices.

    Parameters
    ----------
    codes : LongTensor of shape (..., n_samples)
        Labels, which are not trained on.

    annotator : LongTensor of shape (..., n_samples, n_slots)
        `n_annotators` is one who is always right.

    targets : Tensor of shape (..., n_samples, n_slots, n_classes)
        Smoothed answers; zeros where a sample has fewer votes.

    weight : None or Tensor of shape (..., n_samples)

    logits : Tensor of shape (..., n_annotators, n_classes, n_classes)
        Their softmax over answers, the last axis, are the confusion matrices, with true
        classes in the second axis. They are learned.

    shared : Tensor of shape (..., n_classes, n_classes)
        The mean of the prior of the confusion matrices.

    scale : Tensor of shape (..., 1)
        One over the mean number of votes per sample.

    prior : Tensor of shape (..., 1)
        Answers per class that the prior is worth, over the number of votes.
    """

    codes: Tensor = per_sample()
    annotator: Tensor = per_sample("n_slots")
    targets: Tensor = per_sample("n_slots", "n_classes")
    weight: Tensor | None = per_sample()
    logits: Tensor = learned("n_annotators", "n_classes", "n_answers")
    shared: Tensor = per_network("n_classes", "n_answers")
    scale: Tensor = per_network("one")
    prior: Tensor = per_network("one")

    @property
    def labels(self) -> Tensor:
        """The labels, which are not trained on."""
        return self.codes

    def confusion(self) -> Tensor:
        """Return the confusion matrices, and the identity for one always right.

        Shape
        -----
        (..., n_annotators + 1, n_classes, n_classes)
        """
        matrices = torch.softmax(self.logits, -1)
        right = torch.eye(matrices.shape[-1]).to(matrices)
        right = right.expand(*matrices.shape[:-3], 1, *right.shape)
        return torch.cat([matrices, right], -3)

    def of_votes(self, matrices: Tensor) -> Tensor:
        """Return the matrix of the annotator of each vote.

        Shape
        -----
        matrices : (..., n_annotators + 1, n_classes, n_classes) ->
            (..., n_samples, n_slots, n_classes, n_classes)
        """
        return matrices.flatten(0, -3)[self.position(matrices)]

    def position(self, matrices: Tensor) -> Tensor:
        """Return the index of each vote's annotator in the matrices of all networks.

        Shape
        -----
        (..., n_samples, n_slots)
        """
        annotator = self.annotator.clamp_min(0)
        if matrices.ndim == 3:
            return annotator
        first = torch.arange(len(matrices), device=annotator.device)
        return annotator + first.view(-1, 1, 1) * matrices.shape[1]

    def log_prior(self) -> Tensor:
        """Return the loss by the prior of the confusion matrices.

        Shape
        -----
        (...)
        """
        cross_entropy = -(self.shared * torch.log_softmax(self.logits, -1).sum(-3))
        return self.prior.squeeze(-1) * cross_entropy.sum((-1, -2))


class VoteCrossEntropy(CrossEntropy):
    """Mean negative log-likelihood of the answers of annotators.

    The probability of an answer is that of the class, mapped through the confusion
    matrix of the annotator. Held-out samples are validated by their labels.
    """

    def per_sample(self, logits: Tensor, rows: VoteRows | LabelRows) -> Tensor:
        """Return the loss of the votes on each sample, over their mean number."""
        if isinstance(rows, LabelRows):
            return super().per_sample(logits, rows)
        proba = torch.softmax(logits, -1)
        confusion = rows.of_votes(rows.confusion())
        observed = torch.einsum("...nk,...nvkl->...nvl", proba, confusion)
        losses = -torch.xlogy(rows.targets, _clip(observed)).sum((-1, -2))
        return losses * rows.scale

    def mean(self, logits: Tensor, rows: VoteRows) -> Tensor:
        """Return the mean loss, with that by the prior."""
        return super().mean(logits, rows) + rows.log_prior()

    @torch.no_grad()
    def mean_and_gradient(
        self, columns: Tensor, rows: VoteRows
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss and its gradient; store that of the confusions."""
        proba = torch.softmax(columns, -2).mT
        matrices = rows.confusion()
        confusion = rows.of_votes(matrices)
        observed = _clip(torch.einsum("...nk,...nvkl->...nvl", proba, confusion))
        losses = -torch.xlogy(rows.targets, observed).sum((-1, -2)) * rows.scale
        loss = weigh(losses, rows.weight).mean(-1) + rows.log_prior()
        ratio = rows.targets / observed * -rows.scale.unsqueeze(-1).unsqueeze(-1)
        gradient = torch.einsum("...nvl,...nvkl->...nk", ratio, confusion)
        gradient = gradient - (gradient * proba).sum(-1, keepdim=True)
        gradient = scale_gradient((gradient * proba).mT.contiguous(), rows.weight)
        self._store_gradient(proba, ratio, matrices, rows)
        return loss, gradient

    def _store_gradient(self, proba, ratio, matrices, rows):
        """Store the gradient with respect to the logits of the confusion matrices."""
        weight = proba.new_ones(1) if rows.weight is None else rows.weight
        weighted = proba * (weight / proba.shape[-2]).unsqueeze(-1)
        of_votes = weighted.unsqueeze(-2).unsqueeze(-1) * ratio.unsqueeze(-2)
        total = torch.zeros_like(matrices).flatten(0, -3)
        position = rows.position(matrices).expand(of_votes.shape[:-2])
        total.index_add_(0, position.flatten(), of_votes.flatten(0, -3))
        total = total.view(matrices.shape)[..., :-1, :, :]
        matrices = matrices[..., :-1, :, :]
        inner = (total * matrices).sum(-1, keepdim=True)
        pull = rows.prior.unsqueeze(-1).unsqueeze(-1)
        shared = rows.shared.unsqueeze(-3)
        mass = shared.sum(-1, keepdim=True)
        rows.logits.grad = matrices * (total - inner) + pull * (
            mass * matrices - shared
        )


def _clip(observed):
    return observed.clamp_min(torch.finfo(observed.dtype).tiny)


def make_vote_rows(objective, labels, dtype, device):
    """Put votes on a device.

    Parameters
    ----------
    objective : Objective

    labels : TrainingLabels
        With votes.

    dtype : dtype

    device : str

    Returns
    -------
    rows : VoteRows
    """

    def tensor(values):
        return torch.from_numpy(np.asarray(values).astype(dtype)).to(device)

    votes, weight = labels.votes, labels.weight
    asked = votes.label >= 0
    targets = objective.smoothing_of_codes(votes.label.clip(0))
    targets[~asked] = 0
    n_votes = np.average(asked.sum(axis=1), weights=weight)
    if weight is not None and np.all(weight == 1):
        weight = None
    return VoteRows(
        codes=torch.tensor(labels.codes, dtype=torch.long).to(device),
        annotator=torch.tensor(votes.annotator, dtype=torch.long).to(device),
        targets=tensor(targets),
        weight=None if weight is None else tensor(weight),
        logits=tensor(np.log(votes.start)),
        shared=tensor(votes.shared),
        scale=tensor([1 / n_votes]),
        prior=tensor([PRIOR_ANSWERS / (n_votes * len(labels))]),
    )
