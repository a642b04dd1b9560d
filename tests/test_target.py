import pickle
import tracemalloc

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.sparse import coo_array, csr_matrix
from scipy.special import expit, logit, softmax, xlogy
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    Ridge,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    LabelSmoothingClassifierCV,
    SmoothedTargetClassifier,
)
from sklearn_ls._compat import InvalidParameterError
from sklearn_ls._row_copies import draw_labels, repeated_copies, weighted_copies

NAMES = np.array(["setosa", "versicolor", "virginica"])
AS_IT_IS = LabelSmoother(epsilon=0)


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what `fit` was given."""

    def fit(self, X, y, sample_weight=None, offset=None, mode=None, eval_X=None):
        self.X_, self.y_, self.weight_ = X, y, sample_weight
        self.offset_, self.mode_, self.eval_X_ = offset, mode, eval_X
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class Forgetful(Recorder):
    """Keeps nothing, so that its memory does not count."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return self


@pytest.fixture
def soft(rng):
    """Soft labels of 60 rows that follow X, three classes."""
    X = rng.normal(size=(60, 4))
    return X, softmax(X @ rng.normal(size=(4, 3)) + rng.gumbel(size=(60, 3)), axis=1)


def cross_entropy(y_soft, proba, weight=1.0):
    return -np.sum(xlogy(y_soft, proba).sum(axis=1) * weight)


def copies_by_hand(X, y_soft, sample_weight=1.0):
    n_classes = y_soft.shape[1]
    weight = (y_soft.T * sample_weight).T.ravel()
    return np.repeat(X, n_classes, axis=0), np.tile(range(n_classes), len(X)), weight


# Exactly training on the soft target


def softmax_regression(X, y_soft, weight, C):
    """Minimise the soft cross-entropy with ridge penalty; return coefs, intercepts."""
    n_features, n_classes = X.shape[1], y_soft.shape[1]

    def objective(theta):
        theta = theta.reshape(n_features + 1, n_classes)
        proba = softmax(X @ theta[:-1] + theta[-1], axis=1)
        residual = C * weight[:, np.newaxis] * (proba - y_soft)
        gradient = np.vstack([X.T @ residual + theta[:-1], residual.sum(axis=0)])
        penalty = np.sum(theta[:-1] ** 2) / 2
        return C * cross_entropy(y_soft, proba, weight) + penalty, gradient.ravel()

    start = np.zeros((n_features + 1) * n_classes)
    options = {"maxiter": 10_000, "ftol": 1e-15, "gtol": 1e-8}
    best = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    theta = best.x.reshape(n_features + 1, n_classes)
    return theta[:-1].T, theta[-1]


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("C", [1.0, 10.0])
def test_logistic_regression_minimises_the_soft_cross_entropy(soft, rng, epsilon, C):
    X, y_soft = soft
    weight = rng.uniform(size=len(X))
    clf = SmoothedTargetClassifier(
        LogisticRegression(C=C, tol=1e-8, max_iter=10_000), LabelSmoother(epsilon)
    ).fit(X, y_soft, sample_weight=weight)
    smoothed = (1 - epsilon) * y_soft + epsilon / 3
    coef, intercept = softmax_regression(X, smoothed, weight, C)
    assert_allclose(clf.classifier_.coef_, coef, atol=1e-4)
    assert_allclose(clf.classifier_.intercept_, intercept, atol=1e-4)


def test_logistic_regression_on_hard_labels_learns_the_smoothed_ones(iris):
    X, y = iris
    clf = SmoothedTargetClassifier(
        LogisticRegression(tol=1e-8, max_iter=10_000), LabelSmoother(0.2)
    ).fit(X, NAMES[y])
    y_soft = LabelSmoother(0.2).fit_transform(y)
    coef, _ = softmax_regression(X, y_soft, np.ones(len(X)), 1.0)
    assert_allclose(clf.classifier_.coef_, coef, atol=1e-4)
    assert_array_equal(clf.classes_, NAMES)


def test_equals_a_linear_network_of_label_smoothing_classifier(soft):
    X, y = soft[0], soft[1].argmax(axis=1)
    network = LabelSmoothingClassifier(
        hidden_layer_sizes=(),
        epsilon=0.2,
        batch_size=len(X),
        learning_rate=0.1,
        max_epochs=250,
        weight_decay=0,
        n_iter_no_change=np.inf,
        early_stopping=False,
        random_state=0,
    ).fit(X, y)
    clf = SmoothedTargetClassifier(
        LogisticRegression(C=np.inf, tol=1e-8, max_iter=10_000), LabelSmoother(0.2)
    ).fit(X, y)
    assert_allclose(clf.predict_proba(X), network.predict_proba(X), atol=1e-4)


def test_mlp_rests_where_the_gradient_of_the_soft_cross_entropy_vanishes(soft):
    X, y_soft = soft
    mlp = MLPClassifier(
        5, "tanh", solver="lbfgs", alpha=1, tol=1e-10, max_iter=5000, random_state=0
    )
    mlp = SmoothedTargetClassifier(mlp, LabelSmoother(0.1)).fit(X, y_soft).classifier_
    parameters = [torch.tensor(a, requires_grad=True) for a in mlp.coefs_]
    biases = [torch.tensor(a, requires_grad=True) for a in mlp.intercepts_]
    hidden = torch.tanh(torch.tensor(X) @ parameters[0] + biases[0])
    log_proba = torch.log_softmax(hidden @ parameters[1] + biases[1], dim=1)
    target = torch.tensor(0.9 * y_soft + 0.1 / 3)
    penalty = sum((a**2).sum() for a in parameters) / (2 * len(X))
    loss = -(target * log_proba).sum(dim=1).mean() + penalty
    assert_allclose(mlp.loss_, loss.item(), rtol=1e-9)
    for gradient in torch.autograd.grad(loss, parameters + biases):
        assert gradient.abs().max() < 1e-4


