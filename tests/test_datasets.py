import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.neighbors import NearestCentroid

from sklearn_ls.datasets import corrupt_labels
from sklearn_ls.distributions import from_confusion

KINDS = ["symmetric", "pair", "transition", "instance"]
UNEVEN = np.array([[0.9, 0.1, 0.0], [0.1, 0.6, 0.3], [0.2, 0.0, 0.8]])

labels = st.lists(st.integers(-3, 4), min_size=2, max_size=60).filter(
    lambda y: len(set(y)) > 1
)
rates = st.floats(0, 1, exclude_max=True)
seeds = st.integers(0, 2**32 - 1)


def needs(kind, y, seed=0):
    """Return the arguments of `kind` for these labels, with the same rate per class."""
    if kind == "transition":
        n_classes = len(set(y))
        return {"transition": np.full((n_classes, n_classes), 1 / n_classes)}
    if kind == "instance":
        return {"X": np.random.default_rng(seed).normal(size=(len(y), 2))}
    return {}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50, deadline=None)
@given(y=labels, rate=rates, seed=seeds)
def test_exact_share_changes_and_never_to_itself(kind, y, rate, seed):
    more = needs(kind, y, seed)
    y_noisy, changed = corrupt_labels(y, rate, kind=kind, random_state=seed, **more)
    assert changed.sum() == round(rate * len(y))
    assert_array_equal(changed, y_noisy != np.array(y))
    assert set(y_noisy) <= set(y)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50, deadline=None)
@given(y=labels, rate=rates, seed=seeds)
def test_same_seed_same_labels_for_any_names(kind, y, rate, seed):
    more = needs(kind, y, seed)
    classes = sorted(set(y))
    names = np.array([f"class {k}" for k in range(len(classes))])
    renamed = names[[classes.index(label) for label in y]]
    y_noisy, changed = corrupt_labels(y, rate, kind=kind, random_state=seed, **more)
    y_named, same = corrupt_labels(renamed, rate, kind=kind, random_state=seed, **more)
    assert_array_equal(changed, same)
    assert_array_equal(names[[classes.index(label) for label in y_noisy]], y_named)


@pytest.mark.parametrize("kind", ["symmetric", "pair", "transition"])
@given(y=labels, rate=rates, seed=seeds)
def test_each_class_changes_by_the_rate_up_to_rounding(kind, y, rate, seed):
    more = needs(kind, y)
    _, changed = corrupt_labels(y, rate, kind=kind, random_state=seed, **more)
    n_changed = round(rate * len(y))
    for label in set(y):
        rows = np.array(y) == label
        assert abs(changed[rows].sum() - n_changed * rows.mean()) < 1


@pytest.mark.parametrize(
    ("sizes", "rate"),
    [((10, 10), 0.3), ((1, 4, 1), 1 / 3)],  # the second by remainders, all equal
)
def test_changed_samples_are_drawn_uniformly(sizes, rate):
    y = np.repeat(np.arange(len(sizes)), sizes)
    times = sum(corrupt_labels(y, rate, random_state=seed)[1] for seed in range(1000))
    assert_allclose(times / 1000, rate, atol=0.06)  # four standard errors


def test_no_rate_changes_nothing_and_leaves_y_alone():
    y = np.array(["b", "a", "b"])
    y_noisy, changed = corrupt_labels(y, 0)
    assert_array_equal(y_noisy, y)
    assert not changed.any()
    assert not np.shares_memory(y_noisy, y)
    keeps = {"kind": "transition", "transition": np.eye(2)}
    assert_array_equal(corrupt_labels(y, 0, **keeps)[0], y)
    corrupt_labels(y, 0.9)
    assert_array_equal(y, ["b", "a", "b"])


def test_random_state_none_draws_new_numbers():
    y = np.arange(1000) % 3
    first, second = (corrupt_labels(y, 0.5)[0] for _ in range(2))
    assert (first != second).any()


