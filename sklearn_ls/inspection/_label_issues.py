"""find_label_issues: rows whose labels may be wrong, by cleanlab."""

import numpy as np
from sklearn.model_selection import cross_val_predict

from sklearn_ls.inspection._held_out import check_X_labels, read_held_out


def find_label_issues(estimator, X, y, *, cv=5):
    """Return the rows whose labels may be wrong, the most suspicious first.

    cleanlab finds them by the probabilities of a classifier that was not trained on
    them [1]_. They are ranked by self-confidence, the probability of their own label.

    Parameters
    ----------
    estimator : estimator
        Any classifier with `predict_proba`, fitted or not; it is left as it is. Of a
        :class:`~sklearn_ls.LabelSmoothingClassifierCV` that is fitted to these rows (or
        a pipeline that ends in one) `oof_proba_` is read, where its `cv` gives the same
        splits again, which is checked, and nothing is trained.

    X : array-like of shape (n_samples, ...)
        The rows.

    y : array-like of shape (n_samples,)
        One label a row.

    cv : int, cross-validation generator or iterable, default=5
        How to split the rows, each of which is to be held out once, see
        :func:`~sklearn.model_selection.cross_val_predict`. Not used where `oof_proba_`
        is read.

    Returns
    -------
    rows : ndarray of shape (n_issues,)
        Positions in `X` and `y`. To look at, not to delete unseen: rows that are merely
        hard come up too. Rows that were never held out do not.

    Raises
    ------
    ImportError
        Without cleanlab: ``pip install 'sklearn-ls[cleanlab]'``.

    ValueError
        For soft or multilabel `y`.

    See Also
    --------
    smoothing_report : Estimates the share of wrong labels, too.
    sklearn_ls.datasets.corrupt_labels : Wrong labels, to try it where they are known.

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
    >>> int(find_label_issues(GaussianNB(), X, y)[0])
    0
    """
    try:
        from cleanlab import filter as cleanlab_filter
    except ImportError as error:
        raise ImportError(
            "find_label_issues needs cleanlab: pip install 'sklearn-ls[cleanlab]'."
        ) from error
    X, y, classes, codes = check_X_labels(X, y)
    held_out = read_held_out(estimator, X, y, classes)
    if held_out is None:
        y_proba = cross_val_predict(estimator, X, y, cv=cv, method="predict_proba")
    else:
        y_proba = held_out.search.oof_proba_
    rows = np.flatnonzero(~np.isnan(y_proba[:, 0]))
    issues = cleanlab_filter.find_label_issues(
        codes[rows],
        y_proba[rows],
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return rows[issues]