def test_sgd_comes_near_the_minimum_of_its_soft_loss(soft):
    X, y_soft = soft
    y_soft, alpha = y_soft[:, :2] / y_soft[:, :2].sum(axis=1, keepdims=True), 0.01

    def objective(theta):
        proba = expit(X @ theta[:-1] + theta[-1])
        loss = cross_entropy(y_soft, np.column_stack([1 - proba, proba]))
        return loss / y_soft.size + alpha * np.sum(theta[:-1] ** 2) / 2

    # A step is made, and the penalty paid, for each copy.
    best = minimize(objective, np.zeros(5)).fun
    sgd = SGDClassifier(
        "log_loss", alpha=alpha, tol=None, max_iter=500, average=True, random_state=0
    )
    sgd = SmoothedTargetClassifier(sgd, AS_IT_IS).fit(X, y_soft).classifier_
    reached = objective(np.append(sgd.coef_[0], sgd.intercept_))
    assert best <= reached <= 1.001 * best < 0.999 * objective(np.zeros(5))


def test_boosting_equals_the_copies_made_by_hand(soft, rng):
    X, y_soft = soft
    weight = rng.uniform(size=len(X))
    boosting = HistGradientBoostingClassifier(max_iter=20, early_stopping=False)
    clf = SmoothedTargetClassifier(boosting, AS_IT_IS)
    clf.fit(X, y_soft, sample_weight=weight)
    by_hand = clone(boosting)
    copies, labels, weight = copies_by_hand(X, y_soft, weight)
    by_hand.fit(copies, labels, sample_weight=weight)
    assert_array_equal(clf.predict_proba(X), by_hand.predict_proba(X))


def test_leaf_of_boosting_is_the_newton_step_of_the_soft_loss():
    X = np.repeat([[0.0], [1.0]], 30, axis=0)
    share = np.linspace(0.05, 0.45, 30)
    share = np.concatenate([share, 1 - share**2])
    boosting = HistGradientBoostingClassifier(max_iter=1, learning_rate=1.0)
    clf = SmoothedTargetClassifier(boosting, AS_IT_IS)
    clf.fit(X, np.column_stack([1 - share, share]))
    start = share.mean()
    leaves = [
        np.sum(share[side] - start) / (start * (1 - start) * side.sum())
        for side in (X[:, 0] == 0, X[:, 0] == 1)
    ]
    raw = clf.decision_function([[0.0], [1.0]])
    assert_allclose(raw, logit(start) + leaves, rtol=1e-6)


def test_xgboost_equals_its_own_training_on_a_soft_objective(soft):
    X, y_soft = soft

    def gradients(raw, data):
        proba = softmax(raw, axis=1)
        return proba - y_soft, 2 * proba * (1 - proba)

    params = {
        "tree_method": "exact",
        "max_depth": 3,
        "base_score": 0.5,
        "disable_default_eval_metric": True,
        "nthread": 1,
    }
    own = xgboost.train(
        {**params, "num_class": 3},
        xgboost.DMatrix(X, label=np.zeros(len(X))),
        num_boost_round=5,
        obj=gradients,
    )
    expected = softmax(own.predict(xgboost.DMatrix(X), output_margin=True), axis=1)
    clf = xgboost.XGBClassifier(n_estimators=5, **params)
    clf = SmoothedTargetClassifier(clf, AS_IT_IS).fit(X, y_soft)
    assert_allclose(clf.predict_proba(X), expected, atol=1e-5)
    assert expected.std(axis=0).min() > 0.05


def test_lightgbm_equals_its_own_training_on_a_soft_objective(soft):
    X, y_soft = soft

    def gradients(raw, data):
        proba = softmax(raw.reshape(-1, 3, order="F"), axis=1)
        hessian = 1.5 * proba * (1 - proba)  # n_classes / (n_classes - 1)
        return (proba - y_soft).ravel("F"), hessian.ravel("F")

    params = {
        "min_child_samples": 1,
        "min_data_in_bin": 1,
        "num_leaves": 4,
        "boost_from_average": False,
        "num_threads": 1,
        "verbose": -1,
    }
    own = lightgbm.train(
        {**params, "objective": gradients, "num_class": 3},
        lightgbm.Dataset(X, label=np.zeros(len(X))),
        num_boost_round=5,
    )
    expected = softmax(own.predict(X), axis=1)
    clf = lightgbm.LGBMClassifier(n_estimators=5, **params)
    clf = SmoothedTargetClassifier(clf, AS_IT_IS).fit(X, y_soft)
    assert_allclose(clf.predict_proba(X), expected, atol=1e-6)
    assert expected.std(axis=0).min() > 0.05


def test_naive_bayes_estimates_the_soft_moments(soft):
    X, y_soft = soft
    nb = SmoothedTargetClassifier(GaussianNB(), AS_IT_IS).fit(X, y_soft).classifier_
    assert_allclose(nb.class_prior_, y_soft.mean(axis=0))
    assert_allclose(nb.theta_, (y_soft.T @ X) / y_soft.sum(axis=0)[:, np.newaxis])


