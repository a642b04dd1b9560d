"""Measure time and memory against samples, features, classes, epsilons and processes.

Each measurement runs in a new process, with one thread. Memory is the peak of anonymous
memory (without cached files, which the system can drop), minus the memory after
training on a few samples. The first process of each benchmark asserts equal results
before any measurement; for ranks, the predictions of all processes are compared
afterwards.

- files: one epoch on up to 50 million x 20 float32 from memory-mapped files that were
  dropped from the system's cache, and from memory; and on 5 million from parquet files
  and from a list of memory-mapped shards. The time includes validation and, if the
  network standardizes the features, the pass that computes their statistics.
- bookkeeping: memory that `fit` adds to 2 million x 32 in memory, for various dtypes
  and layouts, and with various arguments.
- classes: training and prediction for 10 to 100,000 classes.
- growth: `fit` with more samples, features and classes, and the search with more
  epsilons, compared with MLPClassifier and skorch with the same layers, batches, epochs
  and optimizer.
- jobs: the default search in two processes compared with one.
- stacks: the cost of a network of the default search in a stack, and the time of
  searches on 2, 16 and 64 cores, computed from this cost and the division into tasks.
- ranks: one epoch on the same samples in 1, 2 and 3 processes started by torchrun.

Run all benchmarks, or one::

    python benchmarks/bench_scale.py --scratch DIR
    python benchmarks/bench_scale.py --only growth --repeats 5
    python benchmarks/bench_scale.py --report --figure growth.png

The files are written to DIR: 4.1 GB for 50 million samples and 0.4 GB of parquet.
Existing files are used again. Results are kept in a file and not measured again.
`--most` limits the number of samples.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pandas as pd
from bench_fit import (
    OURS,
    SKLEARN,
    SKORCH,
    Task,
    assert_equals_loop,
    assert_equals_sklearn,
    assert_equals_skorch,
    make_ours,
    make_skorch,
)
from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor
from processes import in_new_process, measure
from scale_data import (
    N_FEATURES,
    draw_block,
    forget,
    large_data_classifier,
    make_files,
    make_parquet,
    random_labels,
)
from scores import append_result, print_table, read_results
from side_by_side import rotated
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from skorch.callbacks import Callback

from sklearn_ls import LabelSmoothingClassifierCV
from sklearn_ls._search import run as run_module
from sklearn_ls._search.tasks import divide_tasks

MILLION = 1_000_000
WORKER = Path(__file__).with_name("fit_in_ranks.py")


class Benchmark(NamedTuple):
    """A benchmark and its functions.

    Parameters
    ----------
    list_cases : callable
        Function of the largest number of samples that returns dicts of keyword
        arguments of `measure_case`.

    measure_case : callable
        Function of a folder for files and a case that returns a dict of numbers. It is
        called in a new process.

    report : callable
        Function that prints a list of results.

    check : callable
        Function of a folder for files that asserts equal results.
    """

    list_cases: Callable
    measure_case: Callable
    report: Callable
    check: Callable


def fit_a_few(X, y, **params):
    """Train on a few samples, so that everything is imported and allocated."""
    large_data_classifier(**params).fit(X[:3000], y[:3000])


# Files

MAPPED, MEMORY, PARQUET, SHARDS = "mapped file", "memory", "parquet", "shards"
READING = "reading the file only"
SOURCES_OF_ALL, SOURCES_OF_SOME = (MAPPED, MEMORY), (PARQUET, SHARDS, READING)
SIZES = [1 * MILLION, 5 * MILLION, 50 * MILLION]
SIZE_OF_SOME = 5 * MILLION
N_SHARDS = 10
TEST_SEED = 10**9  # not the seed of a block of training samples


def list_file_cases(most):
    sizes = [n for n in SIZES if n <= most] or [most]
    of_some = min(SIZE_OF_SOME, max(sizes))
    cases = [(source, n) for n in sizes for source in SOURCES_OF_ALL]
    cases += [(source, of_some) for source in SOURCES_OF_SOME]
    # Smaller sizes are the first samples of the same file.
    return [
        {"source": source, "n_samples": n, "n_in_file": max(sizes)}
        for source, n in cases
    ]


def open_source(source, n_samples, n_in_file, scratch):
    """Return the arguments of fit; files are dropped from the system's cache."""
    if source == PARQUET:
        path = make_parquet(n_samples, scratch)
        forget(path)
        return path, "y"
    paths = make_files(n_in_file, scratch)
    for path in paths:
        forget(path)
    X, y = (np.load(path, mmap_mode="r")[:n_samples] for path in paths)
    if source == SHARDS:
        bounds = np.linspace(0, n_samples, N_SHARDS + 1).astype(int)
        return [(X[a:b], y[a:b]) for a, b in pairwise(bounds)], None
    return (np.array(X), np.array(y)) if source == MEMORY else (X, y)


