"""Calls to which invalid input is passed."""

from functools import partial

import pytest

from faults.data import CLASSES, FRAMES, X, Y
from helpers import quick_classifier, quick_search
from sklearn_ls import LabelSmoother

SMALL = {"hidden_layer_sizes": (4,), "max_epochs": 2, "device": "cpu"}
small = partial(quick_classifier, **SMALL)
small_search = partial(quick_search, epsilons=[0, 0.2], cv=2, **SMALL)

PREDICTIONS = [
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "embed",
]


def fitted_like(given):
    """Return a classifier fitted on the good data in the container of `given`."""
    return small().fit(FRAMES.get(type(given), X), Y)


# Calls with X, for the labels `Y`.
TAKES_X = {
    "fit": lambda X: small().fit(X, Y),
    "partial_fit": lambda X: small().partial_fit(X, Y, classes=CLASSES),
    "partial_fit again": lambda X: fitted_like(X).partial_fit(X, Y),
    "predict_proba": lambda X: fitted_like(X).predict_proba(X),
    "search fit": lambda X: small_search().fit(X, Y),
    "search predict": lambda X_: (
        small_search().fit(FRAMES.get(type(X_), X), Y).predict_proba(X_)
    ),
}
takes_X = pytest.mark.parametrize("call", TAKES_X.values(), ids=TAKES_X)

# Calls with labels.
TAKES_Y = {
    "smoother fit": lambda y: LabelSmoother().fit(y),
    "smoother transform": lambda y: LabelSmoother().fit(Y).transform(y),
    "classifier fit": lambda y: small().fit(X, y),
    "classifier partial_fit": lambda y: small().partial_fit(X, y, classes=CLASSES),
    "search class fit": lambda y: small_search().fit(X, y),
}
takes_y = pytest.mark.parametrize("call", TAKES_Y.values(), ids=TAKES_Y)
LEARNS_Y = {name: call for name, call in TAKES_Y.items() if name[-9:] != "transform"}
learns_y = pytest.mark.parametrize("call", LEARNS_Y.values(), ids=LEARNS_Y)

# Calls with a fitted classifier.
CALLS_AGAIN = {
    **{name: lambda clf, X, name=name: getattr(clf, name)(X) for name in PREDICTIONS},
    "partial_fit": lambda clf, X: clf.partial_fit(X, Y),
    "warm fit": lambda clf, X: clf.set_params(warm_start=True).fit(X, Y),
}
calls_again = pytest.mark.parametrize("call", CALLS_AGAIN.values(), ids=CALLS_AGAIN)
