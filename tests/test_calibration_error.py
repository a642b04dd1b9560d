import re

import calibration as verified_calibration
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torchmetrics.functional.classification import multiclass_calibration_error

from sklearn_ls.metrics import expected_calibration_error

N, K = 600, 4
KINDS = "top-label", "class-wise"


@pytest.fixture
def problem(rng):
    """Labels, and overconfident probabilities."""
    true = rng.dirichlet(np.ones(K), N)
    y = np.array([rng.choice(K, p=row) for row in true])
    y_proba = true**3
    return y, y_proba / y_proba.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("norm", [1, 2, "max"])
@pytest.mark.parametrize("n_bins", [1, 10, 15])
def test_top_label_is_that_of_torchmetrics(problem, n_bins, norm):
    y, y_proba = problem
    error = expected_calibration_error(y, y_proba, n_bins=n_bins, norm=norm)
    expected = multiclass_calibration_error(
        torch.from_numpy(y_proba),
        torch.from_numpy(y),
        num_classes=K,
        n_bins=n_bins,
        norm=norm if norm == "max" else f"l{norm}",
    )
    assert_allclose(error, expected, rtol=1e-6)


@pytest.mark.parametrize("bias_corrected", [False, True])
@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_quantile_bins_and_bias_correction_are_those_of_kumar_et_al(
    problem, kind, norm, bias_corrected
):
    y, y_proba = problem
    error = expected_calibration_error(
        y,
        y_proba,
        kind=kind,
        strategy="quantile",
        norm=norm,
        bias_corrected=bias_corrected,
    )
    np.random.seed(0)  # their estimate with norm 1 is random
    expected = verified_calibration.lower_bound_scaling_ce(
        y_proba,
        y,
        p=norm,
        debias=bias_corrected,
        mode={"class-wise": "marginal"}.get(kind, kind),
    )
    drawn = bias_corrected and norm == 1
    assert_allclose(error, expected, rtol=0.01 if drawn else 1e-12)


def loop_over_bins(y, y_proba, n_bins, norm, weight):
    """Calibration error over classes, by loops."""
    cells = []
    for k in range(y_proba.shape[1]):
        for b in range(n_bins):
            p = y_proba[:, k]
            rows = (p > b / n_bins) & (p <= (b + 1) / n_bins)
            if b == 0:
                rows |= p == 0
            if w := weight[rows].sum():
                gap = (weight * ((y == k) - p))[rows].sum() / w
                cells.append((w, abs(gap)))
    shares, gaps = np.transpose(cells)
    if norm == "max":
        return gaps.max()
    return (shares @ gaps**norm / weight.sum() / y_proba.shape[1]) ** (1 / norm)


@pytest.mark.parametrize("norm", [1, 2, "max"])
def test_class_wise_is_a_loop_over_classes_and_bins(problem, norm, rng):
    y, y_proba = problem
    weight = rng.uniform(0, 2, N)
    error = expected_calibration_error(
        y, y_proba, kind="class-wise", norm=norm, n_bins=7, sample_weight=weight
    )
    assert_allclose(error, loop_over_bins(y, y_proba, 7, norm, weight))


