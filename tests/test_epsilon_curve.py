from functools import partial

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    ShuffleSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from helpers import quick_classifier, quick_search
from sklearn_ls.inspection import EpsilonCurveDisplay

pytestmark = pytest.mark.usefixtures("close_figures")
make = partial(quick_search, (0.5, 0.0, 0.1))


def test_display_holds_the_scores_of_the_search_in_order(iris):
    search = make().fit(*iris)
    display = EpsilonCurveDisplay.from_search(search)
    assert_array_equal(display.epsilons, [0, 0.1, 0.5])
    for split in range(3):
        scores = search.cv_results_[f"split{split}_test_score"]
        assert_array_equal(display.scores[:, split], scores[[1, 2, 0]])
    assert display.epsilon == search.epsilon_
    assert display.score_name == "accuracy"


def test_display_of_a_pipeline_is_that_of_the_search_it_ends_in(iris):
    pipeline = make_pipeline(StandardScaler(), make()).fit(*iris)
    display = EpsilonCurveDisplay.from_search(pipeline)
    expected = EpsilonCurveDisplay.from_search(pipeline[-1])
    assert_array_equal(display.scores, expected.scores)


def test_display_draws_mean_error_folds_and_choice(rng):
    scores = rng.normal(size=(4, 5))
    epsilons = np.array([0, 0.1, 0.2, 0.4])
    _, ax = plt.subplots()
    display = EpsilonCurveDisplay(epsilons, scores, epsilon=0.2, score_name="gain")
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert_array_equal(display.line_.get_xdata(), epsilons)
    assert_allclose(display.line_.get_ydata(), scores.mean(axis=1))
    for line, fold in zip(display.fold_lines_, scores.T, strict=True):
        assert_array_equal(line.get_ydata(), fold)
    errors = scores.std(axis=1, ddof=1) / np.sqrt(5)
    extent = display.band_.get_datalim(ax.transData)
    assert_allclose(extent.y0, (scores.mean(axis=1) - errors).min())
    assert_allclose(extent.y1, (scores.mean(axis=1) + errors).max())
    assert_array_equal(display.chosen_.get_xdata(), [0.2, 0.2])
    assert ax.get_xlabel() == "epsilon"
    assert ax.get_ylabel() == "gain"
    assert display.text_.get_text() == display.verdict


def test_paired_display_draws_the_differences(rng):
    scores = rng.normal(size=(3, 4)) + 100 * rng.normal(size=4)
    display = EpsilonCurveDisplay(np.array([0, 0.1, 0.2]), scores).plot(paired=True)
    assert_allclose(display.line_.get_ydata(), (scores - scores[0]).mean(axis=1))
    assert_allclose(display.differences[0], 0)
    assert "difference from epsilon 0" in display.ax_.get_ylabel()
    assert display.chosen_ is None


def test_verdict_uses_the_paired_difference_of_the_chosen_epsilon():
    folds = np.array([0.5, 0.7, 0.9, 0.6])
    noise = np.array([0.01, -0.01, 0.005, 0.0])
    epsilons = np.array([0, 0.1])

    def verdict(*scores, epsilons=epsilons, **params):
        return EpsilonCurveDisplay(epsilons, np.array(scores), **params).verdict

    better = verdict(folds, folds + 0.05 + noise)
    assert better.startswith("epsilon 0.1: +0.051 +- 0.004 against epsilon 0, signif")
    assert verdict(folds, folds + 0.005 + noise).endswith("epsilon 0, not significant")
    assert verdict(folds, folds - noise - 0.05) == "epsilon 0 was chosen: no smoothing"
    worse = verdict(folds, folds - 0.05 + noise, epsilon=0.1)
    assert worse.startswith("epsilon 0.1: -0.049 +- 0.004 against epsilon 0, signif")
    # With more candidates, a significant difference must be larger.
    gain = folds + 0.021 + noise
    assert verdict(folds, gain).endswith(", significant")
    many = np.array([0, 0.1, 0.2, 0.3])
    assert verdict(folds, gain, *[folds] * 2, epsilons=many).endswith(
        ", not significant"
    )


def test_verdict_without_a_difference():
    scores = np.array([[0.5, 0.7, 0.9], [0.5, 0.7, 0.9]])
    no_zero = EpsilonCurveDisplay(np.array([0.1, 0.2]), scores)
    assert "nothing to compare" in no_zero.plot().text_.get_text()
    with pytest.raises(ValueError, match="epsilon 0, which was not searched"):
        no_zero.plot(paired=True)
    single = EpsilonCurveDisplay([0, 0.1], np.array([[0.5], [0.6]]))
    assert "a single fold" in single.plot().text_.get_text()
    infinite = EpsilonCurveDisplay([0, 0.1], [[0.5, -np.inf], [0.5, -np.inf]])
    assert "nothing to compare: scores are missing" in infinite.verdict


