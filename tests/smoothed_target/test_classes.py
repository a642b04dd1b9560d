"""Soft labels, classes and their weights."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from sklearn_ls import LabelSmoother, SmoothedTargetClassifier
from smoothed_target.copies import AS_IT_IS, NAMES, copies_by_hand

LOGISTIC = LogisticRegression()


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


def test_class_weight_uses_the_original_labels(iris):
    X, y = iris[0], NAMES[iris[1]]
    heavy = LogisticRegression(class_weight={"setosa": 100.0})
    plain, weighted = (
        SmoothedTargetClassifier(inner).fit(X, y).predict_proba(X)[:, 0].mean()
        for inner in (LOGISTIC, heavy)
    )
    assert weighted > 1.5 * plain


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


def test_score_uses_the_most_likely_of_soft_labels(soft):
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


@pytest.mark.parametrize("n_classes", [2, 3])
def test_columns_of_a_classifier_with_unsorted_classes_are_ordered(n_classes, soft):
    class Backwards(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            self.own_ = LogisticRegression().fit(X, y, sample_weight)
            self.classes_ = self.own_.classes_[::-1]
            return self

        def predict_proba(self, X):
            return self.own_.predict_proba(X)[:, ::-1]

        def decision_function(self, X):
            scores = self.own_.decision_function(X)
            return -scores if scores.ndim == 1 else scores[:, ::-1]

    X, y = soft[0], NAMES[soft[1][:, :n_classes].argmax(axis=1)]
    expected = SmoothedTargetClassifier(LogisticRegression()).fit(X, y)
    clf = SmoothedTargetClassifier(Backwards()).fit(X, y)
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X))
    assert_allclose(clf.decision_function(X), expected.decision_function(X))


@pytest.mark.parametrize("seen", [0, 1])
def test_scores_agree_with_the_only_class_that_was_seen(seen, soft):
    X, y = soft[0], np.arange(60) % 2
    boosting = HistGradientBoostingClassifier(max_iter=2)
    clf = SmoothedTargetClassifier(boosting, epsilon=0)
    clf.fit(X, NAMES[y], sample_weight=y == seen)
    assert_array_equal(clf.predict(X), NAMES[seen])
    scores = clf.decision_function(X)
    assert scores.shape == (60,)
    assert np.all(scores > 0) if seen else np.all(scores < 0)


def test_scores_of_pairs_of_classes_need_all_classes(iris):
    X, y = iris
    svc = SVC(decision_function_shape="ovo")
    clf = SmoothedTargetClassifier(svc, LabelSmoother(0))
    y_soft = np.c_[np.eye(3)[y], np.zeros(len(y))]
    with pytest.raises(ValueError, match="'ovo' scores pairs of classes"):
        clf.fit(X, y_soft).decision_function(X)
    assert clf.fit(X, y).decision_function(X).shape == (len(X), 3)


def test_prior_of_y_soft_does_not_depend_on_its_container(iris, rng):
    X, y = iris
    y_soft = rng.dirichlet([1, 2, 3], len(y))
    clf = SmoothedTargetClassifier(smoother=LabelSmoother(0.5, distribution="prior"))
    array = clone(clf).fit(X, y, y_soft=y_soft).predict_proba(X)
    frame = clone(clf).fit(X, y, y_soft=pd.DataFrame(y_soft)).predict_proba(X)
    assert_allclose(array, frame)
    assert_allclose(array, clone(clf).fit(X, y_soft).predict_proba(X))
