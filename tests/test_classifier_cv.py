import copy
import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import logit
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.parallel import delayed

from helpers import quick_classifier, quick_search
from sklearn_ls import LabelSmoothingClassifier
from sklearn_ls._compat import InvalidParameterError
from sklearn_ls._search.run import make_parallel
from sklearn_ls._search.tasks import assign_devices

EPSILONS = [0.0, 0.1, 0.5]
SHORT = {"max_epochs": 6, "batch_size": 32, "learning_rate": 0.01}
make = partial(quick_search, **SHORT)


def make_grid(param_grid=None, **params):
    classifier = quick_classifier(**SHORT)
    return GridSearchCV(
        classifier, param_grid or {"epsilon": EPSILONS}, **{"cv": 3, **params}
    )


def assert_same_results(ours, theirs):
    assert list(ours) == list(theirs)
    for name, expected in theirs.items():
        if "time" in name:
            assert ours[name].shape == expected.shape
            assert np.all(ours[name] >= 0)
        elif name == "params":
            assert ours[name] == expected
        elif "score" in name or "accuracy" in name or "log_loss" in name:
            assert_allclose(ours[name], expected)
        else:
            assert_array_equal(ours[name], expected)
            assert ours[name].dtype == expected.dtype


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"scoring": "neg_log_loss"},
        {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"},
        {"scoring": {"a": "accuracy", "b": "f1_macro"}, "refit": False},
        {"scoring": make_scorer(accuracy_score), "refit": lambda results: 1},
        {"scoring": lambda clf, X, y: {"a": clf.score(X, y), "b": 0.0}, "refit": "a"},
        {"refit": False},
        {"cv": KFold(4, shuffle=True, random_state=1)},
        {"cv": ShuffleSplit(2, random_state=0)},
    ],
    ids=[
        "default",
        "log loss",
        "list",
        "dict",
        "refit by callable",
        "callable of dict",
        "no refit",
        "splitter",
        "shuffle split",
    ],
)
def test_search_equals_grid_search(iris, params):
    X, y = iris
    search = make(ensemble=False, **params).fit(X, y)
    grid = make_grid(**params).fit(X, y)
    assert_same_results(search.cv_results_, grid.cv_results_)
    assert search.n_splits_ == grid.n_splits_
    for name in ("best_index_", "best_params_", "best_score_"):
        assert hasattr(search, name) == hasattr(grid, name)
        if hasattr(grid, name):
            assert getattr(search, name) == getattr(grid, name)
    if search.refit is False:
        for call in (lambda: search.predict(X), lambda: search.score(X, y)):
            with pytest.raises(AttributeError, match="refit=False"):
                call()
    else:
        assert_allclose(search.predict_proba(X), grid.predict_proba(X), atol=1e-10)
        assert search.epsilon_ == grid.best_params_["epsilon"]
        if not callable(params.get("scoring")):
            assert_allclose(search.score(X, y), grid.score(X, y))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_ensemble_is_the_mean_of_the_fold_networks(iris, early_stopping):
    X, y = iris
    cv = StratifiedKFold(3)
    search = make(cv=cv, early_stopping=early_stopping).fit(X, y)
    assert len(search.estimators_) == search.n_splits_ == 3
    mean = np.mean([member.predict_proba(X) for member in search.estimators_], axis=0)
    assert_allclose(search.predict_proba(X), mean)
    assert_allclose(search.predict_log_proba(X), np.log(mean), atol=1e-14)
    assert_allclose(search.decision_function(X), np.log(mean), atol=1e-14)
    assert_array_equal(search.predict(X), mean.argmax(axis=1))
    for member, (train, test) in zip(search.estimators_, cv.split(X, y), strict=True):
        assert isinstance(member, LabelSmoothingClassifier)
        assert member.epsilon == search.epsilon_
        held_out = member.predict_proba(X[test])
        assert_allclose(search.oof_proba_[test], held_out)
        if early_stopping:
            assert member.score(X[test], y[test]) in member.validation_scores_
        else:
            alone = quick_classifier(search.epsilon_, **SHORT)
            alone.set_params(early_stopping=False)
            alone.fit(X[train], y[train])
            assert_allclose(held_out, alone.predict_proba(X[test]), atol=1e-10)
            assert member.n_iter_ == alone.n_iter_
            assert clone(member).get_params() == alone.get_params()
    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "loss_curve_")
    with pytest.raises(AttributeError, match="no attribute 'embed'") as error:
        search.embed(X)
    assert "ensemble=False" in str(error.value.__cause__)


