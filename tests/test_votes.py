import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from sklearn_ls._labels.votes import read_votes

N_CLASSES = 3
answer_matrices = arrays(
    int,
    st.tuples(st.integers(1, 6), st.integers(1, 4)),
    elements=st.integers(-1, N_CLASSES - 1),
)
ANSWERS = np.array([[0, 1, -1], [2, 2, 1], [-1, -1, -1], [1, -1, -1]])


def count_votes(answers):
    return read_votes(answers, N_CLASSES).counts()


def long_form(answers):
    """One vote per row, without missing votes."""
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
    assert_array_equal(count_votes(answers), counts)


@given(answer_matrices)
def test_votes_put_back_give_the_matrix(answers):
    votes = read_votes(answers, N_CLASSES)
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
        lambda answers: answers.astype(np.int8),
        lambda answers: pl.DataFrame(answers, schema=["a", "b", "c"]),
        lambda answers: (
            pd.DataFrame(answers)
            .melt(ignore_index=False, var_name="annotator", value_name="label")
            .reset_index(names="sample")
        ),
    ],
    ids="list pandas Int64 float int8 polars molten".split(),
)
def test_answers_in_any_container(container):
    expected = count_votes(ANSWERS)
    assert_array_equal(count_votes(container(ANSWERS)), expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@given(answers=answer_matrices, random=st.randoms(use_true_random=False))
def test_one_vote_per_row_omits_samples_without_votes(frame, answers, random):
    columns = long_form(answers)
    order = random.sample(range(len(columns["label"])), len(columns["label"]))
    if order:
        shuffled = {name: column[order] for name, column in columns.items()}
        votes = read_votes(frame({**shuffled, "when": "today"}), N_CLASSES)
        asked = answers[np.any(answers >= 0, axis=1)]
        assert_array_equal(votes.counts(), count_votes(asked))
        assert votes.n_annotators == np.any(answers >= 0, axis=0).sum()


@pytest.mark.parametrize(
    "ids",
    [
        [10, 7, 7],
        [0.5, -1.5, -1.5],
        ["b", "a", "a"],
        pd.Categorical(["b", "a", "a"], categories=["b", "a"]),
        [("x", 2), ("x", 1), ("x", 1)],
        pd.to_datetime(["2024-02-01", "2024-01-01", "2024-01-01"]),
    ],
    ids="int float str categorical tuple date".split(),
)
def test_ids_are_numbered_in_their_order(ids):
    frame = pd.DataFrame({"sample": ids, "annotator": [0, 1, 2], "label": [0, 1, 1]})
    assert_array_equal(read_votes(frame, 2).sample, [1, 0, 0])
    frame = pd.DataFrame({"sample": [0, 1, 2], "annotator": ids, "label": [0, 1, 1]})
    assert_array_equal(read_votes(frame, 2).annotator, [1, 0, 0])


def test_an_annotator_may_vote_again():
    frame = pd.DataFrame({"sample": [0] * 3, "annotator": [0] * 3, "label": [1, 1, 0]})
    assert_array_equal(count_votes(frame), [[1, 2, 0]])


@pytest.mark.parametrize("bad", [3, -2, 0.5, np.inf])
def test_the_first_bad_label_is_named(bad):
    answers = ANSWERS.astype(float)
    answers[3, 1] = bad
    with pytest.raises(ValueError, match=f"codes from 0 to 2.*1 gave sample 3.* {bad}"):
        count_votes(answers)
    frame = pd.DataFrame(long_form(ANSWERS)).astype({"label": float})
    frame.loc[1, "label"] = bad
    with pytest.raises(ValueError, match=f"annotator 1 gave sample 0 the label {bad}"):
        count_votes(frame)


def test_samples_and_annotators_of_a_matrix_keep_their_names():
    frame = pd.DataFrame([[0, 1], [2, 9]], index=["x", "y"], columns=["Ann", "Bob"])
    with pytest.raises(ValueError, match="Annotator Bob gave sample y the label 9"):
        read_votes(frame, 3)
    assert [*read_votes(frame.replace(9, 0)).samples] == ["x", "y"]


@pytest.mark.parametrize(
    "names", [["Task", "WORKER", "label"], ["Sample", "annotator", "Label"]]
)
def test_columns_may_be_capitalized(names):
    frame = pd.DataFrame(long_form(ANSWERS))
    assert_array_equal(count_votes(frame.set_axis(names, axis=1)), count_votes(frame))


def test_one_vote_per_row_under_other_names_is_not_a_matrix():
    votes = {"item": ["x", "y"], "rater": ["a", "a"], "answer": ["ant", "bee"]}
    frame = pd.DataFrame(votes)
    with pytest.raises(
        ValueError, match=r"\['item', 'rater', 'answer'\], have no label"
    ):
        read_votes(frame)


@pytest.mark.parametrize("column", ["sample", "annotator"])
@pytest.mark.parametrize(
    "ids",
    [
        pd.Series([1, None]),
        pd.Series([1, None], dtype="Int64"),
        pd.Series([None], dtype="Int64"),
        pd.Series([None, None]),
        pd.Series(["a", None]),
        pd.Series(["a", 1]),
        pl.Series([1, None]),
        pl.Series(["a", None]),
        pl.Series([None, None]),
    ],
)
def test_missing_and_mixed_ids_are_refused(ids, column):
    frame = pd.DataFrame if isinstance(ids, pd.Series) else pl.DataFrame
    zeros = [0] * len(ids)
    votes = frame({"sample": zeros, "annotator": zeros, "label": zeros, column: ids})
    with pytest.raises(ValueError, match=f"The column '{column}' must contain ids of"):
        count_votes(votes)


def test_a_frame_of_votes_needs_its_three_columns():
    frame = pd.DataFrame({"tusk": [0], "annotator": [0], "label": [0]})
    with pytest.raises(ValueError, match=r"has only \['annotator', 'label'\] of them"):
        count_votes(frame)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([0, 1], "Expected 2D array"),
        ([["cat"]], "Omit n_classes if the labels are names"),
        ([[]], "0 feature"),
    ],
)
def test_invalid_matrices_of_codes_are_refused(answers, message):
    with pytest.raises(ValueError, match=message):
        count_votes(answers)


