r"""Compare classifiers that are trained on noisy labels, on clean test labels.

Noise is injected into letter, covertype, Fashion-MNIST and digits: none (clean), 20 %
and 40 % symmetric and 30 % pair noise. That of cats and dogs (CIFAR-10N), LabelMe and
music is real: labels by single persons, and majority votes of crowds. Seeds draw rows,
noise and whatever the estimators draw. Run it, and print its tables again::

    python benchmarks/bench_noise.py --data DIR --results noise.jsonl
    python benchmarks/bench_noise.py --report --results noise.jsonl

Every result is a line of the results file, by default in the folder of temporary files.
What is there is not run again, so a run that was stopped goes on. DIR holds the sets as
`.npz`; one that is absent is skipped. digits comes with scikit-learn.

Defaults are chosen on one half of the sets and reported on the other. Results under
other parameters of our estimators have names of their own::

    python benchmarks/bench_noise.py --data DIR --half tuning --methods cv \
        --set optimizer=adamw --set weight_decay=0.3
    python benchmarks/bench_noise.py --report --half tuning --reference cv

Accuracies are in percentage points. Log-loss is of probabilities clipped at the
precision of float32, calibration error is that of the top label in 15 bins of equal
width, and seconds are those of one core. Standard errors are over data sets, after the
seeds and the kinds of noise of a set are averaged.
"""

import argparse
import ast
import importlib.util
import time
import warnings
import zlib
from collections import defaultdict
from functools import cache
from typing import NamedTuple

import numpy as np
from scores import (
    append_result,
    make_parser,
    print_table,
    read_results,
    score_probabilities,
)
from side_by_side import use_one_thread
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV

N_TRAIN, N_TEST = 2500, 2500


