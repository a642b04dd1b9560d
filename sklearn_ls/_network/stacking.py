"""Training of networks of one architecture with stacked weights.

The networks of a stack are independent. Their batches have the same sizes and order,
the steps of the optimizer are elementwise, and each network has its own stopping rule.
The result differs from training them one after another only by rounding errors.
"""

import copy

import torch
from torch.func import functional_call, vmap

from sklearn_ls._network.averaging import WeightAverage
from sklearn_ls._network.batches import Batches
from sklearn_ls._network.closed_form import dropout_masks, mlp_gradient, mlp_logits
from sklearn_ls._network.device import epoch_random, private_rng
from sklearn_ls._network.feature_scaling import scale_features
from sklearn_ls._network.modules import MLP
from sklearn_ls._network.optimizers import (
    ELEMENTWISE,
    OPTIMIZERS,
    keep_networks,
    load_state,
    state_to_arrays,
)
from sklearn_ls._network.samples import samples_at_once
from sklearn_ls._network.schedules import schedule_steps
from sklearn_ls._network.training import Validation, train

CACHE = 5 * 2**18  # maximum size of the activations of a layer, in bytes


def train_stack(
    networks, states, loss, optimizer, *, network_end, checkpoint=None, **limits
):
    """Train networks together, with the same results as one after another.

    If CUDA runs out of memory, training of the unfinished networks restarts in two
    halves.

    Parameters
    ----------
    networks : list of (module, training, validation)
        Modules of one architecture on the device, each with :class:`Batches` for
        training and for validation (or None for all). All have the same X, number of
        samples, batch size and type of row tensors.

    states : list of TrainingState
        State of each network, which is updated.

    loss : Loss

    optimizer : OptimizerSpec

    network_end : callable
        See `train`.

    checkpoint : Checkpoint, default=None
        See `train`. Not used after CUDA has run out of memory.

    **limits : dict
        `seed` and `max_epochs`, see `train`.

    Raises
    ------
    ValueError
        If a network diverges.
    """
    waiting = [list(range(len(networks)))]
    while waiting:
        positions = waiting.pop()
        try:
            limits["checkpoint"] = checkpoint if len(positions) == len(states) else None
            _train_subset(
                networks, states, positions, loss, optimizer, network_end, **limits
            )
            continue
        except torch.OutOfMemoryError:
            if len(positions) == 1:
                raise
        torch.cuda.empty_cache()  # not above, where a traceback refers to the stack
        rest = [i for i in positions if states[i].weights is None]
        half = len(rest) // 2
        waiting += [part for part in (rest[half:], rest[:half]) if part]


def _train_subset(networks, states, positions, loss, optimizer, network_end, **limits):
    """Train the networks at these positions from the start."""
    trainer = StackTrainer([networks[i] for i in positions], loss, optimizer)
    trained = [copy.deepcopy(states[i]) for i in positions]

    def end(index):
        states[positions[index]] = trained[index]
        network_end(positions[index])

    train(trainer, trained, network_end=end, **limits)


def reason_not_stackable(module, X, device, optimizer):
    """Return the reason why copies of `module` cannot be stacked, or None.

    Parameters
    ----------
    module : torch.nn.Module

    X : Tensor of shape (2, ...)
        Two samples to test the module with.

    device : str

    optimizer : OptimizerSpec

    Returns
    -------
    reason : str or None
    """
    kind, options = optimizer.resolve(device)
    if kind not in ELEMENTWISE:
        return f"{kind.__name__} may couple networks"
    if unusual := {"param_groups", "differentiable"} & options.keys():
        return f"the optimizer has the option {unusual.pop()}"
    try:
        kind([torch.zeros(1, requires_grad=True)], **options)
        if isinstance(module, MLP) and kind in OPTIMIZERS.values():
            return None
        if _keeps_statistics(module, X, device):
            return "the module keeps statistics of its batches, as BatchNorm does"
        _try_together(module, X, device)
    except Exception as error:  # any real problem shows when networks train separately
        line = str(error).partition("\n")[0].rstrip(".")
        return f"they fail when stacked ({line or type(error).__name__})"
    return None


