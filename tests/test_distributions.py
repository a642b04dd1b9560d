import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import triang
from sklearn.metrics import confusion_matrix
from sklearn.metrics.pairwise import cosine_similarity

from helpers import quick_classifier
from sklearn_ls import LabelSmoother
from sklearn_ls.distributions import (
    class_similarity,
    from_confusion,
    from_votes,
    ordinal,
)

class_counts = st.integers(2, 12)
alphas = st.floats(0, 2 / 9)
positive = st.floats(0.1, 10)
ordinals = st.one_of(
    st.builds(ordinal, class_counts, alpha=alphas),
    st.builds(
        ordinal, class_counts, st.just("exponential"), p=positive, temperature=positive
    ),
    st.builds(ordinal, st.integers(2, 10), st.just("binomial")),
)
similarity_matrices = class_counts.flatmap(
    lambda n: arrays(float, (n, n), elements=st.floats(-100, 100))
)
answer_matrices = arrays(
    int,
    st.tuples(st.integers(1, 8), st.integers(2, 5)),
    elements=st.integers(-1, 2),
)
EVERY_CLASS = np.array([[0, 1], [1, 2], [2, 2]])


def check_stochastic(matrix):
    assert matrix.dtype == np.float64
    assert matrix.shape == (len(matrix), len(matrix))
    assert (matrix >= 0).all()
    assert_allclose(matrix.sum(axis=1), 1, rtol=0, atol=1e-12)


# class_similarity


@given(similarity_matrices, positive)
def test_class_similarity_is_the_softmax_over_the_other_classes(similarities, t):
    matrix = class_similarity(similarities, t)
    check_stochastic(matrix)
    n_classes = len(matrix)
    for y in range(n_classes):
        others = np.delete(similarities[y], y)
        weights = np.exp((others - others.max()) / t)
        assert matrix[y, y] == 0
        assert_allclose(np.delete(matrix[y], y), weights / weights.sum(), atol=1e-12)


@given(similarity_matrices, st.integers(0, 2**32 - 1))
def test_class_similarity_of_permuted_classes_is_permuted(similarities, seed):
    order = np.random.default_rng(seed).permutation(len(similarities))
    permuted = class_similarity(similarities[np.ix_(order, order)])
    expected = class_similarity(similarities)[np.ix_(order, order)]
    assert_allclose(permuted, expected, atol=1e-12)


def test_class_similarity_at_the_ends_of_temperature(rng):
    similarities = rng.normal(size=(5, 5))
    y = np.arange(5)
    others = LabelSmoother(1, distribution="others").fit_transform(y)
    assert_allclose(class_similarity(similarities, 1e12), others, atol=1e-9)
    np.fill_diagonal(similarities, -np.inf)
    nearest = np.eye(5)[similarities.argmax(axis=1)]
    np.fill_diagonal(similarities, 0)
    assert_array_equal(class_similarity(similarities, 1e-100), nearest)


def test_class_similarity_leaves_its_input_alone(rng):
    similarities = cosine_similarity(rng.normal(size=(4, 3)))
    before = similarities.copy()
    from_frame = class_similarity(pd.DataFrame(similarities))
    assert_array_equal(class_similarity(similarities), from_frame)
    assert_array_equal(similarities, before)


@pytest.mark.parametrize(
    ("similarities", "message"),
    [
        ([[1.0, 0.5]], r"square matrix .* shape \(1, 2\)"),
        ([[1.0]], r"square matrix .* shape \(1, 1\)"),
        ([1.0, 0.5], "2D array"),
        ([[1.0, np.nan], [0.5, 1.0]], "similarities contains NaN"),
        ("cosine", "'similarities' parameter of class_similarity"),
    ],
)
def test_class_similarity_names_bad_similarities(similarities, message):
    with pytest.raises(ValueError, match=message):
        class_similarity(similarities)