@given(y=labels, rate=rates, seed=seeds)
def test_pair_goes_to_the_next_class(y, rate, seed):
    y_noisy, changed = corrupt_labels(y, rate, kind="pair", random_state=seed)
    classes = sorted(set(y))
    following = dict(zip(classes, classes[1:] + classes[:1], strict=True))
    for label, given_label, wrong in zip(y, y_noisy, changed, strict=True):
        assert given_label == (following[label] if wrong else label)


def test_symmetric_noise_is_uniform_over_the_other_classes():
    y = np.arange(20_000) % 4
    matrix = from_confusion(y, corrupt_labels(y, 0.3, random_state=0)[0])
    assert_allclose(matrix, np.where(np.eye(4), 0.7, 0.1), atol=0.02)
    assert_allclose(matrix.diagonal(), 0.7)


@pytest.mark.parametrize("share", [0.3, 1, 1.5])
def test_transition_keeps_its_proportions_at_any_rate(share):
    y = np.repeat([0, 1, 2], [6000, 4000, 10_000])
    own_rate = np.mean(1 - UNEVEN.diagonal()[y])
    y_noisy, changed = corrupt_labels(
        y, share * own_rate, kind="transition", transition=UNEVEN, random_state=0
    )
    expected = np.eye(3) + share * (UNEVEN - np.eye(3))
    matrix = from_confusion(y, y_noisy)
    assert_allclose(matrix, expected, atol=0.02)
    assert_allclose(matrix.diagonal(), expected.diagonal(), atol=1e-3)
    assert_array_equal(matrix == 0, expected == 0)
    assert changed.sum() == round(share * own_rate * len(y))


def test_transition_dataframe_is_read_by_its_names():
    y = np.array(["c", "a", "b"] * 50)
    names = ["b", "c", "a"]
    swaps = pd.DataFrame([[1, 0, 0], [0, 0, 1], [0, 1, 0]], index=names, columns=names)
    y_noisy, changed = corrupt_labels(
        y, 0.5, kind="transition", transition=swaps, random_state=0
    )
    assert set(zip(y[changed], y_noisy[changed], strict=True)) == {
        ("a", "c"),
        ("c", "a"),
    }


def test_instance_noise_changes_samples_near_the_new_class(iris):
    X, y = iris
    y_noisy, changed = corrupt_labels(y, 0.2, kind="instance", X=X, random_state=0)
    centroids = NearestCentroid().fit(X, y).centroids_
    distances = np.linalg.norm(X[:, np.newaxis] - centroids, axis=2)
    nearer = [
        distances[row, y_noisy[row]] - distances[~changed & (y == y[row]), y_noisy[row]]
        for row in np.flatnonzero(changed)
    ]
    assert np.mean(np.concatenate(nearer)) < -0.3


def test_instance_does_not_depend_on_units_or_sparsity(iris):
    X, y = iris
    expected = corrupt_labels(y, 0.2, kind="instance", X=X, random_state=0)[0]
    for same in (X * [1, 1000, 1, 0.001], csr_matrix(X), pd.DataFrame(X)):
        y_noisy, _ = corrupt_labels(y, 0.2, kind="instance", X=same, random_state=0)
        assert_array_equal(y_noisy, expected)


