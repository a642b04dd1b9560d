import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.calibration import calibration_curve

from sklearn_ls.metrics import (
    calibration_curve_multiclass,
    expected_calibration_error,
)

N, K = 600, 3


@pytest.fixture
def problem(rng):
    y_proba = rng.dirichlet(np.ones(K), N)
    return rng.integers(K, size=N), y_proba


def expected_curve(happened, predicted, **how):
    how = {"n_bins": 15, **how}
    return calibration_curve(happened.ravel(), predicted.ravel(), **how)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_top_label_is_the_curve_of_being_right(problem, strategy):
    y, y_proba = problem
    right = y_proba.argmax(axis=1) == y
    curve = calibration_curve_multiclass(y, y_proba, strategy=strategy)
    expected = expected_curve(right, y_proba.max(axis=1), strategy=strategy)
    assert_allclose(curve[:2], expected)
    assert curve[2].sum() == N


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_class_wise_is_the_curve_of_all_classes(problem, strategy):
    y, y_proba = problem
    how = {"strategy": strategy}
    curve = calibration_curve_multiclass(y, y_proba, kind="class-wise", **how)
    assert_allclose(curve[:2], expected_curve(np.eye(K)[y], y_proba, **how))
    assert curve[2].sum() == N * K


def test_a_probability_on_an_edge_is_in_the_bin_of_scikit_learn(rng):
    y_proba = np.repeat(np.arange(5, 11), 10) / 10
    y = rng.integers(2, size=60)
    curve = calibration_curve_multiclass(y, y_proba, n_bins=10)
    right = np.where(y_proba > 0.5, y, 1 - y)
    assert_allclose(curve[:2], expected_curve(right, y_proba, n_bins=10))
    assert curve[2].tolist() == [10] * 6


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_mean_distance_of_the_curves_is_the_calibration_error(problem, strategy, rng):
    how = {"strategy": strategy, "sample_weight": rng.uniform(size=N)}
    prob_true, prob_pred, counts = calibration_curve_multiclass(*problem, **how)
    distance = np.average(np.abs(prob_true - prob_pred), weights=counts)
    assert_allclose(distance, expected_calibration_error(*problem, **how))


@pytest.mark.parametrize("unit", [1, 0.1, 0.3])
@pytest.mark.parametrize("n_bins", [3, 5, 10, 15])
def test_quantile_bins_hold_the_same_weight(problem, n_bins, unit):
    y, y_proba = problem
    weight = np.full(30, unit)
    _, _, counts = calibration_curve_multiclass(
        y[:30], y_proba[:30], strategy="quantile", n_bins=n_bins, sample_weight=weight
    )
    assert_allclose(counts, np.full(n_bins, 30 / n_bins * unit))


@pytest.mark.parametrize("kind", ["top-label", "class-wise"])
@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_weights_are_copies(problem, strategy, kind, rng):
    y, y_proba = problem
    how = {"strategy": strategy, "kind": kind}
    weight = rng.integers(3, size=N)
    copies = np.repeat(np.arange(N), weight)
    weighted = calibration_curve_multiclass(y, y_proba, sample_weight=weight, **how)
    copied = calibration_curve_multiclass(y[copies], y_proba[copies], **how)
    assert_allclose(weighted, copied)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="The 'n_bins' parameter"):
        calibration_curve_multiclass([0, 1], [0.5, 0.5], n_bins=0)
    with pytest.raises(ValueError, match="Pass all classes as labels"):
        calibration_curve_multiclass([1, 1], [0.5, 0.5])
