"""find_label_issues: samples whose labels may be wrong, by cleanlab."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from sklearn_ls._compat import StrOptions, validate_params
from sklearn_ls._labels.dawid_skene import fit_dawid_skene
from sklearn_ls._labels.training_labels import encode_training_labels
from sklearn_ls._types import Estimator, MatrixLike, SamplesLike, Splits
from sklearn_ls.inspection._held_out import (
    check_X_labels,
    cross_val_probas,
    make_splits,
    read_held_out,
)
from sklearn_ls.inspection._pipeline import (
    best_of_grid_search,
    fit_argument,
    last_step,
    require_proba,
)


@validate_params(
    {
        "ranked_by": [StrOptions({"self_confidence", "normalized_margin"})],
        "as_frame": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def find_label_issues(
    estimator: Estimator,
    X: SamplesLike,
    y: ArrayLike | None = None,
    *,
    y_soft: MatrixLike | None = None,
    votes: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    cv: Splits = 5,
    ranked_by: Literal["self_confidence", "normalized_margin"] = "self_confidence",
    as_frame: bool = False,
) -> Any:
    """Find samples whose labels may be wrong, the most suspicious first.

    cleanlab finds these samples by the predicted probabilities of a classifier that was
    not trained on them [1]_.

    Parameters
    ----------
    estimator : estimator
        Any classifier with `predict_proba`, fitted or not; it is not modified. For a
        fitted :class:`~sklearn.model_selection.GridSearchCV`, the best estimator is
        used. A :class:`~sklearn_ls.LabelSmoothingClassifierCV` that was fitted to these
        samples and labels, alone or as the last step of a pipeline, is not trained
        again if its `cv` reproduces its splits, which is checked. Its `oof_proba_` is
        then used, and the parameter `cv` is ignored.

    X : array-like of shape (n_samples, ...)
        The samples.

    y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
        Labels, or soft labels: a matrix of floats whose rows are distributions, of
        which the most likely labels are examined. May be None if `votes` are passed.

    y_soft : array-like of shape (n_samples, n_classes), default=None
        Soft labels to train on instead of `y`. Estimators whose `fit` does not accept
        `y_soft` are trained on `y`. See :class:`~sklearn_ls.LabelSmoother` for the
        order of the columns.

    votes : array-like of shape (n_samples, n_annotators) or DataFrame, default=None
        Votes of annotators, in a form that :func:`~sklearn_ls.crowds.votes_to_soft`
        accepts. With one vote per row, the samples in `X` must be in the order of the
        sorted ids. A :class:`~sklearn_ls.LabelSmoothingClassifierCV` is trained on the
        votes, with its own `cv`, and labels are examined by its `consensus_proba_`. For
        other estimators, the model of Dawid and Skene converts the votes into soft
        labels. The most likely labels of that model are examined, unless `y` is passed.

    groups : array-like of shape (n_samples,), default=None
        Groups for `cv`, such as :class:`~sklearn.model_selection.GroupKFold`. With
        groups, `oof_proba_` is not used.

    cv : int, cross-validation generator or iterable, default=5
        Determines the cross-validation splitting strategy, as in
        :func:`~sklearn.model_selection.cross_validate`.

    ranked_by : {"self_confidence", "normalized_margin"}, default="self_confidence"
        Label quality score by which samples are ranked, lowest first.
        ``"self_confidence"`` is the predicted probability of the label;
        ``"normalized_margin"`` is `(1 + p - q) / 2`, where `p` is that probability and
        `q` the largest probability of another label.

    as_frame : bool, default=False
        Whether to return a DataFrame.

    Returns
    -------
    issues : ndarray of shape (n_issues,) or DataFrame of shape (n_issues, 4)
        Indices of the suspicious samples. If `as_frame` is True, a DataFrame with one
        row per suspicious sample and the columns `sample` (its index), `given_label`,
        `suggested_label` (the most likely label) and `label_quality` (in [0, 1]).
        Inspect samples before removing them, since samples that are merely difficult
        are found, too. Samples that were never held out are not examined.

    Raises
    ------
    ImportError
        If cleanlab is not installed: ``pip install 'sklearn-ls[cleanlab]'``.

    TypeError
        If the estimator has no `predict_proba`.

    ValueError
        If labels are multilabel, or neither `y` nor `votes` are passed.

    See Also
    --------
    smoothing_report : Also estimates the fraction of wrong labels.
    sklearn_ls.datasets.corrupt_labels : Generates wrong labels, for experiments.

    References
    ----------
    .. [1] C. Northcutt, L. Jiang and I. Chuang. Confident learning: estimating
       uncertainty in dataset labels. JAIR 70, 2021. :doi:`10.1613/jair.1.12125`

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_ls.inspection import find_label_issues
    >>> X, y = load_iris(return_X_y=True)
    >>> y[0] = 2
    >>> find_label_issues(GaussianNB(), X, y, as_frame=True).head(2).round(3)
       sample  given_label  suggested_label  label_quality
    0       0            2                0          0.000
    1     106            2                1          0.025
    """
    try:
        import pandas as pd  # which cleanlab requires
        from cleanlab import filter as cleanlab_filter
        from cleanlab import rank
    except ImportError as error:
        raise ImportError(
            "find_label_issues requires cleanlab: pip install 'sklearn-ls[cleanlab]'."
        ) from error
    if votes is not None and y_soft is not None:
        raise ValueError("votes and y_soft cannot be combined. Pass one of them.")
    estimator = best_of_grid_search(estimator)
    require_proba(estimator, "find_label_issues")
    is_search = hasattr(last_step(estimator), "epsilons")
    if votes is not None and is_search:
        labels, y_proba = _find_consensus(estimator, X, y, votes, groups)
    else:
        y, y_soft = _take_votes(X, y, y_soft, votes)
        X, labels = check_X_labels(X, y, y_soft)
        y_proba = _predict_held_out(estimator, X, labels, groups, cv)
    judged = np.flatnonzero(~np.isnan(y_proba[:, 0]))
    codes, y_proba = labels.codes[judged], y_proba[judged]
    is_issue = cleanlab_filter.find_label_issues(codes, y_proba, n_jobs=1)
    quality = rank.get_label_quality_scores(codes, y_proba, method=ranked_by)
    issues = np.flatnonzero(is_issue)
    issues = issues[np.argsort(quality[issues], kind="stable")]
    if not as_frame:
        return judged[issues]
    columns = {
        "sample": judged[issues],
        "given_label": labels.classes[codes[issues]],
        "suggested_label": labels.classes[y_proba[issues].argmax(axis=1)],
        "label_quality": quality[issues],
    }
    return pd.DataFrame(columns)


def _find_consensus(estimator, X, y, votes, groups):
    """Return labels, and probabilities of the classes from the votes and a search.

    Parameters
    ----------
    estimator : estimator
        A search that takes votes, or a pipeline or grid search of one. It is fitted
        unless it has been fitted to these samples and votes.

    X, y, votes, groups : see find_label_issues

    Returns
    -------
    labels : TrainingLabels

    y_proba : ndarray of shape (n_samples, n_classes)
    """
    labels = encode_training_labels(y, votes=votes, X=X)
    if groups is not None or read_held_out(estimator, X, labels) is None:
        argument = fit_argument(estimator, "votes")
        params = {argument: votes}
        if groups is not None:
            params[argument.replace("votes", "groups")] = groups
        estimator = best_of_grid_search(clone(estimator).fit(X, y, **params))
    return labels, last_step(estimator).consensus_proba_


def _predict_held_out(estimator, X, labels, groups, cv):
    """Return probabilities of each sample by an estimator not trained on it."""
    held_out = None if groups is not None else read_held_out(estimator, X, labels)
    if held_out is not None:
        return held_out.search.oof_proba_
    splits = make_splits(cv, X, labels, groups)
    return cross_val_probas(estimator, X, labels, splits)


def _take_votes(X, y, y_soft, votes):
    """Return labels and soft labels, computed from votes if there are any."""
    import pandas as pd

    if votes is None:
        if y is None:
            raise ValueError("Either y or votes must be passed. Got None for both.")
        return y, y_soft
    labels = encode_training_labels(y, votes=votes, X=X)
    table = labels.votes.as_table(len(labels.classes))
    y_soft = pd.DataFrame(fit_dawid_skene(table), columns=labels.classes)
    return (y_soft, None) if y is None else (labels.y, y_soft)