def test_leaf_of_a_tree_is_the_mean_of_its_soft_labels(soft):
    X, y_soft = soft
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    clf = SmoothedTargetClassifier(tree, AS_IT_IS).fit(X, y_soft)
    leaves = clf.classifier_.apply(X)
    for leaf in np.unique(leaves):
        inside = leaves == leaf
        proba = clf.predict_proba(X[inside])
        assert_allclose(proba, np.tile(y_soft[inside].mean(axis=0), (inside.sum(), 1)))


# The copies

distributions = st.lists(
    st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda q: sum(q) > 1e-3),
    min_size=1,
    max_size=8,
).map(lambda rows: np.array(rows) / np.sum(rows, axis=1, keepdims=True))


@given(distributions, st.floats(0, 0.9), st.randoms(use_true_random=False))
def test_copies_share_the_weight_of_their_row(y_soft, min_share, random):
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


def test_min_share_bounds_what_is_dropped_and_keeps_the_largest():
    y_soft = np.array([[0.96, 0.03, 0.01], [0.34, 0.33, 0.33]])
    copies = weighted_copies(y_soft, None, min_share=0.02)
    assert_array_equal(copies.codes, [0, 1, 0, 1, 2])
    assert_allclose(copies.weight, [0.96 / 0.99, 0.03 / 0.99, 0.34, 0.33, 0.33])
    copies = weighted_copies(y_soft, None, min_share=0.5)
    assert_array_equal(copies.codes, [0, 0])
    assert_array_equal(copies.weight, [1, 1])


def test_copies_of_a_row_are_together_and_labelled_as_the_user_does():
    clf = SmoothedTargetClassifier(Recorder(), LabelSmoother(0.3))
    recorder = clf.fit([[1], [2]], ["b", "a"], sample_weight=[1, 4]).classifier_
    assert recorder.X_ == [[1], [1], [2], [2]]
    assert_array_equal(recorder.y_, ["a", "b", "a", "b"])
    assert_allclose(recorder.weight_, [0.15, 0.85, 3.4, 0.6])


def test_rows_of_weight_zero_are_dropped():
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
    tracemalloc.start()
    clf.fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    n_copies = 10 * len(X)
    rest = 64 * n_copies  # soft targets, rows, codes, weights and labels of the copies
    assert peak <= seen.nbytes + rest


def test_nothing_is_copied_where_each_row_has_one_class(iris):
    X, y = iris
    for params in ({"smoother": AS_IT_IS}, {"strategy": "sample"}):
        recorder = SmoothedTargetClassifier(Recorder(), **params).fit(X, y).classifier_
        assert recorder.X_ is X


# Drawing labels


@given(distributions, st.integers(1, 5))
def test_draws_are_labels_that_the_row_may_have(y_soft, n_draws):
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
    # The nearest neighbours of a row are its own copies.
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


# Early stopping of HistGradientBoostingClassifier


@pytest.mark.parametrize("strategy", ["replicate", "sample"])
@pytest.mark.parametrize("fraction", [0.25, 30])
def test_no_copy_of_a_held_out_row_is_trained_on(rng, strategy, fraction):
    X = np.column_stack([np.arange(120.0), rng.normal(size=120)])
    y = np.arange(120) % 3
    boosting = HistGradientBoostingClassifier(
        early_stopping=True, validation_fraction=fraction, max_iter=5, random_state=0
    )
    seen = {}
    original = HistGradientBoostingClassifier.fit

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, **params):
        seen.update(X=X, X_val=X_val, y_val=y_val, **params)
        params.update(X_val=X_val, y_val=y_val)
        return original(self, X, y, sample_weight, **params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HistGradientBoostingClassifier, "fit", fit)
        SmoothedTargetClassifier(boosting, strategy=strategy, n_draws=9).fit(X, y)
    training, validation = np.unique(seen["X"][:, 0]), np.unique(seen["X_val"][:, 0])
    assert_array_equal(np.sort(np.concatenate([training, validation])), X[:, 0])
    assert_array_equal(np.bincount(y[validation.astype(int)]), [10, 10, 10])
    totals = np.bincount(seen["X_val"][:, 0].astype(int), seen["sample_weight_val"])
    assert_allclose(totals[validation.astype(int)], 1)


def test_held_out_rows_are_those_that_boosting_draws_itself(soft):
    X, y = soft[0], NAMES[soft[1].argmax(axis=1)]
    plain = HistGradientBoostingClassifier(early_stopping=True, random_state=3)
    plain.fit(X, y)
    clf = SmoothedTargetClassifier(clone(plain), AS_IT_IS).fit(X, y)
    assert_allclose(clf.classifier_.validation_score_, plain.validation_score_)
    assert_allclose(clf.predict_proba(X), plain.predict_proba(X))


def test_early_stopping_auto_counts_rows_not_copies(rng):
    boosting = HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=2)
    X = rng.normal(size=(10_100, 1))
    few = SmoothedTargetClassifier(boosting).fit(X[:600], np.arange(600) % 20)
    assert not few.classifier_.do_early_stopping_
    many = SmoothedTargetClassifier(boosting).fit(X, X[:, 0] > 0)
    assert many.classifier_.do_early_stopping_
    assert len(many.classifier_.validation_score_) > 0


