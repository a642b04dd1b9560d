"""Fitted networks as arrays and values that JSON can hold, and back."""

import numpy as np

from sklearn_ls._labels.objective import Objective, SmoothingRule
from sklearn_ls._network.calibration import CALIBRATIONS
from sklearn_ls._network.fitted import FittedNetwork
from sklearn_ls._network.modules import Architecture
from sklearn_ls._network.optimizers import OptimizerSpec

WEIGHTS = "weights."  # precedes their names
CUSTOM = "custom"  # name of a custom module or optimizer


def network_to_plain(network):
    """Return a fitted network as arrays and plain values.

    Custom modules and optimizers are not included; `network_from_plain` takes them as
    arguments.

    Parameters
    ----------
    network : FittedNetwork

    Returns
    -------
    arrays : dict of str to ndarray

    values : dict
        Of strings, numbers, lists and dicts.
    """
    architecture, optimizer = network.architecture, network.optimizer
    objective, calibrator = network.objective, network.calibrator
    arrays = {f"{WEIGHTS}{name}": array for name, array in network.weights.items()}
    values = {
        "module": _name(architecture.module),
        "module_params": architecture.params,
        "sample_shape": list(architecture.sample_shape),
        "n_classes": architecture.n_classes,
        "dtype": np.dtype(architecture.dtype).name,
        "seed": int(architecture.seed),
        "optimizer": _name(optimizer.name),
        "learning_rate": optimizer.learning_rate,
        "weight_decay": optimizer.weight_decay,
        "optimizer_params": optimizer.params,
        "learning_rate_schedule": optimizer.schedule,
        "ema_decay": optimizer.ema_decay,
        "n_outcomes": objective.rule.n_outcomes,
        "multilabel": objective.multilabel,
        "has_votes": objective.has_votes,
        "calibration": {kind: name for name, kind in CALIBRATIONS.items()}[
            type(calibrator)
        ],
        "calibrator": calibrator.attributes(),
        "history": network.history,
        "device": network.device,
    }
    for name, value in (
        ("classes", network.classes),
        ("epsilon", objective.rule.epsilon),
        ("distribution", objective.rule.distribution),
        ("transition_matrix", objective.transition_matrix),
        ("confusion", network.confusion),
    ):
        (arrays if isinstance(value, np.ndarray) else values)[name] = value
    return arrays, values


def network_from_plain(arrays, values, *, module=None, optimizer=None):
    """Return the network that `network_to_plain` described.

    Parameters
    ----------
    arrays, values : dict
        As `network_to_plain` returns them.

    module, optimizer : callable, default=None
        Custom module and optimizer.

    Returns
    -------
    network : FittedNetwork
    """
    known = {**values, **arrays}
    objective = Objective(
        SmoothingRule(known["epsilon"], known["distribution"], known["n_outcomes"]),
        known["transition_matrix"],
        known["n_classes"],
        known["multilabel"],
        known["has_votes"],
    )
    architecture = Architecture(
        _find(known, "module", module),
        known["module_params"],
        tuple(known["sample_shape"]),
        known["n_classes"],
        np.dtype(known["dtype"]),
        known["seed"],
    )
    spec = OptimizerSpec(
        _find(known, "optimizer", optimizer),
        known["learning_rate"],
        known["weight_decay"],
        known["optimizer_params"],
        known["learning_rate_schedule"],
        known["ema_decay"],
    )
    return FittedNetwork(
        architecture=architecture,
        weights={
            name.removeprefix(WEIGHTS): array
            for name, array in arrays.items()
            if name.startswith(WEIGHTS)
        },
        classes=known["classes"],
        objective=objective,
        optimizer=spec,
        calibrator=CALIBRATIONS[known["calibration"]].restore(
            known["calibrator"], objective
        ),
        history=known["history"],
        device=known["device"],
        confusion=known["confusion"],
    )


def _name(kind):
    """Return the name of a module or an optimizer, which may be None."""
    return kind if kind is None or isinstance(kind, str) else CUSTOM


def _find(plain, name, custom):
    """Return the built-in module or optimizer that is named, or the custom one."""
    if plain[name] != CUSTOM:
        return plain[name]
    if custom is None:
        raise ValueError(f"This network has a custom {name}: pass {name}=.")
    return custom
