import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_ls.inspection import ReliabilityDisplay
from sklearn_ls.metrics import calibration_curve_multiclass, expected_calibration_error

pytestmark = pytest.mark.usefixtures("close_figures")
KINDS = pytest.mark.parametrize("kind", ["top-label", "class-wise"])


def draw_predictions(seed, n_samples=200, n_classes=4):
    rng = np.random.default_rng(seed)
    y_proba = rng.dirichlet(np.ones(n_classes), n_samples)
    return rng.permuted(np.arange(n_samples) % n_classes), y_proba


predictions = draw_predictions(0)


@KINDS
@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_display_holds_the_curve_and_the_error_of_metrics(kind, strategy, rng):
    y_true, y_proba = predictions
    options = {
        "kind": kind,
        "strategy": strategy,
        "n_bins": 7,
        "sample_weight": rng.uniform(size=len(y_true)),
        "labels": np.arange(4),
    }
    display = ReliabilityDisplay.from_predictions(y_true, y_proba, **options)
    prob_true, prob_pred, _ = calibration_curve_multiclass(y_true, y_proba, **options)
    assert_array_equal(display.prob_true, prob_true)
    assert_array_equal(display.prob_pred, prob_pred)
    error = expected_calibration_error(y_true, y_proba, **options)
    assert display.calibration_error == error


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 20),
    st.sampled_from(["top-label", "class-wise"]),
)
def test_histogram_counts_what_is_in_uniform_bins(seed, n_bins, kind):
    y_true, y_proba = draw_predictions(seed)
    y_proba = np.round(y_proba * 20) / 20  # some values on edges of bins
    y_proba[:, 0] += 1 - y_proba.sum(axis=1)
    y_proba = np.abs(y_proba) / np.abs(y_proba).sum(axis=1, keepdims=True)
    weight = np.random.default_rng(seed).integers(1, 3, len(y_true))
    options = {"kind": kind, "n_bins": n_bins, "sample_weight": weight}
    display = ReliabilityDisplay.from_predictions(y_true, y_proba, **options)
    plt.close("all")
    *_, counts = calibration_curve_multiclass(y_true, y_proba, **options)
    assert len(display.shares) == n_bins
    shares = display.shares[display.shares > 0]
    assert_allclose(shares, counts / counts.sum())


def test_estimators_are_asked_for_their_probabilities(iris, rng):
    X, y = iris
    y = np.array(["setosa", "versicolor", "virginica"])[y]
    pipeline = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2))
    with pytest.raises(NotFittedError):
        ReliabilityDisplay.from_estimator(pipeline, X, y)
    pipeline.fit(X, y)
    some = y != "virginica"  # one of the classes of the classifier
    options = {"kind": "class-wise", "strategy": "quantile", "n_bins": 5}
    options["sample_weight"] = rng.uniform(size=some.sum())
    display = ReliabilityDisplay.from_estimator(pipeline, X[some], y[some], **options)
    expected = ReliabilityDisplay.from_predictions(
        y[some],
        pipeline.predict_proba(X[some]),
        labels=pipeline.classes_,
        **options,
    )
    for name in ("kind", "prob_true", "prob_pred", "shares", "calibration_error"):
        assert_array_equal(getattr(display, name), getattr(expected, name))
    assert (display.name, expected.name) == ("Pipeline", None)
    named = ReliabilityDisplay.from_estimator(pipeline, X, y, name="mine")
    assert named.name == "mine"


def test_vector_of_probabilities_is_that_of_the_second_class(iris):
    X, y = iris[0][50:], iris[1][50:]
    y_proba = LogisticRegression().fit(X, y).predict_proba(X)
    matrix = ReliabilityDisplay.from_predictions(y, y_proba)
    vector = ReliabilityDisplay.from_predictions(y, y_proba[:, 1])
    assert_allclose(vector.prob_true, matrix.prob_true)
    assert_allclose(vector.shares, matrix.shares)


