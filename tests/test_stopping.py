import math

import pytest

from sklearn_ls._network.stopping import TrainingLoss, ValidationScore


def losses(*values):
    return [{"train_loss": value} for value in values]


def test_best_has_the_largest_difference_of_accuracy_and_brier_score():
    rule = ValidationScore(n_iter_no_change=10, tol=0.0)
    epochs = [(0.5, 0.8), (0.5, 0.6), (0.5, 0.7), (0.6, 0.8), (0.55, 0.6)]
    rows = [{"valid_acc": accuracy, "valid_brier": brier} for accuracy, brier in epochs]
    assert [rule.update(row) for row in rows] == [True, True, False, False, True]


def test_rounding_decides_nothing():
    rule = ValidationScore(n_iter_no_change=10, tol=0.0)
    rows = [{"valid_acc": 1.0, "valid_brier": brier} for brier in (1e-9, 1e-12, 0.0)]
    assert [rule.update(row) for row in rows] == [True, False, False]


@pytest.mark.parametrize("n_iter_no_change", [1, 3])
def test_more_epochs_without_gain_than_allowed_reach_it(n_iter_no_change):
    rule = TrainingLoss(n_iter_no_change, tol=0.1)
    rule.update({"train_loss": 1.0})
    for epoch in range(1, n_iter_no_change + 2):
        assert not rule.reached
        rule.update({"train_loss": 1.0 - 0.01 * epoch})  # better, but by less than tol
    assert rule.reached


def test_an_improvement_restarts_the_count():
    rule = TrainingLoss(n_iter_no_change=1, tol=0.1)
    for row in losses(1.0, 1.0, 0.8, 0.8):
        rule.update(row)
    assert not rule.reached


def test_an_infinite_number_is_never_reached():
    rule = TrainingLoss(math.inf, tol=1.0)
    for row in losses(*100 * [0.0]):
        rule.update(row)
    assert not rule.reached
