"""Tests of invalid votes of annotators."""

from faults.bad_input import each_example
from faults.calls import small, small_search
from faults.data import X
from faults.rows_votes import VOTES


@each_example(VOTES["votes"])
def test_search_refuses_bad_votes(row, value):
    with row.reported():
        small_search().fit(X, **value)


@each_example(VOTES["votes"])
def test_classifier_refuses_bad_votes(row, value):
    with row.reported():
        small().fit(X, **value)
