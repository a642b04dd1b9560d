import re
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from cleanlab.classification import CleanLearning
from cleanlab.filter import find_label_issues as cleanlab_find
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    PredefinedSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import quick_classifier, quick_search
from sklearn_ls import LabelSmoothingClassifierCV
from sklearn_ls._labels.training_labels import encode_training_labels
from sklearn_ls.datasets import corrupt_labels
from sklearn_ls.inspection import find_label_issues

search = partial(quick_search, [0.1], max_epochs=15)


@pytest.fixture(scope="module")
def noisy(digits):
    """600 digits, of which 120 have wrong labels, and the mask of these."""
    rng = np.random.default_rng(0)
    X, y = digits[0][:600], digits[1][:600].copy()
    wrong = rng.choice(600, 120, replace=False)
    y[wrong] = (y[wrong] + rng.integers(1, 10, 120)) % 10
    return X, y, np.isin(np.arange(600), wrong)


def test_label_issues_are_mostly_wrong_labels(noisy):
    X, y, wrong = noisy
    issues = find_label_issues(search(), X, y)
    assert wrong[issues].mean() > 0.7  # by chance 0.2
    assert wrong[issues].sum() > 0.7 * wrong.sum()


def test_label_issues_equal_those_of_cleanlab_in_its_order(noisy):
    X, y, _ = noisy
    model = GaussianNB(var_smoothing=1e-2)
    y_proba = cross_val_predict(model, X, y, cv=4, method="predict_proba")
    issues = find_label_issues(model, X, y, cv=4)
    found = cleanlab_find(y, y_proba, n_jobs=1)
    assert_array_equal(np.sort(issues), np.flatnonzero(found))
    assert np.all(np.diff(y_proba[issues, y[issues]]) >= 0)


def test_labels_may_be_of_any_type(noisy):
    X, y, _ = noisy
    model = GaussianNB(var_smoothing=1e-2)
    issues = find_label_issues(model, X, y)
    for labels in (
        np.array(list("abcdefghij"))[y],
        7 * y - 3,
        pd.Series(y, dtype="Int64"),
    ):
        assert_array_equal(
            find_label_issues(GaussianNB(var_smoothing=1e-2), X, labels), issues
        )


def test_fitted_search_is_read_instead_of_trained_again(noisy, monkeypatch):
    X, y, _ = noisy
    fitted = search().fit(X, y)
    pipeline = make_pipeline(StandardScaler(), search()).fit(X, y)
    oof = fitted.oof_proba_
    monkeypatch.setattr(LabelSmoothingClassifierCV, "fit", None)
    issues = find_label_issues(fitted, X, y)
    assert_array_equal(np.sort(issues), np.flatnonzero(cleanlab_find(y, oof, n_jobs=1)))
    assert len(find_label_issues(pipeline, X, y))
    with pytest.raises(TypeError):  # different samples, so it would be trained
        find_label_issues(fitted, X[::-1], y[::-1])


@pytest.mark.parametrize("ranked_by", ["self_confidence", "normalized_margin"])
def test_frame_tells_what_to_relabel(noisy, ranked_by):
    X, y, wrong = noisy
    names = np.array(list("abcdefghij"))
    fitted = search().fit(X, names[y])
    how = {"ranked_by": ranked_by}
    issues = find_label_issues(fitted, X, names[y], **how)
    frame = find_label_issues(fitted, X, names[y], as_frame=True, **how)
    assert [*frame] == ["sample", "given_label", "suggested_label", "label_quality"]
    assert_array_equal(frame["sample"], issues)
    assert_array_equal(frame["given_label"], names[y[issues]])
    proba = fitted.oof_proba_[issues]
    assert_array_equal(frame["suggested_label"], names[proba.argmax(axis=1)])
    quality = proba[np.arange(len(issues)), y[issues]]
    if ranked_by == "normalized_margin":
        proba[np.arange(len(issues)), y[issues]] = -1
        quality = (1 + quality - proba.max(axis=1)) / 2
    assert_allclose(frame["label_quality"], quality, atol=1e-6)
    assert np.all(np.diff(frame["label_quality"]) >= 0)
    assert wrong[frame["sample"][:50]].mean() > 0.8


