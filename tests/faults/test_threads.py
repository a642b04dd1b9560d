"""Rows 50 and 51: fitting and predicting in threads."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from faults.calls import PREDICTIONS, small
from faults.data import X, Y, network


# Row 50
@pytest.mark.parametrize(
    "params", [{"dropout": 0.5}, {"module": network}], ids=["MLP", "module"]
)
def test_classifier_fit_does_not_depend_on_the_number_of_threads(params):
    clf = small(batch_size=30, **params)
    expected = [
        clone(clf).set_params(random_state=seed).fit(X, Y).predict_proba(X)
        for seed in range(8)
    ]
    with ThreadPoolExecutor(4) as threads:
        fits = [
            threads.submit(clone(clf).set_params(random_state=seed).fit, X, Y)
            for seed in range(8)
        ]
    for fit, y_proba in zip(fits, expected, strict=True):
        assert_array_equal(fit.result().predict_proba(X), y_proba)
    assert not any(np.array_equal(*pair) for pair in pairwise(expected))


@pytest.fixture(params=["fitted", "unpickled"])
def ready(request):
    clf = small(module=network).fit(X, Y)
    return clf if request.param == "fitted" else pickle.loads(pickle.dumps(clf))


# Row 51
@pytest.mark.parametrize("method", PREDICTIONS)
def test_classifier_predictions_do_not_depend_on_the_number_of_threads(ready, method):
    parts = [X[start : start + 30] for start in range(60)]
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(getattr(ready, method), parts))
    for part, result in zip(parts, results, strict=True):
        assert_array_equal(result, getattr(ready, method)(part))


# Row 51. Attributes that are not pickled, such as a rebuilt module, are not state.
@pytest.mark.parametrize("method", PREDICTIONS)
def test_classifier_predicting_writes_no_state(ready, method):
    before, content = dict(vars(ready)), joblib.hash(ready)
    getattr(ready, method)(X)
    assert joblib.hash(ready) == content
    assert all(vars(ready)[name] is value for name, value in before.items())
    assert not [name for name in vars(ready).keys() - before.keys() if name[0] != "_"]
