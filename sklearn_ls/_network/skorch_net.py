"""Training of a single network in a skorch net.

This is the only module that imports skorch.
"""

import copy
import dis
import math
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, PrintLog
from skorch.dataset import Dataset
from torch.utils.data import DataLoader

from sklearn_ls._labels.training_labels import TrainingLabels
from sklearn_ls._network.averaging import WeightAverage
from sklearn_ls._network.device import epoch_random, numpy_dtype, private_rng
from sklearn_ls._network.modules import MLP
from sklearn_ls._network.optimizers import OPTIMIZERS, load_state, state_to_arrays
from sklearn_ls._network.ranks import ONE_PROCESS
from sklearn_ls._network.row_tensors import RowTensors
from sklearn_ls._network.schedules import schedule_steps
from sklearn_ls._network.training import Validation
from sklearn_ls._network.training_loss import make_loss, make_rows

_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


def make_net(
    module,
    objective,
    optimizer,
    *,
    device,
    flatten=False,
    callbacks=(),
    loss_parameters=None,
    verbose=0,
    history=(),
):
    """Return an initialized skorch net with a module.

    Parameters
    ----------
    module : torch.nn.Module
        Module on the device.

    objective : Objective

    optimizer : OptimizerSpec

    device : str

    flatten : bool, default=False
        Whether all weights of the perceptron may be passed to the optimizer as one
        tensor, which is faster.

    callbacks : list of skorch callbacks, default=()
        Callbacks, which are copied.

    loss_parameters : dict of str to Tensor, default=None
        Parameters of the loss, which are learned with the weights of the module.

    verbose : int, default=0

    history : list of dict, default=()
        Records of previous epochs.

    Returns
    -------
    net : SmoothingNet
    """
    kind, options = optimizer.resolve(device)
    loss_parameters = loss_parameters or {}
    if loss_parameters and "weight_decay" in options:
        without = [(name, {"weight_decay": 0.0}) for name in loss_parameters]
        options["param_groups"] = [*without, *options.get("param_groups", ())]
    multilabel = objective.multilabel
    net = SmoothingNet(
        module,
        criterion=(
            torch.nn.BCEWithLogitsLoss if multilabel else torch.nn.CrossEntropyLoss
        ),
        predict_nonlinearity=torch.sigmoid if multilabel else "auto",
        optimizer=kind,
        train_split=None,
        callbacks=_copy_callbacks(callbacks or ()),
        verbose=verbose,
        device=device,
        objective=objective,
        **{f"optimizer__{name}": value for name, value in options.items()},
    )
    net.loss_parameters_ = loss_parameters
    if flatten and isinstance(module, MLP) and kind in OPTIMIZERS.values():
        if not callbacks:  # callbacks may access the weights by name
            net.flat_weights_ = module.flatten()
    try:
        net.initialize()
    except TypeError as error:
        if "weight_decay" not in str(error):
            raise
        raise ValueError(
            f"{kind.__name__} does not support weight_decay. Set weight_decay=0."
        ) from error
    net.module_.eval()
    for row in history:
        net.history.new_epoch()
        net.record_epoch({"epoch": len(net.history), **row})
    return net


def _copy_callbacks(callbacks):
    """Return copies of callbacks, whose state then belongs to one fit."""
    copies, memo = [], {}  # callbacks may refer to each other
    for callback in callbacks:
        if isinstance(callback, (int, float, str, dict, type(None))):
            raise ValueError(
                f"callbacks must be skorch callbacks, such as EpochScoring. Got "
                f"{callback!r} instead."
            )
        try:
            copies.append(copy.deepcopy(callback, memo))
        except Exception:  # a lock, a file or a connection cannot be copied
            memo[id(callback)] = copy.copy(callback)
            copies.append(memo[id(callback)])
    return copies


