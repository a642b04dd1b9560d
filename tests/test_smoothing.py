import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ls import LabelSmoother, convert_epsilon

epsilons = st.floats(0, 1)
small_epsilons = st.floats(0, 0.9)
class_counts = st.integers(2, 12)


def targets(epsilon, n_classes, distribution):
    """Soft targets of all classes, one per row."""
    smoother = LabelSmoother(epsilon, distribution=distribution)
    return smoother.fit_transform(np.arange(n_classes))


def test_binary_labels_are_remapped_to_0_1_and_0_9():
    y_soft = LabelSmoother(0.1, distribution="others").fit_transform([0, 1])
    assert_array_equal(y_soft[:, 1], [0.1, 0.9])


@given(epsilons, class_counts)
def test_each_equals_the_loop_that_fills_with_epsilon(epsilon, n_classes):
    y = [label for label in range(1, n_classes + 1) for _ in range(2)]
    filled = np.full((len(y), n_classes), epsilon)
    for row, label in enumerate(y):
        filled[row, label - 1] = 1 - epsilon
    y_soft = LabelSmoother(epsilon, distribution="each").fit_transform(y)
    assert_array_equal(y_soft, filled)


def test_onehot_times_1_minus_ls_plus_ls_over_k_at_0_2_gives_0_1_and_0_9():
    assert_array_equal(
        LabelSmoother(0.2).fit_transform([1, 0]), [[0.1, 0.9], [0.9, 0.1]]
    )


@given(epsilons, class_counts)
def test_uniform_equals_the_keras_formula(epsilon, n_classes):
    onehot = np.eye(n_classes)
    keras = onehot * (1 - epsilon) + epsilon / n_classes
    assert_array_equal(targets(epsilon, n_classes, "uniform"), keras)


@given(epsilons)
def test_uniform_equals_the_keras_formula_for_binary_crossentropy(epsilon):
    y = np.array([0, 1, 1])
    keras = y * (1 - epsilon) + 0.5 * epsilon
    assert_allclose(
        LabelSmoother(epsilon).fit_transform(y)[:, 1], keras, rtol=0, atol=1e-15
    )


@given(epsilons, class_counts)
def test_uniform_equals_torch_label_smoothing(epsilon, n_classes):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n_classes, n_classes, generator=generator, dtype=torch.float64)
    smooth = torch.nn.functional.cross_entropy(
        logits, torch.arange(n_classes), label_smoothing=epsilon
    )
    soft = torch.nn.functional.cross_entropy(
        logits, torch.from_numpy(targets(epsilon, n_classes, "uniform"))
    )
    assert_allclose(soft, smooth, rtol=1e-12)


@given(epsilons, class_counts)
def test_others_gives_epsilon_to_all_other_classes_together(epsilon, n_classes):
    y_soft = targets(epsilon, n_classes, "others")
    assert_allclose(np.diag(y_soft), 1 - epsilon, rtol=0, atol=1e-15)
    off_diagonal = y_soft.sum(axis=1) - np.diag(y_soft)
    assert_allclose(off_diagonal, epsilon, atol=1e-12)


@pytest.mark.parametrize("distribution", ["uniform", "others", "each", "prior"])
@given(n_classes=class_counts)
def test_epsilon_0_is_one_hot(distribution, n_classes):
    assert_array_equal(targets(0, n_classes, distribution), np.eye(n_classes))


@pytest.mark.parametrize("distribution", ["uniform", "others", "prior"])
@given(epsilon=epsilons, n_classes=class_counts)
def test_rows_sum_to_one(distribution, epsilon, n_classes):
    y_soft = targets(epsilon, n_classes, distribution)
    assert (y_soft >= 0).all()
    assert_allclose(y_soft.sum(axis=1), 1, atol=1e-12)


@given(epsilons, class_counts)
def test_each_sums_to_1_plus_k_minus_2_times_epsilon(epsilon, n_classes):
    sums = targets(epsilon, n_classes, "each").sum(axis=1)
    assert_allclose(sums, 1 + (n_classes - 2) * epsilon, atol=1e-12)


@given(epsilons, class_counts)
def test_matrix_of_equal_rows_is_the_vector_and_uniform_vector_is_uniform(
    epsilon, n_classes
):
    vector = np.full(n_classes, 1 / n_classes)
    matrix = np.tile(vector, (n_classes, 1))
    uniform = targets(epsilon, n_classes, "uniform")
    assert_allclose(targets(epsilon, n_classes, vector), uniform, atol=1e-15)
    assert_allclose(targets(epsilon, n_classes, matrix), uniform, atol=1e-15)


@given(st.lists(epsilons, min_size=3, max_size=3))
def test_epsilon_of_each_class_is_used_for_its_label(epsilon):
    for distribution in ("uniform", "others", "each", np.eye(3)[[1, 2, 0]]):
        together = targets(np.array(epsilon), 3, distribution)
        for label in range(3):
            alone = targets(epsilon[label], 3, distribution)
            assert_allclose(together[label], alone[label], atol=1e-15)