def test_instance_reaches_high_rates_of_classes_far_apart():
    y = np.arange(40) % 2
    X = 1e6 * y[:, np.newaxis] + np.arange(40)[:, np.newaxis]
    _, changed = corrupt_labels(y, 0.9, kind="instance", X=X, random_state=0)
    assert changed.sum() == 36
    y = np.arange(100_000) % 2
    X = 2.0 * y[:, np.newaxis] - 1
    X[1] = 300  # an outlier that is classified with certainty
    _, changed = corrupt_labels(y, 1 - 1e-9, kind="instance", X=X, random_state=0)
    assert changed.all()


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, 1, 2], dtype=np.int8),
        np.array([2**64 - 1, 2**64 - 3], dtype=np.uint64),
        np.array([1.0, 2.0]),
        np.array([True, False]),
        np.array(["a", "longer"]),
        np.array(["a", "longer"], dtype=object),
        ["a", "longer"],
        pd.Series(["b", "a"], dtype="category"),
        pd.Series([3, 1], dtype="Int64", index=[7, 8]),
        pl.Series(["b", "a"]),
    ],
    ids=repr,
)
def test_labels_of_any_container_come_back_as_an_array(y):
    y_noisy, changed = corrupt_labels(y, 0.5, kind="pair", random_state=0)
    values = np.asarray(list(y))
    assert isinstance(y_noisy, np.ndarray)
    assert y_noisy.dtype == getattr(y, "dtype", None) or not isinstance(y, np.ndarray)
    assert set(y_noisy.tolist()) <= set(values.tolist())
    assert_array_equal(y_noisy[~changed].tolist(), values[~changed].tolist())
    assert changed.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": [0, 0, 0]}, "y must have at least two classes. Got the single class 0"),
        (
            {"y": [[0, 1], [1, 1]]},
            "y must be one-dimensional, with one label per sample",
        ),
        ({"y": [0.1, 0.25, 0.7]}, "Unknown label type: continuous"),
        ({"y": ["a", None]}, "Input y contains NaN or None"),
        ({"y": None}, "The 'y' parameter of corrupt_labels must be an array-like"),
        ({"rate": 1.0}, "The 'rate' parameter of corrupt_labels must be a float in"),
        ({"rate": -0.1}, "The 'rate' parameter of corrupt_labels"),
        ({"kind": "random"}, "The 'kind' parameter of corrupt_labels"),
        ({"random_state": "0"}, "The 'random_state' parameter of corrupt_labels"),
        (
            {"kind": "transition"},
            'kind="transition" requires transition. Got transition=None',
        ),
        ({"kind": "instance"}, 'kind="instance" requires X. Got X=None'),
        (
            {"transition": UNEVEN},
            'transition requires kind="transition". Got kind="symmetric"',
        ),
        (
            {"kind": "pair", "X": np.ones((3, 1))},
            'X requires kind="instance". Got kind="pair"',
        ),
        (
            {"kind": "instance", "X": np.ones((2, 1))},
            "inconsistent numbers of samples: [2, 3]",
        ),
        ({"kind": "instance", "X": [[1], [np.nan], [0]]}, "Input X contains NaN"),
        (
            {"kind": "transition", "transition": np.eye(2)},
            "transition has shape (2, 2), but y has 3 classes",
        ),
        (
            {"kind": "transition", "transition": np.ones((3, 3))},
            "Every row of transition must be non-negative and sum to 1. Row 0",
        ),
        (
            {"kind": "transition", "transition": np.eye(3)},
            "transition changes no label of y: its diagonal is all ones",
        ),
        (
            {
                "rate": 0.67,
                "kind": "transition",
                "transition": [[0.9, 0.1, 0], [0.8, 0.2, 0], [0, 0, 1]],
            },
            "2 of 3 labels cannot change with this transition: it would change more "
            "samples of [1] than there are. rate can be at most 0.375.",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    arguments = {"y": [0, 1, 2], "rate": 0.5} | arguments
    with pytest.raises(ValueError, match=re.escape(message)):
        corrupt_labels(**arguments)


def test_highest_rate_of_a_transition_is_reached():
    y = np.repeat([0, 1], [60, 40])
    one_way = [[0.8, 0.2], [0, 1]]
    _, changed = corrupt_labels(y, 0.6, kind="transition", transition=one_way)
    assert_array_equal(changed, y == 0)
    with pytest.raises(ValueError, match=re.escape("rate can be at most 0.600")):
        corrupt_labels(y, 0.61, kind="transition", transition=one_way)
    y = np.repeat([0, 1], [2000, 1000])
    with pytest.raises(ValueError, match=re.escape("rate can be at most 0.666")):
        corrupt_labels(y, 0.667, kind="transition", transition=one_way)


# Row 94
def test_noise_of_instances_does_not_depend_on_the_origin(rng):
    X, y = rng.normal(size=(500, 4)), rng.integers(0, 3, 500)
    noise = [
        corrupt_labels(y, 0.3, kind="instance", X=X + offset, random_state=0)[0]
        for offset in (0, 1e4)
    ]
    assert np.mean(noise[0] == noise[1]) > 0.99
