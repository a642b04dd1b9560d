"""Class-by-class matrices for `distribution` and `transition_matrix`.

Every function returns a row-stochastic array of shape (n_classes, n_classes), with rows
and columns in the order of the sorted classes.
"""

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from scipy.stats import binom
from sklearn.metrics import confusion_matrix
from sklearn.utils import check_array
from sklearn.utils.multiclass import unique_labels

from sklearn_ls._compat import Interval, StrOptions, validate_params
from sklearn_ls._labels.containers import labels_to_array, to_frame
from sklearn_ls._labels.votes import read_votes
from sklearn_ls._types import Floats, MatrixLike, VotesLike

__all__ = ["class_similarity", "from_confusion", "from_votes", "ordinal"]

POSITIVE = Interval(Real, 0, None, closed="neither")
# With a larger alpha, the triangle would reach beyond the adjacent classes.
WIDEST_TRIANGLE = 2 / 9


@validate_params(
    {"similarities": ["array-like"], "temperature": [POSITIVE]},
    prefer_skip_nested_validation=True,
)
def class_similarity(similarities: MatrixLike, temperature: float = 1.0) -> Any:
    """Distribute the probability of a label over similar classes.

    Each class `k` other than the label `y` gets a probability proportional to
    `exp(similarities[y, k] / temperature)`, and the label itself gets none. Smoothing
    labels by the similarity of classes was proposed in [1]_.

    Parameters
    ----------
    similarities : array-like of shape (n_classes, n_classes)
        Similarity of each pair of classes, such as the cosine similarity of class
        embeddings or a negative distance. The diagonal is ignored. The rows and columns
        of a pandas DataFrame are named by the classes.

    temperature : float, default=1.0
        Temperature of the softmax, positive. A small temperature gives all the
        probability to the most similar class, a large one distributes it equally over
        the other classes, as with ``"others"``.

    Returns
    -------
    distribution : ndarray or DataFrame of shape (n_classes, n_classes)
        Row-stochastic matrix with a zero diagonal. A DataFrame with the same names if
        `similarities` is a DataFrame.

    Raises
    ------
    ValueError
        If the matrix is not square, has a single class, or its rows and columns have
        different names.

    See Also
    --------
    ordinal : For classes that are steps of a scale.

    References
    ----------
    .. [1] C. Liu and J. JaJa. Class-similarity based label smoothing for confidence
       calibration. ICANN 2021. :doi:`10.48550/arXiv.2006.14028`

    Examples
    --------
    >>> from sklearn_ls.distributions import class_similarity
    >>> cosine = [[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]]
    >>> class_similarity(cosine, temperature=0.3).round(2)
    array([[0.  , 0.95, 0.05],
           [0.95, 0.  , 0.05],
           [0.5 , 0.5 , 0.  ]])
    """
    named = hasattr(similarities, "index") and hasattr(similarities, "columns")
    if named:
        frame: Any = similarities
        names, of_rows = list(frame.columns), list(frame.index)
        if not len({*names}) == len(names) == len({*names, *of_rows}):
            raise ValueError(
                "The rows and columns of similarities must have the same unique names. "
                f"Got {of_rows} and {names}."
            )
        similarities = frame.iloc[[of_rows.index(name) for name in names]]
    logits = check_array(
        similarities, dtype=np.float64, copy=True, input_name="similarities"
    )
    n_classes = len(logits)
    if n_classes < 2 or logits.shape != (n_classes, n_classes):
        raise ValueError(
            "similarities must be a square matrix of at least two classes. Got shape "
            f"{logits.shape}."
        )
    np.fill_diagonal(logits, -np.inf)
    logits -= logits.max(axis=1, keepdims=True)  # a small temperature can't overflow
    distribution = softmax(logits / temperature, axis=1)
    return to_frame(distribution, names, names) if named else distribution


