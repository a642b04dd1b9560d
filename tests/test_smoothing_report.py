import re
import sys
import warnings
from html import unescape

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    PredefinedSplit,
    StratifiedKFold,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from helpers import quick_classifier, quick_search
from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    LabelSmoothingClassifierCV,
    SmoothedTargetClassifier,
)
from sklearn_ls.inspection import (
    EpsilonCurveDisplay,
    SmoothingReport,
    smoothing_report,
)
from sklearn_ls.inspection._held_out import (
    check_X_labels,
    mean_held_out_proba,
    predict_all,
    read_held_out,
)
from sklearn_ls.inspection._report.scores import (
    SCORES,
    VariantScores,
    score_variants,
)
from sklearn_ls.inspection._report.temperature import scale
from sklearn_ls.metrics import expected_calibration_error

pytest.importorskip("sklearn", "1.8", reason="no scaling by a temperature before")
pytestmark = pytest.mark.usefixtures("close_figures")
SHORT = {"hidden_layer_sizes": (8,), "learning_rate": 0.03, "max_epochs": 6}
SCORING = {
    "accuracy": "accuracy",
    "log-loss": "neg_log_loss",
    "Brier score": "neg_brier_score",
}


def network(epsilon=0.2, **params):
    return quick_classifier(epsilon, **{**SHORT, **params})


def search(epsilons=(0.0, 0.3), **params):
    return quick_search(epsilons, **{**SHORT, **params})


def logistic(epsilon=0.2):
    # Converges, so that the order of the samples does not matter.
    return SmoothedTargetClassifier(
        LogisticRegression(tol=1e-8, max_iter=10_000), LabelSmoother(epsilon)
    )


@pytest.fixture(scope="module")
def of_network(iris):
    return smoothing_report(network(), *iris, cv=3)


@pytest.fixture(scope="module")
def fitted(iris):
    return search([0.3]).fit(*iris)


@pytest.fixture(scope="module")
def of_fitted(iris, fitted):
    return smoothing_report(fitted, *iris)


def made(differences=0.0, ways=("hard labels", "smoothed"), notes=()):
    scores = np.tile([0.5, 0.6, 0.7], (len(SCORES), len(ways), 1))
    scores[:, 1] += differences
    noise = {"uniform part": 0.123, "disagreement": np.nan}
    paired = {
        name: VariantScores([dict(zip(ways, split, strict=True)) for split in values.T])
        for name, values in zip(SCORES, scores, strict=True)
    }
    return SmoothingReport(paired, noise=noise, epsilons=[0.1] * 3, notes=notes)


def assert_equals_cross_validation(report, way, estimator, X, y):
    row = report.ways.index(way)
    scores = cross_validate(estimator, X, y, cv=3, scoring=SCORING)
    for number, name in enumerate(SCORING):
        expected = np.abs(scores[f"test_{name}"])
        assert_allclose(report.scores[number, row], expected, atol=1e-6)


def test_scores_equal_those_of_cross_validation(iris, of_network):
    assert of_network.ways == [
        "hard labels",
        "hard + temperature",
        "smoothed",
        "smoothed + temperature",
        "smoothed + unsmooth",
    ]
    hard = network(0.0)
    scaled = CalibratedClassifierCV(hard, method="temperature", ensemble=False)
    for way, estimator in {
        "hard labels": hard,
        "hard + temperature": scaled,
        "smoothed": network(),
        "smoothed + temperature": network(calibration="temperature"),
        "smoothed + unsmooth": network(calibration="unsmooth"),
    }.items():
        assert_equals_cross_validation(of_network, way, estimator, *iris)


@pytest.mark.parametrize("calibration", ["temperature", "unsmooth"])
def test_variants_do_not_depend_on_the_estimator_passed(iris, of_network, calibration):
    report = smoothing_report(network(calibration=calibration), *iris, cv=3)
    assert report.ways == of_network.ways
    assert_allclose(report.scores, of_network.scores)


def test_calibration_error_is_that_of_the_metrics(iris, of_network):
    X, y = iris
    train, test = next(StratifiedKFold(3).split(X, y))
    y_proba = network().fit(X[train], y[train]).predict_proba(X[test])
    expected = expected_calibration_error(y[test], y_proba)
    assert of_network.scores[3, 2, 0] == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:epsilons does not contain 0")
