import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss

from sklearn_ls.metrics import soft_log_loss

N, K = 20, 4


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


def test_soft_log_loss_sorts_named_columns(y_soft, y_proba):
    frame = pd.DataFrame(y_soft, columns=list("abcd"))[list("cabd")]
    assert_allclose(soft_log_loss(frame, y_proba), soft_log_loss(y_soft, y_proba))


@pytest.mark.parametrize(
    ("y_soft", "y_proba", "match"),
    [
        ([[0.5, 0.6]], [[0.5, 0.5]], "Row 0 .* its sum 1.1"),
        ([[0, 1], [1, 0]], [[0.5, 0.5], [0.5, 0.5]], "y_soft must be a matrix of flo"),
        ([0, 1], [[0.5, 0.5], [0.5, 0.5]], "y_soft must be a matrix of floats"),
        ([[0.5, 0.5]], [[0.2, 0.3, 0.5]], "y_proba has 3 columns, but y_soft has 2"),
        ([[0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]], "inconsistent numbers of samples"),
        ([[0.5, 0.5]], [[1.5, -0.5]], "rows of y_proba must be .* Row 0 is"),
        ([[0.5, 0.5]], [[0.9, 0.9]], "rows of y_proba must be .* Row 0 is"),
        ([[0.5, 0.5]], [[np.nan, 0.5]], "y_proba contains NaN"),
    ],
)
def test_soft_log_loss_refuses(y_soft, y_proba, match):
    with pytest.raises(ValueError, match=match):
        soft_log_loss(y_soft, y_proba)
