"""The smoothing formula in NumPy: soft targets from codes, and back."""

from dataclasses import dataclass

import numpy as np

from sklearn_ls._compat import InvalidParameterError

CONVENTIONS = ("uniform", "others", "each")


@dataclass(frozen=True)
class Smoothing:
    """The soft target of each label, in the form that costs the least to evaluate.

    For a sample with label `y`::

        q = excess[y] * onehot(y) + weight[y] * distribution[y]

    Parameters
    ----------
    excess, weight : float or ndarray of shape (n_classes,)
        One value for all labels, or one per label. In the smoothing of samples, one per
        sample.

    distribution : None or ndarray of shape (n_classes,) or (n_classes, n_classes)
        Where the weight goes. None stands for ones; a matrix is indexed by the label
        first.
    """

    excess: float | np.ndarray
    weight: float | np.ndarray
    distribution: np.ndarray | None

    @property
    def depends_on_label(self):
        """Whether more than the position of a label depends on it."""
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
        The shapes that it may have; None in a tuple stands for any positive number.

    expected : str
        What it must be, for the error message.

    Returns
    -------
    epsilon : float or ndarray

    Raises
    ------
    InvalidParameterError
        If it has another type or shape, or a value outside [0, 1].
    """
    try:
        values = np.asarray(epsilon)
    except ValueError:  # ragged
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
    """Return an array of probabilities as floats, its rows checked.

    Parameters
    ----------
    distribution : array-like of shape (n_classes,) or (n_classes, n_classes)
        Non-negative; a vector and every row of a matrix sum to one. For multilabel
        targets a vector of probabilities in [0, 1], one per label.

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
            f"distribution has shape {values.shape}, but y has {n_classes} classes: "
            f"expected {' or '.join(map(str, shapes))}."
        )
    if multilabel:
        if not np.all((values >= 0) & (values <= 1)):
            raise ValueError(
                "distribution must hold probabilities in [0, 1] for multilabel y. "
                f"Got {distribution!r}."
            )
        return values
    check_stochastic(np.atleast_2d(values), "distribution")
    return values


def check_stochastic(matrix, name):
    """Raise ValueError, naming the matrix, unless every row is a distribution."""
    if (bad := find_bad_row(matrix)) is not None:
        raise ValueError(
            f"Every row of {name} must be non-negative and sum to 1. Row {bad} is "
            f"{matrix[bad]}, its sum {matrix[bad].sum():.9g}."
        )


def find_bad_row(matrix, tolerance=1e-6):
    """Return the index of the first row that is not a distribution, or None.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_classes)

    tolerance : float, default=1e-6
        How far the sum of a row may be from 1.

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
        In [0, 1].

    distribution : {"uniform", "others", "each"} or ndarray
        As checked by :func:`check_distribution`.

    n_classes : int
        Number of outcomes that share the mass; 2 for each column of multilabel y.

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
        The only array of this size that is made.
    """
    if len(codes) > 10 * n_classes:  # few rows, often repeated: one pass
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
    """Return the soft targets of soft labels.

    The formula is linear in the target: that of a distribution over labels is the mean
    of the targets of its labels.

    Parameters
    ----------
    y_soft : ndarray of shape (n_samples, n_classes)

    smoothing : Smoothing
        Its values may also have the shape (n_samples, 1).

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
    """Return the soft targets of a multilabel indicator matrix, column by column.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_labels)
        0 or 1.

    smoothing : Smoothing

    dtype : dtype, default=np.float64

    Returns
    -------
    y_soft : ndarray of shape (n_samples, n_labels)
        The probability of 1 in each column.
    """
    y_soft = np.where(Y, smoothing.excess, 0.0) + _weighted_distribution(smoothing)
    return y_soft.astype(dtype, copy=False)


def _weighted_distribution(smoothing):
    if smoothing.distribution is None:
        return smoothing.weight
    return smoothing.weight * smoothing.distribution


def recover_targets(y_soft, smoothing):
    """Undo the formula: the distributions which, smoothed, give `y_soft`.

    Smoothing is linear in the target, ``q = p @ (diag(excess) + weight
    distribution^T)``, so it is undone by solving for ``p``. Without a matrix
    `distribution` that is the identity plus a matrix of rank one (Sherman-Morrison).

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
        If different targets are smoothed to the same, so nothing can be undone.
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
    """Undo the formula for multilabel targets, column by column.

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
            "This epsilon and distribution smooth different targets to the same one, "
            "so the targets cannot be recovered. Use a smaller epsilon."
        )


def convert_epsilon(epsilon, n_classes, *, from_, to):
    """Convert epsilon between the conventions in use.

    The same number means different soft targets in different tools. This returns the
    number that gives the same targets under another convention (after normalizing the
    rows, for ``"each"``).

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
        In [0, 1].

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
        If no epsilon in [0, 1] of the convention `to` gives the same targets.

    See Also
    --------
    LabelSmoother : The targets, with these conventions as `distribution`.

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
        raise ValueError(f"epsilon must lie in [0, 1]. Got {epsilon!r} instead.")
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
            f"epsilon={epsilon!r} with {from_!r} and {K} classes has no equal in "
            f"[0, 1] with {to!r}: it would be {e}."
        )
    e = np.minimum(e, 1.0)  # against rounding
    return e if e.ndim else float(e)
