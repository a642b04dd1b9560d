"""Rows 19, 21 and 22: labels that are distributions."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from faults.bad_input import each_example
from faults.calls import learns_y, small, small_search
from faults.data import CLASSES, ONEHOT, SOFT, X, Y
from faults.rows_soft_labels import SOFT_LABELS
from sklearn_ls import LabelSmoother, LabelSmoothingClassifierCV


# Rows 21 and 22
@learns_y
@each_example(SOFT_LABELS["not distributions"])
def test_estimators_refuse_soft_labels_that_are_not_distributions(call, row, value):
    with row.reported():
        call(value)


# Row 19
@pytest.mark.parametrize(
    "fit",
    [
        lambda y: LabelSmoother().fit(y),
        lambda y: small().fit(X, y),
        lambda y: small_search().fit(X, y),
    ],
    ids=["smoother", "classifier", "search"],
)
@each_example(SOFT_LABELS["one class"])
def test_estimators_refuse_soft_labels_of_one_class(fit, row, value):
    with row.reported():
        fit(value)


@learns_y
@pytest.mark.parametrize(
    "y",
    [
        SOFT,
        SOFT.tolist(),
        SOFT.astype(np.float16),
        ONEHOT.astype(float),
        sparse.csr_matrix(ONEHOT.astype(float)),
        pd.DataFrame(SOFT),
        pd.DataFrame(SOFT).astype("Float64"),
    ],
    ids=["array", "list", "float16", "one-hot", "sparse", "frame", "nullable"],
)
def test_estimators_take_soft_labels(call, y):
    fitted = call(y)
    assert_array_equal(fitted.classes_, CLASSES)
    assert not getattr(fitted, "label_smoother_", fitted).multilabel_


# Row 22
@each_example(SOFT_LABELS["y_soft"])
def test_classifiers_refuse_y_soft_that_does_not_match_y(row, value):
    y, y_soft = value
    for estimator in (small(), LabelSmoothingClassifierCV([0.1], max_epochs=1)):
        with row.reported():
            estimator.fit(X, y, y_soft=y_soft)


# Row 22
@each_example(SOFT_LABELS["of other classes"])
def test_fitted_estimators_refuse_soft_labels_of_other_classes(row, value):
    clf = small().fit(X, Y)
    before = clf.predict_proba(X)
    for call in (
        lambda: clf.partial_fit(X, value),
        lambda: clf.score(X, value),
        lambda: LabelSmoother().fit(Y).transform(value),
    ):
        with row.reported():
            call()
    assert_array_equal(clf.predict_proba(X), before)
