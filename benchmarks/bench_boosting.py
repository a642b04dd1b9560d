"""Time gradient boosting on soft targets against hard labels and weighted copies.

The benchmark measures the CPU time of `fit` of XGBClassifier and LGBMClassifier with
default parameters, on one thread and 20,000 samples with 30 features, for 3, 10 and 30
classes, in alternating runs:

- hard labels: the classifier itself;
- objective: SmoothedTargetClassifier with epsilon 0.1;
- copies: the same with `strategy="replicate"`.

First, it asserts that the probabilities at epsilon 0 equal those of the classifier
itself. Accuracies are computed on 5,000 other samples. For 10 classes, it also measures
the peak memory of `fit` with five trees per class and 100,000 samples, each in a new
process (on Linux). If CatBoost is installed, 20 trees are timed on hard labels, on
copies, and with an objective in Python. Run::

    python benchmarks/bench_boosting.py
"""

import argparse
import importlib.util
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from lightgbm import LGBMClassifier
from scores import print_table
from side_by_side import rotated, use_one_thread
from sklearn.datasets import make_classification
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from sklearn_ls import LabelSmoother, SmoothedTargetClassifier

N_TRAIN, N_TEST, EPSILON = 20_000, 5_000, 0.1
CLASSIFIERS = {
    "XGBoost": lambda: XGBClassifier(n_jobs=1),
    "LightGBM": lambda: LGBMClassifier(n_jobs=1, verbose=-1),
}
WAYS = {
    "hard": lambda make: make(),
    "objective": lambda make: smoothed(make),
    "copies": lambda make: smoothed(make, strategy="replicate"),
}


def make_data(n_classes, n_train=N_TRAIN):
    X, y = make_classification(
        n_train + N_TEST,
        30,
        n_informative=20,
        n_classes=n_classes,
        n_clusters_per_class=1,
        class_sep=0.7,
        random_state=0,
    )
    return X[:n_train], X[n_train:], y[:n_train], y[n_train:]


def smoothed(make, epsilon=EPSILON, **params):
    return SmoothedTargetClassifier(make(), LabelSmoother(epsilon), **params)


class ObjectiveOfCatBoost:
    """Cross-entropy with smoothed labels, which CatBoost evaluates per sample."""

    def calc_ders_multi(self, approxes, target, weight):
        """Return the derivatives of the log-likelihood of a sample."""
        raw = np.array(approxes)
        proba = np.exp(raw - raw.max())
        proba /= proba.sum()
        gradient = EPSILON / len(proba) - proba
        gradient[int(target)] += 1 - EPSILON
        return gradient.tolist(), (np.outer(proba, proba) - np.diag(proba)).tolist()


def make_catboost(**params):
    from catboost import CatBoostClassifier

    return CatBoostClassifier(
        iterations=20,
        learning_rate=0.1,
        thread_count=1,
        verbose=0,
        allow_writing_files=False,
        **params,
    )


CATBOOST_WAYS = {
    **WAYS,
    "objective": lambda make: make(
        loss_function=ObjectiveOfCatBoost(), eval_metric="MultiClass"
    ),
}


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


def peak_kb(reset=False):
    """Return the peak memory of this process in KB, on Linux."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1])


def memory_of_fit(library, way):
    """Return the memory that `fit` needs in addition to the data, in MB."""
    X, _, y, _ = make_data(10, n_train=100_000)
    make = CLASSIFIERS[library]
    classifier = WAYS[way](lambda: make().set_params(n_estimators=5))
    classifier.fit(X[:200], y[:200])  # what is imported and allocated once
    before = peak_kb(reset=True)
    classifier.fit(X, y)
    return (peak_kb() - before) / 1e3


def print_memory():
    rows = []
    for library in CLASSIFIERS:
        rows.append([library])
        for way in WAYS:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                grown = pool.submit(memory_of_fit, library, way).result()
            rows[-1].append(f"{grown:.0f}")
    print_table(["MB added by fit", *WAYS], rows)


def print_catboost(repeats):
    if importlib.util.find_spec("catboost") is None:
        print("CatBoost is skipped: it is not installed")
        return
    rows = []
    for n_classes in (3, 10):
        contestants = {
            way: lambda make=make: make(make_catboost)
            for way, make in CATBOOST_WAYS.items()
        }
        seconds, _ = measure(contestants, make_data(n_classes), repeats)
        ratios = [seconds[way] / seconds["hard"] for way in ("objective", "copies")]
        cells = [f"{ratio:.1f}" for ratio in ratios]
        rows.append([f"CatBoost, {n_classes}", f"{seconds['hard']:.1f} s", *cells])
    print_table(["classes", "hard", "objective / hard", "copies / hard"], rows)


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
                name: lambda way=way, make=make: way(make) for name, way in WAYS.items()
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
    header += [
        "accuracy, hard",
        "accuracy, objective",
        "accuracy, copies",
        "largest difference",
    ]
    print_table(header, rows)
    print_memory()
    print_catboost(args.repeats)


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