def measure_file(scratch, source, n_samples, n_in_file):
    X, y = open_source(source, n_samples, n_in_file, scratch)
    if source == READING:
        return measure(lambda: read_through(X))[1]
    few = draw_block(3000, 0)
    fit_a_few(*few)
    clf, measured = measure(lambda: large_data_classifier().fit(X, y))
    X_test, y_test = draw_block(10_000, TEST_SEED)
    if source == PARQUET:
        X_test = pd.DataFrame(X_test, columns=clf.feature_names_in_)
    return {**measured, "accuracy": clf.score(X_test, y_test)}


def read_through(X, n_at_once=5000):
    return sum(
        float(X[start : start + n_at_once].sum())
        for start in range(0, len(X), n_at_once)
    )


def check_files(scratch):
    """Compare the predictions after training from a file and from memory."""
    n_samples = MILLION  # three windows
    X, y = draw_block(n_samples, 0)
    path = scratch / "check.npy"
    np.save(path, X)
    X_file = np.load(path, mmap_mode="r")
    expected = large_data_classifier().fit(X, y).predict_proba(X[:1000])
    actual = large_data_classifier().fit(X_file, y).predict_proba(X[:1000])
    assert np.array_equal(actual, expected)
    path.unlink()
    print(f"{n_samples:,} samples from a file and from memory: equal")


def report_files(results):
    medians = median_of(results, "source", "n_samples")
    rows = []
    for (source, n), values in medians.items():
        memory = medians.get((MEMORY, n))
        rows.append(
            [
                f"{source}, {n / MILLION:g} million",
                f"{values['seconds'] / n * 1e6:.2f}",
                f"{n / values['seconds'] / 1e6:.3f}",
                f"{memory['seconds'] / values['seconds']:.2f}" if memory else "",
                f"{values['cpu_seconds'] / n * 1e6:.2f}",
                f"{values['bytes'] / 1e6:.0f}",
            ]
        )
    header = ["", "µs a sample", "million a second", "/ memory", "CPU, µs", "MB"]
    print_table(header, rows)
    times = {n: v["seconds"] / n for (s, n), v in medians.items() if s == MAPPED}
    if not times:
        return
    largest = max(times)
    print_goal("slowest / fastest", max(times.values()) / min(times.values()), 1.15)
    print_goal("GB of memory", medians[MAPPED, largest]["bytes"] / 1e9, 1)
    if (MEMORY, largest) in medians:
        seconds = [medians[source, largest]["seconds"] for source in (MAPPED, MEMORY)]
        print_goal("file / memory", seconds[0] / seconds[1], 1 / 0.8)


# Bookkeeping

N_BOOKKEEPING, D_BOOKKEEPING = 2 * MILLION, 32
BYTES_GOAL, SHARE_GOAL = 16, 0.1
DTYPES = {
    "float32": "f4",
    "float64": "f8",
    "float16": "f2",
    "uint8": "u1",
    "float64, Fortran order": "f8",
    "float64, every second sample": "f8",
}
LAYOUTS = [
    *DTYPES,
    "float32, Fortran order",
    "DataFrame, float32",
    "DataFrame, float32 and float64",
    "with a callback",
    "with early stopping",
    "with sample weights",
    "with soft labels of ten classes",
]


def list_bookkeeping_cases(most):
    n_samples = min(N_BOOKKEEPING, most)
    return [{"layout": layout, "n_samples": n_samples} for layout in LAYOUTS]


