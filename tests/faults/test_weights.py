"""Rows 28 to 30: weights of samples and of classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from faults.bad_input import each_example
from faults.calls import LEARNS_Y, small, small_search
from faults.data import CLASSES, X, Y
from faults.rows_parameters import WEIGHTS
from sklearn_ls import LabelSmoother


# Rows 28 and 29
@pytest.mark.parametrize(
    "call",
    [
        lambda weight: LabelSmoother().fit(Y, sample_weight=weight),
        lambda weight: small().fit(X, Y, sample_weight=weight),
        lambda weight: small().partial_fit(X, Y, CLASSES, sample_weight=weight),
        lambda weight: small_search().fit(X, Y, sample_weight=weight),
    ],
    ids=LEARNS_Y,
)
@each_example(WEIGHTS["sample_weight"])
def test_estimators_refuse_bad_sample_weight(call, row, value):
    with row.reported():
        call(value)


# Row 30
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@each_example(WEIGHTS["class_weight"])
def test_classifier_refuses_bad_class_weight(method, row, value):
    clf = small(class_weight=value)
    params = {"classes": CLASSES} if method == "partial_fit" else {}
    with row.reported():
        getattr(clf, method)(X, Y, **params)


# Row 30
@each_example(WEIGHTS["missing class"])
def test_classifier_missing_class_weight_is_one(row, value):
    y_proba = small(class_weight=value).fit(X, Y).predict_proba(X)
    in_full = small(class_weight={1: 1, 2: 1, **value}).fit(X, Y)
    assert_array_equal(y_proba, in_full.predict_proba(X))


# Row 69
def test_class_weights_whose_products_overflow_are_relative():
    expected = small(class_weight={0: 1, 1: 2, 2: 1}).fit(X, Y)
    huge = small(class_weight={0: 5e307, 1: 1e308, 2: 5e307})
    huge.fit(X, Y, np.full(len(Y), 1e300))
    assert_allclose(huge.predict_proba(X), expected.predict_proba(X), atol=1e-10)


# Row 69
@pytest.mark.parametrize("make", [small, small_search])
def test_weights_that_leave_one_class_are_refused(make):
    with pytest.raises(ValueError, match="positive sample_weight have the label 1,"):
        make().fit(X, Y, (Y == 1).astype(float))
