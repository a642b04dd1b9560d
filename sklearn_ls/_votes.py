"""Annotators' answers, in either form, as votes and their counts."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.utils import assert_all_finite, check_array, check_scalar

LONG_FORM = ("sample", "annotator", "label")


class Votes(NamedTuple):
    """Who called which row what: one entry a vote.

    Parameters
    ----------
    sample, annotator, label : ndarray of shape (n_votes,)
        Integers in [0, n_samples), [0, n_annotators) and [0, n_classes).

    n_samples, n_annotators : int
        Rows and annotators without any vote are counted.
    """

    sample: np.ndarray
    annotator: np.ndarray
    label: np.ndarray
    n_samples: int
    n_annotators: int


def vote_triples(answers, n_classes):
    """Return the votes that `answers` hold.

    Parameters
    ----------
    answers : array-like of shape (n_samples, n_annotators) or DataFrame
        Class codes, -1 where an annotator was not asked. Or a DataFrame with one vote
        a row and the columns "sample" (the number of the row that was labelled, from
        0), "annotator" (any name or number) and "label" (a code).

    n_classes : int
        At least 2.

    Returns
    -------
    votes : Votes

    Raises
    ------
    ValueError
        For what is no code, and for two votes of an annotator on the same row. The
        message names the first.
    """
    check_scalar(n_classes, "n_classes", Integral, min_val=2)
    if set(LONG_FORM) <= set(getattr(answers, "columns", ())):
        sample, annotator, label, n_samples, names = _read_long(answers)
    else:
        codes = _as_floats(answers, "answers", ensure_2d=True)
        sample, annotator = np.indices(codes.shape).reshape(2, -1)
        label, n_samples, names = codes.ravel(), len(codes), range(codes.shape[1])
    asked = label != -1
    sample, annotator, label = sample[asked], annotator[asked], label[asked]
    bad = ~_are_codes(label, n_classes)
    if bad.any():
        first = np.argmax(bad)
        raise ValueError(
            f"answers must hold class codes from 0 to {n_classes - 1}, or -1 where an "
            f"annotator was not asked. Annotator {names[annotator[first]]} gave row "
            f"{sample[first]} the label {label[first]:g}."
        )
    return Votes(sample, annotator, label.astype(np.intp), n_samples, len(names))


def count_votes(answers, n_classes):
    """Return how often each row was given each label.

    Parameters
    ----------
    answers, n_classes : see :func:`vote_triples`

    Returns
    -------
    counts : ndarray of shape (n_samples, n_classes)
        Integers.
    """
    votes = vote_triples(answers, n_classes)
    cells = votes.sample * n_classes + votes.label
    counts = np.bincount(cells, minlength=votes.n_samples * n_classes)
    return counts.reshape(votes.n_samples, n_classes)


def _read_long(answers):
    """Return sample, annotator and label (unchecked) of each vote, n_samples, names."""
    sample = _as_floats(answers["sample"], "sample")
    label = _as_floats(answers["label"], "label")
    bad = ~_are_codes(sample, np.inf)
    if bad.any():
        raise ValueError(
            "The column 'sample' must hold row numbers, from 0. Got "
            f"{sample[np.argmax(bad)]:g}."
        )
    sample = sample.astype(np.intp)
    names, annotator = _encode_annotators(np.asarray(answers["annotator"]))
    _, first = np.unique(sample * len(names) + annotator, return_index=True)
    if len(first) < len(sample):
        again = np.setdiff1d(np.arange(len(sample)), first)[0]
        raise ValueError(
            "An annotator has one vote a row. Annotator "
            f"{names[annotator[again]]} has several on row {sample[again]}."
        )
    return sample, annotator, label, int(sample.max()) + 1, names


def _encode_annotators(annotator):
    if annotator.dtype.kind == "f":
        assert_all_finite(annotator, input_name="annotator")
    try:
        return np.unique(annotator, return_inverse=True)
    except TypeError as error:  # None or NaN among the names
        raise ValueError(
            "The column 'annotator' must hold names or numbers, none missing."
        ) from error


def _as_floats(values, name, ensure_2d=False):
    return check_array(
        values,
        dtype=np.float64,
        ensure_all_finite=False,  # what is missing gets a message of its own
        ensure_2d=ensure_2d,
        input_name=name,
    )


def _are_codes(values, n_codes):
    return (values >= 0) & (values < n_codes) & (values == np.floor(values))
