"""Exponential moving averages of weights."""

from contextlib import contextmanager

import torch


class WeightAverage:
    """Exponential moving average of weights over the steps of an optimizer.

    Between epochs the weights are replaced by their average, which is validated, kept
    and visible to callbacks. During an epoch they are the weights of the optimizer.

    The decay in step `t` is ``min(decay, (1 + t) / (10 + t))``, so that the average
    soon forgets the initial weights.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer

    weights : list of Tensor
        Weights, updated in place.

    decay : float
        Decay of the average, in [0, 1); 0 disables averaging.

    n_steps : int, default=0
        Number of previous steps.

    Attributes
    ----------
    hook : RemovableHandle
        Hook of the optimizer, to be removed after training.
    """

    def __init__(self, optimizer, weights, decay, n_steps=0):
        self.weights = weights if decay else []
        self.others = [values.detach().clone() for values in self.weights]
        self.decay = decay
        self.n_steps = n_steps
        self.hook = optimizer.register_step_post_hook(self._update)

    @contextmanager
    def of_optimizer(self):
        """Use the weights of the optimizer instead of their average."""
        self._exchange()
        yield
        self._exchange()

    @torch.no_grad()
    def _exchange(self):
        for values, other in zip(self.weights, self.others, strict=True):
            copy = values.clone()
            values.copy_(other)
            other.copy_(copy)

    @torch.no_grad()
    def _update(self, optimizer, args, kwargs):
        self.n_steps += 1
        decay = min(self.decay, (1 + self.n_steps) / (10 + self.n_steps))
        for values, average in zip(self.weights, self.others, strict=True):
            average.lerp_(values, 1 - decay)

    @torch.no_grad()
    def load(self, others):
        """Load the weights of the optimizer.

        Parameters
        ----------
        others : list of Tensor
        """
        for values, other in zip(self.others, others, strict=True):
            values.copy_(other)

    def keep(self, indices):
        """Continue with a subset of the networks, whose weights are stacked."""
        self.others = [other[indices] for other in self.others]
