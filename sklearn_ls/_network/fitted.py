"""Trained networks, stored as arrays from which the module can be rebuilt."""

import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from sklearn_ls._labels.objective import Objective
from sklearn_ls._network.calibration import Calibrator
from sklearn_ls._network.device import default_modes, private_rng, usable_device
from sklearn_ls._network.modules import Architecture
from sklearn_ls._network.optimizers import OptimizerSpec
from sklearn_ls._network.outputs import OUTPUTS
from sklearn_ls._network.samples import Samples


class NotFinite(ValueError):
    """Raised if logits are not finite, with the position of the sample in its batch."""


class Predictor:
    """Base class of fitted networks and ensembles.

    Subclasses have `classes`, `architecture` (of one network), `multilabel` and `here`.
    All predictions are derived from `calibrated`.
    """

    @property
    def activation(self):
        """The name of the output activation function."""
        return "logistic" if self.multilabel else "softmax"

    @property
    def dtype(self):
        """Dtype of the samples."""
        return np.dtype(self.architecture.dtype)

    @property
    def sample_shape(self):
        """Shape of a sample."""
        return self.architecture.sample_shape

    @property
    def takes_any_shape(self):
        """Whether samples may have more than one dimension."""
        return self.architecture.module is not None

    def calibrated(self, batch):
        """Return the calibrated logits of a Tensor of samples."""
        raise NotImplementedError

    def apply(self, X, output="logits"):
        """Return an output computed from the calibrated logits, batch by batch.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, ...)

        output : {"logits", "proba", "log_proba", "labels"}, default="logits"

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_classes) or (n_samples,)
        """
        compute = getattr(OUTPUTS[self.activation], output)

        def run(batch):
            logits = self.calibrated(batch)
            if not torch.isfinite(logits).all():
                raise NotFinite(int(torch.isfinite(logits).all(-1).int().argmin()))
            return compute(logits)

        return self._run(run, X)

    @default_modes()
    @torch.inference_mode()
    def _run(self, function, X):
        """Apply a function to all samples, a bounded number at a time."""
        X = Samples(X, self.dtype)
        size = X.at_once(n_outputs=len(self.classes), at_least=64)
        output, start = None, 0
        while start < X.shape[0]:
            samples = slice(start, min(start + size, X.shape[0]))
            try:
                part = function(X.take(samples, self.here)).cpu().numpy()
            except NotFinite as error:
                raise ValueError(
                    f"The network returned NaN or infinity for sample "
                    f"{start + error.args[0]}. Check its features, or the module."
                ) from None
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                size = size // 2
                continue
            if output is None:
                output = np.empty((X.shape[0], *part.shape[1:]), dtype=part.dtype)
            output[samples] = part
            start = samples.stop
        return output


@dataclass(frozen=True, eq=False)
class FittedNetwork(Predictor):
    """A trained network: everything that predictions depend on.

    Parameters
    ----------
    architecture : Architecture

    weights : dict of str to ndarray
        Parameters and buffers by name.

    classes : ndarray of shape (n_classes,)
        Classes of the outputs.

    objective : Objective
        Objective of the training.

    optimizer : OptimizerSpec
        Optimizer used for training.

    calibrator : Calibrator

    history : list of dict
        Record of each epoch.

    device : str
        Device used for training.

    confusion : ndarray of shape (n_annotators, n_classes, n_classes), default=None
        Confusion matrix of each annotator, if the network was trained on votes.
    """

    architecture: Architecture
    weights: dict
    classes: np.ndarray
    objective: Objective
    optimizer: OptimizerSpec
    calibrator: Calibrator
    history: list
    device: str
    confusion: np.ndarray | None = None

    def __getstate__(self):
        state = vars(self).copy()
        state.pop("module", None)  # rebuilt from `weights`
        return state

    @property
    def multilabel(self):
        """Whether the outputs are independent of each other."""
        return self.objective.multilabel

    @cached_property
    def module(self):
        """The torch module, on the device used for training if it is available.

        On the CPU it shares the memory of `weights`.
        """
        device = usable_device(self.device)
        with default_modes():  # it may be trained later, as in `net_`
            module = self._rebuild().to(device)
        if device == "cpu":
            self.weights.update(module_to_arrays(module))
        return module

    def _rebuild(self):
        module = self.architecture.build()
        load_arrays(module, self.weights)
        return module.eval()

    @property
    def here(self):
        """The device of the module."""
        return next(self.module.parameters()).device

    def adopt(self, module):
        """Use a module that has these weights, instead of a rebuilt one."""
        vars(self)["module"] = module

    def release(self):
        """Free the module until it is needed again."""
        vars(self).pop("module", None)

    def calibrated(self, batch):
        """Return the calibrated logits of a Tensor of samples."""
        return self.calibrator(self.module(batch))

    def embed(self, X):
        """Return the inputs of the last linear layer.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, ...)

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_units)
        """
        module = copy.deepcopy(self.module)  # the module may be in use elsewhere
        calls = []
        for layer in module.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.register_forward_hook(
                    lambda layer, args, output: calls.append((args[0], output))
                )

        def run(batch):
            calls.clear()
            logits = module(batch)
            for inputs, output in calls:
                if output is logits:
                    return inputs
            raise ValueError(
                "embed requires a module whose logits are the output of a "
                "torch.nn.Linear layer."
            )

        return self._run(run, X)

    def check_rebuild(self, module, X):
        """Raise ValueError unless a rebuilt module predicts like the trained one.

        Parameters
        ----------
        module : torch.nn.Module
            Trained module.

        X : Tensor of shape (n_samples, ...)
            Samples to compare predictions on.
        """
        if not self.architecture.is_custom:
            return
        rebuilt = self._rebuild().to(X.device)
        with torch.inference_mode():
            with private_rng(0, X.device):
                expected = module(X.clone())
            with private_rng(0, X.device):
                rebuilt = rebuilt(X.clone())
        if not torch.allclose(rebuilt, expected, rtol=1e-3, atol=1e-4):
            raise ValueError(
                "The predictions of the module change when it is rebuilt from its "
                "weights, as after pickling. All state that changes in training must "
                "be in its state_dict: use torch.nn.Parameter or register_buffer."
            )


def module_to_arrays(module):
    """Return a module's weights and buffers by name, as views if it is on the CPU.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    arrays : dict of str to ndarray
    """
    return {name: v.cpu().numpy() for name, v in module.state_dict().items()}


def load_arrays(module, arrays):
    """Copy the output of :func:`module_to_arrays` into a module.

    Parameters
    ----------
    module : torch.nn.Module

    arrays : dict of str to ndarray

    Raises
    ------
    ValueError
        If names or shapes differ.
    """
    try:
        module.load_state_dict({k: torch.tensor(v) for k, v in arrays.items()})
    except RuntimeError as error:
        raise ValueError(
            "The weights of the previous fit do not match this network. Set "
            f"warm_start=False, or restore the previous parameters. {error}"
        ) from error


def count_weight_layers(module):
    """Return the number of layers with weights in a module."""
    layers = module.modules()
    return sum(any(True for _ in m.parameters(recurse=False)) for m in layers)
