"""Compare what annotators' votes can be turned into, on clean test labels.

LabelMe (8 classes, 1,000 training rows, 2.5 votes a row) and music (10 classes, 700
rows, 4.2 votes a row) were labelled by crowds. Each target is what a classifier is
trained on; smoothing is by an epsilon of 0.2, which was fixed beforehand::

    python benchmarks/bench_crowds.py --data DIR

DIR holds the sets as `.npz`; one that is absent is skipped. Each seed draws 80 % of the
training rows, with their votes, the winners of ties and what the network draws.

The classifiers are LabelSmoothingClassifier ("network") and SmoothedTargetClassifier of
LogisticRegression: as it is ("regression"), and with the C that has the best
cross-validated accuracy on the majority votes of a seed, the same for all targets.

Differences from hard labels by majority vote are paired by seed, and their standard
errors are over seeds, which share the test rows and most of the training rows. Accuracy
and calibration error (of the top label, in 15 bins of equal width) are in percentage
points, log-loss is in nats.
"""

import argparse
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from scores import mean_and_error, print_table, score_probabilities
from side_by_side import use_one_thread
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    SmoothedTargetClassifier,
)
from sklearn_ls.crowds import votes_to_soft

EPSILON, TRAINING_SHARE = 0.2, 0.8
SETS = {"LabelMe": "labelme_crowd.npz", "music": "music_genre_crowd.npz"}
METHODS = "majority", "share", "dawid_skene"
# What is trained on, and the epsilon.
ARMS = {
    "majority, hard": ("majority", 0.0),
    "majority, smoothed": ("majority", EPSILON),
    "shares": ("share", 0.0),
    "shares, smoothed": ("share", EPSILON),
    "Dawid-Skene": ("dawid_skene", 0.0),
    "Dawid-Skene, smoothed": ("dawid_skene", EPSILON),
    "clean labels": ("clean", 0.0),
}
REFERENCE = "majority, hard"
# The unit of each score, and the digits to print.
SCORES = {"accuracy": (1, 1), "log_loss": (1, 2), "calibration_error": (100, 1)}


STRENGTHS = {"C": [1e-3, 1e-2, 1e-1, 1.0, 10.0]}


def make_classifiers(epsilon, seed, tuned):
    """Return classifiers by name; `tuned` holds the parameters of the last."""

    def regression(**params):
        return SmoothedTargetClassifier(
            LogisticRegression(max_iter=1000, **params), LabelSmoother(epsilon)
        )

    return {
        "network": LabelSmoothingClassifier(epsilon, device="cpu", random_state=seed),
        "regression": regression(),
        "C tuned": regression(**tuned),
    }


def tune(X, y):
    """Return the C of best cross-validated accuracy on labels y, (n_samples,)."""
    search = GridSearchCV(LogisticRegression(max_iter=1000), STRENGTHS, cv=3)
    return search.fit(X, y).best_params_


def draw(arrays, seed, n_rows):
    """Return X_train, answers, y_train, X_test, y_test and the generator for more."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(arrays["y_train"]))[:n_rows]
    scaler = StandardScaler().fit(arrays["X_train"][rows].astype(np.float64))
    X_train, X_test = (
        scaler.transform(X.astype(np.float64)).astype(np.float32)
        for X in (arrays["X_train"][rows], arrays["X_test"])
    )
    y_train, y_test = (arrays[name].astype(int) for name in ("y_train", "y_test"))
    return X_train, arrays["answers_train"][rows], y_train[rows], X_test, y_test, rng


def make_targets(answers, y_clean, n_classes, rng):
    """Return y_soft by name; majority votes are one-hot, ties decided by `rng`."""
    targets = {
        method: votes_to_soft(answers, n_classes=n_classes, method=method)[0]
        for method in METHODS
    }
    # Hard labels are what people train on; ties that share would be soft ones.
    shares = targets["majority"]
    winners = np.argmax(shares * rng.uniform(0.9, 1, shares.shape), axis=1)
    one_hot = np.eye(n_classes)
    return {**targets, "majority": one_hot[winners], "clean": one_hot[y_clean]}


def check_hard_labels(X, y_soft):
    """Assert that one-hot rows are trained on as labels are."""
    y = y_soft.argmax(axis=1)
    soft = make_classifiers(0.0, 0, {})["regression"].fit(X, y_soft)
    hard = LogisticRegression(max_iter=1000).fit(X, y)
    np.testing.assert_allclose(
        soft.predict_proba(X)[:, hard.classes_], hard.predict_proba(X), atol=1e-3
    )


def run(arrays, seed, n_rows):
    """Return {(classifier, arm): scores} of a seed, and {arm: % of right labels}."""
    X_train, answers, y_clean, X_test, y_test, rng = draw(arrays, seed, n_rows)
    n_classes = len(arrays["class_names"])
    targets = make_targets(answers, y_clean, n_classes, rng)
    if seed == 0:
        check_hard_labels(X_train, targets["majority"])
    tuned = tune(X_train, targets["majority"].argmax(axis=1))
    results = {}
    for arm, (target, epsilon) in ARMS.items():
        y_soft = targets[target]
        results[arm] = 100 * np.mean(y_soft.argmax(axis=1) == y_clean)
        for name, classifier in make_classifiers(epsilon, seed, tuned).items():
            y_proba = classifier.fit(X_train, y_soft).predict_proba(X_test)
            results[name, arm] = score_probabilities(y_test, y_proba)
    return results


def difference(results, classifier, arm, score):
    """Return the mean difference from the reference, with its error, as text.

    Of the reference itself, return the mean score.
    """
    unit, digits = SCORES[score]
    values, references = (
        unit * np.array([result[classifier, one][score] for result in results])
        for one in (arm, REFERENCE)
    )
    if arm == REFERENCE:
        return f"{values.mean():.{digits}f}"
    return mean_and_error(values - references, digits, sign="+")


def report(results):
    """Print a table of each score; `results` are lists by set."""
    columns = list(product(results, make_classifiers(0.0, 0, {})))
    print("\nRight labels among those trained on, in %")
    right = [
        [
            arm,
            *(
                f"{np.mean([r[arm] for r in of_set]):.1f}"
                for of_set in results.values()
            ),
        ]
        for arm in ARMS
        if not arm.endswith("smoothed")
    ]
    print_table(["trained on", *results], right)
    for score in SCORES:
        print(f"\n{score.replace('_', ' ').capitalize()}")
        rows = [
            [arm, *(difference(results[s], name, arm, score) for s, name in columns)]
            for arm in ARMS
        ]
        print_table(["trained on", *(f"{s}, {name}" for s, name in columns)], rows)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=5, help="how many (default: 5)")
    parser.add_argument(
        "--quick", action="store_true", help="200 rows and 2 seeds: does it run?"
    )
    args = parser.parse_args()
    if args.seeds < 2:
        parser.error("--seeds: a standard error needs at least 2")
    return args


def main():
    args = parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    results = {}
    for name, file in SETS.items():
        if args.data is None or not (args.data / file).exists():
            print(f"{name} is skipped: there is no {file} in the folder of --data")
            continue
        with np.load(args.data / file, allow_pickle=False) as arrays:
            arrays = {key: arrays[key] for key in arrays}
        n_rows = 200 if args.quick else round(TRAINING_SHARE * len(arrays["y_train"]))
        seeds = range(2 if args.quick else args.seeds)
        results[name] = [run(arrays, seed, n_rows) for seed in seeds]
    if results:
        report(results)


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
