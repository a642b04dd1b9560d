import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import quick_classifier, quick_search
from sklearn_ls.metrics import (
    area_under_risk_coverage,
    expected_calibration_error,
    get_scorer,
    log_loss_decomposition,
    soft_brier_score,
    soft_log_loss,
)

OF_LABELS = {
    "neg_area_under_risk_coverage": area_under_risk_coverage,
    "neg_expected_calibration_error": expected_calibration_error,
    "neg_calibration_loss": lambda *args, **given: (
        log_loss_decomposition(*args, **given).calibration
    ),
    "neg_refinement_loss": lambda *args, **given: (
        log_loss_decomposition(*args, **given).refinement
    ),
}
OF_SOFT_LABELS = {
    "neg_soft_log_loss": soft_log_loss,
    "neg_soft_brier_score": soft_brier_score,
}


@pytest.fixture(params=[2, 3], ids="{} classes".format)
def named_iris(iris, request):
    """Iris, or two classes of it, with names as labels."""
    X, y = iris
    rows = y >= 3 - request.param
    return X[rows], np.array(["setosa", "versicolor", "virginica"])[y[rows]]


@pytest.fixture
def soft_iris(named_iris):
    X, y = named_iris
    return X, 0.8 * pd.get_dummies(y, dtype=float) + 0.2 / len(np.unique(y))


@pytest.mark.parametrize("name", OF_LABELS)
def test_scorer_is_less_the_metric(named_iris, name, rng):
    X, y = named_iris
    weight = rng.uniform(size=len(y))
    clf = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    score = get_scorer(name)(clf, X, y, sample_weight=weight)
    metric = OF_LABELS[name](y, clf.predict_proba(X), sample_weight=weight)
    assert_allclose(score, -metric)


@pytest.mark.parametrize("name", OF_SOFT_LABELS)
def test_scorer_of_soft_labels_is_less_the_metric(soft_iris, name):
    X, y_soft = soft_iris
    clf = quick_classifier(0).fit(X, y_soft)
    metric = OF_SOFT_LABELS[name](y_soft, clf.predict_proba(X))
    assert_allclose(get_scorer(name)(clf, X, y_soft), -metric)


@pytest.mark.parametrize("name", OF_LABELS)
def test_a_fold_may_lack_a_class(named_iris, name):
    X, y = named_iris
    fold = np.where((np.arange(len(y)) % 2) | (y == "virginica"), -1, 0)
    clf = LogisticRegression()
    (score,) = cross_val_score(
        clf, X, y, scoring=get_scorer(name), cv=PredefinedSplit(fold)
    )
    train, test = fold == -1, fold == 0
    y_proba = clf.fit(X[train], y[train]).predict_proba(X[test])
    metric = OF_LABELS[name](y[test], y_proba, labels=clf.classes_)
    assert_allclose(score, -metric)


def test_parameters_are_those_of_the_metric(iris):
    X, y = iris
    clf = LogisticRegression().fit(X, y)
    how = {"kind": "class-wise", "n_bins": 4, "strategy": "quantile"}
    score = get_scorer("neg_expected_calibration_error", **how)(clf, X, y)
    metric = expected_calibration_error(y, clf.predict_proba(X), **how)
    assert_allclose(score, -metric)


@pytest.mark.parametrize("name", OF_LABELS)
def test_grid_search_and_ours_choose_the_same_epsilon(named_iris, name):
    X, y = named_iris
    folds = KFold(3, shuffle=True, random_state=0)
    scoring = get_scorer(name)
    grid = GridSearchCV(
        quick_classifier(early_stopping=False),
        {"epsilon": [0, 0.4]},
        scoring=scoring,
        cv=folds,
    ).fit(X, y)
    ours = quick_search([0, 0.4], scoring=scoring, cv=folds, early_stopping=False)
    ours.fit(X, y)
    results = [some.cv_results_["mean_test_score"] for some in (grid, ours)]
    assert_allclose(*results, rtol=1e-5)
    assert grid.best_params_ == ours.best_params_


@pytest.mark.parametrize("name", OF_SOFT_LABELS)
def test_searches_accept_soft_labels(soft_iris, name):
    X, y_soft = soft_iris
    scoring, folds = get_scorer(name), KFold(3, shuffle=True, random_state=0)
    ours = quick_search([0, 0.4], scoring=scoring, cv=folds)
    assert ours.fit(X, y_soft).best_score_ < 0
    clf = quick_classifier()
    assert np.all(cross_val_score(clf, X, y_soft, scoring=scoring, cv=folds) < 0)


def test_many_scores_with_weights_are_the_single_ones(iris, rng):
    X, y = iris
    weight = rng.integers(1, 3, len(y))
    scorers = {name: get_scorer(name) for name in OF_LABELS}
    search = {"estimator": LogisticRegression(), "param_grid": {"C": [0.1, 1]}}
    grid = GridSearchCV(**search, scoring=scorers, refit=False)
    grid.fit(X, y, sample_weight=weight)
    for name, scorer in scorers.items():
        single = GridSearchCV(**search, scoring=scorer, refit=False)
        single.fit(X, y, sample_weight=weight)
        assert_allclose(
            grid.cv_results_[f"mean_test_{name}"], single.cv_results_["mean_test_score"]
        )


def test_weights_are_routed(iris, rng):
    X, y = iris
    weight = rng.integers(2, size=len(y))
    folds = KFold(2, shuffle=True, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer("neg_expected_calibration_error")
        results = cross_validate(
            LogisticRegression().set_fit_request(sample_weight=False),
            X,
            y,
            scoring=scorer.set_score_request(sample_weight=True),
            cv=folds,
            params={"sample_weight": weight},
            return_estimator=True,
        )
    for (_, test), clf, score in zip(
        folds.split(X), results["estimator"], results["test_score"], strict=True
    ):
        metric = expected_calibration_error(
            y[test], clf.predict_proba(X[test]), sample_weight=weight[test]
        )
        assert_allclose(score, -metric)


@pytest.mark.parametrize("name", [*OF_LABELS, *OF_SOFT_LABELS])
def test_scorer_survives_pickle_and_clone(soft_iris, name):
    X, y = soft_iris
    y = y if name in OF_SOFT_LABELS else y.idxmax(axis=1)
    clf = LogisticRegression().fit(X, soft_iris[1].idxmax(axis=1))
    scorer = get_scorer(name)
    expected = scorer(clf, X, y)
    assert pickle.loads(pickle.dumps(scorer))(clf, X, y) == expected
    assert clone(scorer, safe=False)(clf, X, y) == expected


def test_unknown_names_and_parameters_are_refused():
    with pytest.raises(
        ValueError, match=r"'neg_log_loss' is not a scorer of sklearn_ls"
    ):
        get_scorer("neg_log_loss")
    with pytest.raises(
        TypeError, match=r"has no parameters \['bins', 'labels'\]\. Valid"
    ):
        get_scorer("neg_expected_calibration_error", bins=3, labels=[0, 1])
    with pytest.raises(TypeError, match=r"has no parameters \['sample_weight'\]"):
        get_scorer("neg_soft_log_loss", sample_weight=[1, 2])
