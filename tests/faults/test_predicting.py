"""Rows 26 and 27: calls before fit, and features that differ from fit."""

import pandas as pd
import pytest

from faults.bad_input import each_example, each_row
from faults.calls import PREDICTIONS, calls_again, small
from faults.data import FRAMES, X, Y
from faults.rows_features import PREDICTING
from sklearn_ls import LabelSmoother


# Row 26
@calls_again
@each_example(PREDICTING["number of features"])
def test_classifier_refuses_another_number_of_features(call, row, value):
    with row.reported():
        call(small().fit(X, Y), value)


# Row 26
@calls_again
@pytest.mark.parametrize("kind", FRAMES, ids=["pandas", "polars"])
@each_example(PREDICTING["feature names"])
def test_classifier_refuses_other_feature_names(call, kind, row, value):
    wrong = FRAMES[kind].rename({"d": "z"}) if "z" in value else FRAMES[kind]
    if kind is pd.DataFrame:
        wrong = FRAMES[kind].rename(columns={"d": "z"}) if "z" in value else wrong
    with row.reported():
        call(small().fit(FRAMES[kind], Y), wrong[value])


# Row 26
@calls_again
@each_row(PREDICTING["no feature names"])
def test_classifier_warns_of_missing_feature_names(call, row):
    clf = small().fit(FRAMES[pd.DataFrame], Y)
    with row.reported():
        call(clf, X)


# Row 27
@pytest.mark.parametrize("method", PREDICTIONS)
@each_row(PREDICTING["unfitted"])
def test_classifier_predicting_refuses_before_fit(method, row):
    with row.reported():
        getattr(small(), method)(X)


# Row 27
@pytest.mark.parametrize(
    "call",
    [
        lambda smoother: smoother.encode(Y),
        lambda smoother: smoother.transform(Y),
        lambda smoother: smoother.inverse_transform(X),
        lambda smoother: smoother.recover(X),
        lambda smoother: smoother.get_feature_names_out(),
    ],
)
@each_row(PREDICTING["unfitted smoother"])
def test_smoother_refuses_before_fit(call, row):
    with row.reported():
        call(LabelSmoother())
