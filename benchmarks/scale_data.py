"""Data of `bench_scale.py`, generated in blocks, in memory and in files."""

import os

import numpy as np

from sklearn_ls import LabelSmoothingClassifier

BATCH_SIZE = 1000

N_FEATURES, N_CLASSES = 20, 10
BLOCK = 500_000


def draw_block(n_samples, seed, n_features=N_FEATURES, n_classes=N_CLASSES):
    """Return float32 samples with labels that a network can mostly learn."""
    # The labels are the same function of the features in all blocks.
    centers = np.random.default_rng(0).standard_normal((n_features, n_classes))
    rng = np.random.default_rng([1, seed])
    X = rng.standard_normal((n_samples, n_features), dtype=np.float32)
    scores = X @ centers.astype(np.float32)
    scores += rng.standard_normal(scores.shape, dtype=np.float32)
    return X, scores.argmax(1).astype(np.int8)


def random_labels(n_samples, n_classes):
    """Return random labels with (almost) equal class frequencies."""
    return np.random.default_rng(2).permutation(n_samples) % n_classes


def make_files(n_samples, folder):
    """Write X and y as .npy files, unless they exist; return their paths."""
    paths = [folder / f"{name}_{n_samples}.npy" for name in "Xy"]
    if all(path.exists() for path in paths):
        return paths
    drafts = [path.with_suffix(".part") for path in paths]
    shapes = [(n_samples, N_FEATURES), (n_samples,)]
    arrays = [
        np.lib.format.open_memmap(draft, "w+", dtype, shape)
        for draft, dtype, shape in zip(drafts, ["f4", "i1"], shapes, strict=True)
    ]
    for start in range(0, n_samples, BLOCK):
        stop = min(start + BLOCK, n_samples)
        for array, part in zip(arrays, draw_block(stop - start, start), strict=True):
            array[start:stop] = part
    for array, draft, path in zip(arrays, drafts, paths, strict=True):
        array.flush()
        draft.rename(path)
    return paths


def make_parquet(n_samples, folder):
    """Write the same samples as a folder of parquet files; return its path."""
    import pyarrow
    import pyarrow.parquet

    path = folder / f"parquet_{n_samples}"
    if path.exists():
        return path
    draft = path.with_suffix(".part")
    draft.mkdir(exist_ok=True)
    names = [f"x{feature}" for feature in range(N_FEATURES)] + ["y"]
    for start in range(0, n_samples, BLOCK):
        X, y = draw_block(min(BLOCK, n_samples - start), start)
        table = pyarrow.table([*X.T.copy(), y], names=names)
        pyarrow.parquet.write_table(table, draft / f"{start:010d}.parquet")
    draft.rename(path)
    return path


def forget(path):
    """Drop the pages of a file, or of all files of a folder, from the system's cache.

    This does nothing on systems that do not support it.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    for file in path.iterdir() if path.is_dir() else [path]:
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def large_data_classifier(**params):
    return LabelSmoothingClassifier(
        **{
            "batch_size": BATCH_SIZE,
            "max_epochs": 1,
            "early_stopping": False,
            "device": "cpu",
            "random_state": 0,
            **params,
        }
    )