def draw_layout(layout, n_samples):
    """Return X, without allocating intermediate results."""
    dtype = DTYPES.get(layout, "f4")
    order = "F" if "Fortran" in layout else "C"
    n_stored = 2 * n_samples if "second" in layout else n_samples
    X = np.empty((n_stored, D_BOOKKEEPING), dtype, order=order)
    for start in range(0, n_stored, 10_000):
        part, _ = draw_block(10_000, start, D_BOOKKEEPING)
        if dtype == "u1":
            part = (40 * part + 128).clip(0, 255)
        X[start : start + 10_000] = part[: n_stored - start]
    if "second" in layout:
        return X[::2]
    if layout.startswith("DataFrame"):
        X = pd.DataFrame(X, columns=[f"x{feature}" for feature in range(D_BOOKKEEPING)])
        if "and" in layout:
            X["x3"] = X["x3"].astype("float64")
    return X


def choose_fit_arguments(layout, n_samples):
    """Return y, sample weights and parameters."""
    rng, params = np.random.default_rng(0), {}
    y, weight = rng.integers(2, size=n_samples, dtype=np.int8), None
    if "callback" in layout:
        params["callbacks"] = [Callback()]
    if "early stopping" in layout:
        params["early_stopping"] = True
    if "weights" in layout:
        weight = rng.random(n_samples)
    if "soft" in layout:
        y = rng.dirichlet(np.ones(10), n_samples)
    return y, weight, params


def measure_bookkeeping(scratch, layout, n_samples):
    X = draw_layout(layout, n_samples)
    y, weight, params = choose_fit_arguments(layout, n_samples)
    clf = large_data_classifier(**params)
    clf.fit(X[:3000], y[:3000], None if weight is None else weight[:3000])
    clf.predict(X[:3000])
    n_bytes = X.memory_usage(index=False).sum() if hasattr(X, "iloc") else X.nbytes
    _, fit = measure(lambda: clf.fit(X, y, weight))
    _, predict = measure(lambda: clf.predict(X))
    return {
        **fit,
        "bytes_of_X": int(n_bytes),
        "bytes_in_predict": predict["bytes"],
        "seconds_of_predict": predict["seconds"],
    }


def check_bookkeeping(scratch):
    """Compare the predictions after training on the same values in other layouts."""
    X, y = draw_block(20_000, 0)
    expected = large_data_classifier().fit(X, y).predict_proba(X)
    names = [f"x{feature}" for feature in range(N_FEATURES)]
    for same in (np.asfortranarray(X), pd.DataFrame(X, columns=names)):
        actual = large_data_classifier().fit(same, y).predict_proba(same)
        assert np.array_equal(actual, expected)
    print("layouts: equal")


def report_bookkeeping(results):
    rows = []
    for (layout, n), values in median_of(results, "layout", "n_samples").items():
        shares = [values[name] for name in ("bytes", "bytes_in_predict")]
        rows.append(
            [
                layout,
                *(f"{share / n:.1f}" for share in shares),
                *(f"{share / values['bytes_of_X']:.3f}" for share in shares),
                "met" if shares[0] <= BYTES_GOAL * n else "MISSED",
                "met" if shares[0] <= SHARE_GOAL * values["bytes_of_X"] else "MISSED",
            ]
        )
    header = ["X", "bytes a sample", "predict", "of X", "predict"]
    header += [f"{BYTES_GOAL} bytes", f"{SHARE_GOAL} X"]
    print_table(header, rows)


# Classes

CLASSES = [10, 1000, 10_000, 100_000]
CLASS_BATCH, CLASS_HIDDEN, CLASS_FEATURES = 200, 32, 20


def list_class_cases(most):
    return [{"n_classes": n} for n in CLASSES if n <= most]


def measure_classes(scratch, n_classes):
    n_samples = max(20_000, n_classes)
    X, _ = draw_block(n_samples, 0)
    y = random_labels(n_samples, n_classes)
    params = {"hidden_layer_sizes": (CLASS_HIDDEN,), "batch_size": CLASS_BATCH}
    fit_a_few(X, y % 2, **params)
    clf, fit = measure(lambda: large_data_classifier(**params).fit(X, y))
    X = X[:2000]
    _, predict = measure(lambda: clf.predict(X))
    return {
        **fit,
        "n_samples": n_samples,
        "seconds_of_predict": predict["seconds"] / len(X),
        "bytes_in_predict": predict["bytes"],
    }


