"""Modules that cannot be trained or used."""

import torch
from torch import nn

from faults.bad_input import Row


class ExtraState(nn.Linear):
    def get_extra_state(self):
        return {"a": 1}

    def set_extra_state(self, state):
        pass


class Frozen(nn.Linear):
    def __init__(self, n_features, n_classes):
        super().__init__(n_features, n_classes)
        self.requires_grad_(False)


class WithoutParameters(nn.Identity):
    def forward(self, X):
        return X[:, :3]


class Squeezing(nn.Linear):
    def forward(self, X):
        return super().forward(X).squeeze()


class Noisy(nn.Linear):
    def forward(self, X):
        return super().forward(X) + torch.randn(3)


class Logarithm(nn.Linear):
    """Return NaN if a feature is below -100."""

    def forward(self, X):
        return super().forward(torch.log(X + 100))


class Scaled(nn.Sequential):
    """Module whose logits are not the output of a linear layer."""

    def __init__(self, n_features, n_classes):
        super().__init__(nn.Linear(n_features, n_classes), nn.LayerNorm(n_classes))


MODULES = {
    "fit": [
        Row(
            "A module with entries in its `state_dict` that are not tensors",
            ValueError,
            "The state_dict of the module has entries that are not tensors",
            {"": ExtraState},
        ),
        Row(
            "A module without parameters, or whose parameters are all frozen",
            ValueError,
            "The module has no parameters to train",
            {"frozen": Frozen, "none": WithoutParameters},
        ),
        Row(
            "A module that removes the axis of the samples if there is only one",
            ValueError,
            "module must return logits of shape (1, 3) for a single sample",
            {"": Squeezing},
        ),
        Row(
            "A module that draws random numbers in evaluation mode",
            ValueError,
            "The module draws random numbers in evaluation mode",
            {"": Noisy},
        ),
    ],
    "call": [
        Row(
            "A callable that does not accept (n_features, n_classes)",
            TypeError,
            "module must be callable with (n_features, n_classes, **module_params)",
            {"": nn.ReLU},
        ),
    ],
    "embed": [
        Row(
            "In `embed`, a module whose logits are not the output of a linear layer",
            ValueError,
            "embed requires a module whose logits are the output of a torch.nn.Linear",
            {"": Scaled},
        ),
    ],
    "NaN": [
        Row(
            "A module that returns NaN for a sample, in methods that predict",
            ValueError,
            "The network returned NaN or infinity for sample 70",
            {"": Logarithm},
        ),
    ],
}