@pytest.mark.parametrize("norm", [1, 2, "max"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_calibrated_probabilities_have_no_error(kind, strategy, norm):
    how = {"kind": kind, "strategy": strategy, "norm": norm}
    y = np.array(["b", "a", "c"])
    assert expected_calibration_error(y, np.eye(3)[[1, 0, 2]], **how) == 0
    shares = np.tile([0.5, 0.25, 0.25], (4, 1))
    assert expected_calibration_error(["a", "a", "b", "c"], shares, **how) == 0


@st.composite
def scored_rows(draw):
    """Few samples with ties: labels, probabilities, integer weights and parameters."""
    n_classes = draw(st.integers(2, 4))
    n_samples = draw(st.integers(1, 12))
    counts = st.lists(st.integers(0, 4), min_size=n_classes, max_size=n_classes)
    rows = st.lists(counts.filter(any), min_size=n_samples, max_size=n_samples)
    y_proba = np.array(draw(rows), dtype=float)
    label = st.integers(0, n_classes - 1)
    y = np.array(draw(st.lists(label, min_size=n_samples, max_size=n_samples)))
    weight = st.lists(st.integers(0, 3), min_size=n_samples, max_size=n_samples)
    how = {
        "kind": draw(st.sampled_from(KINDS)),
        "strategy": draw(st.sampled_from(["uniform", "quantile"])),
        "n_bins": draw(st.integers(1, 6)),
        "labels": np.arange(n_classes),
    }
    y_proba /= y_proba.sum(axis=1, keepdims=True)
    return y, y_proba, np.array(draw(weight.filter(any))), how


@settings(max_examples=50)
@given(scored_rows())
def test_error_is_a_share_and_grows_with_the_norm(rows):
    y, y_proba, weight, how = rows
    errors = [
        expected_calibration_error(y, y_proba, sample_weight=weight, norm=norm, **how)
        for norm in (1, 2, "max")
    ]
    ordered = np.array([0, *errors, 1])
    assert np.all(np.diff(ordered) >= -1e-12)


@settings(max_examples=50)
@given(scored_rows(), st.sampled_from([1, 2, "max"]))
def test_weights_are_copies_of_any_unit(rows, norm):
    y, y_proba, weight, how = rows
    copies = np.repeat(np.arange(len(y)), weight)
    error = expected_calibration_error(y[copies], y_proba[copies], norm=norm, **how)
    for unit in (1, 0.1, 0.3):
        weighted = expected_calibration_error(
            y, y_proba, norm=norm, sample_weight=unit * weight, **how
        )
        assert_allclose(weighted, error, atol=1e-12)


@pytest.mark.parametrize("bias_corrected", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_names_and_order_of_classes_do_not_matter(problem, kind, bias_corrected):
    y, y_proba = problem
    how = {"kind": kind, "bias_corrected": bias_corrected, "norm": 2}
    names = np.array(["owl", "ant", "cat", "bee"])
    renamed = expected_calibration_error(
        pd.Series(names[y]), y_proba[:, np.argsort(names)], **how
    )
    assert_allclose(renamed, expected_calibration_error(y, y_proba, **how))
    frame = pd.DataFrame(y_proba, columns=names)  # columns are not sorted
    named = expected_calibration_error(names[y], frame, **how)
    assert_allclose(named, renamed)
    with pytest.raises(ValueError, match=r"Name them by the classes"):
        expected_calibration_error(names[y], frame.add_prefix("p_"), **how)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_include_classes_missing_from_samples(problem, kind):
    y, y_proba = problem
    rows = y != 2
    lacking = expected_calibration_error(
        y[rows], y_proba[rows], kind=kind, labels=range(K)
    )
    weighted = expected_calibration_error(y, y_proba, kind=kind, sample_weight=rows)
    assert_allclose(lacking, weighted)


@pytest.mark.parametrize("kind", KINDS)
def test_a_vector_is_the_second_of_two_columns(rng, kind):
    p, y = rng.uniform(size=N), rng.integers(2, size=N)
    expected = expected_calibration_error(y, np.column_stack([1 - p, p]), kind=kind)
    assert_allclose(expected_calibration_error(y, p, kind=kind), expected)


def errors_of_samples(rng, gap, n_samples, **how):
    """Errors of predictions whose accuracy is below the confidence by `gap`."""
    confidence = np.repeat([0.7, 0.8, 0.9, 1.0], n_samples // 4)
    return [
        expected_calibration_error(
            rng.uniform(size=n_samples) < confidence - gap,
            confidence,
            n_bins=10,
            labels=[False, True],
            **how,
        )
        for _ in range(200)
    ]


def test_norm_2_corrected_is_nearly_unbiased():
    means = {}
    for bias_corrected in (False, True):
        errors = errors_of_samples(
            np.random.default_rng(0), 0.15, 200, norm=2, bias_corrected=bias_corrected
        )
        squares = np.square(errors)
        means[bias_corrected] = squares.mean()
        standard_error = squares.std() / np.sqrt(len(squares))
    assert means[False] > 0.15**2 + 4 * standard_error
    assert abs(means[True] - 0.15**2) < 3 * standard_error


@pytest.mark.parametrize("norm", [1, 2])
def test_correction_takes_off_part_of_what_chance_adds(norm):
    plain, corrected = (
        np.mean(
            errors_of_samples(
                np.random.default_rng(0), 0.0, 80, norm=norm, bias_corrected=correct
            )
        )
        for correct in (False, True)
    )
    assert 0 < corrected < 0.75 * plain


@pytest.mark.parametrize("norm", [1, 2])
def test_correction_does_not_depend_on_the_unit_of_weights(problem, norm, rng):
    weight = rng.uniform(0.5, 2, N)
    errors = [
        expected_calibration_error(
            *problem, norm=norm, bias_corrected=True, sample_weight=unit * weight
        )
        for unit in (1, 1e-150, 1e150)
    ]
    assert_allclose(errors, errors[0])
    even = expected_calibration_error(
        *problem, norm=norm, bias_corrected=True, sample_weight=np.full(N, 3.0)
    )
    without = expected_calibration_error(*problem, norm=norm, bias_corrected=True)
    assert_allclose(even, without)


@pytest.mark.parametrize("norm", [1, 2])
def test_samples_of_tiny_weight_do_not_correct(problem, norm, rng):
    y, y_proba = problem
    rows = rng.uniform(size=N) < 0.5
    how = {"norm": norm, "bias_corrected": True, "n_bins": 5}
    error = expected_calibration_error(
        y, y_proba, sample_weight=np.where(rows, 1, 1e-12), **how
    )
    assert_allclose(error, expected_calibration_error(y[rows], y_proba[rows], **how))


@pytest.mark.parametrize("norm", [1, 2])
def test_a_bin_with_one_sample_has_no_corrected_gap(norm):
    how = {"norm": norm, "labels": [0, 1], "sample_weight": [0.1]}
    assert expected_calibration_error([1], [0.4], bias_corrected=True, **how) == 0
    assert expected_calibration_error([1], [0.4], **how) > 0


GOOD = [[0.5, 0.5], [0.2, 0.8]]


@pytest.mark.parametrize(
    ("y", "y_proba", "how", "match"),
    [
        ([0, 1], GOOD, {"kind": "toplabel"}, "The 'kind' parameter"),
        ([0, 1], GOOD, {"strategy": "equal"}, "The 'strategy' parameter"),
        ([0, 1], GOOD, {"n_bins": 0}, "The 'n_bins' parameter"),
        ([0, 1], GOOD, {"n_bins": 1.5}, "The 'n_bins' parameter"),
        ([0, 1], GOOD, {"norm": 3}, "The 'norm' parameter"),
        ([0, 1], GOOD, {"norm": "l1"}, "The 'norm' parameter"),
        (
            [0, 1],
            GOOD,
            {"norm": "max", "bias_corrected": True},
            "bias_corrected=True requires norm=1 or norm=2",
        ),
        ([0, 1, 1], GOOD, {}, "inconsistent numbers of samples"),
        ([0, 0], GOOD, {}, "y_true has 1 different labels: [0]. Pass all classes"),
        ([0, 2], GOOD, {"labels": [0, 1]}, "y_true contains [2], which are not among"),
        (["a", "b"], GOOD, {"labels": [0, 1]}, "which are not among the labels [0 1]"),
        ([0, 1], GOOD, {"labels": [1, 0]}, "labels must be unique and sorted"),
        ([0, 1], GOOD, {"labels": [0, 1, 1]}, "labels must be unique and sorted"),
        ([0, 1], GOOD, {"labels": [0, 1, 2]}, "2 columns, but there are 3 labels"),
        (GOOD, GOOD, {}, "y_true must have one label per sample. Got shape (2, 2)."),
        ([0.1, 0.9], GOOD, {}, "Unknown label type"),
        ([0, None], GOOD, {}, "Input y_true contains NaN or None"),
        ([0, 1], [[0.5, 0.6], [0.2, 0.8]], {}, "Row 0 is [0.5 0.6]"),
        ([0, 1], [[2.0, -1.0], [0.2, 0.8]], {}, "Row 0 is [ 2. -1.]"),
        ([0, 1], [0.5, 1.2], {}, "must be probabilities that sum to 1. Row 1 is 1.2"),
        ([0, 1], [[np.nan, 0.5], [0.2, 0.8]], {}, "y_proba contains NaN"),
        ([0, 1], [GOOD, GOOD], {}, "dim 3"),
        ([0, 1], GOOD, {"sample_weight": [1, -1]}, "Negative values"),
        ([0, 1], GOOD, {"sample_weight": [0, 0]}, "zero"),
        ([], [], {}, "0 sample(s)"),
    ],
)
def test_bad_input_is_refused(y, y_proba, how, match):
    with pytest.raises(ValueError, match=re.escape(match)):
        expected_calibration_error(y, y_proba, **how)
