"""Order of an epoch: every sample once, independent of the storage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_ls._labels import hold_out as held_out
from sklearn_ls._samples import order
from sklearn_ls._samples.order import even_blocks, make_windows
from sklearn_ls._samples.prefetch import prefetch


def positions(bounds, n_bytes, rng=None):
    return [window.positions() for window in make_windows(bounds, n_bytes, rng)]


@given(
    n_samples=st.integers(1, 3000),
    n_bytes=st.integers(0, 300),
    window=st.integers(1, 20_000),
    block=st.integers(1, 3000),
    seed=st.none() | st.integers(0, 2**32),
)
def test_every_position_once(n_samples, n_bytes, window, block, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "WINDOW", window)
        patch.setattr(order, "BLOCK", block)
        bounds = even_blocks(n_samples, n_bytes)
        rng = None if seed is None else np.random.default_rng(seed)
        parts = positions(bounds, n_bytes, rng)
    assert bounds[0] == 0
    assert bounds[-1] == n_samples
    assert np.all(np.diff(bounds) > 0)
    together = np.concatenate(parts)
    assert_array_equal(np.sort(together), np.arange(n_samples))
    if seed is None:
        assert_array_equal(together, np.arange(n_samples))


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_blocks_stay_together(sizes):
    """A window consists of whole chunks."""
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "WINDOW", 64 * 40)
        for window in make_windows(bounds, 64, np.random.default_rng(0)):
            assert all(
                start in bounds and stop in bounds for start, stop in window.ranges
            )


def test_small_data_are_shuffled_completely():
    shuffled = np.arange(1000)
    np.random.default_rng(5).shuffle(shuffled)
    (window,) = positions(even_blocks(1000, 80), 80, np.random.default_rng(5))
    assert_array_equal(window, shuffled)


def test_windows_mix_distant_blocks(monkeypatch):
    monkeypatch.setattr(order, "WINDOW", 64 * 2000)
    monkeypatch.setattr(order, "BLOCK", 64 * 50)
    windows = positions(even_blocks(20_000, 64), 64, np.random.default_rng(0))
    assert len(windows) == 10
    for window in windows:  # a tenth of the samples, from everywhere
        assert np.ptp(window) > 15_000
        assert abs(np.mean(window) - 10_000) < 4_000


def test_prefetch_gives_items_and_errors_in_order():
    def numbers():
        yield 1
        yield 2
        raise OSError("the disk")

    seen = []
    with pytest.raises(OSError, match="the disk"):
        for number in prefetch(numbers()):
            seen.append(number)
    assert seen == [1, 2]


def test_prefetch_ends_its_thread_when_it_is_left():
    import threading

    before = threading.active_count()
    reader = prefetch(iter(range(100)))
    assert next(reader) == 0
    assert threading.active_count() == before + 1
    reader.close()
    assert threading.active_count() == before


@given(
    n_classes=st.integers(1, 12),
    n_once=st.integers(0, 12),
    at_once=st.integers(100, 400),
    seed=st.integers(0, 1000),
)
def test_hold_out_in_parts(n_classes, n_once, at_once, seed):
    """Labels that occur once stay in training; the others are split as in one part."""
    rng = np.random.default_rng(seed)
    codes = rng.permutation(
        np.concatenate([rng.integers(0, n_classes, 300), 12 + np.arange(n_once)])
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "AT_ONCE", at_once)
        training, validation = held_out.hold_out(codes, None, 0.2, seed)
    together = np.concatenate([training, validation])
    assert_array_equal(np.sort(together), np.arange(len(codes)))
    n_parts = -(-len(codes) // at_once)
    assert 0 <= len(validation) - 0.2 * len(codes) <= n_parts
    counts = np.bincount(codes, minlength=24)
    assert not np.isin(np.flatnonzero(counts == 1), codes[validation]).any()
    if n_parts == 1:
        shares = np.bincount(codes[validation], minlength=24)[:n_classes]
        assert np.all(np.abs(shares - 0.2 * counts[:n_classes]) < 4)


def test_hold_out_of_labels_that_are_rare_in_every_part(monkeypatch):
    monkeypatch.setattr(held_out, "AT_ONCE", 500)
    codes = np.tile(np.arange(450), 2)  # each label twice
    training, validation = held_out.hold_out(codes, None, 0.15, 0)
    assert len(validation) == 136
    assert len(training) == 900 - 136