@validate_params(
    {
        "classes": [Interval(Integral, 2, None, closed="left"), "array-like"],
        "kind": [StrOptions({"triangular", "exponential", "binomial"})],
        "alpha": [Interval(Real, 0, WIDEST_TRIANGLE, closed="both")],
        "p": [POSITIVE],
        "temperature": [POSITIVE],
    },
    prefer_skip_nested_validation=True,
)
def ordinal(
    classes: int | ArrayLike,
    kind: Literal["triangular", "exponential", "binomial"] = "triangular",
    *,
    alpha: float = 0.05,
    p: float = 1.0,
    temperature: float = 1.0,
) -> Any:
    """Distribute the probability of a label over adjacent classes of a scale.

    The label itself also gets a probability, usually the largest. With ``epsilon=1``,
    the rows are the soft labels of the papers. For `K` classes, with `y` and `k` from 0
    to `K` - 1:

    - ``"triangular"`` [1]_: `alpha` for each class adjacent to `y`, 0 for those further
      away.
    - ``"exponential"`` [2]_ [3]_: proportional to `exp(-|y - k|**p / temperature)`.
      These are the SORD labels of [4]_ for the metric `|y - k|**p / temperature`.
    - ``"binomial"`` [2]_ [5]_: the probability of `k` successes in `K` - 1 trials that
      succeed with probability `0.1 + 0.8 * y / (K - 1)` each.

    Parameters
    ----------
    classes : int or array-like of shape (n_classes,)
        At least two classes, in the order of the scale; for an ordered pandas
        Categorical, its categories are used. An int is the number of classes; the
        sorted labels must then be in the order of the scale.

    kind : {"triangular", "exponential", "binomial"}, default="triangular"
        Family of distributions, see above.

    alpha : float, default=0.05
        Probability of each adjacent class, in [0, 2/9]. Only for ``"triangular"``.

    p : float, default=1.0
        Exponent of the distance, positive. Larger values give less probability to
        distant classes. Only for ``"exponential"``.

    temperature : float, default=1.0
        Divisor of the distance, positive. Larger values give more probability to other
        classes. Only for ``"exponential"``.

    Returns
    -------
    distribution : ndarray or DataFrame of shape (n_classes, n_classes)
        Row-stochastic matrix. A DataFrame with the classes as names of its rows and
        columns, unless `classes` is an int.

    Raises
    ------
    ImportError
        If `classes` is not an int and pandas is not installed.

    See Also
    --------
    class_similarity : For classes that are more or less similar, without an order.

    Notes
    -----
    The triangular rows are the probabilities that triangular densities give to
    intervals of equal length, generalized so that the first and the last class also
    give `alpha` to their only neighbor. With ``"binomial"`` and more than ten classes,
    a label near the ends of the scale is not the most likely class of its row.

    References
    ----------
    .. [1] V. M. Vargas, A. M. Durán-Rosal, D. Guijo-Rubio, P. A. Gutiérrez and C.
       Hervás-Martínez. Generalised triangular distributions for ordinal deep learning:
       novel proposal and optimisation. Information Sciences 648, 2023.
       :doi:`10.1016/j.ins.2023.119606`
    .. [2] X. Liu, F. Fan, L. Kong, Z. Diao, W. Xie, J. Lu and J. You. Unimodal
       regularized neuron stick-breaking for ordinal classification. Neurocomputing 388,
       2020. :doi:`10.1016/j.neucom.2020.01.025`
    .. [3] V. M. Vargas, P. A. Gutiérrez, R. Rosati, L. Romeo, E. Frontoni and C.
       Hervás-Martínez. Exponential loss regularisation for encouraging ordinal
       constraint to shotgun stocks quality assessment. Applied Soft Computing 138,
       2023. :doi:`10.1016/j.asoc.2023.110191`
    .. [4] R. Diaz and A. Marathe. Soft labels for ordinal regression. CVPR 2019.
       :doi:`10.1109/CVPR.2019.00487`
    .. [5] C. Beckham and C. Pal. Unimodal probability distributions for deep ordinal
       classification. ICML 2017. :doi:`10.48550/arXiv.1705.05278`

    Examples
    --------
    >>> from sklearn_ls.distributions import ordinal
    >>> ordinal(4, "exponential").round(2)
    array([[0.64, 0.24, 0.09, 0.03],
           [0.2 , 0.53, 0.2 , 0.07],
           [0.07, 0.2 , 0.53, 0.2 ],
           [0.03, 0.09, 0.24, 0.64]])

    Classes whose alphabetical order is not that of the scale:

    >>> from sklearn_ls import LabelSmoother
    >>> distribution = ordinal(["low", "mid", "high"])
    >>> smoother = LabelSmoother(epsilon=1, distribution=distribution)
    >>> smoother.fit_transform(["low", "mid", "high"])  # columns: high, low, mid
    array([[0.  , 0.95, 0.05],
           [0.05, 0.05, 0.9 ],
           [0.95, 0.  , 0.05]])
    """
    if isinstance(classes, Integral):
        return _unimodal(classes, kind, alpha, p, temperature)
    dtype: Any = getattr(classes, "dtype", None)
    if getattr(dtype, "ordered", False):
        classes = dtype.categories
    classes = labels_to_array(classes, "classes")
    if classes.ndim != 1 or len(np.unique(classes)) < max(2, len(classes)):
        raise ValueError(
            f"classes must be at least two distinct labels. Got {classes.tolist()}."
        )
    matrix = _unimodal(len(classes), kind, alpha, p, temperature)
    return to_frame(matrix, classes, classes)