def check_classes(scratch):
    """Compare the probabilities with those of a torch loop."""
    X, _ = draw_block(4000, 0)
    y = random_labels(4000, 1000)
    assert_equals_loop(Task("classes", X, y, (CLASS_HIDDEN,), 256, 3, {}), "cpu")


def report_classes(results):
    rows = []
    for (n,), values in median_of(results, "n_classes").items():
        per_sample = values["seconds"] / values["n_samples"]
        logits = 4 * CLASS_BATCH * n  # bytes per batch
        rows.append(
            [
                f"{n:,}",
                f"{per_sample * 1e6:.1f}",
                f"{per_sample / n * 1e9:.2f}",
                f"{values['seconds_of_predict'] * 1e6:.1f}",
                f"{values['seconds_of_predict'] / n * 1e9:.2f}",
                f"{values['bytes'] / 1e6:.0f}",
                f"{values['bytes'] / logits:.1f}",
                f"{values['bytes_in_predict'] / 1e6:.0f}",
            ]
        )
    header = ["classes", "fit, µs a sample", "ns a class", "predict, µs"]
    header += ["ns a class", "fit, MB", "/ logits of a batch", "predict, MB"]
    print_table(header, rows)


# Growth, beside others

HIDDEN, GROWTH_BATCH, GROWTH_EPOCHS, FOLDS = (128, 128), 200, 2, 5
AXES = {
    "samples": [1000, 10_000, 100_000, 1_000_000],
    "features": [10, 30, 100, 300, 1000, 3000],
    "classes": [2, 10, 100, 1000, 10_000],
    "epsilons": [1, 3, 10, 50],
}
FIXED = {"samples": 10_000, "features": 20, "classes": 10}
SEARCHED = {"samples": 2000, "features": 20, "classes": 10}
SEARCH_EPOCHS = 10


def list_growth_cases(most):
    return [
        {"axis": axis, "value": value, "contestant": contestant}
        for axis, values in AXES.items()
        for value in values
        if axis != "samples" or value <= most
        for contestant in (OURS, SKLEARN, SKORCH)
    ]


def make_task(samples, features, classes):
    X, _ = draw_block(samples, 0, features)
    y = random_labels(samples, classes)
    return Task("growth", X, y, HIDDEN, GROWTH_BATCH, GROWTH_EPOCHS, {})


def make_mlp(task):
    return MLPClassifier(
        task.hidden,
        alpha=0,
        batch_size=task.batch_size,
        max_iter=task.epochs,
        tol=0,
        n_iter_no_change=10**6,
        random_state=0,
    )


def make_classifier(contestant, task):
    if contestant == OURS:
        return make_ours(task, "cpu")
    return make_mlp(task) if contestant == SKLEARN else make_skorch(task, "cpu")


def make_search(contestant, task, n_epsilons):
    """Return a search without refit, of alpha instead of epsilon for MLPClassifier."""
    epsilons = np.linspace(0, 0.9, n_epsilons).tolist()
    classifier = make_classifier(contestant, task)
    if contestant == OURS:
        params = classifier.get_params()
        del params["epsilon"], params["warm_start"]
        return LabelSmoothingClassifierCV(
            epsilons, cv=FOLDS, ensemble=False, refit=False, **params
        )
    name = "alpha" if contestant == SKLEARN else "criterion__label_smoothing"
    values = (1e-4 * np.array(epsilons)).tolist() if contestant == SKLEARN else epsilons
    return GridSearchCV(
        classifier, {name: values}, cv=FOLDS, scoring="accuracy", refit=False
    )


def measure_growth(scratch, axis, value, contestant):
    if axis == "epsilons":
        task = make_task(**SEARCHED)._replace(epochs=SEARCH_EPOCHS)
        few = make_task(**{**SEARCHED, "samples": 500})
        make_search(contestant, few, 1).fit(few.X, few.y)
        estimator = make_search(contestant, task, value)
    else:
        task, few = make_task(**{**FIXED, axis: value}), make_task(**SEARCHED)
        make_classifier(contestant, few).fit(few.X, few.y)
        estimator = make_classifier(contestant, task)
    return measure(lambda: estimator.fit(task.X, task.y))[1]


