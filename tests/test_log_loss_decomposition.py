import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax
from sklearn.metrics import log_loss

import sklearn_ls.metrics._log_loss_decomposition as module
from helpers import peak_memory
from sklearn_ls.metrics import log_loss_decomposition

N, K = 2000, 4


@pytest.fixture
def calibrated(rng):
    """Labels drawn from their probabilities."""
    y_proba = rng.dirichlet(np.ones(K), N)
    y = np.array([rng.choice(K, p=row) for row in y_proba])
    return y, y_proba


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [False, True])
def test_parts_sum_to_the_log_loss(calibrated, weighted, dtype, rng):
    y, y_proba = calibrated[0], calibrated[1].astype(dtype)
    weight = rng.uniform(0, 2, N) if weighted else None
    calibration, refinement = log_loss_decomposition(y, y_proba, sample_weight=weight)
    total = log_loss(y, y_proba, sample_weight=weight)
    rtol = {np.float64: 1e-14, np.float32: 1e-6}[dtype]
    assert_allclose(calibration + refinement, total, rtol=rtol)


def test_parts_of_a_vector_sum_to_the_log_loss(rng):
    y, p = rng.integers(2, size=N), rng.uniform(size=N)
    parts = log_loss_decomposition(y, p)
    assert_allclose(sum(parts), log_loss(y, p))
    two_columns = log_loss_decomposition(y, np.column_stack([1 - p, p]))
    assert_allclose(two_columns, parts)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_temperature_is_calibration_and_nothing_else_is(calibrated, scale):
    y, y_proba = calibrated
    scaled = softmax(scale * np.log(y_proba), axis=1)
    parts = log_loss_decomposition(y, scaled)
    assert_allclose(parts.refinement, log_loss(y, y_proba), atol=5e-3)
    gain = log_loss(y, scaled) - log_loss(y, y_proba)
    assert_allclose(parts.calibration, gain, atol=5e-3)
    of_calibrated = log_loss_decomposition(y, y_proba).refinement
    assert_allclose(parts.refinement, of_calibrated, rtol=1e-5)


def test_refinement_is_cross_validated(calibrated):
    y, y_proba = calibrated
    y, y_proba = y[:40], y_proba[:40]  # few samples, so overfitting is visible
    best = min(
        log_loss(y, softmax(scale * np.log(y_proba), axis=1))
        for scale in np.geomspace(0.1, 10, 100)
    )
    refinement = log_loss_decomposition(y, y_proba).refinement
    assert best + 1e-3 < refinement < best + 0.2


def test_uninformative_predictions_have_the_entropy_as_refinement():
    y = np.repeat([0, 1], [150, 50])
    parts = log_loss_decomposition(y, np.tile([0.99, 0.01], (200, 1)))
    entropy = -0.75 * np.log(0.75) - 0.25 * np.log(0.25)
    assert_allclose(parts.refinement, entropy, atol=1e-3)


@pytest.mark.parametrize("n_classes", [2, 50])
def test_unconfident_correct_samples_lack_only_a_temperature(n_classes):
    y = np.arange(100) % n_classes
    y_proba = (1 + np.eye(n_classes)[y]) / (n_classes + 1)
    parts = log_loss_decomposition(y, y_proba)
    # A scale fitted on 80 samples and one more of unknown label.
    assert_allclose(parts.refinement, -np.log((80 + 1 / n_classes) / 81))
    assert_allclose(sum(parts), np.log((n_classes + 1) / 2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_zeros_count_as_the_machine_precision(dtype):
    y = np.arange(100) % 2
    y_proba = np.eye(2, dtype=dtype)[y]
    y_proba[:10] = y_proba[:10, ::-1]  # confident and wrong
    eps = np.finfo(dtype).eps
    parts = log_loss_decomposition(y, y_proba)
    clipped = log_loss_decomposition(y, y_proba.clip(eps, 1 - eps))
    assert_allclose(parts, clipped, rtol=1e-5)


def test_one_confident_mistake_has_a_bounded_cost():
    y = np.arange(100) % 2
    y_proba = np.where(np.eye(2)[y] == 1, 0.8, 0.2)
    y_proba[0] = 0.2, 0.8
    parts = log_loss_decomposition(y, y_proba)
    assert parts.refinement < np.log(2 * 81) / 100 + 0.1


def test_samples_of_weight_zero_and_the_unit_of_weights_do_not_matter(calibrated, rng):
    y, y_proba = calibrated
    weight = rng.integers(3, size=N)
    rows = weight > 0
    expected = log_loss_decomposition(
        y[rows], y_proba[rows], sample_weight=weight[rows]
    )
    for unit in (1, 0.1):
        parts = log_loss_decomposition(y, y_proba, sample_weight=unit * weight)
        assert_allclose(parts, expected, rtol=1e-6)


def test_temperature_uses_samples_of_positive_weight(calibrated):
    y, y_proba = calibrated
    rows = np.arange(N) % 3 == 0
    scale = np.where(rows, 3, 0.4)[:, np.newaxis]
    scaled = softmax(scale * np.log(y_proba), axis=1)
    weight = np.where(rows, 1, 1e-6)
    parts = log_loss_decomposition(y, scaled, sample_weight=weight)
    expected = log_loss(y, y_proba, sample_weight=weight)
    assert_allclose(parts.refinement, expected, atol=5e-3)


def test_names_and_order_of_classes_and_missing_labels(calibrated):
    y, y_proba = calibrated
    rows = y != 2
    y, y_proba = y[rows], y_proba[rows]
    parts = log_loss_decomposition(y, y_proba, labels=range(K))
    names = np.array(["d", "c", "b", "a"])
    renamed = log_loss_decomposition(names[y], y_proba[:, ::-1], labels=names[::-1])
    assert_allclose(renamed, parts, atol=2e-3)  # the folds differ
    assert_allclose(sum(renamed), sum(parts))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="needs at least two samples of positive"):
        log_loss_decomposition([0, 1], [0.1, 0.9], sample_weight=[0, 1])
    with pytest.raises(ValueError, match="Pass all classes as labels"):
        log_loss_decomposition([1, 1], [0.5, 0.5])
    with pytest.raises(ValueError, match="must be probabilities that sum to 1"):
        log_loss_decomposition([0, 1], [[0.5, 0.6], [0.5, 0.5]])


# Row 100
def test_many_samples_take_little_memory(rng, monkeypatch):
    y_proba = rng.dirichlet(np.ones(10), 400_000)
    y = rng.integers(0, 10, 400_000)
    assert peak_memory(lambda: log_loss_decomposition(y, y_proba)) < 4 * y_proba.nbytes
    few = log_loss_decomposition(y, y_proba)
    monkeypatch.setattr(module, "MAX_FITTED", 10**9)
    assert_allclose(few, log_loss_decomposition(y, y_proba), atol=1e-4)