@pytest.mark.parametrize("n_samples", [5, 500])  # computed directly or by indexing
@pytest.mark.parametrize("distribution", ["uniform", "others", "each", "matrix"])
def test_few_and_many_labels_get_the_same_targets(n_samples, distribution, rng):
    if distribution == "matrix":
        distribution = rng.dirichlet(np.ones(4), size=4)
    y = np.r_[0:4, rng.integers(0, 4, n_samples)]
    rows = targets(0.3, 4, distribution)
    smoother = LabelSmoother(0.3, distribution=distribution)
    assert_allclose(smoother.fit_transform(y), rows[y], atol=1e-15)


@pytest.mark.parametrize("to", ["uniform", "others", "each"])
@pytest.mark.parametrize("from_", ["uniform", "others", "each"])
@given(epsilon=st.floats(0, 0.45), n_classes=class_counts)
def test_converted_epsilon_gives_the_same_normalised_targets(
    from_, to, epsilon, n_classes
):
    converted = convert_epsilon(epsilon, n_classes, from_=from_, to=to)
    before = targets(epsilon, n_classes, from_)
    after = targets(converted, n_classes, to)
    assert_allclose(
        before / before.sum(axis=1, keepdims=True),
        after / after.sum(axis=1, keepdims=True),
        atol=1e-12,
    )


@pytest.mark.parametrize("to", ["uniform", "others", "each"])
@pytest.mark.parametrize("from_", ["uniform", "others", "each"])
def test_convert_epsilon_there_and_back(from_, to):
    epsilon = np.linspace(0, 0.4, 5)
    there = convert_epsilon(epsilon, 7, from_=from_, to=to)
    assert_allclose(convert_epsilon(there, 7, from_=to, to=from_), epsilon)


@given(st.integers(2, 500))
def test_convert_epsilon_reaches_the_ends_of_the_range(n_classes):
    assert convert_epsilon(1, n_classes, from_="others", to="each") == pytest.approx(1)
    assert convert_epsilon(0, n_classes, from_="others", to="each") == 0


def test_convert_epsilon_refuses_values_without_equivalent():
    with pytest.raises(ValueError, match="has no equivalent"):
        convert_epsilon(0.9, 2, from_="others", to="uniform")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"from_": "keras", "to": "others"}, "from_ must be one of"),
        ({"from_": "others", "to": "prior"}, "to must be one of"),
        ({"from_": "others", "to": "each", "n_classes": 1}, "n_classes must be"),
        ({"from_": "others", "to": "each", "n_classes": True}, "n_classes must be"),
        ({"from_": "others", "to": "each", "epsilon": -0.1}, "epsilon must be"),
        ({"from_": "others", "to": "each", "epsilon": np.nan}, "epsilon must be"),
    ],
)
def test_convert_epsilon_names_the_bad_argument(call, message):
    with pytest.raises(ValueError, match=message):
        convert_epsilon(**{"epsilon": 0.1, "n_classes": 3, **call})


@pytest.mark.parametrize("distribution", ["uniform", "others", "each", "prior"])
@given(epsilon=st.floats(0, 0.3), n_classes=class_counts)
def test_recover_undoes_the_formula(distribution, epsilon, n_classes):
    generator = np.random.default_rng(0)
    p = generator.dirichlet(np.ones(n_classes), size=5)
    smoother = LabelSmoother(epsilon, distribution=distribution)
    rows = smoother.fit_transform(np.arange(n_classes))
    assert_allclose(smoother.recover(p @ rows), p, atol=1e-9)


def test_recover_undoes_a_matrix_and_an_epsilon_a_class(rng):
    p = rng.dirichlet(np.ones(4), size=5)
    for distribution in (rng.dirichlet(np.ones(4), size=4), "uniform"):
        smoother = LabelSmoother([0.1, 0.2, 0.3, 0.4], distribution=distribution)
        rows = smoother.fit_transform(np.arange(4))
        assert_allclose(smoother.recover(p @ rows), p, atol=1e-12)


def test_recover_undoes_an_epsilon_of_one_where_other_classes_are_kept():
    smoother = LabelSmoother([1.0, 0.1, 0.1], distribution="prior").fit([0, 1, 2])
    rows = smoother.transform([0, 1, 2])
    assert_allclose(smoother.recover(rows), np.eye(3), atol=1e-12)


@pytest.mark.parametrize("distribution", ["uniform", "prior", np.full((3, 3), 1 / 3)])
def test_recover_refuses_smoothing_without_inverse(distribution):
    smoother = LabelSmoother(1.0, distribution=distribution).fit([0, 1, 2])
    with pytest.raises(ValueError, match="cannot be recovered"):
        smoother.recover(np.full((1, 3), 1 / 3))