def test_folds_see_the_labels_themselves(noisy):
    X, y, _ = noisy
    y = np.array(list("jihgfedcba"))[y]  # in the other order
    weights = dict.fromkeys("abcdefghij", 1.0) | {"a": 5.0}
    model = GaussianNB(var_smoothing=1e-2)

    class Weighted(GaussianNB):
        def fit(self, X, y):
            return super().fit(X, y, sample_weight=[weights[label] for label in y])

    issues = find_label_issues(Weighted(var_smoothing=1e-2), X, y)
    proba = np.empty((600, 10))
    for train, test in StratifiedKFold(5).split(X, y):
        weight = np.where(y[train] == "a", 5.0, 1.0)
        fitted = clone(model).fit(X[train], y[train], sample_weight=weight)
        proba[test] = fitted.predict_proba(X[test])
    codes = np.searchsorted(model.fit(X, y).classes_, y)
    found = np.flatnonzero(cleanlab_find(codes, proba, n_jobs=1))
    assert_array_equal(np.sort(issues), found)


def test_named_matrices_and_class_weights_are_of_the_labels(noisy):
    X, y, wrong = noisy
    y, names = 7 * y - 3, 7 * np.arange(10) - 3
    matrix = pd.DataFrame(np.eye(10) * 0.8 + 0.02, names, names)
    for params in (
        {"class_weight": dict.fromkeys(names, 2.0)},
        {"transition_matrix": matrix},
        {"distribution": matrix},
    ):
        clf = quick_classifier(max_epochs=15, **params)
        assert wrong[find_label_issues(clf, X, y, cv=3)].mean() > 0.6


def test_soft_labels_are_scored_by_the_most_likely_label(noisy):
    X, y, wrong = noisy
    y_soft = 0.7 * np.eye(10)[y] + 0.03
    model = quick_classifier(max_epochs=15)
    proba = np.empty((600, 10))
    for train, test in StratifiedKFold(5).split(X, y):
        proba[test] = clone(model).fit(X[train], y_soft[train]).predict_proba(X[test])
    expected = np.flatnonzero(cleanlab_find(y, proba, n_jobs=1))
    assert wrong[expected].mean() > 0.7
    for estimator in (
        model,
        make_pipeline(model),
        GridSearchCV(model, {"epsilon": [0.1]}, cv=2),
    ):
        issues = find_label_issues(estimator, X, y, y_soft=y_soft)
        assert_array_equal(np.sort(issues), expected)
    assert_array_equal(find_label_issues(model, X, y_soft), issues)
    fitted = search().fit(X, y, y_soft=y_soft)
    found = np.flatnonzero(cleanlab_find(y, fitted.oof_proba_, n_jobs=1))
    assert_array_equal(np.sort(find_label_issues(fitted, X, y_soft)), found)
    plain = GaussianNB(var_smoothing=1e-2)  # does not support soft labels
    found = find_label_issues(plain, X, y_soft)
    assert_array_equal(found, find_label_issues(plain, X, y))


def test_best_of_a_fitted_grid_search_is_used(noisy):
    X, y, _ = noisy
    grid = GridSearchCV(GaussianNB(), {"var_smoothing": [1.0, 1e-2]}, cv=3).fit(X, y)
    best = GaussianNB(var_smoothing=grid.best_params_["var_smoothing"])
    assert_array_equal(find_label_issues(grid, X, y), find_label_issues(best, X, y))


def test_votes_are_scored_by_their_consensus(digits):
    X, y = digits[0][:600], digits[1][:600]
    answers = np.stack(
        [corrupt_labels(y, 0.45, random_state=seed)[0] for seed in range(3)], axis=1
    )
    given = corrupt_labels(y, 0.2, random_state=9)[0]
    consensus = encode_training_labels(None, votes=answers).codes
    frame = find_label_issues(search(), X, votes=answers, as_frame=True)
    assert_array_equal(frame["given_label"], consensus[frame["sample"]])
    wrong = consensus != y
    assert wrong[frame["sample"]].mean() > 2 * wrong.mean()
    frame = find_label_issues(search(), X, given, votes=answers, as_frame=True)
    assert_array_equal(frame["given_label"], given[frame["sample"]])
    assert (given != y)[frame["sample"]].mean() > 0.5  # by chance 0.2


