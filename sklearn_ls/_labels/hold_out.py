"""Selection of held-out training samples."""

import math

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import gen_even_slices

from sklearn_ls._labels.training_labels import count_codes
from sklearn_ls._samples.order import index_dtype

AT_ONCE = 2**16  # samples to split at once, since train_test_split makes many copies


def hold_out(codes, samples, fraction, random_state):
    """Split samples into a training and a validation set.

    The split is stratified by label, except for multilabel targets and if there are
    more classes than samples to hold out. A label that occurs only once stays in the
    training set. Large numbers of samples are divided into parts that are split
    separately.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,) or (n_samples, n_labels)

    samples : ndarray of shape (n_selected,) or None
        Positions in `codes` of the samples to split; None for all samples.

    fraction : float
        Fraction of the samples to hold out for validation.

    random_state : int

    Returns
    -------
    training, validation : ndarray
        Subsets of `samples`.

    Raises
    ------
    ValueError
        If there are too few samples to hold out or to train on.
    """
    n_samples = len(codes) if samples is None else len(samples)
    dtype, is_unique = index_dtype(len(codes)), None
    if codes.ndim == 1:
        counted = codes if samples is None else codes[samples]
        is_unique = count_codes(counted, int(counted.max()) + 1) == 1
    pairs = []
    for part in gen_even_slices(n_samples, math.ceil(n_samples / AT_ONCE)):
        chosen = np.arange(part.start, part.stop) if samples is None else samples[part]
        pairs.append(
            _split(codes, chosen.astype(dtype), is_unique, fraction, random_state)
        )
    if len(pairs) == 1:
        return pairs[0]
    training, validation = map(np.concatenate, zip(*pairs, strict=True))
    training.sort()
    validation.sort()
    return training, validation


def _split(codes, samples, is_unique, fraction, random_state):
    """Split some of the samples.

    Parameters
    ----------
    is_unique : ndarray of shape (n_classes,) or None
        Whether each label occurs only once among all samples.
    """
    n_samples = len(samples)
    n_held_out = count_held_out(n_samples, fraction)
    kept, stratify = samples[:0], None
    if codes.ndim == 1:
        labels = codes[samples]
        counts, single = np.bincount(labels), is_unique[labels]
        # Labels that occur only once in this part form a stratum of their own.
        strata = np.where(counts == 1, len(counts), np.arange(len(counts)))[labels]
        n_rare = np.count_nonzero(strata == len(counts)) - np.count_nonzero(single)
        if n_rare == 1:
            single = strata == len(counts)
        if n_held_out >= np.count_nonzero(counts > 1) + (n_rare > 1):
            kept, samples, stratify = samples[single], samples[~single], strata[~single]
    if n_held_out >= len(samples):
        raise ValueError(
            f"{n_held_out} of {n_samples} samples cannot be held out for early "
            "stopping or temperature scaling, since labels that occur only once are "
            "kept for training. Pass more samples, or disable both."
        )
    training, validation = train_test_split(
        samples, test_size=n_held_out, stratify=stratify, random_state=random_state
    )
    return np.concatenate([training, kept]), validation


def count_held_out(n_samples, fraction):
    """Return the number of samples to hold out."""
    return math.ceil(fraction * n_samples)