def test_names_of_similarities_are_those_of_the_distribution():
    names = ["cow", "ant", "bee"]
    similarities = pd.DataFrame([[9, 1, 5], [2, 9, 0], [3, 4, 9]], names, names)
    matrix = class_similarity(similarities.loc[["bee", "cow", "ant"]])
    assert_allclose(matrix, class_similarity(similarities.to_numpy()))
    soft = LabelSmoother(1.0, distribution=matrix).fit(names).transform(["cow"])
    assert_allclose(soft[:, [2, 0, 1]], matrix.loc[["cow"]])
    with pytest.raises(ValueError, match=r"rows and columns of similarities must have"):
        class_similarity(pd.DataFrame(np.eye(2), columns=["a", "b"]))
    with pytest.raises(ValueError, match=r"the same unique names"):
        class_similarity(pd.DataFrame(np.eye(2), ["a", "a"], ["a", "a"]))


# ordinal


@given(ordinals)
def test_ordinal_rows_are_distributions_decreasing_with_distance(matrix):
    check_stochastic(matrix)
    for y, row in enumerate(matrix):
        assert (np.diff(row[: y + 1]) >= -1e-15).all()
        assert (np.diff(row[y:]) <= 1e-15).all()


@given(class_counts, positive, positive)
def test_exponential_is_symmetric_and_falls_with_the_distance(n_classes, p, t):
    matrix = ordinal(n_classes, "exponential", p=p, temperature=t)
    assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-15)
    for y, row in enumerate(matrix):
        by_distance = row[np.argsort(np.abs(np.arange(n_classes) - y), kind="stable")]
        assert (np.diff(by_distance) <= 1e-15).all()


@given(class_counts, positive, positive)
def test_exponential_is_the_sord_label(n_classes, p, t):
    matrix = ordinal(n_classes, "exponential", p=p, temperature=t)
    for y in range(n_classes):
        weights = [np.exp(-(abs(y - k) ** p) / t) for k in range(n_classes)]
        assert_allclose(matrix[y], np.array(weights) / sum(weights), rtol=1e-9)


@given(class_counts)
def test_binomial_is_symmetric(n_classes):
    matrix = ordinal(n_classes, "binomial")
    assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-14)


@pytest.mark.parametrize("n_classes", [11, 20])
def test_binomial_of_many_classes_peaks_beside_the_ends(n_classes):
    peaks = ordinal(n_classes, "binomial").argmax(axis=1)
    assert 0 < peaks[0] <= peaks[-1] < n_classes - 1


def test_binomial_of_the_paper():
    # Five classes, of success probabilities 0.1, 0.3, 0.5, 0.7 and 0.9.
    steps, choose = np.arange(5), [1, 4, 6, 4, 1]
    for row, success in zip(ordinal(5, "binomial"), [1, 3, 5, 7, 9], strict=True):
        success /= 10
        expected = choose * success**steps * (1 - success) ** (4 - steps)
        assert_allclose(row, expected, rtol=1e-12)


@given(class_counts, st.floats(0, 0.22))
def test_triangular_is_the_mass_of_triangles_over_equal_intervals(n_classes, alpha):
    """Triangles with the mode at the middle of a class, at the ends at its edge."""
    n, root = n_classes, np.sqrt(2 * alpha)
    edges = np.linspace(0, 1, n + 1)
    end = 1 / (n * (1 - np.sqrt(alpha)))
    triangles = [(0, end, 0)]
    for j in range(2, n):
        middle, width = 2 * alpha - 4 * j * alpha + 2 * j, 2 * n * (1 - 2 * alpha)
        triangles.append(((middle - 2 - root) / width, (middle + root) / width, 0.5))
    triangles.append((1 - end, 1, 1))
    rows = [np.diff(triang.cdf(edges, c, a, b - a)) for a, b, c in triangles]
    assert_allclose(ordinal(n, alpha=alpha), rows, atol=1e-7)


