"""Training of planned networks, alone or as a stack."""

import math
import time
from collections import defaultdict
from typing import NamedTuple

from sklearn.utils import gen_even_slices

from sklearn_ls._labels.training_labels import ClassSummary
from sklearn_ls._network.fitted import FittedNetwork, module_to_arrays
from sklearn_ls._network.optimizers import OptimizerState
from sklearn_ls._network.ranks import ONE_PROCESS
from sklearn_ls._network.skorch_net import NetTrainer, make_net
from sklearn_ls._network.stacking import train_stack
from sklearn_ls._network.training import train
from sklearn_ls._warnings import warn


class SingleTraining:
    """Training of a single network in a skorch net.

    Parameters
    ----------
    plan : TrainingPlan

    earlier : FittedNetwork, default=None
        Network from which training continues.

    optimizer_state : OptimizerState, default=None
        State from which the optimizer continues.

    ranks : OneProcess or Ranks, default=ONE_PROCESS
        Processes that train the network together.

    Attributes
    ----------
    state : TrainingState

    n_earlier_epochs : int
        Number of epochs of previous fits.
    """

    def __init__(self, plan, earlier=None, optimizer_state=None, ranks=ONE_PROCESS):
        self.plan = plan
        self.ranks = ranks
        self.state = plan.start()
        if earlier is not None:
            self.state.history = list(earlier.history)
        self.n_earlier_epochs = self.state.n_epochs
        self.module = plan.build(earlier and earlier.weights)
        self.net = make_net(
            self.module,
            plan.objective,
            plan.params.optimizer_spec,
            device=plan.device,
            flatten=True,
            callbacks=plan.params.callbacks,
            loss_parameters=plan.training.rows.parameters(),
            verbose=plan.params.verbose * ranks.is_first,
        )
        if optimizer_state is not None:
            self._load(optimizer_state)

    def _load(self, optimizer_state):
        if optimizer_state.fits(self.net.optimizer_, self.module):
            optimizer_state.load(self.net.optimizer_, self.module)
        else:
            warn(
                "The optimizer state of the previous fit is ignored, since the "
                "optimizer or the network has changed."
            )

    def run(self, *, keep_optimizer=False, **options):
        """Train the network.

        Parameters
        ----------
        keep_optimizer : bool, default=False
            Whether to store the state of the optimizer in `state`.

        **options : dict
            Arguments of `train`, such as `seed` and `max_epochs`.
        """
        trainer = NetTrainer(
            self.net,
            self.plan.params.optimizer_spec,
            self.plan.training,
            self.plan.validation,
            self.ranks,
        )
        with self.ranks.postponing_interrupts():
            train(trainer, [self.state], ranks=self.ranks, **options)
        if keep_optimizer:
            self.state.optimizer = OptimizerState.read(self.net.optimizer_, self.module)

    def snapshot(self):
        """Return the current network, without calibration."""
        arrays = module_to_arrays(self.module)
        arrays = {name: array.copy() for name, array in arrays.items()}
        return self.plan.as_fitted(arrays, list(self.state.history))

    def finish(self):
        """Return the fitted network."""
        network = self.plan.finish(self.module, self.state)
        if self.net.callbacks:  # the net is kept in `net_`
            self.net.forget_steps()
        return network


class Trained(NamedTuple):
    """A trained network. Each network of a stack has an equal share of its time."""

    network: FittedNetwork
    summary: ClassSummary
    converged: bool
    fit_time: float  # in seconds


def train_networks(
    plans, *, seed, stack_size=1, network_end=lambda: None, part=lambda name: None
):
    """Train networks, in stacks if possible, and calibrate them.

    Parameters
    ----------
    plans : list of TrainingPlan
        Plans that differ only in data and objective.

    seed : int

    stack_size : int, default=1
        Maximum number of networks in a stack.

    network_end : callable, default=lambda: None
        Called after each network is trained.

    part : callable, default=lambda name: None
        Function that returns the Checkpoint of a group of networks, by its name.

    Returns
    -------
    trained : list of Trained
    """
    trained = [None] * len(plans)
    for group in _group_stackable(plans):
        for part_slice in divide_evenly(len(group), stack_size):
            positions = group[part_slice]
            start = time.perf_counter()
            finished = _train_group(
                [plans[i] for i in positions],
                seed=seed,
                network_end=network_end,
                checkpoint=part(f"{positions[0]}-{len(positions)}"),
            )
            seconds = (time.perf_counter() - start) / len(positions)
            for i, (network, converged) in zip(positions, finished, strict=True):
                if plans[i].device != "cpu":  # save memory on the device
                    network.release()
                trained[i] = Trained(network, plans[i].summary, converged, seconds)
    return trained


def _train_group(plans, seed, network_end, checkpoint):
    """Return (network, converged) of networks that are trained together."""
    params = plans[0].params
    limits = {"seed": seed, "max_epochs": params.max_epochs, "checkpoint": checkpoint}
    if len(plans) == 1:
        training = SingleTraining(plans[0])
        training.run(**limits)
        network_end()
        return [(training.finish(), training.state.converged)]
    modules = [plan.build() for plan in plans]
    states = [plan.start() for plan in plans]
    train_stack(
        [
            (module, plan.training, plan.validation)
            for module, plan in zip(modules, plans, strict=True)
        ],
        states,
        plans[0].loss,
        params.optimizer_spec,
        network_end=lambda position: network_end(),
        **limits,
    )
    return [
        (plan.finish(module, state), state.converged)
        for plan, module, state in zip(plans, modules, states, strict=True)
    ]


def _group_stackable(plans):
    """Return lists of the positions of networks that can be stacked."""
    groups = defaultdict(list)
    for position, plan in enumerate(plans):
        groups[plan.stacking_key()].append(position)
    return list(groups.values())


def divide_evenly(n, size):
    """Return slices of at most `size`, as even as possible."""
    return gen_even_slices(n, math.ceil(n / size))
