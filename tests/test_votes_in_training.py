"""Training on annotators' votes with a confusion matrix per annotator."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EpochScoring
from torch import nn

from helpers import quick_classifier, quick_search
from sklearn_ls._labels.annotators import estimate_confusion
from sklearn_ls._labels.objective import make_objective
from sklearn_ls._labels.training_labels import encode_training_labels
from sklearn_ls._network.losses import CrossEntropy, ForwardCrossEntropy
from sklearn_ls._network.modules import MLP
from sklearn_ls._network.training_loss import make_rows
from sklearn_ls._network.transition import Transition
from sklearn_ls._network.vote_loss import (
    VoteCrossEntropy,
    VoteRows,
)
from sklearn_ls.inspection import find_label_issues

K = 3


class BatchCallback(Callback):
    """Watches every batch."""

    def on_batch_end(self, net, batch, training, **kwargs):
        X, labels = batch
        assert len(X) == len(labels)


LOSS = VoteCrossEntropy()


def simulate(confusions, n_samples=600, n_votes=3, seed=0):
    """Return X, the true labels, and the votes of annotators with these matrices."""
    X, y = make_classification(
        n_samples, 8, n_informative=6, n_classes=K, class_sep=1.5, random_state=seed
    )
    rng = np.random.default_rng(seed)
    answers = np.full((n_samples, len(confusions)), -1)
    for sample in range(n_samples):
        asked = rng.choice(len(confusions), min(n_votes, len(confusions)), False)
        for annotator in asked:
            row = confusions[annotator][y[sample]]
            answers[sample, annotator] = rng.choice(K, p=row)
    return X, y, answers


def of_accuracy(accuracy):
    return np.full((K, K), (1 - accuracy) / 2) + np.eye(K) * (1.5 * accuracy - 0.5)


def make_loss_rows(answers, y=None, *, epsilon=0.2, weight=None):
    """Return the row tensors of votes and of labels."""
    labels = encode_training_labels(y, votes=answers)
    labels = labels.weighted(np.ones(len(labels)) if weight is None else weight)
    objective = make_objective(epsilon, "uniform", None, labels.summarize(), "")
    return (
        make_rows(objective, labels, np.float64, "cpu"),
        make_rows(objective, replace(labels, votes=None), np.float64, "cpu"),
    )


def draw_votes(rng, n_samples=12, n_annotators=4):
    answers = rng.integers(0, K, (n_samples, n_annotators))
    answers[rng.random(answers.shape) < 0.4] = -1
    y = rng.integers(0, K, n_samples)
    y[:K] = range(K)
    return answers, y


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("stacked", [False, True])
def test_gradient_in_closed_form_is_that_of_autograd(weighted, stacked, rng):
    rows = []
    for _ in range(2):
        weight = rng.uniform(size=12) if weighted else None
        one, _ = make_loss_rows(*draw_votes(rng), weight=weight)
        noise = rng.normal(size=one.confusion_logits.shape)
        one.confusion_logits += torch.from_numpy(noise)
        rows.append(one)
    slots = min(one.annotator.shape[1] for one in rows)
    for one in rows:
        one.annotator, one.label = one.annotator[:, :slots], one.label[:, :slots]
    rows = VoteRows.stack(rows) if stacked else rows[0]
    rows = rows.take(torch.arange(9))  # a batch of them
    shape = (2, K, 9) if stacked else (K, 9)
    columns = torch.from_numpy(rng.normal(size=shape)).requires_grad_()
    rows.confusion_logits.requires_grad_()
    loss = LOSS.mean(columns.mT, rows)
    expected = torch.autograd.grad(loss.sum(), [columns, rows.confusion_logits])
    found, gradient = LOSS.mean_and_gradient(columns.detach(), rows)
    assert_allclose(found, loss.detach(), rtol=1e-12)
    assert_allclose(gradient, expected[0], atol=1e-12, rtol=1e-10)
    assert_allclose(rows.confusion_logits.grad, expected[1], atol=1e-12, rtol=1e-10)
    assert expected[1].abs().max() > 1e-4


def test_samples_without_votes_are_trained_on_as_labels(rng):
    answers, y = draw_votes(rng)
    answers[1:] = -1
    votes, labels = make_loss_rows(answers, y)
    logits = torch.from_numpy(rng.normal(size=(12, K)))
    losses = LOSS.per_sample(logits, votes) / votes.scale
    assert_allclose(losses[1:], CrossEntropy().per_sample(logits, labels)[1:])


def test_equal_annotators_are_a_transition_matrix(rng):
    matrix = torch.from_numpy(rng.dirichlet(np.ones(K), K))
    answers, y = np.full((12, 2), -1), np.arange(12) % K
    answers[np.arange(12), np.arange(12) % 2] = y
    votes, labels = make_loss_rows(answers, y, epsilon=0.0)
    votes.confusion_logits = matrix.log().expand(2, K, K)
    logits = torch.from_numpy(rng.normal(size=(12, K)))
    forward = ForwardCrossEntropy(Transition(0.0, matrix))
    assert_allclose(LOSS.per_sample(logits, votes), forward.per_sample(logits, labels))


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_targets_are_the_smoothed_classes_given_the_answer(epsilon, rng):
    answers, y = draw_votes(rng, n_annotators=1)
    answers[answers < 0] = 0
    votes, _ = make_loss_rows(answers, y, epsilon=epsilon)
    columns = torch.from_numpy(rng.normal(size=(K, 12)))
    proba = torch.softmax(columns, 0).numpy()
    confusion = torch.softmax(votes.confusion_logits, -1).numpy()[0]
    joint = proba * confusion[:, answers[:, 0]]
    posterior = joint / joint.sum(axis=0)
    target = (1 - epsilon) * posterior + epsilon / K
    _, gradient = LOSS.mean_and_gradient(columns, votes)
    assert_allclose(gradient, (proba - target) / 12)
    # The matrix is learned from the posterior, whatever epsilon is.
    counts = np.zeros((K, K))
    for sample, answer in enumerate(answers[:, 0]):
        counts[:, answer] += posterior[:, sample]
    counts /= 12
    counts += votes.prior_weight.item() * votes.shared.numpy()
    expected = confusion * counts.sum(axis=1, keepdims=True) - counts
    assert_allclose(votes.confusion_logits.grad[0], expected)


@pytest.fixture(scope="module")
def crowd():
    """Three annotators who are mostly correct, a spammer and an adversary."""
    rotated = np.roll(np.eye(K), 1, axis=1) * 0.9 + 0.1 / K
    spammer = np.tile([0.2, 0.5, 0.3], (K, 1))
    confusions = [of_accuracy(a) for a in (0.9, 0.8, 0.7)] + [spammer, rotated]
    return (*simulate(confusions, n_samples=900), confusions)


@pytest.fixture(scope="module")
def fitted(crowd):
    X, _, answers, _ = crowd
    return quick_search([0.0, 0.1], max_epochs=30).fit(X, None, votes=answers)


def test_confusion_matrices_are_learned(crowd, fitted):
    _, _, _, confusions = crowd
    assert fitted.annotator_confusion_.shape == (5, K, K)
    assert_allclose(fitted.annotator_confusion_.sum(axis=2), 1, rtol=1e-5)
    assert_allclose(fitted.annotator_confusion_, confusions, atol=0.15)
    expected = [np.trace(matrix) / K for matrix in confusions]
    assert_allclose(fitted.annotator_reliability_, expected, atol=0.1)
    assert_array_equal(fitted.annotators_, range(5))


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_features_identify_reliable_annotators_with_one_vote_per_sample(epsilon):
    confusions = [of_accuracy(0.95), of_accuracy(0.7), of_accuracy(0.4)]
    X, _, answers = simulate(confusions, n_samples=1500, n_votes=1)
    clf = quick_search([epsilon], max_epochs=40).fit(X, None, votes=answers)
    labels = encode_training_labels(None, votes=answers)
    start, _ = estimate_confusion(labels.votes, K)
    errors = [
        np.abs(matrices - confusions).mean()
        for matrices in (clf.annotator_confusion_, start)
    ]
    assert errors[0] < 0.9 * errors[1]  # without features, all seem to be correct


def test_weight_decay_is_not_for_confusion_matrices(crowd):
    X, _, answers, _ = crowd
    params = {"weight_decay": 50.0, "max_epochs": 30, "optimizer": "sgd"}
    clf = quick_search([0.0], **params).fit(X, None, votes=answers)
    assert np.ptp(clf.predict_proba(X), axis=0).max() < 0.2  # the network has decayed
    assert clf.annotator_confusion_[0].diagonal().min() > 0.6


def test_annotators_with_few_answers_stay_near_the_shared_matrix(crowd, rng):
    X, y, answers, _ = crowd
    few = np.full((900, 4), -1)
    few[np.arange(4), np.arange(4)] = (y[:4] + 1) % K
    clf = quick_search([0.0], max_epochs=30)
    clf.fit(X, None, votes=np.hstack([answers, few]))
    labels = encode_training_labels(None, votes=np.hstack([answers, few]))
    _, shared = estimate_confusion(labels.votes, K)
    shared = np.broadcast_to(shared, (4, K, K))
    networks = [member._network for member in clf.estimators_]
    learned = np.mean([network.confusion for network in networks], axis=0)
    assert_allclose(learned[5:], shared, atol=0.12)
    assert np.abs(learned[:4] - shared).max() > 0.3


def test_consensus_is_better_than_votes_and_network_alone(crowd, fitted):
    _, y, answers, _ = crowd
    right = np.mean(fitted.consensus_proba_.argmax(axis=1) == y)
    counts = (answers[:, :, np.newaxis] == np.arange(K)).sum(axis=1)
    assert right > np.mean(counts.argmax(axis=1) == y) + 0.1
    assert right > np.mean(fitted.oof_proba_.argmax(axis=1) == y)
    assert_allclose(fitted.consensus_proba_.sum(axis=1), 1)


def test_votes_are_better_than_their_majority():
    spammer = np.tile([0.2, 0.5, 0.3], (K, 1))
    confusions = [of_accuracy(a) for a in (0.9, 0.8, 0.7)] + [spammer] * 3
    X, y, answers = simulate(confusions, n_samples=900, n_votes=2)
    majority = (answers[:, :, np.newaxis] == np.arange(K)).sum(axis=1).argmax(axis=1)
    clf = quick_search([0.1], max_epochs=30)
    plain = clf.fit(X[:600], majority[:600]).score(X[600:], y[600:])
    clf.fit(X[:600], majority[:600], votes=answers[:600])
    assert clf.score(X[600:], y[600:]) > plain + 0.1


def test_order_and_names_of_annotators_do_not_matter(crowd, fitted, rng):
    X, _, answers, _ = crowd
    order = rng.permutation(5)
    frame = pd.DataFrame(answers[:, order], columns=np.array(list("abcde"))[order])
    again = clone(fitted).fit(X, None, votes=frame)
    assert_allclose(again.predict_proba(X), fitted.predict_proba(X), atol=1e-5)
    assert_allclose(
        again.annotator_confusion_, fitted.annotator_confusion_[order], atol=1e-5
    )
    assert [*again.annotators_] == list(frame.columns)


def test_votes_may_have_any_form(crowd, fitted):
    X, _, answers, _ = crowd
    sample, annotator = np.nonzero(answers >= 0)
    label = answers[sample, annotator]
    long = pd.DataFrame({"task": sample, "worker": annotator, "label": label})
    with_nan = np.where(answers < 0, np.nan, answers)
    names = np.array(["ant", "bee", "cow", None], dtype=object)[answers]
    for votes in (long.sample(frac=1, random_state=0), with_nan, names):
        again = clone(fitted).fit(X, None, votes=votes)
        assert_allclose(again.predict_proba(X), fitted.predict_proba(X), atol=1e-5)
    assert_array_equal(again.classes_, ["ant", "bee", "cow"])


def test_repeated_votes_count_once(crowd, fitted):
    X, _, answers, _ = crowd
    sample, annotator = np.nonzero(answers >= 0)
    label = answers[sample, annotator]
    long = pd.DataFrame({"sample": sample, "annotator": annotator, "label": label})
    doubled = clone(fitted).fit(X, None, votes=pd.concat([long, long]))
    assert_allclose(doubled.predict_proba(X), fitted.predict_proba(X), atol=1e-10)
    assert_allclose(doubled.annotator_confusion_, fitted.annotator_confusion_)


def test_networks_of_a_stack_are_those_trained_alone(crowd):
    X, _, answers, _ = crowd
    X, answers = X[:300], answers[:300]
    together = quick_search([0.0, 0.3], max_epochs=40, n_iter_no_change=3)
    together.fit(X, None, votes=answers)
    epochs = {member.n_iter_ for member in together.estimators_}
    assert len(epochs) > 1  # some leave the stack before others
    alone = clone(together).set_params(epsilons=[together.epsilon_])
    for callbacks in (None, [Callback()]):  # fewer in a stack, and one after another
        alone.set_params(callbacks=callbacks).fit(X, None, votes=answers)
        assert_allclose(alone.oof_proba_, together.oof_proba_, atol=1e-10)
        assert_allclose(
            alone.annotator_confusion_, together.annotator_confusion_, atol=1e-10
        )


def test_a_single_network_is_that_of_a_search(crowd):
    X, y, answers, confusions = crowd
    search = quick_search([0.2], ensemble=False, max_epochs=20)
    search.fit(X, None, votes=answers)
    clf = quick_classifier(epsilon=0.2, max_epochs=20).fit(X, votes=answers)
    assert_allclose(clf.predict_proba(X), search.predict_proba(X), atol=1e-10)
    assert clf.score(X, y) > 0.75
    assert_allclose(clf.annotator_confusion_, confusions, atol=0.2)
    assert_array_equal(clf.annotators_, search.annotators_)
    assert_allclose(clf.annotator_reliability_, search.annotator_reliability_, atol=0.1)
    assert_allclose(
        search.best_estimator_.annotator_confusion_, clf.annotator_confusion_, atol=1e-8
    )
    assert "annotators_" not in vars(clf.fit(X, y))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_single_network_is_that_of_a_stack(crowd, optimizer):
    X, _, answers, _ = crowd
    params = {"max_epochs": 10, "optimizer": optimizer, "weight_decay": 0.3}
    splits = [*KFold(3).split(X)]
    search = quick_search([0.2], cv=splits, early_stopping=False, **params)
    search.fit(X, None, votes=answers)
    for member, (train, _) in zip(search.estimators_, splits, strict=True):
        clf = quick_classifier(0.2, early_stopping=False, **params)
        clf.fit(X[train], votes=answers[train])
        assert_allclose(clf.predict_proba(X), member.predict_proba(X), atol=1e-8)


def test_samples_of_weight_zero_are_ignored_for_annotators(crowd):
    X, y, answers, _ = crowd
    weight = np.ones(len(X))
    weight[::3] = 0
    others = answers.copy()
    others[::3] = np.where(others[::3] < 0, -1, (others[::3] + 1) % K)
    few = {"max_epochs": 4}
    for estimator in (quick_classifier(**few), quick_search([0.1], **few)):
        expected = estimator.fit(X, y, weight, votes=answers).annotator_confusion_
        actual = estimator.fit(X, y, weight, votes=others).annotator_confusion_
        assert_allclose(actual, expected, atol=1e-10)


def test_a_single_network_continues_on_votes(crowd):
    X, y, answers, _ = crowd
    clf = quick_classifier(max_epochs=10, warm_start=True)
    expected = clf.fit(X, votes=answers).predict_proba(X)
    clf.set_params(learning_rate=1e-9).fit(X, votes=answers)
    assert clf.n_iter_ == 20
    assert_allclose(clf.predict_proba(X), expected, atol=1e-5)
    clf.partial_fit(X[:50], y[:50])
    assert "annotators_" not in vars(clf)
    restored = pickle.loads(pickle.dumps(clf.fit(X, votes=answers)))
    assert_array_equal(restored.predict_proba(X), clf.predict_proba(X))
    assert_array_equal(restored.annotator_confusion_, clf.annotator_confusion_)


def test_temperature_is_fitted_on_labels(crowd, rng):
    X, y, answers, _ = crowd
    clf = quick_classifier(max_epochs=30, calibration="temperature")
    temperature = clf.fit(X, y, votes=answers).temperature_
    nonsense = rng.permutation(y)  # cannot be predicted with confidence
    assert clf.fit(X, nonsense, votes=answers).temperature_ > 5 * temperature


def test_grid_search_over_a_network_splits_votes(crowd):
    X, y, answers, _ = crowd
    grid = GridSearchCV(quick_classifier(max_epochs=15), {"epsilon": [0.0, 0.1]}, cv=2)
    assert grid.fit(X, y, votes=answers).best_score_ > 0.7
    assert grid.best_estimator_.annotator_confusion_.shape == (5, K, K)


def test_sample_epsilon_is_refused_with_votes(crowd):
    X, _, answers, _ = crowd
    with pytest.raises(ValueError, match="sample_epsilon cannot be combined"):
        quick_classifier().fit(X, votes=answers, sample_epsilon=np.zeros(len(X)))


def test_closed_form_and_autograd_learn_the_same(crowd):
    class Perceptron(MLP):
        """A module without a closed-form gradient."""

    X, _, answers, _ = crowd
    X, answers = X[:200], answers[:200]
    params = {"dropout": 0.0, "feature_clip": None, "max_epochs": 5}
    closed = quick_search([0.1], **params).fit(X, None, votes=answers)
    by_autograd = clone(closed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_ls._network.stacking.MLP", Perceptron)
        by_autograd.fit(X, None, votes=answers)
    assert_allclose(by_autograd.oof_proba_, closed.oof_proba_, atol=1e-8)
    assert_allclose(
        by_autograd.annotator_confusion_, closed.annotator_confusion_, atol=1e-8
    )


def test_custom_modules_are_trained_on_votes(crowd):
    class Linear(nn.Module):
        def __init__(self, n_features, n_classes):
            super().__init__()
            self.linear = nn.Linear(n_features, n_classes)
            self.confusion_logits = nn.Parameter(torch.zeros(n_classes))

        def forward(self, X):
            return self.linear(X) + self.confusion_logits

    X, y, answers, _ = crowd
    X = X.astype(np.float32)
    clf = quick_search([0.0], max_epochs=30, module=Linear, dropout=0.0)
    assert clf.fit(X, None, votes=answers).score(X, y) > 0.7
    weights = clf.estimators_[0].net_.module_.state_dict()
    assert weights["confusion_logits"].abs().max() > 1e-3


class WithStatistics(nn.Sequential):
    """A perceptron whose networks cannot be stacked."""

    def __init__(self, n_features, n_classes):
        super().__init__(
            nn.Linear(n_features, 20),
            nn.BatchNorm1d(20),
            nn.ReLU(),
            nn.Linear(20, n_classes),
        )


@pytest.mark.parametrize(
    "params",
    [
        {"module": WithStatistics, "dropout": 0.0},
        {"optimizer": torch.optim.LBFGS, "weight_decay": 0.0, "max_epochs": 1},
        {"callbacks": [EpochScoring("accuracy"), BatchCallback()]},
    ],
)
def test_networks_that_cannot_be_stacked_are_trained_on_votes(params, crowd):
    X, y, answers, confusions = crowd
    clf = quick_search([0.0], **{"max_epochs": 10, **params})
    assert clf.fit(X, None, votes=answers).score(X, y) > 0.7
    assert_allclose(clf.annotator_confusion_, confusions, atol=0.2)
    learned = [member._network.confusion for member in clf.estimators_]
    start, _ = estimate_confusion(encode_training_labels(None, votes=answers).votes, K)
    assert np.abs(learned - start).max() > 0.02


@pytest.mark.parametrize("name", ["transition_matrix", "class_weight"])
def test_arguments_incompatible_with_votes_are_refused(name, crowd):
    X, _, answers, _ = crowd
    value = {"transition_matrix": 0.1, "class_weight": "balanced"}[name]
    message = f"{name} cannot be combined with votes"
    with pytest.raises(ValueError, match=message):
        quick_search([0.1], **{name: value}).fit(X, None, votes=answers)


def test_annotators_with_one_answer_do_no_harm(crowd, fitted):
    X, y, answers, _ = crowd
    few = np.full((900, 30), -1)
    few[np.arange(30), np.arange(30)] = (y[:30] + 1) % K  # all of them wrong
    more = np.hstack([answers, few])
    again = clone(fitted).fit(X, None, votes=more)
    score = np.mean(again.oof_proba_.argmax(axis=1) == y)
    assert score > np.mean(fitted.oof_proba_.argmax(axis=1) == y) - 0.02
    assert_allclose(
        again.annotator_confusion_[:5], fitted.annotator_confusion_, atol=0.05
    )


def test_impossible_trusted_labels_have_a_consensus(crowd):
    X, y, answers, _ = crowd
    y, answers = y.copy(), answers.copy()
    y[::30], answers[::30] = (y[::30] + 1) % K, -1
    clf = quick_search([0.0], max_epochs=20, feature_clip=None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "After the first epoch most outputs")
        clf.fit(X.astype(np.float32) * 1000, y, votes=answers)
    assert not np.isnan(clf.consensus_proba_).any()
    assert_array_equal(clf.consensus_proba_[::30].argmax(axis=1), y[::30])


def test_trusted_labels_are_used_without_votes(rng):
    X, y, answers = simulate([np.tile([0.3, 0.4, 0.3], (K, 1))] * 3)  # uninformative
    answers[::2] = -1
    clf = quick_search([0.0], max_epochs=30)
    assert clf.fit(X, y, votes=answers).score(X, y) > 0.7
    assert_array_equal(clf.consensus_proba_[::2].argmax(axis=1), y[::2])
    assert_allclose(clf.consensus_proba_[::2].max(axis=1), 1)


def test_only_relative_weights_count_and_zero_is_nothing(crowd, rng):
    X, y, answers, _ = crowd
    weight = rng.uniform(0.5, 2, 300)
    clf = quick_search([0.1], max_epochs=4)
    how = {"votes": answers[:300]}
    expected = clf.fit(X[:300], None, weight, **how).predict_proba(X)
    again = clf.fit(X[:300], None, 5 * weight, **how).predict_proba(X)
    assert_allclose(again, expected, atol=1e-10)
    unweighted = clf.fit(X[:300], None, **how).predict_proba(X)
    assert np.abs(unweighted - expected).max() > 1e-3
    weight[::3] = 0
    others = answers[:300].copy()
    others[::3] = np.where(others[::3] < 0, -1, (others[::3] + 1) % K)
    expected = clf.fit(X[:300], y[:300], weight, **how).predict_proba(X)
    again = clf.fit(X[:300], y[:300], weight, votes=others).predict_proba(X)
    assert_allclose(again, expected, atol=1e-10)


@pytest.mark.parametrize("routing", [False, True])
def test_votes_reach_the_search_through_scikit_learn(crowd, routing):
    X, y, answers, _ = crowd
    X, right, answers = X[:300], y[:300], answers[:300]
    y = np.arange(300) % K  # uninformative, unlike the votes
    search = quick_search([0.1], max_epochs=15)
    expected = clone(search).fit(X, y, votes=answers).predict_proba(X)
    with config_context(enable_metadata_routing=routing):
        if routing:
            search.set_fit_request(votes=True)
        pipeline = make_pipeline(StandardScaler(), search)
        name = "votes" if routing else "labelsmoothingclassifiercv__votes"
        assert pipeline.fit(X, y, **{name: answers}).score(X, right) > 0.6
        grid = GridSearchCV(search, {"hidden_layer_sizes": [(5,), (20,)]}, cv=2)
        grid.fit(X, y, votes=answers)
        assert grid.best_estimator_.annotator_confusion_.shape == (5, K, K)
        predicted = cross_val_predict(search, X, y, cv=2, params={"votes": answers})
        assert np.mean(predicted == right) > 0.6
        refitted = search.fit(X, y, votes=answers)
    assert_allclose(refitted.predict_proba(X), expected, atol=1e-10)
    restored = pickle.loads(pickle.dumps(refitted))
    assert_array_equal(restored.consensus_proba_, refitted.consensus_proba_)
    assert "consensus_proba_" not in vars(search.fit(X, y))


def test_label_issues_are_found_by_the_consensus(crowd):
    X, y, answers, _ = crowd
    counts = (answers[:, :, np.newaxis] == np.arange(K)).sum(axis=1)
    majority = counts.argmax(axis=1)
    search = quick_search([0.1], max_epochs=20)
    fitted = clone(search).fit(X, majority, votes=answers)
    frame = find_label_issues(fitted, X, majority, votes=answers, as_frame=True)
    suggested = fitted.consensus_proba_.argmax(axis=1)[frame["sample"]]
    assert_array_equal(frame["suggested_label"], suggested)
    wrong = majority != y
    assert wrong[frame["sample"]].mean() > 2 * wrong.mean()
    unfitted = find_label_issues(search, X, majority, votes=answers)
    assert_array_equal(unfitted, frame["sample"])
    pipeline = make_pipeline(StandardScaler(), search)
    assert len(find_label_issues(pipeline, X, votes=answers)) < 0.3 * len(X)
    groups = np.arange(900) // 3
    by_group = search.set_params(cv=GroupKFold(3))
    assert len(find_label_issues(by_group, X, majority, votes=answers, groups=groups))


def test_votes_are_trained_on_any_device(crowd, fitted, device):
    X, _, answers, _ = crowd
    again = clone(fitted).set_params(device=device, dtype="float64")
    again.fit(X, None, votes=answers)
    assert again.device_ == device
    assert_allclose(again.annotator_confusion_, fitted.annotator_confusion_, atol=1e-2)


def test_one_network_on_all_samples(crowd):
    X, y, answers, _ = crowd
    clf = quick_search([0.1], ensemble=False, max_epochs=20)
    clf.fit(X, None, votes=answers)
    assert clf.score(X, y) > 0.8
    assert clf.best_estimator_.predict(X).shape == (900,)


def test_smoothing_is_undone(crowd):
    X, _, answers, _ = crowd
    clf = quick_search([0.3], max_epochs=20).fit(X, None, votes=answers)
    undone = clone(clf).set_params(calibration="unsmooth").fit(X, None, votes=answers)
    assert undone.predict_proba(X).max(axis=1).mean() > 0.05 + (
        clf.predict_proba(X).max(axis=1).mean()
    )


def test_samples_of_X_in_another_order_are_refused(crowd):
    X, _, answers, _ = crowd
    ids = [f"s{number}" for number in range(900)]
    votes = pd.DataFrame(answers, index=ids)
    shuffled = pd.DataFrame(X, index=ids).sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="the same samples in a different order"):
        quick_search([0.1]).fit(shuffled, None, votes=votes)
    other = shuffled.set_axis([f"t{number}" for number in range(900)])
    with pytest.raises(ValueError, match="does not match the samples of votes"):
        quick_search([0.1]).fit(other, None, votes=votes)
    order = shuffled.index.str[1:].astype(int)
    quick_search([0.1], max_epochs=1).fit(shuffled, None, votes=answers[order])


def test_single_votes_are_assigned_to_samples_by_id(crowd):
    X, y, answers, _ = crowd
    X, y, answers = X[:300], y[:300], answers[:300].copy()
    answers[7] = -1  # a trusted label
    clf = quick_classifier(max_epochs=4)
    expected = clf.fit(X, y, votes=answers).predict_proba(X)
    sample, annotator = np.nonzero(answers >= 0)
    long = pd.DataFrame({"sample": sample, "annotator": annotator})
    long["label"] = answers[sample, annotator]
    long = long.sample(frac=1, random_state=0)
    assert_allclose(clf.fit(X, y, votes=long).predict_proba(X), expected, atol=1e-10)
    names = np.array([f"s{number}" for number in range(300)])
    named = long.assign(sample=names[long["sample"]])
    frame = pd.DataFrame(X, index=names)
    actual = clf.fit(frame, y, votes=named).predict_proba(frame)
    assert_allclose(actual, expected, atol=1e-10)
    with pytest.raises(ValueError, match=r"but X is an array, .* 0 to 299"):
        clf.fit(X, y, votes=named)
    with pytest.raises(ValueError, match="which is not in the index of X"):
        clf.fit(frame[:200], y[:200], votes=named)
    with pytest.raises(ValueError, match=r"but X is an array, .* 0 to 199"):
        clf.fit(X[:200], y[:200], votes=long)
    with pytest.raises(ValueError, match="no vote on sample s7"):
        clf.fit(frame, votes=named)
    with pytest.raises(ValueError, match="is not unique"):
        clf.fit(frame.set_axis(["a"] * 300), y, votes=named)


def test_annotators_with_a_single_vote_are_like_all(crowd, rng):
    X, y, _, _ = crowd
    sample = np.repeat(np.arange(900), 3)
    label = np.where(rng.random(2700) < 0.8, y[sample], rng.integers(0, K, 2700))
    votes = pd.DataFrame({"sample": sample, "annotator": range(2700), "label": label})
    clf = quick_classifier(max_epochs=30).fit(X, votes=votes)
    majority = np.eye(K)[label].reshape(900, 3, K).sum(axis=1).argmax(axis=1)
    plain = quick_classifier(max_epochs=30).fit(X, majority)
    assert clf.score(X, y) > plain.score(X, y) - 0.02
    labels = encode_training_labels(None, votes=votes)
    assert np.mean(labels.codes == y) > np.mean(majority == y) - 0.01


def test_weights_are_repetitions_to_the_first_estimates(crowd, rng):
    _, _, answers, _ = crowd
    weight = rng.permutation(np.arange(300) % 3)  # only relative weights count
    labels = encode_training_labels(None, votes=answers[:300], weight=weight)
    repeated = encode_training_labels(None, votes=np.repeat(answers[:300], weight, 0))
    assert_array_equal(np.repeat(labels.codes, weight), repeated.codes)
    for actual, expected in zip(
        estimate_confusion(labels.votes, K, weight.astype(float)),
        estimate_confusion(repeated.votes, K),
        strict=True,
    ):
        assert_allclose(actual, expected, atol=1e-6)


def test_networks_trained_one_by_one_are_independent(crowd):
    X, _, answers, _ = crowd
    params = {"max_epochs": 5, "callbacks": [Callback()], "cv": 2}
    with pytest.MonkeyPatch.context() as patch:  # as one task, as it is on CUDA
        patch.setattr(
            "sklearn_ls._search.run.divide_tasks",
            lambda n, k, *args, **kwargs: [[*np.ndindex(n, k)]],
        )
        search = quick_search([0.0] * 3, scoring="neg_log_loss", **params)
        search.fit(X[:200], None, votes=answers[:200])
    scores = search.cv_results_["mean_test_score"]
    assert_allclose(scores, scores[0])


def test_labels_that_only_votes_have(crowd):
    X, y, answers, _ = crowd
    answers = answers.copy()
    answers[0, answers[0].argmax()] = 9
    with pytest.warns(UserWarning, match=r"in votes, but not in y: \[9\]"):
        clf = quick_classifier(max_epochs=2).fit(X, y, votes=answers)
    assert_array_equal(clf.classes_, [0, 1, 2, 9])
    trusted = np.where(np.arange(len(y)) < 100, y, -1)
    with pytest.warns(UserWarning, match="-1 is a label in votes as well"):
        quick_classifier(max_epochs=2).fit(X, trusted, votes=answers % K)
    y, votes = np.where(y == 0, -1, 1), np.where(answers == 0, -1, 1)
    assert_array_equal(
        quick_classifier(max_epochs=2).fit(X, y, votes=votes).classes_, [-1, 1]
    )
    with_nan = np.where(answers < 0, np.nan, answers - 1)
    with pytest.raises(ValueError, match="-1 as well as None or NaN"):
        quick_classifier().fit(X, votes=with_nan)
