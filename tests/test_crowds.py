from itertools import islice

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ls._labels.dawid_skene import maximize_expectations
from sklearn_ls._labels.votes import read_votes
from sklearn_ls.crowds import votes_to_soft as soften

K = 4
METHODS = ("majority", "share", "dawid_skene")


@st.composite
def matrices(draw):
    """Answers of up to 5 annotators, at least one per sample."""
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 5)))
    answers = draw(arrays(np.int8, shape, elements=st.integers(-1, K - 1)))
    asked = draw(st.integers(0, shape[1] - 1))
    answers[:, asked] = np.maximum(answers[:, asked], 0)
    return answers


def to_long(answers):
    """Return the votes of a matrix, one per row."""
    sample, annotator = np.nonzero(answers >= 0)
    label = answers[sample, annotator]
    return pd.DataFrame({"sample": sample, "annotator": annotator, "label": label})


def crowd(seed=0, n_samples=500, n_classes=K, skills=(0.9, 0.8, 0.7, 0.6, 0.5)):
    """Return labels and answers of annotators, of which 20 % are missing.

    An annotator is correct with the probability in `skills`, and otherwise answers one
    of the other classes.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n_samples)[:, np.newaxis]
    shape = n_samples, len(skills)
    right = rng.random(shape) < skills
    other = (y + rng.integers(1, n_classes, shape)) % n_classes
    answers = np.where(right, y, other)
    asked = rng.random(shape) < 0.8
    asked[np.arange(n_samples), rng.integers(0, len(skills), n_samples)] = True
    return y.ravel(), np.where(asked, answers, -1)


def accuracy(y_soft, y):
    return np.mean(y_soft.argmax(axis=1) == y)


@given(matrices())
def test_share_is_the_share_of_votes(answers):
    y_soft, _ = soften(answers, n_classes=K)
    for row, votes in zip(y_soft, answers, strict=True):
        cast = votes[votes >= 0]
        assert_allclose(row, np.bincount(cast, minlength=K) / len(cast))


@given(matrices())
def test_majority_is_the_mode_and_ties_share(answers):
    y_soft, _ = soften(answers, n_classes=K, method="majority")
    for row, votes in zip(y_soft, answers, strict=True):
        counts = [np.sum(votes == k) for k in range(K)]
        modes = [k for k in range(K) if counts[k] == max(counts)]
        assert_array_equal(np.flatnonzero(row), modes)
        assert_allclose(row[modes], 1 / len(modes))


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None)
@given(answers=matrices())
def test_rows_are_distributions_for_any_votes(method, answers):
    y_soft, reliability = soften(answers, n_classes=K + 1, method=method)
    assert y_soft.shape == (len(answers), K + 1)
    assert y_soft.dtype == reliability.dtype == np.float64
    assert_allclose(y_soft.sum(axis=1), 1)
    assert y_soft.min() >= 0
    assert not y_soft[:, ~np.isin(range(K + 1), answers)].any()
    known = reliability[~np.isnan(reliability)]
    assert np.all((known >= 0) & (known <= 1 + 1e-12))


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None)
@given(answers=matrices(), random=st.randoms(use_true_random=False))
def test_one_vote_per_row_equals_the_matrix(method, answers, random):
    votes = to_long(answers).sample(frac=1, random_state=random.randrange(2**32))
    wide = soften(answers, n_classes=K, method=method)
    long = soften(votes, n_classes=K, method=method)
    assert_allclose(long[0], wide[0], atol=1e-5)
    answered = np.any(answers >= 0, axis=0)
    assert_allclose(long[1], wide[1][answered], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(3))
def test_permuting_samples_annotators_and_classes_permutes_the_results(method, seed):
    rng = np.random.default_rng(seed)
    _, answers = crowd(seed, n_samples=100)
    samples, annotators = map(rng.permutation, answers.shape)
    classes = rng.permutation(K)
    renamed = np.append(classes, -1)[answers]  # -1 stays the last
    permuted = renamed[samples][:, annotators]
    y_soft, reliability = soften(answers, n_classes=K, method=method)
    again, reliability_again = soften(permuted, n_classes=K, method=method)
    assert_allclose(again[:, classes], y_soft[samples], atol=1e-5)
    assert_allclose(reliability_again, reliability[annotators], atol=1e-5)


@given(matrices())
def test_smoothing_equals_votes_for_all_classes(answers):
    votes = to_long(answers)
    ballot = pd.MultiIndex.from_product(
        [range(len(answers)), [99], range(K)], names=list(votes)
    )
    more = pd.concat([votes, ballot.to_frame(index=False)])
    added, _ = soften(more, n_classes=K)
    smoothed, reliability = soften(answers, n_classes=K, smoothing=K)
    assert_allclose(smoothed, added)
    assert_array_equal(reliability, soften(answers, n_classes=K)[1])


def test_without_a_vote_smoothing_is_uniform_and_nothing_else_will_do():
    answers = np.array([[0, 1], [-1, -1], [1, 1], [-1, -1]])
    y_soft, _ = soften(answers, n_classes=K, smoothing=0.5)
    assert_array_equal(y_soft[[1, 3]], 1 / K)
    for method in METHODS:
        with pytest.raises(ValueError, match="no vote on sample 1\\."):
            soften(answers, n_classes=K, method=method)


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None)
@given(answers=matrices())
def test_confusion_is_the_mean_answer_to_each_class(method, answers):
    y_soft, _, confusion = soften(
        answers, n_classes=K, method=method, return_confusion=True
    )
    assert confusion.shape == (answers.shape[1], K, K)
    for annotator, matrix in enumerate(confusion):
        asked = answers[:, annotator] >= 0
        said = np.eye(K)[answers[asked, annotator]]
        for k, row in enumerate(matrix):
            share = y_soft[asked, k]
            if share.sum() == 0:
                assert np.isnan(row).all()
            else:
                assert_allclose(row, np.average(said, axis=0, weights=share))


def test_confusion_finds_the_habits_of_annotators():
    rng = np.random.default_rng(0)
    habits = np.array([np.eye(3) * 0.8 + 0.2 / 3, np.roll(np.eye(3), 1, 1), np.eye(3)])
    habits = np.concatenate([habits, habits[[0, 0, 2]]])
    y = rng.integers(0, 3, 3000)
    answers = np.stack(
        [(rng.random((3000, 1)) > np.cumsum(h[y], axis=1)).sum(axis=1) for h in habits],
        axis=1,
    )
    how = {"method": "dawid_skene", "return_confusion": True}
    _, _, confusion = soften(answers, n_classes=3, **how)
    assert_allclose(confusion, habits, atol=0.04)


def test_names_of_classes_name_the_columns():
    answers = [["b", "a"], ["b", None], ["a", None]]
    y_soft, reliability = soften(answers)
    expected, by_code = soften([[1, 0], [1, -1], [0, -1]], n_classes=2)
    assert_array_equal(y_soft, expected)
    assert_array_equal(reliability, by_code)
    assert [*y_soft.columns] == ["a", "b"]
    assert [*soften(pd.DataFrame(answers, index=list("xyz")))[0].index] == list("xyz")
    votes = pd.DataFrame({"task": ["y", "x"], "worker": [0, 0], "label": ["a", "b"]})
    assert [*soften(votes)[0].index] == ["x", "y"]


@given(matrices())
def test_reliability_is_the_mean_agreement_with_the_others(answers):
    _, reliability = soften(answers, n_classes=K)
    for annotator, found in enumerate(reliability):
        agreement = []
        for row in answers:
            others = np.delete(row, annotator)
            others = others[others >= 0]
            if row[annotator] >= 0 and len(others):
                agreement.append(np.mean(others == row[annotator]))
        assert_allclose(found, np.mean(agreement) if agreement else np.nan)


def test_repeated_votes_of_an_annotator_are_counted():
    votes = {"sample": [0] * 4, "annotator": [0, 0, 0, 1], "label": [1, 1, 0, 1]}
    y_soft, reliability = soften(pd.DataFrame(votes), n_classes=2)
    assert_array_equal(y_soft, [[0.25, 0.75]])
    assert_allclose(reliability, [2 / 3, 2 / 3])


# Dawid and Skene


def expectation_maximisation(answers, n_classes, n_iter):
    """Yield posteriors and log-likelihoods of the Dawid-Skene model, by loops."""
    n_samples, n_annotators = answers.shape
    posterior = soften(answers, n_classes=n_classes)[0]
    for _ in range(n_iter):
        prior = posterior.mean(axis=0)
        confusion = np.zeros((n_annotators, n_classes, n_classes))
        for i in range(n_samples):
            for j in range(n_annotators):
                if answers[i, j] >= 0:
                    confusion[j, :, answers[i, j]] += posterior[i]
        confusion /= confusion.sum(axis=2, keepdims=True)
        posterior, log_likelihood = np.empty_like(posterior), 0
        for i in range(n_samples):
            joint = prior.copy()
            for j in range(n_annotators):
                if answers[i, j] >= 0:
                    joint *= confusion[j, :, answers[i, j]]
            log_likelihood += np.log(joint.sum())
            posterior[i] = joint / joint.sum()
        yield posterior, log_likelihood


@pytest.mark.parametrize("n_classes", [2, 3])
def test_dawid_skene_iterates_as_a_plain_loop_does(n_classes):
    _, answers = crowd(n_samples=60, n_classes=n_classes)
    ours = maximize_expectations(read_votes(answers, n_classes))
    for (y_soft, log_likelihood), (posterior, expected) in zip(
        islice(ours, 10),
        expectation_maximisation(answers, n_classes, 10),
        strict=True,
    ):
        assert_allclose(y_soft, posterior, atol=1e-7)
        assert_allclose(log_likelihood, expected)


@settings(deadline=None)
@given(matrices())
def test_log_likelihood_never_falls(answers):
    steps = islice(maximize_expectations(read_votes(answers, K)), 50)
    log_likelihoods = [log_likelihood for _, log_likelihood in steps]
    assert np.diff(log_likelihoods).min() > -1e-6
    assert log_likelihoods[-1] <= 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_dawid_skene_stops_where_the_likelihood_is_flat(seed):
    _, answers = crowd(seed)
    y_soft, _ = soften(answers, n_classes=K, method="dawid_skene")
    steps = islice(maximize_expectations(read_votes(answers, K)), 500)
    *_, (limit, _) = steps
    assert_allclose(y_soft, limit, atol=0.02)


@pytest.mark.filterwarnings("ignore")  # crowd-kit uses deprecated arguments of pandas
@pytest.mark.parametrize("seed", range(3))
def test_dawid_skene_equals_crowd_kit(seed):
    aggregation = pytest.importorskip("crowdkit.aggregation")
    _, answers = crowd(seed, n_samples=300)
    votes = to_long(answers)
    # Its criterion counts the prior per vote, may decrease, and stops too early.
    theirs = aggregation.DawidSkene(n_iter=100, tol=-np.inf).fit(
        votes.set_axis(["task", "worker", "label"], axis=1)
    )
    steps = islice(maximize_expectations(read_votes(answers, K)), 100)
    *_, (y_soft, _) = steps
    expected = theirs.probas_.sort_index()[list(range(K))]
    assert_allclose(y_soft, expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_dawid_skene_sees_through_spammers(seed):
    skills = np.array([0.9, 0.8, 0.7, 0.6, 1 / K, 1 / K, 1 / K])
    y, answers = crowd(seed, n_samples=2000, skills=skills)
    votes, _ = soften(answers, n_classes=K, method="majority")
    y_soft, reliability = soften(answers, n_classes=K, method="dawid_skene")
    assert accuracy(y_soft, y) > accuracy(votes, y) + 0.02
    # Binomial errors are below 0.012, and the true labels are estimated as well.
    assert_allclose(reliability, skills, atol=0.05)


def test_dawid_skene_inverts_annotators_who_are_always_wrong():
    y, answers = crowd(n_classes=2, skills=(0.9, 0.9, 0.9, 0.02))
    y_soft, reliability = soften(answers, n_classes=2, method="dawid_skene")
    contrary = np.flatnonzero(answers[:, 3] >= 0)
    assert_allclose(reliability[3], 0.02, atol=0.05)
    assert accuracy(y_soft[contrary], y[contrary]) > 0.97


def test_dawid_skene_of_unanimous_votes_is_one_hot():
    y = np.arange(12) % 3
    answers = np.column_stack([y, y, y])
    answers[::2, 1] = -1
    y_soft, reliability = soften(answers, n_classes=5, method="dawid_skene")
    assert_allclose(y_soft, np.eye(5)[y], atol=1e-8)
    assert_allclose(reliability, 1)


# Parameters


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"method": "vote"}, "'method' parameter of votes_to_soft"),
        ({"smoothing": -1.0}, "'smoothing' parameter of votes_to_soft"),
        ({"smoothing": np.nan}, "'smoothing' parameter of votes_to_soft"),
        ({"smoothing": np.inf}, "'smoothing' parameter of votes_to_soft"),
        ({"smoothing": "1"}, "'smoothing' parameter of votes_to_soft"),
        ({"smoothing": 1, "method": "majority"}, "Got method='majority'"),
        ({"smoothing": 1, "method": "dawid_skene"}, "Got method='dawid_sk"),
    ],
)
def test_bad_parameters_are_refused_by_name(params, message):
    with pytest.raises(ValueError, match=message):
        soften([[0, 1]], n_classes=2, **params)


def test_empty_strings_are_refused():
    with pytest.raises(ValueError, match=r"empty strings as labels\. Use None or NaN"):
        soften([["a", ""], ["b", "b"]])