def test_verdict_of_accuracies_is_by_samples(iris):
    search = make(scoring=["accuracy", "neg_log_loss"], refit="accuracy").fit(*iris)
    display = EpsilonCurveDisplay.from_search(search)
    errors, df = display.errors
    assert_array_equal(errors, search.accuracy_difference_se_[[1, 2, 0]])
    assert_array_equal(df, search.accuracy_difference_df_[[1, 2, 0]])
    other = EpsilonCurveDisplay.from_search(search, metric="neg_log_loss")
    assert other.errors is None
    scoring = {"accuracy": "neg_log_loss", "acc": "accuracy"}
    search = make(scoring=scoring, refit="acc").fit(*iris)
    assert EpsilonCurveDisplay.from_search(search).errors is not None
    assert EpsilonCurveDisplay.from_search(search, metric="accuracy").errors is None
    split = ShuffleSplit(1, random_state=0)
    search = make(cv=split, refit=lambda results: 0).fit(*iris)
    assert search.epsilon_ == 0.5
    verdict = EpsilonCurveDisplay.from_search(search).verdict
    assert "against epsilon 0, " in verdict
    # The errors of samples are used if they are known.
    for error, words in ((0.001, ", significant"), (0.1, ", not significant")):
        scores = np.array([[0.5, 0.7, 0.9], [0.52, 0.75, 0.9]])
        errors = np.array([0, error]), np.array([100, 100])
        display = EpsilonCurveDisplay([0, 0.1], scores, errors=errors)
        assert display.verdict.endswith(words)


def test_display_of_a_grid_search_over_a_pipeline(iris):
    pipeline = make_pipeline(StandardScaler(), quick_classifier())
    name = "labelsmoothingclassifier__"
    grid = {
        f"{name}epsilon": [0, 0.2],
        f"{name}learning_rate": [1e-3, 0.05],
        f"{name}hidden_layer_sizes": [(5,)],
    }
    search = GridSearchCV(pipeline, grid, cv=3, scoring="neg_log_loss").fit(*iris)
    display = EpsilonCurveDisplay.from_search(search)
    rows = [
        row
        for row, params in enumerate(search.cv_results_["params"])
        if params[f"{name}learning_rate"] == 0.05
    ]
    assert search.best_params_[f"{name}learning_rate"] == 0.05
    means = search.cv_results_["mean_test_score"][rows]
    assert_allclose(display.scores.mean(axis=1), means)
    assert display.score_name == "neg_log_loss"


def test_display_of_several_scorers(iris):
    scoring = ["accuracy", "neg_log_loss"]
    search = make(scoring=scoring, refit="neg_log_loss").fit(*iris)
    display = EpsilonCurveDisplay.from_search(search)
    assert display.score_name == "neg_log_loss"
    assert display.scores.shape == (3, 3)
    assert np.all(display.scores <= 0)
    display = EpsilonCurveDisplay.from_search(search, metric="accuracy")
    assert np.all(display.scores >= 0)
    search = make(scoring=scoring, refit=False, ensemble=False).fit(*iris)
    display = EpsilonCurveDisplay.from_search(search, metric="accuracy")
    assert display.epsilon in (0, 0.1, 0.5)
    with pytest.raises(ValueError, match="Choose one of 'accuracy', 'neg_log_loss'"):
        EpsilonCurveDisplay.from_search(search)


def test_display_of_one_scorer_by_its_name(iris):
    search = make(scoring="accuracy", refit="accuracy").fit(*iris)
    for metric in (None, "accuracy"):
        display = EpsilonCurveDisplay.from_search(search, metric=metric)
        assert display.score_name == "accuracy"
    with pytest.raises(ValueError, match="metric='f1' is not a scorer"):
        EpsilonCurveDisplay.from_search(search, metric="f1")


def test_display_of_successive_halving_shows_its_last_round(iris):
    classifier = quick_classifier()
    grid = {"epsilon": [0, 0.1, 0.2, 0.4]}
    search = HalvingGridSearchCV(classifier, grid, cv=2, factor=2, random_state=0)
    display = EpsilonCurveDisplay.from_search(search.fit(*iris))
    last = np.flatnonzero(search.cv_results_["iter"] == search.n_iterations_ - 1)
    assert len(display.epsilons) == len(last) < 4


def test_no_verdict_without_scores_to_compare():
    epsilons, scores = [0, 0.1], [[0.5, 0.6], [np.nan, 0.6]]
    assert "missing" in EpsilonCurveDisplay(epsilons, scores).verdict
    assert "nothing to compare" in EpsilonCurveDisplay([0], [[0.5, 0.6]]).verdict


def test_display_requires_a_search_over_epsilon(iris):
    with pytest.raises(NotFittedError):
        EpsilonCurveDisplay.from_search(make())
    classifier = quick_classifier()
    with pytest.raises(TypeError, match="Got LabelSmoothingClassifier"):
        EpsilonCurveDisplay.from_search(classifier.fit(*iris))
    search = GridSearchCV(classifier, {"epsilon": [0, [0.1, 0.2, 0.3]]}, cv=2)
    with pytest.raises(ValueError, match="must be a single number"):
        EpsilonCurveDisplay.from_search(search.fit(*iris))
    search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2)
    with pytest.raises(ValueError, match=r"one epsilon\. Got a search over max_depth"):
        EpsilonCurveDisplay.from_search(search.fit(*iris))
