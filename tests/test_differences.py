import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import KFold, ShuffleSplit, cross_val_predict

from helpers import quick_classifier, quick_search
from sklearn_ls._differences import (
    LEVEL,
    Mean,
    mean_of_samples,
    mean_of_splits,
)

SEEDS = st.integers(0, 10_000)


@given(SEEDS, st.integers(1, 4))
def test_samples_of_equal_splits_are_a_t_test(seed, n_comparisons):
    rng = np.random.default_rng(seed)
    values = rng.integers(-1, 2, 60) + rng.normal(0, 0.1)
    tests = np.argsort(values, kind="stable").reshape(12, 5).T  # equal splits
    mean = mean_of_samples([values[test] for test in tests], tests)
    expected = stats.ttest_1samp(values, 0)
    assert mean.value == pytest.approx(values.mean())
    assert mean.error == pytest.approx(stats.sem(values))
    significant = expected.pvalue * n_comparisons < LEVEL
    assert mean.is_significant(n_comparisons) == significant


@given(SEEDS)
def test_splits_that_differ_more_than_their_samples_have_the_larger_error(seed):
    rng = np.random.default_rng(seed)
    tests = np.split(rng.permutation(60), 5)
    of_splits = rng.permutation(5) - 2.0  # far from equal
    values = [mean + rng.normal(0, 0.1, 12) for mean in of_splits]
    mean = mean_of_samples(values, tests)
    assert mean.error == pytest.approx(stats.sem([part.mean() for part in values]))
    assert 4 <= mean.df < 6  # those of the splits


@given(SEEDS)
def test_splits_are_a_t_test(seed):
    values = np.random.default_rng(seed).normal(0.5, size=5)
    mean = mean_of_splits(values)
    expected = stats.ttest_1samp(values, 0)
    assert mean.value / mean.error == pytest.approx(expected.statistic)
    assert mean.is_significant() == (expected.pvalue < LEVEL)


def test_samples_that_are_tested_again_count_once(rng):
    values = rng.normal(size=40)
    tests = list(np.argsort(values).reshape(10, 4).T)
    once = mean_of_samples([values[test] for test in tests], tests)
    twice = mean_of_samples([values[test] for test in tests * 2], tests * 2)
    assert_allclose(twice, once)


def test_samples_repeated_in_a_split_count_as_weights():
    values = np.r_[1.0, np.zeros(11)]
    repeated = np.r_[np.zeros(9, dtype=int), 1:12]
    mean = mean_of_samples([values[repeated]], [repeated])
    weighted = mean_of_samples([values], [np.arange(12)], np.r_[9.0, np.ones(11)])
    assert_allclose(mean, weighted)


def test_a_split_without_weight_has_no_mean():
    tests = np.split(np.arange(12), 2)
    weight = np.r_[np.zeros(6), np.ones(6)]
    mean = mean_of_samples([np.ones(6)] * 2, tests, weight)
    assert np.isnan(mean.value)
    assert not mean.is_significant()


def test_tiny_differences_have_degrees_of_freedom(rng):
    values = rng.random((3, 20)) + 5 * np.arange(3)[:, np.newaxis]
    tests = np.split(np.arange(60), 3)
    mean = mean_of_samples(list(values * 1e-100), tests)
    assert mean.df == pytest.approx(mean_of_samples(list(values), tests).df)


def test_weights_are_of_the_samples_of_a_split(rng):
    values, weight = rng.normal(size=30), rng.uniform(0.5, 2, 30)
    tests = [np.arange(10), np.arange(10, 30)]
    parts = [values[test] for test in tests]
    mean = mean_of_samples(parts, tests, weight)
    averages = [np.average(values[test], weights=weight[test]) for test in tests]
    assert mean.value == pytest.approx(np.mean(averages))
    assert_allclose(mean_of_samples(parts, tests, 3 * weight), mean)
    equal = np.ones(30)
    assert_allclose(mean_of_samples(parts, tests, equal), mean_of_samples(parts, tests))
    weight[:5] = 0
    without = mean_of_samples(
        [parts[0][5:], parts[1]], [tests[0][5:], tests[1]], weight
    )
    assert_allclose(mean_of_samples(parts, tests, weight), without)


