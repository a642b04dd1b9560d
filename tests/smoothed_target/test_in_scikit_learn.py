"""Use in scikit-learn: containers, searches, pipelines and routing."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import coo_array, csr_matrix
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_ls import LabelSmoother, SmoothedTargetClassifier
from smoothed_target.copies import AS_IT_IS, NAMES, Recorder


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
def test_sparse_samples_are_copied_sparse(container, iris):
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
def test_other_arguments_of_fit_are_copied_with_the_samples(iris, routing):
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