NAMES = np.array(["owl", "ant", "bee", None], dtype=object)  # None stands for -1


@pytest.mark.parametrize(
    "container",
    [
        np.ndarray.tolist,
        np.asarray,
        pd.DataFrame,
        lambda answers: pd.DataFrame(answers).astype("string"),
        lambda answers: pd.DataFrame(answers).astype("category"),
        lambda answers: pl.DataFrame(answers.tolist(), orient="row"),
        lambda answers: pd.DataFrame(answers).fillna(np.nan),
        lambda answers: pd.DataFrame(answers).fillna(np.nan).to_numpy().tolist(),
        lambda answers: np.ma.masked_array(answers, pd.isna(answers)),
    ],
    ids="list object pandas string category polars nan nan-list masked".split(),
)
def test_names_of_classes_in_any_container(container):
    votes = read_votes(container(NAMES[ANSWERS]))
    assert_array_equal(votes.classes, ["ant", "bee", "owl"])
    assert_array_equal(votes.counts()[:, [2, 0, 1]], count_votes(ANSWERS))


@pytest.mark.parametrize("missing", [np.nan, None])
@pytest.mark.parametrize("container", [list, pd.DataFrame, np.array])
def test_numbers_that_are_not_codes(missing, container):
    stars = container([[1, 5, missing], [5, missing, missing]])
    votes = read_votes(stars)
    assert_array_equal(votes.classes, [1, 5])
    assert votes.classes.dtype.kind == "i"
    assert_array_equal(votes.counts(), [[1, 1], [0, 1]])


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA])
def test_codes_may_be_missing_in_any_way(missing):
    answers = ANSWERS.astype(object)
    answers[answers == -1] = missing
    assert_array_equal(count_votes(pd.DataFrame(answers)), count_votes(ANSWERS))


def test_columns_of_crowd_kit():
    frame = pd.DataFrame(long_form(ANSWERS))
    renamed = frame.rename(columns={"sample": "task", "annotator": "worker"})
    assert_array_equal(count_votes(renamed), count_votes(frame))
    named = renamed.assign(label=NAMES[frame["label"]])
    assert_array_equal(read_votes(named).counts()[:, [2, 0, 1]], count_votes(frame))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([["a", np.nan], [-1, "b"]], "mixed label types"),
        ([["a", "b"], ["-1", "b"]], "answers has the label"),
        ([[-2, -1], [0, -1]], "answers has the label"),
        (np.array([["a", "b"], [np.nan, "b"]]), "answers has the label 'nan'"),
        ([[0, -1], [1, 1]], "answers has the label"),
        ([["a", "a"]], "answers must contain at least two different labels. Got .'a'."),
        ([[None, None]], "answers must contain at least one vote"),
        (np.array([["a", 1]], dtype=object), "mixed label types"),
        ([[0.5, 1.0]], "continuous"),
        (["a", "b"], "Expected 2D array"),
    ],
)
def test_labels_that_are_not_classes_are_refused(answers, message):
    with pytest.raises(ValueError, match=message):
        read_votes(answers)


@pytest.mark.parametrize("n_classes", [1, 2.0, True, "3"])
def test_bad_n_classes_is_named(n_classes):
    with pytest.raises((TypeError, ValueError), match="n_classes"):
        read_votes(ANSWERS, n_classes)
