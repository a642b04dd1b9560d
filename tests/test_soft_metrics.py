import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import brier_score_loss, log_loss

from sklearn_ls.metrics import soft_brier_score, soft_log_loss

N, K = 20, 4
METRICS = soft_brier_score, soft_log_loss


@pytest.fixture
def y_soft(rng):
    return rng.dirichlet(np.ones(K), N)


@pytest.fixture
def y_proba():
    return np.random.default_rng(1).dirichlet(np.ones(K), N)


@pytest.mark.parametrize("weighted", [False, True])
def test_soft_log_loss_is_that_of_weighted_copies(y_soft, y_proba, weighted, rng):
    weight = rng.uniform(0.1, 2, N) if weighted else None
    copies = np.tile(np.arange(K), N)
    weights = (y_soft * (1 if weight is None else weight[:, None])).ravel()
    expected = log_loss(copies, y_proba.repeat(K, axis=0), sample_weight=weights)
    assert_allclose(soft_log_loss(y_soft, y_proba, sample_weight=weight), expected)


def test_soft_log_loss_is_least_at_the_soft_labels(y_soft, y_proba):
    entropy = -(y_soft * np.log(y_soft)).sum(axis=1).mean()
    assert_allclose(soft_log_loss(y_soft, y_soft), entropy)
    assert soft_log_loss(y_soft, y_proba) > entropy


def test_soft_log_loss_is_finite_at_probability_zero():
    y_proba = np.array([[0.0, 1.0]], dtype=np.float32)
    expected = -np.log(np.finfo(np.float32).eps)
    assert_allclose(soft_log_loss([[1.0, 0.0]], y_proba), expected, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, K])
def test_of_one_hot_labels_they_are_the_scores_of_labels(n_classes, weighted, rng):
    y = np.arange(N) % n_classes
    y_proba = rng.dirichlet(np.ones(n_classes), N)
    weight = rng.uniform(0.1, 2, N) if weighted else None
    soft = np.eye(n_classes)[y], y_proba
    loss = soft_log_loss(*soft, sample_weight=weight)
    assert_allclose(loss, log_loss(y, y_proba, sample_weight=weight))
    brier = soft_brier_score(*soft, sample_weight=weight)
    expected = [  # scikit-learn < 1.7 supports only two classes
        brier_score_loss(y == k, y_proba[:, k], sample_weight=weight)
        for k in range(n_classes)
    ]
    assert_allclose(brier, np.sum(expected))


def test_soft_brier_score_is_that_of_weighted_copies_minus_a_constant(y_soft, y_proba):
    one_hot = np.tile(np.eye(K), (N, 1))
    of_copies = soft_brier_score(
        one_hot, y_proba.repeat(K, axis=0), sample_weight=y_soft.ravel()
    )
    impurity = 1 - (y_soft**2).sum(axis=1).mean()
    assert_allclose(soft_brier_score(y_soft, y_proba), of_copies - impurity)
    assert_allclose(soft_brier_score(y_soft, y_soft), 0, atol=1e-30)


@pytest.mark.parametrize("metric", METRICS)
def test_named_columns_are_sorted(metric, y_soft, y_proba):
    frame = pd.DataFrame(y_soft, columns=list("abcd"))[list("cabd")]
    assert_allclose(metric(frame, y_proba), metric(y_soft, y_proba))
    predicted = pd.DataFrame(y_proba, columns=list("abcd"))[list("dacb")]
    assert_allclose(metric(frame, predicted), metric(y_soft, y_proba))
    predicted.columns = range(4)  # no names
    assert_allclose(metric(frame, predicted), metric(y_soft, predicted.to_numpy()))
    predicted.columns = ["these", "are", "not", "classes"]
    with pytest.raises(ValueError, match=r"y_proba are named \['these'.* classes are"):
        metric(frame, predicted)


@pytest.mark.parametrize("metric", METRICS)
def test_numbers_may_be_names_as_text(metric, y_soft, y_proba):
    frame = pl.DataFrame(y_proba[:, [3, 0, 2, 1]], schema=["3", "0", "2", "1"])
    assert_allclose(metric(y_soft, frame), metric(y_soft, y_proba))


@pytest.mark.parametrize("metric", METRICS)
def test_a_vector_is_the_second_of_two_columns(metric, rng):
    y_soft, y_proba = rng.dirichlet(np.ones(2), (2, N))
    assert_allclose(metric(y_soft, y_proba[:, 1]), metric(y_soft, y_proba))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("y_soft", "y_proba", "match"),
    [
        ([[0.5, 0.6]], [[0.5, 0.5]], "Row 0 .* and sums to 1.1"),
        ([[0, 1], [1, 0]], [[0.5, 0.5], [0.5, 0.5]], "y_soft must be a matrix of flo"),
        ([0, 1], [[0.5, 0.5], [0.5, 0.5]], "y_soft must be a matrix of floats"),
        ([[0.5, 0.5]], [[0.2, 0.3, 0.5]], "y_proba has 3 columns, but y_soft has 2"),
        ([[0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]], "inconsistent numbers of samples"),
        ([[0.5, 0.5]], [[1.5, -0.5]], "rows of y_proba must be .* Row 0 is"),
        ([[0.5, 0.5]], [[0.9, 0.9]], "rows of y_proba must be .* Row 0 is"),
        ([[0.5, 0.5]], [[np.nan, 0.5]], "y_proba contains NaN"),
        ([[0.5, 0.5]], [1.5], "rows of y_proba must be .* Row 0 is"),
        ([[0.2, 0.3, 0.5]], [0.5], "y_proba has 2 columns, but y_soft has 3"),
    ],
)
def test_rows_that_are_not_distributions_are_refused(metric, y_soft, y_proba, match):
    with pytest.raises(ValueError, match=match):
        metric(y_soft, y_proba)
