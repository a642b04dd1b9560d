"""Annotators' answers, as a matrix or one per row, read as votes."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array, check_scalar

COLUMNS = ("sample", "annotator", "label")


class Votes(NamedTuple):
    """Votes of annotators on samples, one entry per vote.

    Parameters
    ----------
    sample, annotator, label : ndarray of shape (n_votes,)
        Integers in [0, n_samples), [0, n_annotators) and [0, n_classes).

    n_samples, n_annotators, n_classes : int
        Samples, annotators and classes without any vote are counted.
    """

    sample: np.ndarray
    annotator: np.ndarray
    label: np.ndarray
    n_samples: int
    n_annotators: int
    n_classes: int

    def counts(self):
        """Return how often each sample was given each label.

        Returns
        -------
        counts : ndarray of shape (n_samples, n_classes)
            Integers.
        """
        cells = self.sample * self.n_classes + self.label
        counts = np.bincount(cells, minlength=self.n_samples * self.n_classes)
        return counts.reshape(self.n_samples, self.n_classes)


def read_votes(answers, n_classes):
    """Return the votes that `answers` hold.

    Parameters
    ----------
    answers : array-like of shape (n_samples, n_annotators) or DataFrame
        Codes of classes, -1 where an annotator was not asked. Or a DataFrame with one
        vote per row and the columns "sample" and "annotator" (ids of a type that can be
        sorted, and are numbered in that order) and "label" (a code). An annotator may
        have several votes on a sample there.

    n_classes : int
        At least 2.

    Returns
    -------
    votes : Votes

    Raises
    ------
    ValueError
        If a label is not a class code (the message names the first), or ids are missing
        or of mixed types.
    """
    check_scalar(n_classes, "n_classes", Integral, min_val=2)
    found = set(COLUMNS) & set(getattr(answers, "columns", ()))
    if not found:
        label = _as_floats(answers, "answers", ensure_2d=True)
        samples, annotators = map(range, label.shape)
        sample, annotator = np.indices(label.shape).reshape(2, -1)
        label = label.ravel()
    elif len(found) == len(COLUMNS):
        samples, sample = _number_ids(answers, "sample")
        annotators, annotator = _number_ids(answers, "annotator")
        label = _as_floats(answers["label"], "label")
    else:
        raise ValueError(
            f"A DataFrame of votes needs the columns {COLUMNS}; answers has only "
            f"{sorted(found)} of them."
        )
    valid = (label >= -1) & (label < n_classes) & (label == np.floor(label))
    if not valid.all():
        first = np.argmin(valid)
        raise ValueError(
            f"answers must hold class codes from 0 to {n_classes - 1}, or -1 where an "
            f"annotator was not asked. Annotator {annotators[annotator[first]]} gave "
            f"sample {samples[sample[first]]} the label {label[first]:g}."
        )
    asked = label >= 0
    return Votes(
        sample[asked],
        annotator[asked],
        label[asked].astype(np.intp),
        len(samples),
        len(annotators),
        int(n_classes),
    )


def _number_ids(answers, column):
    """Return the distinct ids, sorted, and which of them each vote has."""
    try:
        ids, numbers = np.unique(np.asarray(answers[column]), return_inverse=True)
        complete = np.all(ids == ids)
    except TypeError:  # of None, pandas.NA and mixed types
        complete = False
    if not complete:
        raise ValueError(
            f"The column {column!r} must hold ids of one type that can be sorted, none "
            "missing."
        )
    return ids, numbers


def _as_floats(values, name, ensure_2d=False):
    try:
        return check_array(
            values,
            dtype=np.float64,
            ensure_all_finite=False,  # missing values get their own message
            ensure_2d=ensure_2d,
            input_name=name,
        )
    except (TypeError, ValueError) as error:
        if np.asarray(values).dtype.kind not in "OUST":
            raise
        raise ValueError(
            f"{name} must hold class codes, and -1 where an annotator was not asked. "
            "Of names np.unique(names, return_inverse=True) makes codes."
        ) from error
