"""Training a stack equals training one network after another."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from skorch.callbacks import Callback
from torch import nn

import sklearn_ls._network.fitting
from helpers import quick_classifier, quick_search, stacks_of
from sklearn_ls._network.stacking import StackTrainer, train_stack
from sklearn_ls._search.tasks import divide_stacks, divide_tasks

EPSILONS = [0.0, 0.1, 0.5]
SHORT = {"max_epochs": 8, "batch_size": 32}
CV = StratifiedKFold(3)


@pytest.fixture(autouse=True)
def stack_sizes(monkeypatch):
    """Return the list of the sizes of all stacks in a test."""
    sizes = []

    def counted(networks, *args, **rule):
        sizes.append(len(networks))
        return train_stack(networks, *args, **rule)

    monkeypatch.setattr(sklearn_ls._network.fitting, "train_stack", counted)
    return sizes


class Witness:
    """A scorer that records its arguments for each candidate and fold."""

    def __init__(self):
        self.seen = {}

    def __call__(self, classifier, X, y, sample_weight=None):
        key = str(classifier.distribution), classifier.epsilon, X.tobytes()
        self.seen[key] = (
            classifier.n_iter_,
            classifier.loss_curve_,
            classifier.validation_scores_,
            classifier.predict_proba(X),
        )
        return classifier.score(X, y, sample_weight)


def assert_same_networks(one, other, atol):
    assert one.seen.keys() == other.seen.keys()
    for key, (n_iter, losses, scores, y_proba) in one.seen.items():
        other_n_iter, other_losses, other_scores, other_proba = other.seen[key]
        assert n_iter == other_n_iter
        assert_allclose(losses, other_losses, rtol=max(atol, 1e-9))
        if scores is None:
            assert other_scores is None
        else:
            assert_allclose(scores, other_scores)
        assert_allclose(y_proba, other_proba, rtol=0, atol=atol)


def assert_equals_grid_search(
    X, y, *, fit_params=None, atol=1e-10, cv=CV, stack_size=None, **params
):
    params = {**SHORT, **params}
    ours, theirs = Witness(), Witness()
    search = quick_search(EPSILONS, cv=cv, scoring=ours, ensemble=False, **params)
    with stacks_of(stack_size):
        search.fit(X, y, **(fit_params or {}))
    classifier = quick_classifier(**params)
    grid = GridSearchCV(classifier, {"epsilon": EPSILONS}, cv=cv, scoring=theirs)
    grid.fit(X, y, **(fit_params or {}))
    assert_same_networks(ours, theirs, atol)
    assert search.best_params_ == grid.best_params_
    y_proba = grid.predict_proba(X)
    assert_allclose(search.predict_proba(X), y_proba, rtol=0, atol=atol)


class Gelu(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(
            nn.Linear(n_features, 8),
            nn.GELU(),
            nn.LayerNorm(8),
            nn.Linear(8, n_classes),
        )


class Dropout(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(
            nn.Linear(n_features, 8), nn.Dropout(0.3), nn.Linear(8, n_classes)
        )


class BatchNorm(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(
            nn.Linear(n_features, 8), nn.BatchNorm1d(8), nn.Linear(8, n_classes)
        )


class Tied(nn.Module):
    """One weight used twice, one frozen, one unused."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.first = nn.Linear(n_features, n_features)
        self.second = nn.Linear(n_features, n_features)
        self.second.weight = self.first.weight
        self.last = nn.Linear(n_features, n_classes)
        self.last.bias.requires_grad_(False)
        self.unused = nn.Linear(3, 3)
        self.register_buffer("scale", torch.tensor(0.5), persistent=False)

    def forward(self, X):
        return self.last(self.second(self.first(X).relu()) * self.scale)


class OneRowAtATime(nn.Sequential):
    """A module that vmap does not support."""

    def __init__(self, n_features, n_classes):
        super().__init__(nn.Linear(n_features, n_classes))

    def forward(self, X):
        return super().forward(X) * (1.0 if X.sum().item() > 0 else 0.5)


