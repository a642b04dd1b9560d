"""Rows 13 to 21, 24 and 25: labels, one or several per sample."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from faults.bad_input import each_example, each_row
from faults.calls import TAKES_X, TAKES_Y, learns_y, small, small_search, takes_y
from faults.data import CLASSES, INDICATORS, X, Y
from faults.rows_labels import LABELS
from sklearn_ls import LabelSmoother


# Row 13
@pytest.mark.parametrize("call", [TAKES_Y[name] for name in TAKES_Y if "class" in name])
@each_example(LABELS["lengths"])
def test_classifier_refuses_X_and_y_of_unequal_length(call, row, value):
    with row.reported():
        call(value)


# Row 14
@takes_y
def test_estimators_refuse_y_none(call):
    with pytest.raises(ValueError, match=r"\by\b"):
        call(None)


# Row 14
@each_row(LABELS["required"])
def test_classifier_requires_y(row):
    with row.reported():
        small().fit(X, None)


# Row 15
@learns_y
@each_example(LABELS["continuous"])
def test_estimators_refuse_continuous_labels(call, row, value):
    with row.reported():
        call(value)


# Row 16
@takes_y
@each_example(LABELS["nan"])
def test_estimators_refuse_nan_labels(call, row, value):
    with row.reported():
        call(value)


# Row 17
@takes_y
@each_example(LABELS["mixed"])
def test_estimators_refuse_mixed_labels(call, row, value):
    with row.reported():
        call(value)


# Row 18
@takes_y
@each_example(LABELS["none"])
def test_estimators_refuse_none_among_labels(call, row, value):
    with row.reported():
        call(value)


# Row 78
@takes_y
@each_example(LABELS["not a time"])
def test_estimators_refuse_missing_dates_among_labels(call, row, value):
    with row.reported():
        call(value)


# Row 78
def test_strings_of_variable_length_are_labels():
    names = np.array(["ant", "bee", "a much longer name"])
    clf = small().fit(X, names.astype(np.dtypes.StringDType())[Y])
    expected = small().fit(X, names[Y])
    assert clf.classes_.tolist() == expected.classes_.tolist()
    assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


# Row 18
@takes_y
@each_example(LABELS["missing"])
def test_estimators_refuse_missing_labels_of_pandas(call, row, value):
    with row.reported():
        call(value)


# Row 19
@pytest.mark.parametrize(
    "call",
    [
        lambda: LabelSmoother().fit([0, 0]),
        lambda: LabelSmoother().fit(["a"]),
        lambda: small().fit(X, np.zeros(150, dtype=int)),
        lambda: small().fit(X[:1], Y[:1]),
        lambda: small().partial_fit(X[:50], Y[:50], classes=[0]),
    ],
)
@each_row(LABELS["one class"])
def test_estimators_refuse_a_single_class(call, row):
    with row.reported():
        call()


# Row 20
@each_row(LABELS["column"])
def test_smoother_warns_of_a_column_vector(row):
    with row.reported():
        y_soft = LabelSmoother().fit(Y[:, np.newaxis]).transform(Y)
    assert_array_equal(y_soft, LabelSmoother().fit_transform(Y))


# Row 20
@each_row(LABELS["column"])
def test_classifier_warns_of_a_column_vector(row):
    with row.reported():
        clf = small().fit(X, Y[:, np.newaxis])
    assert_array_equal(clf.predict_proba(X), small().fit(X, Y).predict_proba(X))


# Row 21
@each_example(LABELS["multilabel"])
def test_estimators_take_an_integer_matrix_as_multilabel(row, value):
    smoother = LabelSmoother(epsilon=0.2).fit(value)
    assert smoother.multilabel_
    assert_allclose(smoother.transform(value), np.where(INDICATORS, 0.9, 0.1))
    clf = small().fit(X, value)
    assert clf.label_smoother_.multilabel_
    assert clf.out_activation_ == "logistic"
    assert clf.predict(X).shape == INDICATORS.shape


# Row 21
@learns_y
@each_example(LABELS["other matrices"])
def test_estimators_refuse_other_matrices_with_advice(call, row, value):
    with row.reported():
        call(value)


@each_example(LABELS["one-hot"])
def test_classifiers_warn_of_one_hot_integers(row, value):
    for estimator in (small(), small_search()):
        with row.reported():
            estimator.fit(X, value)


# Row 21
@pytest.mark.parametrize(
    "call",
    [
        lambda: LabelSmoother().fit(Y).transform(INDICATORS),
        lambda: LabelSmoother().fit(INDICATORS).transform(Y),
        lambda: small().fit(X, Y).partial_fit(X, INDICATORS),
        lambda: small().fit(X, INDICATORS).partial_fit(X, Y),
    ],
    ids=["smoother", "multilabel smoother", "classifier", "multilabel classifier"],
)
@each_row(LABELS["other kind"])
def test_estimators_refuse_multilabel_for_single_label_and_vice_versa(call, row):
    with row.reported():
        call()


# Row 24
@each_example(LABELS["unseen"])
def test_classifier_partial_fit_refuses_unseen_classes(row, value):
    with row.reported():
        small().partial_fit(X, value, classes=CLASSES)
    with row.reported():
        small().fit(X, Y).partial_fit(X, value)


# Row 24
@pytest.mark.parametrize("method", ["encode", "transform"])
@each_example(LABELS["unseen by the smoother"])
def test_smoother_refuses_unseen_labels(method, row, value):
    seen, unseen = value
    smoother = LabelSmoother().fit(seen)
    with row.reported():
        getattr(smoother, method)(unseen)


# Row 25
@each_row(LABELS["classes"])
def test_classifier_partial_fit_needs_classes_first(row):
    clf = small()
    with row.reported():
        clf.partial_fit(X, Y)
    clf.partial_fit(X, Y, classes=CLASSES).partial_fit(X, Y)


# Row 25
@pytest.mark.parametrize("first", ["fit", "partial_fit"])
@each_example(LABELS["other classes"])
def test_classifier_partial_fit_refuses_changed_classes(first, row, value):
    clf = TAKES_X[first](X)
    with row.reported():
        clf.partial_fit(X, Y, classes=value)


# Row 25
@each_example(LABELS["warm start"])
def test_classifier_warm_start_refuses_changed_classes(row, value):
    clf = small(warm_start=True).fit(X, Y)
    with row.reported():
        clf.fit(X, value)
