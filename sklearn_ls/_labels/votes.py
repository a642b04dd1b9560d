"""Functions to read annotators' votes, from a matrix or a table of single votes."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array, check_scalar

from sklearn_ls._labels.containers import (
    check_labels,
    encode_labels,
    find_classes,
    is_missing,
    labels_to_array,
)

# The columns of a dataframe of votes, and their names in crowd-kit.
COLUMNS = {"sample": "task", "annotator": "worker", "label": "label"}


class Votes(NamedTuple):
    """Votes of annotators on samples, one entry per vote.

    Parameters
    ----------
    sample, annotator, label : ndarray of shape (n_votes,)
        Positions in `samples`, `annotators` and `classes`.

    samples, annotators : array-like of shape (n_samples,) or (n_annotators,)
        Sorted ids. For a matrix of votes, positions, or the index and the column names
        of a DataFrame.

    classes : ndarray of shape (n_classes,)
        Sorted labels. Some classes, samples and annotators may have no votes.
    """

    sample: np.ndarray
    annotator: np.ndarray
    label: np.ndarray
    samples: object
    annotators: object
    classes: np.ndarray

    @property
    def n_samples(self):
        """Number of samples."""
        return len(self.samples)

    @property
    def n_annotators(self):
        """Number of annotators."""
        return len(self.annotators)

    @property
    def n_classes(self):
        """Number of classes."""
        return len(self.classes)

    def on_samples(self, sample, samples):
        """Return the same votes with renumbered samples."""
        return self._replace(sample=sample, samples=samples)

    def distinct(self):
        """Return the votes without duplicates."""
        pair = self.sample * self.n_annotators + self.annotator
        _, first = np.unique(pair * self.n_classes + self.label, return_index=True)
        return self._replace(
            sample=self.sample[first],
            annotator=self.annotator[first],
            label=self.label[first],
        )

    def counts(self):
        """Return how often each sample was given each label.

        Returns
        -------
        counts : ndarray of int of shape (n_samples, n_classes)
        """
        cells = self.sample * self.n_classes + self.label
        counts = np.bincount(cells, minlength=self.n_samples * self.n_classes)
        return counts.reshape(self.n_samples, self.n_classes)


def read_votes(answers, n_classes=None, *, labels=None, name="answers"):
    """Read votes from a matrix or from a table of single votes.

    Parameters
    ----------
    answers : array-like of shape (n_samples, n_annotators) or DataFrame
        A matrix of labels, in which None, NaN or, with `n_classes`, -1 is a missing
        vote. Or a DataFrame with one vote per row and the columns "sample",
        "annotator" and "label", or their names in crowd-kit; ids must be sortable, and
        an annotator may have several votes on a sample.

    n_classes : int, default=None
        Number of classes, at least 2; labels are then codes in [0, n_classes). If None,
        the classes are the labels that occur.

    labels : ndarray, default=None
        Labels to add to the classes. If given, -1 is a missing vote unless it is one of
        these labels.

    name : str, default="answers"
        Name of the argument, for error messages.

    Returns
    -------
    votes : Votes

    Raises
    ------
    ValueError
        If a label is not a class code, fewer than two classes occur, or ids are missing
        or of mixed types.
    """
    if n_classes is not None:
        check_scalar(n_classes, "n_classes", Integral, min_val=2)
    columns = _find_columns(answers)
    if columns is None:
        label = _to_array(answers, name, ensure_2d=True)
        samples, annotators = map(range, label.shape)
        if hasattr(answers, "columns"):
            annotators = list(answers.columns)
        if hasattr(answers, "iloc"):
            samples = answers.index
        sample, annotator = np.indices(label.shape).reshape(2, -1)
        label = label.ravel()
    else:
        samples, sample = _number_ids(answers, columns["sample"])
        annotators, annotator = _number_ids(answers, columns["annotator"])
        label = _to_array(answers[columns["label"]], "label")
    if n_classes is None:
        codes, classes = _encode(label, labels, name)
    else:
        codes, classes = _to_codes(label), np.arange(n_classes)
        valid = (codes >= -1) & (codes < n_classes) & (codes == np.floor(codes))
        if not valid.all():
            first = np.argmin(valid)
            raise ValueError(
                f"answers must contain class codes from 0 to {n_classes - 1}, or -1 "
                f"for a missing vote. Annotator {annotators[annotator[first]]} "
                f"gave sample {samples[sample[first]]} the label {codes[first]:g}."
            )
    asked = codes >= 0
    votes = Votes(
        sample[asked],
        annotator[asked],
        codes[asked].astype(np.intp),
        samples,
        annotators,
        classes,
    )
    is_named = columns is None and hasattr(answers, "columns")
    if is_named and n_classes is None and labels is None:
        _check_columns(votes, answers)
    return votes


def _check_columns(votes, answers):
    """Raise ValueError for a dataframe whose columns have no label in common."""
    answer = votes.annotator * votes.n_classes + votes.label
    n_columns = len(np.unique(votes.annotator))
    if n_columns > 1 and len(np.unique(answer)) == len(np.unique(votes.label)):
        raise ValueError(
            f"The columns of answers, {list(answers.columns)}, have no label in "
            "common, so they do not seem to be annotators. A DataFrame with one vote "
            f"per row needs the columns {[*COLUMNS]} or {[*COLUMNS.values()]}."
        )


def _find_columns(answers):
    """Return the columns of a table of single votes, or None for a matrix."""
    names = {str(name).lower(): name for name in getattr(answers, "columns", ())}
    columns = {
        column: names.get(column, names.get(alias)) for column, alias in COLUMNS.items()
    }
    found = [name for name in columns.values() if name is not None]
    if not found:
        return None
    if len(found) < len(COLUMNS):
        raise ValueError(
            f"A DataFrame of votes needs the columns {[*COLUMNS]}, or "
            f"{[*COLUMNS.values()]}; answers has only {found} of them."
        )
    return columns


def _to_array(values, name, ensure_2d=False):
    """Convert labels to an array that may contain missing values."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.where(np.ma.getmaskarray(values), None, values.data)
    elif isinstance(values, (list, tuple)):
        values = np.asarray(values, dtype=object)  # otherwise NaN becomes a string
    return check_array(
        values,
        dtype=None,
        ensure_all_finite=False,
        ensure_2d=ensure_2d,
        input_name=name,
    )


