import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from sklearn_ls.inspection import RiskCoverageDisplay
from sklearn_ls.metrics import area_under_risk_coverage, risk_coverage_curve

seeds = st.integers(0, 2**32 - 1)


def draw(seed, n_samples=30, n_classes=3):
    """Labels, and probabilities of which some are equal."""
    rng = np.random.default_rng(seed)
    y_proba = rng.dirichlet(np.ones(n_classes), n_samples)
    y_proba[::3] = y_proba[0]
    return rng.integers(0, n_classes, n_samples), y_proba


@given(seeds)
def test_curve_is_the_loop_over_thresholds(seed):
    y, y_proba = draw(seed)
    confidence = y_proba.max(axis=1)
    wrong = y_proba.argmax(axis=1) != y
    coverage, risk, thresholds = risk_coverage_curve(y, y_proba, labels=range(3))
    assert_array_equal(thresholds, np.unique(confidence)[::-1])
    for at, of, threshold in zip(coverage, risk, thresholds, strict=True):
        answered = confidence >= threshold
        assert at == pytest.approx(answered.mean())
        assert of == pytest.approx(wrong[answered].mean())
    area = area_under_risk_coverage(y, y_proba, labels=range(3))
    risks = [wrong[confidence >= own].mean() for own in confidence]
    assert area == pytest.approx(np.mean(risks))


@given(seeds)
def test_weights_are_repetitions(seed):
    y, y_proba = draw(seed)
    weight = np.random.default_rng(seed).integers(0, 4, len(y))
    weight[0] = 1
    expected = risk_coverage_curve(
        np.repeat(y, weight), np.repeat(y_proba, weight, axis=0), labels=range(3)
    )
    how = {"sample_weight": weight, "labels": range(3)}
    for ours, theirs in zip(
        risk_coverage_curve(y, y_proba, **how), expected, strict=True
    ):
        assert_allclose(ours, theirs)
    area = area_under_risk_coverage(y, y_proba, **how)
    shares = np.diff(expected[0], prepend=0)
    assert area == pytest.approx(np.average(expected[1], weights=shares))


@given(seeds)
def test_only_the_order_of_confidences_counts(seed):
    y, y_proba = draw(seed)
    confidence = y_proba.max(axis=1)
    expected = area_under_risk_coverage(y, y_proba, labels=range(3))
    for given_instead in (confidence, np.log(confidence), 5 * confidence**3 - 9):
        area = area_under_risk_coverage(
            y, y_proba, confidence=given_instead, labels=range(3)
        )
        assert area == pytest.approx(expected)
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(y))
    shuffled = area_under_risk_coverage(y[some], y_proba[some], labels=range(3))
    assert shuffled == pytest.approx(expected)


def test_extremes():
    y, y_proba = draw(0, n_samples=40)
    predicted = y_proba.argmax(axis=1)
    assert area_under_risk_coverage(predicted, y_proba) == 0
    wrong = predicted != y
    equal = area_under_risk_coverage(y, y_proba, confidence=np.ones(40))
    assert equal == pytest.approx(wrong.mean())
    best = area_under_risk_coverage(y, y_proba, confidence=~wrong)
    worst = area_under_risk_coverage(y, y_proba, confidence=wrong)
    assert best < equal < worst


def test_labels_and_probabilities_in_their_forms():
    y, y_proba = draw(1, n_classes=2)
    expected = area_under_risk_coverage(y, y_proba)
    assert area_under_risk_coverage(y, y_proba[:, 1]) == pytest.approx(expected)
    names = np.array(["no", "yes"])[y]
    assert area_under_risk_coverage(names, y_proba) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("confidence", "message"),
    [
        ([0.1, 0.2], "inconsistent numbers of samples"),
        (np.full(30, np.nan), "Input confidence contains NaN"),
        (np.ones((30, 2)), "1d"),
    ],
)
def test_invalid_confidences_are_refused(confidence, message):
    with pytest.raises(ValueError, match=message):
        risk_coverage_curve(*draw(2), confidence=confidence)


@pytest.mark.usefixtures("close_figures")
def test_display_draws_the_curve(iris):
    X, y = iris
    X = X + np.random.default_rng(0).normal(size=X.shape)
    model = LogisticRegression().fit(X[::2], y[::2])
    display = RiskCoverageDisplay.from_estimator(model, X[1::2], y[1::2])
    y_proba = model.predict_proba(X[1::2])
    coverage, risk, _ = risk_coverage_curve(y[1::2], y_proba)
    assert_array_equal(display.line_.get_xdata()[1:], coverage)
    assert_array_equal(display.line_.get_ydata()[1:], risk)
    assert display.line_.get_xdata()[0] == 0
    area = area_under_risk_coverage(y[1::2], y_proba)
    label = f"LogisticRegression, area {area:.3f}"
    assert display.ax_.get_legend_handles_labels()[1] == [label]

    other = RiskCoverageDisplay.from_predictions(
        y[1::2], y_proba, confidence=-y_proba.max(axis=1), ax=display.ax_
    )
    assert other.figure_ is display.figure_
    assert other.area > display.area
    constant = RiskCoverageDisplay.from_predictions(
        y[1::2], y_proba, confidence=np.ones(75), name="constant"
    )
    assert_array_equal(constant.line_.get_xdata(), [0, 1])
    assert_array_equal(constant.line_.get_ydata(), [risk[-1]] * 2)
    figure, ax = plt.subplots()
    again = RiskCoverageDisplay(coverage, risk).plot(ax=ax)
    assert again.figure_ is figure
    assert ax.get_legend() is None