@pytest.mark.filterwarnings("ignore:May not flag all label issues")
@pytest.mark.filterwarnings("ignore:These labels occur in votes, but not in y")
def test_votes_may_miss_a_class(noisy):
    X, y, wrong = noisy
    votes = np.stack([np.where(y == 3, 4, y)] * 2, axis=1)
    issues = find_label_issues(quick_classifier(max_epochs=15), X, y, votes=votes)
    assert np.mean(wrong | (y == 3), where=np.isin(np.arange(600), issues)) > 0.7
    assert np.mean(y[issues] == 3) > 2 * np.mean(y == 3)
    names = np.array([*list("abcdefghij"), "a long name"])
    named = np.where(votes == 4, 10, votes)
    model = GaussianNB(var_smoothing=1e-2)
    found = find_label_issues(model, X, names[y], votes=names[named].astype(object))
    assert_array_equal(found, find_label_issues(model, X, names[y]))
    with pytest.raises(ValueError, match="y must be None or have one label"):
        find_label_issues(model, X, np.eye(10)[y], votes=votes)
    with pytest.raises(TypeError, match="find_label_issues requires probabilities"):
        find_label_issues(GridSearchCV(model, {}, refit=False).fit(X, y), X, y)


def test_votes_are_assigned_to_samples_by_id(noisy):
    X, y, _ = noisy
    ids = [f"s{number}" for number in range(600)]  # s0, s1, s10, s100 if sorted
    votes = pd.DataFrame({"task": ids, "worker": "w", "label": y})
    frame = pd.DataFrame(X, index=ids)
    model = GaussianNB(var_smoothing=0.1)
    found = find_label_issues(model, frame, votes=votes.sample(frac=1, random_state=0))
    assert_array_equal(found, find_label_issues(model, X, y))
    with pytest.raises(ValueError, match="Pass X as a DataFrame with the ids as index"):
        find_label_issues(model, X, votes=votes)
    with pytest.raises(ValueError, match="the same samples in a different order"):
        find_label_issues(model, frame, votes=pd.DataFrame({"w": y}, index=ids[::-1]))


def test_votes_and_a_single_network(noisy):
    X, y, _ = noisy
    clf = quick_classifier(max_epochs=20)
    votes = np.stack([y, y], axis=1)
    found = find_label_issues(clf, X, votes=votes)
    assert_array_equal(found, find_label_issues(clf, X, y))


def test_groups_are_not_ignored_where_a_search_is_fitted(noisy):
    X, y, _ = noisy
    fitted = search().fit(X, y)
    groups = np.arange(600) // 4
    how = {"groups": groups, "cv": GroupKFold(3)}
    assert_array_equal(
        find_label_issues(fitted, X, y, **how), find_label_issues(search(), X, y, **how)
    )


def test_groups_stay_together(noisy):
    X, y, _ = noisy
    groups = np.arange(600) // 4
    model = GaussianNB(var_smoothing=1e-2)
    splits = list(GroupKFold(3).split(X, y, groups))
    by_groups = find_label_issues(model, X, y, groups=groups, cv=GroupKFold(3))
    assert_array_equal(by_groups, find_label_issues(model, X, y, cv=splits))


def test_samples_never_held_out_are_not_issues(noisy):
    X, y, wrong = noisy
    folds = np.arange(600) % 3
    folds[folds == 2] = -1
    fitted = search(cv=PredefinedSplit(folds)).fit(X, y)
    issues = find_label_issues(fitted, X, y)
    assert np.all(folds[issues] >= 0)
    assert wrong[issues].mean() > 0.5


def test_label_issues_refuse_invalid_input(noisy, monkeypatch):
    X, y, _ = noisy
    for call, message in (
        ({"y": np.eye(10, dtype=int)[y]}, "Got a multilabel indicator matrix"),
        ({}, "Either y or votes must be passed"),
        ({"y_soft": np.eye(10)[y], "votes": y[:, np.newaxis]}, "cannot be combined"),
        ({"y": y, "ranked_by": "loss"}, "'ranked_by' parameter of find_label"),
    ):
        with pytest.raises(ValueError, match=message):
            find_label_issues(search(), X, **call)
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(ImportError, match=re.escape("sklearn-ls[cleanlab]")):
        find_label_issues(search(), X, y)


def test_cleanlab_can_train_on_what_it_leaves(noisy):
    X, y, wrong = noisy
    learner = CleanLearning(quick_classifier(max_epochs=15), cv_n_folds=3, seed=0)
    learner.fit(X, y)
    issues = learner.get_label_issues()["is_label_issue"].to_numpy()
    assert wrong[issues].mean() > 0.6  # by chance 0.2
    assert learner.predict(X[:5]).shape == (5,)
