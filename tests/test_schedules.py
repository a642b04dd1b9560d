import numpy as np
import pytest
import skorch.callbacks
import torch
from numpy.testing import assert_allclose
from torch.optim.lr_scheduler import CosineAnnealingLR

from helpers import plain_classifier
from sklearn_ls._network.schedules import WARM_UP, cosine, schedule_steps


class Rates(skorch.callbacks.Callback):
    """Records the learning rate of each step."""

    def initialize(self):
        self.rates_ = []
        return self

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.rates_.append(net.optimizer_.param_groups[0]["lr"])


def learning_rates(iris, **params):
    """Return the learning rates of 12 steps: four epochs of three batches."""
    X, y = iris
    params = {"max_epochs": 4, "batch_size": 50, "learning_rate": 0.1, **params}
    clf = plain_classifier(callbacks=[Rates()], **params).fit(X, y)
    return dict(clf.net_.callbacks_)["Rates"].rates_


def test_cosine_rises_to_one_and_falls_to_zero():
    progress = np.linspace(0, 1, 1001)
    factors = np.array([cosine(value) for value in progress])
    assert_allclose(factors[[0, -1]], 0, atol=1e-15)
    assert progress[factors.argmax()] == pytest.approx(WARM_UP)
    assert factors.max() == pytest.approx(1)
    assert (np.diff(factors[progress <= WARM_UP]) > 0).all()
    assert (np.diff(factors[progress > WARM_UP]) < 0).all()


def test_cosine_falls_as_torch_lets_it_fall():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = CosineAnnealingLR(optimizer, T_max=90)
    for step in range(90):
        expected = scheduler.get_last_lr()[0]
        assert_allclose(cosine(WARM_UP + step / 100), expected, atol=1e-12)
        optimizer.step()
        scheduler.step()


def test_schedule_covers_the_epochs_of_a_training(iris):
    rates = learning_rates(iris, learning_rate_schedule="cosine")
    expected = [0.1 * cosine((step + 0.5) / 12) for step in range(12)]
    assert_allclose(rates, expected)


def test_constant_rates_are_left_to_callbacks(iris):
    assert_allclose(learning_rates(iris), 0.1)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    assert schedule_steps(optimizer, "constant", 10) == []


def test_a_second_fit_starts_the_schedule_again(iris):
    X, y = iris
    params = {"learning_rate_schedule": "cosine", "max_epochs": 3}
    clf = plain_classifier(**params).fit(X, y)
    before = clf.predict_proba(X)
    assert_allclose(clf.fit(X, y).predict_proba(X), before)


def test_partial_fit_has_a_constant_rate(iris):
    X, y = iris
    one, other = (
        plain_classifier(learning_rate_schedule=schedule)
        .partial_fit(X, y, classes=[0, 1, 2])
        .predict_proba(X)
        for schedule in ("constant", "cosine")
    )
    assert_allclose(one, other)
