"""Ensemble of networks, which predicts the mean of their probabilities."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from sklearn_ls._network.fitted import Predictor


@dataclass(frozen=True, eq=False)
class Ensemble(Predictor):
    """Networks trained on parts of the same data, some of which may lack a class.

    Parameters
    ----------
    members : list of FittedNetwork

    classes : ndarray of shape (n_classes,)
        All classes, sorted.
    """

    members: list
    classes: np.ndarray

    @property
    def architecture(self):
        """The architecture of the first member, which may lack some classes."""
        return self.members[0].architecture

    @property
    def multilabel(self):
        """Whether the outputs are independent of each other."""
        return self.members[0].multilabel

    @property
    def here(self):
        """The device of the members."""
        return self.members[0].here

    def columns_of(self, member):
        """Return the positions of the classes of a member."""
        return np.searchsorted(self.classes, member.classes)

    def calibrated(self, batch):
        """Return logits of the mean probabilities, computed from log-probabilities."""
        if len(self.members) == 1 and len(self.members[0].classes) == len(self.classes):
            return self.members[0].calibrated(batch)
        logits = [member.calibrated(batch) for member in self.members]
        if self.multilabel:
            logits = torch.stack(logits)
            yes, no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
            return yes.logsumexp(0) - no.logsumexp(0)
        total = logits[0].new_full((len(batch), len(self.classes)), -math.inf)
        for member, values in zip(self.members, logits, strict=True):
            columns = torch.from_numpy(self.columns_of(member)).to(total.device)
            log_proba = torch.log_softmax(values, -1)
            total[:, columns] = torch.logaddexp(total[:, columns], log_proba)
        return total - math.log(len(self.members))