class Particular(nn.Sequential):
    """A module that raises an error without a message for other weights."""

    def __init__(self, n_features, n_classes):
        super().__init__(nn.Linear(n_features, n_classes))

    def forward(self, X):
        assert isinstance(self[0].weight, nn.Parameter)
        return super().forward(X)


@pytest.mark.parametrize(
    "params",
    [
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (7, 5), "activation": "tanh"},
        {"batch_size": 1, "max_epochs": 2},
        {"batch_size": 49, "activation": "logistic"},  # leaves a batch of one sample
        {"batch_size": "auto", "activation": "identity"},
        {"dropout": 0.4},
        {"feature_clip": None},
        {"feature_clip": np.inf, "ema_decay": 0.5},
        {"learning_rate_schedule": "cosine", "ema_decay": 0},
        {"optimizer": "sgd", "optimizer_params": {"momentum": 0.9}},
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"optimizer": torch.optim.RMSprop, "dropout": 0.2},
        {"optimizer": torch.optim.Rprop, "weight_decay": 0},
        {"distribution": "others"},
        {"distribution": "prior"},
        {"distribution": [[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0, 0.5, 0.5]]},
        {"class_weight": "balanced"},
        {"class_weight": {0: 3}},
        {"module": Gelu},
        {"module": Dropout},
        {"module": Tied},
        {"module": Gelu, "optimizer": torch.optim.NAdam},
    ],
    ids=str,
)
@pytest.mark.parametrize("stack_size", [None, 7])
def test_stack_equals_grid_search(iris, params, stack_size, stack_sizes):
    X, y = iris
    assert_equals_grid_search(X, y, stack_size=stack_size, **params)
    assert sum(stack_sizes) == 9  # every network was trained in a stack
    assert max(stack_sizes) <= (9 if stack_size is None else stack_size)


@pytest.mark.parametrize(
    "params",
    [
        {"module": BatchNorm},
        {"module": OneRowAtATime},
        {"module": Particular},
        {"module": Gelu, "optimizer": torch.optim.Adafactor},
        {
            "optimizer": torch.optim.LBFGS,
            "optimizer_params": {"max_iter": 3},
            "learning_rate": 0.01,
            "weight_decay": 0,
        },
        {"optimizer": torch.optim.Adafactor},
    ],
    ids=str,
)
def test_networks_that_cannot_be_stacked_are_trained_one_after_another(
    iris, params, capsys, stack_sizes
):
    X, y = iris
    assert_equals_grid_search(X, y, verbose=1, max_epochs=2, **params)
    printed = capsys.readouterr().out
    assert "The networks are trained one after another: " in printed
    reason = {BatchNorm: "BatchNorm", OneRowAtATime: "vmap"}.get(params.get("module"))
    assert reason is None or reason in printed
    assert not stack_sizes


class StopAtFourth(Callback):
    """A callback with state, which networks must not share."""

    n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs += 1
        if self.n_epochs == 4:
            raise KeyboardInterrupt


def test_callbacks_are_called_one_network_after_another(iris, capsys):
    X, y = iris
    assert_equals_grid_search(X, y, callbacks=[StopAtFourth()], verbose=1)
    assert "callbacks require a single network" in capsys.readouterr().out


@pytest.mark.parametrize("optimizer", ["adam", "sgd", torch.optim.RMSprop])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_networks_leave_the_stack_when_they_stop(iris, optimizer, early_stopping):
    X, y = iris
    params = {"n_iter_no_change": 2, "tol": 0.01, "max_epochs": 60}
    params |= {"hidden_layer_sizes": (20,)}
    params |= {"optimizer": optimizer, "learning_rate": 0.02}
    params |= {"early_stopping": early_stopping}
    assert_equals_grid_search(X, y, stack_size=9, **params)
    witness = Witness()
    params = {**SHORT, **params}
    search = quick_search(EPSILONS, cv=CV, scoring=witness, ensemble=False, **params)
    with stacks_of(9):
        search.fit(X, y)
    assert len({n_iter for n_iter, *_ in witness.seen.values()}) > 1


