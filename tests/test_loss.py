from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss
from torch.nn import functional

from sklearn_ls import LabelSmoother
from sklearn_ls._labels.objective import Objective, SmoothingRule
from sklearn_ls._labels.training_labels import TrainingLabels
from sklearn_ls._network.losses import LabelRows, Loss
from sklearn_ls._network.row_tensors import RowTensors
from sklearn_ls._network.training_loss import make_loss, make_rows
from sklearn_ls._network.transition import make_transition

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


@dataclass
class Target:
    """A loss and its samples."""

    loss_function: Loss
    rows: RowTensors

    def loss(self, logits):
        return self.loss_function.mean(logits, self.rows)

    def loss_and_gradient(self, columns):
        return self.loss_function.mean_and_gradient(columns, self.rows)

    def sum_scores(self, logits):
        return self.loss_function.sum_scores(logits, self.rows)

    def take(self, index):
        return replace(self, rows=self.rows.take(index))


def make_target(
    codes, epsilon, distribution, weight=None, *, y_soft=None, transition_matrix=None
):
    multilabel = codes.ndim == 2
    rule = SmoothingRule(epsilon, distribution, 2 if multilabel else K)
    objective = Objective(rule, transition_matrix, K, multilabel)
    labels = TrainingLabels(codes, np.arange(K), weight, y_soft)
    rows = make_rows(objective, labels, np.float64, CPU)
    return Target(make_loss(objective, np.float64, CPU), rows)


def dense_loss(logits, codes, epsilon, distribution, weight):
    """Soft cross-entropy of torch, with dense targets from NumPy."""
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
    one = make_target(codes, 0.2, "uniform")
    stack = replace(one, rows=replace(one.rows, codes=one.rows.codes.expand(3, N)))
    columns = torch.stack([logits.T, 2 * logits.T, -logits.T])
    losses, gradients = stack.loss_and_gradient(columns)
    for network in range(3):
        loss, gradient = one.loss_and_gradient(columns[network])
        assert_allclose(losses[network], loss)
        assert_allclose(gradients[network], gradient)


def test_take_keeps_the_losses_of_samples(logits, codes, epsilon, distribution, weight):
    target = make_target(codes, epsilon, distribution, weight)
    index = torch.tensor([7, 0, 3])
    losses = [
        target.take(index[i : i + 1]).loss(logits[index[i : i + 1]]) for i in range(3)
    ]
    assert_allclose(target.take(index).loss(logits[index]), np.mean(losses), rtol=1e-12)


Y_SOFT = np.random.default_rng(6).dirichlet(np.ones(K), N)
TRANSITIONS = {
    "rate": 0.3,
    "matrix": 0.6 * np.eye(K) + 0.4 * MATRIX,
    "with zeros": 0.7 * np.eye(K) + 0.3 * np.roll(np.eye(K), 1, axis=1),
}


@pytest.fixture(params=TRANSITIONS.values(), ids=TRANSITIONS.keys())
def transition(request):
    return request.param


def transition_as_matrix(transition):
    if np.ndim(transition):
        return transition
    return np.where(np.eye(K), 1 - transition, transition / (K - 1))


@pytest.fixture(params=["hard", "soft"])
def make_noisy_target(request, codes, epsilon, distribution, weight):
    """Return a target with a transition, and the equivalent dense matrices."""
    y_soft = None if request.param == "hard" else Y_SOFT
    smoother = LabelSmoother(epsilon, distribution=distribution).fit(codes)
    dense = smoother.transform(codes if y_soft is None else y_soft)

    def make(transition):
        return make_target(
            codes,
            epsilon,
            distribution,
            weight,
            y_soft=y_soft,
            transition_matrix=transition,
        )

    return make, torch.from_numpy(dense), weight


def test_loss_of_soft_labels_equals_torch(logits, make_noisy_target):
    make, dense, weight = make_noisy_target
    losses = functional.cross_entropy(logits, dense, reduction="none")
    losses = losses if weight is None else losses * torch.from_numpy(weight)
    assert_allclose(make(None).loss(logits), losses.mean(), rtol=1e-12)


