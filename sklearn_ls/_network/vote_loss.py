"""Cross-entropy of votes, with a confusion matrix per annotator."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_ls._network.losses import CrossEntropy, Loss
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
    """Votes on samples, and the confusion matrices of the annotators.

    Parameters
    ----------
    codes : LongTensor of shape (..., n_samples)
        Labels of the samples.

    annotator : LongTensor of shape (..., n_samples, n_slots)
        Index of the annotator of each vote; `n_annotators` stands for a trusted label.

    label : LongTensor of shape (..., n_samples, n_slots)
        Codes of the answers; -1 if a sample has fewer votes.

    weight : None or Tensor of shape (..., n_samples)

    confusion_logits : Tensor of shape (..., n_annotators, n_classes, n_classes)
        Learned parameters. The confusion matrices are their softmax over answers, the
        last axis; true classes are on the second axis.

    shared : Tensor of shape (..., n_classes, n_classes)
        Mean of the prior of the confusion matrices.

    targets : Tensor of shape (..., n_classes, n_classes)
        Smoothed target of each class.

    excess : Tensor of shape (..., n_classes)
        Weight of the one-hot part of the smoothed target of each class.

    scale : Tensor of shape (..., 1)
        Inverse of the mean number of votes per sample.

    prior_weight : Tensor of shape (..., 1)
        Weight of the prior in answers per class, divided by the number of votes.
    """

    codes: Tensor = per_sample()
    annotator: Tensor = per_sample("n_slots")
    label: Tensor = per_sample("n_slots")
    weight: Tensor | None = per_sample()
    confusion_logits: Tensor = learned("n_annotators", "n_classes", "n_answers")
    shared: Tensor = per_network("n_classes", "n_answers")
    targets: Tensor = per_network("n_classes", "n_classes")
    excess: Tensor = per_network("n_classes")
    scale: Tensor = per_network("one")
    prior_weight: Tensor = per_network("one")

    @property
    def labels(self) -> Tensor:
        """Labels of the samples."""
        return self.codes

    def fitted_fields(self, parameters: dict[str, Tensor]) -> dict:
        """Return the confusion matrices as a field of a FittedNetwork."""
        logits = parameters["rows/confusion_logits"]
        return {"confusion": torch.softmax(logits, -1).cpu().numpy()}

    def answer_log_proba(self) -> Tensor:
        """Return the log-probability of each possible answer for each class.

        Shape
        -----
        (..., n_annotators + 1, n_answers, n_classes)
        """
        log_confusion = torch.log_softmax(self.confusion_logits, -1).mT
        trusted = torch.eye(log_confusion.shape[-1]).to(log_confusion).log()
        trusted = trusted.expand(*log_confusion.shape[:-3], 1, *trusted.shape)
        return torch.cat([log_confusion, trusted], -3)

    def votes(self) -> "_Votes":
        """Return one entry per vote, ordered by network."""
        n_classes = self.confusion_logits.shape[-1]
        is_vote = self.label >= 0
        *network, sample, _ = is_vote.nonzero(as_tuple=True)
        answer = (self.annotator * n_classes + self.label)[is_vote]
        if self.confusion_logits.ndim == 3:
            return _Votes(torch.zeros_like(sample), sample, answer)
        n_networks, n_annotators = self.confusion_logits.shape[:2]
        if not network:  # all networks have the same votes
            networks = torch.arange(n_networks, device=sample.device)
            network = [networks.repeat_interleave(len(sample))]
            sample, answer = sample.repeat(n_networks), answer.repeat(n_networks)
        (network,) = network
        n_samples, n_answers = self.label.shape[-2], (n_annotators + 1) * n_classes
        return _Votes(
            network, sample + network * n_samples, answer + network * n_answers
        )

    def prior_loss(self) -> Tensor:
        """Return the penalty of the prior of the confusion matrices.

        Shape
        -----
        (...)
        """
        total = torch.log_softmax(self.confusion_logits, -1).sum(-3)
        return -self.prior_weight.squeeze(-1) * (self.shared * total).sum((-1, -2))


class VoteCrossEntropy(Loss):
    """Mean negative log-likelihood of the answers of annotators.

    The probabilities of answers are the class probabilities multiplied by the confusion
    matrix of the annotator. Smoothing treats the class probabilities given an answer as
    soft labels. It does not affect the learning of the confusion matrices.
    """

    @property
    def of_labels(self) -> CrossEntropy:
        """Cross-entropy of the labels."""
        return CrossEntropy()

    def per_sample(self, logits: Tensor, rows: VoteRows) -> Tensor:
        """Return the loss of each sample, divided by the mean number of votes."""
        return self._terms(logits.mT, rows).losses * rows.scale

    def mean(self, logits: Tensor, rows: VoteRows) -> Tensor:
        """Return the mean loss, plus the penalty of the prior."""
        return super().mean(logits, rows) + rows.prior_loss()

    @torch.no_grad()
    def mean_and_gradient(
        self, columns: Tensor, rows: VoteRows
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss and its gradient; store that of the confusion logits."""
        terms = self._terms(columns, rows)
        loss = weigh(terms.losses * rows.scale, rows.weight).mean(-1)
        n_votes = terms.targets.sum(-1, keepdim=True).mT  # every target sums to one
        gradient = n_votes * torch.softmax(columns, -2) - terms.targets.mT
        gradient = (gradient * rows.scale.unsqueeze(-1)).contiguous()
        self._store_gradient(terms, rows)
        return loss + rows.prior_loss(), scale_gradient(gradient, rows.weight)

    def _terms(self, columns, rows):
        """Return the losses and the terms of their gradients.

        The gradient with respect to the confusion matrices is that of the loss without
        smoothing.
        """
        votes = rows.votes()
        log_proba = torch.log_softmax(columns, -2).mT
        shape, n_classes = log_proba.shape[:-1], log_proba.shape[-1]

        def of_samples(values):  # the sums over the votes on each sample
            total = values.new_zeros((shape.numel(), *values.shape[1:]))
            return total.index_add(0, votes.sample, values).unflatten(0, shape)

        of_classes = log_proba.reshape(-1, n_classes)[votes.sample]
        log_answers = rows.answer_log_proba().flatten(0, -2)[votes.answer]
        joint = of_classes + log_answers.detach()
        log_likelihood = joint.logsumexp(-1)
        posterior = (joint - log_likelihood.unsqueeze(-1)).exp().detach()
        excess = rows.excess
        if excess.ndim > 1:
            excess = excess[votes.network]
        excess = (posterior * excess).sum(-1)
        targets = of_samples(posterior) @ rows.targets
        added = targets - of_samples(excess.unsqueeze(-1) * posterior)
        losses = -of_samples(excess * log_likelihood) - (added * log_proba).sum(-1)
        if log_answers.requires_grad:
            of_confusion = (of_classes.detach() + log_answers).logsumexp(-1)
            losses = losses - of_samples(of_confusion - of_confusion.detach())
        return _Terms(losses, targets, votes, posterior)

    def _store_gradient(self, terms, rows):
        """Store the gradient with respect to the logits of the confusion matrices."""
        confusion = torch.softmax(rows.confusion_logits, -1)
        *networks, n_annotators, n_classes, _ = confusion.shape
        n_samples = terms.losses.shape[-1]
        weight = (rows.scale / n_samples).expand(terms.losses.shape)
        weight = weigh(weight, rows.weight).reshape(-1)[terms.votes.sample]
        shape = (*networks, n_annotators + 1, n_classes, n_classes)
        counts = confusion.new_zeros(shape).flatten(0, -2)
        counts.index_add_(0, terms.votes.answer, terms.posterior * weight.unsqueeze(-1))
        counts = counts.view(shape)[..., :-1, :, :].mT
        prior_weight = rows.prior_weight[..., None, None]
        counts = counts + prior_weight * rows.shared.unsqueeze(-3)
        totals = counts.sum(-1, keepdim=True)
        rows.confusion_logits.grad = (confusion * totals - counts).contiguous()


class _Votes(NamedTuple):
    """Votes on the samples of a batch, one entry per vote.

    Parameters
    ----------
    network : LongTensor of shape (n_votes,)

    sample : LongTensor of shape (n_votes,)
        Position among the samples of all networks.

    answer : LongTensor of shape (n_votes,)
        Position among the possible answers of all networks.
    """

    network: Tensor
    sample: Tensor
    answer: Tensor


class _Terms(NamedTuple):
    """Losses of samples, and the terms of their gradients.

    Parameters
    ----------
    losses : Tensor of shape (..., n_samples)
        Sum of the losses of the votes on each sample.

    targets : Tensor of shape (..., n_samples, n_classes)
        Sum of the targets of the votes on each sample.

    votes : _Votes

    posterior : Tensor of shape (n_votes, n_classes)
        Class probabilities given each vote.
    """

    losses: Tensor
    targets: Tensor
    votes: _Votes
    posterior: Tensor