@pytest.mark.parametrize("stack_size", [None, 9])
@pytest.mark.parametrize("weighted", [False, True])
def test_stacked_ensemble_equals_one_trained_one_after_another(
    iris, rng, stack_size, weighted
):
    X, y = iris
    weight = rng.uniform(0, 2, len(y)).round() if weighted else None
    params = {"early_stopping": True, "n_iter_no_change": 3, "dropout": 0.2}
    params |= {"learning_rate": 0.02, "batch_size": 32, "max_epochs": 40}
    searches, witnesses = [], []
    for size in (1, stack_size):
        witness = Witness()
        search = quick_search(EPSILONS, cv=CV, scoring=witness, **params)
        with stacks_of(size):
            searches.append(search.fit(X, y, sample_weight=weight))
        witnesses.append(witness)
    assert_same_networks(*witnesses, atol=1e-10)
    alone, stacked = searches
    assert_allclose(stacked.predict_proba(X), alone.predict_proba(X), atol=1e-10)
    assert_allclose(stacked.oof_proba_, alone.oof_proba_, atol=1e-10)


def test_stack_of_folds_with_shared_held_out_samples(iris):
    X, y = iris
    rows = np.random.default_rng(0).permutation(len(y))
    cv = [(rows[:80], rows[100:]), (rows[20:100], rows[100:])]
    scores = []
    for stack_size in (1, 6):
        search = quick_search([0.3], cv=cv, early_stopping=True, **SHORT)
        with stacks_of(stack_size):
            search.fit(X, y)
        scores.append([member.validation_scores_ for member in search.estimators_])
    assert_allclose(*scores)


def test_float32_equals_to_one_in_ten_thousand(digits):
    X, y = digits
    params = {"batch_size": 128, "max_epochs": 15, "stack_size": 9}
    assert_equals_grid_search(X, y, atol=1e-4, **params)


@pytest.mark.parametrize("multilabel", [False, True])
def test_weighted_stack_equals_grid_search(iris, rng, multilabel):
    X, y = iris
    weight = rng.integers(0, 4, len(y)).astype(float)
    cv = KFold(3, shuffle=True, random_state=0)
    if multilabel:
        y = np.c_[y == 0, X[:, 0] > 0, X[:, 1] > 0].astype(int)
    fit_params = {"sample_weight": weight}

    for stack_size in (None, 9):
        assert_equals_grid_search(
            X, y, fit_params=fit_params, cv=cv, stack_size=stack_size
        )


@st.composite
def configurations(draw):
    sizes = st.lists(st.integers(1, 6), max_size=2)
    return {
        "hidden_layer_sizes": tuple(draw(sizes)),
        "activation": draw(st.sampled_from(["relu", "tanh", "logistic"])),
        "dropout": draw(st.sampled_from([0.0, 0.3, "auto"])),
        "feature_clip": draw(st.sampled_from([None, 1.5])),
        "ema_decay": draw(st.sampled_from([0.0, 0.9])),
        "learning_rate_schedule": draw(st.sampled_from(["constant", "cosine"])),
        "optimizer": draw(st.sampled_from(["adam", "adamw", "sgd"])),
        "distribution": draw(st.sampled_from(["uniform", "others", "prior"])),
        "learning_rate": draw(st.sampled_from([1e-3, 0.05])),
        "batch_size": draw(st.integers(2, 60)),
        "max_epochs": draw(st.integers(1, 6)),
        "n_iter_no_change": draw(st.integers(1, 3)),
        "early_stopping": draw(st.booleans()),
        "class_weight": draw(st.sampled_from([None, "balanced"])),
        "stack_size": draw(st.integers(1, 10)),
        "cv": draw(st.sampled_from([CV, KFold(4, shuffle=True, random_state=1)])),
        "n_samples": draw(st.integers(20, 70)),
        "n_classes": draw(st.integers(2, 4)),
        "weighted": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**20)),
    }


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:The least populated class")
@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(configurations())
def test_any_stack_equals_grid_search(configuration):
    rng = np.random.default_rng(configuration.pop("seed"))
    n_samples, n_classes = (configuration.pop(k) for k in ("n_samples", "n_classes"))
    X = rng.normal(size=(n_samples, 3))
    y = np.arange(n_samples) % n_classes
    weight = rng.uniform(0.1, 2, n_samples)
    fit_params = {"sample_weight": weight} if configuration.pop("weighted") else {}
    assert_equals_grid_search(X, y, fit_params=fit_params, **configuration)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_memory_that_does_not_suffice_halves_the_stack(iris, monkeypatch, most):
    X, y = iris
    train_epoch = StackTrainer.train_epoch
    refused = []

    def limited(stack, seed, epoch):
        if stack.n_networks > most:
            refused.append(stack.n_networks)
            raise torch.OutOfMemoryError
        return train_epoch(stack, seed, epoch)

    monkeypatch.setattr(StackTrainer, "train_epoch", limited)
    assert_equals_grid_search(X, y, stack_size=9, dropout=0.2)
    assert refused[0] == 9
    monkeypatch.setattr(StackTrainer, "train_epoch", _refuse)
    with pytest.raises(torch.OutOfMemoryError):
        quick_search(EPSILONS, cv=2, **SHORT).fit(X, y)


