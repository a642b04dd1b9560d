import copy
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import joblib
import numpy as np
import pytest
import skorch.callbacks
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.nn import functional

from helpers import plain_classifier, quick_classifier
from sklearn_ls import LabelSmoother, LabelSmoothingClassifier
from sklearn_ls._labels.objective import Objective, SmoothingRule
from sklearn_ls._labels.training_labels import TrainingLabels
from sklearn_ls._network.closed_form import dropout_masks, mlp_gradient
from sklearn_ls._network.losses import CrossEntropy
from sklearn_ls._network.modules import MLP
from sklearn_ls._network.training_loss import make_rows


class Perceptron(nn.Sequential):
    """The built-in network, trained by autograd."""

    def __init__(self, n_features, n_classes, n_hidden=20, activation=nn.ReLU):
        super().__init__(
            nn.Linear(n_features, n_hidden),
            activation(),
            nn.Linear(n_hidden, n_classes),
        )


class Dropping(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(
            nn.Linear(n_features, 10),
            nn.BatchNorm1d(10),
            nn.Dropout(0.5),
            nn.Linear(10, n_classes),
        )


def initial_weights(clf, X, y):
    """Return the initial weights of `clf`, by fitting with a tiny step."""
    tiny = {"learning_rate": 1e-30, "weight_decay": 0, "max_epochs": 1}
    return clone(clf).set_params(**tiny).fit(X, y).net_.module_.state_dict()


def torch_loop(clf, X, y, module, label_smoothing):
    """Train `module` like `clf`, with a plain loop."""
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    optimizer = torch.optim.Adam(
        module.parameters(), lr=clf.learning_rate, weight_decay=clf.weight_decay
    )
    for epoch in range(clf.max_epochs):
        rng = np.random.default_rng([seed, epoch])
        rng.integers(2**62)
        order = np.arange(len(X))
        rng.shuffle(order)
        for start in range(0, len(X), clf.batch_size):
            rows = order[start : start + clf.batch_size]
            optimizer.zero_grad()
            loss = functional.cross_entropy(
                module(X[rows]), y[rows], label_smoothing=label_smoothing
            )
            loss.backward()
            optimizer.step()
    return module(X).softmax(-1).detach().numpy()


@pytest.mark.parametrize(
    ("activation", "layer"),
    [
        ("relu", nn.ReLU),
        ("tanh", nn.Tanh),
        ("logistic", nn.Sigmoid),
        ("identity", nn.Identity),
    ],
)
@pytest.mark.parametrize("batch_size", [32, 47])
def test_closed_form_equals_a_torch_loop(iris, activation, layer, batch_size):
    X, y = iris
    clf = plain_classifier(
        epsilon=0.2,
        hidden_layer_sizes=(20, 7),
        activation=activation,
        batch_size=batch_size,
    )
    module = nn.Sequential(
        nn.Linear(4, 20), layer(), nn.Identity(), nn.Linear(20, 7), layer(),
        nn.Identity(), nn.Linear(7, 3),
    ).double()  # fmt: skip
    module.load_state_dict(initial_weights(clf, X, y))
    expected = torch_loop(clf, X, y, module, label_smoothing=0.2)
    assert_allclose(clf.fit(X, y).predict_proba(X), expected, atol=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", torch.optim.NAdam])
def test_closed_form_equals_autograd_with_any_optimizer(iris, optimizer):
    X, y = iris
    built_in = plain_classifier(
        hidden_layer_sizes=20, optimizer=optimizer, batch_size=40, ema_decay=0.9
    )
    weights = initial_weights(built_in, X, y)

    class SameStart(Perceptron):
        def __init__(self, n_features, n_classes):
            super().__init__(n_features, n_classes)
            names = ["0.weight", "0.bias", "3.weight", "3.bias"]
            for parameter, name in zip(self.parameters(), names, strict=True):
                parameter.data = weights[name].clone()

    through_autograd = clone(built_in).set_params(module=SameStart)
    assert_allclose(
        built_in.fit(X, y).predict_proba(X),
        through_autograd.fit(X, y).predict_proba(X),
        atol=1e-12,
    )
    assert_allclose(built_in.loss_curve_, through_autograd.loss_curve_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_smoothing_equals_mlp_classifier_from_the_same_weights(iris):
    X, y = iris
    sgd = {"batch_size": len(X), "hidden_layer_sizes": (20,)}
    clf = plain_classifier(
        epsilon=0, optimizer="sgd", learning_rate=0.1, weight_decay=0, **sgd
    )
    weights = initial_weights(clf, X, y)
    mlp = MLPClassifier(
        solver="sgd",
        learning_rate_init=0.1,
        momentum=0,
        alpha=0,
        warm_start=True,
        **sgd,
    )
    mlp.set_params(max_iter=1).fit(X, y)
    mlp.coefs_ = [weights[f"{i}.weight"].numpy().T.copy() for i in (0, 3)]
    mlp.intercepts_ = [weights[f"{i}.bias"].numpy().copy() for i in (0, 3)]
    mlp.set_params(max_iter=clf.max_epochs).fit(X, y)
    assert_allclose(clf.fit(X, y).predict_proba(X), mlp.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("distribution", ["uniform", "others", "prior"])
def test_relabelling_changes_nothing_but_the_labels(iris, distribution):
    X, y = iris
    clf = quick_classifier(distribution=distribution)
    names = np.array(["a", "b", "c"])
    strings = clone(clf).fit(X, names[y])
    numbers = clf.fit(X, y)
    assert_array_equal(strings.predict_proba(X), numbers.predict_proba(X))
    assert_array_equal(strings.predict(X), names[numbers.predict(X)])


@pytest.mark.parametrize("batch_size", ["auto", 32])
def test_samples_of_weight_zero_are_ignored(iris, batch_size, rng):
    X, y = iris
    weight = rng.integers(0, 2, len(y)).astype(float)
    clf = quick_classifier(distribution="prior", batch_size=batch_size)
    weighted = clone(clf).fit(X, y, sample_weight=weight)
    dropped = clf.fit(X[weight > 0], y[weight > 0])
    assert_allclose(
        weighted.predict_proba(X), dropped.predict_proba(X), rtol=0, atol=1e-14
    )


@settings(max_examples=15, deadline=None)
@given(
    epsilon=st.floats(0, 1),
    distribution=st.sampled_from(["uniform", "others", "prior"]),
    weights=st.lists(st.integers(0, 3), min_size=40, max_size=40),
)
def test_weights_equal_repetitions(epsilon, distribution, weights):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 3
    weights = np.r_[1, 1, 1, weights[3:]]
    clf = quick_classifier(
        epsilon=epsilon, distribution=distribution, early_stopping=False
    )
    weighted = clone(clf).fit(X, y, sample_weight=weights)
    repeated = clf.fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), rtol=0, atol=1e-9
    )


def test_scaling_all_weights_changes_nothing(iris, rng):
    X, y = iris
    weight = rng.uniform(0.1, 2, len(y))
    clf = quick_classifier(batch_size=40)
    one = clone(clf).fit(X, y, sample_weight=weight).predict_proba(X)
    other = clf.fit(X, y, sample_weight=1024 * weight).predict_proba(X)
    assert_allclose(one, other, rtol=1e-10)


def test_class_weight_multiplies_sample_weights_after_smoothing(iris):
    X, y = iris
    per_class = {0: 0.5, 1: 2.0}  # and 1 for class 2
    weighted = quick_classifier(epsilon=0.3, class_weight=per_class).fit(X, y)
    by_rows = quick_classifier(epsilon=0.3).fit(X, y, np.array([0.5, 2.0, 1.0])[y])
    assert_array_equal(weighted.predict_proba(X), by_rows.predict_proba(X))


def test_balanced_class_weight_takes_sample_weight_into_account(iris, rng):
    X, y = iris
    weight = rng.uniform(0.5, 2, len(y)) * np.array([1, 5, 0.2])[y]
    totals = np.bincount(y, weights=weight)
    balanced = quick_classifier(class_weight="balanced").fit(X, y, weight)
    by_rows = quick_classifier().fit(X, y, weight / totals[y])
    assert_allclose(balanced.predict_proba(X), by_rows.predict_proba(X), rtol=1e-9)


def test_loss_curve_is_the_mean_smoothed_loss(iris):
    X, y = iris
    y_soft = LabelSmoother(0.2).fit_transform(y)
    clf = plain_classifier(0.2, batch_size=len(X), learning_rate=1e-30).fit(X, y)
    expected = -(y_soft * clf.predict_log_proba(X)).sum(axis=1).mean()
    assert_allclose(clf.loss_curve_, expected)
    assert clf.best_loss_ == min(clf.loss_curve_)


def test_more_smoothing_makes_predictions_less_confident(digits):
    X, y = digits
    confidence = [
        quick_classifier(epsilon=epsilon, max_epochs=30)
        .fit(X, y)
        .predict_proba(X)
        .max(axis=1)
        for epsilon in (0, 0.2, 0.6)
    ]
    assert confidence[0].mean() > confidence[1].mean() > confidence[2].mean()


def test_predictions_agree_with_each_other(iris):
    X, y = iris
    clf = quick_classifier().fit(X, y)
    proba, logits = clf.predict_proba(X), clf.decision_function(X)
    assert_allclose(proba.sum(axis=1), 1)
    assert_allclose(np.log(proba), clf.predict_log_proba(X))
    assert_array_equal(clf.predict(X), clf.classes_[logits.argmax(axis=1)])
    assert_allclose(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), proba)


def test_binary_decision_function_is_the_log_odds(iris):
    X, y = iris[0][50:], iris[1][50:]
    clf = quick_classifier().fit(X, y)
    proba = clf.predict_proba(X)
    assert_allclose(clf.decision_function(X), np.log(proba[:, 1] / proba[:, 0]))
    assert (clf.n_outputs_, clf.out_activation_) == (2, "softmax")


def test_embedding_is_what_the_last_layer_takes(iris, digits):
    X, y = iris
    clf = quick_classifier(hidden_layer_sizes=(9, 5)).fit(X, y)
    last = clf.net_.module_[-1]
    logits = clf.embed(X) @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    assert clf.embed(X).shape == (len(X), 5)
    assert_allclose(logits, clf.decision_function(X), atol=1e-12)
    linear = quick_classifier(hidden_layer_sizes=(), feature_clip=None).fit(X, y)
    assert_array_equal(linear.embed(X), X)
    X, y = digits
    images = X[:50].reshape(-1, 1, 8, 8)
    clf = quick_classifier(module="convnet", max_epochs=1).fit(images, y[:50])
    assert clf.embed(images).shape == (50, 128)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_follows_X(iris, dtype):
    X, y = iris[0].astype(dtype), iris[1]
    clf = quick_classifier().fit(X, y)
    assert clf.predict_proba(X).dtype == dtype
    assert clf.predict_proba(iris[0]).dtype == dtype
    weights = clf.net_.module_.parameters()
    assert {each.detach().cpu().numpy().dtype for each in weights} == {np.dtype(dtype)}


@pytest.mark.parametrize("container", [csr_matrix, csr_array])
def test_sparse_equals_dense(iris, container):
    X, y = iris
    X = np.where(np.abs(X) < 1, 0, X)
    clf = quick_classifier(batch_size=40, feature_clip=None)
    dense = clone(clf).fit(X, y)
    sparse = clf.fit(container(X), y)
    assert_array_equal(sparse.predict_proba(container(X)), dense.predict_proba(X))


@pytest.mark.parametrize("kind", ["read-only", "memmap", "fortran", "list"])
def test_dense_containers_of_X_are_equivalent(iris, kind, tmp_path):
    X, y = iris
    expected = quick_classifier(batch_size=40).fit(X, y).predict_proba(X)
    if kind == "read-only":
        other = X.copy()
        other.flags.writeable = False
    elif kind == "memmap":
        np.save(tmp_path / "X.npy", X)
        other = np.load(tmp_path / "X.npy", mmap_mode="r")
    else:
        other = np.asfortranarray(X) if kind == "fortran" else X.tolist()
    clf = quick_classifier(batch_size=40).fit(other, y)
    assert_array_equal(clf.predict_proba(other), expected)


def test_memory_mapped_X_is_never_copied_whole(tmp_path):
    X = np.lib.format.open_memmap(
        tmp_path / "X.npy", mode="w+", dtype=np.float32, shape=(4000, 500)
    )
    X[:, 0] = np.arange(4000) % 2
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    clf = quick_classifier(max_epochs=2, hidden_layer_sizes=(3,))
    clf.fit(X[:10], np.arange(10) % 2)  # lazy imports of torch
    tracemalloc.start()
    clf.fit(X, np.arange(4000) % 2).predict_proba(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 2


def test_multilabel_trains_one_sigmoid_a_label():
    X, Y = make_multilabel_classification(n_classes=4, random_state=0)
    X = X / X.std(axis=0)
    clf = quick_classifier(learning_rate=0.01, max_epochs=100).fit(X, Y)
    proba = clf.predict_proba(X)
    assert proba.shape == Y.shape
    assert clf.out_activation_ == "logistic"
    assert_array_equal(clf.predict(X), proba > 0.5)
    assert_allclose(np.log(proba), clf.predict_log_proba(X))
    assert_allclose(1 / (1 + np.exp(-clf.decision_function(X))), proba)
    assert clf.score(X, Y) > 0.8
    sparse = clone(clf).fit(X, csr_matrix(Y))
    assert_array_equal(sparse.predict_proba(X), proba)


def test_multilabel_loss_is_the_sum_of_smoothed_binary_losses():
    X, Y = make_multilabel_classification(n_classes=3, random_state=0)
    clf = plain_classifier(0.2, batch_size=len(X), learning_rate=1e-30).fit(X, Y)
    losses = functional.binary_cross_entropy(
        torch.from_numpy(clf.predict_proba(X)),
        torch.from_numpy(LabelSmoother(0.2).fit_transform(Y)),
        reduction="none",
    )
    assert_allclose(clf.loss_curve_, losses.sum(-1).mean())


@pytest.mark.parametrize("n_samples", [60, 70])
def test_auto_early_stopping_needs_10_samples_to_hold_out(digits, n_samples):
    X, y = digits[0][:n_samples], digits[1][:n_samples]
    clf = quick_classifier(max_epochs=2).fit(X, y)
    assert (clf.validation_scores_ is not None) == (n_samples == 70)


@pytest.mark.parametrize("module", [None, Dropping])
def test_early_stopping_restores_the_best_weights_by_hard_labels(digits, module):
    X, y = digits
    y = np.where(np.arange(len(y)) % 3, y, (y + 1) % 10)  # so that it overfits
    clf = LabelSmoothingClassifier(
        epsilon=0.5, module=module, learning_rate=0.01, tol=0.01, random_state=0
    ).fit(X, y)
    history = clf.net_.history
    order = [row["valid_acc"] - row["valid_brier"] for row in history]
    best = order.index(max(order))
    assert best < len(order) - 1 == clf.n_iter_ - 1
    stopped = clone(clf).set_params(max_epochs=best + 1, n_iter_no_change=np.inf)
    assert_array_equal(stopped.fit(X, y).predict_proba(X), clf.predict_proba(X))
    assert clf.best_validation_score_ == max(clf.validation_scores_)


def test_no_weight_decay_means_none_whatever_the_optimizers_default(iris):
    X, y = iris
    named = quick_classifier(optimizer="adamw", weight_decay=0).fit(X, y)
    given = quick_classifier(optimizer=torch.optim.AdamW, weight_decay=0).fit(X, y)
    assert_allclose(given.predict_proba(X), named.predict_proba(X))


def fit_and_find_held_out(clf, X, y, sample_weight=None):
    """Fit with a callback that watches batches; return the samples held out."""
    trained_on = set()

    class Watch(skorch.callbacks.Callback):
        def on_batch_end(self, net, batch=None, training=False, **kwargs):
            if training:
                trained_on.update(row.tobytes() for row in batch[0].cpu().numpy())

    clf.set_params(callbacks=[Watch()]).fit(X, y, sample_weight)
    return np.flatnonzero([row.tobytes() not in trained_on for row in X])


def test_validation_loss_is_that_of_hard_labels(digits):
    X, y = digits
    clf = quick_classifier(epsilon=0.5, max_epochs=1)
    held_out = fit_and_find_held_out(clf, X, y)
    expected = log_loss(y[held_out], clf.predict_proba(X[held_out]))
    assert_allclose(clf.net_.history[-1, "valid_loss"], expected, rtol=1e-5)


def test_predictions_do_not_depend_on_parameters_set_after_fit(iris):
    X, y = iris
    clf = quick_classifier().fit(X, y)
    expected, embedding = clf.predict_proba(X), clf.embed(X)
    clf.set_params(
        optimizer="sgd", optimizer_params={"nonsense": 1}, hidden_layer_sizes=(3,)
    )
    for model in (clf, pickle.loads(pickle.dumps(clf))):
        assert_array_equal(model.predict_proba(X), expected)
        assert_array_equal(model.embed(X), embedding)


def test_early_stopping_scores_held_out_samples(digits):
    X, y = digits
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    clf = quick_classifier(max_epochs=1)
    held_out = fit_and_find_held_out(clf, X, y, weight)
    counts = np.bincount(y[held_out])
    assert len(held_out) == 270
    assert_allclose(counts / 270, np.bincount(y) / len(y), atol=2 / 270)
    score = clf.score(X[held_out], y[held_out], weight[held_out])
    assert_allclose(clf.validation_scores_, [score], rtol=1e-5)


def test_rare_classes_do_not_break_early_stopping(digits):
    X, y = digits
    y = y.copy()
    y[0], y[1] = 100, 101  # one sample each
    clf = quick_classifier(max_epochs=1).fit(X, y)
    assert len(clf.classes_) == 12
    many = np.arange(len(y)) // 4  # more classes than samples to hold out
    quick_classifier(max_epochs=1).fit(X, many)


def test_training_stops_when_its_loss_no_longer_improves(iris):
    X, y = iris
    clf = LabelSmoothingClassifier(tol=10, n_iter_no_change=4, random_state=0)
    clf.fit(X, y)
    assert clf.n_iter_ == 1 + 4 + 1


def test_max_epochs_without_convergence_warns(iris):
    with pytest.warns(ConvergenceWarning, match="max_epochs=2"):
        quick_classifier(max_epochs=2, n_iter_no_change=10).fit(*iris)


def test_partial_fit_is_an_epoch_of_fit(iris):
    X, y = iris
    clf = plain_classifier(batch_size=40, max_epochs=3)
    parts = clone(clf).set_params(feature_clip=3.0, ema_decay=0.99)  # not in parts
    parts.set_params(early_stopping="auto")
    for _ in range(3):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    assert_allclose(parts.predict_proba(X), clf.fit(X, y).predict_proba(X), atol=1e-12)
    assert parts.n_iter_ == 3


def test_partial_fit_continues_after_pickling(iris):
    X, y = iris
    clf = quick_classifier().partial_fit(X[:100], y[:100], classes=[0, 1, 2])
    again = pickle.loads(pickle.dumps(clf))
    clf.partial_fit(X[50:], y[50:])
    again.partial_fit(X[50:], y[50:])
    assert_array_equal(clf.predict_proba(X), again.predict_proba(X))


@pytest.mark.parametrize(
    "params",
    [
        {"early_stopping": True},
        {"class_weight": "balanced"},
        {"distribution": "prior"},
    ],
)
def test_partial_fit_is_absent_where_it_needs_all_data(params):
    clf = LabelSmoothingClassifier(**params)
    with pytest.raises(AttributeError, match="partial_fit"):
        clf.partial_fit  # noqa: B018
    assert hasattr(LabelSmoothingClassifier(), "partial_fit")


def test_multilabel_partial_fit():
    X, Y = make_multilabel_classification(n_classes=3, random_state=0)
    clf = quick_classifier().partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y)
    assert clf.predict(X).shape == Y.shape
    with pytest.raises(ValueError, match="3 columns, but there are 2 classes"):
        quick_classifier().partial_fit(X, Y, classes=[0, 1])


def test_warm_start_continues_from_the_weights(iris):
    X, y = iris
    params = {"optimizer": "sgd", "batch_size": len(X), "feature_clip": 3.0}
    clf = plain_classifier(warm_start=True, **params)
    clf.fit(X, y).fit(X, y)
    once = plain_classifier(max_epochs=10, **params).fit(X, y)
    assert_allclose(clf.predict_proba(X), once.predict_proba(X), atol=1e-12)
    assert_allclose(clf.loss_curve_, once.loss_curve_)


def test_without_warm_start_fit_starts_over(iris):
    X, y = iris
    clf = quick_classifier().fit(X, y)
    before = clf.predict_proba(X)
    assert_array_equal(clf.fit(X, y).predict_proba(X), before)


def test_same_seed_same_result_in_six_threads_and_global_states_untouched(iris):
    X, y = iris
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    for module in (None, Dropping):
        clf = quick_classifier(module=module, dropout=0.5, batch_size=40)
        expected = clone(clf).fit(X, y).predict_proba(X)
        with ThreadPoolExecutor(6) as threads:
            results = threads.map(
                lambda _, clf=clf: clone(clf).fit(X, y).predict_proba(X), range(12)
            )
            for result in results:
                assert_array_equal(result, expected)
    assert torch.equal(torch.get_rng_state(), torch_state)
    for now, before in zip(np.random.get_state(), numpy_state, strict=True):
        assert_array_equal(now, before)


def test_different_seeds_differ_and_a_shared_random_state_is_consumed(iris):
    X, y = iris
    one = quick_classifier(random_state=1).fit(X, y).predict_proba(X)
    assert not np.allclose(
        one, quick_classifier(random_state=2).fit(X, y).predict_proba(X)
    )
    shared = np.random.RandomState(1)
    first = quick_classifier(random_state=shared).fit(X, y).predict_proba(X)
    second = quick_classifier(random_state=shared).fit(X, y).predict_proba(X)
    assert_array_equal(first, one)
    assert not np.allclose(second, one)


def test_predict_is_the_same_from_many_threads(iris):
    X, y = iris
    clf = quick_classifier().fit(X, y)
    expected, before = clf.predict_proba(X), set(vars(clf))
    with ThreadPoolExecutor(6) as threads:
        for result in threads.map(clf.predict_proba, [X] * 60):
            assert_array_equal(result, expected)
    assert set(vars(clf)) == before


@pytest.mark.parametrize("dropout", [1e-7, 1e-3, 0.15, 0.5, 0.9])
def test_dropout_drops_the_fraction_asked_for(iris, dropout):
    layers = [(torch.zeros(7001, 4), torch.zeros(7001)), (torch.zeros(3, 7001), None)]
    X = torch.from_numpy(iris[0])
    (mask,) = dropout_masks(layers, dropout, X, torch.Generator().manual_seed(0))
    assert set(mask.unique().tolist()) <= {0.0, mask.max().item()}
    assert_allclose((mask == 0).double().mean(), dropout, atol=2e-3)
    assert_allclose(mask.mean(), 1, atol=0.01)
    assert_allclose(mask.mean(1).std(), mask.std() / len(X) ** 0.5, rtol=0.05)


def smoothed_rows(codes):
    objective = Objective(SmoothingRule(0.1, "uniform", 3), None, 3, False)
    labels = TrainingLabels(codes, np.arange(3))
    return make_rows(objective, labels, np.float64, "cpu")


def test_dropout_in_closed_form_equals_autograd_with_the_same_mask(iris):
    X, y = torch.from_numpy(iris[0]), iris[1]
    generator = torch.Generator().manual_seed(0)
    mlp = MLP(4, 3, (20,), "tanh", 0.5, generator=generator).double()
    layers = [(mlp[i].weight, mlp[i].bias) for i in (0, 3)]
    masks = dropout_masks(layers, 0.5, X, torch.Generator().manual_seed(1))
    rows = smoothed_rows(y)
    loss = CrossEntropy().mean(mlp[3](mlp[1](mlp[0](X)) * masks[0].T), rows)
    loss.backward()
    gradients = [tuple(map(torch.empty_like, layer)) for layer in layers]
    with torch.no_grad():
        closed = mlp_gradient(X, CrossEntropy(), rows, layers, gradients, "tanh", masks)
    assert_allclose(closed, loss.detach())
    for layer, (weight, bias) in zip(layers, gradients, strict=True):
        assert_allclose(weight, layer[0].grad, atol=1e-14)
        assert_allclose(bias, layer[1].grad, atol=1e-14)


def test_closed_form_serves_a_stack_of_networks(iris):
    X, y = torch.from_numpy(iris[0]), iris[1]
    loss_function, rows = CrossEntropy(), smoothed_rows(y)
    stack = replace(rows, codes=rows.codes.expand(2, -1))
    generator = torch.Generator().manual_seed(0)
    layers = [
        tuple(torch.randn(2, *shape, generator=generator, dtype=X.dtype) for shape in s)
        for s in [((7, 4), (7,)), ((3, 7), (3,))]
    ]
    gradients = [tuple(map(torch.empty_like, layer)) for layer in layers]
    losses = mlp_gradient(X, loss_function, stack, layers, gradients, "tanh", [None])
    for network in range(2):
        alone = [(weight[network], bias[network]) for weight, bias in layers]
        expected = [tuple(map(torch.empty_like, layer)) for layer in alone]
        loss = mlp_gradient(X, loss_function, rows, alone, expected, "tanh", [None])
        assert_allclose(losses[network], loss)
        for layer, (weight, bias) in zip(gradients, expected, strict=True):
            assert_allclose(layer[0][network], weight, atol=1e-14)
            assert_allclose(layer[1][network], bias, atol=1e-14)


@pytest.mark.parametrize("copy_of", ["pickle", "joblib", "deepcopy"])
def test_copies_predict_the_same_and_hold_arrays_alone(iris, copy_of, tmp_path):
    X, y = iris
    clf = quick_classifier().fit(X, y)
    if copy_of == "pickle":
        other = pickle.loads(pickle.dumps(clf))
    elif copy_of == "joblib":
        joblib.dump(clf, tmp_path / "clf.joblib")
        other = joblib.load(tmp_path / "clf.joblib", mmap_mode="r")
    else:
        other = copy.deepcopy(clf)
    other.set_params(hidden_layer_sizes=(3,))  # used in the next fit
    assert_array_equal(other.predict_proba(X), clf.predict_proba(X))
    assert len(other.net_.history) == clf.n_iter_
    other.device_ = "cuda:99"  # as if trained on another machine
    assert_array_equal(other.predict_proba(X), clf.predict_proba(X))
    assert b"skorch" not in pickle.dumps(clf)
    assert b"torch" not in pickle.dumps(clf)


def test_modules_with_batchnorm_train_on_a_last_batch_of_one_sample(iris):
    X, y = iris
    clf = quick_classifier(module=Dropping, batch_size=149).fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()
    assert_array_equal(
        pickle.loads(pickle.dumps(clf)).predict_proba(X), clf.predict_proba(X)
    )


def test_convnet_learns_digits_as_images(digits):
    X, y = digits[0].reshape(-1, 1, 8, 8), digits[1]
    clf = quick_classifier(
        module="convnet", module_params={"n_filters": 8}, batch_size=50
    )
    clf.fit(X[:1200], y[:1200])
    assert clf.score(X[1200:], y[1200:]) > 0.9
    assert (clf.n_features_in_, clf.n_layers_) == (1, 7)


def test_module_gets_the_shape_of_a_sample_and_its_params(digits):
    seen = {}

    def module(n_features, n_classes, width):
        seen.update(n_features=n_features, n_classes=n_classes, width=width)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, n_classes))

    X, y = digits
    quick_classifier(module=module, module_params={"width": 3}).fit(
        X.reshape(-1, 8, 8)[:99], y[:99]
    )
    assert seen == {"n_features": (8, 8), "n_classes": 10, "width": 3}