def networks_at_once(module, X, batch_size, device):
    """Return the best number of networks in a stack.

    On the CPU, stacks whose activations do not fit in the caches are slower. On CUDA,
    the number is limited by the free memory.

    Parameters
    ----------
    module : torch.nn.Module
        One of the networks.

    X : Tensor of shape (2, ...)
        Two samples to test the module with.

    batch_size : int

    device : str

    Returns
    -------
    n_networks : int
    """
    sizes = []  # size of the output of each layer, in bytes per sample
    module = copy.deepcopy(module)
    for layer in module.modules():
        layer.register_forward_hook(
            lambda layer, args, output: sizes.append(_n_bytes(output) // len(X))
        )
    with torch.no_grad(), private_rng(0, device):
        module(X)
    if torch.device(device).type == "cpu":
        n_networks = CACHE // (max(sizes) * batch_size)
        return n_networks if n_networks >= 4 else 1  # small stacks are not faster
    free = _free_memory(device)
    weights = sum(map(_n_bytes, module.parameters()))
    # Weights, gradients, two optimizer states, the best weights and a copy;
    # activations and their gradients; and the samples gathered at once.
    bytes_each = 6 * weights + 2 * sum(sizes) * batch_size
    bytes_each += _n_bytes(X[:1]) * max(batch_size, samples_at_once(X.shape[1:]))
    return max(1, int(0.4 * free) // bytes_each)  # X may use up to half of the memory


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
    """Raise unless two networks in training mode have the same outputs when stacked.

    There are enough samples to detect different random numbers, as in dropout on CUDA.
    """
    X = X.repeat(32, *[1] * (X.ndim - 1))
    module = copy.deepcopy(module).train()
    networks = [module, copy.deepcopy(module)]
    with torch.no_grad():
        for parameter in networks[1].parameters():
            parameter.mul_(0.9)
    for shared, batch in ((True, X), (False, torch.stack([X, X]))):
        weights, buffers = _stacked(networks)
        with private_rng(0, device):
            together = _call_stacked(module, weights, buffers, batch, shared=shared)
        together.sum().backward()
        for network, logits in zip(networks, together.detach(), strict=True):
            with torch.no_grad(), private_rng(0, device):
                alone = network(X)
            if not torch.allclose(alone, logits, rtol=1e-2, atol=1e-3):
                raise ValueError("their outputs differ")


def _stacked(modules):
    """Return the weights and the buffers of modules by name, stacked."""
    weights, buffers = {}, {}
    for name, parameter in modules[0].named_parameters():
        values = [module.get_parameter(name).detach() for module in modules]
        weights[name] = torch.stack(values).requires_grad_(parameter.requires_grad)
    for name, _ in modules[0].named_buffers():
        buffers[name] = torch.stack([module.get_buffer(name) for module in modules])
    return weights, buffers


def _call_stacked(module, weights, buffers, X, *, shared):
    """Run the networks on X; all draw the same random numbers."""

    def call(weights, buffers, X):
        return functional_call(module, (weights, buffers), (X,))

    in_dims = (0, 0, None if shared else 0)
    return vmap(call, in_dims, randomness="same")(weights, buffers, X)


class StackTrainer:
    """Runs the epochs of networks with stacked weights.

    Parameters
    ----------
    networks : list of (module, training, validation)
        See `train_stack`.

    loss : Loss

    optimizer : OptimizerSpec
    """

    def __init__(self, networks, loss, optimizer):
        modules, training, validation = zip(*networks, strict=True)
        self.loss = loss
        self.module = copy.deepcopy(modules[0])
        self.stacked, self.buffers = _stacked(modules)
        self.n_networks = len(modules)
        self.training = Batches.stack(training)
        self.validation = None
        if validation[0] is not None:
            self.validation = Batches.stack(validation)
        self.device = self.training.device
        self.spec = optimizer
        kind, options = optimizer.resolve(self.device)
        trainable = [w for w in self.stacked.values() if w.requires_grad]
        self.learned = self.training.rows.parameters()
        if self.learned:
            others = [values.requires_grad_() for values in self.learned.values()]
            no_decay = {"weight_decay": 0.0} if "weight_decay" in options else {}
            trainable = [{"params": trainable}, {"params": others, **no_decay}]
        self.optimizer = kind(trainable, **options)
        self.is_mlp = isinstance(self.module, MLP)
        self.scale = self._make_scale()
        self.in_closed_form = self.is_mlp and kind in OPTIMIZERS.values()

    def _make_scale(self):
        """Return the function that scales the features for the perceptrons."""
        if not self.is_mlp or self.module.scaling is None:
            return lambda X: X
        buffers = list(self.buffers.values())
        if all(torch.equal(values, values[:1].expand_as(values)) for values in buffers):
            buffers = [values[0] for values in buffers]  # networks of one split
        return lambda X: scale_features(X, *buffers, self.module.scaling.clip)

    def begin(self, max_epochs, n_done=0):
        """Prepare the optimizer after `n_done` epochs."""
        n_batches = self.training.n_batches
        n_steps, n_done = max_epochs * n_batches, n_done * n_batches
        schedule_steps(self.optimizer, self.spec.schedule, n_steps, n_done)
        weights, decay = [*self._trained().values()], self.spec.ema_decay
        self.average = WeightAverage(self.optimizer, weights, decay, n_done)

    def _trained(self):
        return {**self.stacked, **self.learned}

    def save_state(self):
        """Return everything that later epochs depend on, as arrays."""
        weights = self._trained().items()
        return {
            "weights": {name: v.detach().cpu().numpy() for name, v in weights},
            "average": [values.cpu().numpy() for values in self.average.others],
            "optimizer": state_to_arrays(self.optimizer),
        }

    @torch.no_grad()
    def load_state(self, state):
        """Continue from the output of :meth:`save_state` of the same networks."""
        for name, values in self._trained().items():
            values.copy_(torch.from_numpy(state["weights"][name]))
        self.average.load([torch.from_numpy(values) for values in state["average"]])
        load_state(self.optimizer, state["optimizer"])

    def train_epoch(self, seed, epoch):
        """Return the mean training loss of each network."""
        rng, generator = epoch_random(seed, epoch, self.device)
        total = 0.0
        with self.average.of_optimizer():
            if self.in_closed_form:
                step = self._closed_step(generator)
            else:
                step = self._step(rng)
            for X, rows in self.training.epoch(rng):
                total = total + step(X, rows) * self.training.count(X)
        return [loss / len(self.training) for loss in total.tolist()]

    def _closed_step(self, generator):
        for values in self.stacked.values():
            if values.grad is None:
                values.grad = torch.zeros_like(values)
        layers = self._layers()
        gradients = _pairs(values.grad for values in self.stacked.values())
        dropout, activation = self.module.dropout, self.module.activation

        @torch.no_grad()
        def step(X, rows):
            X = self.scale(X)
            masks = dropout_masks(layers, dropout, X, generator)
            loss = mlp_gradient(
                X, self.loss, rows, layers, gradients, activation, masks
            )
            self.optimizer.step()
            return loss

        return step

    def _layers(self):
        return _pairs(values.detach() for values in self.stacked.values())

    def _step(self, rng):
        def step(X, rows):
            self.optimizer.zero_grad()
            self.module.train()
            with private_rng(int(rng.integers(2**62)), self.device):
                logits = self._call(X, self.training)
            loss = self.loss.mean(logits, rows)
            loss.sum().backward()
            self.optimizer.step()
            return loss.detach()

        return step

    def _call(self, X, batches):
        shared = batches.n_dims == 1
        return _call_stacked(self.module, self.stacked, self.buffers, X, shared=shared)

    def _logits(self, X, batches):
        """Return the logits of all networks, in evaluation mode."""
        if self.is_mlp:
            X = self.scale(X)
            return mlp_logits(X, self._layers(), self.module.activation)
        self.module.eval()
        return self._call(X, batches)

    @torch.no_grad()
    def decision_margin(self):
        """Return the distance of each logit vector of a batch from another decision."""
        X = self.training.some_samples()
        return self.loss.decision_margin(self._logits(X, self.training))

    @torch.no_grad()
    def validate(self):
        """Return the Validation of each network, or None, in a list."""
        if self.validation is None:
            return [None] * self.n_networks
        total = 0.0
        for X, rows in self.validation.epoch():
            logits = self._logits(X, self.validation)
            total = total + self.loss.of_labels.sum_scores(logits, rows)
        return [Validation.of_sums(sums) for sums in total.T]

    def end_epoch(self, rows):
        """Return False, since stacks have no callbacks that could stop them."""
        return False

    def weights(self, index):
        """Return a copy of the weights of one network by name."""
        return {
            name: values[index].detach().clone()
            for name, values in self._trained().items()
        }

    def keep(self, indices):
        """Continue with a subset of the networks."""
        self.n_networks = len(indices)
        keep_networks(self.optimizer, indices)
        self.average.keep(indices)
        for values in self.stacked.values():
            if not values.requires_grad:
                values.data = values.data[indices]
        self.buffers = {name: value[indices] for name, value in self.buffers.items()}
        self.scale = self._make_scale()
        self.training = self.training.of_networks(indices)
        if self.validation is not None:
            self.validation = self.validation.of_networks(indices)

    def end(self):
        """Do nothing, since stacks have no callbacks."""


def _pairs(tensors):
    """Return the weight and the bias of each layer."""
    tensors = iter(tensors)
    return list(zip(tensors, tensors, strict=True))