def test_classes_of_held_out_rows_that_training_lacks_are_left_out(rng):
    X = rng.normal(size=(40, 2))
    y_soft = np.zeros((40, 3))
    y_soft[np.arange(40), np.arange(40) % 2] = 1
    for row in range(40):  # one of them is held out alone
        alone = y_soft.copy()
        alone[row] = [0.5, 0.4, 0.1]
        clf = SmoothedTargetClassifier(
            HistGradientBoostingClassifier(
                early_stopping=True, max_iter=2, random_state=0
            ),
            AS_IT_IS,
        ).fit(X, alone)
        if len(clf.classifier_.classes_) == 2:
            break
    assert len(clf.classifier_.classes_) == 2
    assert_array_equal(clf.predict_proba(X)[:, 2], 0)


def test_validation_data_of_the_user_is_passed_on(soft):
    X, y_soft = soft
    boosting = HistGradientBoostingClassifier(
        early_stopping=True, max_iter=5, validation_fraction=0.5
    )
    clf = SmoothedTargetClassifier(boosting, AS_IT_IS)
    # As many rows as X has, which are no rows of X for that.
    validation = {"X_val": X[::-1], "y_val": y_soft[::-1].argmax(axis=1)}
    clf.fit(X, y_soft, **validation)
    by_hand = clone(boosting)
    copies, labels, weight = copies_by_hand(X, y_soft)
    by_hand.fit(copies, labels, sample_weight=weight, **validation)
    assert_array_equal(clf.predict_proba(X), by_hand.predict_proba(X))
    scores = clf.classifier_.validation_score_, by_hand.validation_score_
    assert_array_equal(*scores)


def test_boosting_that_takes_no_validation_data_is_refused(soft, monkeypatch):
    monkeypatch.setattr(
        HistGradientBoostingClassifier,
        "fit",
        lambda self, X, y, sample_weight=None: self,
    )
    clf = SmoothedTargetClassifier(HistGradientBoostingClassifier(early_stopping=True))
    with pytest.raises(ValueError, match="early_stopping=False, or install"):
        clf.fit(*soft)


# What must not get copies

LOGISTIC = LogisticRegression()
BAGGING_OUTSIDE = r"Draw rows outside, BaggingClassifier\(SmoothedTargetClassifier"
REFUSED = {
    "forest": (RandomForestClassifier(), "Set bootstrap=False, draw rows outside, Bag"),
    "extra trees": (
        ExtraTreesClassifier(bootstrap=True),
        "Set bootstrap=False, draw rows",
    ),
    "bagging": (BaggingClassifier(bootstrap=False), BAGGING_OUTSIDE),
    "xgboost's forest": (xgboost.XGBRFClassifier(), BAGGING_OUTSIDE),
    "lightgbm's forest": (
        lightgbm.LGBMClassifier(boosting_type="rf"),
        BAGGING_OUTSIDE,
    ),
    "its alias": (lightgbm.LGBMClassifier(boosting="rf"), BAGGING_OUTSIDE),
    "logistic CV": (LogisticRegressionCV(), "cross-validates inside.*GridSearchCV"),
    "ridge CV": (RidgeClassifierCV(), "cross-validates inside"),
    "calibrated": (CalibratedClassifierCV(LOGISTIC), "cross-validates inside"),
    "stacking": (StackingClassifier([("a", LOGISTIC)]), "takes none"),
    "grid search": (GridSearchCV(LOGISTIC, {}), "takes none"),
    "our search": (LabelSmoothingClassifierCV(), "cross-validates inside"),
    "SVC": (SVC(probability=True), "SVC cross-validates inside.*CalibratedClass"),
    "our network": (
        LabelSmoothingClassifier(),
        "early_stopping=False, or fit it on the soft labels itself",
    ),
    "MLP": (MLPClassifier(early_stopping=True), "hold out.* Set early_stopping=False"),
    "SGD": (SGDClassifier(early_stopping=True), "SGDClassifier would hold out"),
    "perceptron": (Perceptron(early_stopping=True), "Set early_stopping=False"),
    "gradient boosting": (
        GradientBoostingClassifier(n_iter_no_change=5),
        "Set n_iter_no_change=None",
    ),
    "precomputed kernel": (SVC(kernel="precomputed"), "matrix of all pairs of rows"),
    "nested forest": (
        VotingClassifier([("a", LOGISTIC), ("b", RandomForestClassifier())]),
        "RandomForestClassifier draws the copies of a row separately",
    ),
    "nested boosting": (
        VotingClassifier([("a", HistGradientBoostingClassifier(early_stopping=True))]),
        "inside of another estimator would hold out",
    ),
    "nested balance": (
        VotingClassifier([("a", DecisionTreeClassifier(class_weight="balanced"))]),
        "class_weight='balanced'.* would count copies",
    ),
}


@pytest.mark.parametrize(("classifier", "message"), REFUSED.values(), ids=REFUSED)
def test_what_would_draw_or_split_copies_is_refused(classifier, message, iris):
    with pytest.raises(ValueError, match=message):
        SmoothedTargetClassifier(classifier).fit(*iris)
    if "takes none" not in message:
        drawn = SmoothedTargetClassifier(classifier, strategy="sample", n_draws=2)
        with pytest.raises(ValueError, match=r"n_draws=1|class_weight"):
            drawn.fit(*iris)


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(5),
        BaggingClassifier(n_estimators=3),
        RidgeClassifierCV(),
        HistGradientBoostingClassifier(early_stopping=True, max_iter=5),
        GradientBoostingClassifier(n_estimators=5, n_iter_no_change=2),
    ],
)
def test_one_draw_a_row_suits_all(classifier, iris):
    clf = SmoothedTargetClassifier(classifier, strategy="sample", random_state=0)
    assert clf.fit(*iris).score(*iris) > 0.8


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(20, bootstrap=False, random_state=0),
        ExtraTreesClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=5),
        MLPClassifier(5, max_iter=5),
        LabelSmoothingClassifier(early_stopping=False, max_epochs=5),
        VotingClassifier(
            [("a", LOGISTIC), ("b", HistGradientBoostingClassifier(max_iter=5))],
            voting="soft",
        ),
        VotingClassifier([("a", LOGISTIC), ("b", "drop")], voting="soft"),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:After the first epoch most outputs")