def _encode(labels, others=None, name="answers"):
    """Return the codes of labels, -1 for missing ones, and the classes.

    Parameters
    ----------
    labels : ndarray of shape (n_votes,)

    others : ndarray, default=None
        Labels to add to the classes, see `read_votes`.

    name : str, default="answers"
        Name of the argument, for error messages.
    """
    skips = others is not None and -1 not in others
    if labels.dtype.kind in "iubf":
        asked = (labels == labels) & ~(skips & (labels == -1))
    else:
        asked = np.array(
            [not is_missing(label) and not (skips and label == -1) for label in labels]
        )
    if skips and len({label != -1 for label in labels[~asked].tolist()}) == 2:
        raise ValueError(
            f"{name} has -1 as well as None or NaN, so it is unclear whether -1 is a "
            "label. Pass a y that contains -1, or use only one kind of missing value."
        )
    if not asked.any():
        raise ValueError(f"{name} must contain at least one vote.")
    voted = check_labels(labels_to_array(labels[asked].tolist(), name))
    if voted.dtype.kind == "f":
        voted = voted.astype(np.int64)  # floats because of NaN
    classes = find_classes(voted)
    if others is not None and len(others):
        every = [*classes.tolist(), *np.unique(others).tolist()]
        classes = find_classes(check_labels(labels_to_array(every, "votes")))
    if labels.dtype.kind == "U" and "nan" in classes:
        raise ValueError(
            f"{name} has the label 'nan', to which NumPy converts NaN in an array of "
            "strings. Pass a list, or an array of dtype object."
        )
    if "" in classes.tolist():
        raise ValueError(
            f"{name} has empty strings as labels. Use None or NaN for missing votes."
        )
    minus_one = -1 if voted.dtype.kind == "i" else "-1"
    if minus_one in classes and (others is None or minus_one not in others):
        raise ValueError(
            f"{name} has the label {minus_one!r}, which means a missing vote only if "
            "labels are codes. Use None or NaN for missing votes, rename the class, "
            "or, in votes_to_soft, pass n_classes."
        )
    if len(classes) < 2:
        raise ValueError(
            f"{name} must contain at least two different labels. Got "
            f"{classes.tolist()}. If a class has no votes, pass n_classes or a y that "
            "contains it."
        )
    codes = np.full(len(labels), -1)
    codes[asked] = encode_labels(voted, classes)
    return codes, classes


def _number_ids(answers, column):
    """Return the sorted distinct ids, and the position of each vote's id."""
    try:
        ids, numbers = np.unique(np.asarray(answers[column]), return_inverse=True)
        complete = np.all(ids == ids)
    except TypeError:  # None, pandas.NA or mixed types
        complete = False
    if not complete:
        raise ValueError(
            f"The column {column!r} must contain ids of one sortable type, without "
            "missing values."
        )
    return ids, numbers


def _to_codes(labels):
    """Return codes as floats, -1 for missing ones."""
    if labels.dtype.kind in "OUST":
        labels = [-1 if is_missing(label) else label for label in labels]
    try:
        codes = np.asarray(labels, dtype=np.float64)
    except ValueError as error:
        raise ValueError(
            "With n_classes, answers must contain class codes, and -1 for a missing "
            "vote. Omit n_classes if the labels are names."
        ) from error
    return np.where(np.isnan(codes), -1, codes)
