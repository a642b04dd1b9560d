r"""Compare classifiers that are trained on noisy labels, on clean test labels.

The sets and their noise are those of `noisy_sets.py`. Seeds determine samples, noise
and the random numbers of the estimators. Run it, and print its tables again::

    python benchmarks/bench_noise.py --data DIR --results noise.jsonl
    python benchmarks/bench_noise.py --report --results noise.jsonl

Every result is a line of the results file, by default in the folder of temporary files.
Existing results are not computed again, so an interrupted run continues. DIR contains
the sets as `.npz` files; missing sets are skipped, as are methods that are not
installed (see `requirements.txt`). Several runs on different sets may share a results
file.

Defaults are chosen on one half of the sets and reported on the other. Results with
other parameters of our estimators have separate names::

    python benchmarks/bench_noise.py --data DIR --half tuning --methods cv \
        --set optimizer=adam --set weight_decay=0
    python benchmarks/bench_noise.py --report --half tuning --reference cv

Accuracies are in percentage points. For the log-loss, probabilities are clipped at the
precision of float32; the calibration error is that of the top label in 15 bins of equal
width; seconds are measured on one core. Standard errors are over data sets, after
averaging the seeds and the kinds of noise of a set. The regret of a method in a
scenario (a set with a kind of noise) is its difference from the best peer, chosen in
hindsight. Peers are methods of other libraries, with default parameters or the best
simple setting.
"""

import argparse
import ast
import importlib.util
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from noisy_sets import SOURCES, find_data, scale
from scores import (
    append_result,
    make_parser,
    mean_and_error,
    print_table,
    read_results,
    score_probabilities,
)
from side_by_side import use_one_thread
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from sklearn_ls import (
    LabelSmoothingClassifier,
    LabelSmoothingClassifierCV,
    SmoothedTargetClassifier,
)

# Methods


def make_tuned_logistic_regression(seed):
    grid = {"C": [1e-3, 1e-2, 1e-1, 1, 10]}
    return GridSearchCV(LogisticRegression(max_iter=200), grid, cv=3)


def make_lightgbm(seed):
    from lightgbm import LGBMClassifier

    return LGBMClassifier(random_state=seed, n_jobs=1, verbose=-1)


def make_xgboost(seed):
    from xgboost import XGBClassifier

    return XGBClassifier(random_state=seed, n_jobs=1)


def make_boosting(seed):
    return HistGradientBoostingClassifier(random_state=seed)


def make_clean_learning(seed, classifier):
    from cleanlab.classification import CleanLearning

    return CleanLearning(classifier, seed=seed, find_label_issues_kwargs={"n_jobs": 1})


def make_real_mlp(seed, **params):
    from pytabkit import RealMLP_TD_Classifier

    return RealMLP_TD_Classifier(device="cpu", random_state=seed, n_threads=1, **params)


def make_tabm(seed):
    from pytabkit import TabM_D_Classifier

    return TabM_D_Classifier(device="cpu", random_state=seed, n_threads=1)


def make_forest(seed):
    return RandomForestClassifier(min_samples_leaf=5, random_state=seed)


def make_cv(seed, **params):
    return LabelSmoothingClassifierCV(**params, device="cpu", random_state=seed)


def make_committee(seed, **params):
    members = [("network", make_cv(seed, **params)), ("forest", make_forest(seed))]
    return VotingClassifier(members, voting="soft")


def make_single(seed, **params):
    return LabelSmoothingClassifier(**params, device="cpu", random_state=seed)


class Method(NamedTuple):
    """A method: its title, its estimator, and the labels that it is trained on.

    `ours` are networks of this library, which accept parameters; `smoothed` are other
    classifiers that this library trains on smoothed labels.
    """

    title: str
    make: Callable
    ours: bool = False
    smoothed: bool = False
    clean: bool = False
    needs: str | None = None