def test_search_chooses_epsilon_within_each_fold(iris):
    X, y = iris
    report = smoothing_report(search([0.1, 0.3]), X, y, cv=3)
    assert_equals_cross_validation(report, "smoothed", search([0.1, 0.3]), X, y)
    assert_equals_cross_validation(report, "hard labels", search([0.0]), X, y)
    chosen = [
        search([0.1, 0.3]).fit(X[train], y[train]).epsilon_
        for train, _ in StratifiedKFold(3).split(X, y)
    ]
    told = ", ".join(f"{epsilon:g}" for epsilon in chosen)
    assert f"on the training samples of each split: {told}." in report.notes[0]
    first, _ = next(StratifiedKFold(3).split(X, y))
    unsmoothed = search([chosen[0]], calibration="unsmooth").fit(X[first], y[first])
    test = np.setdiff1d(np.arange(len(y)), first)
    loss = -np.log(unsmoothed.predict_proba(X[test])[np.arange(50), y[test]]).mean()
    assert report.scores[1, 4, 0] == pytest.approx(loss)


@pytest.mark.filterwarnings("ignore:epsilons does not contain 0")
def test_other_variants_use_the_chosen_epsilon(iris):
    estimator = search([0.1, 0.3], distribution="others", calibration="unsmooth")
    report = smoothing_report(make_pipeline(estimator), *iris, cv=2)
    assert len(report.ways) == 5
    pipeline = make_pipeline(clone(estimator))
    scores = cross_validate(pipeline, *iris, cv=2, scoring="neg_log_loss")
    assert_allclose(report.scores[1, 4], -scores["test_score"])


def test_only_the_smoothed_way_searches(iris, monkeypatch):
    searches = []
    fit = LabelSmoothingClassifierCV.fit

    def spy(self, *args, **params):
        searches.append(len(self.epsilons) > 1)
        return fit(self, *args, **params)

    monkeypatch.setattr(LabelSmoothingClassifierCV, "fit", spy)
    smoothing_report(search(), *iris, cv=2)
    assert sum(searches) == 2  # one per fold


def test_table_holds_means_and_paired_differences(of_network):
    table, scores = of_network.table, of_network.scores
    assert list(table.columns) == ["mean", "se", "difference", "difference_se"]
    row = table.loc["log-loss", "smoothed"]
    differences = pd.Series(scores[1, 2] - scores[1, 0])
    assert row["mean"] == pytest.approx(scores[1, 2].mean())
    assert row["difference"] == pytest.approx(differences.mean())
    of_splits = table.loc["calibration error", "smoothed"]
    differences = pd.Series(scores[3, 2] - scores[3, 0])
    assert of_splits["se"] == pytest.approx(pd.Series(scores[3, 2]).sem())
    assert of_splits["difference_se"] == pytest.approx(differences.sem())
    assert not table.xs("hard labels", level="way")[["difference"]].any(axis=None)


def test_temperature_does_not_change_accuracy(of_network):
    assert_array_equal(of_network.scores[0, 1], of_network.scores[0, 0])


def test_any_classifier_with_an_epsilon_is_compared_in_the_ways_it_has(iris):
    X, y = iris
    report = smoothing_report(logistic(), X, y, cv=3)
    assert report.ways == ["hard labels", "hard + temperature", "smoothed"]
    assert_equals_cross_validation(report, "hard labels", logistic().classifier, X, y)
    assert_equals_cross_validation(report, "smoothed", logistic(), X, y)


def test_short_epsilon_of_any_classifier_is_found(iris):
    short = SmoothedTargetClassifier(logistic().classifier, epsilon=0.2)
    report = smoothing_report(short, *iris, cv=2)
    expected = smoothing_report(logistic(), *iris, cv=2)
    assert_allclose(report.scores, expected.scores)


def test_order_of_samples_does_not_matter(iris, rng):
    X, y = iris
    order = rng.permutation(len(y))
    splits = list(StratifiedKFold(3).split(X, y))
    moved = [
        (np.argsort(order)[train], np.argsort(order)[test]) for train, test in splits
    ]
    report = smoothing_report(logistic(), X, y, cv=splits)
    again = smoothing_report(logistic(), X[order], y[order], cv=moved)
    for way in (0, 2):  # the folds of the temperature depend on the order
        assert_allclose(again.scores[:, way], report.scores[:, way], atol=1e-5)
    assert again.noise == pytest.approx(report.noise, abs=1e-3)


@pytest.mark.parametrize(
    "labels", [["b", "a", "c"], [30, 10, 20], [-1.0, 0.0, 7.0]], ids=str
)
def test_labels_may_be_of_any_type(iris, of_network, labels):
    X, y = iris
    labels = np.sort(labels)
    report = smoothing_report(network(), X, pd.Series(labels[y]), cv=3)
    assert_array_equal(report.scores, of_network.scores)