@pytest.mark.parametrize("early_stopping", ["auto", True, False])
def test_fold_networks_stop_by_their_folds(digits, early_stopping):
    X, y = digits
    search = make([0.1], cv=4, max_epochs=2, early_stopping=early_stopping)
    member = search.fit(X[:60], y[:60]).estimators_[0]
    assert (member.validation_scores_ is not None) == bool(early_stopping)


def test_one_refitted_network_has_the_attributes_of_a_classifier(iris):
    X, y = iris
    search = make(ensemble=False, early_stopping=True).fit(X, y)
    clf = quick_classifier(search.epsilon_, early_stopping=True, **SHORT)
    clf.fit(X, y)
    fitted = {name for name in vars(clf) if name.endswith("_") and name[0] != "_"}
    for name in fitted - {"label_smoother_"}:
        assert_array_equal(getattr(search, name), getattr(clf, name))
    assert search.label_smoother_.epsilon == search.epsilon_
    assert_array_equal(search.embed(X), clf.embed(X))
    assert len(search.net_.history) == clf.n_iter_
    assert_array_equal(search.decision_function(X), clf.decision_function(X))


def test_oof_proba_is_nan_if_never_held_out_and_otherwise_a_mean(iris):
    X, y = iris
    test = np.arange(0, 30)
    search = make(cv=[(np.arange(30, 150), test)]).fit(X, y)
    assert np.isnan(search.oof_proba_[30:]).all()
    assert_allclose(search.oof_proba_[:30], search.predict_proba(X[:30]))
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    search = make(cv=cv).fit(X, y)
    total = np.zeros((len(y), 3))
    for member, (_, test) in zip(search.estimators_, cv.split(X, y), strict=True):
        total[test] += member.predict_proba(X[test]) / 2
    assert_allclose(search.oof_proba_, total)


def test_a_class_missing_from_a_fold(iris):
    X, y = iris
    y = np.where(np.arange(150) == 0, 7, y)  # one sample of another class
    cv = KFold(3, shuffle=True, random_state=0)
    search = make(cv=cv, early_stopping=True).fit(X, y)
    assert_array_equal(search.classes_, [0, 1, 2, 7])
    assert [len(member.classes_) for member in search.estimators_].count(4) == 2
    y_proba = search.predict_proba(X)
    assert_allclose(y_proba.sum(axis=1), 1)
    assert_allclose(np.exp(search.predict_log_proba(X)), y_proba)
    assert search.oof_proba_[0, 3] == 0
    assert np.count_nonzero(search.oof_proba_[:, 3]) == 100
    assert search.oof_proba_.shape == (150, 4)
    grid = make_grid(cv=cv).fit(X, y)
    search = make(cv=cv, ensemble=False).fit(X, y)
    assert_allclose(
        search.cv_results_["mean_test_score"], grid.cv_results_["mean_test_score"]
    )


def test_a_fold_with_a_single_class_raises(iris):
    X, y = iris
    cv = [(np.arange(50), np.arange(50, 150))]
    with pytest.raises(ValueError, match=r"50 training samples of a split .* class"):
        make(cv=cv).fit(X, y)


def test_multilabel_ensemble(iris):
    X, y = iris
    Y = np.c_[y == 0, y > 0, X[:, 1] > 0].astype(int)
    search = make().fit(X, Y)
    members = [member.predict_proba(X) for member in search.estimators_]
    mean = np.mean(members, axis=0)
    assert_allclose(search.predict_proba(X), mean)
    assert_allclose(search.decision_function(X), logit(mean))
    assert_allclose(search.predict_log_proba(X), np.log(mean))
    assert_array_equal(search.predict(X), mean > 0.5)
    assert search.oof_proba_.shape == Y.shape
    assert search.out_activation_ == "logistic"
    grid = make_grid().fit(X, Y)
    search = make(ensemble=False).fit(X, Y)
    assert_same_results(search.cv_results_, grid.cv_results_)