def _refuse(stack, seed, epoch):
    raise torch.OutOfMemoryError


ALL_NETWORKS = [(c, s) for c in range(7) for s in range(5)]


@pytest.mark.parametrize("size", [1, 2, 5, 7, 20, 1000])
def test_stacks_hold_every_network_once(size):
    stacks = divide_stacks(7, 5, size)
    assert sorted(pair for stack in stacks for pair in stack) == ALL_NETWORKS
    assert max(map(len, stacks)) <= size


@pytest.mark.parametrize("size", [1, 5, 8, 1000])
@pytest.mark.parametrize("n_processes", [1, 2, 3, 4, 8])
def test_processes_have_the_same_number_of_networks_to_train(size, n_processes):
    tasks = divide_tasks(7, 5, size, devices=["cpu"], n_processes=n_processes)
    assert sorted(pair for task in tasks for pair in task) == ALL_NETWORKS
    loads = np.zeros(n_processes)  # each task goes to the least loaded process
    for task in tasks:
        loads[loads.argmin()] += len(task)
    assert loads.max() <= 1.25 * 35 / n_processes


def test_two_processes_share_the_default_search_evenly():
    tasks = divide_tasks(3, 5, 12, devices=["cpu"], n_processes=2)
    assert sorted(map(len, tasks)) == [7, 8]


def test_a_gpu_gets_one_task():
    tasks = divide_tasks(7, 5, 4, devices=["cuda:0", "cuda:1"], n_processes=2)
    assert len(tasks) == 2
    assert sorted(pair for task in tasks for pair in task) == ALL_NETWORKS


@pytest.mark.filterwarnings("ignore:After the first epoch most outputs")
def test_divergence_in_a_stack_is_an_error(iris):
    X, y = iris
    search = quick_search(EPSILONS, cv=2, learning_rate=1e30, optimizer="sgd", **SHORT)
    with pytest.raises(ValueError, match="Training diverged in epoch"):
        search.fit(X, y)
    assert not hasattr(search, "classes_")


def test_stacks_leave_the_global_generators_alone(iris):
    X, y = iris
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    quick_search(EPSILONS, cv=2, module=Dropout, random_state=None, **SHORT).fit(X, y)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.cuda
def test_stack_on_cuda_equals_grid_search(digits, stack_sizes):
    X, y = digits[0].astype(np.float64), digits[1]
    for params in ({}, {"module": Gelu}, {"early_stopping": True}):
        params |= {"device": "cuda", "dtype": "float64"}
        assert_equals_grid_search(X, y, atol=1e-6, **params)
        assert sum(stack_sizes) == 9
        stack_sizes.clear()
    params = {"device": "cuda", "dtype": "float64", "module": Dropout}
    assert_equals_grid_search(X, y, atol=1e-6, **params)
