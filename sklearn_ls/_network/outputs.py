"""Outputs computed from calibrated logits: probabilities and labels."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Outputs:
    """Functions that compute the outputs of a classifier from its logits.

    Parameters
    ----------
    logits, proba, log_proba, labels : callable
        Functions of a Tensor of shape (n_samples, n_classes). `labels` returns
        positions of classes, or indicators.
    """

    proba: Callable[[Tensor], Tensor]
    log_proba: Callable[[Tensor], Tensor]
    labels: Callable[[Tensor], Tensor]

    @staticmethod
    def logits(logits: Tensor) -> Tensor:
        """Return the logits unchanged."""
        return logits


# The keys are the values of `out_activation_`.
OUTPUTS = {
    "softmax": Outputs(
        proba=lambda logits: torch.softmax(logits, -1),
        log_proba=lambda logits: torch.log_softmax(logits, -1),
        labels=lambda logits: logits.argmax(-1).int(),
    ),
    "logistic": Outputs(
        proba=torch.sigmoid,
        log_proba=functional.logsigmoid,
        labels=lambda logits: (logits > 0).long(),
    ),
}
