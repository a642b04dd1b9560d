"""Training loop over epochs, for one network or for a stack of networks."""

import math
import time
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from sklearn_ls._network.optimizers import OptimizerState
from sklearn_ls._network.ranks import ONE_PROCESS
from sklearn_ls._network.stopping import StoppingRule
from sklearn_ls._network.training_checks import raise_if_diverged, warn_of_saturation


class Validation(NamedTuple):
    """Scores on held-out samples."""

    accuracy: float
    loss: float
    brier: float

    @classmethod
    def of_sums(cls, sums):
        """Return the scores, computed from the output of `Loss.sum_scores`."""
        return cls(*(sums[:3] / sums[3]).tolist())


@dataclass
class TrainingState:
    """State of the training of a network.

    Parameters
    ----------
    stopping : StoppingRule

    history : list of dict, default=[]
        Record of each epoch, with the names used by skorch.

    optimizer : OptimizerState, default=None
        State of the optimizer; None unless training will continue with it.

    weights : dict of str to Tensor, default=None
        Parameters and buffers by name, after the training has ended.

    best_weights : dict of str to Tensor, default=None
        Weights of the best epoch, if the stopping rule restores them.

    converged : bool, default=False
        Whether training ended before the maximum number of epochs.

    interrupted : bool, default=False
        Whether Ctrl-C ended the training.
    """

    stopping: StoppingRule
    history: list = field(default_factory=list)
    optimizer: OptimizerState | None = None
    weights: dict | None = None
    best_weights: dict | None = None
    converged: bool = False
    interrupted: bool = False

    @property
    def n_epochs(self):
        """Number of epochs trained so far."""
        return len(self.history)

    def record(self, loss, validation, seconds):
        """Record an epoch; return whether to keep its weights as the best ones.

        Parameters
        ----------
        loss : float
            Mean training loss.

        validation : Validation or None

        seconds : float
        """
        row = {
            "train_loss": loss,
            "train_loss_best": loss < min(self._past("train_loss")),
        }
        if validation is not None:
            accuracy, valid_loss, brier = validation
            row |= {
                "valid_acc": accuracy,
                "valid_acc_best": accuracy > max(self._past("valid_acc", -math.inf)),
                "valid_loss": valid_loss,
                "valid_loss_best": valid_loss < min(self._past("valid_loss")),
                "valid_brier": brier,
            }
        self.history.append({**row, "dur": seconds})
        return self.stopping.update(row) and self.stopping.restores_best

    def to_dict(self):
        """Return the state, without the stopping rule and the optimizer, as a dict."""
        return {
            "history": self.history,
            "weights": _to_numpy(self.weights),
            "best_weights": _to_numpy(self.best_weights),
            "converged": self.converged,
        }

    def load(self, saved):
        """Continue from the output of :meth:`to_dict`.

        The stopping rule is updated with the epochs that are new to it.
        """
        for row in saved["history"][self.n_epochs :]:
            self.stopping.update(row)
        self.history = saved["history"]
        self.weights = _to_torch(saved["weights"])
        self.best_weights = _to_torch(saved["best_weights"])
        self.converged = saved["converged"]

    def _past(self, name, default=math.inf):
        """Return the values of earlier epochs, and `default`."""
        return [default, *(row[name] for row in self.history if name in row)]


def _to_numpy(weights):
    return weights and {name: v.cpu().numpy() for name, v in weights.items()}


def _to_torch(arrays):
    return arrays and {name: torch.from_numpy(v) for name, v in arrays.items()}


