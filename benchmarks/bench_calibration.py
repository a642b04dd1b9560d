"""Compare calibration methods by their probabilities on clean test labels.

The training labels of letter, covertype and Fashion-MNIST are clean, or 20 % of them
are replaced by any other label (symmetric), or 30 % by the next class (pairs)::

    python benchmarks/bench_calibration.py --data DIR --results calibration.jsonl
    python benchmarks/bench_calibration.py --report --results calibration.jsonl

DIR contains `letter.npz`, `covertype_100k.npz` and `fashion_mnist.npz`; missing sets
are skipped. Every result is a line of the results file, by default in the folder of
temporary files. Existing results are not computed again, so an interrupted run
continues. `--quick` checks that the benchmark runs.

One network is trained for each epsilon and `calibration`, with early stopping and,
for `--max-epochs`, without; with wrong labels, also with the true `transition_matrix`.
All networks hold out the same samples for early stopping and temperature scaling, with
the same noise as the others. Each network of the ensemble of five fold networks is
stopped and calibrated on its own fold.

Accuracies are in percentage points. For the log-loss, probabilities are clipped at the
precision of float32; the calibration error is that of the top label in 15 bins of equal
width. Standard errors are over seeds, which determine samples, noise and the random
numbers of the estimators.
"""

import json
import warnings
from itertools import product
from typing import NamedTuple

import numpy as np
from noisy_sets import SOURCES, find_data, scale
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
from sklearn_ls.datasets import corrupt_labels

SETS = ["letter", "covertype", "Fashion-MNIST"]
NOISES = {"clean": 0.0, "symmetric": 0.2, "pairs": 0.3}
SCORES = {"accuracy": 1, "log_loss": 2, "calibration_error": 3}


class Arm(NamedTuple):
    """An estimator to train, and the calibration of its probabilities."""

    epsilon: float
    calibration: str | None
    stops: bool = True
    known: bool = False
    folds: bool = False

    def __str__(self):
        parts = [
            f"epsilon {self.epsilon:g}",
            "true matrix" if self.known else "",
            "folds" if self.folds else "",
            self.calibration or "",
        ]
        return ", ".join(filter(None, parts))


def arms():
    """Return all arms, plain first."""
    ways = [None, "temperature", "unsmooth"]
    return [
        Arm(epsilon, calibration, **kind)
        for kind in ({}, {"known": True}, {"folds": True}, {"stops": False})
        for epsilon in (0.0, 0.1, 0.4)
        for calibration in (ways if epsilon else ways[:2])  # nothing to undo at 0
        if epsilon < 0.4 or not kind
    ]


def make(arm, matrix, settings, seed):
    """Return the estimator of an arm."""
    params = {
        "calibration": arm.calibration,
        "early_stopping": arm.stops,
        "max_epochs": settings["max_epochs"],
        "n_iter_no_change": 10 if arm.stops else np.inf,
        "transition_matrix": matrix if arm.known else None,
        "device": settings["device"],
        "random_state": seed,
    }
    if arm.folds:
        return LabelSmoothingClassifierCV([arm.epsilon], **params)
    return LabelSmoothingClassifier(arm.epsilon, **params)


def draw(name, arrays, noise, seed):
    """Return samples of a set, noisy labels, and their transition matrix."""
    data = scale(SOURCES[name].draw(arrays, "clean", seed))
    y, rate = data.y_train, NOISES[noise]
    if noise == "clean":
        return data, y, None
    kind = noise.removesuffix("s")
    y_noisy, _ = corrupt_labels(y, rate, kind=kind, random_state=seed)
    if noise == "symmetric":
        return data, y_noisy, rate
    stays = np.eye(y.max() + 1)
    return data, y_noisy, (1 - rate) * stays + rate * np.roll(stays, 1, axis=1)


def identity(result):
    return tuple(result[key] for key in ("set", "noise", "seed", "arm"))


def run(sources, seeds, settings, path):
    """Compute missing results and append them to the file; `sources` are arrays."""
    done = {identity(result) for result in results_under(settings, path)}
    for seed, (name, arrays), noise in product(range(seeds), sources.items(), NOISES):
        data, y, matrix = draw(name, arrays, noise, seed)
        for arm in arms():
            result = {"set": name, "noise": noise, "seed": seed, "arm": repr(arm)}
            if identity(result) in done or (arm.known and noise == "clean"):
                continue
            clf = make(arm, matrix, settings, seed).fit(data.X_train, y)
            y_proba = clf.predict_proba(data.X_test).astype(np.float64)
            scores = score_probabilities(data.y_test, y_proba)
            result |= {name: round(float(score), 5) for name, score in scores.items()}
            append_result(path, {**result, "settings": settings})
            print(json.dumps(result), flush=True)


def values(results, name, noise, arm, score):
    """Return the scores of an arm by seed."""
    wanted = name, noise, repr(arm)
    return {
        r["seed"]: r[score]
        for r in results
        if (r["set"], r["noise"], r["arm"]) == wanted
    }


def print_scores(results, score):
    """Print the mean of each arm on each set and kind of noise."""
    scenarios = list(product(SETS, NOISES))
    for stops in (True, False):
        rows = []
        for arm in [arm for arm in arms() if arm.stops == stops]:
            found = [values(results, *some, arm, score).values() for some in scenarios]
            rows.append(
                [str(arm), *(mean_and_error([*v], SCORES[score]) for v in found)]
            )
        title = "with early stopping" if stops else "trained to the end"
        print(f"\n{score.replace('_', ' ')}, {title}")
        print_table(["", *map(", ".join, scenarios)], rows)


def print_means(results, score):
    """Print the mean over sets, and the paired difference from epsilon 0."""
    rows = []
    for arm in arms():
        plain = Arm(0.0, None, stops=arm.stops, folds=arm.folds)
        means, gaps = [], []
        for noise in NOISES:
            of = [values(results, name, noise, arm, score) for name in SETS]
            base = [values(results, name, noise, plain, score) for name in SETS]
            pairs = [
                [ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()]
                for ours, theirs in zip(of, base, strict=True)
            ]
            of = [np.mean([*scores.values()]) for scores in of if scores]
            means.append(f"{np.mean(of):.{SCORES[score]}f}" if of else "")
            some = [np.mean(of_set) for of_set in pairs if of_set and arm != plain]
            gaps.append(mean_and_error(some, SCORES[score], sign="+"))
        rows.append([str(arm), "yes" if arm.stops else "no", *means, *gaps])
    print(f"\n{score.replace('_', ' ')}, mean over sets, and less that of epsilon 0")
    less = [f"{noise}, less" for noise in NOISES]
    print_table(["", "early stopping", *NOISES, *less], rows)


def parse_args():
    parser = make_parser(__doc__, "bench_calibration", seeds=6)
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
            print_means(results, score)


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