def test_nothing_is_significant_where_the_error_is_unknown():
    one_split = mean_of_splits(np.array([0.5]))
    assert np.isnan(one_split.error)
    assert not one_split.is_significant()
    one_sample = mean_of_samples([np.array([1.0])], [np.array([3])])
    assert np.isnan(one_sample.error)
    assert not one_sample.is_significant()


def test_rounding_is_not_significant():
    assert not Mean(1e-9, 0.0, np.inf).is_significant()
    assert Mean(1e-3, 0.0, np.inf).is_significant()


@pytest.mark.parametrize("cv", [KFold(3), ShuffleSplit(2, random_state=0)])
def test_search_compares_accuracies_by_sample(iris, cv):
    X, y = iris
    search = quick_search((0.5, 0.0, 0.1), cv=cv, ensemble=False).fit(X, y)
    means = search.cv_results_["mean_test_score"]
    assert_allclose(search.accuracy_difference_, means - means[1], atol=1e-12)
    assert search.accuracy_difference_se_[1] == 0
    tests = [test for _, test in cv.split(X, y)]
    correct = [
        [
            quick_classifier(epsilon).fit(X[train], y[train]).predict(X[test])
            == y[test]
            for train, test in cv.split(X, y)
        ]
        for epsilon in (0.5, 0.0)
    ]
    differences = [a.astype(float) - b for a, b in zip(*correct, strict=True)]
    error = mean_of_samples(differences, tests).error
    assert search.accuracy_difference_se_[0] == pytest.approx(error)


def test_search_compares_accuracies_whatever_it_is_scored_by(iris):
    search = quick_search((0.0, 0.5)).fit(*iris)
    by_loss = quick_search((0.0, 0.5), scoring="neg_log_loss").fit(*iris)
    assert_allclose(by_loss.accuracy_difference_, search.accuracy_difference_)
    in_processes = quick_search((0.0, 0.5), n_jobs=2).fit(*iris)
    assert_allclose(in_processes.accuracy_difference_, search.accuracy_difference_)


def test_weights_of_the_scores_count_in_the_comparison(iris, rng):
    weight = rng.uniform(0.1, 5, len(iris[1]))
    search = quick_search((0.0, 0.5)).fit(*iris, sample_weight=weight)
    means = search.cv_results_["mean_test_score"]
    assert_allclose(search.accuracy_difference_, means - means[0], atol=1e-12)


def test_weights_under_another_name_are_of_positions(iris, rng):
    X, y = iris
    weight = pd.Series(rng.uniform(0.1, 5, len(y)), index=np.arange(len(y))[::-1])
    scoring = make_scorer(accuracy_score)
    with sklearn.config_context(enable_metadata_routing=True):
        scoring.set_score_request(sample_weight="w")
        search = quick_search((0.0, 0.5), scoring=scoring).fit(X, y, w=weight)
    means = search.cv_results_["mean_test_score"]
    assert_allclose(search.accuracy_difference_, means - means[0], atol=1e-12)


def test_comparison_of_multilabel_networks_is_of_all_labels(rng):
    X, y = make_multilabel_classification(90, random_state=0)
    search = quick_search((0.0, 0.5), cv=KFold(3)).fit(X, y)
    means = search.cv_results_["mean_test_score"]
    assert_allclose(search.accuracy_difference_, means - means[0], atol=1e-12)


def test_held_out_predictions_give_the_same_comparison(iris):
    X, y = iris
    search = quick_search((0.0, 0.5), cv=KFold(3), ensemble=False).fit(X, y)
    correct = [
        cross_val_predict(quick_classifier(epsilon), X, y, cv=KFold(3)) == y
        for epsilon in (0.5, 0.0)
    ]
    difference = correct[0].astype(float) - correct[1]
    assert search.accuracy_difference_[1] == pytest.approx(difference.mean())
    error = max(
        stats.sem(difference), stats.sem(difference.reshape(3, -1).mean(axis=1))
    )
    assert search.accuracy_difference_se_[1] == pytest.approx(error)
