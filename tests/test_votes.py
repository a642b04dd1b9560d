import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from sklearn_ls._votes import count_votes, vote_triples

N_CLASSES = 3
answer_matrices = arrays(
    int,
    st.tuples(st.integers(1, 6), st.integers(1, 4)),
    elements=st.integers(-1, N_CLASSES - 1),
)
ANSWERS = np.array([[0, 1, -1], [2, 2, 1], [-1, -1, -1], [1, -1, -1]])


def long_form(answers):
    """One vote a row, the unasked left out."""
    sample, annotator = np.nonzero(answers >= 0)
    return {
        "sample": sample,
        "annotator": np.char.add("annotator ", annotator.astype(str)),
        "label": answers[sample, annotator],
    }


@given(answer_matrices)
def test_counts_are_those_of_a_plain_loop(answers):
    counts = np.zeros((len(answers), N_CLASSES), dtype=int)
    for row, labels in enumerate(answers):
        for label in labels:
            if label != -1:
                counts[row, label] += 1
    assert_array_equal(count_votes(answers, N_CLASSES), counts)


@given(answer_matrices)
def test_triples_put_back_give_the_matrix(answers):
    votes = vote_triples(answers, N_CLASSES)
    again = np.full((votes.n_samples, votes.n_annotators), -1)
    again[votes.sample, votes.annotator] = votes.label
    assert_array_equal(again, answers)


@pytest.mark.parametrize(
    "container",
    [
        np.ndarray.tolist,
        pd.DataFrame,
        lambda answers: pd.DataFrame(answers).astype("Int64"),
        lambda answers: answers.astype(np.float32),
        lambda answers: pd.DataFrame(long_form(answers)),
        lambda answers: pl.DataFrame(long_form(answers)),
        lambda answers: pd.DataFrame(long_form(answers))[::-1].assign(when="today"),
        lambda answers: (
            pd.DataFrame(answers)
            .melt(ignore_index=False, var_name="annotator", value_name="label")
            .reset_index(names="sample")
        ),
    ],
    ids="list pandas Int64 float long polars shuffled melted".split(),
)
def test_both_forms_in_any_container(container):
    expected = count_votes(ANSWERS, N_CLASSES)
    assert_array_equal(count_votes(container(ANSWERS), N_CLASSES), expected)


@pytest.mark.parametrize("bad", [3, -2, 0.5, np.nan, np.inf])
def test_the_first_bad_label_is_named(bad):
    answers = ANSWERS.astype(float)
    answers[3, 1] = bad
    with pytest.raises(ValueError, match=f"codes from 0 to 2.*1 gave row 3.* {bad}"):
        count_votes(answers, N_CLASSES)
    frame = pd.DataFrame(long_form(ANSWERS)).astype({"label": float})
    frame.loc[1, "label"] = bad
    with pytest.raises(ValueError, match=f"annotator 1 gave row 0 the label {bad}"):
        count_votes(frame, N_CLASSES)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"sample": [0, 0], "annotator": ["a", "a"]}, "a has several on row 0"),
        ({"sample": [-1, 0], "annotator": ["a", "b"]}, "row numbers, .* Got -1"),
        ({"sample": [0, 0.5], "annotator": ["a", "b"]}, "row numbers, .* Got 0.5"),
        ({"sample": [0, np.nan], "annotator": ["a", "b"]}, "row numbers, .* Got nan"),
        ({"sample": [0, 0], "annotator": ["a", None]}, "none missing"),
        ({"sample": [0, 0], "annotator": [1, np.nan]}, "annotator contains NaN"),
    ],
)
def test_bad_columns_of_the_long_form_are_named(columns, message):
    frame = pd.DataFrame({**columns, "label": [0, 1]})
    with pytest.raises(ValueError, match=message):
        count_votes(frame, N_CLASSES)


@pytest.mark.parametrize(
    ("answers", "message"),
    [([0, 1], "Expected 2D array"), ([["cat"]], "'cat'"), ([[]], "0 feature")],
)
def test_what_is_no_matrix_of_codes_is_refused(answers, message):
    with pytest.raises(ValueError, match=message):
        count_votes(answers, N_CLASSES)


@pytest.mark.parametrize("n_classes", [1, 2.0, True, None, "3"])
def test_bad_n_classes_is_named(n_classes):
    with pytest.raises((TypeError, ValueError), match="n_classes"):
        count_votes(ANSWERS, n_classes)