def test_what_takes_weights_and_draws_nothing_is_taken(classifier, iris):
    clf = SmoothedTargetClassifier(classifier).fit(*iris)
    assert_allclose(clf.predict_proba(iris[0]).sum(axis=1), 1, rtol=1e-6)


def test_bagging_outside_is_what_the_refusal_advises(iris):
    bagging = BaggingClassifier(
        SmoothedTargetClassifier(DecisionTreeClassifier()), 5, random_state=0
    )
    assert bagging.fit(*iris).score(*iris) > 0.9


def test_classifiers_without_weights_are_refused(iris):
    clf = SmoothedTargetClassifier(KNeighborsClassifier())
    with pytest.raises(ValueError, match=r"takes none. Use strategy='sample'"):
        clf.fit(*iris)
    clf = SmoothedTargetClassifier(make_pipeline(StandardScaler(), LOGISTIC))
    with pytest.raises(ValueError, match=r"make_pipeline\(scaler, SmoothedTarget"):
        clf.fit(*iris)
    voting = VotingClassifier([("a", LOGISTIC), ("b", KNeighborsClassifier())])
    with pytest.raises(ValueError, match="VotingClassifier takes none"):
        SmoothedTargetClassifier(voting).fit(*iris)
    for inner in (KNeighborsClassifier(), make_pipeline(StandardScaler(), LOGISTIC)):
        clf = SmoothedTargetClassifier(inner, strategy="sample")
        assert clf.fit(*iris).score(*iris) > 0.8
        with pytest.raises(ValueError, match="sample_weight was given, but the fit of"):
            clf.fit(*iris, sample_weight=np.ones(150))


# Class weights


@pytest.mark.parametrize("balanced", ["balanced", "balanced_subsample"])
def test_balanced_classes_are_those_of_the_soft_labels(soft, balanced):
    X, y_soft = soft
    y_soft = y_soft**2 / np.sum(y_soft**2, axis=1, keepdims=True)
    forest = RandomForestClassifier(
        5, bootstrap=False, max_depth=2, class_weight=balanced, random_state=0
    )
    clf = SmoothedTargetClassifier(forest, AS_IT_IS).fit(X, y_soft)
    share = y_soft.sum(axis=0)
    weights = dict(enumerate(share.sum() / (3 * share)))
    by_hand = clone(forest).set_params(class_weight=weights)
    copies, labels, weight = copies_by_hand(X, y_soft)
    by_hand.fit(copies, labels, sample_weight=weight)
    assert_allclose(clf.predict_proba(X), by_hand.predict_proba(X))
    assert forest.class_weight == balanced


def test_class_weight_goes_by_the_labels_of_the_user(iris):
    X, y = iris[0], NAMES[iris[1]]
    heavy = LogisticRegression(class_weight={"setosa": 100.0})
    plain, weighted = (
        SmoothedTargetClassifier(inner).fit(X, y).predict_proba(X)[:, 0].mean()
        for inner in (LOGISTIC, heavy)
    )
    assert weighted > 1.5 * plain


# Soft labels, and classes


def test_soft_labels_with_names(soft):
    X, y_soft = soft
    plain = SmoothedTargetClassifier().fit(X, y_soft)
    names = ["c", "a", "b"]
    for frame in (
        pd.DataFrame(y_soft, columns=names, index=np.arange(60) + 7),
        pl.DataFrame(y_soft, schema=names),
    ):
        clf = SmoothedTargetClassifier().fit(X, frame)
        assert_array_equal(clf.classes_, ["a", "b", "c"])
        columns = [1, 2, 0]
        expected = plain.predict_proba(X)[:, columns]
        assert_allclose(clf.predict_proba(X), expected, atol=1e-3)


def test_one_hot_soft_labels_are_hard_labels(iris):
    X, y = iris
    hard = SmoothedTargetClassifier().fit(X, y)
    one_hot = SmoothedTargetClassifier().fit(X, np.eye(3)[y])
    assert_array_equal(one_hot.classifier_.coef_, hard.classifier_.coef_)


def test_score_goes_by_the_most_likely_of_soft_labels(soft):
    X, y_soft = soft
    clf = SmoothedTargetClassifier().fit(X, y_soft)
    assert clf.score(X, y_soft) == clf.score(X, y_soft.argmax(axis=1)) > 0.5
    grid = GridSearchCV(clf, {"min_share": [0.0, 0.1]}, cv=3).fit(X, y_soft)
    assert grid.best_score_ > 0.5


