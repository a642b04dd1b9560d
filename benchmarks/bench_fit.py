"""Time LabelSmoothingClassifier against other ways to train the same network.

All measurements use one thread, alternating runs and the same initial weights:

- digits, letter, fashion_mnist: `fit` against a hand-written torch loop, skorch and
  MLPClassifier (on hard labels, since it does not support smoothing), and the rate of
  useful floating-point operations relative to matrix products on the same machine.
  Before the measurements, it is asserted that the probabilities equal those of the
  loop, of skorch and, without smoothing, of MLPClassifier.
- predict: `predict_proba` of 1,000,000 samples against the forward pass alone.
- classes: the memory used by `fit` for 10,000 classes.

Run all benchmarks, or one::

    python benchmarks/bench_fit.py --data DIR
    python benchmarks/bench_fit.py --only digits --repeats 9

DIR contains letter.npz and fashion_mnist.npz; missing sets are skipped. digits is part
of scikit-learn. MLPClassifier always uses the CPU.
"""

import argparse
import copy
import math
import warnings
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from side_by_side import alternate, clock, peak_bytes, print_ratio, use_one_thread
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from skorch import NeuralNetClassifier
from threadpoolctl import threadpool_limits
from torch import nn

from sklearn_ls import LabelSmoothingClassifier
from sklearn_ls._network.modules import Architecture

EPSILON = 0.1
OURS, LOOP, SKORCH, SKLEARN = "ours", "torch loop", "skorch", "MLPClassifier"
PRODUCTS, SQUARE = "its products alone", "square product"
SQUARE_SIZE = 2048


class Task(NamedTuple):
    """A training run: data of `n` samples, a perceptron and goals of the ratios."""

    name: str
    X: np.ndarray
    y: np.ndarray
    hidden: tuple
    batch_size: int
    epochs: int
    goals: dict

    @property
    def layers(self):
        """Shapes (n_in, n_out) of the linear layers."""
        return list(pairwise([self.X.shape[1], *self.hidden, self.y.max() + 1]))

    @property
    def flops(self):
        """Useful operations: forward, weight gradients and hidden gradients."""
        sizes = [n_in * n_out for n_in, n_out in self.layers]
        return 2 * len(self.X) * self.epochs * (2 * sum(sizes) + sum(sizes[1:]))


# Data


def load_digits_task(directory):
    X, y = load_digits(return_X_y=True)
    goals = {SKLEARN: 1.0, LOOP: 0.7, SKORCH: 0.4}
    X = (X / 16).astype(np.float32)
    return Task("digits", X, y.astype(np.int64), (100,), 128, 50, goals)


def load_letter_task(directory):
    arrays = np.load(directory / "letter.npz", allow_pickle=False)
    X = StandardScaler().fit_transform(arrays["X"][:16000].astype(np.float64))
    y = arrays["y"][:16000].astype(np.int64)
    return Task("letter", X.astype(np.float32), y, (128, 128), 256, 5, {})


def load_fashion_mnist_task(directory):
    arrays = np.load(directory / "fashion_mnist.npz", allow_pickle=False)
    X = arrays["X_train"].reshape(60000, 784).astype(np.float32) / 255
    y = arrays["y_train"].astype(np.int64)
    goals = {SKLEARN: 0.95, LOOP: 0.95}
    return Task("fashion_mnist", X, y, (256,), 256, 2, goals)


LOADERS = {
    "digits": load_digits_task,
    "letter": load_letter_task,
    "fashion_mnist": load_fashion_mnist_task,
}


# Contestants: each returns the function to time. It returns the final training loss
# and the fitted model.


def make_ours(task, device, **params):
    return LabelSmoothingClassifier(
        **{"epsilon": EPSILON, "batch_size": task.batch_size, **params},
        hidden_layer_sizes=task.hidden,
        dropout=0,
        feature_clip=None,
        optimizer="adam",
        learning_rate=1e-3,
        weight_decay=0,
        ema_decay=0,
        max_epochs=task.epochs,
        early_stopping=False,
        device=device,
        dtype=task.X.dtype.name,
        random_state=0,
    )


def fit_seed():
    """Return the seed that `make_ours` draws from its random_state in fit."""
    return check_random_state(0).randint(np.iinfo(np.int32).max)


