"""Data sets with noisy training labels and clean test labels.

Most sets have injected noise: none (clean), 20 % and 40 % symmetric, 30 % pair and 30 %
instance noise. Cats and dogs (CIFAR-10N), LabelMe and music have real noise: labels by
single annotators, and majority votes of crowds.

Defaults are chosen on the tuning half, and evaluated on the reporting half.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_wine,
    make_classification,
)
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from sklearn_ls.datasets import corrupt_labels

N_TRAIN, N_TEST = 2500, 2500


class Labelled(NamedTuple):
    """Samples of a set: features, clean labels, and observed labels."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray
    y_noisy: np.ndarray


NOISES = {
    "clean": None,
    "symmetric 20 %": ("symmetric", 0.2),
    "symmetric 40 %": ("symmetric", 0.4),
    "pair 30 %": ("pair", 0.3),
    "instance 30 %": ("instance", 0.3),
}


def inject(parts, noise, rng):
    X_train, _, y_train, _ = parts
    if noise == "clean":
        return Labelled(*parts, y_train)
    kind, rate = NOISES[noise]
    X = X_train if kind == "instance" else None
    seed = int(rng.integers(2**31))
    y_noisy, _ = corrupt_labels(y_train, rate, kind=kind, X=X, random_state=seed)
    return Labelled(*parts, y_noisy)


def vote(answers, n_classes, rng):
    """Return the majority vote (n_samples,) of answers (n_samples, n_annotators).

    -1 is a missing answer. Ties are broken at random.
    """
    counts = (answers[:, :, np.newaxis] == np.arange(n_classes)).sum(1)
    return np.argmax(counts + rng.uniform(0, 0.5, counts.shape), axis=1)


@cache
def read(path):
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays}


def random_source(*names):
    """Return a separate random generator for these names."""
    return np.random.default_rng([zlib.crc32(str(name).encode()) for name in names])


def one_hot(codes):
    return codes[:, np.newaxis] == np.arange(codes.max() + 1)


def split(X, y, rng, n_train=N_TRAIN, n_test=N_TEST):
    """Draw training and test samples."""
    samples = rng.permutation(len(X))
    train, test = samples[:n_train], samples[n_train:][:n_test]
    return X[train], X[test], y[train], y[test]


# Functions that draw a set from the arrays of its file, the noise and the seed.


def draw_bundled(name, load, n_train):
    def draw(arrays, noise, seed):
        X, y = load(return_X_y=True)
        parts = split(X, y, random_source(name, seed), n_train=n_train)
        return inject(parts, noise, random_source(name, noise, seed))

    return draw


def draw_generated(name, *, n_train=N_TRAIN, **params):
    def draw(arrays, noise, seed):
        X, y = make_classification(
            n_train + N_TEST,
            random_state=int(random_source(name, seed).integers(2**31)),
            **params,
        )
        parts = X[:n_train], X[n_train:], y[:n_train], y[n_train:]
        return inject(parts, noise, random_source(name, noise, seed))

    return draw


def draw_words(arrays, noise, seed):
    """Draw sparse, skewed frequencies of 57 words in documents of two classes."""
    rng = random_source("words", seed)
    n_samples, n_words = N_TRAIN + N_TEST, 57
    tendency = rng.normal(size=n_words) * (rng.random(n_words) < 0.5)
    base = rng.uniform(0.05, 0.5, n_words)
    y = rng.integers(0, 2, n_samples)
    occurs = base * np.exp(0.54 * np.outer(2 * y - 1, tendency))
    X = np.where(
        rng.random(occurs.shape) < occurs.clip(max=0.95),
        rng.lognormal(size=occurs.shape),
        0,
    )
    parts = X[:N_TRAIN], X[N_TRAIN:], y[:N_TRAIN], y[N_TRAIN:]
    return inject(parts, noise, random_source("words", noise, seed))


def draw_letter(arrays, noise, seed, n_train=N_TRAIN):
    y = arrays["y"].astype(np.int64)
    X = arrays["X"].astype(np.float64)
    parts = split(X, y, random_source("letter", seed), n_train)
    return inject(parts, noise, random_source("letter", noise, seed))


def draw_covertype(arrays, noise, seed, n_train=N_TRAIN):
    columns = [arrays["X_num"], one_hot(arrays["wilderness"]), one_hot(arrays["soil"])]
    X, y = np.hstack(columns).astype(np.float64), arrays["y"].astype(np.int64)
    parts = split(X, y - y.min(), random_source("covertype", seed), n_train)
    return inject(parts, noise, random_source("covertype", noise, seed))


