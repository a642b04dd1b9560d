from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.nn import functional

from sklearn_ls import LabelSmoother
from sklearn_ls._loss import indicator_target, label_target
from sklearn_ls._smoothing import smoothing_of

CPU = "cpu"
N, K = 12, 5
MATRIX = np.random.default_rng(1).dirichlet(np.ones(K), size=K)
DISTRIBUTIONS = {
    "uniform": "uniform",
    "others": "others",
    "vector": MATRIX[0],
    "matrix": MATRIX,
}
EPSILONS = {"0": 0.0, "0.1": 0.1, "1": 1.0, "a class": np.linspace(0, 0.8, K)}


@pytest.fixture(params=DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())
def distribution(request):
    return request.param


@pytest.fixture(params=EPSILONS.values(), ids=EPSILONS.keys())
def epsilon(request):
    return request.param


@pytest.fixture(params=["unweighted", "weighted"])
def weight(request):
    weights = np.random.default_rng(2).uniform(0.1, 3, N)
    return weights if request.param == "weighted" else None


@pytest.fixture
def codes():
    return np.r_[np.arange(K), np.random.default_rng(3).integers(0, K, N - K)]


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(4)
    return torch.randn(N, K, dtype=torch.float64, generator=generator)


def make_target(codes, epsilon, distribution, weight=None):
    smoothing = smoothing_of(epsilon, distribution, K)
    return label_target(codes, smoothing, weight, np.float64, CPU)


def dense_loss(logits, codes, epsilon, distribution, weight):
    """Soft cross-entropy by torch, on targets written out by NumPy."""
    y_soft = LabelSmoother(epsilon, distribution=distribution).fit_transform(codes)
    losses = functional.cross_entropy(
        logits, torch.from_numpy(y_soft), reduction="none"
    )
    return (losses if weight is None else losses * torch.from_numpy(weight)).mean()


def test_compact_loss_equals_dense_loss(logits, codes, epsilon, distribution, weight):
    target = make_target(codes, epsilon, distribution, weight)
    expected = dense_loss(logits, codes, epsilon, distribution, weight)
    assert_allclose(target.loss(logits), expected, rtol=1e-12)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.9, 1.0])
def test_uniform_loss_equals_torch_label_smoothing(logits, codes, label_smoothing):
    loss = make_target(codes, label_smoothing, "uniform").loss(logits)
    expected = functional.cross_entropy(
        logits, torch.from_numpy(codes), label_smoothing=label_smoothing
    )
    assert_allclose(loss, expected, rtol=1e-12)


def test_closed_form_equals_autograd(logits, codes, epsilon, distribution, weight):
    logits.requires_grad_()
    target = make_target(codes, epsilon, distribution, weight)
    target.loss(logits).backward()
    loss, gradient = target.loss_and_gradient(logits.detach().T.contiguous())
    assert_allclose(loss, target.loss(logits).detach(), rtol=1e-12)
    assert_allclose(gradient.T, logits.grad, atol=1e-15)


def test_gradient_is_softmax_minus_target(logits, codes, epsilon, distribution):
    target = make_target(codes, epsilon, distribution)
    _, gradient = target.loss_and_gradient(logits.T.contiguous())
    y_soft = LabelSmoother(epsilon, distribution=distribution).fit_transform(codes)
    assert_allclose(gradient.T, (logits.softmax(-1) - torch.from_numpy(y_soft)) / N)


def test_leading_dimensions_are_networks(logits, codes):
    smoothing = smoothing_of(0.2, "uniform", K)
    one = label_target(codes, smoothing, None, np.float64, CPU)
    stack = replace(one, codes=one.codes.expand(3, N))
    columns = torch.stack([logits.T, 2 * logits.T, -logits.T])
    losses, gradients = stack.loss_and_gradient(columns)
    for network in range(3):
        loss, gradient = one.loss_and_gradient(columns[network])
        assert_allclose(losses[network], loss)
        assert_allclose(gradients[network], gradient)


def test_take_keeps_the_rows_losses(logits, codes, epsilon, distribution, weight):
    target = make_target(codes, epsilon, distribution, weight)
    index = torch.tensor([7, 0, 3])
    rows = [
        target.take(index[i : i + 1]).loss(logits[index[i : i + 1]]) for i in range(3)
    ]
    assert_allclose(target.take(index).loss(logits[index]), np.mean(rows), rtol=1e-12)


def test_hard_loss_and_hits_ignore_smoothing(logits, codes, weight):
    target = make_target(codes, 0.5, "uniform", weight)
    weights = np.ones(N) if weight is None else weight
    losses = functional.cross_entropy(logits, torch.from_numpy(codes), reduction="none")
    assert_allclose(target.hard_loss(logits), losses.numpy() @ weights)
    hits = logits.argmax(-1).numpy() == codes
    assert_allclose(target.hits(logits), hits @ weights)


@pytest.fixture
def indicators():
    return np.random.default_rng(5).integers(0, 2, (N, K))


def test_multilabel_loss_equals_torch_and_its_gradient_autograd(
    logits, indicators, weight
):
    y_soft = LabelSmoother(0.2).fit_transform(indicators)
    target = indicator_target(indicators, y_soft, weight, np.float64, CPU)
    logits.requires_grad_()
    losses = functional.binary_cross_entropy_with_logits(
        logits, torch.from_numpy(y_soft), reduction="none"
    ).sum(-1)
    weights = torch.ones(N) if weight is None else torch.from_numpy(weight)
    expected = (losses * weights).mean()
    expected.backward()
    loss, gradient = target.loss_and_gradient(logits.detach().T.contiguous())
    assert_allclose(target.loss(logits).detach(), expected.detach())
    assert_allclose(loss, expected.detach())
    assert_allclose(gradient.T, logits.grad, atol=1e-15)


def test_multilabel_hits_need_every_label(logits, indicators):
    target = indicator_target(indicators, indicators, None, np.float64, CPU)
    right = torch.from_numpy(np.where(indicators, 1.0, -1.0))
    assert target.hits(right) == N
    right[0, 0] *= -1
    assert target.hits(right) == N - 1


def test_hard_labels_never_need_a_matrix_of_all_rows():
    target = make_target(np.zeros(1000, dtype=int), 0.1, "uniform")
    parts = (getattr(target, field.name) for field in fields(target))
    numbers = sum(part.numel() for part in parts if part is not None)
    assert numbers <= 1000 + 2
