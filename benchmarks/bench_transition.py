"""Train with known transition matrices on noisy labels, and test on clean labels.

In letter and Fashion-MNIST, 30 % of the training samples of each class get the label of
the next class (pairs), or any other label (symmetric)::

    python benchmarks/bench_transition.py --data DIR --results transition.jsonl
    python benchmarks/bench_transition.py --report --results transition.jsonl

DIR contains `letter.npz` and `fashion_mnist.npz`; missing sets are skipped. Every
result is a line of the results file, by default in the folder of temporary files.
Existing results are not computed again, so an interrupted run continues. `--quick`
checks that the benchmark runs.

A single network is trained without smoothing; with smoothing; with the true
`transition_matrix`; with a matrix that `from_confusion` estimates from checked samples,
20 per class on average; and on labels that are corrected where they were checked. Wrong
matrices are that of half the noise, that of the other kind of noise, and the true
matrix of the pairs with rows and columns swapped. The ensemble of five fold networks is
trained without a matrix and with the true one. With early stopping, networks stop by
the score on held-out samples with noisy labels, or after `--max-epochs`. Without it,
all are trained for `--max-epochs`.

Accuracies are in percentage points. For the log-loss, probabilities are clipped at the
precision of float32; the calibration error is that of the top label in 15 bins of equal
width. Standard errors are over seeds, which determine samples, noise, the checked
samples and the random numbers of the estimators.
"""

import json
import warnings
from itertools import product
from typing import NamedTuple

import numpy as np
from noisy_sets import SOURCES, find_data, random_source, scale
from scores import (
    append_result,
    make_parser,
    mean_and_error,
    print_table,
    results_under,
    score_probabilities,
)
from side_by_side import use_one_thread
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV
from sklearn_ls.distributions import from_confusion

SETS = ["letter", "Fashion-MNIST"]
NOISES = ["pairs", "symmetric"]
RATE = 0.3
N_CHECKED = 20  # checked samples per class, on average
SCORES = {"accuracy": 1, "log_loss": 2, "calibration_error": 3}


class Arm(NamedTuple):
    """A network to train: its matrix and the labels of a `Scenario`."""

    title: str
    matrix: str | None = None
    epsilon: float = 0.0
    labels: str = "given"
    folds: bool = False


ARMS = {
    "plain": Arm("epsilon 0"),
    "smooth": Arm("epsilon 0.2", epsilon=0.2),
    "true": Arm("true matrix", "true"),
    "true_smooth": Arm("true matrix, epsilon 0.1", "true", 0.1),
    "estimated": Arm("matrix from checked rows", "estimated"),
    "corrected": Arm("checked rows corrected, no matrix", labels="corrected"),
    "half": Arm("matrix of half the noise", "half"),
    "wrong": Arm("matrix of the other noise", "wrong"),
    "swapped": Arm("true matrix, rows and columns swapped", "swapped"),
    "clean": Arm("clean labels", labels="clean"),
    "folds": Arm("fold ensemble", folds=True),
    "folds_true": Arm("fold ensemble, true matrix", "true", folds=True),
}


# Data