def initial_module(task):
    """Return a plain perceptron with the weights that `make_ours` starts from."""
    architecture = Architecture(
        None,
        {"hidden_layer_sizes": task.hidden},
        sample_shape=task.X.shape[1:],
        n_classes=int(task.y.max()) + 1,
        dtype=task.X.dtype.name,
        seed=fit_seed(),
    )
    built = architecture.build()
    layers = [layer for layer in built if not isinstance(layer, nn.Dropout)]
    return nn.Sequential(*layers)


def train_loop(module, task, device, draw_order):
    """Train with a plain torch loop; return the mean loss of the last epoch."""
    module.to(device)
    X, y = torch.from_numpy(task.X).to(device), torch.from_numpy(task.y).to(device)
    optimizer = torch.optim.Adam(module.parameters(), fused=True)
    criterion = nn.CrossEntropyLoss(label_smoothing=EPSILON)
    for epoch in range(task.epochs):
        order, total = draw_order(epoch), 0.0
        for start in range(0, len(X), task.batch_size):
            index = order[start : start + task.batch_size]
            optimizer.zero_grad()
            loss = criterion(module(X[index]), y[index])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(index)
    return float(total) / len(X)


def prepare_ours(task, device):
    clf = make_ours(task, device)
    return lambda: (clf.fit(task.X, task.y).loss_curve_[-1], clf)


def prepare_loop(task, device):
    module = initial_module(task)

    def draw_order(epoch):
        return torch.randperm(len(task.X), device=device)

    return lambda: (train_loop(module, task, device, draw_order), module)


def make_skorch(task, device, shuffle=True):
    return NeuralNetClassifier(
        initial_module(task),
        criterion=nn.CrossEntropyLoss,
        criterion__label_smoothing=EPSILON,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=task.epochs,
        batch_size=task.batch_size,
        iterator_train__shuffle=shuffle,
        train_split=None,
        device=device,
        verbose=0,
    )


def prepare_skorch(task, device):
    net = make_skorch(task, device)
    return lambda: (net.fit(task.X, task.y).history[-1, "train_loss"], net)


def make_sklearn(task, **params):
    """Return an MLPClassifier that starts from the initial weights."""
    clf = MLPClassifier(
        task.hidden,
        alpha=0,
        tol=0,
        n_iter_no_change=10**6,
        max_iter=1,
        warm_start=True,
        random_state=0,
        **params,
    )
    _, first = np.unique(task.y, return_index=True)
    clf.fit(task.X[first], task.y[first])
    linears = [m for m in initial_module(task) if isinstance(m, nn.Linear)]
    for coefs, intercepts, linear in zip(
        clf.coefs_, clf.intercepts_, linears, strict=True
    ):
        coefs[...] = linear.weight.detach().numpy().T
        intercepts[...] = linear.bias.detach().numpy()
    return clf.set_params(max_iter=task.epochs, batch_size=task.batch_size)


def prepare_sklearn(task, device):
    clf = make_sklearn(task)
    return lambda: (clf.fit(task.X, task.y).loss_, clf)


def prepare_products(task, device):
    """Prepare only the matrix products that training requires."""
    products = []
    for depth, (n_in, n_out) in enumerate(task.layers):
        weight = torch.randn(n_out, n_in, device=device)
        inputs = torch.randn(task.batch_size, n_in, device=device).mT
        delta = torch.randn(n_out, task.batch_size, device=device)
        products += [(weight, inputs), (delta, inputs.mT)]
        products += [(weight.mT, delta)] if depth else []
    products = [(a, b, torch.matmul(a, b)) for a, b in products]

    def run():
        for _ in range(round(len(task.X) / task.batch_size * task.epochs)):
            for a, b, out in products:
                torch.matmul(a, b, out=out)
        return None, None

    return run


def prepare_square(task, device):
    a = torch.randn(SQUARE_SIZE, SQUARE_SIZE, device=device)
    out = torch.matmul(a, a)
    return lambda: (None, torch.matmul(a, a, out=out))


