"""Training on copies equals training on soft targets."""

import lightgbm
import numpy as np
import pytest
import torch
import xgboost
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit, logit, softmax, xlogy
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from helpers import plain_classifier
from sklearn_ls import LabelSmoother, SmoothedTargetClassifier
from smoothed_target.copies import AS_IT_IS, NAMES, copies_by_hand


def cross_entropy(y_soft, proba, weight=1.0):
    return -np.sum(xlogy(y_soft, proba).sum(axis=1) * weight)


def softmax_regression(X, y_soft, weight, C):
    """Minimize the soft cross-entropy with ridge penalty; return coefs, intercepts."""
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
    network = plain_classifier(
        0.2,
        hidden_layer_sizes=(),
        batch_size=len(X),
        learning_rate=0.1,
        max_epochs=250,
        weight_decay=0,
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

    # Each copy makes a step and adds the penalty.
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
    by_hand = clone(boosting).set_params(min_samples_leaf=3 * 20)
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
