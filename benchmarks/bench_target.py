"""Measure time and memory of SmoothedTargetClassifier against manual weighted copies.

The benchmark measures `fit` of LogisticRegression on smoothed labels of 100,000 x 50
float64 samples in 10 classes, in alternating runs, after asserting that the
coefficients are equal:

- by hand: np.repeat of `X`, np.tile of the classes, the soft targets as weights;
- copies at hand: the same copies, made before the measurement.

Both wall time and CPU time are printed, since other processes affect the CPU time less.
The memory is the increase of the peak by `fit` in a new process.

Run::

    python benchmarks/bench_target.py
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from side_by_side import alternate, peak_bytes, print_ratio, use_one_thread
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from sklearn_ls import LabelSmoother, SmoothedTargetClassifier

OURS, BY_HAND, AT_HAND = "SmoothedTargetClassifier", "by hand", "copies at hand"
N_SAMPLES, N_FEATURES, N_CLASSES = 100_000, 50, 10
GOAL = 1.15


def make_data():
    return make_classification(
        N_SAMPLES,
        N_FEATURES,
        n_informative=20,
        n_redundant=10,
        n_classes=N_CLASSES,
        random_state=0,
    )


def make_classifier():
    return LogisticRegression(max_iter=200)


def fit_ours(X, y):
    clf = SmoothedTargetClassifier(make_classifier(), LabelSmoother(0.1))
    return clf.fit(X, y).classifier_


def make_copies(X, y):
    y_soft = LabelSmoother(0.1).fit_transform(y)
    copies = np.repeat(X, N_CLASSES, axis=0)
    return copies, np.tile(np.arange(N_CLASSES), len(X)), y_soft.ravel()


def fit_by_hand(X, y):
    return make_classifier().fit(*make_copies(X, y))


FITS = {OURS: fit_ours, BY_HAND: fit_by_hand}


def memory_of_fit(name):
    """Return the increase of the peak memory of this process by `fit`."""
    X, y = make_data()
    before = peak_bytes()
    FITS[name](X, y)
    return peak_bytes() - before


def print_memory():
    copies = 8 * N_SAMPLES * N_FEATURES * N_CLASSES
    print(f"one array of the copies: {copies / 1e6:.0f} MB")
    for name in FITS:
        # A new process, whose peak does not include other measurements.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            grown = pool.submit(memory_of_fit, name).result()
        print(f"{name:<26} adds {grown / 1e6:5.0f} MB, {grown / copies:.2f} times that")


def print_times(repeats):
    X, y = make_data()
    copies = make_copies(X, y)
    contestants = {
        OURS: lambda: lambda: fit_ours(X, y),
        BY_HAND: lambda: lambda: fit_by_hand(X, y),
        AT_HAND: lambda: lambda: make_classifier().fit(*copies),
    }
    ours, by_hand = contestants[OURS]()(), contestants[BY_HAND]()()
    np.testing.assert_allclose(ours.coef_, by_hand.coef_, rtol=1e-6, atol=1e-9)
    print(f"equal coefficients, after {ours.n_iter_[0]} iterations")
    on_cpu = {name: [] for name in contestants}

    def measured(name):
        def run():
            start = time.process_time()
            contestants[name]()()
            on_cpu[name].append(time.process_time() - start)

        return lambda: run

    times, _ = alternate({name: measured(name) for name in contestants}, repeats, "cpu")
    for what, seconds in (("clock", times), ("CPU", on_cpu)):
        print(f"by the {what}:")
        medians = {name: np.median(values) for name, values in seconds.items()}
        for name, values in seconds.items():
            print(f"{name:<26} {medians[name]:6.2f} s, fastest {min(values):6.2f}")
        for other in (BY_HAND, AT_HAND):
            print_ratio(OURS, other, medians, {BY_HAND: GOAL, AT_HAND: GOAL})


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    print(f"{N_SAMPLES:,} x {N_FEATURES}, {N_CLASSES} classes, float64, one thread")
    print_memory()  # first, since a new process inherits the peak of its parent
    with threadpool_limits(1):
        use_one_thread()
        print_times(args.repeats)


if __name__ == "__main__":
    main()
