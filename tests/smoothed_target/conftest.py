import pytest
from scipy.special import softmax


@pytest.fixture
def soft(rng):
    """Soft labels of 60 rows that follow X, three classes."""
    X = rng.normal(size=(60, 4))
    return X, softmax(X @ rng.normal(size=(4, 3)) + rng.gumbel(size=(60, 3)), axis=1)
