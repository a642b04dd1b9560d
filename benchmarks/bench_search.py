"""Time LabelSmoothingClassifierCV against other ways to search epsilon.

All measurements use one thread per process and alternating runs, without refit:

- digits: 10 epsilons x 5 folds, compared with GridSearchCV over
  LabelSmoothingClassifier, skorch and MLPClassifier (with ten values of alpha, since it
  does not support smoothing), and a hand-written torch loop; and the rate of useful
  floating-point operations relative to matrix products on the same machine. Before the
  measurements, it is asserted that scores, epochs and probabilities equal those of
  GridSearchCV over LabelSmoothingClassifier.
- recipe: the default search on digits, 3 epsilons x 5 folds of 40 epochs, compared with
  GridSearchCV over skorch with the same network, optimizer and dropout, and over
  MLPClassifier with the same layers and learning rate; and with RealMLP-TD in five
  folds, if pytabkit is installed.
- growth: more epsilons, samples and hidden units, compared with the same networks
  trained one after another.
- module: the same with custom modules.
- jobs: 7 epsilons x 5 folds in two processes compared with one, on the CPU. The
  processes are started before the measurement. It is asserted that scores and
  probabilities are equal.
- memory: the peak memory of a search, and of GridSearchCV.

Run all benchmarks, or one::

    python benchmarks/bench_search.py
    python benchmarks/bench_search.py --device cuda --only digits

All data are part of scikit-learn, or random.
"""

import argparse
import warnings
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from itertools import pairwise
from multiprocessing import get_context
from unittest import mock

import numpy as np
import torch
from joblib import Parallel, cpu_count, delayed, parallel_config
from side_by_side import alternate, clock, peak_bytes, print_ratio, use_one_thread
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from threadpoolctl import threadpool_limits
from torch import nn

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV
from sklearn_ls._search import run

EPSILONS = np.linspace(0, 0.9, 10)
CV = StratifiedKFold(5)
TOGETHER, ALONE, GRID = "ours", "one after another", "GridSearchCV over ours"
SKORCH, SKLEARN, LOOP = "GridSearchCV, skorch", "GridSearchCV, MLPClassifier", "loop"
SQUARE, SQUARE_SIZE = "square product", 2048
REALMLP = "RealMLP-TD, five folds"
RECIPE_EPOCHS = LabelSmoothingClassifierCV().max_epochs
ONE, TWO = "one process", "two processes"
GOALS = {SKORCH: 1 / 8, SKLEARN: 1 / 2, REALMLP: 1 / 10, ALONE: 1.0}


def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y.astype(np.int64)


def random_data(n_samples, n_features=64, n_classes=10):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features), dtype=np.float32)
    return X, rng.integers(n_classes, size=n_samples)


def useful_flops(X, hidden, n_classes, n_networks, epochs, folds):
    """Forward, weight gradients and hidden gradients of all trainings."""
    sizes = [a * b for a, b in pairwise([X.shape[1], *hidden, n_classes])]
    rows = len(X) * (folds - 1) / folds * n_networks * epochs
    return 2 * rows * (2 * sum(sizes) + sum(sizes[1:]))


# Contestants


def shared(device, hidden=100, epochs=30):
    """Return the parameters of a plain training, as in the other libraries."""
    return {
        "hidden_layer_sizes": (hidden,),
        "dropout": 0,
        "feature_clip": None,
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "weight_decay": 0,
        "ema_decay": 0,
        "batch_size": 128,
        "max_epochs": epochs,
        "early_stopping": False,
        "device": device,
        "random_state": 0,
    }


def make_ours(epsilons=EPSILONS, cv=CV, scoring=None, **params):
    return LabelSmoothingClassifierCV(
        epsilons, cv=cv, scoring=scoring, ensemble=False, refit=False, **params
    )


def fit_alone(search, X, y):
    """Fit a search that trains its networks one after another."""
    with mock.patch.object(run, "choose_stack_size", return_value=1):
        return search.fit(X, y)


def make_grid(scoring=None, **params):
    classifier = LabelSmoothingClassifier(**params)
    grid = {"epsilon": EPSILONS.tolist()}
    return GridSearchCV(classifier, grid, cv=CV, scoring=scoring, refit=False)


class Perceptron(nn.Sequential):
    """The network for the other libraries."""

    def __init__(self, n_features, n_classes, hidden=100):
        super().__init__(
            nn.Linear(n_features, hidden), nn.ReLU(), nn.Linear(hidden, n_classes)
        )


