"""Sample weights with several scorers of a search."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.metrics import accuracy_score, get_scorer, log_loss, make_scorer
from sklearn.model_selection import StratifiedKFold

from sklearn_ls import LabelSmoothingClassifierCV
from sklearn_ls.metrics import get_scorer as get_our_scorer

EPSILONS = [0.0, 0.4]


def share_right(y_true, y_pred):
    return np.mean(y_true == y_pred)


def score_unweighted(estimator, X, y):
    return accuracy_score(y, estimator.predict(X))


def score_weighted(estimator, X, y, sample_weight=None):
    return accuracy_score(y, estimator.predict(X), sample_weight=sample_weight)


WEIGHTED = {
    "accuracy": "accuracy",
    "loss": "neg_log_loss",
    "error": get_our_scorer("neg_expected_calibration_error"),
    "function": score_weighted,
}
UNWEIGHTED = {"metric": make_scorer(share_right), "plain": score_unweighted}


def make(scoring, **params):
    return LabelSmoothingClassifierCV(
        EPSILONS,
        cv=3,
        scoring=scoring,
        max_epochs=3,
        n_iter_no_change=np.inf,
        random_state=0,
        **params,
    )


@pytest.fixture
def weight(rng):
    return rng.uniform(0, 3, 150)


def scores_of(search, name):
    index = search.best_index_
    return [search.cv_results_[f"split{k}_test_{name}"][index] for k in range(3)]


@pytest.mark.parametrize("ensemble", [True, False])
def test_weights_reach_the_scorers_that_take_them(iris, weight, ensemble):
    X, y = iris
    scoring = {**UNWEIGHTED, **WEIGHTED}
    search = make(scoring, refit="accuracy", ensemble=ensemble)
    message = r"do not accept sample_weight.* in their scores: 'metric', 'plain'\."
    with pytest.warns(UserWarning, match=message):
        search.fit(X, y, sample_weight=weight)
    splits = StratifiedKFold(3).split(X, y)
    for k, ((_, test), member) in enumerate(
        zip(splits, search.estimators_, strict=True)
    ):
        y_pred, y_proba = member.predict(X[test]), member.predict_proba(X[test])
        weighted = accuracy_score(y[test], y_pred, sample_weight=weight[test])
        unweighted = accuracy_score(y[test], y_pred)
        assert weighted != pytest.approx(unweighted)
        assert_allclose(scores_of(search, "accuracy")[k], weighted)
        assert_allclose(scores_of(search, "function")[k], weighted)
        loss = log_loss(y[test], y_proba, sample_weight=weight[test])
        assert_allclose(scores_of(search, "loss")[k], -loss)
        assert_allclose(scores_of(search, "metric")[k], unweighted)
        assert_allclose(scores_of(search, "plain")[k], unweighted)
    assert search.scorer_["plain"] is score_unweighted
    assert search.scorer_["metric"] is UNWEIGHTED["metric"]
    assert search.score(X, y) == pytest.approx(get_scorer("accuracy")(search, X, y))


def test_scores_with_weights_are_those_of_each_scorer_alone(iris, weight):
    X, y = iris
    search = make(WEIGHTED, refit=False, ensemble=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(X, y, sample_weight=weight)
    for name, scorer in WEIGHTED.items():
        alone = make(scorer, refit=False, ensemble=False).fit(
            X, y, sample_weight=weight
        )
        mean = alone.cv_results_["mean_test_score"]
        assert_allclose(search.cv_results_[f"mean_test_{name}"], mean)


@pytest.mark.parametrize("scoring", [UNWEIGHTED, {"plain": score_unweighted}])
def test_no_scorer_takes_weights(iris, weight, scoring):
    X, y = iris
    names = ", ".join(map(repr, scoring))
    with pytest.warns(UserWarning, match=f"do not accept sample_weight.*: {names}"):
        search = make(scoring, refit="plain").fit(X, y, sample_weight=weight)
    assert not np.isnan(scores_of(search, "plain")).any()


def test_a_single_scorer_without_weights_is_named_by_scoring(iris, weight):
    X, y = iris
    with pytest.warns(UserWarning, match=r"scoring=<function score_u.* does not acc"):
        make(score_unweighted).fit(X, y, sample_weight=weight)


def test_no_warning_without_weights(iris):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make({**UNWEIGHTED, **WEIGHTED}, refit="plain").fit(*iris)


def test_with_metadata_routing_the_scorers_ask_for_weights(iris, weight):
    X, y = iris
    with sklearn.config_context(enable_metadata_routing=True):
        scoring = {
            "weighted": get_scorer("accuracy").set_score_request(sample_weight=True),
            "unweighted": get_scorer("accuracy").set_score_request(sample_weight=False),
        }
        search = make(scoring, refit="weighted").fit(X, y, sample_weight=weight)
    for k, (_, test) in enumerate(StratifiedKFold(3).split(X, y)):
        y_pred = search.estimators_[k].predict(X[test])
        expected = accuracy_score(y[test], y_pred, sample_weight=weight[test])
        assert_allclose(scores_of(search, "weighted")[k], expected)
        assert_allclose(
            scores_of(search, "unweighted")[k], accuracy_score(y[test], y_pred)
        )