def test_two_classes(iris):
    X, y = iris[0][50:], iris[1][50:] == 2
    always = {"early_stopping": False}  # "auto" depends on the folds of the temperature
    report = smoothing_report(network(**always), X, y, cv=3)
    assert_equals_cross_validation(report, "smoothed", network(**always), X, y)
    hard = network(0.0, **always)
    scaled = CalibratedClassifierCV(hard, method="temperature", ensemble=False)
    assert_equals_cross_validation(report, "hard + temperature", scaled, X, y)


def test_dataframes_reach_the_pipeline(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), network())
    report = smoothing_report(pipeline, frame, y, cv=2)
    assert_allclose(report.scores, smoothing_report(pipeline, X, y, cv=2).scores)
    with pytest.raises(NotFittedError):
        check_is_fitted(pipeline[-1])
    assert pipeline[-1].epsilon == 0.2


def test_folds_in_parallel_are_the_same(iris, of_network):
    with parallel_config(backend="threading"):
        report = smoothing_report(network(), *iris, cv=3, n_jobs=2)
    assert_allclose(report.scores, of_network.scores)


def test_warnings_of_all_trainings_are_issued_once(iris):
    wants_more = network(n_iter_no_change=5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        smoothing_report(wants_more, *iris, cv=3)
    (warning,) = caught
    assert warning.category is ConvergenceWarning
    assert warning.filename == __file__


def test_fitted_search_is_read_instead_of_trained_again(iris, fitted, monkeypatch):
    trained = []
    fit = LabelSmoothingClassifierCV.fit

    def spy(self, *args, **params):
        trained.append(self.epsilons)
        return fit(self, *args, **params)

    monkeypatch.setattr(LabelSmoothingClassifierCV, "fit", spy)
    monkeypatch.setattr(LabelSmoothingClassifier, "fit", None)
    report = smoothing_report(fitted, *iris)
    assert trained == [[0.0]]
    assert "oof_proba_" in report.notes[0]
    assert "no smoothed network was trained" in report.notes[0]
    assert "trained again" not in " ".join(report.notes)


def test_fitted_and_retrained_variants_are_paired(iris, fitted, of_fitted):
    X, y = iris
    assert of_fitted.ways == [
        "hard labels",
        "hard + temperature",
        "smoothed",
        "smoothed + temperature",
        "smoothed + unsmooth",
    ]
    hard = search([0.0]).fit(X, y)
    undone = search([fitted.epsilon_], calibration="unsmooth").fit(X, y)
    ways = {0: hard, 2: fitted, 4: undone}
    for way, oof in ((way, some.oof_proba_) for way, some in ways.items()):
        losses = -np.log(oof[np.arange(len(y)), y])
        folds = [losses[test].mean() for _, test in StratifiedKFold(3).split(X, y)]
        assert_allclose(of_fitted.scores[1, way], folds, rtol=1e-6)
    assert_array_equal(of_fitted.scores[0, 3], of_fitted.scores[0, 2])


def test_temperature_beside_a_search_is_of_the_other_folds(iris, fitted, of_fitted):
    X, y = iris
    _, test = next(StratifiedKFold(3).split(X, y))
    others = np.setdiff1d(np.arange(len(y)), test)

    def losses(factor, some):
        z = factor * np.log(fitted.oof_proba_[some])
        return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(some)), y[some]]

    scales = np.exp(np.linspace(-3, 3, 3001))
    best = scales[np.argmin([losses(factor, others).mean() for factor in scales])]
    assert of_fitted.scores[1, 3, 0] == pytest.approx(
        losses(best, test).mean(), rel=1e-3
    )


def test_temperature_beside_a_search_is_of_labels_that_could_be_learnt(iris):
    X, y = iris[0][:101], iris[1][:101]  # the last sample is the only one of its class
    even, odd = np.arange(0, 101, 2), np.arange(1, 101, 2)
    fitted = search([0.3], cv=[(odd, even), (even, odd)]).fit(X, y)
    report = smoothing_report(fitted, X, y)
    assert "no smoothed network was trained" in report.notes[0]
    logits = np.log(fitted.oof_proba_[even[:-1], :2])
    factor = minimize_scalar(
        lambda log_scale: log_loss(
            y[even[:-1]], softmax(np.exp(log_scale) * logits, axis=1)
        ),
        bounds=(-10, 10),
    ).x
    scaled = softmax(np.exp(factor) * np.log(fitted.oof_proba_[odd]), axis=1)
    expected = log_loss(y[odd], scaled, labels=[0, 1, 2])
    assert report.scores[1, 3, 1] == pytest.approx(expected, rel=1e-3)


