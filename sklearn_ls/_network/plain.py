"""Conversion of fitted networks to dicts of arrays and simple values, and back.

A dict may come from an untrusted source: it is checked before a network is built.
"""

from dataclasses import replace
from numbers import Real

import numpy as np
import torch

from sklearn_ls._labels.noise import check_transition_matrix
from sklearn_ls._labels.objective import Objective, check_smoothing
from sklearn_ls._labels.training_labels import ClassSummary
from sklearn_ls._network.calibration import CALIBRATIONS
from sklearn_ls._network.ensemble import Ensemble
from sklearn_ls._network.fitted import FittedNetwork
from sklearn_ls._network.modules import ACTIVATIONS, Architecture
from sklearn_ls._network.optimizers import OPTIMIZERS, OptimizerSpec, OptimizerState
from sklearn_ls._network.schedules import SCHEDULES

DTYPES = ("float32", "float64")
PROBE = 2  # number of samples on which outputs of a custom module are compared


def network_to_dict(network):
    """Return a fitted network as a dict.

    Parameters
    ----------
    network : FittedNetwork

    Returns
    -------
    state : dict
        Arrays, strings, numbers, lists and dicts. The values of "module",
        "module_params", "optimizer" and "optimizer_params" may be any objects that a
        user passed.
    """
    architecture, optimizer = network.architecture, network.optimizer
    objective, calibrator = network.objective, network.calibrator
    state = {
        "module": architecture.module,
        "module_params": architecture.params,
        "sample_shape": list(architecture.sample_shape),
        "n_classes": architecture.n_classes,
        "dtype": architecture.dtype,
        "seed": architecture.seed,
        "weights": network.weights,
        "classes": network.classes,
        "epsilon": objective.rule.epsilon,
        "distribution": objective.rule.distribution,
        "transition_matrix": objective.transition_matrix,
        "multilabel": objective.multilabel,
        "has_votes": objective.has_votes,
        "confusion": network.confusion,
        "optimizer": optimizer.name,
        "optimizer_params": optimizer.params,
        "learning_rate": optimizer.learning_rate,
        "weight_decay": optimizer.weight_decay,
        "learning_rate_schedule": optimizer.schedule,
        "ema_decay": optimizer.ema_decay,
        "calibration": {kind: name for name, kind in CALIBRATIONS.items()}[
            type(calibrator)
        ],
        "calibrator": calibrator.attributes(),
        "history": network.history,
        "device": network.device,
    }
    if architecture.is_custom:
        state["probe"] = _probe(network)
    return state


def network_from_dict(state):
    """Restore a network from the output of `network_to_dict`.

    Parameters
    ----------
    state : dict

    Returns
    -------
    network : FittedNetwork

    Raises
    ------
    ValueError, TypeError, KeyError, AttributeError, RuntimeError
        If the dict does not describe a network.
    """
    n_classes, classes = state["n_classes"], state["classes"]
    _require(
        isinstance(classes, np.ndarray) and classes.shape == (n_classes,),
        "the classes do not match the outputs",
    )
    _require(
        state["multilabel"] or np.array_equal(np.unique(classes), classes),
        "the classes are not sorted or not distinct",
    )
    architecture = _read_architecture(state)
    weights = state["weights"]
    _check_weights(weights, architecture)
    network = FittedNetwork(
        architecture=architecture,
        weights=weights,
        classes=classes,
        objective=_read_objective(state),
        optimizer=_read_optimizer(state),
        calibrator=CALIBRATIONS[None](),
        history=_read_history(state),
        device=str(torch.device(state["device"])),
        confusion=_read_confusion(state),
    )
    logits = _probe(
        network
    )  # build the module here, so that errors are attributed to the dict
    if architecture.is_custom:
        _compare(logits, state["probe"])
    temperature = state["calibrator"].get("temperature_", 1.0)
    _require(
        isinstance(temperature, Real) and 0 < float(temperature) < np.inf,
        f"the temperature is {temperature}",
    )
    calibrator = CALIBRATIONS[state["calibration"]].restore(
        state["calibrator"], network.objective
    )
    return replace(network, calibrator=calibrator)


def ensemble_from(networks, classes):
    """Return an ensemble of networks, after checking that they match.

    Parameters
    ----------
    networks : list of FittedNetwork

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    ensemble : Ensemble
    """
    _require(
        isinstance(classes, np.ndarray) and classes.ndim == 1,
        "the classes of an ensemble are invalid",
    )
    first = networks[0]
    for network in networks:
        _require(
            np.isin(network.classes, classes).all()
            and network.multilabel == first.multilabel
            and network.dtype == first.dtype
            and network.sample_shape == first.sample_shape,
            "the networks of an ensemble do not match",
        )
    return Ensemble(networks, classes)


def optimizer_state_from_dict(state):
    """Restore the state of an optimizer from a dict of its fields.

    Parameters
    ----------
    state : dict

    Returns
    -------
    optimizer_state : OptimizerState
    """
    values, shapes = state["values"], state["shapes"]
    _require(
        all(isinstance(state[name], str) for name in ("optimizer", "options"))
        and all(name in shapes for name in values),
        "the state of the optimizer is invalid",
    )
    for name, of_parameter in values.items():
        for value in of_parameter.values():
            if np.ndim(value):
                _require(
                    isinstance(value, np.ndarray)
                    and value.shape == shapes[name]
                    and np.isfinite(value).all(),
                    f"the state of the optimizer of {name} is invalid",
                )
    return OptimizerState(**state)