@pytest.mark.parametrize("kind", ["triangular", "exponential", "binomial"])
def test_named_classes_are_smoothed_by_their_order_on_the_scale(kind):
    scale = pd.Categorical(["mid", "low"], ["low", "mid", "high"], ordered=True)
    assert_array_equal(ordinal(scale, kind), ordinal(scale.categories, kind))
    assert_array_equal(ordinal(pd.Series(scale), kind), ordinal(scale, kind))
    smoother = LabelSmoother(1.0, distribution=ordinal(scale.categories, kind))
    smoothed = smoother.fit([*scale.categories]).transform([*scale.categories])
    columns = [1, 2, 0]  # of low, mid, high among the sorted labels
    assert_array_equal(smoothed[:, columns], ordinal(3, kind))


def test_names_may_be_bools():
    matrix = ordinal([True, False], alpha=0.2)
    soft = LabelSmoother(1.0, distribution=matrix).fit_transform([False, True])
    assert_allclose(soft, [[0.8, 0.2], [0.2, 0.8]])
    names = [False, True]
    frame = pd.DataFrame([[1, 0.5], [0.2, 1]], index=names, columns=names)
    assert_array_equal(class_similarity(frame), class_similarity(frame.to_numpy()))


def test_large_exponents_do_not_overflow():
    assert_array_equal(
        ordinal(6, "exponential", p=64), ordinal(6, "exponential", p=64.0)
    )


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["a"], "at least two distinct labels"),
        (["a", "b", "a"], "at least two distinct labels"),
        ([[1, 2], [3, 4]], "at least two distinct labels"),
        (["a", None], "contains NaN or None"),
        (["a", 1], "mixed label types"),
    ],
)
def test_classes_of_a_scale_differ(classes, message):
    with pytest.raises(ValueError, match=message):
        ordinal(classes)


