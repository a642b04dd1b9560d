"""Conversion of fitted networks to dicts, and validation of dicts."""

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from helpers import quick_classifier
from sklearn_ls._labels.training_labels import encode_target
from sklearn_ls._network.fitting import SingleTraining
from sklearn_ls._network.modules import Architecture
from sklearn_ls._network.plain import network_from_dict, network_to_dict
from sklearn_ls._network.plans import TrainingParams, plan_network
from sklearn_ls._network.samples import Samples

MATRIX = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.0, 0.3, 0.7]]


class Network(nn.Sequential):
    def __init__(self, n_features, n_classes, n_units=4):
        super().__init__(
            nn.Linear(n_features, n_units), nn.Tanh(), nn.Linear(n_units, n_classes)
        )


def train(X, y, **params):
    params = quick_classifier(batch_size=40, **params).get_params(deep=False)
    labels = encode_target(y).weighted(np.ones(len(y)))
    training_params = TrainingParams.of(params, "LabelSmoothingClassifier")
    samples = Samples(X, X.dtype)
    plan = plan_network(samples, labels, training_params, seed=0, device="cpu")
    training = SingleTraining(plan)
    training.run(seed=0, max_epochs=5)
    return training.finish()


def write_and_read(network):
    return network_from_dict(copy.deepcopy(network_to_dict(network)))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"epsilon": [0.1, 0.2, 0.3], "distribution": "prior"},
        {"distribution": MATRIX, "transition_matrix": MATRIX},
        {"transition_matrix": 0.2, "calibration": "unsmooth"},
        {"calibration": "temperature", "dropout": 0.2},
        {"early_stopping": True, "optimizer": "sgd"},
    ],
    ids=lambda params: ",".join(params),
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_networks_predict_the_same_when_read(iris, params, dtype):
    X, y = iris[0].astype(dtype), np.array(["a", "b", "c"])[iris[1]]
    network = train(X, y, **params)
    read = write_and_read(network)
    for output in ("logits", "proba", "log_proba", "labels"):
        assert_array_equal(read.apply(X, output), network.apply(X, output))
    assert_array_equal(read.embed(X), network.embed(X))
    assert_array_equal(read.classes, network.classes)
    assert read.history == network.history
    assert type(read.calibrator) is type(network.calibrator)


def test_multilabel_networks_predict_the_same_when_read(iris):
    X, y = iris
    Y = np.c_[y == 0, X[:, 0] > 0].astype(int)
    network = train(X, Y, calibration="unsmooth")
    assert_array_equal(write_and_read(network).apply(X), network.apply(X))


def test_user_settings_are_kept(iris):
    X, y = iris
    network = train(
        X, y, module=Network, module_params={"n_units": 3}, optimizer=torch.optim.NAdam
    )
    read = write_and_read(network)
    assert_array_equal(read.apply(X), network.apply(X))
    assert read.optimizer.name is torch.optim.NAdam


def state(iris, **params):
    X, y = iris
    return network_to_dict(train(X, y, hidden_layer_sizes=(3,), **params))


INVALID = {
    "classes do not match the outputs": {"classes": np.arange(4)},
    "sample_shape is invalid": {"sample_shape": [4.0]},
    "the weights have the dtype": {"dtype": "float16"},
    "the seed is invalid": {"seed": "0"},
    "module='other' is unknown": {"module": "other"},
    "of the perceptron is invalid": {
        "module_params": {
            "hidden_layer_sizes": [3],
            "activation": "exp",
            "dropout": 0.0,
            "feature_clip": None,
        }
    },
    "do not have the shapes": {"sample_shape": [10**12]},
    "distribution='all' is unknown": {"distribution": "all"},
    "epsilon": {"epsilon": 2.0},
    "transition_matrix": {"transition_matrix": np.ones((3, 3))},
    "optimizer='other' is unknown": {"optimizer": "other"},
    "the schedule is unknown": {"learning_rate_schedule": "other"},
    "parameter of the optimizer is not a number": {"ema_decay": "0.9"},
    "the history is invalid": {"history": []},
    "the confusion matrices are invalid": {"confusion": np.ones((2, 2, 2))},
    "the temperature is": {"calibrator": {"temperature_": -1.0}},
    "kind of labels is unknown": {"multilabel": 1},
}


@pytest.mark.parametrize("changes", INVALID.values(), ids=INVALID)
def test_invalid_dicts_are_refused(iris, changes):
    (message,) = [text for text, values in INVALID.items() if values is changes]
    with pytest.raises(ValueError, match=message):
        network_from_dict({**state(iris), **changes})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_invalid_weights_are_refused(iris, value):
    values = state(iris)
    values["weights"]["1.bias"] = np.full(3, value)
    with pytest.raises(ValueError, match=r"the weights 1\.bias are"):
        network_from_dict(values)


@pytest.mark.parametrize(
    ("sample_shape", "module", "params"),
    [
        ((4,), None, {"hidden_layer_sizes": [5, 6], "feature_clip": 3.0}),
        ((4,), None, {"hidden_layer_sizes": [], "feature_clip": None}),
        ((2, 9, 12), "convnet", {"n_filters": 3, "n_hidden": 5}),
        ((1, 4, 4), "convnet", {}),
    ],
)
def test_shapes_of_weights_are_known_without_building(sample_shape, module, params):
    if module is None:
        params = {**params, "activation": "relu", "dropout": 0.0}
    architecture = Architecture(module, params, sample_shape, 3, "float32", 0)
    state = architecture.build().state_dict()
    shapes = {name: tuple(values.shape) for name, values in state.items()}
    assert architecture.weight_shapes() == shapes