def with_smoothing(name, title, make, needs=None):
    """Return the methods of a classifier, with hard and with smoothed labels."""

    def smooth(epsilon):
        return lambda seed: SmoothedTargetClassifier(make(seed), epsilon=epsilon)

    methods = {name: Method(title, make, needs=needs)}
    for epsilon in (0.1, 0.3):
        title_of_smoothed = f"{title}, epsilon {epsilon}"
        methods[f"{name}_{epsilon}"] = Method(
            title_of_smoothed, smooth(epsilon), smoothed=True, needs=needs
        )
    return methods


METHODS = {
    "cv": Method("LabelSmoothingClassifierCV", make_cv, ours=True),
    "committee": Method(
        "LabelSmoothingClassifierCV and a forest", make_committee, ours=True
    ),
    "single": Method("LabelSmoothingClassifier", make_single, ours=True),
    "cv0": Method(
        "LabelSmoothingClassifierCV, epsilon 0",
        lambda seed, **params: make_cv(seed, **{**params, "epsilons": [0.0]}),
        ours=True,
    ),
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
    "forest5": Method("RandomForestClassifier, leaves of 5", make_forest),
    "extra_trees": Method(
        "ExtraTreesClassifier", lambda seed: ExtraTreesClassifier(random_state=seed)
    ),
    **with_smoothing("boosting", "HistGradientBoostingClassifier", make_boosting),
    **with_smoothing("lightgbm", "LightGBM", make_lightgbm, needs="lightgbm"),
    **with_smoothing("xgboost", "XGBoost", make_xgboost, needs="xgboost"),
    "logistic": Method("LogisticRegression, C tuned", make_tuned_logistic_regression),
    "cleanlab_forest": Method(
        "CleanLearning, RandomForestClassifier",
        lambda seed: make_clean_learning(
            seed, RandomForestClassifier(random_state=seed)
        ),
        needs="cleanlab",
    ),
    "cleanlab_boosting": Method(
        "CleanLearning, HistGradientBoostingClassifier",
        lambda seed: make_clean_learning(seed, make_boosting(seed)),
        needs="cleanlab",
    ),
    "realmlp": Method("RealMLP-TD", make_real_mlp, needs="pytabkit"),
    "realmlp_hard": Method(
        "RealMLP-TD, use_ls=False",
        lambda seed: make_real_mlp(seed, use_ls=False),
        needs="pytabkit",
    ),
    "realmlp_folds": Method(
        "RealMLP-TD, five folds",
        lambda seed: make_real_mlp(seed, n_cv=5),
        needs="pytabkit",
    ),
    "tabm": Method("TabM", make_tabm, needs="pytabkit"),
    "cv_clean": Method("LabelSmoothingClassifierCV, clean labels", make_cv, clean=True),
}
MAIN = ["cv", "committee", "single", "mlp", "forest", "forest5", "boosting", "logistic"]
PEERS = [
    name
    for name, method in METHODS.items()
    if not (method.ours or method.smoothed or method.clean)
]


def title_of(method):
    """Return the title of a method, or of a variant such as cv[dropout=0.5]."""
    name, _, variant = method.partition("[")
    title = METHODS[name].title
    if variant:
        title += f", {variant[:-1].replace(',', ', ')}"
    return f"{name}: {title}"


# Measurements


def probabilities(estimator, X, n_classes):
    """Return y_proba (n_samples, n_classes), including classes missing in training."""
    y_proba = np.zeros((len(X), n_classes))
    classes = getattr(estimator, "clf", estimator).classes_  # CleanLearning has a clf
    y_proba[:, classes] = estimator.predict_proba(X)
    return y_proba


def measure(estimator, data, y):
    """Fit to labels y, (n_samples,); return the scores on the clean test labels."""
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


def methods_to_run(chosen, params):
    """Return the chosen methods, or all methods, that can be run with `params`."""
    names = []
    for name in chosen or METHODS:
        needs = METHODS[name].needs
        if needs is None or importlib.util.find_spec(needs) is not None:
            names.append(name)
        else:
            print(f"{name} is skipped: {needs} is not installed")
    if not params:
        return names
    names = [name for name in names if METHODS[name].ours]
    known = LabelSmoothingClassifier().get_params().keys()
    return [n for n in names if not n.startswith("single") or params.keys() <= known]