def test_alpha_is_the_share_of_each_adjacent_class():
    matrix = ordinal(6, alpha=0.15)
    assert_allclose(matrix[2], [0, 0.15, 0.7, 0.15, 0, 0])
    assert_allclose(matrix[0], [0.85, 0.15, 0, 0, 0, 0])
    assert_allclose(matrix, matrix[::-1, ::-1])
    assert_array_equal(ordinal(6, alpha=0), np.eye(6))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ({"classes": 1}, "classes"),
        ({"classes": 2.0}, "classes"),
        ({"kind": "poisson"}, "kind"),
        ({"alpha": -0.01}, "alpha"),
        ({"alpha": 0.25}, "alpha"),
        ({"p": 0}, "p"),
        ({"p": np.nan}, "p"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": np.inf}, "temperature"),
    ],
)
def test_ordinal_names_the_bad_argument(call, name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of ordinal"):
        ordinal(**{"classes": 3, **call})
    if name == "temperature":
        with pytest.raises(ValueError, match=f"The '{name}' parameter of class"):
            class_similarity(np.eye(3), **call)


# from_confusion


@given(st.lists(st.sampled_from("abc"), max_size=20), st.integers(0, 99))
def test_from_confusion_is_the_normalised_confusion_matrix(labels, seed):
    y_true = ["a", "b", "c", *labels]
    y_pred = np.random.default_rng(seed).permutation(y_true)
    matrix = from_confusion(y_true, y_pred)
    check_stochastic(matrix)
    counts = confusion_matrix(y_true, y_pred)
    assert_allclose(matrix, counts / counts.sum(axis=1, keepdims=True))


def test_from_confusion_turns_the_priors_around_by_bayes():
    given, checked = [0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 2, 1, 2]
    share = np.bincount(given) / len(given)
    joint = share[:, np.newaxis] * from_confusion(given, checked)
    assert_allclose(from_confusion(checked, given), (joint / joint.sum(axis=0)).T)


@pytest.mark.parametrize(
    "container", [list, np.array, pd.Series, pd.Categorical, pl.Series, tuple]
)
def test_from_confusion_takes_labels_in_any_container(container):
    y_true, y_pred = ["x", "y", "y"], ["x", "x", "y"]
    matrix = from_confusion(container(y_true), container(y_pred))
    assert_array_equal(matrix, [[1, 0], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        (["a", "b"], ["c", "b"], r"y_true has no samples of the classes \['c'\]"),
        ([1, 1, 1], [1, 0, 2], r"y_true has no samples of the classes \[0, 2\]"),
        (["a", "a"], ["a", "a"], r"two classes .* \['a'\]"),
        ([0, 1], [0, 1, 1], "inconsistent numbers of samples"),
        ([0, 1], ["a", "b"], "Mix of label input types"),
        ([0, None], [0, 1], "NaN or None"),
        ([0.5, 1.5], [0.5, 1.5], "continuous|Unknown label type"),
        ([[0, 1], [1, 0]], [[0, 1], [1, 0]], "multilabel-indicator is not supported"),
    ],
)
def test_from_confusion_names_what_is_wrong(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        from_confusion(y_true, y_pred)


# from_votes


@given(answer_matrices)
def test_from_votes_is_the_loop_over_pairs_of_annotators(answers):
    every_class = np.full((len(EVERY_CLASS), answers.shape[1]), -1)
    every_class[:, :2] = EVERY_CLASS
    answers = np.vstack([answers, every_class])
    pairs = np.zeros((3, 3))
    for labels in answers:
        for one, label in enumerate(labels):
            for other, another in enumerate(labels):
                if one != other and label != -1 and another != -1:
                    pairs[label, another] += 1
    matrix = from_votes(answers, n_classes=3)
    check_stochastic(matrix)
    assert_allclose(matrix, pairs / pairs.sum(axis=1, keepdims=True))


def test_from_votes_of_two_annotators_is_the_confusion_both_ways():
    one, other = EVERY_CLASS.T
    both = from_confusion(np.r_[one, other], np.r_[other, one])
    assert_allclose(from_votes(EVERY_CLASS, n_classes=3), both)


@given(st.integers(0, 99))
def test_from_votes_ignores_annotators_and_samples_of_one_vote(seed):
    generator = np.random.default_rng(seed)
    answers = generator.integers(-1, 3, size=(20, 4))
    answers = np.vstack([answers, np.tile(EVERY_CLASS, 2)])
    shuffled = generator.permuted(answers, axis=1)
    alone = np.full((3, 4), -1)
    alone[:, 0] = [0, 1, 2]
    shuffled = generator.permutation(np.vstack([shuffled, alone]))
    expected = from_votes(answers, n_classes=3)
    assert_allclose(from_votes(shuffled, n_classes=3), expected)


def test_from_votes_takes_the_long_form():
    sample, annotator = np.indices(EVERY_CLASS.shape).reshape(2, -1)
    frame = pd.DataFrame(
        {"sample": sample, "annotator": annotator, "label": EVERY_CLASS.ravel()}
    )
    expected = from_votes(EVERY_CLASS, n_classes=3)
    assert_array_equal(from_votes(frame, n_classes=3), expected)


def test_from_votes_of_names_is_named():
    names = np.array(["cow", "ant", "bee", None], dtype=object)
    matrix = from_votes(names[EVERY_CLASS])
    order = ["cow", "ant", "bee"]
    expected = from_votes(EVERY_CLASS, n_classes=3)
    assert_array_equal(matrix.loc[order, order], expected)


def test_from_votes_names_the_classes_without_a_second_vote():
    answers = [[0, 0, 1], [2, -1, -1]]
    with pytest.raises(ValueError, match=r"the classes \[2, 3\] has a second vote"):
        from_votes(answers, n_classes=4)


# all of them


@pytest.mark.parametrize(
    "matrix",
    [
        class_similarity(np.eye(3)[[1, 2, 0]]),
        ordinal(3),
        ordinal(3, "exponential"),
        ordinal(3, "binomial"),
        from_confusion([0, 0, 1, 2], [0, 1, 1, 2]),
        from_votes(EVERY_CLASS, n_classes=3),
    ],
)
def test_every_matrix_is_a_distribution(matrix, iris):
    y_soft = LabelSmoother(1, distribution=matrix).fit_transform(["a", "b", "c"])
    assert_allclose(y_soft, matrix)
    classifier = quick_classifier(
        0.2, distribution=matrix, learning_rate=0.05, max_epochs=30
    )
    assert classifier.fit(*iris).score(*iris) > 0.9