def make_skorch(device):
    net = NeuralNetClassifier(
        Perceptron,
        module__n_features=64,
        module__n_classes=10,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=30,
        batch_size=128,
        iterator_train__shuffle=True,
        train_split=None,
        device=device,
        verbose=0,
    )
    grid = {"criterion__label_smoothing": EPSILONS.tolist()}
    return GridSearchCV(net, grid, cv=CV, refit=False, scoring="accuracy")


def make_sklearn():
    classifier = MLPClassifier(
        (100,), batch_size=128, max_iter=30, n_iter_no_change=31, random_state=0
    )
    grid = {"alpha": np.logspace(-5, -4, 10)}
    return GridSearchCV(classifier, grid, cv=CV, refit=False)


def search_by_loop(X, y, device):
    """Train and score with a plain torch loop."""
    scores = []
    X, y = torch.from_numpy(X).to(device), torch.from_numpy(y).to(device)
    for epsilon in EPSILONS:
        criterion = nn.CrossEntropyLoss(label_smoothing=epsilon)
        for train, test in CV.split(X.cpu(), y.cpu()):
            module = Perceptron(64, 10).to(device)
            optimizer = torch.optim.Adam(module.parameters(), fused=True)
            for _ in range(30):
                for index in torch.randperm(len(train)).split(128):
                    rows = torch.from_numpy(train)[index]
                    optimizer.zero_grad()
                    criterion(module(X[rows]), y[rows]).backward()
                    optimizer.step()
            with torch.inference_mode():
                hits = module(X[test]).argmax(1) == y[test]
            scores.append(float(hits.float().mean()))
    return scores


def prepare_square(device):
    a = torch.randn(SQUARE_SIZE, SQUARE_SIZE, device=device)
    out = torch.matmul(a, a)
    return lambda: torch.matmul(a, a, out=out)


# Equal results


def assert_equals_grid_search(X, y, device):
    """Compare ten epochs of every epsilon and fold in float64."""
    X = X.astype(np.float64)
    seen = {}

    def scoring(classifier, X_test, y_test):
        y_proba = classifier.predict_proba(X_test)
        key = classifier.epsilon, X_test.tobytes()
        seen.setdefault(key, []).append((y_proba, classifier.n_iter_))
        return classifier.score(X_test, y_test)

    params = {**shared(device, epochs=10), "dtype": "float64"}
    ours = make_ours(scoring=scoring, **params).fit(X, y).cv_results_
    grid = make_grid(scoring=scoring, **params).fit(X, y).cv_results_
    assert list(ours) == list(grid)
    np.testing.assert_array_equal(ours["mean_test_score"], grid["mean_test_score"])
    worst = max(np.abs(a - b).max() for (a, _), (b, _) in seen.values())
    assert worst <= 1e-10, worst
    assert all(a == b for (_, a), (_, b) in seen.values())
    print(f"equal to GridSearchCV: probabilities differ by {worst:.0e} at most")


# Measurements


def bench_digits(device, repeats):
    X, y = digits()
    assert_equals_grid_search(X, y, device)
    params = shared(device)
    times, results = alternate(
        {
            TOGETHER: lambda: lambda: make_ours(**params).fit(X, y),
            ALONE: lambda: lambda: fit_alone(make_ours(**params), X, y),
            GRID: lambda: lambda: make_grid(**params).fit(X, y),
            SKORCH: lambda: lambda: make_skorch(device).fit(X, y),
            SKLEARN: lambda: lambda: make_sklearn().fit(X, y),
            LOOP: lambda: lambda: search_by_loop(X, y, device),
            SQUARE: lambda: prepare_square(device),
        },
        repeats,
        device,
    )
    medians = {name: np.median(values) for name, values in times.items()}
    square = 2 * SQUARE_SIZE**3 / medians[SQUARE]
    flops = useful_flops(X, [100], 10, 10 * 5, 30, 5)
    print(f"{'':<28} median s  fastest  of products  best score")
    for name in times:
        if name == SQUARE:
            continue
        result = results[name]
        if hasattr(result, "cv_results_"):
            best = result.cv_results_["mean_test_score"].max()
        else:
            best = np.reshape(result, (10, 5)).mean(axis=1).max()
        share = flops / medians[name] / square
        line = f"{name:<28} {medians[name]:8.2f} {min(times[name]):8.2f}"
        print(f"{line} {share:12.0%} {best:11.4f}")
    for other in (SKORCH, SKLEARN, GRID, LOOP, ALONE):
        print_ratio(TOGETHER, other, medians, GOALS)
    if device == "cuda":
        bench_one_network(X, y, device, repeats)


