"""Loss of an objective, and the row tensors that it requires."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sklearn_ls._labels.annotators import PRIOR_ANSWERS, estimate_confusion
from sklearn_ls._labels.smoothing import (
    NO_SMOOTHING,
    smooth_targets,
    soft_indicators,
    soft_targets,
)
from sklearn_ls._network.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    ForwardCrossEntropy,
    IndicatorRows,
    LabelRows,
)
from sklearn_ls._network.transition import make_transition
from sklearn_ls._network.vote_loss import VoteCrossEntropy, VoteRows

LOSSES = {
    "cross_entropy": CrossEntropy,
    "forward_cross_entropy": ForwardCrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "vote_cross_entropy": VoteCrossEntropy,
}


def make_loss(objective, dtype, device):
    """Return the loss of an objective.

    Parameters
    ----------
    objective : Objective

    dtype : dtype

    device : str

    Returns
    -------
    loss : Loss
    """
    if objective.has_votes:
        return LOSSES["vote_cross_entropy"]()
    if objective.multilabel:
        return LOSSES["binary_cross_entropy"]()
    if objective.transition_matrix is None:
        return LOSSES["cross_entropy"]()
    transition = make_transition(
        objective.transition_matrix, objective.n_classes, dtype, device
    )
    return LOSSES["forward_cross_entropy"](transition)


def make_rows(objective, labels, dtype, device, *, smoothed=True):
    """Return the row tensors of labels for the loss of an objective, on a device.

    They may have small dtypes, and must be `widened` (or taken) before use.

    Parameters
    ----------
    objective : Objective

    labels : TrainingLabels

    dtype : dtype

    device : str

    smoothed : bool, default=True
        False for validation, which uses hard labels.

    Returns
    -------
    rows : LabelRows, IndicatorRows or VoteRows
        Votes are used only for training. Validation uses labels, by the loss
        `of_labels`.
    """
    place = _Placement(dtype, device)
    if labels.votes is not None and smoothed:
        return _make_vote_rows(objective, labels, place)
    if objective.multilabel:
        return _make_indicator_rows(objective, labels, place, smoothed)
    return _make_label_rows(objective, labels, place, smoothed)


@dataclass(frozen=True)
class _Placement:
    """Dtype and device of tensors.

    Parameters
    ----------
    dtype : dtype
        Dtype of tensors other than indices.

    device : str
    """

    dtype: Any
    device: str

    def numbers(self, values):
        """Return a tensor of numbers, or None."""
        if values is None:
            return None
        numbers = np.asarray(values).astype(self.dtype, order="C")
        return torch.from_numpy(numbers).to(self.device)

    def unconverted(self, values):
        """Return a tensor that shares the memory of an array, if possible."""
        if values is None:
            return None
        if not values.flags.writeable or min(values.strides) < 0:
            values = values.copy()
        return torch.from_numpy(values).to(self.device)

    def indices(self, values):
        """Return a tensor of indices."""
        return torch.tensor(values, dtype=torch.long).to(self.device)

    def weight(self, labels):
        """Return the sample weights, or None if all are one."""
        weight = labels.weight
        if weight is None or np.all(weight == 1):
            return None
        return self.numbers(weight)


def _make_indicator_rows(objective, labels, place, smoothed):
    y_soft, sample_epsilon = labels.codes, labels.sample_epsilon
    if smoothed and sample_epsilon is None:
        y_soft = soft_indicators(y_soft, objective.smoothing)
    elif smoothed:
        column = sample_epsilon[:, np.newaxis]
        y_soft = soft_indicators(y_soft, objective.rule.with_epsilon(column))
    return IndicatorRows(
        place.numbers(y_soft), place.numbers(labels.codes), place.weight(labels)
    )


def _make_label_rows(objective, labels, place, smoothed):
    codes, rule, sample_epsilon = labels.codes, objective.rule, labels.sample_epsilon
    smoothing, y_soft = NO_SMOOTHING, None
    if smoothed:
        y_soft, smoothing = labels.y_soft, objective.smoothing
        if y_soft is not None and smoothing.depends_on_label:
            if sample_epsilon is not None:
                smoothing = rule.with_epsilon(sample_epsilon[:, np.newaxis])
            y_soft, smoothing = smooth_targets(y_soft, smoothing), NO_SMOOTHING
        elif sample_epsilon is not None:
            smoothing = rule.with_epsilon(sample_epsilon)
        else:
            smoothing = smoothing.at(codes)
    distribution = smoothing.distribution
    return LabelRows(
        codes=place.unconverted(codes),
        excess=place.numbers(np.atleast_1d(smoothing.excess)),
        smoothing_weight=place.numbers(np.atleast_1d(smoothing.weight)),
        distribution=place.numbers(
            None if distribution is None else np.atleast_2d(distribution)
        ),
        weight=place.weight(labels),
        y_soft=place.unconverted(y_soft),
    )


def _make_vote_rows(objective, labels, place):
    """Return votes, with initial estimates of the confusion matrices."""
    n_classes, votes = objective.n_classes, labels.votes
    n_votes = np.average((votes.label >= 0).sum(axis=1), weights=labels.weight)
    confusion, shared = estimate_confusion(votes, n_classes, labels.weight)
    smoothing = objective.smoothing
    return VoteRows(
        codes=place.indices(labels.codes),
        annotator=place.indices(votes.annotator),
        label=place.indices(votes.label),
        weight=place.weight(labels),
        confusion_logits=place.numbers(np.log(confusion)),
        shared=place.numbers(shared),
        targets=place.numbers(soft_targets(np.arange(n_classes), smoothing, n_classes)),
        excess=place.numbers(np.broadcast_to(smoothing.excess, n_classes)),
        scale=place.numbers([1 / n_votes]),
        prior_weight=place.numbers([PRIOR_ANSWERS / (n_votes * len(labels))]),
    )