def test_y_soft_is_learnt_in_place_of_y(soft):
    X, y_soft = soft
    y = NAMES[y_soft.argmax(axis=1)]
    expected = SmoothedTargetClassifier().fit(X, y_soft).classifier_
    clf = SmoothedTargetClassifier().fit(X, y, y_soft=y_soft)
    assert_array_equal(clf.classifier_.coef_, expected.coef_)
    assert_array_equal(clf.classes_, NAMES)
    assert clf.score(X, y) > 0.5
    frame = pd.DataFrame(y_soft, columns=NAMES)
    only_two = np.flatnonzero(y != "setosa")
    clf.fit(X[only_two], y[only_two], y_soft=frame.iloc[only_two])
    assert_array_equal(clf.classes_, NAMES)
    expected = SmoothedTargetClassifier().fit(X[only_two], y_soft[only_two])
    assert_array_equal(clf.classifier_.coef_, expected.classifier_.coef_)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_class_without_copies_has_probability_zero(rng, n_classes):
    X = rng.normal(size=(30, 2))
    y_soft = np.zeros((30, n_classes + 1))
    y_soft[:, [0, *range(2, n_classes + 1)]] = rng.dirichlet(np.ones(n_classes), 30)
    clf = SmoothedTargetClassifier(smoother=AS_IT_IS).fit(X, y_soft)
    assert_array_equal(clf.classes_, range(n_classes + 1))
    inner = clf.classifier_
    assert_array_equal(inner.classes_, [0, *range(2, n_classes + 1)])
    assert_array_equal(clf.predict_proba(X)[:, 1], 0)
    assert_array_equal(clf.predict_log_proba(X)[:, 1], -np.inf)
    assert_array_equal(clf.decision_function(X)[:, 1], -np.inf)
    others = np.delete(np.arange(n_classes + 1), 1)
    assert_array_equal(clf.predict_proba(X)[:, others], inner.predict_proba(X))
    scores = clf.decision_function(X).argmax(axis=1)
    assert_array_equal(scores, clf.predict(X))


def test_a_smoother_of_ones_own(iris):
    class Neighbours(LabelSmoother):
        """Spreads half of a label over its neighbours on a line."""

        def transform(self, y):
            codes = self.encode(y)
            near = np.eye(3, k=1) + np.eye(3, k=-1)
            near /= near.sum(axis=1, keepdims=True)
            return (np.eye(3)[codes] + near[codes]) / 2

    X, y = iris
    recorder = SmoothedTargetClassifier(Recorder(), Neighbours()).fit(X, y).classifier_
    assert_array_equal(recorder.X_, np.repeat(X, np.array([2, 3, 2])[y], axis=0))
    assert_allclose(np.unique(recorder.weight_), [0.25, 0.5])


# In scikit-learn's tools


def test_names_of_features_and_dataframes_reach_the_classifier(iris):
    X, y = iris
    names = [f"x{i}" for i in range(4)]
    for frame in (pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)):
        clf = SmoothedTargetClassifier(Recorder()).fit(frame, y)
        assert type(clf.classifier_.X_) is type(frame)
        assert len(clf.classifier_.X_) == 450
        assert_array_equal(clf.feature_names_in_, names)
        assert clf.n_features_in_ == 4
        logistic = SmoothedTargetClassifier().fit(frame, y)
        assert_array_equal(logistic.classifier_.feature_names_in_, names)
        assert logistic.score(frame, y) > 0.9
    assert not hasattr(clf.fit(X, y), "feature_names_in_")


@pytest.mark.parametrize("container", [csr_matrix, coo_array])
def test_sparse_rows_are_copied_sparse(container, iris):
    X, y = iris
    dense = SmoothedTargetClassifier().fit(X, y)
    sparse = SmoothedTargetClassifier().fit(container(X), y)
    assert_allclose(sparse.classifier_.coef_, dense.classifier_.coef_, atol=1e-3)


@pytest.mark.parametrize("y_of", [pd.Series, pl.Series, list, NAMES.take])
def test_labels_of_any_container(y_of, iris):
    X, y = iris
    clf = SmoothedTargetClassifier().fit(X, y_of(y))
    expected = SmoothedTargetClassifier().fit(X, y)
    assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    assert np.mean(clf.predict(X) == np.asarray(y_of(y))) > 0.9


def test_grid_search_reaches_both_inside(iris):
    grid = {"classifier__C": [0.01, 1.0], "smoother__epsilon": [0.0, 0.2]}
    clf = SmoothedTargetClassifier(LogisticRegression(), LabelSmoother())
    search = GridSearchCV(clf, grid, cv=3).fit(iris[0], NAMES[iris[1]])
    assert len(search.cv_results_["params"]) == 4
    assert search.best_score_ > 0.9


def test_last_step_of_a_pipeline(iris):
    clf = make_pipeline(StandardScaler(), SmoothedTargetClassifier())
    assert cross_val_score(clf, *iris).mean() > 0.9


@pytest.mark.parametrize("routing", [False, True])
def test_soft_labels_beside_hard_ones_in_grid_search(soft, routing):
    X, y_soft = soft
    y = y_soft.argmax(axis=1)
    clf = SmoothedTargetClassifier(LogisticRegression(), LabelSmoother())
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            clf.set_fit_request(y_soft=True)
        grid = {"smoother__epsilon": [0.0, 0.2]}
        search = GridSearchCV(clf, grid, cv=3).fit(X, y, y_soft=y_soft)
    best = SmoothedTargetClassifier(
        LogisticRegression(),
        LabelSmoother(**search.best_estimator_.smoother.get_params()),
    ).fit(X, y_soft)
    coef = search.best_estimator_.classifier_.coef_
    assert_allclose(coef, best.classifier_.coef_)


