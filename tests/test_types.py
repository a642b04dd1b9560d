"""The public interface is annotated, and a type checker sees the annotations."""

import inspect
import os
import pydoc
import subprocess
import sys
import types
import typing
from pathlib import Path

import pytest
from numpydoc.docscrape import NumpyDocString

import sklearn_ls
from sklearn_ls import _types
from sklearn_ls._compat import StrOptions
from sklearn_ls._labels.smoothing import CONVENTIONS
from test_docstrings import PUBLIC, public_objects

# Strict for users. scikit-learn has no types, so its sources are read; without that, a
# type checker accepts any name of a method of an estimator.
CONFIG = """
[mypy]
strict = true
untyped_calls_exclude = sklearn
[mypy-sklearn.*]
follow_untyped_imports = true
[mypy-sklearn_ls.*]
ignore_errors = true
[mypy-joblib.*,scipy.*,skorch.*,torch.*]
follow_imports = skip
ignore_missing_imports = true
"""
RIGHT = """
import numpy as np
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn_ls import (
    LabelSmoother, LabelSmoothingClassifier, LabelSmoothingClassifierCV,
    SmoothedTargetClassifier, convert_epsilon, load_model, save_model,
)
from sklearn_ls.crowds import votes_to_soft
from sklearn_ls.datasets import corrupt_labels
from sklearn_ls.distributions import ordinal
from sklearn_ls.inspection import ReliabilityDisplay, smoothing_report
from sklearn_ls.metrics import expected_calibration_error, log_loss_decomposition

X, y = load_wine(return_X_y=True)
y_noisy, changed = corrupt_labels(y, 0.2, kind="pair", random_state=0)
clf = LabelSmoothingClassifier(
    epsilon=[0.1, 0.2, 0.1], distribution=ordinal(3), optimizer="sgd", max_epochs=2,
    optimizer_params={"momentum": 0.9}, class_weight="balanced",
).fit(X, y_noisy, sample_weight=np.ones(len(X)))
n_right: int = (clf.predict(X) == y).sum()
proba = clf.predict_proba(X)
error: float = expected_calibration_error(y, proba, norm="max")
calibration: float = log_loss_decomposition(y, proba).calibration
search = LabelSmoothingClassifierCV((0.0, 0.1), cv=2, max_epochs=2).fit(X, y)
epsilon: float = search.epsilon_ + convert_epsilon(0.1, 3, from_="others", to="each")
n_iter: int = search.estimators_[0].n_iter_
soft = LabelSmoother(epsilon=epsilon).fit(y).transform(y)
votes = votes_to_soft([["a", None], ["b", "a"]])
clf.set_params(max_epochs=np.int64(2), hidden_layer_sizes=[np.int64(5)]).fit(X, y)
other = SmoothedTargetClassifier(LogisticRegression(C=1e-3), epsilon=0.1).fit(X, y)
accuracy: float = other.score(X, y) + clf.score(X, y)
display = ReliabilityDisplay.from_estimator(clf, X, y, n_bins=10).plot(name="wine")
report = smoothing_report(other, X, y, y_soft=soft, cv=2)
print(report.verdict, report.table, changed.mean(), display.ax_.get_title())
save_model(clf, "wine.safetensors")
load_model("wine.safetensors").predict(X)
"""
WRONG = """
import sklearn_ls
from sklearn_ls import LabelSmoother, LabelSmoothingClassifier
from sklearn_ls.metrics import soft_log_loss
clf = LabelSmoothingClassifier(epsilon="high")
LabelSmoothingClassifier(optimizer="adamm")
LabelSmoothingClassifier(epsilonn=0.1)
clf.fit([[0.0]], [0], weights=[1.0])
clf.predict_probability([[0.0]])
LabelSmoother(distribution="flat")
soft_log_loss("probabilities", [[1.0]])
sklearn_ls.LabelSmother()
"""


def test_a_type_checker_accepts_right_scripts_and_refuses_wrong_ones(tmp_path):
    for name, text in (("mypy.ini", CONFIG), ("right.py", RIGHT), ("wrong.py", WRONG)):
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "right.py", "wrong.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(Path(sklearn_ls.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    refused = [line.split(": error: ")[0] for line in errors]
    lines = range(5, len(WRONG.splitlines()) + 1)  # those after the imports
    assert refused == [f"wrong.py:{line}" for line in lines], errors


@pytest.mark.usefixtures("close_figures")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_right_script_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(RIGHT, "right.py", "exec"), {})
    assert "accuracy" in capsys.readouterr().out


def test_the_marker_for_type_checkers_is_part_of_the_package():
    assert Path(sklearn_ls.__file__).with_name("py.typed").exists()


@pytest.mark.parametrize("name", list(public_objects()))
def test_public_signatures_are_annotated(name):
    thing = pydoc.locate(name)
    if thing is sklearn_ls.ModelFileError:
        return
    function = thing.__init__ if inspect.isclass(thing) else thing
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    assert all(p.annotation is not p.empty for p in parameters)
    assert signature.return_annotation is not signature.empty


def literals(annotation):
    """Return the strings among the options of an annotation; None if any is allowed."""
    if annotation is str:
        return None
    if typing.get_origin(annotation) is typing.Literal:
        return {arg for arg in typing.get_args(annotation) if isinstance(arg, str)}
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        found = [literals(arg) for arg in typing.get_args(annotation)]
        return None if None in found else set().union(*found)
    return set()


def constraints_of(thing):
    if inspect.isclass(thing):
        return getattr(thing, "_parameter_constraints", {})
    return getattr(thing, "_skl_parameter_constraints", {})


CONSTRAINED = {name: thing for name, thing in PUBLIC.items() if constraints_of(thing)}


@pytest.mark.parametrize("thing", CONSTRAINED.values(), ids=CONSTRAINED)
def test_options_in_annotations_are_those_that_are_validated(thing):
    parameters = inspect.signature(thing).parameters
    for name, constraints in constraints_of(thing).items():
        annotated = literals(parameters[name].annotation)
        if annotated is not None and constraints != "no_validation":
            options = [c.options for c in constraints if isinstance(c, StrOptions)]
            assert annotated == set().union(*options), name


def test_conventions_of_epsilon_are_those_that_are_converted():
    assert literals(_types.Convention) == {*CONVENTIONS}


@pytest.mark.parametrize(
    "name", ["LabelSmoothingClassifier", "LabelSmoothingClassifierCV"]
)
def test_fitted_attributes_are_annotated(name):
    cls = getattr(sklearn_ls, name)
    annotated = set().union(*(inspect.get_annotations(base) for base in cls.__mro__))
    documented = NumpyDocString(inspect.getdoc(cls))["Attributes"]
    assert annotated | {"net_"} == {attribute.name for attribute in documented}
