"""Files of every version of the format have the same predictions as when written."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ls import load_model
from sklearn_ls._files.model_format import VERSION

FOLDERS = [Path(__file__).parent / f"format_{v}" for v in range(1, VERSION + 1)]
PREDICTING = [path for folder in FOLDERS for path in sorted(folder.glob("*.json"))]


def test_every_version_has_files():
    assert {path.parent for path in PREDICTING} == {*FOLDERS}


@pytest.mark.parametrize(
    "path", PREDICTING, ids=[f"{path.parent.name}-{path.stem}" for path in PREDICTING]
)
def test_predictions_are_the_same(path):
    expected = json.loads(path.read_text())
    loaded = load_model(path.with_suffix(".safetensors"))
    X = np.array(expected["X"], dtype=expected["dtype"])
    tolerance = 1e-12 if expected["dtype"] == "float64" else 1e-6
    assert_allclose(
        loaded.predict_proba(X), expected["y_proba"], rtol=tolerance, atol=tolerance
    )
    assert_array_equal(loaded.predict(X), expected["y_pred"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_smoothers_are_the_same(folder):
    smoother = load_model(folder / "smoother.safetensors")
    assert smoother.classes_.dtype == "datetime64[D]"
    y_soft = smoother.transform(np.array(["2022-01-01"], dtype="datetime64[D]"))
    assert_allclose(y_soft, [[0.1, 0.1, 0.8]])