def check_growth(scratch):
    """Compare results with the other libraries, and the search with GridSearchCV."""
    task = make_task(4000, 20, 10)
    assert_equals_loop(task, "cpu")
    assert_equals_sklearn(task, "cpu")
    assert_equals_skorch(task, "cpu")
    task = make_task(**SEARCHED)
    task = task._replace(X=task.X.astype(np.float64))
    search = make_search(OURS, task, 3).fit(task.X, task.y)
    grid = GridSearchCV(
        make_ours(task, "cpu"),
        {"epsilon": search.epsilons_.tolist()},
        cv=FOLDS,
        scoring="accuracy",
        refit=False,
    ).fit(task.X, task.y)
    scores = [found.cv_results_["mean_test_score"] for found in (search, grid)]
    assert np.array_equal(*scores)
    print("equal to GridSearchCV: scores")


def report_growth(results):
    medians = median_of(results, "axis", "value", "contestant")
    for axis, values in AXES.items():
        rows = []
        for value in values:
            found = [medians.get((axis, value, c)) for c in (OURS, SKLEARN, SKORCH)]
            if all(found):
                rows.append([f"{value:,}", *compare(found)])
        if rows:
            header = [axis, "s", "/ MLP", "/ skorch", "MB", "MLP, MB", "skorch, MB"]
            print_table(header, rows)


def compare(found):
    ours, *others = found
    return [
        f"{ours['seconds']:.3g}",
        *(f"{ours['seconds'] / other['seconds']:.2f}" for other in others),
        *(f"{values['bytes'] / 1e6:.1f}" for values in found),
    ]


# Jobs

JOB_SIZES = [10_000, 40_000]
JOBS_GOAL = 0.6
ONE, COLD, WARM = "one process", "two, cold", "two, warm"


def list_job_cases(most):
    return [
        {"n_samples": n, "processes": processes}
        for n in JOB_SIZES
        if n <= most
        for processes in (ONE, COLD, WARM)
    ]


def make_default_search(n_jobs, **params):
    return LabelSmoothingClassifierCV(
        n_jobs=n_jobs, device="cpu", random_state=0, **params
    )


def measure_jobs(scratch, n_samples, processes):
    X, y = draw_block(n_samples, 0, 50)
    n_jobs = 1 if processes == ONE else 2
    with own_workers():
        started = 1 if processes == COLD else n_jobs
        make_default_search(started, max_epochs=1).fit(X[:500], y[:500])
        search = make_default_search(n_jobs)
        _, measured = measure(lambda: search.fit(X, y))
    of_networks = FOLDS * search.cv_results_["mean_fit_time"].sum()
    return {**measured, "seconds_of_networks": float(of_networks)}


@contextmanager
def own_workers():
    """Start workers with one thread each, and stop them at the end of the block."""
    with parallel_config("loky", inner_max_num_threads=1):
        yield
    get_reusable_executor().shutdown(wait=True)


def check_jobs(scratch):
    X, y = draw_block(JOB_SIZES[0], 0, 50)
    X = X.astype(np.float64)
    with own_workers():
        one, two = (
            make_default_search(n_jobs, max_epochs=3).fit(X, y) for n_jobs in (1, 2)
        )
    for name, scores in one.cv_results_.items():
        if "score" in name and "time" not in name and "rank" not in name:
            np.testing.assert_allclose(two.cv_results_[name], scores, atol=1e-3)
    np.testing.assert_allclose(two.oof_proba_, one.oof_proba_, atol=1e-6)
    print("searches in one and two processes: equal")