class Labelled(NamedTuple):
    """Rows of a set: features for a scaler, clean labels, and labels as given."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray
    y_noisy: np.ndarray


# Noise


def flip_symmetric(y, n_classes, rate, rng):
    """Give the rows that are drawn another label, each with the same probability."""
    rows = rng.permutation(len(y))[: round(rate * len(y))]
    y = y.copy()
    y[rows] = (y[rows] + rng.integers(1, n_classes, len(rows))) % n_classes
    return y


def flip_pair(y, n_classes, rate, rng):
    """Give the rows that are drawn the next label."""
    rows = rng.permutation(len(y))[: round(rate * len(y))]
    y = y.copy()
    y[rows] = (y[rows] + 1) % n_classes
    return y


def vote(answers, n_classes, rng):
    """Return the labels (n_samples,) of most answers (n_samples, n_persons).

    -1 is no answer. Ties are decided by `rng`.
    """
    counts = (answers[:, :, np.newaxis] == np.arange(n_classes)).sum(1)
    return np.argmax(counts + rng.uniform(0, 0.5, counts.shape), axis=1)


NOISES = {
    "clean": lambda y, n_classes, rng: y,
    "symmetric 20 %": lambda y, n_classes, rng: flip_symmetric(y, n_classes, 0.2, rng),
    "symmetric 40 %": lambda y, n_classes, rng: flip_symmetric(y, n_classes, 0.4, rng),
    "pair 30 %": lambda y, n_classes, rng: flip_pair(y, n_classes, 0.3, rng),
}


# Data


@cache
def read(path):
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays}


def random_source(*names):
    """Return a generator of its own for what is drawn under these names."""
    return np.random.default_rng([zlib.crc32(str(name).encode()) for name in names])


def one_hot(codes):
    return codes[:, np.newaxis] == np.arange(codes.max() + 1)


def split(X, y, rng, n_train=N_TRAIN, n_test=N_TEST):
    """Draw training and test rows."""
    rows = rng.permutation(len(X))
    train, test = rows[:n_train], rows[n_train:][:n_test]
    return X[train], X[test], y[train], y[test]


def inject(parts, noise, rng):
    *_, y_train, y_test = parts
    n_classes = max(y_train.max(), y_test.max()) + 1
    return Labelled(*parts, NOISES[noise](y_train, n_classes, rng))


def draw_digits(arrays, noise, seed):
    X, y = load_digits(return_X_y=True)
    parts = split(X, y, random_source("digits", seed), n_train=1000)
    return inject(parts, noise, random_source("digits", noise, seed))


def draw_letter(arrays, noise, seed):
    y = arrays["y"].astype(np.int64)
    parts = split(arrays["X"], y, random_source("letter", seed))
    return inject(parts, noise, random_source("letter", noise, seed))


def draw_covertype(arrays, noise, seed):
    columns = [arrays["X_num"], one_hot(arrays["wilderness"]), one_hot(arrays["soil"])]
    y = arrays["y"].astype(np.int64)
    parts = split(np.hstack(columns), y - y.min(), random_source("covertype", seed))
    return inject(parts, noise, random_source("covertype", noise, seed))


def draw_fashion_mnist(arrays, noise, seed):
    rng = random_source("fashion_mnist", seed)
    train, test = rng.permutation(60_000)[:N_TRAIN], rng.permutation(10_000)[:N_TEST]
    X = [arrays["X_train"][train], arrays["X_test"][test]]
    X = [part.reshape(len(part), -1).astype(np.float32) / 255 for part in X]
    pca = PCA(64, random_state=seed).fit(X[0])
    y = arrays["y_train"][train].astype(np.int64), arrays["y_test"][test]
    parts = *(pca.transform(part) for part in X), *y
    return inject(parts, noise, random_source("fashion_mnist", noise, seed))


def oriented_gradients(images, n_orientations=9, side=8):
    """Return histograms of gradients (n_images, n_blocks * 4 * n_orientations).

    A cell has `side` x `side` pixels; each block of 2 x 2 cells has norm one.
    """
    grey = images.mean(-1, dtype=np.float32) / 255
    down, right = np.gradient(grey, axis=(1, 2))
    angle = np.arctan2(down, right) % np.pi
    orientation = (angle / np.pi * n_orientations).astype(int) % n_orientations
    strength, (n_images, height, width) = np.hypot(down, right), grey.shape
    cells = n_images, height // side, side, width // side, side
    histograms = np.stack(
        [
            np.where(orientation == k, strength, 0).reshape(cells).sum((2, 4))
            for k in range(n_orientations)
        ],
        axis=-1,
    )
    blocks = np.lib.stride_tricks.sliding_window_view(histograms, (2, 2), (1, 2))
    blocks = blocks.reshape(n_images, -1, 4 * n_orientations)
    norms = np.linalg.norm(blocks, axis=-1, keepdims=True)
    return (blocks / (norms + 1e-3)).reshape(n_images, -1)


def draw_cats_and_dogs(arrays, noise, seed):
    """Draw from the rows whose label, as given, is cat (3) or dog (5)."""
    given = arrays[f"human10_{noise}_train"]
    rows = np.flatnonzero((given == 3) | (given == 5))
    rows = random_source("cats and dogs", seed).permutation(rows)[:N_TRAIN]
    return Labelled(
        oriented_gradients(arrays["X_train"][rows]),
        oriented_gradients(arrays["X_test"]),
        arrays["y_train"][rows].astype(np.int64),
        arrays["y_test"].astype(np.int64),
        (given[rows] == 5).astype(np.int64),
    )


def draw_crowd(arrays, noise, seed):
    n_classes, rng = len(arrays["class_names"]), random_source("crowd", seed)
    return Labelled(
        arrays["X_train"].astype(np.float32),
        arrays["X_test"].astype(np.float32),
        arrays["y_train"].astype(np.int64),
        arrays["y_test"].astype(np.int64),
        vote(arrays["answers_train"], n_classes, rng),
    )


class Source(NamedTuple):
    """A set: its file, how rows are drawn from it, its kinds of noise, its half."""

    file: str | None
    draw: callable
    noises: tuple
    real: bool
    half: str


SOURCES = {
    "letter": Source("letter.npz", draw_letter, tuple(NOISES), False, "tuning"),
    "digits": Source(None, draw_digits, tuple(NOISES), False, "tuning"),
    "covertype": Source(
        "covertype_100k.npz", draw_covertype, tuple(NOISES), False, "reporting"
    ),
    "Fashion-MNIST": Source(
        "fashion_mnist.npz", draw_fashion_mnist, tuple(NOISES), False, "reporting"
    ),
    "cats and dogs": Source(
        "cifar_catdog.npz", draw_cats_and_dogs, ("random1", "worst"), True, "reporting"
    ),
    "LabelMe": Source("labelme_crowd.npz", draw_crowd, ("majority",), True, "tuning"),
    "music": Source(
        "music_genre_crowd.npz", draw_crowd, ("majority",), True, "reporting"
    ),
}


def scale(data):
    """Scale the features by the training rows, to float32."""
    scaler = StandardScaler().fit(data.X_train)
    X = [scaler.transform(part) for part in (data.X_train, data.X_test)]
    return data._replace(
        X_train=X[0].astype(np.float32), X_test=X[1].astype(np.float32)
    )


# Methods


def make_tuned_logistic_regression(seed):
    grid = {"C": [1e-3, 1e-2, 1e-1, 1, 10]}
    return GridSearchCV(LogisticRegression(max_iter=200), grid, cv=3)


def make_clean_learning(seed):
    from cleanlab.classification import CleanLearning

    mlp = MLPClassifier(random_state=seed)
    return CleanLearning(mlp, seed=seed, find_label_issues_kwargs={"n_jobs": 1})


def make_cv(seed, **params):
    return LabelSmoothingClassifierCV(**params, device="cpu", random_state=seed)


def make_single(seed, **params):
    return LabelSmoothingClassifier(**params, device="cpu", random_state=seed)


class Method(NamedTuple):
    """How a method is called, how its estimator is made, and what it is trained on."""

    title: str
    make: callable
    ours: bool = False
    clean: bool = False


METHODS = {
    "cv": Method("LabelSmoothingClassifierCV", make_cv, ours=True),
    "cv0": Method(
        "LabelSmoothingClassifierCV, epsilon 0",
        lambda seed, **params: make_cv(seed, **{**params, "epsilons": [0.0]}),
        ours=True,
    ),
    "single": Method("LabelSmoothingClassifier", make_single, ours=True),
    "single0": Method(
        "LabelSmoothingClassifier, epsilon 0",
        lambda seed, **params: make_single(seed, **{**params, "epsilon": 0}),
        ours=True,
    ),
    "mlp": Method("MLPClassifier", lambda seed: MLPClassifier(random_state=seed)),
    "mlp_stop": Method(
        "MLPClassifier, early stopping",
        lambda seed: MLPClassifier(early_stopping=True, random_state=seed),
    ),
    "forest": Method(
        "RandomForestClassifier",
        lambda seed: RandomForestClassifier(random_state=seed),
    ),
    "boosting": Method(
        "HistGradientBoostingClassifier",
        lambda seed: HistGradientBoostingClassifier(random_state=seed),
    ),
    "logistic": Method("LogisticRegression, C tuned", make_tuned_logistic_regression),
    "cleanlab": Method("CleanLearning, MLPClassifier", make_clean_learning),
    "cv_clean": Method("LabelSmoothingClassifierCV, clean labels", make_cv, clean=True),
    "single0_clean": Method(
        "LabelSmoothingClassifier, epsilon 0, clean labels",
        lambda seed: make_single(seed, epsilon=0),
        clean=True,
    ),
}
MAIN = ["single0", "cv", "mlp", "forest", "boosting", "logistic", "cv_clean"]


def title_of(method):
    """Return the title of a method, or of a variant such as cv[dropout=0.5]."""
    name, _, variant = method.partition("[")
    title = METHODS[name].title
    if variant:
        title += f", {variant[:-1].replace(',', ', ')}"
    return f"{name}: {title}"


# Measurements


def probabilities(estimator, X, n_classes):
    """Return y_proba (n_samples, n_classes), also of classes that it never met."""
    y_proba = np.zeros((len(X), n_classes))
    classes = getattr(estimator, "clf", estimator).classes_  # CleanLearning has a clf
    y_proba[:, classes] = estimator.predict_proba(X)
    return y_proba


def measure(estimator, data, y):
    """Fit to labels y, (n_samples,); return what it scores on the clean test labels."""
    start = time.process_time()
    estimator.fit(data.X_train, y)
    seconds = time.process_time() - start
    n_classes = max(data.y_train.max(), data.y_test.max()) + 1
    y_proba = probabilities(estimator, data.X_test, n_classes)
    scores = {
        **score_probabilities(data.y_test, y_proba),
        "seconds": seconds,
        "label_noise": 100 * np.mean(data.y_train != data.y_noisy),
    }
    if hasattr(estimator, "epsilon_"):
        scores["epsilon"] = estimator.epsilon_
    return {name: round(float(score), 5) for name, score in scores.items()}


def identity(result):
    return tuple(result[key] for key in ("set", "noise", "seed", "method"))


def find_data(name, directory):
    """Return the arrays of a set, or None, and say so, where they are absent."""
    file = SOURCES[name].file
    if file is None:
        return {}
    if directory is None:
        print(f"{name} is skipped: --data DIR, the folder with {file}, was not given")
    elif not (directory / file).exists():
        print(f"{name} is skipped: {file} is absent from the folder of --data")
    else:
        return read(directory / file)
    return None


def methods_to_run(chosen, params):
    """Return the methods chosen, or all, that can be run with `params`."""
    names = list(chosen or METHODS)
    if "cleanlab" in names and importlib.util.find_spec("cleanlab") is None:
        print("CleanLearning is skipped: cleanlab is not installed")
        names.remove("cleanlab")
    if not params:
        return names
    names = [name for name in names if METHODS[name].ours]
    return [n for n in names if params.keys() <= METHODS[n].make(0).get_params().keys()]


def run(sources, seeds, names, params, directory, path):
    """Run what has no result yet, and append the results."""
    variant = ",".join(f"{name}={value}" for name, value in sorted(params.items()))
    done = {identity(result) for result in read_results(path)}
    available = {name: find_data(name, directory) for name in sources}
    for seed in range(seeds):
        for source in sources:
            if available[source] is None:
                continue
            for noise in SOURCES[source].noises:
                run_scenario(
                    {"set": source, "noise": noise, "seed": seed},
                    available[source],
                    {f"{n}[{variant}]" if variant else n: n for n in names},
                    params,
                    done,
                    path,
                )


def run_scenario(scenario, arrays, methods, params, done, path):
    """Run the methods on a set with one kind of noise, as drawn by a seed."""
    results = [
        {**scenario, "method": method}
        for method, name in methods.items()
        if not (METHODS[name].clean and scenario["noise"] == "clean")
    ]
    results = [result for result in results if identity(result) not in done]
    if not results:
        return
    seed = scenario["seed"]
    data = scale(SOURCES[scenario["set"]].draw(arrays, scenario["noise"], seed))
    for result in results:
        method = METHODS[methods[result["method"]]]
        y = data.y_train if method.clean else data.y_noisy
        result |= measure(method.make(seed, **params), data, y)
        append_result(path, result)
        print(*identity(result), f"{result['accuracy']:.1f} %", end=" ")
        print(f"{result['seconds']:.1f} s", flush=True)


# Tables

NOISY = ["real", "synthetic"]
DIFFERENCES = [("accuracy", [*NOISY, "clean"], 1), ("log_loss", NOISY, 2)]


def group_of(result):
    """Return what is averaged together: real noise, synthetic noise or none."""
    if SOURCES[result["set"]].real:
        return "real"
    return "clean" if result["noise"] == "clean" else "synthetic"


def paired(results, score, group, *methods):
    """Return mean scores (n_sets, n_methods) of a group of scenarios.

    Seeds and kinds of noise of a set are averaged, those that all the methods have.
    """
    scores = defaultdict(dict)
    for result in results:
        if group_of(result) == group:
            scores[identity(result)[:3]][result["method"]] = result[score]
    by_set = defaultdict(list)
    for (name, *_), of_method in scores.items():
        if of_method.keys() >= set(methods):
            by_set[name].append([of_method[method] for method in methods])
    means = [np.mean(rows, axis=0) for rows in by_set.values()]
    return np.reshape(means, (-1, len(methods)))


def difference(results, score, group, method, reference, digits):
    """Return the mean paired difference and its standard error over sets, as text.

    Of the reference itself, return the mean score.
    """
    means = paired(results, score, group, method, reference)
    if not len(means):
        return ""
    if method == reference:
        return f"{means[:, 0].mean():.{digits}f}"
    differences = means[:, 0] - means[:, 1]
    text = f"{differences.mean():+.{digits}f}"
    if len(means) > 1:
        error = differences.std(ddof=1) / np.sqrt(len(means))
        text += f" ± {error:.{digits}f}"
    n_sets = len(paired(results, score, group, reference))
    return text if len(means) == n_sets else f"{text} ({len(means)} sets)"


def share_closed(results, group, method, reference, clean):
    """Return the part of the pooled gap to clean labels that is closed, as text.

    Its standard error is that of the jackknife over sets.
    """
    means = paired(results, "accuracy", group, method, reference, clean)
    if not len(means):
        return ""
    gains, gaps = means[:, 0] - means[:, 1], means[:, 2] - means[:, 1]
    text = f"{gains.sum() / gaps.sum():.2f}"
    if len(means) > 1:
        left_out = (gains.sum() - gains) / (gaps.sum() - gaps)
        text += f" ± {np.sqrt((len(means) - 1) * np.var(left_out)):.2f}"
    return text


def print_methods(results, methods, reference):
    """Print a row for each method: differences to the reference, and levels."""
    rows = []
    for method in methods:
        row = [title_of(method)]
        for score, groups, digits in DIFFERENCES:
            row += [
                difference(results, score, group, method, reference, digits)
                for group in groups
            ]
        for group in NOISY:
            levels = paired(results, "calibration_error", group, method)
            row.append(f"{levels.mean():.3f}" if len(levels) else "")
        seconds = [r["seconds"] for r in results if r["method"] == method]
        rows.append([*row, f"{np.median(seconds):.1f}"])
    header = [
        f"{score.replace('_', '-')}, {group}"
        for score, groups, _ in DIFFERENCES
        for group in groups
    ]
    header += [f"calibration, {group}" for group in NOISY]
    print(f"\nDifferences to {reference}, of which the scores are shown themselves;")
    print("calibration errors; median seconds of fit.")
    print_table(["method", *header, "seconds"], rows)


def print_shares(results, methods, reference):
    """Print a row for each method: the share of the gap to clean labels it closes."""
    ceilings = [name for name in METHODS if METHODS[name].clean]
    columns = [(clean, group) for clean in ceilings for group in NOISY]
    rows = []
    for method in methods:
        if method != reference and method not in ceilings:
            cells = [
                share_closed(results, group, method, reference, clean)
                for clean, group in columns
            ]
            rows.append([title_of(method), *cells])
    print(
        f"\nShare of the gap between {reference} and those with clean labels, closed."
    )
    header = [f"to {clean}, {group}" for clean, group in columns]
    print_table(["method", *header], rows)


def print_scenarios(results, methods):
    """Print a row for each set and kind of noise: accuracies of the main methods."""
    rows = []
    for name, source in SOURCES.items():
        for noise in source.noises:
            here = [r for r in results if (r["set"], r["noise"]) == (name, noise)]
            if here:
                wrong = np.mean([result["label_noise"] for result in here])
                row = [f"{name}, {noise}", f"{wrong:.1f}"]
                for method in methods:
                    some = [r["accuracy"] for r in here if r["method"] == method]
                    row.append(f"{np.mean(some):.1f}" if some else "")
                rows.append(row)
    print("\nWrong training labels and accuracy, in %.")
    print_table(["set", "wrong", *methods], rows)


def report(results, reference):
    """Print the tables of the results, as reStructuredText."""
    found = {result["method"] for result in results}
    names = list(METHODS)
    methods = sorted(found, key=lambda name: (names.index(name.split("[")[0]), name))
    if reference not in methods:
        print(f"There are no results of {reference} to compare with.")
        return
    seeds = len({result["seed"] for result in results})
    print(f"{len(results)} results, {seeds} seeds")
    print_methods(results, methods, reference)
    print_shares(results, methods, reference)
    print_scenarios(results, [name for name in MAIN if name in methods])


# Command line


def parameter(text):
    """Return (name, value) of NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    if name not in LabelSmoothingClassifierCV().get_params():
        raise argparse.ArgumentTypeError(f"our estimators have no parameter {name!r}")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def parse_args():
    parser = make_parser(__doc__, "bench_noise", seeds=3)
    parser.add_argument("--half", choices=["tuning", "reporting"])
    parser.add_argument("--sets", nargs="+", choices=SOURCES, metavar="SET")
    parser.add_argument("--methods", nargs="+", choices=METHODS, metavar="METHOD")
    parser.add_argument(
        "--set",
        type=parameter,
        action="append",
        default=[],
        dest="params",
        metavar="NAME=VALUE",
        help="a parameter of our estimators; can be repeated",
    )
    parser.add_argument("--reference", default="single0", metavar="METHOD")
    return parser.parse_args()


def main():
    args = parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    sources = [
        name
        for name in args.sets or SOURCES
        if args.half is None or SOURCES[name].half == args.half
    ]
    if not args.report:
        params = dict(args.params)
        names = methods_to_run(args.methods, params)
        run(sources, args.seeds, names, params, args.data, args.results)
    results = read_results(args.results)
    results = [result for result in results if result["set"] in sources]
    report(results, args.reference)


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
