"""What a search makes of several scorers and the weights of the samples."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import accuracy_score, make_scorer, rand_score

from sklearn_ls import LabelSmoothingClassifierCV


def unweighted(y_true, y_pred):
    return np.mean(y_true == y_pred)


def count_right(estimator, X, y):
    return np.sum(estimator.predict(X) == y)


def weighted(estimator, X, y, sample_weight=None):
    return np.average(estimator.predict(X) == y, weights=sample_weight)


WITHOUT_WEIGHT = {
    "name": "rand_score",
    "scorer": make_scorer(rand_score),
    "metric": make_scorer(unweighted),
    "callable": count_right,
}
WITH_WEIGHT = {
    "name": "balanced_accuracy",
    "scorer": make_scorer(accuracy_score),
    "callable": weighted,
}
without_weight = pytest.mark.parametrize(
    "scorer", WITHOUT_WEIGHT.values(), ids=WITHOUT_WEIGHT
)


@pytest.fixture
def weight(iris, rng):
    return rng.exponential(size=len(iris[1]))


def make(**params):
    defaults = {
        "hidden_layer_sizes": (5,),
        "learning_rate": 0.01,
        "max_epochs": 3,
        "n_iter_no_change": np.inf,
        "cv": 2,
        "random_state": 0,
    }
    return LabelSmoothingClassifierCV([0.0, 0.2], **{**defaults, **params})


# Row 85
@without_weight
@pytest.mark.parametrize("decides", [False, True])
def test_search_warns_of_a_scorer_without_weight_among_others(
    iris, weight, scorer, decides
):
    scoring = {"right": "accuracy", "odd": scorer}
    search = make(scoring=scoring, refit="odd" if decides else "right")
    with pytest.warns(UserWarning, match="takes? no sample_weight") as warned:
        search.fit(*iris, sample_weight=weight)
    (message,) = [str(warning.message) for warning in warned]
    assert "'odd'" in message
    assert "'right'" not in message


# Row 85
@pytest.mark.parametrize("container", [list, tuple, set])
def test_search_names_the_scorer_without_weight(iris, weight, container):
    scoring = container(["accuracy", "rand_score", "neg_log_loss"])
    search = make(scoring=scoring, refit="accuracy")
    with pytest.warns(UserWarning, match=r"'rand_score'.*takes no sample_weight"):
        search.fit(*iris, sample_weight=weight)


# Row 85
def test_search_names_every_scorer_without_weight(iris, weight):
    scoring = ["rand_score", "accuracy", "adjusted_rand_score"]
    search = make(scoring=scoring, refit="accuracy")
    with pytest.warns(UserWarning, match="takes? no sample_weight") as warned:
        search.fit(*iris, sample_weight=weight)
    messages = " ".join(str(warning.message) for warning in warned)
    assert "'rand_score'" in messages
    assert "'adjusted_rand_score'" in messages
    assert "'accuracy'" not in messages


# Row 85
def test_search_weighs_the_scorers_that_take_weights(iris, weight):
    alone = make(scoring="accuracy").fit(*iris, sample_weight=weight)
    plain = make(scoring="rand_score")
    search = make(scoring=["accuracy", "rand_score"], refit="accuracy")
    for each in (search, plain):
        with pytest.warns(UserWarning, match="takes no sample_weight"):
            each.fit(*iris, sample_weight=weight)
    for ours, expected in (("accuracy", alone), ("rand_score", plain)):
        assert_array_equal(
            search.cv_results_[f"mean_test_{ours}"],
            expected.cv_results_["mean_test_score"],
        )


# Row 85
@pytest.mark.parametrize("scorer", WITH_WEIGHT.values(), ids=WITH_WEIGHT)
def test_search_is_quiet_where_all_scorers_take_weights(iris, weight, scorer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scoring = {"right": "accuracy", "other": scorer}
        make(scoring=scoring, refit="right").fit(*iris, sample_weight=weight)


# Row 85
@without_weight
def test_search_is_quiet_without_weights(iris, scorer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(scoring={"right": "accuracy", "odd": scorer}, refit="odd").fit(*iris)