def run(sources, seeds, names, params, directory, path):
    """Compute missing results and append them to the file."""
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
    """Run the methods on a set with one kind of noise and one seed."""
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
    """Return the group of a result: real noise, synthetic noise or none."""
    if SOURCES[result["set"]].real:
        return "real"
    return "clean" if result["noise"] == "clean" else "synthetic"


def paired(results, score, group, *methods):
    """Return mean scores (n_sets, n_methods) of a group of scenarios.

    The seeds and kinds of noise of a set for which all methods have results are
    averaged.
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

    For the reference itself, return the mean score.
    """
    means = paired(results, score, group, method, reference)
    if method == reference:
        return f"{means[:, 0].mean():.{digits}f}" if len(means) else ""
    text = mean_and_error(means[:, 0] - means[:, 1], digits, sign="+")
    n_sets = len(paired(results, score, group, reference))
    return text if len(means) in (0, n_sets) else f"{text} ({len(means)} sets)"


def share_closed(results, group, method, reference, clean):
    """Return the share of the pooled gap to clean labels that is closed, as text.

    The standard error is computed by the jackknife over sets.
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
    """Print a row per method: differences from the reference, and levels."""
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
    print(f"\nDifferences from {reference}, whose own scores are shown;")
    print("calibration errors; median seconds of fit.")
    print_table(["method", *header, "seconds"], rows)


def print_shares(results, methods, reference):
    """Print a row per method: the share of the gap to clean labels that it closes."""
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
        f"\nShare of the gap between {reference} and training on clean labels, closed."
    )
    header = [f"to {clean}, {group}" for clean, group in columns]
    print_table(["method", *header], rows)


def print_scenarios(results, methods):
    """Print a row per set and kind of noise: accuracies of the main methods."""
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


def mean_scenarios(results, methods):
    """Return accuracies (n_scenarios, n_methods), averaged over seeds, and the sets."""
    seeds = defaultdict(lambda: defaultdict(list))
    for result in results:
        if result["method"] in methods:
            scenario = result["set"], result["noise"]
            seeds[scenario][result["method"]].append(result["accuracy"])
    whole = {key: v for key, v in seeds.items() if v.keys() >= set(methods)}
    means = [[np.mean(v[name]) for name in methods] for v in whole.values()]
    return np.reshape(means, (-1, len(methods))), list(whole)


def print_regrets(results, methods):
    """Print a row per method: regret by group, worst scenario, and wins."""
    peers = [name for name in methods if name in PEERS]
    if not peers:
        return
    means, scenarios = mean_scenarios(results, methods)
    best = means[:, [methods.index(name) for name in peers]].max(axis=1)
    groups = [group_of({"set": name, "noise": noise}) for name, noise in scenarios]
    rows = []
    for method, accuracies in zip(methods, means.T, strict=True):
        regret = best - accuracies
        cells = [
            mean_and_error(
                [r for r, g in zip(regret, groups, strict=True) if g == group], 1
            )
            for group in [*NOISY, "clean"]
        ]
        worst = regret.argmax()
        place = ", ".join(scenarios[worst])
        wins = f"{np.sum(accuracies >= means.max(axis=1))} of {len(means)}"
        rows.append([title_of(method), *cells, f"{regret[worst]:.1f} ({place})", wins])
    print("\nRegret against the best of the peers in each scenario, in points; wins.")
    print_table(["method", *NOISY, "clean", "worst", "wins"], rows)


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
    print_regrets(
        results, [name for name in methods if not METHODS[name.split("[")[0]].clean]
    )
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
    parser = make_parser(__doc__, "bench_noise", seeds=5)
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
    parser.add_argument("--reference", default="cv", metavar="METHOD")
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