def _require(condition, otherwise):
    if not condition:
        raise ValueError(otherwise)


def _is_positive(value):
    return type(value) is int and value > 0


def _read_architecture(state):
    shape, dtype, module = state["sample_shape"], state["dtype"], state["module"]
    _require(shape and all(map(_is_positive, shape)), "sample_shape is invalid")
    _require(_is_positive(state["n_classes"]), "n_classes is invalid")
    _require(dtype in DTYPES, f"the weights have the dtype {dtype}")
    _require(type(state["seed"]) is int, "the seed is invalid")
    _require(
        module in (None, "convnet") or callable(module), f"module={module!r} is unknown"
    )
    params = state["module_params"]
    if module is None:
        _check_perceptron(**params)
    return Architecture(
        module,
        params,
        tuple(shape),
        state["n_classes"],
        dtype,
        state["seed"],
    )


def _check_perceptron(hidden_layer_sizes, activation, dropout, feature_clip):
    _require(
        all(map(_is_positive, hidden_layer_sizes))
        and activation in ACTIVATIONS
        and isinstance(dropout, Real)
        and 0 <= dropout < 1
        and (feature_clip is None or isinstance(feature_clip, Real))
        and (feature_clip is None or float(feature_clip) > 0),
        "a parameter of the perceptron is invalid",
    )


def _check_weights(weights, architecture):
    """Raise ValueError unless weights match, before any memory is allocated."""
    for name, values in weights.items():
        _require(isinstance(values, np.ndarray), f"the weights {name} are missing")
        _require(not np.isnan(values).any(), f"the weights {name} are NaN")
    shapes = architecture.weight_shapes()
    _require(
        shapes is None or shapes == {name: v.shape for name, v in weights.items()},
        "the weights do not have the shapes of this architecture",
    )
    if architecture.is_custom:
        return
    for name, values in weights.items():
        counter = name.endswith("num_batches_tracked")
        _require(
            values.dtype == ("int64" if counter else architecture.dtype)
            and np.isfinite(values).all(),
            f"the weights {name} are invalid",
        )


def _read_objective(state):
    classes, multilabel, distribution = (
        state[name] for name in ("classes", "multilabel", "distribution")
    )
    _require(
        type(multilabel) is bool and type(state["has_votes"]) is bool,
        "the kind of labels is unknown",
    )
    _require(
        isinstance(distribution, np.ndarray)
        or distribution in ("uniform", "others", "each"),
        f"distribution={distribution!r} is unknown",
    )
    summary = ClassSummary(classes, np.full(len(classes), np.nan), multilabel)
    rule = check_smoothing(state["epsilon"], distribution, summary, "the model")
    matrix = state["transition_matrix"]
    if matrix is not None:
        matrix = check_transition_matrix(matrix, classes)
    return Objective(rule, matrix, len(classes), multilabel, state["has_votes"])


def _read_optimizer(state):
    name, params = state["optimizer"], state["optimizer_params"]
    _require(callable(name) or name in OPTIMIZERS, f"optimizer={name!r} is unknown")
    _require(isinstance(params, dict), "optimizer_params is invalid")
    _require(state["learning_rate_schedule"] in SCHEDULES, "the schedule is unknown")
    numbers = ("learning_rate", "weight_decay", "ema_decay")
    _require(
        all(isinstance(state[number], Real) for number in numbers),
        "a parameter of the optimizer is not a number",
    )
    return OptimizerSpec(
        name,
        state["learning_rate"],
        state["weight_decay"],
        params,
        state["learning_rate_schedule"],
        state["ema_decay"],
    )


def _read_history(state):
    history = state["history"]
    _require(
        isinstance(history, list)
        and history
        and all("train_loss" in row for row in history)
        and all(isinstance(value, Real) for row in history for value in row.values()),
        "the history is invalid",
    )
    return history


def _read_confusion(state):
    confusion = state["confusion"]
    if confusion is not None:
        k = state["n_classes"]
        _require(
            isinstance(confusion, np.ndarray)
            and confusion.shape == (len(confusion), k, k)
            and np.isfinite(confusion).all(),
            "the confusion matrices are invalid",
        )
    return confusion


def _probe(network):
    """Return the uncalibrated logits of random samples."""
    rng = np.random.default_rng(0)
    shape = (PROBE, *network.sample_shape)
    X = torch.from_numpy(rng.normal(size=shape).astype(network.dtype))
    with torch.inference_mode():
        return network.module(X.to(network.here)).cpu().numpy()


def _compare(actual, expected):
    """Raise ValueError unless a custom module returns the saved logits."""
    if not np.allclose(actual, expected, rtol=1e-3, atol=1e-4, equal_nan=True):
        raise ValueError(
            "the predictions of the module differ from those of the saved one. Pass "
            "the same module"
        )