def report_jobs(results):
    medians = median_of(results, "n_samples", "processes")
    rows = []
    for n in JOB_SIZES:
        seconds = [medians.get((n, p), {}).get("seconds") for p in (ONE, COLD, WARM)]
        if all(seconds):
            one, *two = seconds
            ratios = [s / one for s in two]
            goals = ["met" if ratio <= JOBS_GOAL else "MISSED" for ratio in ratios]
            rows.append([f"{n:,}", f"{one:.2f}", *(f"{r:.2f}" for r in ratios), *goals])
    header = ["samples", "one, s", "cold / one", "warm / one", "cold", "warm"]
    print_table(header, rows)


# Stacks

STACK_SIZES = [1, 2, 4, 8, 12]
SEARCHES = [(3, 5), (10, 5), (50, 5)]  # epsilons, folds
PROCESSES = [1, 2, 16, 64]


def list_stack_cases(most):
    return [{"stack_size": size} for size in STACK_SIZES]


def measure_stacks(scratch, stack_size):
    X, y = draw_block(10_000, 0, 50)
    make_default_search(1, max_epochs=1).fit(X[:500], y[:500])
    search = make_default_search(1, max_epochs=4)
    with mock.patch.object(run_module, "choose_stack_size", return_value=stack_size):
        return measure(lambda: search.fit(X, y))[1]


def check_stacks(scratch):
    """Compare the scores of networks trained separately and in stacks."""
    X, y = draw_block(2000, 0, 50)
    params = {"max_epochs": 3, "scoring": "neg_log_loss"}
    scores = []
    for size in (1, 12):
        with mock.patch.object(run_module, "choose_stack_size", return_value=size):
            search = make_default_search(1, **params).fit(X.astype(np.float64), y)
        scores.append(search.cv_results_["mean_test_score"])
    np.testing.assert_allclose(*scores, atol=1e-8)
    print("networks in stacks and alone: equal")


def report_stacks(results):
    """Print the cost of a network in a stack, and the resulting time on more cores."""
    medians = median_of(results, "stack_size")
    if len(medians) < len(STACK_SIZES):
        return
    sizes = sorted(size for (size,) in medians)
    seconds = [medians[size,]["cpu_seconds"] for size in sizes]
    costs = [s / seconds[0] for s in seconds]
    print_table(
        ["networks in a stack", *map(str, sizes)],
        [["cost of each", *(f"{cost:.2f}" for cost in costs)]],
    )
    print("\nTasks, networks in the largest, time divided by that of one core")
    rows = []
    for search in SEARCHES:
        plans = [plan_sizes(*search, n_processes) for n_processes in PROCESSES]
        times = [
            max(share_in_turn(plan, n_processes, sizes, costs))
            for plan, n_processes in zip(plans, PROCESSES, strict=True)
        ]
        cells = [
            f"{len(plan)}, {max(plan)}, {seconds / times[0]:.3f}"
            for plan, seconds in zip(plans, times, strict=True)
        ]
        rows.append(["{} x {}".format(*search), *cells])
    print_table(["search", *(f"on {n}" for n in PROCESSES)], rows)


def plan_sizes(n_epsilons, n_splits, n_processes):
    """Return the number of networks per task; twelve is the default stack size."""
    tasks = divide_tasks(
        n_epsilons, n_splits, 12, devices=["cpu"], n_processes=n_processes
    )
    return [len(task) for task in tasks]


def share_in_turn(plan, n_processes, sizes, costs):
    """Return the cost per process if each free process takes the next task."""
    loads = [0] * n_processes
    for n_networks in plan:
        loads[loads.index(min(loads))] += n_networks * np.interp(
            n_networks, sizes, costs
        )
    return loads


# Ranks

RANK_SIZES = [100_000, 1_000_000]
RANKS = [1, 2, 3]


def list_rank_cases(most):
    sizes = [n for n in RANK_SIZES if n <= most]
    return [{"n_samples": n, "ranks": ranks} for n in sizes for ranks in RANKS]


def measure_ranks(scratch, n_samples, ranks):
    make_files(n_samples, scratch)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", str(ranks), str(WORKER)]
        command += [str(scratch), str(n_samples), folder]
        subprocess.run(command, check=True)
        measured = [json.loads(path.read_text()) for path in Path(folder).iterdir()]
    assert len(measured) == ranks
    assert len({found.pop("weights") for found in measured}) == 1
    return {name: max(found[name] for found in measured) for name in measured[0]}