class SmoothingNet(NeuralNet):
    """skorch net with fast epochs on smoothed targets.

    Differences from :class:`skorch.NeuralNet`: batches are slices of tensors; the
    gradient of the built-in perceptron is computed in closed form; batches are recorded
    and callbacks notified only if a callback needs them. The loss is that of the
    estimator, for its own batches and for codes (or indicators) passed to `fit`.
    """

    flat_weights_ = None
    loss_parameters_ = {}
    ranks_ = ONE_PROCESS  # the processes that train together
    share_ = None  # the share of this process in the batch

    def __init__(self, *args, objective, **kwargs):
        super().__init__(*args, **kwargs)
        self.objective = objective

    def get_all_learnable_params(self):
        """Yield the weights by name, or all weights as one tensor."""
        if self.flat_weights_ is None:
            yield from super().get_all_learnable_params()
        else:
            yield "flat_weights", self.flat_weights_
        for name, values in self.loss_parameters_.items():
            yield name, values.requires_grad_()

    def _zero_grad_optimizer(self, set_to_none=False):
        super()._zero_grad_optimizer(set_to_none=set_to_none)  # gradients may be views

    def get_default_callbacks(self):
        """Return the callback that prints a line per epoch, if verbose."""
        return [("print_log", PrintLog())] if self.verbose else []

    @property
    def classes_(self):
        """The codes, for the scorers of skorch's callbacks."""
        return np.arange(self.objective.n_classes)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not self.objective.multilabel:
            tags.estimator_type = "classifier"
        return tags

    def averaged_weights(self):
        """Return the tensors to average: weights and batch statistics."""
        of_loss = self.loss_parameters_.values()
        if self.flat_weights_ is not None:
            return [self.flat_weights_, *of_loss]
        values = self.module_.state_dict(keep_vars=True).values()
        different = {id(value): value for value in values}  # weights may be tied
        floats = [value for value in different.values() if value.is_floating_point()]
        return [*floats, *of_loss]

    def forget_steps(self):
        """Free the memory of the gradients and the optimizer state."""
        self.optimizer_.zero_grad(set_to_none=True)
        self.optimizer_.state.clear()

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run an epoch, with `step_fn` only if a callback watches the batches."""
        if self.is_watched() or iterator is None or isinstance(iterator, DataLoader):
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            self.module_.eval()
            if iterator is not None:
                batches = self.history[-1]["batches"]
                losses = [batch[f"{prefix}_loss"] for batch in batches]
                sizes = [batch[f"{prefix}_batch_size"] for batch in batches]
                self.record_loss(f"{prefix}_loss", np.average(losses, weights=sizes))
            return
        # The losses are summed on the device: keeping a small tensor per step would
        # fragment the memory, and copying it would synchronize a GPU.
        self.history.new_batch()  # some callbacks require a batch
        total, n_samples = next(self.module_.parameters()).detach().new_zeros(()), 0
        with self._stepping() as step:
            for X, rows in iterator:
                total.add_(step(X, rows), alpha=self.share_.n_batch)
                n_samples += self.share_.n_batch
        self.record_loss(f"{prefix}_loss", float(total) / n_samples)

    def record_loss(self, name, loss):
        """Record a loss, and whether it is the best, as skorch does."""
        loss = float(loss)
        before = [row[name] for row in self.history[:-1] if name in row]
        is_best = loss < min(before, default=math.inf)
        self.record_epoch({name: loss, f"{name}_best": is_best})

    def record_epoch(self, row):
        """Record values of the last epoch."""
        for name, value in row.items():
            self.history.record(name, value)

    def is_watched(self):
        """Return whether a callback listens to batches."""
        return any(
            getattr(getattr(callback, hook), "__func__", None)
            is not getattr(Callback, hook)
            for _, callback in self.callbacks_
            for hook in _BATCH_HOOKS
        )

    @contextmanager
    def _stepping(self):
        """Yield the function of a training step, in closed form or by autograd.

        Custom optimizers may evaluate the gradient several times, and callbacks may
        freeze weights. Both require autograd.
        """
        if (
            isinstance(self.module_, MLP)
            and type(self.optimizer_) in OPTIMIZERS.values()
            and all(weight.requires_grad for weight in self.module_.parameters())
        ):
            differentiate = self.module_.differentiator(self.loss_, self.generator_)

            def step(X, rows):
                loss = self._combine(differentiate(X, rows, self.share_))
                self.optimizer_.step()
                return loss

            with torch.no_grad():
                yield step
        else:
            self.module_.train()
            yield self._autograd_step
            self.module_.eval()

    def _autograd_step(self, X, rows):
        losses = []

        def closure():
            self.optimizer_.zero_grad()
            loss = self.get_loss(self.infer(X), rows)
            loss.backward()
            losses.append(self._combine(loss.detach(), self.module_.buffers()))
            return losses[-1]

        self.optimizer_.step(closure)
        return losses[0]

    def train_step_single(self, batch, **fit_params):
        """Compute the loss and the gradients of a batch that callbacks watch."""
        step = super().train_step_single(batch, **fit_params)
        return step | {"loss": self._combine(step["loss"], self.module_.buffers())}

    def _combine(self, loss, buffers=()):
        """Combine the gradients of all processes; return the loss of the batch."""
        groups = self.optimizer_.param_groups
        parameters = [values for group in groups for values in group["params"]]
        return self.ranks_.combine(self.share_, loss, parameters, buffers)

    def notify(self, method_name, **cb_kwargs):
        """Call the callbacks, with the observed labels of a batch."""
        X, rows = cb_kwargs.get("batch") or (None, None)
        if isinstance(rows, RowTensors):
            cb_kwargs["batch"] = X, rows.labels
            if method_name == "on_batch_end" and cb_kwargs["training"]:
                self.history.record_batch("train_batch_size", self.share_.n_batch)
        super().notify(method_name, **cb_kwargs)

    @cached_property
    def loss_(self):
        """Loss of the estimator, on the device and in the dtype of the weights."""
        weights = next(self.module_.parameters())
        return make_loss(self.objective, numpy_dtype(weights), weights.device)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the mean loss of a batch, from its RowTensors or from codes."""
        if not isinstance(y_true, RowTensors):
            codes = TrainingLabels(y_true.cpu().numpy(), classes=self.classes_)
            rows = make_rows(self.objective, codes, numpy_dtype(y_pred), y_pred.device)
            rows = rows.widened()
            return self.loss_.of_labels.mean(y_pred, rows)
        return self.loss_.mean(y_pred, y_true)

    def infer(self, x, **fit_params):
        """Run the module; in training, with private random numbers."""
        if not self.module_.training or not hasattr(self, "epoch_rng_"):
            return super().infer(x, **fit_params)
        seed = int(self.epoch_rng_.integers(2**62)) + self.ranks_.rank
        with private_rng(seed, torch.device(self.device)):
            return super().infer(x, **fit_params)

    def predict(self, X):
        """Return predicted codes or indicators, for callbacks."""
        y_proba = self.predict_proba(X)
        if self.objective.multilabel:
            return (y_proba > 0.5).astype(int)
        return y_proba.argmax(axis=1)


