import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # before SciPy is imported

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import StandardScaler

matplotlib.use("agg")
try:
    from hypothesis import settings
except ImportError:  # not needed by the tests of the site
    pass
else:
    settings.register_profile("patient", deadline=None)  # machines may be busy
    settings.load_profile("patient")


def pytest_configure(config):
    if "cuda" not in config.option.markexpr:  # else device="auto" would take it
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("cuda") and not torch.cuda.is_available():
            reason = "needs a CUDA device and make cuda-test"
            item.add_marker(pytest.mark.skip(reason=reason))
        if item.get_closest_marker("posix") and os.name != "posix":
            item.add_marker(pytest.mark.skip(reason="not a POSIX system"))


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    return request.param


@pytest.fixture(scope="session")
def iris():
    """Standardised iris, three classes, float64."""
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="session")
def digits():
    """Digits scaled to [0, 1], ten classes, float32."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def close_figures():
    yield
    plt.close("all")
