import copy

import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback
from torch import nn
from torch.optim.swa_utils import AveragedModel

from helpers import plain_classifier
from sklearn_ls._network.averaging import WeightAverage


def make_step(module):
    """Return an optimizer, and a function that makes a step with random data."""
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(0)

    def step():
        X = torch.randn(5, 3, generator=generator)
        optimizer.zero_grad()
        module(X).square().sum().backward()
        optimizer.step()

    return optimizer, step


@pytest.mark.parametrize("decay", [0.3, 0.99])
def test_equals_the_average_of_torch(decay):
    module = nn.Linear(3, 2)
    reference = copy.deepcopy(module)

    def average(averaged, current, n_averaged):
        weight = min(decay, (1 + n_averaged) / (10 + n_averaged))
        return weight * averaged + (1 - weight) * current

    expected = AveragedModel(reference, avg_fn=average)
    expected.update_parameters(reference)  # the first call copies
    _, step = make_step(reference)
    for _ in range(30):
        step()
        expected.update_parameters(reference)

    optimizer, step = make_step(module)
    ours = WeightAverage(optimizer, list(module.parameters()), decay)
    for _ in range(3):
        with ours.of_optimizer():
            for _ in range(10):
                step()
    assert_same(module, expected.module)


def assert_same(module, other):
    for values, others in zip(module.parameters(), other.parameters(), strict=True):
        assert_allclose(values.detach(), others.detach(), rtol=1e-5, atol=1e-7)


def test_averaging_does_not_change_the_steps():
    module = nn.Linear(3, 2)
    alone = copy.deepcopy(module)
    optimizer, step = make_step(module)
    average = WeightAverage(optimizer, list(module.parameters()), 0.9)
    _, step_alone = make_step(alone)
    for _ in range(4):
        with average.of_optimizer():
            step()
            step_alone()
            assert_same(module, alone)


class Recorder(Callback):
    """Records the weights after each epoch."""

    def initialize(self):
        self.weights_ = []
        return self

    def on_epoch_end(self, net, **kwargs):
        self.weights_.append(net.module_[-1].bias.detach().clone())


def test_callbacks_see_the_weights_that_predict(iris):
    X, y = iris
    clf = plain_classifier(ema_decay=0.99, callbacks=[Recorder()], batch_size=40)
    clf.fit(X, y)
    recorder = dict(clf.net_.callbacks_)["Recorder"]
    assert_array_equal(recorder.weights_[-1], clf.net_.module_[-1].bias.detach())
    lean = plain_classifier(ema_decay=0.99, batch_size=40).fit(X, y)
    assert_allclose(clf.predict_proba(X), lean.predict_proba(X), atol=1e-12)


def test_statistics_of_batches_are_averaged_with_the_weights(iris):
    class Normalized(nn.Sequential):
        def __init__(self, n_features, n_classes):
            super().__init__(
                nn.BatchNorm1d(n_features), nn.Linear(n_features, n_classes)
            )

    X, y = iris
    params = {"module": Normalized, "batch_size": 40, "max_epochs": 2}
    means = [
        plain_classifier(ema_decay=decay, **params)
        .fit(X, y)
        .net_.module_[0]
        .running_mean
        for decay in (0.0, 0.99)
    ]
    assert not torch.allclose(*means)