@pytest.mark.parametrize("routing", [False, True])
def test_what_fit_is_given_besides_is_copied_with_the_rows(iris, routing):
    X, y = iris
    inner = Recorder()
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            inner.set_fit_request(offset=True, mode=True, eval_X=True)
        clf = SmoothedTargetClassifier(inner)
        given = {"offset": np.arange(150), "mode": "fast", "eval_X": X}
        clf.fit(X, y, sample_weight=np.ones(150), **given)
    assert_array_equal(clf.classifier_.offset_, np.repeat(np.arange(150), 3))
    assert clf.classifier_.mode_ == "fast"
    assert clf.classifier_.eval_X_ is X


def test_metadata_that_nobody_asked_for_is_refused(iris):
    with sklearn.config_context(enable_metadata_routing=True):
        with pytest.raises(ValueError, match="offset"):
            SmoothedTargetClassifier(Recorder()).fit(*iris, offset=np.arange(150))
    with pytest.raises(TypeError, match="offset"):
        SmoothedTargetClassifier().fit(*iris, offset=np.arange(150))


def test_methods_are_those_of_the_classifier():
    clf = SmoothedTargetClassifier(SVC())
    assert hasattr(clf, "decision_function")
    assert not hasattr(clf, "predict_proba")
    clf = SmoothedTargetClassifier(DecisionTreeClassifier())
    assert hasattr(clf, "predict_log_proba")
    assert not hasattr(clf, "decision_function")
    with pytest.raises(NotFittedError):
        clf.predict_proba([[1.0]])


def test_clone_and_pickle(iris):
    clf = SmoothedTargetClassifier(DecisionTreeClassifier(), AS_IT_IS).fit(*iris)
    again = pickle.loads(pickle.dumps(clf))
    assert_array_equal(again.predict_proba(iris[0]), clf.predict_proba(iris[0]))
    assert not hasattr(clone(clf), "classifier_")
    assert not hasattr(clf.classifier, "classes_")


# Faults


def test_a_fit_that_fails_changes_nothing(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    clf = SmoothedTargetClassifier(LogisticRegression()).fit(frame, y)
    before = {**vars(clf)}
    for params in ({"classifier__C": -1}, {"classifier": RandomForestClassifier()}):
        clf.set_params(**params)
        with pytest.raises(ValueError, match=r"'C' parameter|bootstrap=False"):
            clf.fit(X[:, :2], y)
        after = {**vars(clf), "classifier": before["classifier"]}
        assert after == before


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"classifier": 3}, "'classifier' parameter of SmoothedTargetClassifier"),
        ({"classifier": LogisticRegression}, "instance"),
        ({"smoother": "uniform"}, "'smoother' parameter of SmoothedTargetClassifier"),
        ({"strategy": "draw"}, "'strategy' parameter of SmoothedTargetClassifier"),
        ({"n_draws": 0}, "'n_draws' parameter of SmoothedTargetClassifier"),
        ({"min_share": 1.0}, "'min_share' parameter of SmoothedTargetClassifier"),
        ({"random_state": "x"}, "'random_state' parameter of SmoothedTargetClassifier"),
    ],
)
def test_bad_parameters_are_refused_by_name(params, message, iris):
    with pytest.raises((InvalidParameterError, TypeError), match=message):
        SmoothedTargetClassifier(**params).fit(*iris)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        ([0, 1, 2], "inconsistent numbers of samples"),
        ([0] * 4, "one class"),
        ([0.1, 0.2, 0.3, 0.4], "Unknown label type"),
        (
            [[0, 1], [1, 1], [1, 0], [0, 0]],
            "takes one label a row .* or a matrix of floats",
        ),
        ([[0.5, 0.6]] * 4, "Row 0 is .* its sum 1.1"),
        ([[0.5, np.nan]] * 4, "NaN"),
        (["a", None, "b", "c"], "NaN or None"),
    ],
)
def test_bad_labels_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        SmoothedTargetClassifier().fit([[1], [2], [3], [4]], y)


@pytest.mark.parametrize(
    ("y", "y_soft", "message"),
    [
        ([0, 1, 1], [[0.5, 0.5]] * 2, "inconsistent numbers of samples"),
        ([0, 1, 1], [[0.2, 0.3, 0.5]] * 3, "3 columns, but there are 2 classes"),
        ([0, 1, 1], [[0.5, 0.6]] * 3, "Row 0 is"),
        (
            ["b", "c", "c"],
            pd.DataFrame({"a": [0.5] * 3, "b": [0.5] * 3}),
            "The columns of y_soft are",
        ),
        ([[0.5, 0.5]] * 3, [[0.5, 0.5]] * 3, "y_soft goes with one label a row in y"),
    ],
)
def test_bad_y_soft_is_refused(y, y_soft, message):
    with pytest.raises(ValueError, match=message):
        SmoothedTargetClassifier().fit([[1], [2], [3]], y, y_soft=y_soft)


def test_targets_that_are_no_probabilities_are_refused(iris):
    each = LabelSmoother(0.1, distribution="each")
    with pytest.raises(ValueError, match="distribution='uniform' and epsilon=convert"):
        SmoothedTargetClassifier(smoother=each).fit(*iris)
    X, y = iris
    SmoothedTargetClassifier(smoother=each).fit(X[:100], y[:100])  # sums to one