def test_forward_corrected_loss_equals_its_definition(
    logits, make_noisy_target, transition
):
    make, dense, weight = make_noisy_target
    matrix = torch.from_numpy(transition_as_matrix(transition))
    losses = -(dense * (logits.softmax(-1) @ matrix).log()).sum(-1)
    losses = losses if weight is None else losses * torch.from_numpy(weight)
    assert_allclose(make(transition).loss(logits), losses.mean(), rtol=1e-12)


def test_closed_form_of_corrected_and_soft_losses_equals_autograd(
    logits, make_noisy_target, transition
):
    make, _, _ = make_noisy_target
    for target in (make(None), make(transition)):
        logits = logits.detach().clone().requires_grad_()
        target.loss(logits).backward()
        loss, gradient = target.loss_and_gradient(logits.detach().T.contiguous())
        assert_allclose(loss, target.loss(logits).detach(), rtol=1e-12)
        assert_allclose(gradient.T, logits.grad, atol=1e-15)


def test_no_noise_equals_no_transition(logits, make_noisy_target):
    make, _, _ = make_noisy_target
    columns = logits.T.contiguous()
    loss, gradient = make(None).loss_and_gradient(columns)
    for nothing in (0.0, np.eye(K)):
        corrected, its_gradient = make(nothing).loss_and_gradient(columns)
        assert_allclose(corrected, loss, rtol=1e-12)
        assert_allclose(its_gradient, gradient, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_corrected_gradient_is_finite_where_probabilities_are_rounded_to_zero(dtype):
    codes = np.full(N, 3)
    target = make_target(
        codes, 0.1, "uniform", transition_matrix=TRANSITIONS["with zeros"]
    )
    rows, transition = target.rows, target.loss_function.transition
    target.rows = replace(
        rows,
        excess=rows.excess.to(dtype),
        smoothing_weight=rows.smoothing_weight.to(dtype),
    )
    transition = replace(transition, move=transition.move.to(dtype))
    target.loss_function = replace(target.loss_function, transition=transition)
    columns = torch.zeros(K, N, dtype=dtype)
    columns[0] = 3000
    loss, gradient = target.loss_and_gradient(columns)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()
    assert (gradient[0] > 0).all()


@pytest.mark.parametrize("noise", [None, 0.3, TRANSITIONS["matrix"]], ids=str)
def test_networks_share_or_stack_soft_labels(logits, codes, weight, noise):
    targets = [
        make_target(
            codes, epsilon, "uniform", weight, y_soft=y_soft, transition_matrix=noise
        )
        for epsilon, y_soft in (
            (0.1, Y_SOFT),
            (0.5, Y_SOFT),
            (0.5, Y_SOFT[::-1].copy()),
        )
    ]
    columns = torch.stack([logits.T, 2 * logits.T, -logits.T])
    for some in ([0, 1], [0, 1, 2]):
        stacked = LabelRows.stack([targets[i].rows for i in some])
        assert stacked.y_soft.ndim == len(some)  # shared by the first two
        index = torch.tensor([7, 0, 3])
        stack = Target(targets[0].loss_function, stacked.take(index))
        losses, gradients = stack.loss_and_gradient(columns[some][..., index])
        kept = replace(stack, rows=stacked.of_networks(torch.tensor([1])).take(index))
        for network in some:
            one = targets[network].take(index)
            loss, gradient = one.loss_and_gradient(columns[network][:, index])
            assert_allclose(losses[network], loss)
            assert_allclose(gradients[network], gradient)
            if network == 1:
                assert_allclose(kept.loss(logits[None, index] * 2), [loss])


def test_correct_is_the_observed_label(logits, codes, weight, transition):
    """Predictions are of the observed labels, which may mostly be another class."""
    target = make_target(codes, 0.5, "uniform", weight, transition_matrix=transition)
    observed = logits.softmax(-1).numpy() @ transition_as_matrix(transition)
    weights = np.ones(N) if weight is None else weight
    correct = observed.argmax(1) == codes
    assert_allclose(target.sum_scores(logits)[0], correct @ weights)


def test_scores_of_held_out_samples_equal_scikit_learns(
    logits, codes, weight, transition
):
    target = make_target(codes, 0.0, "uniform", weight, transition_matrix=transition)
    observed = logits.softmax(-1).numpy() @ transition_as_matrix(transition)
    params = {"sample_weight": weight, "labels": np.arange(K)}
    n_correct, loss, brier, total = target.sum_scores(logits)
    assert_allclose(loss / total, log_loss(codes, observed, **params))
    one_hot = np.eye(K)[codes]
    errors = ((observed - one_hot) ** 2).sum(axis=1)
    assert_allclose(brier / total, np.average(errors, weights=weight))
    correct = observed.argmax(axis=1) == codes
    assert_allclose(n_correct / total, np.average(correct, weights=weight))


def test_smoothing_changes_nothing_about_what_is_correct(logits, codes, weight):
    target = make_target(codes, 0.5, "uniform", weight)
    weights = np.ones(N) if weight is None else weight
    correct = logits.argmax(-1).numpy() == codes
    assert_allclose(target.sum_scores(logits)[0], correct @ weights)


class GeneralizedCrossEntropy(Loss):
    """A loss without a closed-form gradient."""

    def per_sample(self, logits, rows):
        return rows.expect((1 - logits.softmax(-1) ** 0.7) / 0.7, dim=-1)


def test_a_loss_is_one_function(logits, codes, epsilon, distribution, weight):
    logits.requires_grad_()
    target = make_target(codes, epsilon, distribution, weight)
    target.loss_function = GeneralizedCrossEntropy()
    y_soft = LabelSmoother(epsilon, distribution=distribution).fit_transform(codes)
    losses = torch.from_numpy(y_soft) * (1 - logits.softmax(-1) ** 0.7) / 0.7
    weights = torch.ones(N) if weight is None else torch.from_numpy(weight)
    expected = (losses.sum(-1) * weights).mean()
    expected.backward()
    with torch.no_grad():
        loss, gradient = target.loss_and_gradient(logits.detach().T.contiguous())
        scored = target.sum_scores(logits.detach())[1]
    assert_allclose(loss, expected.detach(), rtol=1e-12)
    assert_allclose(gradient.T, logits.grad, atol=1e-15)
    assert_allclose(scored, N * expected.detach(), rtol=1e-12)


@pytest.fixture
def indicators():
    return np.random.default_rng(5).integers(0, 2, (N, K))


def test_multilabel_loss_equals_torch_and_its_gradient_autograd(
    logits, indicators, weight
):
    y_soft = LabelSmoother(0.2).fit_transform(indicators)
    target = make_target(indicators, 0.2, "uniform", weight)
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


def test_multilabel_is_correct_if_every_label_is(logits, indicators):
    target = make_target(indicators, 0.0, "uniform")
    right = torch.from_numpy(np.where(indicators, 1.0, -1.0))
    assert target.sum_scores(right)[0] == N
    right[0, 0] *= -1
    assert target.sum_scores(right)[0] == N - 1


def test_multilabel_brier_score_is_the_mean_over_labels(logits, indicators):
    target = make_target(indicators, 0.0, "uniform")
    proba = torch.sigmoid(logits).numpy()
    of_labels = [
        np.mean((p - y) ** 2 + (y - p) ** 2)
        for p, y in zip(proba.T, indicators.T, strict=True)
    ]
    assert_allclose(target.sum_scores(logits)[2] / N, np.mean(of_labels))


def test_hard_labels_never_need_a_matrix_of_all_samples():
    target = make_target(np.zeros(1000, dtype=int), 0.1, "uniform")
    parts = (getattr(target.rows, field.name) for field in fields(target.rows))
    numbers = sum(part.numel() for part in parts if part is not None)
    assert numbers <= 1000 + 2


def test_a_noise_rate_needs_no_matrix():
    transition = make_transition(0.2, 10_000, np.float64, CPU)
    assert all(isinstance(part, float) for part in (transition.stay, transition.move))
