"""Cross-entropy with votes, through a confusion matrix of each annotator."""

from dataclasses import dataclass

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
        Codes of the answers, -1 where a sample has fewer votes.

    weight : None or Tensor of shape (..., n_samples)

    confusion_logits : Tensor of shape (..., n_annotators, n_classes, n_classes)
        Their softmax over answers, the last axis, are the confusion matrices, with true
        classes in the second axis. They are learned.

    shared : Tensor of shape (..., n_classes, n_classes)
        Mean of the prior of the confusion matrices.

    targets : Tensor of shape (..., n_classes, n_classes)
        Smoothed target of each class.

    excess : Tensor of shape (..., n_classes)
        By how much the target of a class exceeds what smoothing adds to all classes.

    scale : Tensor of shape (..., 1)
        One over the mean number of votes per sample.

    prior_weight : Tensor of shape (..., 1)
        Answers per class that the prior is worth, over the number of votes.
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
        """The labels of the samples."""
        return self.codes

    def describe(self, parameters: dict[str, Tensor]) -> dict:
        """Return the confusion matrices."""
        logits = parameters["rows/confusion_logits"]
        return {"confusion": torch.softmax(logits, -1).cpu().numpy()}

    @property
    def is_vote(self) -> Tensor:
        """Which slots hold a vote."""
        return self.label >= 0

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

    def answer_index(self, n_classes: int) -> Tensor:
        """Return the index of each vote among the possible answers of all networks.

        Shape
        -----
        (..., n_samples, n_slots)
        """
        index = self.annotator.clamp_min(0) * n_classes + self.label.clamp_min(0)
        if self.confusion_logits.ndim == 3:
            return index
        n_networks, n_annotators = self.confusion_logits.shape[:2]
        first = torch.arange(n_networks, device=index.device).view(-1, 1, 1)
        return index + first * (n_annotators + 1) * n_classes

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

    The probability of an answer is that of the classes, mapped through the confusion
    matrix of the annotator. Smoothing applies to the classes, as if their probabilities
    given the answer were soft labels; the confusion matrices are learned from the
    answers themselves.
    """

    @property
    def of_labels(self) -> CrossEntropy:
        """The cross-entropy of the classes."""
        return CrossEntropy()

    def per_sample(self, logits: Tensor, rows: VoteRows) -> Tensor:
        """Return the loss of the votes on each sample, over their mean number."""
        losses, _, _ = self._terms(logits.mT, rows)
        return losses * rows.scale

    def mean(self, logits: Tensor, rows: VoteRows) -> Tensor:
        """Return the mean loss, plus the penalty of the prior."""
        return super().mean(logits, rows) + rows.prior_loss()

    @torch.no_grad()
    def mean_and_gradient(
        self, columns: Tensor, rows: VoteRows
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss and its gradient; store that of the confusions."""
        losses, targets, answers = self._terms(columns, rows)
        loss = weigh(losses * rows.scale, rows.weight).mean(-1) + rows.prior_loss()
        proba = torch.softmax(columns, -2)
        n_votes = rows.is_vote.sum(-1).to(proba).unsqueeze(-2)
        gradient = (n_votes * proba - targets.sum(-2).mT) * rows.scale.unsqueeze(-1)
        gradient = scale_gradient(gradient.contiguous(), rows.weight)
        self._store_gradient(answers, rows)
        return loss, gradient

    def _terms(self, columns, rows):
        """Return the losses, the targets, and the classes given each answer.

        The derivative of the losses with respect to the confusion matrices is that
        without smoothing.

        Shape
        -----
        columns : (..., n_classes, n_samples) -> (..., n_samples),
            (..., n_samples, n_slots, n_classes), the same
        """
        log_proba = torch.log_softmax(columns, -2).mT.unsqueeze(-2)
        log_answers = rows.answer_log_proba()
        index = rows.answer_index(log_answers.shape[-1])
        log_answers = log_answers.flatten(0, -2)[index]
        is_vote = rows.is_vote.to(log_proba)
        joint = log_proba + log_answers.detach()
        log_likelihood = joint.logsumexp(-1)
        posterior = (joint.detach() - log_likelihood.detach().unsqueeze(-1)).exp()
        posterior = posterior * is_vote.unsqueeze(-1)
        targets = posterior @ rows.targets.unsqueeze(-3)
        excess = (posterior * rows.excess.unsqueeze(-2).unsqueeze(-2)).sum(-1)
        added = targets - excess.unsqueeze(-1) * posterior
        losses = -excess * log_likelihood - (added * log_proba).sum(-1)
        if log_answers.requires_grad:
            of_confusion = (log_proba.detach() + log_answers).logsumexp(-1)
            losses = losses - is_vote * (of_confusion - of_confusion.detach())
        return losses.sum(-1), targets, posterior

    def _store_gradient(self, answers, rows):
        """Store the gradient with respect to the logits of the confusion matrices."""
        confusion = torch.softmax(rows.confusion_logits, -1)
        n_classes = confusion.shape[-1]
        weight = rows.scale / answers.shape[-3]
        weight = weight if rows.weight is None else weight * rows.weight
        answers = answers * weight.unsqueeze(-1).unsqueeze(-1)
        index = rows.answer_index(n_classes).expand(answers.shape[:-1])
        shape = (*confusion.shape[:-3], confusion.shape[-3] + 1, *confusion.shape[-2:])
        counts = answers.new_zeros(shape).flatten(0, -2)
        counts.index_add_(0, index.flatten(), answers.flatten(0, -2))
        counts = counts.view(shape)[..., :-1, :, :].mT
        counts = counts + rows.prior_weight.unsqueeze(-1).unsqueeze(
            -1
        ) * rows.shared.unsqueeze(-3)
        totals = counts.sum(-1, keepdim=True)
        rows.confusion_logits.grad = (confusion * totals - counts).contiguous()