@pytest.mark.parametrize(
    ("output", "classes", "message"),
    [
        (np.ones((150, 2)) / 2, [0, 1, 2], r"shape \(150, 2\) for 150 rows and 3"),
        (np.full((150, 3), np.nan), [0, 1, 2], "probabilities that sum to 1"),
        (np.tile([1.5, -0.5, 0.0], (150, 1)), [0, 1, 2], "gave .* for row 0"),
        (np.ones((150, 3)) / 3, [2, 1, 0], "must be sorted"),
    ],
)
def test_what_a_smoother_gives_is_checked(iris, output, classes, message):
    class Broken(BaseEstimator):
        def fit(self, y):
            self.classes_ = np.array(classes)
            return self

        def transform(self, y):
            return output

    with pytest.raises(ValueError, match=message):
        SmoothedTargetClassifier(smoother=Broken()).fit(*iris)


def test_weights_are_checked(iris):
    clf = SmoothedTargetClassifier()
    with pytest.raises(ValueError, match="Negative"):
        clf.fit(*iris, sample_weight=-np.ones(150))
    with pytest.raises(ValueError, match=r"non-zero|zero for every row"):
        clf.fit(*iris, sample_weight=np.zeros(150))


def test_float16_targets_are_near_enough_to_distributions(iris):
    smoother = LabelSmoother(0.1, dtype=np.float16)
    clf = SmoothedTargetClassifier(smoother=smoother).fit(*iris)
    expected = SmoothedTargetClassifier().fit(*iris)
    assert_allclose(
        clf.predict_proba(iris[0]), expected.predict_proba(iris[0]), atol=0.01
    )


def test_parts_that_are_none_have_parameters_to_set(iris):
    X, y = iris
    clf = SmoothedTargetClassifier().set_params(
        classifier__C=0.5, smoother__epsilon=0.3
    )
    assert clf.classifier.C == 0.5
    assert clf.smoother.epsilon == 0.3
    grid = GridSearchCV(
        SmoothedTargetClassifier(LogisticRegression()),
        {"classifier__C": [0.1, 1], "smoother__epsilon": [0, 0.2]},
    ).fit(X, y)
    assert set(grid.best_params_) == {"classifier__C", "smoother__epsilon"}


def test_prior_of_y_soft_does_not_depend_on_its_container(iris, rng):
    X, y = iris
    y_soft = rng.dirichlet([1, 2, 3], len(y))
    clf = SmoothedTargetClassifier(smoother=LabelSmoother(0.5, distribution="prior"))
    array = clone(clf).fit(X, y, y_soft=y_soft).predict_proba(X)
    frame = clone(clf).fit(X, y, y_soft=pd.DataFrame(y_soft)).predict_proba(X)
    assert_allclose(array, frame)
    assert_allclose(array, clone(clf).fit(X, y_soft).predict_proba(X))


def test_penalty_of_sgd_acts_in_the_step_of_each_copy(iris):
    """As the guide says: divide alpha by the number of copies."""
    X, y = iris
    norms = {}
    for alpha, epsilon in ((0.03, 0.0), (0.01, 0.0), (0.01, 1e-9)):
        sgd = SGDClassifier("log_loss", alpha=alpha, random_state=0)
        clf = SmoothedTargetClassifier(sgd, LabelSmoother(epsilon)).fit(X, y)
        norms[alpha, epsilon] = np.abs(clf.classifier_.coef_).sum()
    copied = norms[0.01, 1e-9]
    assert abs(copied - norms[0.03, 0.0]) < 0.1 * abs(copied - norms[0.01, 0.0])


def test_what_is_no_classifier_is_refused(iris):
    clf = SmoothedTargetClassifier(Ridge())
    assert "Ridge" in clf._repr_html_()
    with pytest.raises(ValueError, match="must be a classifier"):
        clf.fit(*iris)
    with pytest.raises(ValueError, match="must be a classifier"):
        cross_val_score(clf, *iris, error_score="raise")


@pytest.mark.parametrize(
    "search", [GridSearchCV(LOGISTIC, {}), StackingClassifier([("a", LOGISTIC)])]
)
def test_what_cross_validates_must_not_be_given_repeated_rows(search, iris):
    clf = SmoothedTargetClassifier(search, strategy="sample", n_draws=2)
    with pytest.raises(ValueError, match="cross-validates inside"):
        clf.fit(*iris)


def test_scores_of_pairs_of_classes_need_all_classes(iris):
    X, y = iris
    svc = SVC(decision_function_shape="ovo")
    clf = SmoothedTargetClassifier(svc, LabelSmoother(0))
    y_soft = np.c_[np.eye(3)[y], np.zeros(len(y))]
    with pytest.raises(ValueError, match="'ovo' scores pairs of classes"):
        clf.fit(X, y_soft).decision_function(X)
    assert clf.fit(X, y).decision_function(X).shape == (len(X), 3)


@pytest.mark.parametrize("routing", [False, True])
def test_weights_and_soft_labels_reach_it_in_a_grid_search(iris, rng, routing):
    X, y = iris
    weight, y_soft = rng.uniform(0.5, 2, len(y)), rng.dirichlet([1, 1, 1], len(y))
    clf = SmoothedTargetClassifier(LogisticRegression(max_iter=1000))
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            clf.set_fit_request(sample_weight=True, y_soft=True)
            clf.set_score_request(sample_weight=True)
        grid = GridSearchCV(clf, {"smoother__epsilon": [0.1]}, cv=3)
        grid.fit(X, y, sample_weight=weight, y_soft=y_soft)
        alone = clone(clf).fit(X, y, sample_weight=weight, y_soft=y_soft)
    assert_allclose(grid.predict_proba(X), alone.predict_proba(X), rtol=1e-6)
