"""The skorch net: optimiser, epochs, early stopping.

The only module that imports skorch.
"""

import math
import warnings
from contextlib import contextmanager

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import gen_batches
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, PrintLog
from skorch.dataset import Dataset
from skorch.history import History
from torch.nn import functional

from sklearn_ls._batches import rows_at_a_time, rows_to_tensor
from sklearn_ls._device import private_rng
from sklearn_ls._loss import IndicatorTarget, LabelTarget
from sklearn_ls._modules import MLP
from sklearn_ls._plateau import Plateau

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")

# What to make of logits, batch by batch; by the names that users know.
FINISHES = {
    "logits": lambda logits: logits,
    "softmax": lambda logits: torch.softmax(logits, -1),
    "log_softmax": lambda logits: torch.log_softmax(logits, -1),
    "argmax": lambda logits: logits.argmax(-1),
    "logistic": torch.sigmoid,
    "log_logistic": functional.logsigmoid,
    "positive": lambda logits: (logits > 0).long(),
}


def build_net(
    module,
    *,
    device,
    dtype=np.float64,
    state=None,
    history=(),
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

    device : torch.device

    dtype : dtype, default=np.float64
        Of the weights.

    state : dict of str to ndarray, default=None
        Weights to start from instead of the module's; copied.

    history : iterable of dict, default=()
        Records of earlier epochs.

    optimizer : {"adam", "adamw", "sgd"} or class, default="adam"

    learning_rate, weight_decay : float

    optimizer_params : dict, default=None

    callbacks : list of skorch callbacks, default=None

    verbose : int, default=0

    Returns
    -------
    net : SmoothingNet
    """
    module = module.to(dtype=getattr(torch, np.dtype(dtype).name))
    if state is not None:
        _load_arrays(module, state)
    params = {"weight_decay": weight_decay, **(optimizer_params or {})}
    if isinstance(optimizer, str):
        params.setdefault("fused", device.type in ("cpu", "cuda"))
        optimizer = OPTIMIZERS[optimizer]
    elif params["weight_decay"] == 0:
        del params["weight_decay"]  # not every optimiser has one
    net = SmoothingNet(
        module,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=optimizer,
        lr=learning_rate,
        train_split=None,
        callbacks=list(callbacks or []),
        verbose=verbose,
        device=str(device),
        **{f"optimizer__{name}": value for name, value in params.items()},
    )
    try:
        net.initialize()
    except TypeError as error:
        if "weight_decay" not in str(error):
            raise
        raise ValueError(
            f"{optimizer.__name__} takes no weight_decay; set weight_decay=0."
        ) from error
    net.module_.eval()
    for parameter in net.module_.parameters():
        parameter.grad = torch.zeros_like(parameter)
    net.history = History({"batches": [], **row} for row in history)
    return net


def _load_arrays(module, state):
    try:
        module.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    except RuntimeError as error:
        raise ValueError(
            "The weights of the fit before do not fit this network; set "
            f"warm_start=False or undo the change to its parameters. {error}"
        ) from error


def check_output(net, sample_shape, n_classes):
    """Raise ValueError unless the network gives one logit a class.

    Parameters
    ----------
    net : SmoothingNet

    sample_shape : tuple of int

    n_classes : int
    """
    if isinstance(net.module_, MLP):
        return
    parameter = next(net.module_.parameters(), torch.zeros(0))
    zeros = torch.zeros((2, *sample_shape), dtype=parameter.dtype).numpy()
    shape = net.apply(zeros, "logits").shape
    if shape != (2, n_classes):
        raise ValueError(
            f"module must give logits of shape (n_samples, {n_classes}), one for each "
            f"class. For 2 samples it gave shape {shape}."
        )


class SmoothingNet(NeuralNet):
    """skorch's net, with a lean epoch on smoothed targets.

    What differs from :class:`skorch.NeuralNet`: batches are slices of tensors; the
    built-in perceptron has its gradient in closed form; batches are recorded and
    announced only when a callback listens to them; training stops by itself, quietly.
    After training it is an ordinary skorch net.
    """

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
        max_epochs,
        patience,
        tol,
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

        max_epochs : int

        patience, tol : see Plateau

        epoch_end : callable, default=lambda: False
            Called after every epoch; training stops when it returns True.

        Returns
        -------
        converged : bool
            False when `max_epochs` ended the training.
        """
        plateau = Plateau(patience, tol)
        best = None
        first = len(self.history)
        datasets = self._datasets(training, validation)
        self.notify("on_train_begin", X=None, y=None)
        for epoch in range(first, first + max_epochs):
            self.train_epoch(training, validation, seed, epoch, datasets)
            record = self.history[-1]
            if validation is None:
                plateau.update(-record["train_loss"])
            elif plateau.update(record["valid_acc"], record["valid_loss"]):
                best = {k: v.clone() for k, v in self.module_.state_dict().items()}
            stopped = self._epoch_ended(datasets) or epoch_end()
            if stopped or plateau.reached:
                break
        else:
            stopped = False
        self.notify("on_train_end", X=None, y=None)
        if best is not None:
            self.module_.load_state_dict(best)
        self.check_logits(training)
        return stopped or plateau.reached

    def train_epoch(self, training, validation, seed, epoch, datasets=()):
        """Train for one epoch and record its losses; refuse what is not finite."""
        self.epoch_rng_ = np.random.default_rng([seed, epoch])
        self.generator_ = torch.Generator(self.device)
        self.generator_.manual_seed(int(self.epoch_rng_.integers(2**62)))
        self.notify("on_epoch_begin", **dict(datasets))
        self.run_single_epoch(
            training.epoch(self.epoch_rng_),
            training=True,
            prefix="train",
            step_fn=self.train_step,
        )
        self._refuse_unless(math.isfinite(self.history[-1]["train_loss"]))
        if validation is not None:
            self._validate(validation)
        if epoch == 0:
            self._warn_if_saturated(training)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run `step_fn` over the batches, or leaner when no callback watches them."""
        if self._is_watched():
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            self.module_.eval()
            batches = self.history[-1]["batches"]
            losses = [batch[f"{prefix}_loss"] for batch in batches]
            sizes = [batch[f"{prefix}_batch_size"] for batch in batches]
            self.history.record(f"{prefix}_loss", np.average(losses, weights=sizes))
            return
        # The losses are summed where they are: small tensors kept between the large
        # ones of the steps would fragment the memory, and a copy would halt a GPU.
        total, n_rows = next(self.module_.parameters()).detach().new_zeros(()), 0
        with self._stepping() as step:
            for X, target in iterator:
                total.add_(step(X, target), alpha=len(X))
                n_rows += len(X)
        self.history.record(f"{prefix}_loss", float(total) / n_rows)

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

        Optimisers other than the named may ask to differentiate again.
        """
        if isinstance(self.module_, MLP) and isinstance(
            self.optimizer_, tuple(OPTIMIZERS.values())
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
        loss = hits = total = 0.0
        for X, target in validation.epoch():
            logits = self.infer(X)
            if self._is_watched():
                batch = X, target.labels
                self.notify("on_batch_begin", batch=batch, training=False)
                self.notify("on_batch_end", batch=batch, training=False, y_pred=logits)
            loss += target.hard_loss(logits)
            hits += target.hits(logits)
            total += len(X) if target.weight is None else target.weight.sum()
        self.history.record("valid_loss", float(loss / total))
        self.history.record("valid_acc", float(hits / total))

    @torch.inference_mode()
    def check_logits(self, training):
        """Refuse weights that the last step, which no loss has judged, made useless."""
        X, _ = next(training.epoch())
        self._refuse_unless(bool(torch.isfinite(self.infer(X)).all()))

    def _refuse_unless(self, finite):
        if not finite:
            raise ValueError(
                f"Training diverged in epoch {len(self.history)}: the loss or the "
                "weights are not finite. Scale X, for instance with StandardScaler, or "
                "lower learning_rate."
            )

    @torch.inference_mode()
    def _warn_if_saturated(self, training):
        X, target = next(training.epoch())
        margin = target.margin(self.infer(X))
        if (margin > -math.log(torch.finfo(margin.dtype).eps)).sum() > len(X) / 2:
            warnings.warn(
                "After the first epoch most outputs are saturated: the probabilities "
                "are 0 or 1 to machine precision and the gradient vanishes. Scale X, "
                "for instance with StandardScaler.",
                UserWarning,
                stacklevel=2,
            )

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
        """Return the most probable codes, for skorch's scoring callbacks."""
        return self.predict_proba(X).argmax(axis=1)

    @torch.inference_mode()
    def apply(self, X, finish):
        """Run the module over all rows, a bounded number at a time.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, ...)

        finish : str
            Key of `FINISHES`, what to make of each batch of logits.

        Returns
        -------
        output : ndarray of shape (n_samples, ...)
        """
        self.module_.eval()
        device = torch.device(self.device)
        chunks = gen_batches(X.shape[0], rows_at_a_time(X))
        outputs = (
            FINISHES[finish](self.module_(rows_to_tensor(X, rows, device)))
            for rows in chunks
        )
        first = next(outputs).cpu().numpy()
        output = np.empty((X.shape[0], *first.shape[1:]), dtype=first.dtype)
        output[: len(first)] = first
        start = len(first)
        for part in outputs:
            output[start : start + len(part)] = part.cpu().numpy()
            start += len(part)
        return output

    def penultimate(self, X):
        """Return the inputs of the last linear layer, (n_samples, n_units)."""
        linears = [m for m in self.module_.modules() if isinstance(m, torch.nn.Linear)]
        if not linears:
            raise ValueError(
                "embed needs a module with a torch.nn.Linear as its last layer."
            )
        inputs = []
        hook = linears[-1].register_forward_pre_hook(
            lambda module, args: inputs.append(args[0].cpu())
        )
        with hook:
            self.apply(X, "argmax")
        return torch.cat(inputs).numpy()

    def n_weight_layers(self):
        """Return how many of the module's layers have weights."""
        layers = self.module_.modules()
        return sum(any(True for _ in m.parameters(recurse=False)) for m in layers)

    def state_arrays(self):
        """Return the weights and buffers as arrays that share the CPU's memory."""
        return {k: v.cpu().numpy() for k, v in self.module_.state_dict().items()}

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
