"""torch is imported when a network is needed, and not before."""

import os
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_ls

FIT = """
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn_ls import LabelSmoother, SmoothedTargetClassifier, convert_epsilon
X, y = load_iris(return_X_y=True)
smoother = LabelSmoother(epsilon=0.1).fit(y)
assert np.array_equal(smoother.inverse_transform(smoother.transform(y)), y)
clf = SmoothedTargetClassifier(LogisticRegression(C=0.1)).fit(X, y)
assert clf.predict(X).shape == (150,)
assert convert_epsilon(0.1, from_="uniform", to="others", n_classes=3) > 0.05
"""
LIGHT = [
    "import sklearn_ls; dir(sklearn_ls)",
    FIT,
    "from sklearn_ls import ModelFileError",
    "from sklearn_ls.crowds import *",
    "from sklearn_ls.datasets import *",
    "from sklearn_ls.distributions import *",
    "from sklearn_ls.inspection import *",
    "from sklearn_ls.metrics import *",
]
NO_TORCH = f"""
for code in {LIGHT}:
    exec(code, {{}})
    loaded = {{"skorch", "torch"}} & {{*sys.modules}}
    assert not loaded, (code, loaded)
"""


def run(code):
    root = str(Path(sklearn_ls.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}"],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_needs_no_network_does_not_import_torch():
    run(NO_TORCH)


def test_pickles_are_loaded_where_the_package_is_not_yet_imported(tmp_path):
    path = tmp_path / "clf.pkl"
    run(
        "import pickle\nfrom sklearn_ls import LabelSmoothingClassifier\n"
        f"pickle.dump(LabelSmoothingClassifier(epsilon=0.3), open({str(path)!r}, 'wb'))"
    )
    code = f"import pickle; print(pickle.load(open({str(path)!r}, 'rb')).epsilon)"
    assert run(code) == "0.3\n"


def test_names_imported_late_are_as_visible_as_others():
    run(
        "import sklearn_ls\n"
        "assert {*sklearn_ls.__all__} <= {*dir(sklearn_ls)}\n"
        "from sklearn_ls import *\n"
        "assert {*sklearn_ls.__all__} <= {*globals()}\n"
        "assert sklearn_ls.LabelSmoothingClassifier is LabelSmoothingClassifier"
    )
    assert all(hasattr(sklearn_ls, name) for name in dir(sklearn_ls))
    assert "class LabelSmoothingClassifierCV(" in pydoc.plain(
        pydoc.render_doc(sklearn_ls)
    )


def test_unknown_names_raise_the_usual_error():
    message = "module 'sklearn_ls' has no attribute 'LabelSmooth'"
    with pytest.raises(AttributeError, match=message):
        sklearn_ls.LabelSmooth  # noqa: B018
