"""Measure accuracy against the number of training samples.

The network classifiers are trained with default parameters on 100 to 5,000 samples of
letter, covertype and Fashion-MNIST, with clean labels and with 30 % symmetric noise,
and evaluated on clean test labels. For each seed, larger training sets contain the
smaller ones.

    python benchmarks/bench_size.py --data DIR
    python benchmarks/bench_size.py --report

Results are kept in a file and not computed again, as in `bench_noise.py`. Accuracies
are in percent. Steps are paired differences from the next smaller number of samples,
with standard errors over sets and seeds.
"""

import warnings

import numpy as np
from noisy_sets import SOURCES, find_data, random_source, scale
from scores import (
    append_result,
    make_parser,
    mean_and_error,
    print_table,
    read_results,
)
from side_by_side import use_one_thread
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV
from sklearn_ls.datasets import corrupt_labels

SETS = ["letter", "covertype", "Fashion-MNIST"]
SIZES = [100, 200, 400, 700, 1000, 1325, 1340, 2500, 5000]
RATES = {"clean": 0.0, "symmetric 30 %": 0.3}
METHODS = {
    "single": LabelSmoothingClassifier,
    "search": LabelSmoothingClassifierCV,
}


def identity(result):
    return tuple(result[key] for key in ("set", "noise", "seed", "method", "n"))


def run(seeds, directory, path):
    done = {identity(result) for result in read_results(path)}
    for name in SETS:
        if (arrays := find_data(name, directory)) is None:
            continue
        for seed in range(seeds):
            data = SOURCES[name].draw(arrays, "clean", seed, n_train=max(SIZES))
            for noise, rate in RATES.items():
                source = random_source("size", name, noise, seed)
                random_state = int(source.integers(2**31))
                y, _ = corrupt_labels(data.y_train, rate, random_state=random_state)
                for n in SIZES:
                    for method in METHODS:
                        result = {
                            "set": name,
                            "noise": noise,
                            "seed": seed,
                            "method": method,
                            "n": n,
                        }
                        if identity(result) not in done:
                            result["accuracy"] = fit(method, data, y, n, seed)
                            append_result(path, result)
                            print(*identity(result), f"{result['accuracy']:.1f} %")


def fit(method, data, y, n, seed):
    """Return the accuracy on the test samples."""
    part = data._replace(X_train=data.X_train[:n])
    part = scale(part)
    classifier = METHODS[method](device="cpu", random_state=seed)
    classifier.fit(part.X_train, y[:n])
    return 100 * float(np.mean(classifier.predict(part.X_test) == data.y_test))


def report(results):
    for method in METHODS:
        for noise in RATES:
            accuracy = {
                (r["set"], r["seed"], r["n"]): r["accuracy"]
                for r in results
                if (r["method"], r["noise"]) == (method, noise)
            }
            pairs = sorted({key[:2] for key in accuracy})
            rows = []
            for smaller, n in zip([None, *SIZES], SIZES, strict=False):
                row = [str(n)]
                for name in SETS:
                    values = [accuracy.get((s, k, n)) for s, k in pairs if s == name]
                    values = [value for value in values if value is not None]
                    row.append(f"{np.mean(values):.1f}" if values else "")
                steps = [
                    accuracy[s, k, n] - accuracy[s, k, smaller]
                    for s, k in pairs
                    if (s, k, n) in accuracy and (s, k, smaller) in accuracy
                ]
                rows.append([*row, mean_and_error(steps, 1, "+")])
            print(f"\n{method}, {noise}")
            print_table(["samples", *SETS, "step"], rows)


def main():
    parser = make_parser(__doc__, "bench_size", seeds=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if not args.report:
        run(args.seeds, args.data, args.results)
    report(read_results(args.results))


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