def test_labels_and_containers_do_not_matter(iris):
    X, y = iris
    expected = make().fit(X, y).predict_proba(X)
    names = np.array(["a", "b", "c"])
    frame = pd.DataFrame(X, columns=list("abcd"))
    search = make().fit(frame, pd.Series(names[y]))
    assert_array_equal(search.predict_proba(frame), expected)
    assert_array_equal(search.predict(frame), names[expected.argmax(axis=1)])
    assert_array_equal(search.estimators_[0].predict_proba(frame).shape, (150, 3))
    assert list(search.feature_names_in_) == list("abcd")
    frame = pl.DataFrame(X, schema=list("abcd"))
    assert_array_equal(make().fit(frame, y).predict_proba(frame), expected)
    matrix = sparse.csr_matrix(X)
    unscaled = make(feature_clip=None).fit(X, y).predict_proba(X)
    assert_allclose(make().fit(matrix, y).predict_proba(matrix), unscaled)
    assert_array_equal(make().fit(X.tolist(), y.tolist()).predict_proba(X), expected)


def test_scorers_receive_the_original_samples(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    seen = []

    def scoring(clf, X, y):
        seen.append(list(X.columns))
        return clf.score(X, y)

    make(scoring=scoring).fit(frame, y)
    assert seen == [list("abcd")] * 9


class ByColumn(KFold):
    """A splitter that uses a column of X by name."""

    def split(self, X, y=None, groups=None):
        yield np.flatnonzero(X["a"] <= 1), np.flatnonzero(X["a"] > 1)

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1


def test_splitters_receive_the_original_samples(iris):
    X, y = iris
    search = make(cv=ByColumn()).fit(pd.DataFrame(X, columns=list("abcd")), y)
    held_out = ~np.isnan(search.oof_proba_[:, 0])
    assert_array_equal(held_out, X[:, 0] > 1)


def test_groups_reach_the_splitter(iris):
    X, y = iris
    groups = np.arange(150) % 5
    cv = GroupKFold(5)
    search = make(cv=cv, ensemble=False).fit(X, y, groups=groups)
    grid = make_grid(cv=cv).fit(X, y, groups=groups)
    assert_same_results(search.cv_results_, grid.cv_results_)
    with sklearn.config_context(enable_metadata_routing=True):
        cv = GroupKFold(5)
        routed = make(cv=cv, ensemble=False).fit(X, y, groups=groups)
    assert_same_results(routed.cv_results_, grid.cv_results_)
    with pytest.raises(TypeError, match=r"unexpected arguments: unknown.*routing"):
        make().fit(X, y, unknown=groups)


def test_weights_reach_the_scorer(iris, rng):
    X, y = iris
    weight = rng.uniform(0, 3, 150)
    search = make().fit(X, y, sample_weight=weight)
    splits = list(StratifiedKFold(3).split(X, y))
    for k, (_, test) in enumerate(splits):
        member = search.estimators_[k]
        score = search.cv_results_[f"split{k}_test_score"][search.best_index_]
        assert_allclose(score, member.score(X[test], y[test], weight[test]))
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make().fit(X, y, sample_weight=weight)
        assert_same_results(routed.cv_results_, search.cv_results_)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        classifier = quick_classifier(**SHORT).set_fit_request(sample_weight=True)
        grid = GridSearchCV(classifier, {"epsilon": EPSILONS}, cv=3, scoring=scorer)
        grid.fit(X, y, sample_weight=weight)
        routed = make(ensemble=False, scoring=scorer)
        routed.fit(X, y, sample_weight=weight)
        assert_same_results(routed.cv_results_, grid.cv_results_)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
        unweighted = make(scoring=scorer).fit(X, y, sample_weight=weight)
    score = unweighted.cv_results_["split0_test_score"][unweighted.best_index_]
    test = splits[0][1]
    assert_allclose(score, unweighted.estimators_[0].score(X[test], y[test]))
    with pytest.warns(UserWarning, match="does not accept sample_weight"):
        make(scoring=lambda clf, X, y: clf.score(X, y)).fit(X, y, weight)


def test_in_a_pipeline_and_in_nested_cross_validation(iris):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), make(max_epochs=20))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.85
    grid = {"labelsmoothingclassifiercv__hidden_layer_sizes": [(2,), (30,)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_estimator_.score(X, y) > 0.85


def test_n_jobs_changes_nothing(iris):
    X, y = iris
    expected = make().fit(X, y)
    for backend in ("loky", "threading"):
        with parallel_config(backend, n_jobs=2):
            search = make().fit(X, y)
        y_proba = expected.predict_proba(X)  # rounding depends on the stack size
        assert_allclose(search.predict_proba(X), y_proba, rtol=0, atol=1e-12)
        assert_allclose(search.oof_proba_, expected.oof_proba_, rtol=0, atol=1e-12)
        assert_same_results(search.cv_results_, expected.cv_results_)


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_results_come_in_order_from_every_backend(backend):
    with parallel_config(backend, n_jobs=2):
        results = make_parallel(None)(delayed(abs)(-i) for i in range(5))
    assert list(results) == [0, 1, 2, 3, 4]


def test_more_processes_than_gpus_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"2 processes, but the number of GPUs is"):
        assign_devices("cuda", n_jobs=2)
    with pytest.raises(ValueError, match=r"Set n_jobs=1: a stack of networks"):
        assign_devices("cuda:0", n_jobs=2)
    monkeypatch.setattr("sklearn_ls._search.tasks.count_cuda_devices", lambda: 2)
    assert assign_devices("cuda", n_jobs=2) == ["cuda:0", "cuda:1"]
    assert assign_devices("cuda", n_jobs=1) == ["cuda"]
    assert assign_devices("cpu", n_jobs=2) == ["cpu"]


def test_a_grid_without_0_gets_a_warning_a_single_epsilon_does_not(iris):
    X, y = iris
    with pytest.warns(UserWarning, match="epsilons does not contain 0"):
        make([0.1, 0.2]).fit(X, y)
    search = make(np.array([0.3])).fit(X, y)
    assert search.epsilon_ == 0.3
    assert_array_equal(search.epsilons_, [0.3])
    assert len(search.cv_results_["params"]) == 1


def test_convergence_warning_counts_the_networks(iris):
    X, y = iris
    params = {"n_iter_no_change": 10, "max_epochs": 2}
    with pytest.warns(ConvergenceWarning, match="9 of 9 networks stopped"):
        make(**params).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="10 of 10 networks stopped"):
        make(ensemble=False, **params).fit(X, y)


