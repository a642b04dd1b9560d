"""Measure time and memory of LabelSmoother against np.full and a Python loop.

The benchmark measures `transform` and `fit_transform` of 1,000,000 integer labels of
100 classes in float32, in alternating runs, after asserting that the results equal
those of the loop up to rounding:

- np.full of the same shape, about the fastest way to make a matrix;
- a loop that fills a matrix with epsilon and writes 1 - epsilon at each label, row by
  row (``distribution="each"``), and entry by entry, on some of the rows and scaled.

Run::

    python benchmarks/bench_smoother.py
"""

import argparse
import os
import time
import tracemalloc

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np

from sklearn_ls import LabelSmoother

EPSILON = 0.1
TRANSFORM, FIT_TRANSFORM, FULL = "transform", "fit_transform", "np.full"
ROWS, ENTRIES = "loop, row by row", "loop, entry by entry"
PART = 50  # the slowest loop is run on one of this many rows


def fill_rows(y, n_classes):
    y_soft = np.empty((len(y), n_classes), dtype=np.float32)
    for row, label in enumerate(y):
        y_soft[row] = EPSILON
        y_soft[row, label] = 1 - EPSILON
    return y_soft


def fill_entries(y, n_classes):
    y_soft = np.empty((len(y), n_classes), dtype=np.float32)
    for row, label in enumerate(y):
        for column in range(n_classes):
            y_soft[row, column] = 1 - EPSILON if column == label else EPSILON
    return y_soft


def make_smoother():
    return LabelSmoother(EPSILON, distribution="each", dtype=np.float32)


def assert_equal(y, n_classes):
    expected = fill_rows(y, n_classes)
    part = y[: len(y) // PART]
    np.testing.assert_array_equal(fill_entries(part, n_classes), expected[: len(part)])
    smoother = make_smoother().fit(y)
    for y_soft in (make_smoother().fit_transform(y), smoother.transform(y)):
        assert np.abs(y_soft - expected).max() <= 1e-7
    print("equal results")
    return smoother


def rotated(names, by):
    by %= len(names)
    return names[by:] + names[:by]


def alternate(runs, repeats):
    """Return the seconds of each run by name, without those of the first round.

    Each round starts with a different run, so that their order changes.
    """
    times = {name: [] for name in runs}
    for repeat in range(-1, repeats):
        for name in rotated(list(runs), repeat):
            start = time.perf_counter()
            result = runs[name]()
            elapsed = time.perf_counter() - start
            del result  # so that only one result is in memory
            if repeat >= 0:
                times[name].append(elapsed)
    return times


def print_times(times):
    medians = {name: np.median(values) for name, values in times.items()}
    print(f"{'':<21} median s  fastest")
    for name, median in medians.items():
        print(f"{name:<21} {median:8.3f} {min(times[name]):8.3f}")
    return medians


def verdict(met):
    return "met" if met else "MISSED"


def print_ratios(medians):
    for name in (TRANSFORM, FIT_TRANSFORM):
        ratio = medians[name] / medians[FULL]
        print(f"{name} / {FULL}: {ratio:.2f}  goal <= 1.5  {verdict(ratio <= 1.5)}")
    for name in (ROWS, ENTRIES):
        ratio = medians[name] / medians[TRANSFORM]
        print(f"{name} / {TRANSFORM}: {ratio:.0f}  goal >= 50  {verdict(ratio >= 50)}")


def print_memory(runs):
    """Trace allocations of NumPy, separately since tracing changes the times."""
    for name in (TRANSFORM, FIT_TRANSFORM):
        tracemalloc.start()
        output = runs[name]()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        ratio = peak / output.nbytes
        del output
        print(
            f"{name}: peak memory {ratio:.3f} of the output  goal <= 1.1  "
            f"{verdict(ratio <= 1.1)}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    n_samples, n_classes = 1_000_000, 100
    y = np.random.default_rng(0).integers(n_classes, size=n_samples)
    print(f"{n_samples:,} labels of {n_classes} classes, float32")
    smoother = assert_equal(y, n_classes)
    runs = {
        TRANSFORM: lambda: smoother.transform(y),
        FIT_TRANSFORM: lambda: make_smoother().fit_transform(y),
        FULL: lambda: np.full((n_samples, n_classes), EPSILON, dtype=np.float32),
        ROWS: lambda: fill_rows(y, n_classes),
        ENTRIES: lambda: fill_entries(y[: n_samples // PART], n_classes),
    }
    times = alternate(runs, args.repeats)
    times[ENTRIES] = [PART * seconds for seconds in times[ENTRIES]]
    print_ratios(print_times(times))
    print_memory(runs)


if __name__ == "__main__":
    main()
