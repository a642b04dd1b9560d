"""The skorch net: optimiser, epochs, early stopping.

The only module that imports skorch.
"""

import math
from contextlib import contextmanager

import numpy as np
import torch
from scipy.sparse import issparse
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, PrintLog
from skorch.dataset import Dataset
from torch.utils.data import DataLoader

from sklearn_ls._batches import rows_to_tensor
from sklearn_ls._device import epoch_random, private_rng
from sklearn_ls._faults import refuse_divergence, warn_of_saturation
from sklearn_ls._indicator_loss import IndicatorTarget
from sklearn_ls._loss import LabelTarget
from sklearn_ls._modules import MLP
from sklearn_ls._optimizers import OPTIMIZERS, optimizer_options
from sklearn_ls._plateau import Plateau

_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


def build_net(
    module,
    *,
    device,
    losses=(),
    multilabel=False,
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=0.0,
    optimizer_params=None,
    callbacks=None,
    verbose=0,
):
    """Put a module into an initialised skorch net.

    Parameters
    ----------
    module : torch.nn.Module

    device : str

    losses : iterable of float, default=()
        Training losses of earlier epochs, for its history.

    multilabel : bool, default=False
        Whether the outputs are independent; else one class a row is right.

    optimizer : {"adam", "adamw", "sgd"} or class, default="adam"

    learning_rate, weight_decay : float

    optimizer_params : dict, default=None

    callbacks : list of skorch callbacks, default=None

    verbose : int, default=0

    Returns
    -------
    net : SmoothingNet
    """
    optimizer, options = optimizer_options(
        optimizer, learning_rate, weight_decay, optimizer_params, device
    )
    net = SmoothingNet(
        module,
        criterion=(
            torch.nn.BCEWithLogitsLoss if multilabel else torch.nn.CrossEntropyLoss
        ),
        predict_nonlinearity=torch.sigmoid if multilabel else "auto",
        optimizer=optimizer,
        train_split=None,
        callbacks=list(callbacks or []),
        verbose=verbose,
        device=device,
        **{f"optimizer__{name}": value for name, value in options.items()},
    )
    if isinstance(module, MLP) and optimizer in OPTIMIZERS.values() and not callbacks:
        net.flat_weights = module.flatten()
    try:
        net.initialize()
    except TypeError as error:
        if "weight_decay" not in str(error):
            raise
        raise ValueError(
            f"{optimizer.__name__} takes no weight_decay; set weight_decay=0."
        ) from error
    net.module_.eval()
    for loss in losses:
        net.history.new_epoch()
        net.history.record("epoch", len(net.history))
        net.history.record("train_loss", loss)
    return net