def test_a_failed_fit_leaves_the_former_one(iris):
    X, y = iris
    search = make().fit(X, y)
    before = search.predict_proba(X)
    with pytest.raises(ValueError, match="NaN"):
        search.fit(np.full_like(X, np.nan), y)
    assert_array_equal(search.predict_proba(X), before)


def test_scorers_may_ask_for_the_estimators_score(iris):
    X, y = iris

    def scoring(clf, X, y):
        return {"error": clf.score(X, y) - 1}

    for ensemble in (True, False):
        search = make(scoring=scoring, refit="error", ensemble=ensemble).fit(X, y)
        assert search.multimetric_
        assert search.score(X, y) == accuracy_score(y, search.predict(X)) - 1


def test_splits_need_samples(iris):
    X, y = iris
    everything, nothing = np.arange(150), np.arange(0)
    for split in [(everything, nothing), (nothing, everything)]:
        with pytest.raises(ValueError, match=r"Split 1 of cv has .* must be non-empty"):
            make(cv=[(everything, everything), split]).fit(X, y)
    with pytest.raises(ValueError, match="no splits"):
        make(cv=[]).fit(X, y)


def test_scores_that_are_all_missing_are_an_error(iris):
    def scoring(clf, X, y):
        raise RuntimeError("no score today")

    with (
        pytest.warns(UserWarning, match="no score today"),
        pytest.warns(UserWarning, match="non-finite"),
        pytest.raises(ValueError, match="No candidate has a score"),
    ):
        make(scoring=scoring).fit(*iris)


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        ({"distribution": "foo"}, InvalidParameterError, "'distribution'"),
        ({"distribution": ["uniform", "each"]}, InvalidParameterError, "GridSearchCV"),
        ({"distribution": [[0.5, 0.5], [1.0]]}, InvalidParameterError, "an array of"),
        ({"refit": False}, ValueError, "Set ensemble=False"),
        ({"optimizer": torch.optim.Rprop}, ValueError, "Set weight_decay=0"),
        ({"scoring": "typo"}, InvalidParameterError, "'scoring'"),
        ({"refit": "typo", "scoring": ["accuracy"]}, ValueError, "parameter refit"),
        ({"cv": 60}, ValueError, "n_splits=60"),
    ],
    ids=str,
)
def test_search_explains_errors(iris, params, error, match):
    with pytest.raises(error, match=match):
        make(**params).fit(*iris)


