import math

import pytest

from sklearn_ls._network.stopping import StoppingRule


def test_best_is_the_highest_score_and_of_equals_the_smallest_loss():
    rule = StoppingRule(n_iter_no_change=10, tol=0.0)
    epochs = [(0.5, 2.0), (0.5, 1.0), (0.5, 1.5), (0.4, 0.1), (0.6, 3.0)]
    assert [rule.update(*epoch) for epoch in epochs] == [
        True,
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("n_iter_no_change", [1, 3])
def test_more_epochs_without_gain_than_allowed_reach_it(n_iter_no_change):
    rule = StoppingRule(n_iter_no_change, tol=0.1)
    rule.update(1.0)
    for epoch in range(1, n_iter_no_change + 2):
        assert not rule.reached
        rule.update(1.0 + 0.01 * epoch)  # better, but by less than tol
    assert rule.reached


def test_an_improvement_restarts_the_count():
    rule = StoppingRule(n_iter_no_change=1, tol=0.1)
    for score in (1.0, 1.0, 1.2, 1.2):
        rule.update(score)
    assert not rule.reached


def test_an_infinite_number_is_never_reached():
    rule = StoppingRule(math.inf, tol=1.0)
    for _ in range(100):
        rule.update(0.0)
    assert not rule.reached