class NetTrainer:
    """Runs the epochs of the network in a skorch net.

    Parameters
    ----------
    net : SmoothingNet

    spec : OptimizerSpec

    training, validation : Batches
        `validation` may be None.

    ranks : OneProcess or Ranks, default=ONE_PROCESS
        Processes that train the network together.
    """

    def __init__(self, net, spec, training, validation=None, ranks=ONE_PROCESS):
        self.net = net
        self.spec = spec
        self.training = replace(training, ranks=ranks)
        self.validation = validation and validation.of_rank(ranks)
        self.ranks = ranks
        self.n_recorded = 0
        self.datasets = {}
        if net.callbacks:  # otherwise nothing needs to be copied
            self.datasets = {
                "dataset_train": _to_dataset(training),
                "dataset_valid": None
                if validation is None
                else _to_dataset(validation),
            }

    def begin(self, max_epochs, n_done=0):
        """Prepare the optimizer after `n_done` epochs, and notify the callbacks."""
        optimizer, n_batches = self.net.optimizer_, self.training.n_batches
        n_steps, n_done = max_epochs * n_batches, n_done * n_batches
        weights = self.net.averaged_weights()
        self.net.ranks_ = self.ranks
        self.ranks.copy_first([*weights, *self.net.module_.buffers()])
        self.average = WeightAverage(optimizer, weights, self.spec.ema_decay, n_done)
        schedule = schedule_steps(optimizer, self.spec.schedule, n_steps, n_done)
        self.hooks = [*schedule, self.average.hook]
        self.net.notify("on_train_begin", X=None, y=None)

    def train_epoch(self, seed, epoch):
        """Return the mean training loss, in a list."""
        net = self.net
        net.notify("on_epoch_begin", **self.datasets)
        net.epoch_rng_, net.generator_ = epoch_random(seed, epoch, net.device)
        batches = self._batches(net.epoch_rng_)
        # Close the batches even if a traceback keeps them: a thread may read ahead.
        with closing(batches), self.average.of_optimizer():
            net.run_single_epoch(
                batches,
                training=True,
                prefix="train",
                step_fn=net.train_step,
            )
        return [net.history[-1]["train_loss"]]

    def _batches(self, rng):
        """Yield the batches of an epoch, and set the share of the net in each."""
        shares = self.training.shares()
        for share, batch in zip(shares, self.training.epoch(rng), strict=True):
            self.net.share_ = share
            yield batch

    @torch.inference_mode()
    def decision_margin(self):
        """Return the distance of each logit vector of a batch from another decision."""
        X = self.training.some_samples()
        return self.net.loss_.decision_margin(self.net.infer(X))

    @torch.inference_mode()
    def validate(self):
        """Return the Validation on the held-out samples, or None, in a list."""
        if self.validation is None:
            return [None]
        net, loss = self.net, self.net.loss_.of_labels
        total = next(net.module_.parameters()).new_zeros(4)
        is_watched = net.is_watched()
        for X, rows in self.validation.epoch():
            logits = net.infer(X)
            total += loss.sum_scores(logits, rows)
            if is_watched:
                mean_loss = loss.mean(logits, rows)
                batch = {"batch": (X, rows), "training": False}
                net.notify("on_batch_begin", **batch)
                net.history.record_batch("valid_loss", float(mean_loss))
                net.history.record_batch("valid_batch_size", len(X))
                net.notify("on_batch_end", **batch, y_pred=logits, loss=mean_loss)
        return [Validation.of_sums(self.ranks.sum(total))]

    def end_epoch(self, rows):
        """Record an epoch and notify the callbacks; return whether to stop.

        Raises
        ------
        KeyboardInterrupt
            If the user pressed Ctrl-C. Callbacks of skorch stop the training by the
            same exception, but with a `raise` statement.
        """
        self.n_recorded = len(self.net.history)
        if not self.net.callbacks_:  # the record would not be used
            return False
        self.net.record_epoch(rows[0])
        try:
            self.net.notify("on_epoch_end", **self.datasets)
        except KeyError as error:
            if self.validation is None and "valid_" in str(error):
                raise ValueError(
                    f"A callback failed: {error.args[0]} Validation scores are "
                    "recorded only with early_stopping=True."
                ) from error
            raise
        except KeyboardInterrupt as interrupt:
            if not _is_raised_by_statement(interrupt):
                raise
            return True
        return False

    def weights(self, index):
        """Return a copy of the weights, buffers and parameters of the loss by name."""
        return {name: values.clone() for name, values in self._state().items()}

    def save_state(self):
        """Return everything that later epochs depend on, as arrays."""
        return {
            "weights": {name: v.cpu().numpy() for name, v in self._state().items()},
            "average": [values.cpu().numpy() for values in self.average.others],
            "optimizer": state_to_arrays(self.net.optimizer_),
        }

    def load_state(self, state):
        """Continue from the output of :meth:`save_state`."""
        weights = state["weights"].items()
        self.restore({name: torch.from_numpy(values) for name, values in weights})
        self.average.load([torch.from_numpy(values) for values in state["average"]])
        load_state(self.net.optimizer_, state["optimizer"])

    def _state(self):
        parameters = self.net.loss_parameters_
        of_loss = {name: values.detach() for name, values in parameters.items()}
        return self.net.module_.state_dict() | of_loss

    def keep(self, indices):
        """Do nothing, since there is only one network."""

    def snapshot(self):
        """Return a copy of the weights for `restore`."""
        return self.weights(0)

    @torch.no_grad()
    def restore(self, snapshot):
        """Restore the weights of a snapshot."""
        for name, values in self._state().items():
            values.copy_(snapshot[name])

    def end(self):
        """End the training and notify the callbacks."""
        for hook in self.hooks:
            hook.remove()
        self.net.ranks_ = ONE_PROCESS  # the user may continue to train the net
        del self.net.history[self.n_recorded :]  # an interrupted epoch
        self.net.notify("on_train_end", X=None, y=None)


def _is_raised_by_statement(error):
    """Return whether an exception comes from a `raise` statement, not from a signal."""
    traceback = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code.co_code
    return dis.opname[code[traceback.tb_lasti]] == "RAISE_VARARGS"


class SelectedSamples:
    """Samples passed to callbacks, which are copied only when they are indexed.

    Parameters
    ----------
    X : Samples

    index : ndarray of shape (n_selected,)
    """

    def __init__(self, X, index):
        self.X = X
        self.index = index
        self.shape = (len(index), *X.shape[1:])
        self.ndim = len(self.shape)
        self.dtype = X.dtype

    def __len__(self):
        return len(self.index)

    def __getitem__(self, i):
        index = self.index[i]
        taken = self.X.take(np.atleast_1d(index), "cpu").numpy()
        return taken if np.ndim(index) else taken[0]

    def __array__(self, dtype=None, copy=None):
        return self[:].astype(dtype or self.dtype, copy=False)


def _to_dataset(batches):
    """Return the dataset that skorch passes to callbacks, or None for a stream."""
    if batches.X is None:
        return None
    X = SelectedSamples(batches.X, batches.indices())
    return Dataset(X, batches.rows.widened().labels.cpu())