def draw_fashion_mnist(arrays, noise, seed, n_train=N_TRAIN):
    rng = random_source("fashion_mnist", seed)
    train, test = rng.permutation(60_000)[:n_train], rng.permutation(10_000)[:N_TEST]
    X = [arrays["X_train"][train], arrays["X_test"][test]]
    X = [part.reshape(len(part), -1).astype(np.float32) / 255 for part in X]
    pca = PCA(64, random_state=seed).fit(X[0])
    y = arrays["y_train"][train].astype(np.int64), arrays["y_test"][test]
    parts = *(pca.transform(part) for part in X), *y
    return inject(parts, noise, random_source("fashion_mnist", noise, seed))


def oriented_gradients(images, n_orientations=9, side=8):
    """Return histograms of gradients (n_images, n_blocks * 4 * n_orientations).

    A cell has `side` x `side` pixels; each block of 2 x 2 cells is normalized.
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
    """Draw from the images that people labeled as cats (3) or dogs (5)."""
    labels = arrays[f"human10_{noise}_train"]
    samples = np.flatnonzero((labels == 3) | (labels == 5))
    samples = random_source("cats and dogs", seed).permutation(samples)[:N_TRAIN]
    return Labelled(
        oriented_gradients(arrays["X_train"][samples]),
        oriented_gradients(arrays["X_test"]),
        arrays["y_train"][samples].astype(np.int64),
        arrays["y_test"].astype(np.int64),
        (labels[samples] == 5).astype(np.int64),
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
    """A set: its half, the function that draws it, its file and kinds of real noise."""

    half: str
    draw: Callable
    file: str | None = None
    real: tuple = ()

    @property
    def noises(self):
        """The kinds of noise."""
        return self.real or tuple(NOISES)


SOURCES = {
    "letter": Source("tuning", draw_letter, "letter.npz"),
    "covertype": Source("tuning", draw_covertype, "covertype_100k.npz"),
    "LabelMe": Source("tuning", draw_crowd, "labelme_crowd.npz", ("majority",)),
    "linear, 57 features": Source(
        "tuning",
        draw_generated(
            "lin57",
            n_features=57,
            n_informative=20,
            n_redundant=10,
            n_clusters_per_class=1,
            flip_y=0.02,
        ),
    ),
    "57 words": Source("tuning", draw_words),
    "clusters, 20 features": Source(
        "tuning",
        draw_generated(
            "clus4",
            n_features=20,
            n_informative=12,
            n_classes=4,
            n_clusters_per_class=3,
            class_sep=1.2,
        ),
    ),
    "clusters, 5 features": Source(
        "tuning",
        draw_generated(
            "five2",
            n_features=5,
            n_informative=5,
            n_redundant=0,
            n_clusters_per_class=6,
            class_sep=1.5,
        ),
    ),
    "clusters, 500 samples": Source(
        "tuning",
        draw_generated(
            "small3",
            n_train=500,
            n_features=15,
            n_informative=8,
            n_classes=3,
            class_sep=1.2,
        ),
    ),
    "Fashion-MNIST": Source("reporting", draw_fashion_mnist, "fashion_mnist.npz"),
    "digits": Source("reporting", draw_bundled("digits", load_digits, n_train=1000)),
    "wine": Source("reporting", draw_bundled("wine", load_wine, n_train=100)),
    "breast cancer": Source(
        "reporting", draw_bundled("breast cancer", load_breast_cancer, n_train=300)
    ),
    "cats and dogs": Source(
        "reporting", draw_cats_and_dogs, "cifar_catdog.npz", ("random1", "worst")
    ),
    "music": Source("reporting", draw_crowd, "music_genre_crowd.npz", ("majority",)),
}


def find_data(name, directory):
    """Return the arrays of a set, or None with a message if they are missing."""
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


def scale(data):
    """Scale the features by the training samples, to float32."""
    scaler = StandardScaler().fit(data.X_train)
    X = [scaler.transform(part) for part in (data.X_train, data.X_test)]
    return data._replace(
        X_train=X[0].astype(np.float32), X_test=X[1].astype(np.float32)
    )


def scenarios(seeds, directory, done):
    """Yield sets, kinds of noise and seeds without results, with the scaled data.

    Parameters
    ----------
    seeds : int

    directory : Path or None

    done : list of dict
        Results, with `set`, `noise` and `seed`.

    Yields
    ------
    scenario : dict

    data : Labelled
    """
    done = {tuple(result[key] for key in ("set", "noise", "seed")) for result in done}
    for name, source in SOURCES.items():
        arrays = find_data(name, directory)
        if arrays is None:
            continue
        for noise in source.noises:
            for seed in range(seeds):
                if (name, noise, seed) not in done:
                    scenario = {"set": name, "noise": noise, "seed": seed}
                    yield scenario, scale(source.draw(arrays, noise, seed))


def means_of_sets(results, names):
    """Return values (n_sets, n_names) of results, averaged over noises and seeds."""
    of_set = defaultdict(list)
    for result in results:
        of_set[result["set"]].append([result[name] for name in names])
    return np.array([np.mean(values, axis=0) for values in of_set.values()])
