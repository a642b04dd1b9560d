"""Invalid input and parameters, and the state after an error."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from sklearn_ls import LabelSmoother, SmoothedTargetClassifier
from sklearn_ls._compat import InvalidParameterError


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
            "must be one label per sample, or a matrix of floats",
        ),
        ([[0.5, 0.6]] * 4, "Row 0 is .* and sums to 1.1"),
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
        (
            [[0.5, 0.5]] * 3,
            [[0.5, 0.5]] * 3,
            "y_soft requires a y with one label per sample",
        ),
    ],
)
def test_bad_y_soft_is_refused(y, y_soft, message):
    with pytest.raises(ValueError, match=message):
        SmoothedTargetClassifier().fit([[1], [2], [3]], y, y_soft=y_soft)


def test_targets_that_are_not_probabilities_are_refused(iris):
    each = LabelSmoother(0.1, distribution="each")
    with pytest.raises(ValueError, match="distribution='uniform' and epsilon=convert"):
        SmoothedTargetClassifier(smoother=each).fit(*iris)
    X, y = iris
    SmoothedTargetClassifier(smoother=each).fit(X[:100], y[:100])  # sums to one


@pytest.mark.parametrize(
    ("output", "classes", "message"),
    [
        (np.ones((150, 2)) / 2, [0, 1, 2], r"shape \(150, 2\) for 150 samples and 3"),
        (np.full((150, 3), np.nan), [0, 1, 2], "probabilities that sum to 1"),
        (np.tile([1.5, -0.5, 0.0], (150, 1)), [0, 1, 2], "returned .* for row 0"),
        (np.ones((150, 3)) / 3, [2, 1, 0], "must be sorted"),
    ],
)
def test_output_of_a_smoother_is_checked(iris, output, classes, message):
    class Broken(BaseEstimator):
        def fit(self, y):
            self.classes_ = np.array(classes)
            return self

        def transform(self, y):
            return output

    with pytest.raises(ValueError, match=message):
        SmoothedTargetClassifier(smoother=Broken()).fit(*iris)


def test_dates_are_no_features():
    dates = pd.date_range("2026-01-01", periods=4)
    X = pd.DataFrame({"when": dates, "size": [1.0, 2, 3, 4]})
    clf = SmoothedTargetClassifier(GaussianNB())
    with pytest.raises(
        TypeError, match=r"Dates and durations are not supported as features: when"
    ):
        clf.fit(X, [0, 1, 0, 1])
    convert = FunctionTransformer(lambda X: X.assign(when=X["when"].dt.day_of_year))
    inside = make_pipeline(convert, GaussianNB())
    for estimator in (inside, VotingClassifier([("converts", inside)])):
        clf = SmoothedTargetClassifier(estimator, strategy="sample")
        assert clf.fit(X, [0, 1, 0, 1]).predict(X).shape == (4,)


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e308])
def test_extreme_weights_of_a_tree_weigh_like_others(scale, soft):
    X, y_soft = soft
    clf = SmoothedTargetClassifier(DecisionTreeClassifier(max_depth=2, random_state=0))
    expected = clf.fit(X, y_soft).predict_proba(X)
    weight = np.full(len(X), scale)
    proba = clf.fit(X, y_soft, sample_weight=weight).predict_proba(X)
    assert_allclose(proba, expected, atol=1e-9)


def test_weights_are_checked(iris):
    clf = SmoothedTargetClassifier()
    with pytest.raises(ValueError, match="Negative"):
        clf.fit(*iris, sample_weight=-np.ones(150))
    with pytest.raises(ValueError, match=r"non-zero|zero for every row"):
        clf.fit(*iris, sample_weight=np.zeros(150))
