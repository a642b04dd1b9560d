"""Copies of samples and their weights."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.tree import DecisionTreeClassifier

from helpers import peak_memory
from sklearn_ls import LabelSmoother, SmoothedTargetClassifier
from sklearn_ls._copies.copies import draw_labels, repeated_copies, weighted_copies
from smoothed_target.copies import AS_IT_IS, NAMES, Forgetful, Recorder

distributions = st.lists(
    st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda q: sum(q) > 1e-3),
    min_size=1,
    max_size=8,
).map(lambda rows: np.array(rows) / np.sum(rows, axis=1, keepdims=True))


@given(distributions, st.floats(0, 0.9), st.randoms(use_true_random=False))
def test_copies_share_the_weight_of_their_sample(y_soft, min_share, random):
    sample_weight = np.array([random.choice([0.0, 0.5, 3.0]) for _ in y_soft])
    rows, codes, weight = weighted_copies(y_soft, sample_weight, min_share)
    assert_allclose(np.bincount(rows, weight, len(y_soft)), sample_weight)
    assert np.all(weight > 0)
    assert np.all(np.diff(rows) >= 0)
    assert len({*zip(rows, codes, strict=True)}) == len(rows)
    largest = y_soft.max(axis=1)[rows]
    assert np.all((y_soft[rows, codes] >= min_share) | (y_soft[rows, codes] == largest))
    if min_share == 0:
        assert_allclose(weight, sample_weight[rows] * y_soft[rows, codes])


def test_min_share_drops_small_classes_and_keeps_the_largest():
    y_soft = np.array([[0.96, 0.03, 0.01], [0.34, 0.33, 0.33]])
    copies = weighted_copies(y_soft, None, min_share=0.02)
    assert_array_equal(copies.codes, [0, 1, 0, 1, 2])
    assert_allclose(copies.weight, [0.96 / 0.99, 0.03 / 0.99, 0.34, 0.33, 0.33])
    copies = weighted_copies(y_soft, None, min_share=0.5)
    assert_array_equal(copies.codes, [0, 0])
    assert_array_equal(copies.weight, [1, 1])


def test_copies_of_a_sample_are_adjacent_and_have_original_labels():
    clf = SmoothedTargetClassifier(Recorder(), LabelSmoother(0.3))
    recorder = clf.fit([[1], [2]], ["b", "a"], sample_weight=[1, 4]).classifier_
    assert recorder.X_ == [[1], [1], [2], [2]]
    assert_array_equal(recorder.y_, ["a", "b", "a", "b"])
    assert_allclose(recorder.weight_, [0.15, 0.85, 3.4, 0.6])


def test_samples_of_weight_zero_are_dropped():
    clf = SmoothedTargetClassifier(Recorder())
    recorder = clf.fit([[1], [2], [3]], [0, 1, 0], sample_weight=[1, 0, 1]).classifier_
    assert recorder.X_ == [[1], [1], [3], [3]]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_array_of_copies_at_most_is_in_memory(rng, order, dtype):
    X = np.asarray(rng.normal(size=(2000, 100)), dtype=dtype, order=order)
    y = np.arange(2000) % 10
    seen = SmoothedTargetClassifier(Recorder()).fit(X, y).classifier_.X_
    assert seen.flags.c_contiguous
    assert seen.dtype == dtype
    clf = SmoothedTargetClassifier(Forgetful()).fit(X, y)
    peak = peak_memory(lambda: clf.fit(X, y))
    n_copies = 10 * len(X)
    rest = 64 * n_copies  # soft targets, rows, codes, weights and labels of the copies
    assert peak <= seen.nbytes + rest


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, sparse.csr_array])
def test_a_classifier_that_writes_to_its_data_does_not_write_to_mine(container, iris):
    class Writer(Recorder):
        def fit(self, X, y, sample_weight=None):
            values = X.data if sparse.issparse(X) else np.asarray(X)
            with contextlib.suppress(ValueError):  # read-only, of pandas
                values[:] = 0
            return super().fit(X, y, sample_weight)

    X, y = container(iris[0].copy()), iris[1]
    for params in ({"smoother": AS_IT_IS}, {"strategy": "sample"}, {}):
        SmoothedTargetClassifier(Writer(), **params).fit(X, y)
        seen = X.toarray() if sparse.issparse(X) else np.asarray(X)
        assert_array_equal(seen, iris[0])


@pytest.mark.parametrize(
    "classifier",
    [
        DecisionTreeClassifier(
            min_samples_leaf=9, min_samples_split=30, random_state=0
        ),
        RandomForestClassifier(
            9, bootstrap=False, min_samples_leaf=0.05, random_state=0
        ),
        VotingClassifier(
            [("tree", DecisionTreeClassifier(min_samples_leaf=9, random_state=0))],
            voting="soft",
        ),
        HistGradientBoostingClassifier(max_iter=20),
        GradientBoostingClassifier(n_estimators=9, min_samples_leaf=9, random_state=0),
    ],
    ids=str,
)
def test_limits_of_leaves_count_samples_not_copies(classifier, rng):
    """With almost no smoothing, copies give the same trees as the samples."""
    X = rng.normal(size=(200, 4))
    y = np.digitize(X[:, 0] + rng.normal(size=200), [-0.5, 0.5])
    plain = clone(classifier).fit(X, y).predict_proba(X)
    clf = SmoothedTargetClassifier(classifier, epsilon=1e-9, strategy="replicate")
    assert_allclose(clf.fit(X, y).predict_proba(X), plain, atol=1e-5)
    assert 0.5 < plain.max(axis=1).mean() < 0.95


@pytest.mark.parametrize("limit", [{}, {"min_data_in_leaf": 20}])
def test_leaves_of_lightgbm_are_as_large_as_without_copies(limit, rng):
    """LightGBM estimates the number of samples in a leaf from their Hessian."""
    X = rng.normal(size=(400, 4))
    y = np.digitize(X[:, 0] + rng.normal(size=400), [-0.5, 0.5])
    boosting = LGBMClassifier(n_estimators=1, n_jobs=1, verbose=-1, **limit)
    clf = SmoothedTargetClassifier(boosting, strategy="replicate").fit(X, y)
    for leaves in clf.classifier_.predict(X, pred_leaf=True).T:
        assert 15 <= np.bincount(leaves).min() <= 40


def test_limits_grow_with_the_mean_number_of_copies(rng):
    y_soft = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0, 0.3, 0.7], [0.2, 0.3, 0.5]] * 20)
    X = rng.normal(size=(80, 2))
    tree = DecisionTreeClassifier(min_samples_leaf=10)
    for params, expected in (
        ({"strategy": "replicate"}, 20),  # 1, 2, 2 and 3 copies
        ({"strategy": "replicate", "min_share": 0.4}, 12),  # 1, 2, 1 and 1
        ({"strategy": "sample"}, 10),
    ):
        clf = SmoothedTargetClassifier(tree, AS_IT_IS, **params)
        assert clf.fit(X, y_soft).classifier_.min_samples_leaf == expected
    drawn = SmoothedTargetClassifier(
        tree, AS_IT_IS, strategy="sample", n_draws=9, random_state=0
    )
    assert 15 <= drawn.fit(X, y_soft).classifier_.min_samples_leaf <= 20
    assert tree.min_samples_leaf == 10


@pytest.mark.parametrize("smoother", [None, LabelSmoother(0.7, distribution="prior")])
@pytest.mark.parametrize("is_soft", [False, True])
def test_epsilon_of_each_sample(smoother, is_soft, soft, rng):
    X, y = soft if is_soft else (soft[0], NAMES[soft[1].argmax(axis=1)])
    epsilon = rng.choice([0.0, 0.2, 1.0], len(X))
    weight = rng.uniform(size=len(X))
    by_hand = LabelSmoother(distribution="prior" if smoother else "uniform")
    y_soft = np.array(
        [
            by_hand.set_params(epsilon=e).fit(y, sample_weight=weight).transform(y)[row]
            for row, e in enumerate(epsilon)
        ]
    )
    expected = SmoothedTargetClassifier(smoother=AS_IT_IS).fit(X, y_soft, weight)
    clf = SmoothedTargetClassifier(smoother=smoother)
    clf.fit(X, y, weight, sample_epsilon=epsilon)
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-6)


def test_epsilon_of_each_sample_by_an_objective(soft, rng):
    X, y_soft = soft
    y, epsilon = y_soft.argmax(axis=1), rng.uniform(size=len(X))
    boosting = LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1)
    clf = SmoothedTargetClassifier(boosting).fit(X, y, sample_epsilon=epsilon)
    by_hand = np.eye(3)[y] * (1 - epsilon[:, np.newaxis]) + epsilon[:, np.newaxis] / 3
    expected = SmoothedTargetClassifier(boosting, AS_IT_IS).fit(X, by_hand)
    assert clf.strategy_ == "objective"
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X))


def test_epsilon_of_each_sample_is_for_label_smoothers(iris):
    clf = SmoothedTargetClassifier(smoother=LabelBinarizer())
    with pytest.raises(ValueError, match=r"sample_epsilon requires a LabelSmoother"):
        clf.fit(*iris, sample_epsilon=np.zeros(150))
    with pytest.raises(ValueError, match=r"sample_epsilon must contain one float"):
        SmoothedTargetClassifier().fit(*iris, sample_epsilon=[0.1, 0.2])


# Drawing labels


@given(distributions, st.integers(1, 5))
def test_drawn_labels_have_positive_probability(y_soft, n_draws):
    counts = draw_labels(y_soft, n_draws, np.random.RandomState(0))
    assert_array_equal(counts.sum(axis=1), n_draws)
    assert not np.any(counts[y_soft == 0])
    rows, codes, weight = repeated_copies(counts)
    again = np.zeros_like(counts)
    np.add.at(again, (rows, codes), 1)
    assert_array_equal(again, counts)
    assert weight is None


@pytest.mark.parametrize("n_draws", [1, 4])
def test_drawn_labels_are_unbiased(n_draws):
    y_soft = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    many = np.repeat(y_soft, 20_000, axis=0)
    counts = draw_labels(many, n_draws, np.random.RandomState(0)) / n_draws
    error = np.sqrt(y_soft * (1 - y_soft) / (n_draws * 20_000))
    means = counts.reshape(3, 20_000, 3).mean(axis=1)
    assert np.all(np.abs(means - y_soft) <= 4 * error)


def test_equal_draws_are_merged_into_weights(soft):
    X, y_soft = soft
    clf = SmoothedTargetClassifier(
        Recorder(), AS_IT_IS, strategy="sample", n_draws=20, random_state=0
    )
    seen = clf.fit(X, y_soft, sample_weight=np.arange(60.0)).classifier_
    assert len(seen.X_) <= 3 * 59
    rows = np.searchsorted(np.sort(X[:, 0]), seen.X_[:, 0])
    order = np.argsort(X[:, 0])
    assert_allclose(np.bincount(rows, seen.weight_, 60), np.arange(60.0)[order])


def test_without_weights_equal_draws_stay_apart(soft):
    X, y_soft = soft
    neighbors = KNeighborsClassifier(20)
    clf = SmoothedTargetClassifier(
        neighbors, AS_IT_IS, strategy="sample", n_draws=20, random_state=0
    ).fit(X, y_soft)
    # The nearest neighbors of a sample are its own copies.
    error = np.sqrt(y_soft * (1 - y_soft) / 20)
    assert np.all(np.abs(clf.predict_proba(X) - y_soft) <= 4.5 * error)


def test_sampling_comes_to_replication_with_many_draws(soft):
    X, y_soft = soft
    exact = SmoothedTargetClassifier().fit(X, y_soft)
    few, many = (
        SmoothedTargetClassifier(
            strategy="sample", n_draws=n_draws, random_state=0
        ).fit(X, y_soft)
        for n_draws in (1, 10_000)
    )
    errors = [
        np.abs(c.classifier_.coef_ - exact.classifier_.coef_).max() for c in (few, many)
    ]
    assert errors[1] < 0.02 < errors[0]


def test_draws_depend_on_random_state_alone(soft):
    X, y_soft = soft
    clf = SmoothedTargetClassifier(strategy="sample", random_state=3)
    one, two = (clone(clf).fit(X, y_soft).classifier_.coef_ for _ in range(2))
    assert_array_equal(one, two)
    other = clf.set_params(random_state=4).fit(X, y_soft).classifier_.coef_
    assert np.any(one != other)
    before = np.random.get_state()[1].copy()
    clf.fit(X, y_soft)
    assert_array_equal(np.random.get_state()[1], before)


# Smoothers


def test_custom_smoother(iris):
    class Neighbours(LabelSmoother):
        """Distributes half of a label over its neighbors on a line."""

        def transform(self, y):
            codes = self.encode(y)
            near = np.eye(3, k=1) + np.eye(3, k=-1)
            near /= near.sum(axis=1, keepdims=True)
            return (np.eye(3)[codes] + near[codes]) / 2

    X, y = iris
    recorder = SmoothedTargetClassifier(Recorder(), Neighbours()).fit(X, y).classifier_
    assert_array_equal(recorder.X_, np.repeat(X, np.array([2, 3, 2])[y], axis=0))
    assert_allclose(np.unique(recorder.weight_), [0.25, 0.5])


def test_float16_targets_are_near_enough_to_distributions(iris):
    smoother = LabelSmoother(0.1, dtype=np.float16)
    clf = SmoothedTargetClassifier(smoother=smoother).fit(*iris)
    expected = SmoothedTargetClassifier().fit(*iris)
    assert_allclose(
        clf.predict_proba(iris[0]), expected.predict_proba(iris[0]), atol=0.01
    )


def test_epsilon_is_short_for_a_smoother(iris):
    X, y = iris
    short = SmoothedTargetClassifier(LogisticRegression(), epsilon=0.3).fit(X, y)
    long = SmoothedTargetClassifier(LogisticRegression(), LabelSmoother(0.3)).fit(X, y)
    assert_array_equal(short.predict_proba(X), long.predict_proba(X))
    short.set_params(smoother=LabelSmoother(0.3))
    with pytest.raises(ValueError, match=r"only one of them may be given\. Got eps"):
        short.fit(X, y)


def test_min_share_that_undoes_the_smoothing_is_refused(iris):
    X, y = iris
    clf = SmoothedTargetClassifier(LogisticRegression(), epsilon=0.3, min_share=0.2)
    with pytest.raises(ValueError, match=r"share of another class is 0\.\d+: set min"):
        clf.fit(X, y)
    clf.set_params(min_share=0.09).fit(X, y)
    clf.set_params(min_share=0.2, epsilon=0).fit(X, y)


def test_predictions_in_a_column_are_raveled(iris):
    class Columnar(LogisticRegression):
        def predict(self, X):
            return super().predict(X)[:, np.newaxis]

    clf = SmoothedTargetClassifier(Columnar(), epsilon=0.1).fit(*iris)
    assert clf.predict(iris[0]).shape == iris[1].shape
