"""Label noise for experiments."""

from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_random_state

from sklearn_ls._compat import Interval, StrOptions, validate_params
from sklearn_ls._labels.containers import (
    check_labels,
    encode_labels,
    find_classes,
    labels_to_array,
    order_by_class,
)
from sklearn_ls._labels.smoothing import check_stochastic
from sklearn_ls._types import MatrixLike, RandomState, SamplesLike

__all__ = ["corrupt_labels"]


@validate_params(
    {
        "y": ["array-like"],
        "rate": [Interval(Real, 0, 1, closed="left")],
        "kind": [StrOptions({"symmetric", "pair", "transition", "instance"})],
        "transition": ["array-like", None],
        "X": ["array-like", "sparse matrix", None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def corrupt_labels(
    y: ArrayLike,
    rate: float,
    *,
    kind: Literal["symmetric", "pair", "transition", "instance"] = "symmetric",
    transition: MatrixLike | None = None,
    X: SamplesLike = None,
    random_state: RandomState = None,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Change a fraction of the labels to other classes.

    Exactly `round(rate * n_samples)` labels change. These labels and their new classes
    are drawn at random.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of at least two classes.

    rate : float
        Fraction of labels that change, in [0, 1).

    kind : {"symmetric", "pair", "transition", "instance"}, default="symmetric"
        Kind of noise, which determines the classes that labels change to.

        - ``"symmetric"`` [1]_: to any other class, all equally likely.
        - ``"pair"`` [1]_: to the next class in sorted order, from the last to the
          first.
        - ``"transition"``: by the probabilities of the matrix `transition`.
        - ``"instance"``: samples that resemble another class are more likely to change,
          and to change to that class, see Notes.

    transition : array-like or DataFrame of shape (n_classes, n_classes), default=None
        Probability of each observed label (column) given each true label (row), in the
        sorted order of the classes or as named by a DataFrame; row-stochastic. The
        number of labels that change is determined by `rate`, so the matrix only
        determines the new classes and which classes change more often than others. Only
        for ``kind="transition"``.

    X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
        Features of the samples. Only for ``kind="instance"``.

    random_state : int, RandomState instance or None, default=None
        Controls which labels change, and their new classes.

    Returns
    -------
    y_noisy : ndarray of shape (n_samples,)
        The changed labels, with the dtype of `y` as an array.

    changed : ndarray of shape (n_samples,)
        True where `y_noisy` differs from `y`.

    Raises
    ------
    ValueError
        If `y` is not one label per sample, `transition` is not a transition matrix of
        the classes of `y`, more labels of a class would change than there are, or
        `transition` or `X` is missing or does not belong to `kind`.

    See Also
    --------
    sklearn_ls.distributions.from_confusion : A transition matrix, from verified labels.
    sklearn_ls.LabelSmoothingClassifier : Corrects for a known `transition_matrix`.

    Notes
    -----
    Within a class all samples are equally likely to change, except with ``"instance"``.
    The number of changes per class, rounded up or down, is `rate` times its size for
    ``"symmetric"`` and ``"pair"``. For ``"transition"`` with the matrix T, this number
    is multiplied by `1 - T[k, k]` and divided by the mean of `1 - T[k, k]` over the
    samples. The labels then follow the matrix `I + s * (T - I)`, where `s` results from
    `rate`; it is 1 if `rate` is the mean of `1 - T[k, k]` over the samples.

    ``"instance"`` fits a logistic regression to the standardized X and the original
    labels. With its predicted probabilities `p`, a sample changes with odds
    proportional to `1 - p[y]`, and to class `k` with probability `p[k] / (1 - p[y])`.
    This is the noise of [2]_ with two changes: a linear model in place of a network,
    and random draws instead of the samples and classes with the highest probabilities.

    References
    ----------
    .. [1] B. Han, Q. Yao, X. Yu, G. Niu, M. Xu, W. Hu, I. Tsang and M. Sugiyama.
       Co-teaching: robust training of deep neural networks with extremely noisy
       labels. NeurIPS 2018. :doi:`10.48550/arXiv.1804.06872`
    .. [2] P. Chen, J. Ye, G. Chen, J. Zhao and P.-A. Heng. Beyond class-conditional
       assumption: a primary attempt to combat instance-dependent label noise.
       AAAI 2021. :doi:`10.48550/arXiv.2012.05458`

    Examples
    --------
    >>> from sklearn_ls.datasets import corrupt_labels
    >>> y = ["cat", "dog", "fox", "cat", "dog", "fox"]
    >>> y_noisy, changed = corrupt_labels(y, 0.5, kind="pair", random_state=0)
    >>> changed
    array([False, False,  True,  True,  True, False])
    >>> y_noisy
    array(['cat', 'dog', 'cat', 'dog', 'fox', 'fox'], dtype='<U3')
    """
    _check_use("transition", transition, kind, needed_by="transition")
    _check_use("X", X, kind, needed_by="instance")
    y, classes, codes = _read_labels(y)
    rng = check_random_state(random_state)
    n_changed = round(rate * len(y))
    if kind == "instance":
        moves = _resemblance(X, codes)
        changed = _draw_rows(rng, n_changed, moves.sum(axis=1))
        new = _draw_classes(rng, moves[changed])
    elif kind == "transition":
        moves = _check_transition(transition, classes)
        changed = _draw_by_class(rng, n_changed, codes, moves.sum(axis=1), classes)
        new = _draw_classes(rng, moves[codes[changed]])
    else:
        changed = _draw_by_class(rng, n_changed, codes, np.ones(len(classes)), classes)
        steps = 1 if kind == "pair" else rng.randint(1, len(classes), n_changed)
        new = (codes[changed] + steps) % len(classes)
    y_noisy = y.copy()
    y_noisy[changed] = classes[new]
    return y_noisy, changed


def _check_use(name, value, kind, needed_by):
    """Raise ValueError if an argument is missing, or not used by a kind."""
    if kind == needed_by and value is None:
        raise ValueError(f'kind="{kind}" requires {name}. Got {name}=None.')
    if kind != needed_by and value is not None:
        raise ValueError(f'{name} requires kind="{needed_by}". Got kind="{kind}".')


def _read_labels(y):
    y = labels_to_array(y)
    if y.ndim == 2:
        raise ValueError(
            "y must be one-dimensional, with one label per sample. Got shape "
            f"{y.shape}."
        )
    check_labels(y)
    classes = find_classes(y)
    if len(classes) < 2:
        raise ValueError(
            "y must have at least two classes. Got the single class "
            f"{classes.tolist()[0]!r}."
        )
    return y, classes, encode_labels(y, classes)


def _check_transition(transition, classes):
    """Return the probability of each change of class, (n_classes, n_classes)."""
    matrix = order_by_class(transition, classes, "transition")
    moves = np.array(matrix, dtype=float)
    if moves.shape != (len(classes), len(classes)):
        raise ValueError(
            f"transition has shape {moves.shape}, but y has {len(classes)} classes: "
            f"expected {(len(classes), len(classes))}."
        )
    check_stochastic(moves, "transition")
    np.fill_diagonal(moves, 0)
    return moves


def _resemblance(X, codes):
    """Return the probabilities of the classes other than the label's own.

    Returns
    -------
    moves : ndarray of shape (n_samples, n_classes)
        Positive, except for the label's own class, which is 0.
    """
    X = check_array(X, accept_sparse="csr", input_name="X")
    model = make_pipeline(  # centering would fill the zeros of sparse X
        StandardScaler(with_mean=not issparse(X)), LogisticRegression(max_iter=1000)
    )
    moves = np.maximum(model.fit(X, codes).predict_proba(X), 1e-12)
    moves[np.arange(len(codes)), codes] = 0
    return moves


def _draw_rows(rng, n_drawn, odds):
    """Draw samples without replacement with odds (n_samples,); return a mask."""
    drawn = np.zeros(len(odds), dtype=bool)
    p = odds / odds.sum()
    drawn[rng.choice(len(odds), n_drawn, replace=False, p=p)] = True
    return drawn


def _draw_by_class(rng, n_drawn, codes, odds, classes):
    """Draw a number of samples of each class that is proportional to its odds.

    Parameters
    ----------
    rng : RandomState

    n_drawn : int

    codes : ndarray of shape (n_samples,)

    odds : ndarray of shape (n_classes,)
        Odds of a sample of each class to be drawn.

    classes : ndarray of shape (n_classes,)
        Classes, for the error message.

    Returns
    -------
    drawn : ndarray of shape (n_samples,)
        Mask of the samples.
    """
    sizes = np.bincount(codes)
    numbers = _share_out(rng, n_drawn, sizes * odds)
    if np.any(short := numbers > sizes):
        most = (sizes * odds).sum() / odds.max() / len(codes)
        raise ValueError(
            f"{n_drawn} of {len(codes)} labels cannot change with this transition: it "
            f"would change more samples of {classes[short].tolist()} than there are. "
            f"rate can be at most {np.floor(1000 * most) / 1000:.3f}."
        )
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    rank = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    drawn = np.empty(len(codes), dtype=bool)
    drawn[order] = rank < np.repeat(numbers, sizes)
    return drawn


def _share_out(rng, total, weights):
    """Return integers that sum to `total`, by the largest remainder method.

    Parameters
    ----------
    rng : RandomState
        Breaks ties between remainders.

    total : int

    weights : ndarray of shape (n_classes,)

    Returns
    -------
    numbers : ndarray of shape (n_classes,)
    """
    if total == 0:
        return np.zeros(len(weights), dtype=int)
    if not weights.any():
        raise ValueError("transition changes no label of y: its diagonal is all ones.")
    shares = total * weights / weights.sum()
    numbers = np.floor(shares).astype(int)
    remainders = (shares - numbers).round(9)  # so that ties are exact
    order = np.lexsort((rng.permutation(len(shares)), -remainders))
    numbers[order[: total - numbers.sum()]] += 1
    return numbers


def _draw_classes(rng, weights):
    """Draw a class for each row of weights (n_rows, n_classes)."""
    upto = np.cumsum(weights, axis=1)
    return np.argmax(upto > rng.uniform(size=(len(upto), 1)) * upto[:, -1:], axis=1)