@KINDS
def test_display_draws_curve_and_histogram(kind):
    display = ReliabilityDisplay.from_predictions(*predictions, kind=kind, name="mine")
    assert_array_equal(display.line_.get_xdata(), display.prob_pred)
    assert_array_equal(display.line_.get_ydata(), display.prob_true)
    values, edges, _ = display.histogram_.get_data()
    assert_array_equal(values, display.shares)
    assert_allclose(edges, np.arange(16) / 15)
    ax = display.ax_
    assert display.figure_ is ax.figure is display.ax_histogram_.figure
    assert (*ax.get_xlim(), *ax.get_ylim()) == (0, 1, 0, 1)
    assert display.ax_histogram_.get_xlim() == (0, 1)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [
        "perfectly calibrated",
        f"mine, ECE {display.calibration_error:.3f}",
    ]
    assert (
        display.ax_histogram_.get_xlabel()
        == {
            "top-label": "confidence",
            "class-wise": "probability",
        }[kind]
    )


def test_displays_share_axes():
    display = ReliabilityDisplay.from_predictions(*predictions, name="first")
    other = ReliabilityDisplay.from_predictions(*draw_predictions(1), ax=display.ax_)
    assert other.plot(ax=display.ax_, name="third") is other
    assert other.ax_ is display.ax_
    assert other.ax_histogram_ is display.ax_histogram_
    assert display.figure_.axes == [display.ax_, display.ax_histogram_]
    assert len(display.ax_.lines) == 4  # the diagonal once
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    error = f"ECE {other.calibration_error:.3f}"
    assert texts[2:] == [error, f"third, {error}"]
    for one in (display, other):
        assert one.histogram_.get_edgecolor()[:3] == plt.matplotlib.colors.to_rgb(
            one.line_.get_color()
        )
    again = display.plot()
    assert again.ax_ is not other.ax_


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
def test_histogram_finds_room_below_any_axes_of_a_grid(layout):
    figure, axes = plt.subplots(2, 2, figsize=(12, 10), layout=layout, sharex=True)
    displays = [
        ReliabilityDisplay.from_predictions(*predictions, ax=ax) for ax in axes.flat
    ]
    figure.canvas.draw()
    whole = figure.get_window_extent()
    for display, ax in zip(displays, axes.flat, strict=True):
        assert display.ax_ is ax
        curve = ax.get_window_extent()
        histogram = display.ax_histogram_.get_window_extent()
        assert_allclose([histogram.x0, histogram.x1], [curve.x0, curve.x1], atol=0.01)
        assert_allclose(curve.width, curve.height)
        assert histogram.y1 < curve.y0
        for part in (ax, display.ax_histogram_):
            box = part.get_tightbbox()
            assert whole.x0 <= box.x0 < box.x1 <= whole.x1
            assert whole.y0 <= box.y0 < box.y1 <= whole.y1
    assert len({display.ax_histogram_ for display in displays}) == 4


def test_display_without_error_and_name_has_no_entry_in_the_legend():
    display = ReliabilityDisplay([0.5], [0.6], [0.0, 1.0]).plot()
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["perfectly calibrated"]


def test_display_refuses_invalid_input():
    y_true, y_proba = predictions
    with pytest.raises(ValueError, match="ax must be a subplot"):
        ReliabilityDisplay.from_predictions(
            y_true, y_proba, ax=plt.figure().add_axes([0, 0, 1, 1])
        )
    with pytest.raises(ValueError, match="must be probabilities that sum to 1"):
        ReliabilityDisplay.from_predictions(y_true, 2 * y_proba)
    with pytest.raises(ValueError, match="Pass all classes as labels"):
        ReliabilityDisplay.from_predictions(y_true, y_proba[:, :3] + y_proba[:, 3:] / 3)
    with pytest.raises(ValueError, match="'kind' parameter"):
        ReliabilityDisplay.from_predictions(y_true, y_proba, kind="all")