def test_temperature_leaves_only_classes_that_nobody_knows_at_zero():
    oof_proba = np.zeros((3, 5))
    oof_proba[:, :2] = [[0.6, 0.4], [0.3, 0.7], [0.8, 0.2]]
    y_proba = np.array([[0.7, 0, 0.3, 0, 0]])
    scaled = scale(y_proba, oof_proba, np.array([0, 0, 3]))
    assert_array_equal(scaled > 0, [[True, True, True, True, False]])
    assert scaled.sum() == pytest.approx(1)


def test_temperature_keeps_classes_that_no_fold_holds_out(iris):
    X, y = iris
    folds = np.where(y == 2, -1, np.arange(len(y)) % 3)
    fitted = search([0.3], cv=PredefinedSplit(folds)).fit(X, y)
    report = smoothing_report(fitted, X, y)
    assert "no smoothed network was trained" in report.notes[0]
    assert report.scores[0, 0].max() < 1  # some samples are misclassified
    assert_array_equal(report.scores[0, 1], report.scores[0, 0])


def test_fitted_search_at_the_end_of_a_pipeline_is_read(iris, of_fitted):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), search([0.3])).fit(5 * X + 1, y)
    report = smoothing_report(pipeline, 5 * X + 1, y)
    assert_allclose(report.scores, of_fitted.scores, atol=1e-8)


