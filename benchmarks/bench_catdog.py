"""Train the ConvNet on images of cats and dogs with human label noise.

The labels are those of CIFAR-10N: the majority of three annotators (aggregate), the
label of one of them (random1), and a wrong label if any is wrong (worst). Networks are
tested on clean labels, and on the votes of about 51 annotators per image (CIFAR-10H)::

    python benchmarks/bench_catdog.py --data DIR --results catdog.jsonl
    python benchmarks/bench_catdog.py --report --results catdog.jsonl

DIR contains `cifar_catdog.npz`. Every result is a line of the results file, by default
in the folder of temporary files. Existing results are not computed again, so an
interrupted run continues. `--quick` checks that the benchmark runs.

Epsilon is chosen by the accuracy on held-out folds with noisy labels. A single network
and the fold ensemble are trained with this epsilon and without smoothing, and a single
network without smoothing on the clean labels of the same samples. All networks stop
early and keep the weights of the best epoch: a fold network by its held-out fold, a
single network by 15 % of its samples, both with noisy labels.

Accuracies are in percentage points, log-losses in nats; the calibration error is that
of the top label in 15 bins of equal width. Of the votes, only those for cat and dog are
used: for the log-loss under their shares, and the distance from their share of dogs.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
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
from sklearn_ls.metrics import soft_log_loss

sys.path.append(str(Path(__file__).parents[1] / "examples" / "tutorials"))
from cats_and_dogs import read_arrays, scale_images

CAT, DOG = 3, 5  # codes of CIFAR-10
LABELS = ["aggregate", "random1", "worst"]
ARMS = {  # in the order in which they are run: "single" takes epsilon from "folds"
    "folds": "fold ensemble, epsilon chosen",
    "folds0": "fold ensemble, epsilon 0",
    "single": "one network, epsilon chosen",
    "single0": "one network, epsilon 0",
    "clean": "one network, epsilon 0, clean labels",
}
SCORES = {
    "accuracy": 1,
    "log_loss": 3,
    "calibration_error": 3,
    "vote_log_loss": 3,
    "vote_distance": 3,
}


# Data


class Images(NamedTuple):
    """Scaled images (n_samples, 3, 32, 32) and their labels: 0 is cat, 1 is dog."""

    X_train: np.ndarray
    y_noisy: np.ndarray
    y_clean: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    votes: np.ndarray


def draw(arrays, labels, n_train, seed):
    """Draw training samples whose observed label is cat or dog."""
    given = arrays[f"human10_{labels}_train"]
    rows = np.flatnonzero((given == CAT) | (given == DOG))
    rows = np.random.default_rng(seed).permutation(rows)[:n_train]
    X_train, X_test = scale_images(arrays["X_train"][rows], arrays["X_test"])
    return Images(
        X_train,
        (given[rows] == DOG).astype(np.int64),
        arrays["y_train"][rows].astype(np.int64),
        X_test,
        arrays["y_test"].astype(np.int64),
        arrays["cifar10h_counts_test"][:, [CAT, DOG]],
    )


def vote_shares(votes):
    """Return a mask of the images with votes, and the shares of their votes."""
    voted = votes.sum(1) > 0
    return voted, votes[voted] / votes[voted].sum(1, keepdims=True)


# Measurements


def make(arm, epsilon, settings, seed):
    """Return the estimator of an arm; `epsilon` is for a single network."""
    params = {
        "module": "convnet",
        "module_params": {"n_filters": settings["n_filters"]},
        "max_epochs": settings["max_epochs"],
        "early_stopping": True,
        "device": settings["device"],
        "random_state": seed,
    }
    if arm.startswith("folds"):
        epsilons = settings["epsilons"] if arm == "folds" else [0.0]
        return LabelSmoothingClassifierCV(epsilons, cv=settings["folds"], **params)
    return LabelSmoothingClassifier(epsilon, **params)


def measure(estimator, images, y):
    """Fit to labels y, (n_samples,); return the scores on the test images."""
    y_proba = estimator.fit(images.X_train, y).predict_proba(images.X_test)
    y_proba = y_proba.astype(np.float64)
    voted, shares = vote_shares(images.votes)
    scores = {
        **score_probabilities(images.y_test, y_proba),
        "vote_log_loss": soft_log_loss(shares, y_proba[voted]),
        "vote_distance": np.abs(shares - y_proba[voted])[:, 1].mean(),
        "epsilon": (
            estimator.epsilon_ if hasattr(estimator, "epsilon_") else estimator.epsilon
        ),
        "wrong": 100 * np.mean(images.y_noisy != images.y_clean),
    }
    return {name: round(float(value), 5) for name, value in scores.items()}


def run(arrays, seeds, settings, path):
    """Compute missing results and append them to the file."""
    for seed in range(seeds):
        for labels in LABELS:
            done = {
                result["arm"]: result
                for result in results_under(settings, path)
                if (result["labels"], result["seed"]) == (labels, seed)
            }
            if done.keys() < ARMS.keys():
                images = draw(arrays, labels, settings["n_train"], seed)
                run_arms(images, {"labels": labels, "seed": seed}, done, settings, path)


def run_arms(images, scenario, done, settings, path):
    """Run the remaining arms on images with one kind of labels."""
    for arm in ARMS:
        if arm in done:
            continue
        chosen = done.get({"folds0": "folds", "single0": "single"}.get(arm))
        if chosen is not None and chosen["epsilon"] == 0:
            done[arm] = {**chosen, "arm": arm}  # the same networks
        else:
            epsilon = done["folds"]["epsilon"] if arm == "single" else 0.0
            y = images.y_clean if arm == "clean" else images.y_noisy
            estimator = make(arm, epsilon, settings, scenario["seed"])
            scores = measure(estimator, images, y)
            done[arm] = {**scenario, "arm": arm, **scores, "settings": settings}
        append_result(path, done[arm])
        print(json.dumps(done[arm]), flush=True)


# Tables


def values(results, labels, arm, score):
    """Return the scores of an arm by seed."""
    rows = [r for r in results if (r["labels"], r["arm"]) == (labels, arm)]
    return {row["seed"]: row[score] for row in rows}


def difference(results, arm, reference, score):
    """Return the mean paired difference and its standard error, as text.

    Pairs have the same labels and seed.
    """
    pairs = [
        (values(results, labels, arm, score), values(results, labels, reference, score))
        for labels in LABELS
    ]
    gaps = [a[seed] - b[seed] for a, b in pairs for seed in a.keys() & b.keys()]
    return mean_and_error(gaps, SCORES[score], sign="+")


def print_levels(results):
    """Print a row per kind of labels and arm: mean scores and epsilons."""
    rows = []
    for labels in LABELS:
        for arm, title in ARMS.items():
            epsilons = values(results, labels, arm, "epsilon").values()
            if epsilons:
                wrong = np.mean([*values(results, labels, arm, "wrong").values()])
                means = [
                    f"{np.mean([*values(results, labels, arm, score).values()]):.{n}f}"
                    for score, n in SCORES.items()
                ]
                chosen = " ".join(map(str, epsilons))
                rows.append([f"{labels} ({wrong:.1f} % wrong)", title, *means, chosen])
    print_table(["labels", "", *SCORES, "epsilon by seed"], rows)


def print_differences(results):
    """Print paired differences over all kinds of labels and seeds."""
    pairs = [
        ("single", "single0"),
        ("folds0", "single0"),
        ("folds", "single0"),
        ("folds", "folds0"),
        ("clean", "single0"),
    ]
    rows = [
        [
            f"{ARMS[arm]}, less {ARMS[reference]}",
            *(difference(results, arm, reference, score) for score in SCORES),
        ]
        for arm, reference in pairs
    ]
    print("\nDifferences, with standard errors over the pairs of labels and seed.")
    print_table(["", *SCORES], rows)


def parse_args():
    parser = make_parser(__doc__, "bench_catdog", seeds=6)
    parser.add_argument("--n-train", type=int, default=2500)
    parser.add_argument("--n-filters", type=int, default=16)
    parser.add_argument("--max-epochs", type=int, default=12)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument(
        "--epsilons", type=float, nargs="+", default=[0.0, 0.1, 0.2, 0.4]
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="a few rows and epochs")
    args = parser.parse_args()
    if args.quick:
        args.seeds, args.n_train, args.n_filters, args.max_epochs = 1, 300, 4, 2
    return args


def main():
    args = parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    names = "n_train", "n_filters", "max_epochs", "folds", "epsilons", "device"
    settings = {name: getattr(args, name) for name in names}
    arrays = None if args.report else read_arrays(args.data)
    if arrays is not None:
        _, shares = vote_shares(arrays["cifar10h_counts_test"][:, [CAT, DOG]])
        print(f"log-loss of the votes themselves: {soft_log_loss(shares, shares):.3f}")
        run(arrays, args.seeds, settings, args.results)
    results = results_under(settings, args.results)
    if results:
        print_levels(results)
        print_differences(results)


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