class DeepPerceptron(nn.Sequential):
    """The network of the default search."""

    def __init__(self):
        super().__init__(
            nn.Linear(64, 128),
            nn.ReLU(),
            nn.Dropout(0.15),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Dropout(0.15),
            nn.Linear(128, 10),
        )


def make_skorch_recipe(device):
    net = NeuralNetClassifier(
        DeepPerceptron,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=1e-2,
        lr=1e-2,
        max_epochs=RECIPE_EPOCHS,
        batch_size=200,
        iterator_train__shuffle=True,
        device=device,
        verbose=0,
    )
    grid = {"criterion__label_smoothing": [0.0, 0.1, 0.2]}
    return GridSearchCV(net, grid, cv=CV, refit=False, scoring="accuracy")


def make_sklearn_recipe():
    classifier = MLPClassifier(
        (128, 128),
        learning_rate_init=1e-2,
        max_iter=RECIPE_EPOCHS,
        n_iter_no_change=RECIPE_EPOCHS,
        random_state=0,
    )
    return GridSearchCV(classifier, {"alpha": [1e-4, 1e-3, 1e-2]}, cv=CV, refit=False)


def make_real_mlp(device):
    from pytabkit import RealMLP_TD_Classifier

    params = {"device": device, "random_state": 0, "n_threads": 1}
    return RealMLP_TD_Classifier(n_cv=CV.n_splits, **params)


def bench_recipe(device, repeats):
    X, y = digits()
    params = {"device": device, "random_state": 0, "cv": CV}
    contestants = {
        TOGETHER: lambda: lambda: LabelSmoothingClassifierCV(**params).fit(X, y),
        SKORCH: lambda: lambda: make_skorch_recipe(device).fit(X, y),
        SKLEARN: lambda: lambda: make_sklearn_recipe().fit(X, y),
        SQUARE: lambda: prepare_square(device),
    }
    if find_spec("pytabkit"):
        contestants[REALMLP] = lambda: lambda: make_real_mlp(device).fit(X, y)
    else:
        print(f"{REALMLP} is skipped: pytabkit is not installed")
    times, _ = alternate(contestants, repeats, device)
    medians = {name: np.median(values) for name, values in times.items()}
    rate = 2 * SQUARE_SIZE**3 / medians[SQUARE]
    flops = useful_flops(X, [128, 128], 10, 3 * 5, RECIPE_EPOCHS, 5)
    share = flops / medians[TOGETHER] / rate
    print(f"{medians[TOGETHER]:.2f} s, {share:.0%} of the rate of products")
    for other in (SKORCH, SKLEARN, REALMLP):
        if other in medians:
            print_ratio(TOGETHER, other, medians, GOALS)


def bench_one_network(X, y, device, repeats):
    """Compare fifty networks with a single one."""
    params = shared(device)
    train, test = next(iter(CV.split(X, y)))
    one = [(train, test)]
    times, _ = alternate(
        {
            TOGETHER: lambda: lambda: make_ours(**params).fit(X, y),
            "one network": lambda: lambda: make_ours([0.1], one, **params).fit(X, y),
        },
        repeats,
        device,
    )
    medians = {name: np.median(values) for name, values in times.items()}
    print_ratio(TOGETHER, "one network", medians, {"one network": 3.0})


def compare(X, y, repeats, epsilons=EPSILONS, **params):
    """Return the median seconds of a search, together and one after another."""
    times, _ = alternate(
        {
            TOGETHER: lambda: lambda: make_ours(epsilons, **params).fit(X, y),
            ALONE: lambda: lambda: fit_alone(make_ours(epsilons, **params), X, y),
        },
        repeats,
        params["device"],
    )
    return np.median(times[TOGETHER]), np.median(times[ALONE])


def print_growth(name, together, alone, note=""):
    print(
        f"{name:<28} {together:8.2f} s {alone:8.2f} s {together / alone:7.2f}  {note}"
    )