def test_scoring_of_a_search_does_not_matter_to_hard_labels(iris, of_fitted):
    scoring = {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"}
    report = smoothing_report(search([0.3], **scoring).fit(*iris), *iris)
    assert_allclose(report.scores, of_fitted.scores)


def test_smoothing_behind_a_transition_is_not_undone(iris):
    report = smoothing_report(search(transition_matrix=0.1).fit(*iris), *iris)
    assert "smoothed + unsmooth" not in report.ways
    assert "fitted with a transition_matrix" in report.notes[-1]


def test_calibration_of_a_fitted_search_names_the_way(iris):
    fitted = search([0.3], calibration="unsmooth").fit(*iris)
    report = smoothing_report(fitted, *iris)
    assert report.ways == ["hard labels", "hard + temperature", "smoothed + unsmooth"]
    losses = -np.log(fitted.oof_proba_[np.arange(150), iris[1]])
    folds = [losses[test].mean() for _, test in StratifiedKFold(3).split(*iris)]
    assert_allclose(report.scores[1, 2], folds, rtol=1e-6)


def test_search_fitted_to_other_samples_is_trained_again(iris, rng, fitted):
    X, y = iris
    order = rng.permutation(len(y))
    report = smoothing_report(fitted, X[order], y[order], cv=2)
    expected = smoothing_report(clone(fitted), X[order], y[order], cv=2)
    assert_array_equal(report.scores, expected.scores)
    assert any("trained again" in note for note in report.notes)


def test_held_out_predictions_are_only_used_for_the_same_data(iris, fitted):
    def read(estimator, X=iris[0], y=iris[1], y_soft=None):
        return read_held_out(estimator, *check_X_labels(X, y, y_soft))

    X, y = iris
    some = np.r_[0:45, 50:95, 100:145]
    assert read(fitted).search is fitted
    assert read(fitted, X[some], y[some]) is None
    assert read(fitted, X[::-1], y[::-1]) is None
    assert read(fitted, X[:, :2]) is None
    for others in (np.arange(3) + 1, np.array([0, 1, 3])):
        assert read(fitted, y=others[y]) is None
    other = search([0.3]).fit(X, y).set_params(cv=2)
    assert read(other) is None
    assert read(network().fit(X, y)) is None
    for splitter, params in (
        (StratifiedKFold(3, shuffle=True), {}),
        (GroupKFold(3), {"groups": np.arange(len(y)) % 7}),
    ):
        other = clone(fitted).set_params(cv=splitter).fit(X, y, **params)
        assert read(other) is None


def test_held_out_predictions_are_read_only_of_the_same_labels(iris):
    """Even if the splits do not depend on the labels."""
    X, y = iris
    flipped, y_soft = y.copy(), np.eye(3)[y] * 0.7 + 0.1
    flipped[::10] = (y[::10] + 1) % 3
    folds = PredefinedSplit(np.arange(150) % 3)
    on_hard = search([0.3], cv=folds).fit(X, flipped)
    on_soft = search([0.3], cv=folds).fit(X, y, y_soft=y_soft)
    weighted = search([0.3], cv=folds).fit(X, y, sample_weight=1 + y)
    equally_weighted = search([0.3], cv=folds).fit(X, y, sample_weight=[2] * 150)
    for estimator, labels, is_read in (
        (on_hard, (flipped,), True),
        (on_hard, (y,), False),
        (on_hard, (flipped, y_soft), False),
        (on_soft, (y, y_soft), True),
        (on_soft, (y_soft,), True),
        (on_soft, (y,), False),
        (on_soft, (y, y_soft[:, [0, 2, 1]]), False),
        (weighted, (y,), False),
        (equally_weighted, (y,), True),
    ):
        held_out = read_held_out(estimator, *check_X_labels(X, *labels))
        assert (held_out is not None) == is_read


def test_classes_missing_from_a_fold_get_no_probability(iris):
    X, y = iris
    some = y != 1
    clf = LogisticRegression().fit(X[some], y[some])
    y_proba = predict_all(clf, X, np.arange(3))
    assert not y_proba[:, 1].any()
    assert_allclose(y_proba[:, [0, 2]], clf.predict_proba(X))


def test_samples_held_out_repeatedly_get_the_mean(rng):
    probas = [rng.dirichlet(np.ones(3), 2) for _ in range(2)]
    splits = [(None, np.array([0, 1])), (None, np.array([1, 3]))]
    mean = mean_held_out_proba(probas, splits, 4)
    expected = [probas[0][0], (probas[0][1] + probas[1][0]) / 2, [np.nan] * 3]
    assert_array_equal(mean, [*expected, probas[1][1]])


def test_noise_is_estimated_from_what_was_held_out(iris, fitted, of_fitted, rng):
    X, y = iris
    assert of_fitted.noise["uniform part"] < 0.05
    assert of_fitted.noise["disagreement"] < 0.2
    wrong = rng.choice(len(y), 45, replace=False)
    y = y.copy()
    y[wrong] = (y[wrong] + rng.integers(1, 3, 45)) % 3
    noise = smoothing_report(logistic(), X, y).noise
    assert noise["uniform part"] == pytest.approx(0.3, abs=0.1)
    assert noise["disagreement"] == pytest.approx(0.3, abs=0.1)


def test_labels_that_a_fold_has_not_seen_count_and_are_named(iris):
    X, y = iris[0], np.array(["a", "b", "<c>"])[iris[1]]
    half = np.arange(0, 150, 2)
    first = np.setdiff1d(np.arange(150), half)
    splits = [(half[half < 100], first), (first, half)]
    report = smoothing_report(network(), X, y, cv=splits)
    assert np.isfinite(report.scores).all()
    assert report.scores[1, 0, 0] > 10  # a third of the samples have probability 0
    assert "missing from the training samples of some splits: <c>" in str(report)
    assert "&lt;c&gt;" in report._repr_html_()
    assert "<c>" not in report._repr_html_()


def test_temperature_is_that_of_the_labels_that_could_be_learnt(iris):
    rows = np.r_[:102]  # two of the last label: each split trains on one
    X, y = iris[0][rows], iris[1][rows]
    splits = [(rows[1::2], rows[::2]), (rows[::2], rows[1::2])]
    report = smoothing_report(network(), X, y, cv=splits)
    for number, (train, test) in enumerate(splits):
        known, common = X[train[:-1]], y[train[:-1]]
        inner = list(StratifiedKFold(5).split(known, common))
        logits = np.empty((len(common), 3))
        # The class of the last sample is missing in training when it is held out.
        for fold, (kept, held_out) in enumerate(inner):
            kept = np.r_[kept, len(train) - 1] if fold else kept
            clf = network(0.0).fit(X[train][kept], y[train][kept])
            proba = clf.predict_proba(known[held_out])
            logits[held_out] = np.log(np.finfo(float).eps)
            logits[held_out[:, np.newaxis], clf.classes_] = np.log(proba)
        scale = minimize_scalar(
            lambda log_scale, logits=logits, common=common: log_loss(
                common, softmax(np.exp(log_scale) * logits, axis=1), labels=[0, 1, 2]
            ),
            bounds=(-10, 10),
        ).x
        logits = np.log(network(0.0).fit(X[train], y[train]).predict_proba(X[test]))
        expected = log_loss(y[test], softmax(np.exp(scale) * logits, axis=1))
        assert_allclose(report.scores[1, 1, number], expected, rtol=1e-5)


def test_too_few_samples_for_a_temperature_are_refused(iris):
    X, y = iris[0][[0, 1, 50, 51]], iris[1][[0, 1, 50, 51]]
    with pytest.raises(ValueError, match="Each label occurs only once"):
        smoothing_report(network(), X, y, cv=2)


def test_temperature_of_three_samples_per_label_uses_three_folds(iris):
    some = np.r_[0:6, 50:56]
    report = smoothing_report(network(), iris[0][some], iris[1][some], cv=2)
    assert np.isfinite(report.scores).all()


def test_folds_of_one_label_fit_no_temperature(iris):
    some = np.r_[0:12, 50:52]  # one of the second label to train on
    report = smoothing_report(logistic(), iris[0][some], iris[1][some], cv=2)
    assert np.isfinite(report.scores).all()


def test_search_that_chose_no_smoothing_is_compared_with_the_best_that_smooths(iris):
    def favour_less(classifier, X, y):
        return -classifier.epsilon

    estimator = search([0.0, 0.2, 0.9], scoring=favour_less)
    by_hand = smoothing_report(search([0.2]), *iris, cv=3)
    report = smoothing_report(estimator, *iris, cv=3)
    assert report.epsilons == [0.2] * 3
    assert_allclose(report.scores, by_hand.scores, atol=1e-6)
    assert "split: 0, 0, 0. Instead of 0, the best epsilon" in report.notes[0]
    fitted = clone(estimator).fit(*iris)
    read = smoothing_report(fitted, *iris)
    assert read.epsilons == [0.2] * fitted.n_splits_
    by_hand = smoothing_report(search([0.2]).fit(*iris), *iris)
    assert_allclose(read.scores, by_hand.scores, atol=1e-6)
    assert "the best epsilon above 0, 0.2, which was chosen" in read.notes[0]


@pytest.mark.parametrize("refit", [True, "accuracy"])
def test_grid_search_is_compared_by_its_best_that_smooths(iris, refit):
    pipeline = make_pipeline(StandardScaler(), network())
    grid = {"labelsmoothingclassifier__epsilon": [0.0, 0.1, 1.0]}
    scoring = {"accuracy": "accuracy", "log-loss": "neg_log_loss"}
    scoring = "accuracy" if refit is True else scoring
    fitted = GridSearchCV(pipeline, grid, cv=2, scoring=scoring, refit=refit)
    fitted.fit(*iris)
    best = fitted.best_params_["labelsmoothingclassifier__epsilon"]
    assert best < 1
    by_hand = clone(pipeline).set_params(labelsmoothingclassifier__epsilon=0.1)
    expected = smoothing_report(by_hand, *iris, cv=2)
    report = smoothing_report(fitted, *iris, cv=2)
    assert_allclose(report.scores, expected.scores)
    unranked = clone(fitted).set_params(scoring=["accuracy", "neg_log_loss"])
    unranked.set_params(refit=lambda results: 0).fit(*iris)
    with pytest.raises(ValueError, match="refit does not name one of several scores"):
        smoothing_report(unranked, *iris)
    hard = GridSearchCV(network(), {"epsilon": [0.0]}, cv=2).fit(*iris)
    with pytest.raises(ValueError, match=r"epsilon=0.0 does not smooth"):
        smoothing_report(hard, *iris)


def test_soft_labels_are_for_the_smoothed_variants(iris, rng):
    X, y = iris
    y_soft = 0.6 * np.eye(3)[y] + 0.4 * rng.dirichlet(np.ones(3), len(y))
    names = np.array(["a", "b", "c"])
    frame = pd.DataFrame(y_soft, columns=names)
    splits = list(StratifiedKFold(3).split(X, y))
    estimator = SmoothedTargetClassifier(LogisticRegression(C=30), epsilon=0)
    report = smoothing_report(estimator, X, y, y_soft=y_soft, cv=splits)
    for k, (train, test) in enumerate(splits):
        hard = LogisticRegression(C=30).fit(X[train], y[train])
        soft = clone(estimator).fit(X[train], y_soft[train])
        for way, model in (("hard labels", hard), ("smoothed", soft)):
            loss = log_loss(y[test], model.predict_proba(X[test]))
            assert report.scores[1, report.ways.index(way), k] == pytest.approx(loss)
    assert "trained on the soft labels" in report.notes[1]
    assert "strategy='replicate'" in report.notes[2]
    pipeline = make_pipeline(StandardScaler(), estimator)
    in_pipeline = smoothing_report(pipeline, X, frame, cv=splits)
    direct = smoothing_report(estimator, X, names[y], y_soft=frame, cv=splits)
    assert_allclose(direct.scores, report.scores)
    assert in_pipeline.scores.shape == direct.scores.shape
    with pytest.raises(TypeError, match="does not accept y_soft"):
        smoothing_report(CalibratedClassifierCV(network()), X, y, y_soft=y_soft)


def test_search_on_soft_labels_is_read(iris, rng, monkeypatch):
    X, y = iris
    y_soft = 0.6 * np.eye(3)[y] + 0.4 * rng.dirichlet(np.ones(3), len(y))
    fitted = search([0.0, 0.1]).fit(X, y, y_soft=y_soft)
    trained = []
    fit = LabelSmoothingClassifierCV.fit

    def spy(self, X, y, y_soft=None):
        trained.append(y_soft)
        return fit(self, X, y, y_soft=y_soft)

    monkeypatch.setattr(LabelSmoothingClassifierCV, "fit", spy)
    report = smoothing_report(fitted, X, y, y_soft=y_soft)
    assert trained == [None]  # hard labels only
    loss = log_loss(y, fitted.oof_proba_)
    assert report.scores[1, report.ways.index("smoothed")].mean() == pytest.approx(loss)


@pytest.mark.parametrize("around", ["calibrated", "vote"])
def test_estimators_around_a_network_are_compared(iris, around):
    estimator = network(early_stopping="auto")
    if around == "calibrated":
        estimator = CalibratedClassifierCV(estimator, cv=2)
    else:
        members = [
            ("tree", DecisionTreeClassifier(max_depth=2, random_state=0)),
            ("net", estimator),
        ]
        estimator = VotingClassifier(members, voting="soft")
    report = smoothing_report(estimator, *iris, cv=2)
    smoothed = report.ways.index("smoothed")
    scores = cross_validate(estimator, *iris, cv=2, scoring="neg_log_loss")
    assert_allclose(report.scores[1, smoothed], -scores["test_score"], atol=1e-6)


def test_impossible_variant_is_left_out_with_a_note(iris):
    report = smoothing_report(network(1.0), *iris, cv=2)
    assert report.ways[2:] == ["smoothed", "smoothed + temperature"]
    assert any("'smoothed + unsmooth' is left out:" in note for note in report.notes)


def test_inner_folds_stop_early_as_the_whole_does(digits):
    X, y = digits[0][:600, :20], digits[1][:600]
    params = {"early_stopping": "auto", "validation_fraction": 0.7, "max_epochs": 2}
    auto = smoothing_report(network(**params), X, y, cv=2)
    stopping = smoothing_report(
        network(**{**params, "early_stopping": True}), X, y, cv=2
    )
    assert_allclose(auto.scores, stopping.scores)


def test_notes_warn_of_unfair_comparisons(iris, of_network):
    for params, words in (
        ({"transition_matrix": 0.1}, "compare accuracies only"),
        ({"random_state": None}, "Without a random_state"),
    ):
        report = smoothing_report(network(**params), *iris, cv=2)
        assert words in " ".join(report.notes)
        assert words not in " ".join(of_network.notes)


def test_report_reads_well_as_text_and_as_html():
    report = made(np.array([0.1, 0.1, 0.1]), notes=["a <note>"])
    for shown in (repr(report).replace("\n", " "), report._repr_html_()):
        assert report.verdict in unescape(shown)
        assert "0.600 +- 0.058" in shown
        assert "+0.100 +- 0.000*" in shown
        assert "uniform part 0.12, disagreement requires cleanlab" in shown
        assert "Both may be wrong." in shown
    assert "a <note>" in repr(report)
    assert "a &lt;note&gt;" in report._repr_html_()
    assert not re.search("src=|href=|<script", report._repr_html_())
    assert max(map(len, repr(report).splitlines())) <= 100


@pytest.mark.parametrize(
    "form", [np.ndarray.tolist, lambda test: test - 150, lambda test: mask(test)]
)
def test_splits_may_be_of_any_form(iris, form):
    X, y = iris
    splits = list(StratifiedKFold(2).split(X, y))
    expected = smoothing_report(network(), X, y, cv=splits).table
    others = [(form(train), form(test)) for train, test in splits]
    pd.testing.assert_frame_equal(
        smoothing_report(network(), X, y, cv=others).table, expected
    )


def mask(samples):
    chosen = np.zeros(150, dtype=bool)
    chosen[samples] = True
    return chosen


def test_headline_allows_for_having_chosen_epsilon(rng):
    codes = np.repeat([0, 1], 300)
    tests = np.split(rng.permutation(600), 3)
    right = np.eye(2)[codes] * 0.6 + 0.2
    hard = right.copy()
    flipped = np.concatenate([test[:3] for test in tests])
    hard[flipped] = hard[flipped, ::-1]
    # All of the nine differences are gains: z = 3.
    probas = [{"hard labels": hard[test], "smoothed": right[test]} for test in tests]
    few = score_variants(codes, probas, tests, n_epsilons=2)["accuracy"]
    many = score_variants(codes, probas, tests, n_epsilons=16)["accuracy"]
    assert few.is_above("smoothed", "hard labels")
    assert not few.is_above("hard labels", "smoothed")
    assert not many.is_above("smoothed", "hard labels")
    loss = score_variants(codes, probas, tests)["log-loss"]
    assert loss.is_above("hard labels", "smoothed")


def test_report_and_curve_of_a_search_say_the_same(iris):
    X, y = iris
    fitted = search([0.0, 0.3, 0.6], refit=lambda results: 2).fit(X, y)
    report = smoothing_report(fitted, X, y)
    best = fitted.best_index_
    row = report.table.loc["accuracy", "smoothed"]
    assert row["difference"] == pytest.approx(fitted.accuracy_difference_[best])
    assert row["difference_se"] == pytest.approx(fitted.accuracy_difference_se_[best])
    assert report.paired["accuracy"].n_comparisons == 2
    verdict = EpsilonCurveDisplay.from_search(fitted).verdict
    is_significant = report.paired["accuracy"].is_above("smoothed", "hard labels")
    assert verdict.endswith(", significant") == is_significant


def test_plot_draws_differences_with_two_standard_errors():
    gain = np.array([0.1, 0.2, 0.3])
    report = made(gain)
    assert report.plot() is report
    assert [axis.get_title() for axis in report.axes_] == [
        "accuracy",
        "log-loss",
        "Brier score",
        "calibration error",
        "AURC",
    ]
    assert report.figure_ is report.axes_[0].figure
    points, _, (bars,) = report.axes_[0].containers[0]
    assert_allclose(points.get_xdata(), [0.2])
    ends = bars.get_segments()[0][:, 0]
    assert_allclose(np.diff(ends), 4 * gain.std(ddof=1) / np.sqrt(3))
    names = [label.get_text() for label in report.axes_[0].get_yticklabels()]
    assert names == ["smoothed"]
    _, axes = plt.subplots(5, 1)
    assert report.plot(ax=axes).axes_[3] is axes[3]
    with pytest.raises(ValueError, match=r"must have 5 axes, one per score\. Got 1"):
        report.plot(ax=axes[0])


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (LinearSVC(), TypeError, "LinearSVC has no predict_proba"),
        (LogisticRegression(), TypeError, "LogisticRegression has none"),
        (
            SmoothedTargetClassifier(),
            TypeError,
            "if its epsilon or its smoother is set",
        ),
        (
            GridSearchCV(network(), {"epsilon": [0, 0.1]}),
            TypeError,
            "Fit it first, so that its best estimator",
        ),
        (
            CalibratedClassifierCV(search()),
            TypeError,
            "must be the estimator itself or the last step",
        ),
        (network(0.0), ValueError, "epsilon=0.0 does not smooth"),
        (search([0.0]), ValueError, re.escape("epsilons=[0.0] does not smooth")),
    ],
)
def test_estimators_that_cannot_be_compared_are_refused(
    iris, estimator, error, message
):
    with pytest.raises(error, match=message):
        smoothing_report(estimator, *iris)


def test_samples_that_cannot_be_scored_are_refused(iris):
    X, y = iris
    with pytest.raises(ValueError, match="Got a multilabel indicator matrix of"):
        smoothing_report(network(), X, np.eye(3, dtype=int)[y])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        smoothing_report(network(), X[:-1], y)
    halves = [(np.arange(0, 150, 2), np.arange(1, 150, 2))]
    with pytest.raises(ValueError, match="cv must yield at least two splits"):
        smoothing_report(network(), X, y, cv=halves)


def test_missing_packages_are_named(iris, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        smoothing_report(network(), *iris)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=re.escape("sklearn-ls[plot]")):
        made().plot()
    monkeypatch.undo()
    monkeypatch.setattr("sklearn.__version__", "1.6.1")
    with pytest.raises(ImportError, match=r"scikit-learn 1\.7 or newer"):
        smoothing_report(network(), *iris)