class SmoothingNet(NeuralNet):
    """skorch's net, with a lean epoch on smoothed targets.

    What differs from :class:`skorch.NeuralNet`: batches are slices of tensors; the
    built-in perceptron has its gradient in closed form; batches are recorded and
    announced only when a callback listens to them; training stops by itself, quietly.
    On other data than :class:`Batches` it is an ordinary skorch net.
    """

    flat_weights = None

    def get_all_learnable_params(self):
        """Yield the weights by name, or all as one where nobody asks for names."""
        if self.flat_weights is None:
            yield from super().get_all_learnable_params()
        else:
            yield "flat_weights", self.flat_weights

    def _zero_grad_optimizer(self, set_to_none=False):
        super()._zero_grad_optimizer(set_to_none=set_to_none)  # keep what is a view

    def get_default_callbacks(self):
        """Return what prints a line an epoch; losses are recorded without callbacks."""
        if not self.verbose:
            return []
        return [("epoch_timer", EpochTimer()), ("print_log", PrintLog())]

    def train(
        self,
        training,
        validation=None,
        *,
        seed,
        first_epoch=0,
        max_epochs=1,
        patience=math.inf,
        tol=0.0,
        epoch_end=lambda: False,
    ):
        """Train until nothing improves any more.

        With `validation`, the accuracy on its hard labels decides, and the best weights
        are restored; else the training loss decides.

        Parameters
        ----------
        training, validation : Batches

        seed : int
            Decides, with the number of the epoch, batch order and dropout.

        first_epoch : int, default=0
            How many epochs the network has been trained for.

        max_epochs : int, default=1

        patience, tol : see Plateau

        epoch_end : callable, default=lambda: False
            Called after every epoch; training stops when it returns True.

        Returns
        -------
        converged : bool
            False when `max_epochs` ended the training.
        """
        plateau = Plateau(patience, tol)
        best, stopped = None, False
        datasets = self._datasets(training, validation)
        self.notify("on_train_begin", X=None, y=None)
        for epoch in range(first_epoch, first_epoch + max_epochs):
            self.notify("on_epoch_begin", **datasets)
            self._train_epoch(training, validation, seed, epoch)
            record = self.history[-1]
            if validation is None:
                plateau.update(-record["train_loss"])
            elif plateau.update(record["valid_acc"], record["valid_loss"]):
                best = {k: v.clone() for k, v in self.module_.state_dict().items()}
            stopped = self._epoch_ended(datasets) or epoch_end() or plateau.reached
            if stopped:
                break
        self.notify("on_train_end", X=None, y=None)
        if best is not None:
            self.module_.load_state_dict(best)
        refuse_divergence(self._is_usable(training), len(self.history))
        return stopped

    def _train_epoch(self, training, validation, seed, epoch):
        self.epoch_rng_, self.generator_ = epoch_random(seed, epoch, self.device)
        self.run_single_epoch(
            training.epoch(self.epoch_rng_),
            training=True,
            prefix="train",
            step_fn=self.train_step,
        )
        finite = math.isfinite(self.history[-1]["train_loss"])
        refuse_divergence(finite, len(self.history))
        if validation is not None:
            self._validate(validation)
        if epoch == 0:
            self._warn_if_saturated(training)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run `step_fn` over the batches, or leaner when no callback watches them."""
        if self._is_watched() or iterator is None or isinstance(iterator, DataLoader):
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            self.module_.eval()
            if iterator is not None:
                batches = self.history[-1]["batches"]
                losses = [batch[f"{prefix}_loss"] for batch in batches]
                sizes = [batch[f"{prefix}_batch_size"] for batch in batches]
                self._record_loss(f"{prefix}_loss", np.average(losses, weights=sizes))
            return
        # The losses are summed where they are: small tensors kept between the large
        # ones of the steps would fragment the memory, and a copy would halt a GPU.
        self.history.new_batch()  # one for all: some callbacks look for a last batch
        total, n_rows = next(self.module_.parameters()).detach().new_zeros(()), 0
        with self._stepping() as step:
            for X, target in iterator:
                total.add_(step(X, target), alpha=len(X))
                n_rows += len(X)
        self._record_loss(f"{prefix}_loss", float(total) / n_rows)

    def _record_loss(self, name, loss):
        """Record a loss, and whether it is the smallest, as skorch's callbacks ask."""
        loss = float(loss)
        before = [row[name] for row in self.history[:-1] if name in row]
        self.history.record(name, loss)
        self.history.record(f"{name}_best", loss < min(before, default=math.inf))

    def _is_watched(self):
        """Return whether a callback listens to batches."""
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.callbacks_
            for hook in _BATCH_HOOKS
        )

    @contextmanager
    def _stepping(self):
        """Yield what makes a step: in closed form where that serves, else by autograd.

        Optimisers other than the named may ask to differentiate again, and callbacks
        may freeze weights.
        """
        if (
            isinstance(self.module_, MLP)
            and type(self.optimizer_) in OPTIMIZERS.values()
            and all(weight.requires_grad for weight in self.module_.parameters())
        ):
            differentiate = self.module_.differentiator(self.generator_)

            def step(X, target):
                loss = differentiate(X, target)
                self.optimizer_.step()
                return loss

            with torch.no_grad():
                yield step
        else:
            self.module_.train()
            yield self._autograd_step
            self.module_.eval()

    def _autograd_step(self, X, target):
        losses = []

        def closure():
            self.optimizer_.zero_grad()
            loss = self.get_loss(self.infer(X), target)
            loss.backward()
            losses.append(loss.detach())
            return losses[-1]

        self.optimizer_.step(closure)
        return losses[0]

    def notify(self, method_name, **cb_kwargs):
        """Call the callbacks, which are to see the labels of a batch as given."""
        X, target = cb_kwargs.get("batch") or (None, None)
        if isinstance(target, (LabelTarget, IndicatorTarget)):
            cb_kwargs["batch"] = X, target.labels
        super().notify(method_name, **cb_kwargs)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the mean loss of a batch: the target knows how."""
        if isinstance(y_true, (LabelTarget, IndicatorTarget)):
            return y_true.loss(y_pred)
        return super().get_loss(y_pred, y_true, X=X, training=training)

    def infer(self, x, **fit_params):
        """Run the module; in training, with private random numbers."""
        if not self.module_.training or not hasattr(self, "epoch_rng_"):
            return super().infer(x, **fit_params)
        seed = int(self.epoch_rng_.integers(2**62))
        with private_rng(seed, torch.device(self.device)):
            return super().infer(x, **fit_params)

    @torch.inference_mode()
    def _validate(self, validation):
        total_loss = hits = total = 0.0
        for X, target in validation.epoch():
            logits = self.infer(X)
            loss = target.loss(logits)
            if self._is_watched():
                batch = {"batch": (X, target), "training": False}
                self.notify("on_batch_begin", **batch)
                self.history.record_batch("valid_loss", float(loss))
                self.history.record_batch("valid_batch_size", len(X))
                self.notify("on_batch_end", **batch, y_pred=logits, loss=loss)
            total_loss += loss * len(X)
            hits += target.hits(logits)
            total += len(X) if target.weight is None else target.weight.sum()
        self._record_loss("valid_loss", total_loss / total)
        self.history.record("valid_acc", float(hits / total))

    @torch.inference_mode()
    def _is_usable(self, training):
        """Return whether the last step, which no loss has judged, left numbers."""
        X, _ = next(training.epoch())
        numbers = [self.infer(X), *self.module_.parameters()]
        return all(bool(torch.isfinite(some).all()) for some in numbers)

    @torch.inference_mode()
    def _warn_if_saturated(self, training):
        X, target = next(training.epoch())
        warn_of_saturation(target.margin(self.infer(X)))

    def _datasets(self, training, validation):
        """Give callbacks what skorch promises them; nothing is copied without any."""
        if not self.callbacks:
            return {}
        return {
            "dataset_train": self._dataset(training),
            "dataset_valid": None if validation is None else self._dataset(validation),
        }

    def _dataset(self, batches):
        X = batches.X
        if not issparse(X):
            X = rows_to_tensor(X, batches.rows, torch.device("cpu"))
        else:
            X = X[batches.rows]  # skorch makes it dense a batch at a time
        return Dataset(X, batches.target.labels.cpu())

    def _epoch_ended(self, datasets):
        """Tell the callbacks; skorch's own ask to stop by a KeyboardInterrupt."""
        try:
            self.notify("on_epoch_end", **datasets)
        except KeyboardInterrupt:
            return True
        return False

    def predict(self, X):
        """Return labels as callbacks get them, codes or indicators."""
        y_proba = self.predict_proba(X)
        if self.criterion is torch.nn.BCEWithLogitsLoss:
            return (y_proba > 0.5).astype(int)
        return y_proba.argmax(axis=1)

    def curves(self):
        """Return the training losses and the validation scores of the epochs."""
        return tuple(
            [row[name] for row in self.history if name in row]
            for name in ("train_loss", "valid_acc")
        )

    def optimizer_arrays(self):
        """Return the optimiser's state as arrays."""
        return {
            index: {
                name: value.cpu().numpy() if isinstance(value, torch.Tensor) else value
                for name, value in entries.items()
            }
            for index, entries in self.optimizer_.state_dict()["state"].items()
        }

    def load_optimizer_arrays(self, arrays):
        """Go on with a state that :meth:`optimizer_arrays` returned."""
        state = {
            index: {
                name: torch.tensor(value) if isinstance(value, np.ndarray) else value
                for name, value in entries.items()
            }
            for index, entries in arrays.items()
        }
        self.optimizer_.load_state_dict(
            {**self.optimizer_.state_dict(), "state": state}
        )
