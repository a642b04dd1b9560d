"""Every row: an error does not change the fitted state."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import skorch.callbacks
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from faults.calls import small
from faults.data import CLASSES, DAYS, INDICATORS, X32, X, Y, changed
from sklearn_ls import LabelSmoother


class Interrupt(skorch.callbacks.Callback):
    """Ctrl-C in the middle of an epoch."""

    def on_batch_end(self, net, training=None, **kwargs):
        raise KeyboardInterrupt


# Parameters to set, X, y, sample_weight, and the expected error.
FAULTS = {
    "NaN in X": ({}, changed(X32, np.nan), Y, None, ValueError),
    "words in X": ({}, changed(X.astype(object), "word"), Y, None, ValueError),
    "dates in X": ({}, DAYS, Y, None, TypeError),
    "unequal lengths": ({}, X32, Y[:-1], None, ValueError),
    "mixed labels": ({}, X32, ["a", 1] * 75, None, ValueError),
    "negative weight": ({}, X32, Y, -np.ones(150), ValueError),
    "bad epsilon": ({"epsilon": 2}, X32, Y, None, ValueError),
    "short epsilon": ({"epsilon": [0.1, 0.2]}, X32, Y, None, ValueError),
    "bad class_weight": ({"class_weight": {0: -1}}, X32, Y, None, ValueError),
    "bad device": ({"device": "banana"}, X32, Y, None, ValueError),
    "bad optimizer": ({"optimizer_params": {"a": 1}}, X32, Y, None, TypeError),
    "divergence": ({"learning_rate": 1e30}, X32, Y, None, ValueError),
    "Ctrl-C": ({"callbacks": [Interrupt()]}, X32, Y, None, KeyboardInterrupt),
}
FAULTS_AGAIN = {
    "unseen class": ({}, X32, Y + 1, None, ValueError),
    "fewer columns": ({}, X32[:, :3], Y, None, ValueError),
    "zero columns": ({}, X32[:, :0], Y, None, ValueError),
    "other network": ({"hidden_layer_sizes": (5,)}, X32, Y, None, ValueError),
}
TRAIN = {
    "fit": lambda clf, X, y, weight: clf.fit(X, y, weight),
    "warm fit": lambda clf, X, y, weight: clf.fit(X, y, weight),
    "partial_fit": lambda clf, X, y, weight: clf.partial_fit(
        X, y, None if hasattr(clf, "classes_") else CLASSES, weight
    ),
}
# scikit-learn checks parameters only in the first partial_fit.
AGAIN = [
    *[("fit", fault) for fault in FAULTS],
    *[("warm fit", fault) for fault in [*FAULTS, *FAULTS_AGAIN]],
    *[
        ("partial_fit", fault)
        for fault in [*FAULTS, *FAULTS_AGAIN]
        if "epsilon" not in fault
    ],
]


def fail(clf, train, fault):
    """Cause the fault; return the attributes from before."""
    params, X, y, weight, error = {**FAULTS, **FAULTS_AGAIN}[fault]
    clf.set_params(warm_start=train == "warm fit", **params)
    before = dict(vars(clf))
    with pytest.raises(error):
        TRAIN[train](clf, X, y, weight)
    return before


@pytest.mark.parametrize(("train", "fault"), AGAIN)
def test_classifier_is_unchanged_after_an_error(train, fault):
    clf = small(batch_size=30).fit(X32, Y).partial_fit(X32, Y)
    params = clf.get_params()
    content, y_proba = joblib.hash(clf), clf.predict_proba(X32)
    before = fail(clf, train, fault)
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[name] is value for name, value in before.items())
    clf.set_params(**params)
    assert joblib.hash(clf) == content
    assert_array_equal(clf.predict_proba(X32), y_proba)
    assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X32), y_proba)


@pytest.mark.parametrize("train", TRAIN)
@pytest.mark.parametrize("fault", FAULTS)
def test_classifier_that_raises_at_first_stays_unfitted(train, fault):
    clf = small(batch_size=30)
    before = fail(clf, train, fault)
    assert vars(clf) == before
    assert vars(clf).keys() == clf.get_params().keys()
    with pytest.raises(NotFittedError):
        clf.predict(X32)


@pytest.mark.parametrize(
    ("train", "fault"), [pair for pair in AGAIN if pair[0] != "fit"]
)
def test_classifier_continues_after_an_error(train, fault):
    clf = small(batch_size=30).fit(X32, Y).partial_fit(X32, Y)
    params = clf.set_params(warm_start=train == "warm fit").get_params()
    unharmed = copy.deepcopy(clf)
    fail(clf, train, fault)
    clf.set_params(**params)
    for each in (clf, unharmed):
        TRAIN[train](each, X32, Y, None)
    assert_array_equal(clf.predict_proba(X32), unharmed.predict_proba(X32))
    assert clf.loss_curve_ == unharmed.loss_curve_


@pytest.mark.parametrize(
    "y", [Y + 0.5, [0, None], ["a", 1], [0, 0], 0.5 * INDICATORS, []]
)
def test_smoother_is_unchanged_after_an_error(y):
    smoother = LabelSmoother(distribution=[0.2, 0.3, 0.5]).fit(Y)
    before, content = dict(vars(smoother)), joblib.hash(smoother)
    with pytest.raises(ValueError):
        smoother.fit(y)
    assert vars(smoother) == before
    assert joblib.hash(smoother) == content


@pytest.mark.parametrize(
    "params",
    [{"epsilon": 2}, {"epsilon": [0.1]}, {"distribution": [1, 1, 1]}, {"dtype": int}],
    ids=str,
)
def test_smoother_with_bad_parameters_is_unchanged(params):
    smoother = LabelSmoother().fit(Y)
    y_soft = smoother.transform(Y)
    before = dict(vars(smoother.set_params(**params)))
    with pytest.raises(ValueError):
        smoother.fit(["b", "a", "c"])
    assert vars(smoother) == before
    smoother.set_params(**LabelSmoother().get_params())
    assert_array_equal(smoother.transform(Y), y_soft)
