import math

import pytest

from sklearn_ls._plateau import Plateau


def test_best_is_the_highest_score_and_of_equals_the_smallest_loss():
    plateau = Plateau(patience=10, tol=0.0)
    epochs = [(0.5, 2.0), (0.5, 1.0), (0.5, 1.5), (0.4, 0.1), (0.6, 3.0)]
    assert [plateau.update(*epoch) for epoch in epochs] == [
        True,
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("patience", [1, 3])
def test_more_misses_in_a_row_than_patience_reach_it(patience):
    plateau = Plateau(patience, tol=0.1)
    plateau.update(1.0)
    for miss in range(1, patience + 2):
        assert not plateau.reached
        plateau.update(1.0 + 0.01 * miss)  # better, but by less than tol
    assert plateau.reached


def test_an_improvement_starts_the_count_anew():
    plateau = Plateau(patience=1, tol=0.1)
    for score in (1.0, 1.0, 1.2, 1.2):
        plateau.update(score)
    assert not plateau.reached


def test_infinite_patience_is_never_exhausted():
    plateau = Plateau(math.inf, tol=1.0)
    for _ in range(100):
        plateau.update(0.0)
    assert not plateau.reached
