"""The classifier in tools of scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from helpers import quick_classifier

NAMES = np.array(["setosa", "versicolor", "virginica"])


@pytest.fixture
def clf():
    return quick_classifier(learning_rate=0.01, max_epochs=30)


@pytest.fixture
def named_iris(iris):
    X, y = iris
    return X, NAMES[y]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_over_epsilon_in_a_pipeline(clf, named_iris, n_jobs):
    X, y = named_iris
    pipeline = make_pipeline(StandardScaler(), clf)
    grid = {"labelsmoothingclassifier__epsilon": [0.0, 0.1, 0.4]}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*worker.*")
        search = GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs).fit(X, y)
    assert search.score(X, y) > 0.9
    for epsilon, score in zip(
        grid["labelsmoothingclassifier__epsilon"],
        search.cv_results_["mean_test_score"],
        strict=True,
    ):
        pipeline.set_params(labelsmoothingclassifier__epsilon=epsilon)
        assert_allclose(cross_val_score(pipeline, X, y, cv=3).mean(), score)


def test_halving_search_with_epochs_as_resource(clf, named_iris):
    search = HalvingGridSearchCV(
        clf,
        {"epsilon": [0.0, 0.1, 0.2, 0.4]},
        resource="max_epochs",
        max_resources=32,
        random_state=0,
    )
    search.fit(*named_iris)
    assert search.best_estimator_.n_iter_ == search.n_resources_[-1]


def test_column_transformer_on_mixed_columns(clf, named_iris):
    X, y = named_iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["kind"] = np.where(frame["a"] > 0, "long", "short")
    columns = ColumnTransformer(
        [
            ("number", StandardScaler(), list("abcd")),
            ("kind", OneHotEncoder(), ["kind"]),
        ]
    )
    assert make_pipeline(columns, clf).fit(frame, y).score(frame, y) > 0.9


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_dataframes_give_feature_names(clf, named_iris, frame):
    X, y = named_iris
    frame = frame(dict(zip("abcd", X.T, strict=True)))
    clf.fit(frame, y)
    assert list(clf.feature_names_in_) == list("abcd")
    assert_array_equal(clf.predict_proba(frame), clf.fit(X, y).predict_proba(X))


@pytest.mark.parametrize("make_y", [pd.Series, pl.Series, pd.Categorical, list])
def test_labels_of_any_container(clf, named_iris, make_y):
    X, y = named_iris
    expected = clf.fit(X, y).predict_proba(X)
    assert_array_equal(clf.fit(X, make_y(y)).predict_proba(X), expected)


def test_text_features_stay_sparse(clf):
    texts = ["good great fine", "bad awful poor", "great fine", "awful bad"] * 10
    labels = ["positive", "negative"] * 20
    pipeline = make_pipeline(TfidfVectorizer(), clf).fit(texts, labels)
    assert list(pipeline.predict(["fine", "poor"])) == ["positive", "negative"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf: CalibratedClassifierCV(clf, method="temperature", cv=3),
        lambda clf: BaggingClassifier(clf, n_estimators=3, random_state=0),
        lambda clf: VotingClassifier(
            [("net", clf), ("linear", LogisticRegression())], voting="soft"
        ),
        lambda clf: StackingClassifier([("net", clf)], LogisticRegression(), cv=3),
        lambda clf: OneVsRestClassifier(clf),
    ],
    ids=["calibrated", "bagging", "voting", "stacking", "one-vs-rest"],
)
def test_meta_estimators(clf, named_iris, wrap):
    X, y = named_iris
    meta = wrap(clf).fit(X, y)
    assert meta.score(X, y) > 0.9
    assert_allclose(meta.predict_proba(X).sum(axis=1), 1)


def test_self_training_on_half_the_labels(clf, iris):
    X, y = iris
    partly = np.where(np.arange(len(y)) % 2, y, -1)
    clf = SelfTrainingClassifier(clf, threshold=0.6).fit(X, partly)
    assert clf.score(X, y) > 0.9


def test_cross_val_predict_gives_probabilities(clf, named_iris):
    X, y = named_iris
    proba = cross_val_predict(clf, X, y, cv=3, method="predict_proba")
    assert (NAMES[proba.argmax(axis=1)] == y).mean() > 0.9


def test_sample_weight_is_routed_through_a_pipeline(clf, named_iris):
    X, y = named_iris
    weight = np.where(y == "virginica", 3.0, 1.0)
    direct = clf.fit(X, y, sample_weight=weight).predict_proba(X)
    with sklearn.config_context(enable_metadata_routing=True):
        clf.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(clf)
        search = GridSearchCV(pipeline, {}, cv=3)
        routed = search.fit(X, y, sample_weight=weight).predict_proba(X)
    assert_array_equal(routed, direct)