def report_ranks(results):
    medians = median_of(results, "n_samples", "ranks")
    rows = []
    for (n, ranks), values in medians.items():
        one = medians.get((n, 1), {}).get("seconds", np.nan)
        ratio = f"{values['seconds'] / one:.2f}"
        mb = f"{values['bytes'] / 1e6:.0f}"
        rows.append([f"{n:,}", str(ranks), f"{values['seconds']:.2f}", ratio, mb])
    print_table(["samples", "processes", "s", "/ one", "MB each"], rows)


def no_check(scratch):
    """Do nothing, since `measure_ranks` compares the weights of all ranks."""


# Command line

BENCHMARKS = {
    "files": Benchmark(list_file_cases, measure_file, report_files, check_files),
    "bookkeeping": Benchmark(
        list_bookkeeping_cases,
        measure_bookkeeping,
        report_bookkeeping,
        check_bookkeeping,
    ),
    "classes": Benchmark(
        list_class_cases, measure_classes, report_classes, check_classes
    ),
    "growth": Benchmark(list_growth_cases, measure_growth, report_growth, check_growth),
    "jobs": Benchmark(list_job_cases, measure_jobs, report_jobs, check_jobs),
    "stacks": Benchmark(list_stack_cases, measure_stacks, report_stacks, check_stacks),
    "ranks": Benchmark(list_rank_cases, measure_ranks, report_ranks, no_check),
}


def identity(result):
    keys = [result[name] for name in ("benchmark", "case", "repeat")]
    return json.dumps(keys, sort_keys=True)


def run(name, repeats, most, scratch, path):
    """Measure the cases that are missing in the results file, in alternating order."""
    benchmark = BENCHMARKS[name]
    done = {identity(result) for result in read_results(path)}
    todo = [
        {"benchmark": name, "case": case, "repeat": repeat}
        for repeat in range(repeats)
        for case in rotated(benchmark.list_cases(most), repeat)
    ]
    todo = [keys for keys in todo if identity(keys) not in done]
    if todo:
        in_new_process(benchmark.check, scratch)
    for keys in todo:
        measured = in_new_process(call_with_case, benchmark, scratch, keys["case"])
        append_result(path, {**keys, **measured})
        print(
            *keys["case"].values(),
            f"{measured['seconds']:.3f} s, {measured['bytes'] / 1e6:.1f} MB",
            flush=True,
        )


def call_with_case(benchmark, scratch, case):
    return benchmark.measure_case(scratch, **case)


def median_of(results, *names):
    """Return a dict of the medians of all numbers for each combination of values."""
    groups = {}
    for result in sorted(results, key=lambda result: result["repeat"]):
        key = tuple(result["case"][name] for name in names)
        groups.setdefault(key, []).append(result)
    return {
        key: {
            name: float(np.median([result[name] for result in group]))
            for name in group[0]
            if name not in ("benchmark", "case", "repeat")
        }
        for key, group in groups.items()
    }


def print_goal(name, ratio, goal):
    verdict = "met" if ratio <= goal else "MISSED"
    print(f"{name:<18} {ratio:6.2f}  goal <= {goal:.2f}  {verdict}")


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=list(BENCHMARKS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--most", type=int, default=max(SIZES), metavar="SAMPLES")
    folder = Path(tempfile.gettempdir())
    parser.add_argument("--scratch", type=Path, metavar="DIR", default=folder)
    default = folder / "bench_scale.jsonl"
    parser.add_argument("--results", type=Path, metavar="FILE", default=default)
    parser.add_argument("--report", action="store_true", help="print the tables only")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the results")
    return parser.parse_args()


def main():
    args = parse_args()
    args.scratch.mkdir(parents=True, exist_ok=True)
    names = [args.only] if args.only else BENCHMARKS
    for name in names:
        print(f"\n{name}")
        if not args.report:
            run(name, args.repeats, args.most, args.scratch, args.results)
        results = read_results(args.results)
        if found := [result for result in results if result["benchmark"] == name]:
            BENCHMARKS[name].report(found)
    if args.figure:
        from plot_scale import draw

        draw(read_results(args.results), args.figure)


if __name__ == "__main__":
    main()