class Scenario(NamedTuple):
    """Samples of a set, with several kinds of training labels and of matrices."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    labels: dict
    matrices: dict


def flip(y, n_classes, noise, rng):
    """Change some labels of each class to the next label, or any other."""
    y_noisy = y.copy()
    for code in range(n_classes):
        rows = rng.permutation(np.flatnonzero(y == code))
        rows = rows[: round(RATE * len(rows))]
        steps = 1 if noise == "pairs" else rng.integers(1, n_classes, len(rows))
        y_noisy[rows] = (code + steps) % n_classes
    return y_noisy


def matrix_of(noise, n_classes, rate=RATE):
    """Return the `transition_matrix` of a kind of noise."""
    if noise == "symmetric":
        return rate
    stays = np.eye(n_classes)
    return (1 - rate) * stays + rate * np.roll(stays, 1, axis=1)


def draw(name, arrays, noise, seed):
    """Draw samples of a set, add label noise, and check some of the labels."""
    data = scale(SOURCES[name].draw(arrays, "clean", seed))
    y, n_classes = data.y_train, data.y_train.max() + 1
    rng = random_source(name, noise, "transition", seed)
    y_noisy = flip(y, n_classes, noise, rng)
    checked = rng.permutation(len(y))[: N_CHECKED * n_classes]
    y_corrected = y_noisy.copy()
    y_corrected[checked] = y[checked]
    (other,) = set(NOISES) - {noise}
    return Scenario(
        data.X_train,
        data.X_test,
        data.y_test,
        {"given": y_noisy, "corrected": y_corrected, "clean": y},
        {
            None: None,
            "true": matrix_of(noise, n_classes),
            "estimated": from_confusion(y[checked], y_noisy[checked]),
            "half": matrix_of(noise, n_classes, RATE / 2),
            "wrong": matrix_of(other, n_classes),
            "swapped": np.transpose(matrix_of(noise, n_classes)),
        },
    )


# Measurements


def make(arm, matrix, early_stopping, settings, seed):
    """Return the estimator of an arm."""
    params = {
        "early_stopping": early_stopping,
        "max_epochs": settings["max_epochs"],
        "n_iter_no_change": 10 if early_stopping else np.inf,
        "transition_matrix": matrix,
        "device": settings["device"],
        "random_state": seed,
    }
    if arm.folds:
        return LabelSmoothingClassifierCV([arm.epsilon], **params)
    return LabelSmoothingClassifier(arm.epsilon, **params)


def measure(estimator, scenario, y):
    """Fit to labels y, (n_samples,); return the scores on the clean test labels."""
    y_proba = estimator.fit(scenario.X_train, y).predict_proba(scenario.X_test)
    scores = score_probabilities(scenario.y_test, y_proba.astype(np.float64))
    scores |= {"epochs": estimator.n_iter_}
    return {name: round(float(value), 5) for name, value in scores.items()}


def runs(noise):
    """Return the meaningful pairs (arm, early_stopping).

    Fold ensembles always stop early, and the matrix of symmetric noise is symmetric.
    """
    return [
        (arm, early_stopping)
        for arm, early_stopping in product(ARMS, (True, False))
        if (early_stopping or not ARMS[arm].folds)
        and (arm, noise) != ("swapped", "symmetric")
    ]


def identity(result):
    keys = "set", "noise", "seed", "arm", "early_stopping"
    return tuple(result[key] for key in keys)


def run(sources, seeds, settings, path):
    """Compute missing results and append them to the file; `sources` are arrays."""
    done = {identity(result) for result in results_under(settings, path)}
    for seed, (name, arrays), noise in product(range(seeds), sources.items(), NOISES):
        todo = [each for each in runs(noise) if (name, noise, seed, *each) not in done]
        if todo:
            scenario = draw(name, arrays, noise, seed)
            result = {"set": name, "noise": noise, "seed": seed}
            run_arms(scenario, result, todo, settings, path)


def run_arms(scenario, common, todo, settings, path):
    """Run (arm, early_stopping) on a scenario; `common` is part of each result."""
    for name, early_stopping in todo:
        arm = ARMS[name]
        matrix, y = scenario.matrices[arm.matrix], scenario.labels[arm.labels]
        estimator = make(arm, matrix, early_stopping, settings, common["seed"])
        result = {**common, "arm": name, "early_stopping": early_stopping}
        result |= measure(estimator, scenario, y)
        append_result(path, {**result, "settings": settings})
        print(json.dumps(result), flush=True)


# Tables


def values(results, scenario, arm, early_stopping, score):
    """Return the scores of an arm on a scenario, (set, noise), by seed."""
    wanted = *scenario, arm, early_stopping
    keys = "set", "noise", "arm", "early_stopping"
    return {r["seed"]: r[score] for r in results if tuple(map(r.get, keys)) == wanted}


def cell(results, scenario, arm, reference, early_stopping, score):
    """Return the mean paired difference to a reference, or the mean score, as text."""
    of = values(results, scenario, arm, early_stopping, score)
    if reference is None:
        return mean_and_error([*of.values()], SCORES[score])
    base = values(results, scenario, reference, early_stopping, score)
    gaps = [of[seed] - base[seed] for seed in of.keys() & base.keys()]
    return mean_and_error(gaps, SCORES[score], sign="+")


def print_scores(results, score):
    """Print a row per arm, with and without early stopping."""
    pairs = [("plain", None), *((arm, "plain") for arm in ARMS if arm != "plain")]
    pairs.append(("folds_true", "folds"))
    scenarios, rows = [*product(SETS, NOISES)], []
    for early_stopping, (arm, reference) in product((True, False), pairs):
        cells = [
            cell(results, scenario, arm, reference, early_stopping, score)
            for scenario in scenarios
        ]
        if any(cells):
            less = f"less {ARMS[reference].title}" if reference else ""
            stops = "yes" if early_stopping else "no"
            rows.append([ARMS[arm].title, less, stops, *cells])
    print(f"\n{score.replace('_', ' ')}")
    print_table(["", "", "early stopping", *map(", ".join, scenarios)], rows)


def parse_args():
    parser = make_parser(__doc__, "bench_transition", seeds=3)
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="one seed, two epochs")
    args = parser.parse_args()
    if args.quick:
        args.seeds, args.max_epochs = 1, 2
    return args


def main():
    args = parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    settings = {"max_epochs": args.max_epochs, "device": args.device}
    if not args.report:
        found = {name: find_data(name, args.data) for name in SETS}
        found = {name: arrays for name, arrays in found.items() if arrays is not None}
        run(found, args.seeds, settings, args.results)
    results = results_under(settings, args.results)
    if results:
        print(f"{len({result['seed'] for result in results})} seeds")
        for score in SCORES:
            print_scores(results, score)


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