def test_fitted_attributes(iris):
    X, y = iris
    clf = plain_classifier(hidden_layer_sizes=(8, 6)).fit(X, y)
    assert (clf.n_layers_, clf.n_outputs_, clf.n_iter_) == (4, 3, 5)
    assert clf.device_.split(":")[0] in ("cpu", "cuda")
    assert clf.label_smoother_.classes_ is clf.classes_
    assert clf.validation_scores_ is None
    assert clf.best_validation_score_ is None
    assert not hasattr(LabelSmoothingClassifier(), "net_")


def test_html_links_to_the_documentation(iris):
    html = LabelSmoothingClassifier()._repr_html_()
    assert "sklearn_ls.LabelSmoothingClassifier.html" in html


def test_devices_agree(iris, device):
    X, y = iris
    params = {"batch_size": 40, "dropout": 0.0, "dtype": "float64"}
    clf = quick_classifier(device=device, **params).fit(X, y)
    reference = quick_classifier(device="cpu", **params).fit(X, y)
    assert_allclose(clf.predict_proba(X), reference.predict_proba(X), atol=1e-8)
    on_cpu = pickle.loads(pickle.dumps(clf)).set_params(device="cpu")
    assert_allclose(on_cpu.predict_proba(X), clf.predict_proba(X), atol=1e-10)
