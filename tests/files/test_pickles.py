"""Pickles, skops files and MLflow models of fitted estimators."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, top_k_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import quick_classifier, quick_search
from sklearn_ls import LabelSmoother, SmoothedTargetClassifier

SMALL = {"hidden_layer_sizes": (4,), "max_epochs": 3}


@pytest.fixture(scope="module")
def fitted(iris):
    X, y = iris
    search = quick_search(**SMALL)
    return {
        "smoother": LabelSmoother().fit(y),
        "classifier": quick_classifier(calibration="temperature", **SMALL).fit(X, y),
        "partial": quick_classifier(**SMALL).partial_fit(X, y, classes=[0, 1, 2]),
        "search": search.fit(X, y),
        "refitted": quick_search(
            ensemble=False, scoring=["accuracy"], refit="accuracy", **SMALL
        ).fit(X, y),
        "votes": quick_search([0.1], **SMALL).fit(X, y, votes=np.c_[y, y]),
        "target": SmoothedTargetClassifier(LogisticRegression()).fit(X, y),
    }


KINDS = ["smoother", "classifier", "partial", "search", "refitted", "votes", "target"]


@pytest.mark.parametrize("kind", KINDS)
def test_another_version_warns(fitted, kind, monkeypatch):
    content = pickle.dumps(fitted[kind])
    assert "_sklearn_ls_version" not in vars(pickle.loads(content))
    monkeypatch.setattr("sklearn_ls._version.__version__", "99.0")
    with pytest.warns(InconsistentVersionWarning, match=r"from version 0\.1.* 99\.0"):
        pickle.loads(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copy.deepcopy(fitted[kind])


def test_scorers_are_restored(fitted, iris):
    X, y = iris
    for kind in ("search", "refitted"):
        restored = pickle.loads(pickle.dumps(fitted[kind]))
        assert repr(restored.scorer_) == repr(fitted[kind].scorer_)
        assert restored.score(X, y) == fitted[kind].score(X, y)
    search = quick_search([0.1], scoring="neg_log_loss", **SMALL).fit(X, y)
    expected = search.score(X, y)
    search.set_params(scoring="accuracy")
    assert pickle.loads(pickle.dumps(search)).score(X, y) == expected
    scoring = make_scorer(top_k_accuracy_score, response_method="predict_proba")
    search = quick_search([0.1], scoring=scoring, **SMALL).fit(X, y)
    assert pickle.loads(pickle.dumps(search)).score(X, y) == search.score(X, y)
    assert "scorer_" not in vars(pickle.loads(pickle.dumps(quick_search())))


@pytest.mark.parametrize("kind", KINDS)
def test_skops_has_to_trust_nothing_but_this_package(fitted, iris, kind):
    skops_io = pytest.importorskip("skops.io")
    content = skops_io.dumps(fitted[kind])
    types = skops_io.get_untrusted_types(data=content)
    assert all(name.startswith("sklearn_ls.") for name in types)
    loaded = skops_io.loads(content, trusted=types)
    if kind != "smoother":
        X, y = iris
        assert_array_equal(loaded.predict_proba(X), fitted[kind].predict_proba(X))
        assert loaded.score(X, y) == fitted[kind].score(X, y)


@pytest.mark.parametrize("kind", ["classifier", "search"])
def test_mlflow_saves_and_loads(fitted, iris, kind, tmp_path):
    mlflow = pytest.importorskip("mlflow.sklearn")
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    skops_io = pytest.importorskip("skops.io")
    X, y = iris
    model = make_pipeline(StandardScaler(), fitted[kind]).fit(X, y)
    types = skops_io.get_untrusted_types(data=skops_io.dumps(model))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of MLflow and its packages
        mlflow.save_model(
            model,
            tmp_path / "model",
            skops_trusted_types=types,
            pip_requirements=["sklearn-ls"],
            pyfunc_predict_fn="predict_proba",
        )
        loaded = mlflow.load_model(tmp_path / "model")
        served = pyfunc.load_model(tmp_path / "model")
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert_array_equal(served.predict(X), model.predict_proba(X))


def n_bytes(estimator):
    """Return the size of a pickle beyond the weights."""
    networks = getattr(estimator, "estimators_", [estimator])
    weights = [
        array
        for network in networks
        for array in vars(network)["_network"].weights.values()
    ]
    return len(pickle.dumps(estimator)) - sum(array.nbytes for array in weights)


def test_pickles_are_small(iris, rng):
    X, y = iris
    few, many = (
        quick_classifier(early_stopping=True, hidden_layer_sizes=(4,), max_epochs=n)
        for n in (10, 60)
    )
    few, many = n_bytes(few.fit(X, y)), n_bytes(many.fit(X, y))
    assert few < 20_000
    assert (many - few) / 50 < 100  # per epoch
    sizes = []
    for n_classes in (10, 210):
        X, y = rng.normal(size=(2 * n_classes, 3)), np.arange(2 * n_classes) % n_classes
        clf = quick_classifier(distribution="prior", **SMALL).fit(X, y)
        sizes.append(n_bytes(clf))
    assert (sizes[1] - sizes[0]) / 200 < 36  # per class: label, frequency, smoothing
