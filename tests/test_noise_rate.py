import sys

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from sklearn_ls.inspection._report import noise_rate
from sklearn_ls.inspection._report.noise_rate import disagreement, uniform_part


def draw(rng, n_samples, n_classes=4):
    """A posterior of the true labels, and labels drawn from it."""
    posterior = softmax(2 * rng.normal(size=(n_samples, n_classes)), axis=1)
    uniform = rng.random((n_samples, 1))
    return posterior, (posterior.cumsum(axis=1) < uniform).sum(axis=1)


@pytest.mark.parametrize("rate", [0.0, 0.15, 0.4])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_uniform_part_is_found_through_any_temperature(rng, rate, temperature):
    posterior, y = draw(rng, 20_000)
    wrong = rng.random(len(y)) < rate
    y = np.where(wrong, (y + rng.integers(1, 4, len(y))) % 4, y)
    y_proba = softmax(temperature * np.log(posterior), axis=1)
    assert uniform_part(y, y_proba) == pytest.approx(rate, abs=0.02)


def test_uniform_part_is_the_likeliest_of_a_grid(rng):
    posterior, y = draw(rng, 500)
    y = np.where(rng.random(500) < 0.3, rng.integers(0, 4, 500), y)

    def loss(log_scale, share):
        fitted = np.exp(log_softmax(np.exp(log_scale) * np.log(posterior), axis=1))
        return -np.log((1 - share) * fitted[np.arange(500), y] + share / 4).mean()

    shares = np.linspace(0, 1, 101)
    losses = [
        [loss(scale, share) for share in shares] for scale in np.arange(-2, 2, 0.1)
    ]
    share = shares[np.min(losses, axis=0).argmin()]
    assert uniform_part(y, posterior) == pytest.approx(share * 3 / 4, abs=0.01)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 10])
def test_uniform_part_has_nowhere_better_to_start_from(monkeypatch, temperature):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        posterior = softmax(3 * rng.normal(size=(300, 4)), axis=1)
        y = (posterior.cumsum(axis=1) < rng.random((300, 1))).sum(axis=1)
        y = np.where(rng.random(300) < 0.5, (y + rng.integers(1, 4, 300)) % 4, y)
        y_proba = softmax(temperature * np.log(posterior), axis=1)
        found = uniform_part(y, y_proba)
        with monkeypatch.context() as patch:
            patch.setattr(noise_rate, "INITIAL_SHARES", np.linspace(0.01, 0.95, 9))
            assert found == pytest.approx(uniform_part(y, y_proba), abs=0.003)


def test_uniform_part_is_blind_to_mistakes_that_are_learnt(rng):
    posterior, y = draw(rng, 20_000)
    y = np.where(rng.random(len(y)) < 0.3, (y + 1) % 4, y)
    learnt = 0.7 * posterior + 0.3 * np.roll(posterior, 1, axis=1)
    assert uniform_part(y, learnt) < 0.02


def test_uniform_part_bears_probabilities_of_zero():
    y_proba = np.eye(2)[[0, 1, 0, 1]]
    assert uniform_part(np.array([0, 1, 0, 1]), y_proba) == pytest.approx(0, abs=1e-3)
    assert 0 <= uniform_part(np.array([0, 1, 0, 0]), y_proba) <= 0.5


def test_disagreement_counts_confident_contradictions():
    y = np.repeat([0, 1], 50)
    y_proba = np.eye(2)[y] * 0.8 + 0.1
    assert disagreement(y, y_proba) == 0
    y[:10] = 1
    assert disagreement(y, y_proba) == pytest.approx(0.1, abs=0.01)


def test_disagreement_is_unknown_without_cleanlab(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab.count", None)
    assert np.isnan(disagreement(np.array([0, 1]), np.eye(2)))
