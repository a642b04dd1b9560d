"""Many networks of one architecture trained as one, with stacked weights.

A stack is exact: nothing couples its networks. Their batches are of the same lengths
and in the same order, every step of the optimiser is elementwise, and each network
stops by its own rule. It differs from training one network after another by rounding.
"""

import copy
import math
from dataclasses import dataclass, field

import torch
from torch.func import functional_call, vmap

from sklearn_ls._batches import Batches, rows_at_a_time
from sklearn_ls._device import epoch_random, private_rng
from sklearn_ls._faults import refuse_divergence, warn_of_saturation
from sklearn_ls._modules import MLP, dropout_masks, mlp_gradient, mlp_logits
from sklearn_ls._optimizers import (
    ELEMENTWISE,
    OPTIMIZERS,
    keep_networks,
    optimizer_options,
)
from sklearn_ls._plateau import Plateau

CACHE = 5 * 2**18  # bytes of one layer's activations that are still fast


def train_stack(networks, *, network_end=lambda: None, **rule):
    """Train networks together, as each would be trained alone.

    When CUDA's memory does not suffice, those not yet done start again in two halves.

    Parameters
    ----------
    networks : list of (module, training, validation)
        Modules of one architecture, on the device, which are trained in place; for each
        the :class:`Batches` to train on, of the same X, number of rows, batch size and
        kind of target, and those to validate on, likewise, or None for all.

    network_end : callable, default=lambda: None
        Called when a network is done.

    rule : seed, max_epochs, patience, tol and what `optimizer_options` takes

    Returns
    -------
    outcomes : list of (losses, scores, converged)
        One a network: training losses and validation scores of the epochs, and whether
        it stopped before `max_epochs`.

    Raises
    ------
    ValueError
        When one of them diverges.
    """
    outcomes = [None] * len(networks)
    waiting = [list(range(len(networks)))]
    while waiting:
        some = waiting.pop()
        try:
            for position, outcome in _train([networks[i] for i in some], **rule):
                outcomes[some[position]] = outcome
                network_end()
            continue
        except torch.OutOfMemoryError:
            if len(some) == 1:
                raise
        torch.cuda.empty_cache()  # out here, where no traceback holds the stack
        rest = [i for i in some if outcomes[i] is None]
        half = len(rest) // 2
        waiting += [part for part in (rest[half:], rest[:half]) if part]
    return outcomes


def _train(networks, *, seed, max_epochs, patience, tol, **optimizer):
    """Yield (position, outcome) of each network when it is done."""
    stack = _Stack(*zip(*networks, strict=True), optimizer)
    records = [_Record(Plateau(patience, tol)) for _ in networks]
    active = list(range(len(networks)))  # the networks in the stack, by their places
    for epoch in range(max_epochs):
        losses = stack.train_epoch(seed, epoch)
        refuse_divergence(all(map(math.isfinite, losses)), epoch + 1)
        if epoch == 0:
            warn_of_saturation(stack.margin())
        stay = []
        for place, judgement in enumerate(stack.validate()):
            record = records[active[place]]
            if record.is_best(losses[place], *judgement):
                record.best = stack.weights_of(place)
            if not record.plateau.reached and epoch < max_epochs - 1:
                stay.append(place)
                continue
            module, training, _ = networks[active[place]]
            weights = record.best or stack.weights_of(place)
            _finish(module, weights, training, epoch + 1)
            yield active[place], record.outcome
        if not stay:
            return
        if len(stay) < len(active):
            stack.keep(stay)
            active = [active[place] for place in stay]


@dataclass
class _Record:
    """How the training of one network of a stack has gone so far."""

    plateau: Plateau
    losses: list = field(default_factory=list)
    scores: list = field(default_factory=list)
    best: dict | None = None  # its weights after its best epoch

    def is_best(self, loss, score, valid_loss):
        """Take note of an epoch; return whether it is the best one validated."""
        self.losses.append(loss)
        if score is None:
            self.plateau.update(-loss)
            return False
        self.scores.append(score)
        return self.plateau.update(score, valid_loss)

    @property
    def outcome(self):
        return self.losses, self.scores, self.plateau.reached


