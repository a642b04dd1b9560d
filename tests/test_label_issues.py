import re
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from cleanlab.classification import CleanLearning
from cleanlab.filter import find_label_issues as cleanlab_find
from numpy.testing import assert_array_equal
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import quick_classifier, quick_search
from sklearn_ls import LabelSmoothingClassifierCV
from sklearn_ls.inspection import find_label_issues

search = partial(quick_search, [0.1], max_epochs=15)


@pytest.fixture(scope="module")
def noisy(digits):
    """Digits of which 120 of 600 labels are wrong, and which."""
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
    with pytest.raises(TypeError):  # other rows: it would be trained
        find_label_issues(fitted, X[::-1], y[::-1])


def test_rows_that_were_never_held_out_are_no_issues(noisy):
    X, y, wrong = noisy
    folds = np.arange(600) % 3
    folds[folds == 2] = -1
    fitted = search(cv=PredefinedSplit(folds)).fit(X, y)
    issues = find_label_issues(fitted, X, y)
    assert np.all(folds[issues] >= 0)
    assert wrong[issues].mean() > 0.5


def test_label_issues_refuse_what_they_cannot_judge(noisy, monkeypatch):
    X, y, _ = noisy
    with pytest.raises(ValueError, match="y must hold one label per sample"):
        find_label_issues(search(), X, np.eye(10)[y])
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
