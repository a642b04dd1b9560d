"""Memory that training and prediction need in addition to X, per sample."""

import numpy as np
import pandas as pd
import pytest
from skorch.callbacks import Callback

from helpers import peak_memory
from sklearn_ls import LabelSmoothingClassifier

SIZES = 60_000, 160_000  # the fixed costs are in both
LAYOUTS = {
    "float32": {},
    "float64": {"convert": lambda X: X.astype(np.float64)},
    "float16": {"convert": lambda X: X.astype(np.float16)},
    "uint8": {"convert": lambda X: (X > 0).astype(np.uint8)},
    "Fortran": {"convert": np.asfortranarray},
    "frame": {"convert": pd.DataFrame},
    "held out": {"early_stopping": True},
    "callback": {"callbacks": [Callback()]},
    "soft labels": {"n_classes": 10},
}


def growth(make_call):
    """Return the increase of the peak memory of a call per sample, in bytes."""
    make_call(1000)()  # exclude memory that is allocated only once
    peaks = [peak_memory(make_call(n)) for n in SIZES]
    return (peaks[1] - peaks[0]) / (SIZES[1] - SIZES[0])


def draw(n, convert=lambda X: X, n_classes=None):
    rng = np.random.default_rng(0)
    X = convert(rng.standard_normal((n, 8), dtype=np.float32))
    if n_classes is not None:
        return X, rng.dirichlet(np.ones(n_classes), n)
    return X, rng.integers(0, 10, n)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("params", LAYOUTS.values(), ids=LAYOUTS)
def test_bookkeeping_of_fit(params):
    params = {"early_stopping": False, **params}
    of_data = {k: params.pop(k) for k in ("convert", "n_classes") if k in params}
    clf = LabelSmoothingClassifier(
        max_epochs=1, hidden_layer_sizes=(), batch_size=4000, random_state=0, **params
    )

    def make_call(n):
        X, y = draw(n, **of_data)
        return lambda: clf.fit(X, y)

    assert growth(make_call) < 16


@pytest.mark.parametrize("layout", ["float64", "uint8", "Fortran", "frame"])
def test_bookkeeping_of_predict(layout):
    convert = LAYOUTS[layout]["convert"]
    X, y = draw(1000, convert)
    params = {"max_epochs": 5, "hidden_layer_sizes": (), "early_stopping": False}
    clf = LabelSmoothingClassifier(random_state=0, **params).fit(X, y)

    def make_call(n):
        X, _ = draw(n, convert)
        return lambda: clf.predict(X)

    assert growth(make_call) < 16  # of which the labels take 12


def test_many_classes_are_predicted_in_small_parts():
    X, _ = draw(5000)
    y = np.arange(5000) % 2500
    clf = LabelSmoothingClassifier(
        max_epochs=1, hidden_layer_sizes=(), early_stopping=False, random_state=0
    ).fit(X, y)
    sizes = []
    module = clf.net_.module_
    module.register_forward_hook(lambda module, X, out: sizes.append(out.numel()))
    clf.predict(X)
    assert sum(sizes) == 5000 * 2500
    assert max(sizes) <= 2**22  # 4,096 samples would be 10,240,000