def why_apart(module, X, device, **optimizer):
    """Return why networks like `module` can't be trained as one, or None if they can.

    Parameters
    ----------
    module : torch.nn.Module

    X : Tensor of shape (2, ...)
        Two rows to try it on.

    device : str

    optimizer : see optimizer_options

    Returns
    -------
    reason : str or None
    """
    kind, options = optimizer_options(**optimizer, device=device)
    if kind not in ELEMENTWISE:
        return f"{kind.__name__} may couple networks"
    if unusual := {"param_groups", "differentiable"} & options.keys():
        return f"the optimizer has {unusual.pop()}"
    try:
        kind([torch.zeros(1, requires_grad=True)], **options)
        if isinstance(module, MLP) and kind in OPTIMIZERS.values():
            return None
        if _keeps_statistics(module, X, device):
            return "the module keeps statistics of its batches, as BatchNorm does"
        _try_together(module, X, device)
    except Exception as error:  # whatever it is, training alone shows whether it counts
        line = str(error).partition("\n")[0].rstrip(".")
        return f"stacked they fail ({line or type(error).__name__})"
    return None


def networks_at_once(module, X, batch_size, device):
    """Return how many networks are best stacked.

    On the CPU the activations of a layer have to stay in the caches: larger stacks are
    slower. On CUDA the free memory decides.

    Parameters
    ----------
    module : torch.nn.Module
        Like all of them.

    X : Tensor of shape (2, ...)
        Two rows to try it on.

    batch_size : int

    device : str

    Returns
    -------
    n_networks : int
    """
    sizes = []  # of the outputs of every layer, in bytes a row
    module = copy.deepcopy(module)
    for layer in module.modules():
        layer.register_forward_hook(
            lambda layer, args, output: sizes.append(_n_bytes(output) // len(X))
        )
    with torch.no_grad(), private_rng(0, device):
        module(X)
    if torch.device(device).type == "cpu":
        n_networks = CACHE // (max(sizes) * batch_size)
        return n_networks if n_networks >= 4 else 1  # few large ones gain nothing
    free = _free_memory(device)
    weights = sum(map(_n_bytes, module.parameters()))
    # Weights, gradients, two states of the optimiser, the best so far, and a copy;
    # activations with their gradients; and the rows that are gathered at once.
    bytes_each = 6 * weights + 2 * sum(sizes) * batch_size
    bytes_each += _n_bytes(X[:1]) * max(batch_size, rows_at_a_time(X))
    return max(1, int(0.4 * free) // bytes_each)  # X itself may take a half


def _free_memory(device):
    if not device.startswith("cuda"):
        return 2**30
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused


def _n_bytes(value):
    return value.nbytes if isinstance(value, torch.Tensor) else 0


def _keeps_statistics(module, X, device):
    module = copy.deepcopy(module).train()
    before = {name: value.clone() for name, value in module.named_buffers()}
    with torch.no_grad(), private_rng(0, device):
        module(X)
    return any(
        not torch.equal(value, before[name]) for name, value in module.named_buffers()
    )


def _try_together(module, X, device):
    """Raise unless two networks give stacked what they give alone, also in training.

    On so many rows that random numbers that differ, as in dropout on CUDA, show.
    """
    X = X.repeat(32, *[1] * (X.ndim - 1))
    module = copy.deepcopy(module).train()
    networks = [module, copy.deepcopy(module)]
    with torch.no_grad():
        for parameter in networks[1].parameters():
            parameter.mul_(0.9)
    for shared_rows, rows in ((True, X), (False, torch.stack([X, X]))):
        weights, buffers = _stacked(networks)
        with private_rng(0, device):
            together = _call_stacked(
                module, weights, buffers, rows, shared_rows=shared_rows
            )
        together.sum().backward()
        for network, logits in zip(networks, together.detach(), strict=True):
            with torch.no_grad(), private_rng(0, device):
                alone = network(X)
            if not torch.allclose(alone, logits, rtol=1e-2, atol=1e-3):
                raise ValueError("stacked it gives other outputs")


def _stacked(modules):
    """Return the weights and the buffers of modules by name, stacked."""
    weights, buffers = {}, {}
    for name, parameter in modules[0].named_parameters():
        parts = [module.get_parameter(name).detach() for module in modules]
        weights[name] = torch.stack(parts).requires_grad_(parameter.requires_grad)
    for name, _ in modules[0].named_buffers():
        buffers[name] = torch.stack([module.get_buffer(name) for module in modules])
    return weights, buffers


def _call_stacked(module, weights, buffers, X, *, shared_rows):
    """Run the networks on X; in training all draw the same random numbers."""

    def call(weights, buffers, X):
        return functional_call(module, (weights, buffers), (X,))

    in_dims = (0, 0, None if shared_rows else 0)
    return vmap(call, in_dims, randomness="same")(weights, buffers, X)


def _finish(module, weights, training, epoch):
    """Put trained weights into their module, checked as after a training alone."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(weights[name])
    module.eval()
    X, _ = next(training.epoch())
    with torch.inference_mode():
        numbers = [module(X), *module.parameters()]
    finite = all(bool(torch.isfinite(some).all()) for some in numbers)
    refuse_divergence(finite, epoch)


class _Stack:
    """The networks still in training: stacked weights, batches and optimiser."""

    def __init__(self, modules, training, validation, optimizer):
        self.module = copy.deepcopy(modules[0])
        self.weights, self.buffers = _stacked(modules)
        self.n_networks = len(modules)
        self.training = Batches.stack(training)
        self.validation = None
        if validation[0] is not None:
            self.validation = Batches.stack(validation)
        self.device = self.training.device
        kind, options = optimizer_options(**optimizer, device=self.device)
        learnt = [weights for weights in self.weights.values() if weights.requires_grad]
        self.optimizer = kind(learnt, **options)
        self.is_mlp = isinstance(self.module, MLP)
        self.in_closed_form = self.is_mlp and kind in OPTIMIZERS.values()

    def train_epoch(self, seed, epoch):
        """Return the mean training loss of each network."""
        rng, generator = epoch_random(seed, epoch, self.device)
        step = self._closed_step(generator) if self.in_closed_form else self._step(rng)
        total = 0.0
        for X, target in self.training.epoch(rng):
            total = total + step(X, target) * self.training.count(X)
        return [loss / len(self.training) for loss in total.tolist()]

    def _closed_step(self, generator):
        for weights in self.weights.values():
            if weights.grad is None:
                weights.grad = torch.zeros_like(weights)
        layers = self._layers()
        gradients = _pairs(weights.grad for weights in self.weights.values())
        dropout, activation = self.module.dropout, self.module.activation

        @torch.no_grad()
        def step(X, target):
            masks = dropout_masks(layers, dropout, X, generator)
            loss = mlp_gradient(X, target, layers, gradients, activation, masks)
            self.optimizer.step()
            return loss

        return step

    def _layers(self):
        return _pairs(weights.detach() for weights in self.weights.values())

    def _step(self, rng):
        def step(X, target):
            self.optimizer.zero_grad()
            self.module.train()
            with private_rng(int(rng.integers(2**62)), self.device):
                logits = self._call(X, self.training)
            loss = target.loss(logits)
            loss.sum().backward()
            self.optimizer.step()
            return loss.detach()

        return step

    def _call(self, X, batches):
        shared_rows = batches.rows.ndim == 1
        return _call_stacked(
            self.module, self.weights, self.buffers, X, shared_rows=shared_rows
        )

    def _logits(self, X, batches):
        """Return the logits of all networks, in evaluation mode."""
        if self.is_mlp:
            return mlp_logits(X, self._layers(), self.module.activation)
        self.module.eval()
        return self._call(X, batches)

    @torch.no_grad()
    def margin(self):
        """Return how far the logits of the first batch are from a decision."""
        X, target = next(self.training.epoch())
        return target.margin(self._logits(X, self.training))

    @torch.no_grad()
    def validate(self):
        """Return (accuracy, mean loss) of each network on its hard labels, or Nones."""
        if self.validation is None:
            return [(None, None)] * self.n_networks
        hits = loss = total = 0.0
        for X, target in self.validation.epoch():
            logits = self._logits(X, self.validation)
            n_rows = self.validation.count(X)
            hits = hits + target.hits(logits)
            loss = loss + target.loss(logits) * n_rows
            if target.weight is None:
                total = total + n_rows
            else:
                total = total + target.weight.sum(-1)
        return list(zip((hits / total).tolist(), (loss / total).tolist(), strict=True))

    def weights_of(self, place):
        """Return a copy of the weights of one network by name."""
        return {
            name: values[place].detach().clone()
            for name, values in self.weights.items()
        }

    def keep(self, places):
        """Go on with some of the networks only."""
        self.n_networks = len(places)
        keep_networks(self.optimizer, places)
        for weights in self.weights.values():
            if not weights.requires_grad:
                weights.data = weights.data[places]
        self.buffers = {name: value[places] for name, value in self.buffers.items()}
        self.training = self.training.of_networks(places)
        if self.validation is not None:
            self.validation = self.validation.of_networks(places)


def _pairs(tensors):
    """Return the weight and the bias of each layer."""
    tensors = iter(tensors)
    return list(zip(tensors, tensors, strict=True))