def test_warnings_point_at_the_line_that_fits(iris):
    params = {"n_iter_no_change": 10, "max_epochs": 2}
    for fit in (
        lambda: make(**params).fit(*iris),
        lambda: make_pipeline(make([0.1, 0.2])).fit(*iris),
        lambda: quick_classifier(**{**SHORT, **params}).fit(*iris),
    ):
        with pytest.warns(UserWarning) as record:
            fit()
        assert {warning.filename for warning in record} == {__file__}


def test_fitting_again_leaves_nothing_of_the_fit_before(iris):
    X, y = iris
    search = make(ensemble=False).fit(X, y)
    search.set_params(ensemble=True).fit(pd.DataFrame(X, columns=list("abcd")), y)
    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "loss_curve_")
    for name in ("embed", "net_"):
        assert not hasattr(search.set_params(ensemble=False), name)
    search.set_params(refit=False, scoring=["accuracy", "f1_macro"]).fit(X, y)
    assert not hasattr(search, "feature_names_in_")
    assert not hasattr(search, "epsilon_")
    assert not hasattr(search, "estimators_")


def test_unfitted_search(iris):
    for ensemble in (True, False):
        search = make(ensemble=ensemble)
        for method in ("predict", "predict_proba", "decision_function"):
            with pytest.raises(NotFittedError):
                getattr(search, method)(iris[0])
        with pytest.raises(NotFittedError):
            search.score(*iris)


def test_pickle_and_copy(iris):
    X, y = iris
    for ensemble in (True, False):
        search = make(ensemble=ensemble).fit(X, y)
        for again in (pickle.loads(pickle.dumps(search)), copy.deepcopy(search)):
            assert_array_equal(again.predict_proba(X), search.predict_proba(X))
            assert_array_equal(again.oof_proba_, search.oof_proba_)


def test_same_seed_same_search_and_data_left_alone(iris):
    X, y = iris
    X, before = X.copy(), X.copy()
    X.flags.writeable = False
    one, two = (make(early_stopping=True).fit(X, y) for _ in range(2))
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    assert_array_equal(X, before)
    none = make(random_state=None).fit(X, y)
    assert np.any(none.predict_proba(X) != one.predict_proba(X))


def test_verbose_shows_one_bar(iris, capsys):
    X, y = iris
    make(verbose=1, ensemble=False).fit(X, y)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert "10 of 10 networks" in printed
    with parallel_config("threading", n_jobs=2):
        make(verbose=1).fit(X, y)
    assert "9 of 9 networks" in capsys.readouterr().out
    make().fit(X, y)
    assert capsys.readouterr().out == ""


def test_html_representation_links_to_the_documentation():
    assert "sklearn_ls.LabelSmoothingClassifierCV.html" in make()._repr_html_()