def bench_growth(device, repeats):
    square, _ = alternate({SQUARE: lambda: prepare_square(device)}, repeats, device)
    rate = 2 * SQUARE_SIZE**3 / np.median(square[SQUARE])
    print(f"{'':<28} {TOGETHER:>10} {ALONE:>10}   ratio")
    X, y = digits()
    for n in (1, 2, 5, 10, 20, 50):
        epsilons = np.linspace(0, 0.98, n)
        params = shared(device, epochs=5)
        seconds = compare(X, y, repeats, epsilons, **params)
        print_growth(f"{n} epsilons", *seconds)
    for n in (1_000, 3_000, 10_000, 30_000, 100_000):
        X, y = random_data(n)
        params = shared(device, epochs=max(1, 10_000 // n))
        seconds = compare(X, y, repeats, EPSILONS[::2], **params)
        print_growth(f"{n:,} samples", *seconds)
    X, y = random_data(1800)
    for hidden in (32, 64, 128, 256, 512, 1024):
        params = shared(device, hidden, epochs=20)
        seconds = compare(X, y, repeats, **params)
        flops = useful_flops(X, [hidden], 10, 50, 20, 5)
        share = flops / seconds[0] / rate
        print_growth(f"hidden {hidden}", *seconds, f"{share:.0%} of products")


def bench_module(device, repeats):
    X, y = random_data(1800)
    print(f"{'':<28} {TOGETHER:>10} {ALONE:>10}   ratio")
    for hidden in (32, 100, 256, 1024):
        params = shared(device, epochs=2)
        params |= {"module": Perceptron, "module_params": {"hidden": hidden}}
        print_growth(f"hidden {hidden}", *compare(X, y, repeats, **params))


def assert_equal_searches(search, other, X):
    scores, other_scores = search.cv_results_, other.cv_results_
    for fold in range(search.n_splits_):
        name = f"split{fold}_test_score"
        np.testing.assert_allclose(scores[name], other_scores[name])
    np.testing.assert_allclose(search.oof_proba_, other.oof_proba_, atol=1e-10)
    y_proba = search.predict_proba(X)
    np.testing.assert_allclose(y_proba, other.predict_proba(X), atol=1e-10)


def bench_jobs(device, repeats):
    if device != "cpu":
        print("skipped: with CUDA n_jobs is the number of GPUs")
        return
    X, y = make_classification(
        10_000, 50, n_informative=20, n_redundant=10, n_classes=10, random_state=0
    )
    params = {**shared(device, epochs=20), "epsilons": np.linspace(0, 0.9, 7), "cv": 5}

    def search(n_jobs):
        return LabelSmoothingClassifierCV(n_jobs=n_jobs, **params).fit(X, y)

    with parallel_config("loky", inner_max_num_threads=1):
        Parallel(n_jobs=2)(delayed(use_one_thread)() for _ in range(8))
        assert_equal_searches(search(1), search(2), X)
        times, _ = alternate(
            {ONE: lambda: lambda: search(1), TWO: lambda: lambda: search(2)},
            repeats,
            device,
        )
    print(f"{len(X):,} x {X.shape[1]} {X.dtype}, {cpu_count()} cores: equal")
    medians = {name: np.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:<28} {median:8.2f} s median {min(times[name]):8.2f} s fastest")
    print_ratio(TWO, ONE, medians, {})


def measure_memory(together, device):
    """Return the increase of the peak memory in a search in bytes, and the seconds."""
    with threadpool_limits(1):
        use_one_thread()
        warnings.simplefilter("ignore", ConvergenceWarning)
        X, y = random_data(20_000, 100)
        params = shared(device, epochs=1)
        (make_ours if together else make_grid)(**params).fit(X[:500], y[:500])
        before, start = peak_bytes(), clock(device)
        (make_ours if together else make_grid)(**params).fit(X, y)
        return peak_bytes() - before, clock(device) - start


def bench_memory(device, repeats):
    for name, together in ((TOGETHER, True), (GRID, False)):
        # A new process, whose peak does not include other benchmarks.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            grown, seconds = pool.submit(measure_memory, together, device).result()
        print(f"{name:<28} peak memory grows by {grown / 1e6:.0f} MB, {seconds:.1f} s")
    print("on 20,000 x 100 float32, which take 8 MB, 10 epsilons x 5 folds")


BENCHMARKS = {
    "memory": bench_memory,  # first: a new process inherits the peak of its parent
    "digits": bench_digits,
    "recipe": bench_recipe,
    "growth": bench_growth,
    "module": bench_module,
    "jobs": bench_jobs,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=list(BENCHMARKS))
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if args.device == "cuda":
        print(f"device: {torch.cuda.get_device_name()}")
    for name in [args.only] if args.only else BENCHMARKS:
        print(f"\n{name}")
        BENCHMARKS[name](args.device, args.repeats)


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