CONTESTANTS = {
    OURS: prepare_ours,
    LOOP: prepare_loop,
    SKORCH: prepare_skorch,
    SKLEARN: prepare_sklearn,
    PRODUCTS: prepare_products,
    SQUARE: prepare_square,
}


# Equal results


def probabilities(module, X, device):
    with torch.inference_mode():
        logits = module(torch.from_numpy(X).to(device))
    return torch.softmax(logits, -1).cpu().numpy()


def assert_equals_loop(task, device):
    """Compare three epochs in float64, in the order of batches that `fit` draws."""
    task = task._replace(X=task.X[:4000].astype(np.float64), y=task.y[:4000], epochs=3)
    seed, n_samples = fit_seed(), len(task.X)
    assert n_samples % task.batch_size != 1, "fit merges a batch of one sample"

    def draw_order(epoch):
        rng = np.random.default_rng([seed, epoch])
        rng.integers(2**62)  # fit draws the seed of dropout here
        return torch.from_numpy(rng.permutation(n_samples)).to(device)

    module = initial_module(task)
    loss = train_loop(module, task, device, draw_order)
    clf = make_ours(task, device).fit(task.X, task.y)
    expected = probabilities(module, task.X, device)
    difference = np.abs(clf.predict_proba(task.X) - expected).max()
    assert difference <= 1e-10, difference
    assert math.isclose(clf.loss_curve_[-1], loss, rel_tol=1e-10)
    print(f"equal to the torch loop: probabilities differ by {difference:.0e} at most")


def assert_equals_sklearn(task, device):
    """Compare 20 steps on one batch of hard labels, in float64.

    The epsilon of Adam is made negligible, since torch adds it to the square root of
    the second moment after the bias correction, and scikit-learn before.
    """
    X, y = task.X[:4000].astype(np.float64), task.y[:4000]
    task = task._replace(X=X, y=y, epochs=20, batch_size=len(X))
    reference = make_sklearn(task, shuffle=False, epsilon=1e-30).fit(X, y)
    clf = make_ours(task, device, epsilon=0, optimizer_params={"eps": 1e-30}).fit(X, y)
    difference = np.abs(clf.predict_proba(X) - reference.predict_proba(X)).max()
    assert difference <= 1e-8, difference
    assert math.isclose(clf.loss_curve_[-1], reference.loss_, rel_tol=1e-8)
    print(f"equal to MLPClassifier: probabilities differ by {difference:.0e} at most")


def assert_equals_skorch(task, device):
    """Compare 20 steps on one batch in float64."""
    X, y = task.X[:4000].astype(np.float64), task.y[:4000]
    task = task._replace(X=X, y=y, epochs=20, batch_size=len(X))
    reference = make_skorch(task, device, shuffle=False).fit(X, y)
    clf = make_ours(task, device).fit(X, y)
    difference = np.abs(clf.predict_proba(X) - reference.predict_proba(X)).max()
    assert difference <= 1e-10, difference
    print(f"equal to skorch: probabilities differ by {difference:.0e} at most")


# Times


def accuracy(fitted, task, device):
    if isinstance(fitted, nn.Module):
        y_pred = probabilities(fitted, task.X, device).argmax(1)
    else:
        y_pred = fitted.predict(task.X)
    return np.mean(y_pred == task.y)


def print_table(task, times, results, device):
    medians = {name: np.median(values) for name, values in times.items()}
    square = 2 * SQUARE_SIZE**3 / medians[SQUARE]
    products = task.flops / medians[PRODUCTS]
    print(f"{'':<18} median s  fastest  GFLOP/s  of its products  of square ", end="")
    print("  loss  accuracy")
    for name in times:
        rate = square if name == SQUARE else task.flops / medians[name]
        print(
            f"{name:<18} {medians[name]:8.3f} {min(times[name]):8.3f} {rate / 1e9:8.1f}"
            f" {rate / products:16.0%} {rate / square:10.0%} ",
            end="",
        )
        loss, fitted = results[name]
        if loss is None:
            print()
        else:
            print(f" {loss:6.4f} {accuracy(fitted, task, device):9.4f}")
    return medians


