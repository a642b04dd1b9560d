"""Time gradient boosting on soft targets against hard labels and weighted copies.

Measured is `fit` of XGBClassifier and LGBMClassifier at their defaults, on one thread,
on 20,000 x 30 with 3, 10 and 30 classes, in alternating runs, by the time of the CPU:

- hard labels: the classifier itself;
- objective: SmoothedTargetClassifier with an epsilon of 0.1;
- copies: the same with `strategy="replicate"`.

Before that, the probabilities at epsilon 0 are asserted to equal those of the
classifier itself. The accuracies are those on 5,000 other samples. Run::

    python benchmarks/bench_boosting.py
"""

import argparse
import time

import numpy as np
from lightgbm import LGBMClassifier
from scores import print_table
from side_by_side import rotated, use_one_thread
from sklearn.datasets import make_classification
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from sklearn_ls import LabelSmoother, SmoothedTargetClassifier

N_TRAIN, N_TEST = 20_000, 5_000
CLASSIFIERS = {
    "XGBoost": lambda: XGBClassifier(n_jobs=1),
    "LightGBM": lambda: LGBMClassifier(n_jobs=1, verbose=-1),
}


def make_data(n_classes):
    X, y = make_classification(
        N_TRAIN + N_TEST,
        30,
        n_informative=20,
        n_classes=n_classes,
        n_clusters_per_class=1,
        class_sep=0.7,
        random_state=0,
    )
    return X[:N_TRAIN], X[N_TRAIN:], y[:N_TRAIN], y[N_TRAIN:]


def smoothed(make, epsilon=0.1, **params):
    return SmoothedTargetClassifier(make(), LabelSmoother(epsilon), **params)


def assert_equal_without_smoothing(make, X, y):
    """Return the largest difference of probabilities at epsilon 0."""
    plain = make().fit(X, y).predict_proba(X)
    ours = smoothed(make, 0.0).fit(X, y)
    assert ours.strategy_ == "objective"
    difference = np.abs(ours.predict_proba(X) - plain)
    assert difference.mean() < 1e-6, difference.mean()
    return difference.max()


def measure(contestants, data, repeats):
    """Return the median seconds of `fit` and the accuracy of each contestant."""
    X, X_test, y, y_test = data
    seconds, accuracies = {name: [] for name in contestants}, {}
    for repeat in range(repeats):
        for name in rotated(list(contestants), repeat):
            classifier = contestants[name]()
            start = time.process_time()
            classifier.fit(X, y)
            seconds[name].append(time.process_time() - start)
            accuracies[name] = 100 * classifier.score(X_test, y_test)
    return {name: np.median(times) for name, times in seconds.items()}, accuracies


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    rows = []
    for n_classes in (3, 10, 30):
        data = make_data(n_classes)
        for library, make in CLASSIFIERS.items():
            largest = assert_equal_without_smoothing(make, data[0], data[2])
            contestants = {
                "hard": make,
                "objective": lambda make=make: smoothed(make),
                "copies": lambda make=make: smoothed(make, strategy="replicate"),
            }
            seconds, accuracies = measure(contestants, data, args.repeats)
            ratios = [seconds[n] / seconds["hard"] for n in ("objective", "copies")]
            rows.append(
                [
                    f"{library}, {n_classes}",
                    f"{seconds['hard']:.1f} s",
                    *(f"{ratio:.2f}" for ratio in ratios),
                    *(f"{accuracies[name]:.1f}" for name in contestants),
                    f"{largest:.0e}",
                ]
            )
            print(*rows[-1], flush=True)
    header = ["classes", "hard", "objective / hard", "copies / hard"]
    header += ["accuracy, hard", "objective", "copies", "largest difference"]
    print_table(header, rows)


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
