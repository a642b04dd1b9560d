"""Soft labels, per-sample epsilon and known label noise in the estimators."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import sklearn_ls._network.fitting
from helpers import quick_classifier, quick_search, stacks_of
from sklearn_ls import (
    LabelSmoother,
)
from sklearn_ls._network.stacking import train_stack
from sklearn_ls.metrics import soft_log_loss

SHORT = {"max_epochs": 6, "batch_size": 32, "early_stopping": False}
make = partial(quick_classifier, **SHORT)
make_search = partial(quick_search, **SHORT)
MATRIX = np.array([[0.2, 0.8, 0], [0.5, 0, 0.5], [0.1, 0.1, 0.8]])
NOISE = 0.6 * np.eye(3) + 0.4 * MATRIX
EPSILONS = [0.0, 0.1, 0.5]


class Linear(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(nn.Linear(n_features, n_classes))


@pytest.fixture
def y_soft(iris, rng):
    """Soft labels whose largest entry is the label, with few exceptions."""
    return 0.7 * np.eye(3)[iris[1]] + 0.3 * rng.dirichlet([0.3] * 3, len(iris[1]))


def assert_same(one, other, X, atol=1e-12):
    assert_array_equal(one.classes_, other.classes_)
    assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=atol)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"epsilon": [0.1, 0.2, 0.3]},
        {"distribution": "prior"},
        {"distribution": MATRIX},
        {"module": Linear},
        {"early_stopping": True},
        {"class_weight": {0: 3}},
        {"transition_matrix": 0.2},
        {"transition_matrix": 0.5 * np.eye(3) + 0.5 * MATRIX, "module": Linear},
    ],
    ids=str,
)
def test_one_hot_soft_labels_are_labels(iris, params):
    X, y = iris
    assert_same(make(**params).fit(X, y), make(**params).fit(X, np.eye(3)[y]), X)


@pytest.mark.parametrize(
    "distribution", ["uniform", "others", "prior", MATRIX], ids=str
)
@pytest.mark.parametrize("epsilon", [0.3, [0.1, 0.2, 0.3]], ids=str)
def test_epsilon_smooths_soft_labels_further(iris, y_soft, epsilon, distribution):
    X, _ = iris
    smoother = LabelSmoother(epsilon, distribution=distribution)
    written_out = make(epsilon=0).fit(X, smoother.fit_transform(y_soft))
    smoothed = make(epsilon=epsilon, distribution=distribution).fit(X, y_soft)
    assert_same(smoothed, written_out, X)


def test_soft_labels_are_weighted_copies(iris, y_soft):
    """In full batches, where copies are weighted by their share."""
    X, _ = iris
    params = {"batch_size": 10_000, "hidden_layer_sizes": (5,), "epsilon": 0}
    copies = np.tile(np.arange(3), len(X))
    soft = make(**params).fit(X, y_soft)
    copied = make(**params).fit(
        X.repeat(3, axis=0), copies, sample_weight=y_soft.ravel()
    )
    assert_same(soft, copied, X, atol=1e-10)


@pytest.mark.parametrize("library", [pd, pl])
def test_columns_of_a_frame_are_the_classes_in_any_order(iris, y_soft, library):
    X, _ = iris
    names = ["owl", "cat", "dog"]
    frame = library.DataFrame(dict(zip(names, y_soft.T, strict=True)))
    clf = make(epsilon=0.2).fit(X, frame)
    assert clf.classes_.tolist() == ["cat", "dog", "owl"]
    assert_same(clf, make(epsilon=0.2).fit(X, frame[["dog", "owl", "cat"]]), X)
    assert set(clf.predict(X)) <= set(names)
    assert clf.score(X, frame) == accuracy_score(
        np.array(names)[y_soft.argmax(axis=1)], clf.predict(X)
    )


def test_float_types_of_soft_labels_do_not_matter(iris, y_soft):
    X, _ = iris
    expected = make().fit(X, y_soft)
    for dtype, atol in ((np.float32, 1e-5), (np.float16, 5e-3)):
        assert_same(make().fit(X, y_soft.astype(dtype)), expected, X, atol=atol)
    assert_same(make().fit(X, y_soft.tolist()), expected, X)


def test_score_of_soft_labels_is_that_of_the_most_likely(iris, y_soft):
    X, _ = iris
    for clf in (make(), make_search()):
        clf.fit(X, y_soft)
        assert clf.score(X, y_soft) == clf.score(X, y_soft.argmax(axis=1))


def test_y_soft_is_learnt_from_instead_of_y(iris, y_soft):
    X, y = iris
    soft = make().fit(X, y_soft)
    assert_same(make().fit(X, y, y_soft=y_soft), soft, X)
    names = np.array(["a", "b", "c"])
    routed = make().fit(X, names[y], y_soft=pd.DataFrame(y_soft, columns=names))
    assert_array_equal(routed.predict(X), names[soft.predict(X)])


def test_y_of_a_part_may_miss_classes_of_named_columns(iris, y_soft):
    X, y = iris
    part = y < 2
    frame = pd.DataFrame(y_soft, columns=range(3))
    clf = make().fit(X[part], y[part], y_soft=frame[part])
    assert clf.classes_.tolist() == [0, 1, 2]


def test_float32_trains_on_what_float64_does(iris, y_soft, device):
    X, y = iris
    for params in ({}, {"transition_matrix": 0.2}, {"transition_matrix": NOISE}):
        for target in (y, y_soft):
            epsilon = np.linspace(0, 0.5, len(X))
            single = make(device=device, **params)
            single.fit(X.astype(np.float32), target, sample_epsilon=epsilon)
            double = make(device="cpu", **params).fit(X, target, sample_epsilon=epsilon)
            y_proba = single.predict_proba(X.astype(np.float32))
            assert_allclose(y_proba, double.predict_proba(X), atol=1e-3)


def test_early_stopping_is_by_the_labels_in_y(iris, y_soft):
    X, y = iris
    params = {"early_stopping": True, "epsilon": 0.3, "max_epochs": 20}
    upside_down = np.roll(y_soft, 1, axis=1)
    clf = make(**params).fit(X, y, y_soft=upside_down)
    assert clf.best_validation_score_ < 0.6
    assert make(**params).fit(X, upside_down).best_validation_score_ > 0.8


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("distribution", ["uniform", "prior", MATRIX], ids=str)
def test_equal_sample_epsilons_equal_the_parameter(
    iris, y_soft, epsilon, soft, distribution
):
    X, y = iris
    target = y_soft if soft else y
    given = make(distribution=distribution).fit(
        X, target, sample_epsilon=[epsilon] * len(X)
    )
    expected = make(epsilon=epsilon, distribution=distribution).fit(X, target)
    assert_same(given, expected, X)


@pytest.mark.parametrize("distribution", ["others", "prior", MATRIX], ids=str)
@pytest.mark.parametrize("soft", [False, True])
def test_sample_epsilon_smooths_each_sample(iris, y_soft, distribution, soft, rng):
    X, y = iris
    target = y_soft if soft else y
    epsilon = rng.uniform(size=len(X))
    written_out = np.vstack(
        [
            LabelSmoother(e, distribution=distribution).fit(target).transform([row])
            for e, row in zip(epsilon, target, strict=True)
        ]
    )
    clf = make(distribution=distribution).fit(X, target, sample_epsilon=epsilon)
    assert_same(clf, make(epsilon=0).fit(X, written_out), X)


def test_sample_epsilon_smooths_multilabel_targets(iris):
    X, y = iris
    Y = np.c_[y == 0, X[:, 0] > 0].astype(int)
    given = make().fit(X, Y, sample_epsilon=np.full(len(X), 0.3))
    assert_same(given, make(epsilon=0.3).fit(X, Y), X)
    rows = np.where(y == 0, 0.9, 0.0)
    assert make().fit(X, Y, sample_epsilon=rows).loss_curve_ != given.loss_curve_


def test_partial_fit_accepts_the_arguments_of_fit(iris, y_soft):
    X, y = iris
    classes = [0, 1, 2]
    soft = make().partial_fit(X, y_soft, classes=classes).partial_fit(X, y_soft)
    routed = make().partial_fit(X, y, classes=classes, y_soft=y_soft)
    assert_same(soft, routed.partial_fit(X, y, y_soft=y_soft), X)
    rows = make().partial_fit(
        X, y, classes=classes, sample_epsilon=np.full(len(X), 0.4)
    )
    assert_same(rows, make(epsilon=0.4).partial_fit(X, y, classes=classes), X)
    one_row = make().partial_fit(X[:1], np.eye(3)[:1], classes=classes)
    assert_array_equal(one_row.classes_, classes)


def test_warm_start_continues_with_soft_labels(iris, y_soft):
    X, y = iris
    clf = make(warm_start=True).fit(X, y).fit(X, y_soft)
    assert clf.n_iter_ == 2 * SHORT["max_epochs"]


def test_weights_equal_repeated_soft_labels(iris, y_soft):
    X, _ = iris
    params = {"batch_size": 10_000}
    repeat = np.arange(len(X)) % 3
    weighted = make(**params).fit(X, y_soft, sample_weight=repeat)
    repeated = make(**params).fit(
        X.repeat(repeat, axis=0), y_soft.repeat(repeat, axis=0)
    )
    assert_same(weighted, repeated, X, atol=1e-10)


def test_a_fitted_classifier_is_cloned_and_pickled(iris, y_soft):
    X, _ = iris
    clf = make(transition_matrix=0.5 * np.eye(3) + 0.5 * MATRIX).fit(X, y_soft)
    assert_same(pickle.loads(pickle.dumps(clf)), clf, X)
    assert_same(clone(clf).fit(X, y_soft), clf, X)


# Tools of scikit-learn


def test_scikit_learn_cross_validates_soft_labels_in_a_pipeline(iris, y_soft):
    X, _ = iris
    pipeline = make_pipeline(StandardScaler(), make(max_epochs=30))
    assert cross_val_score(pipeline, X, y_soft).mean() > 0.8
    grid = GridSearchCV(pipeline, {"labelsmoothingclassifier__epsilon": [0, 0.1]}, cv=3)
    frame = pd.DataFrame(y_soft, columns=["a", "b", "c"])
    assert grid.fit(X, frame).score(X, frame) > 0.8
    assert_array_equal(grid.classes_, ["a", "b", "c"])


def test_routing_brings_soft_labels_and_epsilons_to_the_classifier(iris, y_soft):
    X, y = iris
    epsilon = np.linspace(0, 0.5, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        clf = make().set_fit_request(y_soft=True, sample_epsilon=True)
        grid = GridSearchCV(
            make_pipeline(StandardScaler(), clf),
            {"labelsmoothingclassifier__max_epochs": [6]},
            cv=StratifiedKFold(3),
            scoring="neg_log_loss",
        ).fit(X, y, y_soft=y_soft, sample_epsilon=epsilon)
        params = {"y_soft": y_soft, "sample_epsilon": epsilon}
        y_proba = cross_val_predict(clf, X, y, params=params, method="predict_proba")
    assert y_proba.shape == (len(X), 3)
    scaled = StandardScaler().fit_transform(X)
    expected = make().fit(scaled, y_soft, sample_epsilon=epsilon)
    assert_allclose(grid.predict_proba(X), expected.predict_proba(scaled))


def test_fit_parameters_bring_soft_labels_without_routing(iris, y_soft):
    X, y = iris
    grid = GridSearchCV(make(), {"epsilon": [0.1]}, cv=3, scoring="accuracy")
    grid.fit(X, y, y_soft=y_soft)
    assert_same(grid, make(epsilon=0.1).fit(X, y_soft), X)


# The search


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True},
        {"distribution": "prior"},
        {"distribution": MATRIX},
        {"module": Linear},
        {"transition_matrix": 0.2},
        {"transition_matrix": 0.5 * np.eye(3) + 0.5 * MATRIX},
    ],
    ids=str,
)
@pytest.mark.parametrize("soft", [False, True])
def test_search_equals_grid_search(iris, y_soft, params, soft):
    X, y = iris
    target = y_soft if soft else y
    cv = KFold(3, shuffle=True, random_state=0)
    search = make_search(cv=cv, ensemble=False, **params).fit(X, target)
    grid = GridSearchCV(make(**params), {"epsilon": EPSILONS}, cv=cv).fit(X, target)
    for split in range(3):
        name = f"split{split}_test_score"
        assert_allclose(search.cv_results_[name], grid.cv_results_[name])
    assert search.best_params_ == grid.best_params_
    assert_same(search, grid, X, atol=1e-10)


@pytest.mark.parametrize("params", [{}, {"transition_matrix": 0.3}], ids=str)
def test_stacked_soft_labels_equal_one_after_another(iris, y_soft, params):
    X, _ = iris
    together = make_search(**params).fit(X, y_soft)
    with stacks_of(1):
        alone = make_search(**params).fit(X, y_soft)
    assert_allclose(together.oof_proba_, alone.oof_proba_, atol=1e-10)
    assert_same(together, alone, X, atol=1e-10)


def test_networks_of_a_split_hold_its_soft_labels_once(iris, y_soft, monkeypatch):
    X, _ = iris
    rows = []

    def watch(networks, *args, **rule):
        rows.extend(training.rows for _, training, _ in networks)
        return train_stack(networks, *args, **rule)

    monkeypatch.setattr(sklearn_ls._network.fitting, "train_stack", watch)
    make_search().fit(X, y_soft)
    assert len(rows) == 3 * len(EPSILONS)
    assert len({id(one.y_soft) for one in rows}) == 3


def test_search_splits_by_the_most_likely_label(iris, y_soft):
    X, _ = iris
    seen = []

    def scorer(clf, X, y):
        seen.append(y)
        return clf.score(X, y)

    with stacks_of(1):
        make_search(scoring=scorer).fit(X, y_soft)
    labels = y_soft.argmax(axis=1)
    splits = StratifiedKFold(3).split(X, labels)
    for (_, test), y in zip(splits, seen[:: len(EPSILONS)], strict=True):
        assert_allclose(y, y_soft[test])


def test_search_scores_named_by_labels_and_callables_by_soft_labels(iris, y_soft):
    X, _ = iris
    scorer = make_scorer(
        soft_log_loss, response_method="predict_proba", greater_is_better=False
    )
    by_soft = make_search(scoring=scorer).fit(X, y_soft)
    assert_allclose(
        by_soft.score(X, y_soft), -soft_log_loss(y_soft, by_soft.predict_proba(X))
    )
    by_label = make_search(scoring=["accuracy", "neg_log_loss"], refit="accuracy")
    by_label.fit(X, y_soft)
    labels = y_soft.argmax(axis=1)
    assert by_label.score(X, y_soft) == accuracy_score(labels, by_label.predict(X))
    routed = make_search(scoring="neg_log_loss").fit(X, labels, y_soft=y_soft)
    assert_allclose(
        routed.cv_results_["mean_test_score"],
        by_label.cv_results_["mean_test_neg_log_loss"],
    )


def test_soft_log_loss_prefers_probabilities_as_uncertain_as_the_labels(iris, y_soft):
    X, y = iris
    y_soft = np.where(np.eye(3)[y] == 1, 0.5, 0.25)
    scorer = make_scorer(
        soft_log_loss, response_method="predict_proba", greater_is_better=False
    )
    params = {"max_epochs": 60, "epsilon": 0, "hidden_layer_sizes": (20,)}
    certain = make(**params).fit(X, y)
    unsure = make(**params).fit(X, y_soft)
    assert scorer(unsure, X, y_soft) > scorer(certain, X, y_soft)
    assert unsure.predict_proba(X).max() < 0.7 < certain.predict_proba(X).max()


# Known noise


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_clean_posterior_is_recovered_through_the_true_transition(seed):
    """Many samples of Gaussian classes with labels flipped by a known matrix."""
    rng = np.random.default_rng(seed)
    n, matrix = 20_000, np.array([[0.7, 0.3, 0], [0, 0.6, 0.4], [0.1, 0.1, 0.8]])
    centres = rng.normal(scale=1.5, size=(3, 2))
    y = rng.integers(0, 3, n)
    X = centres[y] + rng.normal(size=(n, 2))
    given_labels = (rng.uniform(size=(n, 1)) > matrix[y].cumsum(axis=1)).sum(axis=1)
    logits = X @ centres.T - (centres**2).sum(axis=1) / 2
    posterior = np.exp(logits - logits.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    params = {
        "epsilon": 0,
        "hidden_layer_sizes": (),  # the true posterior is linear in X
        "max_epochs": 40,
        "batch_size": 500,
        "early_stopping": False,
        "weight_decay": 0,
    }
    corrected = make(transition_matrix=matrix, **params).fit(X, given_labels)
    plain = make(**params).fit(X, given_labels)
    errors = [
        np.abs(clf.predict_proba(X) - posterior).mean() for clf in (corrected, plain)
    ]
    assert errors[0] < 0.03
    assert errors[0] < errors[1] / 3


def test_a_rate_is_its_matrix(iris):
    X, y = iris
    matrix = np.where(np.eye(3), 0.7, 0.15)
    for params in ({}, {"module": Linear}):
        rate = make(transition_matrix=0.3, **params).fit(X, y)
        assert_same(rate, make(transition_matrix=matrix, **params).fit(X, y), X)


def test_rows_of_the_transition_are_true_labels(iris):
    """A permutation of all labels is inverted by its transition matrix."""
    X, y = iris
    renamed = np.array([1, 2, 0])
    permutation = np.eye(3)[renamed]
    back = make(transition_matrix=permutation)
    with pytest.warns(UserWarning, match="labeled as another class more often"):
        back.fit(X, renamed[y])
    straight = make().fit(X, y)
    assert_array_equal(back.predict(X), straight.predict(X))
    assert back.score(X, y) > 0.8
