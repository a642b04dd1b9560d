"""What is known of the labels of the rows, and how much each row counts."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import check_classification_targets

from sklearn_ls._compat import InvalidParameterError
from sklearn_ls._labels import (
    column_names,
    encode_labels,
    find_classes,
    to_numpy_backed,
)
from sklearn_ls._soft_labels import SoftLabels, check_soft_labels, check_target


@dataclass(frozen=True, eq=False)
class GivenLabels:
    """The labels of rows as given.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        What to stratify and to score by: one label a row, of soft labels the most
        likely, or indicators.

    weight : ndarray of shape (n_samples,)

    soft : SoftLabels, default=None

    epsilon : ndarray of shape (n_samples,), default=None
        How much probability leaves the label of each row.
    """

    y: np.ndarray
    weight: np.ndarray
    soft: SoftLabels | None = None
    epsilon: np.ndarray | None = None

    def __len__(self):
        return len(self.y)

    def __sizeof__(self):
        """Return the size in bytes, by which dask decides to send it only once."""
        parts = (self.y, self.weight, self.y_soft, self.epsilon)
        return sum(part.nbytes for part in parts if part is not None)

    @property
    def y_soft(self):
        """The soft labels as an array, or None."""
        return None if self.soft is None else self.soft.y_soft

    def take(self, rows):
        """Return the labels of some rows."""
        return GivenLabels(
            self.y[rows],
            self.weight[rows],
            None if self.soft is None else self.soft.take(rows),
            None if self.epsilon is None else self.epsilon[rows],
        )


def check_given(y, y_soft=None, epsilon=None, classes=None):
    """Return labels from any container, checked, with what belongs to them.

    Parameters
    ----------
    y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
            n_classes)
        Labels, an indicator matrix or soft labels.

    y_soft : array-like of shape (n_samples, n_classes), default=None
        Soft labels besides `y`.

    epsilon : array-like of shape (n_samples,), default=None

    classes : ndarray of shape (n_classes,), default=None
        Where they are known already.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)

    soft : SoftLabels or None

    epsilon : ndarray of shape (n_samples,) or None
    """
    y, y_soft = to_numpy_backed(y), to_numpy_backed(y_soft)
    target = check_target(y, classes)
    soft = target if isinstance(target, SoftLabels) else None
    labels = target if soft is None else soft.most_likely
    if soft is None and labels.ndim == 1:
        check_classification_targets(y)  # no objects but strings: as scikit-learn
    if y_soft is not None:
        if labels.ndim == 2 or soft is not None:
            raise ValueError(
                "y_soft goes with one label a row in y, by which rows are split and "
                f"scored. Got y of shape {np.shape(y)}."
            )
        if classes is None and column_names(y_soft) is None:
            classes = find_classes(labels)
        soft = check_soft_labels(y_soft, classes)
        check_consistent_length(labels, soft.y_soft)
        _check_labels_of_columns(labels, soft.classes)
    if epsilon is not None:
        epsilon = _check_epsilon(epsilon, len(labels))
    return labels, soft, epsilon


def _check_labels_of_columns(labels, classes):
    try:
        encode_labels(labels, classes)
    except ValueError as error:
        raise ValueError(
            f"The columns of y_soft are {classes}, but y has the labels "
            f"{find_classes(labels)}. Name the columns by the labels, of their type, "
            "or pass an array with a column for each sorted label."
        ) from error


def _check_epsilon(epsilon, n_samples):
    values = np.asarray(epsilon)
    expected = (
        f"epsilon in fit must hold one float in the range [0.0, 1.0] for each of "
        f"{n_samples} rows. Got "
    )
    if values.dtype.kind not in "fiu" or values.shape != (n_samples,):
        raise InvalidParameterError(
            f"{expected}shape {values.shape} and dtype {values.dtype}."
        )
    if not np.all((values >= 0) & (values <= 1)):
        first = int(np.argmin((values >= 0) & (values <= 1)))
        raise InvalidParameterError(f"{expected}{values[first]} for row {first}.")
    return values.astype(float)
