"""The smoothing formula in NumPy: soft targets from codes, and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_ls._compat import InvalidParameterError
from sklearn_ls._types import Convention

CONVENTIONS = ("uniform", "others", "each")


@dataclass(frozen=True)
class Smoothing:
    """Soft target of each label, in the form that is cheapest to evaluate.

    For a sample with label `y`::

        q = excess[y] * onehot(y) + weight[y] * distribution[y]

    Parameters
    ----------
    excess, weight : float or ndarray of shape (n_classes,)
        One value for all labels, or one value per label. The result of `at` may have
        one value per sample.

    distribution : None or ndarray of shape (n_classes,) or (n_classes, n_classes)
        Distribution of the weight over the classes. None stands for ones; a matrix has
        one row per label.
    """

    excess: float | np.ndarray
    weight: float | np.ndarray
    distribution: np.ndarray | None

    @property
    def depends_on_label(self):
        """Whether `weight` or `distribution` depends on the label."""
        matrix = self.distribution is not None and self.distribution.ndim == 2
        return matrix or np.ndim(self.weight) > 0

    def at(self, codes):
        """Return the smoothing of samples with these labels."""
        excess, weight = (
            np.asarray(values)[codes] if np.ndim(values) else values
            for values in (self.excess, self.weight)
        )
        return Smoothing(excess, weight, self.distribution)


NO_SMOOTHING = Smoothing(1.0, 0.0, None)


def check_epsilon(epsilon, shapes, expected):
    """Return `epsilon` as a float or an array of floats.

    Parameters
    ----------
    epsilon : float or array-like

    shapes : list of tuple
        Valid shapes; None in a tuple stands for any positive number.

    expected : str
        Description of valid values, for the error message.

    Returns
    -------
    epsilon : float or ndarray

    Raises
    ------
    InvalidParameterError
        If the type or shape is not valid, or a value is outside [0, 1].
    """
    try:
        values = np.asarray(epsilon)
    except ValueError:  # a ragged list
        values = np.empty(0, dtype=object)
    if values.dtype.kind not in "fiu":
        raise InvalidParameterError(f"{expected}. Got {epsilon!r} instead.")
    if not any(_matches(values.shape, shape) for shape in shapes):
        raise InvalidParameterError(f"{expected}. Got shape {values.shape} instead.")
    outside = ~((values >= 0) & (values <= 1))
    if outside.any():
        first = values.flat[int(np.argmax(outside))]
        position = f" at position {int(np.argmax(outside))}" if values.ndim else ""
        raise InvalidParameterError(f"{expected}. Got {first}{position} instead.")
    return values.astype(float) if values.ndim else float(values)


def _matches(shape, pattern):
    return len(shape) == len(pattern) and all(
        n == expected or (expected is None and n > 0)
        for n, expected in zip(shape, pattern, strict=True)
    )


def check_distribution(distribution, n_classes, multilabel=False):
    """Validate a distribution; return it as an array of floats.

    Parameters
    ----------
    distribution : array-like of shape (n_classes,) or (n_classes, n_classes)
        Non-negative values. A vector, or each row of a matrix, sums to one. For
        multilabel targets, a vector of probabilities in [0, 1], one per label.

    n_classes : int

    multilabel : bool, default=False

    Returns
    -------
    distribution : ndarray of the same shape
    """
    try:
        values = np.array(distribution, dtype=float)
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(
            "The 'distribution' parameter must be a str or an array of probabilities. "
            f"Got {distribution!r} instead. To compare several distributions, search "
            "over them with GridSearchCV."
        ) from error
    shapes = [(n_classes,)] if multilabel else [(n_classes,), (n_classes, n_classes)]
    if values.shape not in shapes:
        raise ValueError(
            f"distribution has shape {values.shape}, but y has {n_classes} classes. "
            f"Expected shape {' or '.join(map(str, shapes))}."
        )
    if multilabel:
        if not np.all((values >= 0) & (values <= 1)):
            raise ValueError(
                "distribution must contain probabilities in [0, 1] for multilabel y. "
                f"Got {distribution!r} instead."
            )
        return values
    check_stochastic(np.atleast_2d(values), "distribution")
    return values


def check_stochastic(matrix, name):
    """Raise ValueError unless every row of a matrix is a distribution."""
    if (bad := find_bad_row(matrix)) is not None:
        raise ValueError(
            f"Every row of {name} must be non-negative and sum to 1. Row {bad} is "
            f"{matrix[bad]} and sums to {matrix[bad].sum():.9g}."
        )


def find_bad_row(matrix, tolerance=1e-6):
    """Return the index of the first row that is not a distribution, or None.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_classes)

    tolerance : float, default=1e-6
        Maximum absolute difference between the sum of a row and 1.

    Returns
    -------
    row : int or None
    """
    sums = matrix.sum(axis=1, dtype=float)
    bad = ~(np.all(matrix >= 0, axis=1) & (np.abs(sums - 1) <= tolerance))
    return int(np.argmax(bad)) if bad.any() else None


def smoothing_of(epsilon, distribution, n_classes):
    """Return the smoothing defined by `epsilon` and `distribution`.

    Parameters
    ----------
    epsilon : float or ndarray of shape (n_classes,)
        Amount of smoothing, in [0, 1].

    distribution : {"uniform", "others", "each"} or ndarray
        Distribution, as returned by :func:`check_distribution`.

    n_classes : int
        Number of outcomes that share the probability mass; 2 for multilabel y.

    Returns
    -------
    smoothing : Smoothing
    """
    if not isinstance(distribution, str):
        return Smoothing(1 - epsilon, epsilon, distribution)
    match distribution:
        case "uniform":
            return Smoothing(1 - epsilon, epsilon / n_classes, None)
        case "others":
            weight = epsilon / (n_classes - 1)
        case "each":
            weight = epsilon
    return Smoothing(1 - epsilon - weight, weight, None)


def soft_targets(codes, smoothing, n_classes, dtype=np.float64):
    """Return the soft targets of labels.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Integers in [0, n_classes).

    smoothing : Smoothing

    n_classes : int

    dtype : dtype, default=np.float64

    Returns
    -------
    y_soft : ndarray of shape (n_samples, n_classes)
        The only array of this size that is allocated.
    """
    if len(codes) > 10 * n_classes:  # compute each distinct row once
        rows = soft_targets(np.arange(n_classes), smoothing, n_classes, dtype)
        return np.take(rows, codes, axis=0)
    smoothing = smoothing.at(codes)
    excess, weight = smoothing.excess, smoothing.weight
    if np.ndim(weight):
        weight = weight[:, np.newaxis]
    distribution = smoothing.distribution
    y_soft = np.empty((len(codes), n_classes), dtype=dtype)
    if distribution is None:
        y_soft[...] = weight
    else:
        if distribution.ndim == 2:
            np.take(distribution.astype(dtype), codes, axis=0, out=y_soft, mode="clip")
        else:
            y_soft[...] = distribution
        y_soft *= np.asarray(weight, dtype=dtype)
    y_soft[np.arange(len(codes)), codes] += excess
    return y_soft


def smooth_targets(y_soft, smoothing, dtype=np.float64):
    """Smooth soft labels.

    The formula is linear: the target of a distribution over labels is the expectation
    of the targets of the labels.

    Parameters
    ----------
    y_soft : ndarray of shape (n_samples, n_classes)

    smoothing : Smoothing
        Smoothing, whose values may also have shape (n_samples, 1).

    dtype : dtype, default=np.float64

    Returns
    -------
    y_soft : ndarray of shape (n_samples, n_classes)
    """
    distribution = smoothing.distribution
    smoothed = y_soft * smoothing.weight
    if np.ndim(distribution) == 2:
        smoothed = smoothed @ distribution
    else:
        smoothed = smoothed.sum(axis=1, keepdims=True)
        if distribution is not None:
            smoothed = smoothed * distribution
    return (y_soft * smoothing.excess + smoothed).astype(dtype, copy=False)


def soft_indicators(Y, smoothing, dtype=np.float64):
    """Return the soft targets of a multilabel indicator matrix.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_labels)
        Indicators, 0 or 1.

    smoothing : Smoothing

    dtype : dtype, default=np.float64

    Returns
    -------
    y_soft : ndarray of shape (n_samples, n_labels)
        Probability of 1.
    """
    y_soft = np.where(Y, smoothing.excess, 0.0) + _weighted_distribution(smoothing)
    return y_soft.astype(dtype, copy=False)


def _weighted_distribution(smoothing):
    if smoothing.distribution is None:
        return smoothing.weight
    return smoothing.weight * smoothing.distribution


def recover_targets(y_soft, smoothing):
    """Undo the smoothing: return the distributions whose soft targets are `y_soft`.

    Smoothing is linear in the target, ``q = p @ (diag(excess) + weight
    distribution^T)``, so it is undone by solving for ``p``. Unless `distribution` is a
    matrix, this is a diagonal matrix plus a matrix of rank one (Sherman-Morrison).

    Parameters
    ----------
    y_soft : ndarray of shape (n_samples, n_classes)

    smoothing : Smoothing

    Returns
    -------
    p : ndarray of shape (n_samples, n_classes)

    Raises
    ------
    ValueError
        If different targets have the same soft target, so smoothing is not invertible.
    """
    n_classes = y_soft.shape[1]
    excess = np.broadcast_to(smoothing.excess, n_classes)
    weight = np.broadcast_to(smoothing.weight, n_classes)
    distribution = smoothing.distribution
    if distribution is None:
        distribution = np.ones(n_classes)
    if distribution.ndim == 2 or np.any(np.abs(excess) < 1e-12):
        matrix = np.diag(excess) + weight[:, np.newaxis] * distribution
        _check_invertible(np.linalg.matrix_rank(matrix) == n_classes)
        return np.linalg.solve(matrix.T, y_soft.T).T
    ratio = weight / excess
    total = 1 + ratio @ distribution
    _check_invertible(abs(total) > 1e-12)
    return (y_soft - np.outer(y_soft @ ratio / total, distribution)) / excess


def recover_indicators(y_soft, smoothing):
    """Undo the smoothing of multilabel targets.

    Parameters
    ----------
    y_soft : ndarray of shape (n_samples, n_labels)

    smoothing : Smoothing

    Returns
    -------
    p : ndarray of shape (n_samples, n_labels)
    """
    _check_invertible(np.all(np.abs(smoothing.excess) > 1e-12))
    return (y_soft - _weighted_distribution(smoothing)) / smoothing.excess


def _check_invertible(invertible):
    if not invertible:
        raise ValueError(
            "With this epsilon and distribution, different targets have the same soft "
            "target, so they cannot be recovered. Use a smaller epsilon."
        )


def convert_epsilon(
    epsilon: float | ArrayLike, n_classes: int, *, from_: Convention, to: Convention
) -> Any:
    """Convert epsilon between conventions.

    The same epsilon means different soft targets in different tools. This function
    returns the epsilon that gives the same targets under another convention (after
    normalizing the rows, for ``"each"``).

    ============= =============== ================= ========= =========================
    convention    true class      each other class  row sum   equal to ``"uniform"`` at
    ============= =============== ================= ========= =========================
    ``"uniform"`` 1 - e + e/K     e/K               1         e
    ``"others"``  1 - e           e/(K-1)           1         e K/(K-1)
    ``"each"``    1 - e           e                 1+(K-2)e  e K/(1 + (K-2) e)
    ============= =============== ================= ========= =========================

    ``"uniform"`` is what torch, Keras, TensorFlow and timm call label smoothing
    [1]_; ``"others"`` reads epsilon as the fraction of wrong labels and is, for two
    classes, the remapping of 0 and 1 to epsilon and 1 - epsilon; ``"each"`` is the
    loop that fills a matrix with epsilon and writes 1 - epsilon at the label.

    Parameters
    ----------
    epsilon : float or array-like of floats
        Epsilon under the convention `from_`, in [0, 1].

    n_classes : int
        Number of classes K, at least 2.

    from_ : {"uniform", "others", "each"}
        The convention of `epsilon`.

    to : {"uniform", "others", "each"}
        The convention of the result.

    Returns
    -------
    epsilon : float or ndarray of the shape of `epsilon`

    Raises
    ------
    ValueError
        If no epsilon in [0, 1] gives the same targets under the convention `to`.

    See Also
    --------
    LabelSmoother : Computes soft targets; `distribution` is the convention.

    References
    ----------
    .. [1] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna. Rethinking the
       Inception architecture for computer vision. CVPR 2016.
       :doi:`10.1109/CVPR.2016.308`

    Examples
    --------
    Targets of 0.1 and 0.9 for two classes are what torch calls 0.2:

    >>> from sklearn_ls import convert_epsilon
    >>> convert_epsilon(0.1, 2, from_="others", to="uniform")
    0.2
    """
    for name, convention in (("from_", from_), ("to", to)):
        if convention not in CONVENTIONS:
            raise ValueError(
                f"{name} must be one of {CONVENTIONS}. Got {convention!r} instead."
            )
    if isinstance(n_classes, bool) or n_classes != int(n_classes) or n_classes < 2:
        raise ValueError(f"n_classes must be an integer >= 2. Got {n_classes!r}.")
    K = int(n_classes)
    e = np.asarray(epsilon, dtype=float)
    if not np.all((e >= 0) & (e <= 1)):
        raise ValueError(f"epsilon must be in [0, 1]. Got {epsilon!r} instead.")
    if from_ != to:
        if from_ == "others":
            e = e * K / (K - 1)
        elif from_ == "each":
            e = e * K / (1 + (K - 2) * e)
        if to == "others":
            e = e * (K - 1) / K
        elif to == "each":
            e = e / (K - (K - 2) * e)
    if np.any(e > 1 + 1e-12):
        raise ValueError(
            f"epsilon={epsilon!r} with from_={from_!r} and {K} classes has no "
            f"equivalent in [0, 1] with to={to!r}: it would be {e}."
        )
    e = np.minimum(e, 1.0)  # rounding errors
    return e if e.ndim else float(e)
