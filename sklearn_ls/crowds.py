"""Soft labels from the votes of annotators."""

from numbers import Real
from typing import Any, Literal

import numpy as np

from sklearn_ls._compat import Interval, StrOptions, validate_params
from sklearn_ls._labels.containers import to_frame
from sklearn_ls._labels.dawid_skene import count_answers, fit_dawid_skene
from sklearn_ls._labels.votes import read_votes
from sklearn_ls._types import VotesLike

__all__ = ["votes_to_soft"]


@validate_params(
    {
        "method": [StrOptions({"majority", "share", "dawid_skene"})],
        "smoothing": [Interval(Real, 0, None, closed="left")],
        "return_confusion": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def votes_to_soft(
    answers: VotesLike,
    *,
    n_classes: int | None = None,
    method: Literal["majority", "share", "dawid_skene"] = "share",
    smoothing: float = 0.0,
    return_confusion: bool = False,
) -> tuple[Any, ...]:
    """Turn the votes of several annotators into soft labels.

    Parameters
    ----------
    answers : array-like of shape (n_samples, n_annotators), or DataFrame of votes
        Label that each annotator (column) gave to each sample (row). Missing votes are
        None or NaN or, with `n_classes`, also -1. Or a pandas or polars DataFrame with
        one vote per row in the columns `sample`, `annotator` and `label`, or `task`,
        `worker` and `label` as in crowd-kit. The ids of samples and annotators must be
        sortable. Several rows with the same sample and annotator count as several
        votes.

    n_classes : int, default=None
        Number of classes, at least 2; labels are then codes from 0 to `n_classes` - 1.
        If None, the classes are the sorted labels that occur in `answers`.

    method : {"majority", "share", "dawid_skene"}, default="share"
        How the votes on a sample are combined.

        - ``"majority"``: the class with the most votes; tied classes share equally.
        - ``"share"``: the fraction of the votes for each class.
        - ``"dawid_skene"``: the probability of each class in the model of Dawid and
          Skene [1]_, which gives every annotator a confusion matrix and is fitted by
          expectation maximization.

    smoothing : float, default=0.0
        Number of votes added to each sample, equally distributed over the classes:
        `(votes + smoothing / n_classes) / (n_votes + smoothing)`. At least 0; only with
        ``method="share"``.

    return_confusion : bool, default=False
        Whether to return the confusion matrices of the annotators.

    Returns
    -------
    y_soft : ndarray or DataFrame of shape (n_samples, n_classes)
        Soft labels, whose rows sum to one. For a DataFrame of votes, they are in the
        order of `np.unique(answers["sample"])`. If `n_classes` is None, a DataFrame
        with the classes as columns and the samples as index.

    reliability : ndarray of shape (n_annotators,)
        Reliability of each annotator, in [0, 1]. With ``method="dawid_skene"``, this is
        the estimated accuracy: the mean probability, in `y_soft`, of the classes that
        the annotator voted for. Otherwise, it is the agreement with other annotators:
        the mean fraction of their votes on the same sample that are equal, which is
        lower than the accuracy. NaN for annotators whose samples have no votes by
        others. For a DataFrame of votes, in the order of
        `np.unique(answers["annotator"])` (or `"worker"`).

    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Confusion matrix of each annotator, as in the model of Dawid and Skene. Element
        (a, j, k) is the estimated probability that annotator `a` answers class `k` to a
        sample of class `j`: the mean over the annotator's votes, weighted by the
        probability of class `j` in `y_soft`. NaN if that probability is 0 for all of
        them. Only returned if `return_confusion` is True.

    Raises
    ------
    ValueError
        If a label is not a class code, an id is missing, fewer than two classes occur,
        or a sample has no votes and `smoothing` is 0.

    ImportError
        If `n_classes` is None and pandas is not installed.

    See Also
    --------
    sklearn_ls.distributions.from_votes : A `distribution` from the same votes.
    sklearn_ls.metrics.soft_log_loss : Scores against soft labels.

    Notes
    -----
    The fit of Dawid and Skene's model starts from the shares of the votes, draws no
    random numbers and ends when an iteration adds less than 1e-8 per vote to the
    log-likelihood.

    References
    ----------
    .. [1] A. P. Dawid and A. M. Skene. Maximum likelihood estimation of observer
       error-rates using the EM algorithm. Journal of the Royal Statistical Society,
       Series C 28(1), 1979. :doi:`10.2307/2346806`

    Examples
    --------
    Votes of three annotators, of whom the last labeled one sample:

    >>> from sklearn_ls.crowds import votes_to_soft
    >>> answers = [[0, 0, 1], [1, 1, -1], [1, 0, -1]]
    >>> y_soft, reliability = votes_to_soft(answers, n_classes=2, smoothing=1)
    >>> y_soft
    array([[0.625     , 0.375     ],
           [0.16666667, 0.83333333],
           [0.5       , 0.5       ]])
    >>> reliability
    array([0.5, 0.5, 0. ])

    Votes for named classes:

    >>> answers = [["cat", "cat"], ["dog", None], ["cat", "dog"]]
    >>> y_soft, reliability, confusion = votes_to_soft(answers, return_confusion=True)
    >>> y_soft
       cat  dog
    0  1.0  0.0
    1  0.0  1.0
    2  0.5  0.5
    >>> confusion[0].round(2)
    array([[1.  , 0.  ],
           [0.33, 0.67]])
    """
    if smoothing and method != "share":
        raise ValueError(
            f'smoothing={smoothing!r} requires method="share". Got method={method!r}.'
        )
    votes = read_votes(answers, n_classes)
    counts = votes.counts()
    n_votes = counts.sum(axis=1, keepdims=True)
    if smoothing == 0 and not n_votes.all():
        unlabeled = votes.samples[np.argmin(n_votes)]
        raise ValueError(
            f"answers has no vote on sample {unlabeled}. "
            'Remove samples without votes, or pass method="share" with a positive '
            "smoothing, which makes their soft labels uniform."
        )
    if method == "dawid_skene":
        y_soft = fit_dawid_skene(votes)
        reliability = _mean_by_annotator(votes, y_soft[votes.sample, votes.label])
        reliability[np.isnan(_agreement(votes, counts))] = np.nan
    else:
        if method == "majority":
            winners = counts == counts.max(axis=1, keepdims=True)
            y_soft = winners / winners.sum(axis=1, keepdims=True)
        else:
            y_soft = (counts + smoothing / votes.n_classes) / (n_votes + smoothing)
        reliability = _agreement(votes, counts)
    confusion = (_confusion(votes, y_soft),) if return_confusion else ()
    if n_classes is None:
        y_soft = to_frame(y_soft, votes.samples, votes.classes)
    return y_soft, reliability, *confusion


def _confusion(votes, y_soft):
    """Return the confusion matrix of each annotator."""
    counts = count_answers(votes, y_soft)
    totals = counts.sum(axis=2, keepdims=True)
    unknown = np.full(counts.shape, np.nan)
    return np.divide(counts, totals, out=unknown, where=totals > 0)


def _mean_by_annotator(votes, values, weights=None):
    """Return the mean of values (n_votes,) for each annotator, NaN where none count."""
    weights = np.ones(len(values)) if weights is None else weights
    length = votes.n_annotators
    sums = np.bincount(votes.annotator, weights=weights * values, minlength=length)
    totals = np.bincount(votes.annotator, weights=weights, minlength=length)
    return np.divide(sums, totals, out=np.full(length, np.nan), where=totals > 0)


def _agreement(votes, counts):
    """Return each annotator's mean agreement with the others' votes."""
    pair = votes.sample * votes.n_annotators + votes.annotator
    own = _repeats(pair)
    same = _repeats(pair * votes.n_classes + votes.label)
    others = counts.sum(axis=1)[votes.sample] - own
    agree = counts[votes.sample, votes.label] - same
    return _mean_by_annotator(votes, agree / np.maximum(others, 1), others > 0)


def _repeats(keys):
    """Return the number of occurrences of each key."""
    _, codes, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return counts[codes]
