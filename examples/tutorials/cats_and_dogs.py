"""Classifying mislabeled cats and dogs, with and without label smoothing.

A fraction of the training labels is flipped, and convolutional networks are trained on
them with hard and with smoothed labels::

    python examples/tutorials/cats_and_dogs.py --data DIR

DIR holds `cifar_catdog.npz`, which is not part of this project.
`docs/tutorial_cats_and_dogs.rst` says how to make it, and explains this script.
"""

import argparse
from pathlib import Path

import numpy as np

from sklearn_ls import LabelSmoothingClassifier
from sklearn_ls.datasets import corrupt_labels

FILE = "cifar_catdog.npz"
VARIANTS = {  # epsilon, and whether some labels are flipped
    "hard labels": (0.0, True),
    "smoothed labels": (0.2, True),
    "hard labels, none flipped": (0.0, False),
}


def read_arrays(directory):
    """Return the arrays by name, or print what is missing and return None."""
    if directory is None:
        print(f"Skipped: --data DIR, the folder with {FILE}, was not given")
    elif not (directory / FILE).exists():
        print(f"Skipped: {FILE} is absent from the folder of --data, {directory}")
    else:
        with np.load(directory / FILE, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays}
    return None


def scale_images(X_train, X_test):
    """Return both with the channels first, standardized by those of X_train."""
    images = [X.transpose(0, 3, 1, 2).astype(np.float32) for X in (X_train, X_test)]
    channels = {"axis": (0, 2, 3), "keepdims": True}
    mean, std = images[0].mean(**channels), images[0].std(**channels)
    return [(X - mean) / std for X in images]


def draw(arrays, n_train, rate, seed):
    """Draw training images and flip a fraction of their labels."""
    rows = np.random.default_rng(seed).permutation(len(arrays["y_train"]))[:n_train]
    X_train, X_test = scale_images(arrays["X_train"][rows], arrays["X_test"])
    y_train = np.array(["cat", "dog"])[arrays["y_train"][rows]]
    y_test = np.array(["cat", "dog"])[arrays["y_test"]]
    y_noisy, _ = corrupt_labels(y_train, rate, random_state=seed)
    return X_train, y_train, y_noisy, X_test, y_test


def train(X, y, epsilon, max_epochs, seed):
    """Return a convolutional network, trained until its best epoch."""
    clf = LabelSmoothingClassifier(
        epsilon,
        module="convnet",
        module_params={"n_filters": 8},
        learning_rate=3e-3,
        learning_rate_schedule="cosine",
        batch_size=100,
        max_epochs=max_epochs,
        early_stopping=True,
        random_state=seed,
    )
    return clf.fit(X, y)


def compare(arrays, args):
    """Return the accuracies in percent, of shape (n_seeds, n_variants)."""
    accuracies = np.empty((args.seeds, len(VARIANTS)))
    for seed in range(args.seeds):
        X_train, y_train, y_noisy, X_test, y_test = draw(
            arrays, args.n_train, args.rate, seed
        )
        for k, (epsilon, flipped) in enumerate(VARIANTS.values()):
            y = y_noisy if flipped else y_train
            clf = train(X_train, y, epsilon, args.max_epochs, seed)
            accuracies[seed, k] = 100 * clf.score(X_test, y_test)
        print(f"seed {seed}:", *(f"{accuracy:.1f}" for accuracy in accuracies[seed]))
    return accuracies


def mean_and_error(values):
    """Return the mean and its standard error."""
    return values.mean(), values.std(ddof=1) / len(values) ** 0.5


def print_results(accuracies):
    """Print the mean accuracies, and the differences from that with hard labels."""
    for k, name in enumerate(VARIANTS):
        line = f"{name:26} {accuracies[:, k].mean():.1f} %"
        if k > 0:
            mean, error = mean_and_error(accuracies[:, k] - accuracies[:, 0])
            line += f", {mean:+.1f} +- {error:.1f} points"
        print(line)


def plot_results(accuracies, path):
    """Plot the accuracies of all seeds with their means, and the differences."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, sharey=True, figsize=(8, 3), layout="constrained")
    gains = accuracies - accuracies[:, :1]
    for k in range(len(VARIANTS)):
        for ax, values in zip(axes, (accuracies[:, k], gains[:, k]), strict=True):
            mean, error = mean_and_error(values)
            ax.plot(values, np.full(len(values), k + 0.12), "o", color="C0")
            ax.errorbar(mean, k - 0.12, xerr=error, fmt="D", color="C1", capsize=4)
    axes[0].set(xlabel="accuracy on the test images, %", ylim=(2.5, -0.5))
    axes[0].set_yticks(range(len(VARIANTS)), VARIANTS)
    axes[1].set(xlabel="difference from hard labels, points")
    axes[1].axvline(0, color="gray", linewidth=0.8)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"folder with {FILE}")
    parser.add_argument("--figure", type=Path, default=Path("cats_and_dogs.png"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-train", type=int, default=2500)
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--max-epochs", type=int, default=15)
    args = parser.parse_args()
    if args.seeds < 2:
        parser.error("--seeds must be at least 2, for the standard errors")
    arrays = read_arrays(args.data)
    if arrays is not None:
        accuracies = compare(arrays, args)
        print_results(accuracies)
        plot_results(accuracies, args.figure)


if __name__ == "__main__":
    main()