def bench_fit(task, device, repeats):
    print(
        f"{len(task.X):,} x {task.X.shape[1]} {task.X.dtype}, hidden {task.hidden}, "
        f"batch {task.batch_size}, {task.epochs} epochs, {task.flops / 1e9:.1f} GFLOP"
    )
    assert_equals_loop(task, device)
    assert_equals_sklearn(task, device)
    assert_equals_skorch(task, device)
    times, results = alternate(
        {
            name: lambda prepare=prepare: prepare(task, device)
            for name, prepare in CONTESTANTS.items()
        },
        repeats,
        device,
    )
    medians = print_table(task, times, results, device)
    for other in (SKLEARN, LOOP, SKORCH):
        print_ratio(OURS, other, medians, task.goals)


# Prediction


def forward_in_chunks(module, X, device, n_rows=4096):
    with torch.inference_mode():
        parts = [
            torch.softmax(module(part.to(device)), -1).cpu()
            for part in torch.from_numpy(X).split(n_rows)
        ]
    return torch.cat(parts).numpy()


def bench_predict(device, repeats):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1_000_000, 64), dtype=np.float32)
    y = rng.integers(10, size=2000)
    task = Task("predict", X[:2000], y, (100,), 200, 1, {})
    clf = make_ours(task, device).fit(task.X, task.y)
    module = copy.deepcopy(clf.net_.module_).eval()
    whole, chunks, ours = "forward, whole", "forward, chunks", "predict_proba"
    runs = {
        ours: lambda: clf.predict_proba(X),
        whole: lambda: probabilities(module, X, device),
        chunks: lambda: forward_in_chunks(module, X, device),
    }
    y_proba = runs[ours]()
    for other in (whole, chunks):
        np.testing.assert_allclose(y_proba, runs[other](), atol=1e-6)
    del y_proba
    print(f"{len(X):,} x {X.shape[1]} {X.dtype}, 10 classes, hidden (100,): equal")
    times, _ = alternate(
        {name: lambda run=run: run for name, run in runs.items()}, repeats, device
    )
    medians = {name: np.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:<18} {median:8.3f} s median {min(times[name]):8.3f} s fastest")
    for other in (whole, chunks):
        print_ratio(ours, other, medians, {whole: 1.25, chunks: 1.25})


# Memory


def measure_classes(n_samples, n_classes, device):
    """Return the increase of the peak memory in fit in bytes, and the seconds."""
    with threadpool_limits(1):
        use_one_thread()
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n_samples, 16), dtype=np.float32)
        y = rng.integers(n_classes, size=n_samples)
        clf = make_ours(Task("classes", X, y, (16,), 256, 1, {}), device)
        before, start = peak_bytes(), clock(device)
        clf.fit(X, y)
        return peak_bytes() - before, clock(device) - start


def bench_classes(device):
    n_samples, n_classes = 200_000, 10_000
    # A new process, whose peak does not include other benchmarks.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        job = pool.submit(measure_classes, n_samples, n_classes, device)
        grown, seconds = job.result()
    dense = 4 * n_samples * n_classes
    print(f"{n_samples:,} x 16 float32, {n_classes:,} classes, batch 256, 1 epoch")
    print(f"peak memory grows by {grown / 1e6:.0f} MB in fit, in {seconds:.1f} s;")
    print(f"dense float32 targets need {dense / 1e6:.0f} MB, {dense / grown:.0f} times")


# Command line


def load(name, directory):
    """Return the task, or None if its data are missing."""
    if name != "digits":
        if directory is None:
            print(f"skipped: --data DIR, the folder with {name}.npz, was not given")
            return None
        if not (directory / f"{name}.npz").exists():
            print(f"skipped: {name}.npz is absent from the folder of --data")
            return None
    return LOADERS[name](directory)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    # Memory is measured first, since a new process inherits the peak of its parent.
    parser.add_argument("--only", choices=["classes", *LOADERS, "predict"])
    return parser.parse_args()


def main():
    args = parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if args.device == "cuda":
        print(f"device: {torch.cuda.get_device_name()}")
    for name in [args.only] if args.only else ["classes", *LOADERS, "predict"]:
        print(f"\n{name}")
        if name == "classes":
            bench_classes(args.device)
        elif name == "predict":
            bench_predict(args.device, args.repeats)
        elif task := load(name, args.data):
            bench_fit(task, args.device, args.repeats)


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