@torch.enable_grad()  # restores the previous mode, also when interrupted
def train(
    trainer,
    states,
    *,
    seed,
    max_epochs,
    network_end=lambda position: None,
    epoch_end=lambda: False,
    keep_interrupted=False,
    checkpoint=None,
    ranks=ONE_PROCESS,
):
    """Train networks until each of them stops.

    Each network has its own stopping rule, which may also restore the weights of the
    best epoch.

    Parameters
    ----------
    trainer : NetTrainer or StackTrainer
        Object that runs the epochs.

    states : list of TrainingState
        State of each network, after the same number of epochs. They are updated.

    seed : int
        Seed of the batch order and dropout, combined with the number of the epoch.

    max_epochs : int

    network_end : callable, default=lambda position: None
        Called when the weights of a network are final.

    epoch_end : callable, default=lambda: False
        Called after each epoch; training stops if it returns True.

    keep_interrupted : bool, default=False
        Whether Ctrl-C ends the training of a single network without an exception, and
        keeps the weights of the last complete epoch.

    checkpoint : Checkpoint, default=None
        File to which the state is saved after epochs, and from which an interrupted
        training continues.

    ranks : OneProcess or Ranks, default=ONE_PROCESS
        Processes that train together; only the first one uses the checkpoint.

    Raises
    ------
    ValueError
        If a network diverges.
    """
    first, snapshot = states[0].n_epochs, None
    active = list(range(len(states)))  # positions of networks still in training
    saved = ranks.first(lambda: None if checkpoint is None else checkpoint.read())
    n_done = 0 if saved is None else saved["n_epochs"]
    trainer.begin(max_epochs, n_done)
    if saved is not None:
        active = _continue(trainer, states, saved, network_end)
        snapshot = trainer.snapshot() if keep_interrupted and active else None
    if not active:
        trainer.end()
        return
    for epoch in range(first + n_done, first + max_epochs):
        asked_to_stop = False
        try:
            _run_epoch(trainer, [states[i] for i in active], seed, epoch)
            if keep_interrupted:
                snapshot = trainer.snapshot()
            asked_to_stop = trainer.end_epoch([states[i].history[-1] for i in active])
            asked_to_stop = ranks.agree_to_stop(epoch_end() or asked_to_stop)
        except KeyboardInterrupt:
            if not keep_interrupted or states[0].n_epochs == first:
                raise
            states[0].interrupted, asked_to_stop = True, True
            if snapshot is not None:
                trainer.restore(snapshot)
        is_last = epoch + 1 == first + max_epochs
        leaving = []
        for index, position in enumerate(active):
            state = states[position]
            state.converged = asked_to_stop or state.stopping.reached
            if state.converged or is_last:
                leaving.append(index)
        if len(leaving) == len(active):
            trainer.end()  # callbacks may still change the weights
        for index in leaving:
            state = states[active[index]]
            state.weights = state.best_weights or trainer.weights(index)
            state.best_weights = None
            network_end(active[index])
        staying = [index for index in range(len(active)) if index not in leaving]
        if leaving and staying:
            trainer.keep(staying)
        active = [active[index] for index in staying]
        if checkpoint is not None and not states[0].interrupted:
            if checkpoint.is_due() or not active:
                saved = _to_save(trainer, states, active, epoch + 1 - first)
                checkpoint.write(saved)
        if not active:
            return


def _to_save(trainer, states, active, n_epochs):
    """Return the state that `_continue` continues from."""
    return {
        "n_epochs": n_epochs,
        "active": active,
        "states": [state.to_dict() for state in states],
        "trainer": trainer.save_state() if active else None,
    }


def _continue(trainer, states, saved, network_end):
    """Continue from a saved state; return the networks still in training."""
    for position, (state, values) in enumerate(
        zip(states, saved["states"], strict=True)
    ):
        state.load(values)
        if position not in saved["active"]:
            network_end(position)
    if saved["active"]:
        if len(saved["active"]) < len(states):
            trainer.keep(saved["active"])
        trainer.load_state(saved["trainer"])
    return saved["active"]


def _run_epoch(trainer, states, seed, epoch):
    """Train all networks for one epoch, validate them and record the results."""
    start = time.perf_counter()
    try:
        losses = trainer.train_epoch(seed, epoch)
    except torch.OutOfMemoryError as error:
        raise torch.OutOfMemoryError(
            f"The device does not have enough memory for batch_size="
            f"{trainer.training.batch_size}. Reduce batch_size, or use a smaller "
            f"network. {error}"
        ) from error
    raise_if_diverged(all(map(math.isfinite, losses)), epoch + 1)
    if epoch == 0:
        warn_of_saturation(trainer.decision_margin())
    validations = trainer.validate()
    seconds = time.perf_counter() - start
    for index, (loss, validation) in enumerate(zip(losses, validations, strict=True)):
        if states[index].record(loss, validation, seconds):
            states[index].best_weights = trainer.weights(index)


@torch.no_grad()
def load_weights(module, weights):
    """Copy weights and buffers into a module, in place.

    Parameters
    ----------
    module : torch.nn.Module

    weights : dict of str to Tensor
        Some or all entries of the `state_dict` of the module.
    """
    state = module.state_dict()
    for name, values in weights.items():
        state[name].copy_(values)


@torch.inference_mode()
def check_trained(module, X, epoch):
    """Raise ValueError unless the weights and the logits of a module are finite.

    Parameters
    ----------
    module : torch.nn.Module

    X : Tensor of shape (n_samples, ...)
        Some training samples, since no loss was computed after the last step.

    epoch : int
        Number of epochs trained.
    """
    numbers = [module.eval()(X), *module.parameters()]
    finite = all(bool(torch.isfinite(values).all()) for values in numbers)
    raise_if_diverged(finite, epoch)
