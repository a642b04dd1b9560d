"""Docstrings are complete, and their defaults are correct."""

import inspect
import pydoc
import re
from pathlib import Path

import pandas as pd
import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import sklearn_ls
import sklearn_ls.crowds
import sklearn_ls.datasets
import sklearn_ls.distributions
import sklearn_ls.inspection
import sklearn_ls.metrics
from helpers import quick_classifier, quick_search
from sklearn_ls._base import LEARNED
from sklearn_ls._classifier_cv import SEARCHED

# Ignored rules of numpydoc: extended summaries and "See Also" are optional, examples
# belong to the class, and returned values have names, as in scikit-learn.
IGNORED = {"ES01", "EX01", "SA01", "RT02", "RT03", "PR07"}

INVENTORIES = Path(__file__).parent.parent / "docs" / "inventories"

PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (
        sklearn_ls,
        sklearn_ls.crowds,
        sklearn_ls.datasets,
        sklearn_ls.distributions,
        sklearn_ls.inspection,
        sklearn_ls.metrics,
    )
    for name in module.__all__
}


def public_objects():
    for name, thing in PUBLIC.items():
        yield name
        if inspect.isclass(thing):
            for method, member in inspect.getmembers(thing):
                ours = str(getattr(member, "__module__", "")).startswith("sklearn_ls")
                if ours and not method.startswith("_") and callable(member):
                    yield f"{name}.{method}"


@pytest.mark.parametrize("name", list(public_objects()))
def test_docstring_follows_numpydoc(name):
    errors = [error for error in validate(name)["errors"] if error[0] not in IGNORED]
    assert errors == []


CALLABLE = {name: thing for name, thing in PUBLIC.items() if name[-5:] != "Error"}


@pytest.mark.parametrize("thing", CALLABLE.values(), ids=CALLABLE)
def test_documented_defaults_are_the_defaults(thing):
    parameters = NumpyDocString(thing.__doc__)["Parameters"]
    documented = {p.name.lstrip("*"): p.type for p in parameters}
    signature = inspect.signature(thing).parameters
    assert list(documented) == list(signature)
    for name, parameter in signature.items():
        stated = re.search(r"default=(.+)$", documented[name])
        if parameter.default is inspect.Parameter.empty:
            assert stated is None
        else:
            default = eval(stated[1], {"np": __import__("numpy")})
            assert default == parameter.default, name


def fitted_attributes(estimator):
    names = {*vars(estimator)} | {"net_"} & {*dir(type(estimator))}
    return {name for name in names if name.endswith("_") and name[0] != "_"}


def fit(estimator, **params):
    X = pd.DataFrame([[0.0, 1.0], [1.0, 0.0]] * 5, columns=["a", "b"])
    return estimator.fit(X, [0, 1] * 5, **params)


VOTES = [[0, 0], [1, 1]] * 5
FITTED = {
    "smoother": lambda: [sklearn_ls.LabelSmoother(distribution=[0.5, 0.5]).fit([0, 1])],
    "classifier": lambda: [
        fit(quick_classifier(calibration="temperature")),
        fit(quick_classifier(), votes=VOTES),
    ],
    "search": lambda: (
        [
            fit(quick_search(ensemble=ensemble, calibration="temperature"))
            for ensemble in (True, False)
        ]
        + [fit(quick_search(), votes=VOTES)]
    ),
    "target": lambda: [
        sklearn_ls.SmoothedTargetClassifier().fit(
            pd.DataFrame([[0.0, 1.0], [1.0, 0.0]], columns=["a", "b"]), [0, 1]
        )
    ],
}


@pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)
def test_documented_attributes_are_the_fitted_attributes(fitted):
    estimators = fitted()
    doc = NumpyDocString(inspect.getdoc(type(estimators[0])))
    attributes = set.union(*map(fitted_attributes, estimators))
    assert {attribute.name for attribute in doc["Attributes"]} == attributes


def test_a_fit_removes_whatever_an_earlier_fit_may_have_learned():
    for name, names in (("classifier", LEARNED), ("search", SEARCHED)):
        for estimator in FITTED[name]():
            learned = vars(estimator).keys() - estimator.get_params().keys()
            assert learned <= names
            assert {attribute for attribute in names if attribute[0] != "_"} <= {
                attribute.name
                for attribute in NumpyDocString(inspect.getdoc(type(estimator)))[
                    "Attributes"
                ]
            }


def test_names_of_other_projects_exist():
    listed = [
        line.split()[:2]
        for path in INVENTORIES.glob("*.txt")
        for line in path.read_text().splitlines()
        if not line.startswith("#")
    ]
    assert listed
    for name, kind in listed:
        thing = pydoc.locate(name)
        assert thing is not None, name
        assert (kind == "class") == inspect.isclass(thing), name