def _unimodal(n_classes, kind, alpha, p, temperature):
    """Return the matrix of `ordinal` without names."""
    steps = np.arange(n_classes)
    distances = np.abs(steps[:, np.newaxis] - steps).astype(np.float64)
    if kind == "triangular":
        neighbors = np.where(distances == 1, alpha, 0.0)
        return neighbors + np.diag(1 - neighbors.sum(axis=1))
    if kind == "exponential":
        return softmax(-(distances**p) / temperature, axis=1)
    success = np.linspace(0.1, 0.9, n_classes)
    return binom.pmf(steps, n_classes - 1, success[:, np.newaxis])


def from_confusion(y_true: ArrayLike, y_pred: ArrayLike) -> Floats:
    """Estimate how samples of each class are labeled, from samples labeled twice.

    The element (j, k) is the fraction of the samples with the true label `j` that have
    the predicted label `k`: :func:`sklearn.metrics.confusion_matrix` with
    ``normalize="true"``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels that correspond to the rows of the matrix. Every class must occur.

    y_pred : array-like of shape (n_samples,)
        Labels that correspond to the columns.

    Returns
    -------
    distribution : ndarray of shape (n_classes, n_classes)
        Row-stochastic matrix of all classes that occur in `y_true` or `y_pred`.

    Raises
    ------
    ValueError
        If a class does not occur in `y_true`, or there is a single class.

    See Also
    --------
    sklearn_ls.datasets.corrupt_labels : Change labels by such a matrix.
    from_votes : The same from several annotators, none of whom is trusted.

    Notes
    -----
    The order of the arguments depends on the question. From samples whose labels were
    verified, ``from_confusion(y_observed, y_verified)`` estimates the true classes of
    samples with an observed label, for `distribution`, and
    ``from_confusion(y_verified, y_observed)`` estimates the observed labels of samples
    of a true class, for `transition_matrix`. The samples must be drawn at random within
    each class of the first argument.

    Examples
    --------
    >>> from sklearn_ls.distributions import from_confusion
    >>> y_observed = ["cat", "cat", "cat", "cat", "dog", "dog"]
    >>> y_verified = ["cat", "cat", "cat", "dog", "dog", "dog"]
    >>> from_confusion(y_observed, y_verified)
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    y_true, y_pred = labels_to_array(y_true), labels_to_array(y_pred)
    labels = unique_labels(y_true, y_pred)
    if len(labels) < 2:
        raise ValueError(
            f"At least two classes are required. Got only {labels.tolist()}."
        )
    matrix = confusion_matrix(y_true, y_pred, normalize="true")
    missing = labels[~matrix.any(axis=1)]
    if len(missing):
        raise ValueError(
            f"y_true has no samples of the classes {missing.tolist()} of y_pred, so "
            "their rows of the matrix are not known. Add samples of each of them."
        )
    return matrix


def from_votes(answers: VotesLike, *, n_classes: int | None = None) -> Any:
    """Estimate the votes of the other annotators, given the vote of one.

    The element (j, k) is the fraction of votes for `k` among the other votes on the
    same sample, taken over all votes for `j`. A sample with many votes counts more than
    a sample with two, and a sample with a single vote does not count.

    Parameters
    ----------
    answers : array-like of shape (n_samples, n_annotators) or DataFrame
        Label that each annotator (column) gave to each sample (row). Missing votes are
        None or NaN or, with `n_classes`, also -1. Or a DataFrame with one vote per row
        in the columns `sample`, `annotator` and `label`, or `task`, `worker` and
        `label` as in crowd-kit.

    n_classes : int, default=None
        Number of classes, at least 2; labels are then codes from 0 to `n_classes` - 1.
        If None, the classes are the sorted labels that occur in `answers`.

    Returns
    -------
    distribution : ndarray or DataFrame of shape (n_classes, n_classes)
        Row-stochastic matrix. A DataFrame with the labels as names of its rows and
        columns if `n_classes` is None.

    Raises
    ------
    ValueError
        If a class has votes only on samples without a second vote.

    See Also
    --------
    from_confusion : The same from two labels per sample, of which one is trusted.
    sklearn_ls.crowds.votes_to_soft : The votes on each sample as its soft label.

    Examples
    --------
    >>> from sklearn_ls.distributions import from_votes
    >>> from_votes([[0, 0, 1], [1, 1, -1], [2, -1, 2]], n_classes=3)
    array([[0.5, 0.5, 0. ],
           [0.5, 0.5, 0. ],
           [0. , 0. , 1. ]])
    """
    votes = read_votes(answers, n_classes)
    counts = votes.counts().astype(np.float64)
    pairs = counts.T @ counts - np.diag(counts.sum(axis=0))  # no vote with itself
    totals = pairs.sum(axis=1, keepdims=True)
    missing = np.flatnonzero(totals == 0)
    if len(missing):
        raise ValueError(
            f"No sample with a vote for the classes {votes.classes[missing].tolist()} "
            "has a second vote, so the votes of other annotators are not known."
        )
    distribution = pairs / totals
    if n_classes is None:
        return to_frame(distribution, votes.classes, votes.classes)
    return distribution
