"""Fitted networks survive as arrays and as what JSON can hold."""

import io
import json

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from helpers import quick_classifier
from sklearn_ls._labels.training_labels import encode_target
from sklearn_ls._network.fitting import SingleTraining
from sklearn_ls._network.plain import network_from_plain, network_to_plain
from sklearn_ls._network.plans import TrainingParams, plan_network

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
    plan = plan_network(X, labels, training_params, seed=0, device="cpu")
    training = SingleTraining(plan)
    training.run(seed=0, max_epochs=5)
    return training.finish(X)


def write_and_read(network, **given_again):
    arrays, values = network_to_plain(network)
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as archive:
        arrays = dict(archive)
    return network_from_plain(arrays, json.loads(json.dumps(values)), **given_again)


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


def test_what_the_user_wrote_is_given_again(iris):
    X, y = iris
    network = train(
        X, y, module=Network, module_params={"n_units": 3}, optimizer=torch.optim.NAdam
    )
    read = write_and_read(network, module=Network, optimizer=torch.optim.NAdam)
    assert_array_equal(read.apply(X), network.apply(X))
    assert read.optimizer.name is torch.optim.NAdam
