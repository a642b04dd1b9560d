"""find_label_issues: samples whose labels may be wrong, by cleanlab."""

import numpy as np
from sklearn.model_selection import cross_val_predict

from sklearn_ls.inspection._held_out import check_X_labels, read_held_out


def find_label_issues(estimator, X, y, *, cv=5):
    """Find samples whose labels may be wrong, the most suspicious first.

    cleanlab finds them by the predicted probabilities of a classifier that was not
    trained on them [1]_. They are ranked by self-confidence, the predicted probability
    of their observed label.

    Parameters
    ----------
    estimator : estimator
        Any classifier with `predict_proba`, fitted or not; it is not modified. If it is
        a :class:`~sklearn_ls.LabelSmoothingClassifierCV` that is fitted to these
        samples (or a pipeline that ends in one), and its `cv` reproduces its splits,
        which is checked, its `oof_proba_` is used and nothing is trained.

    X : array-like of shape (n_samples, ...)
        The samples.

    y : array-like of shape (n_samples,)
        One label per sample.

    cv : int, cross-validation generator or iterable, default=5
        Determines the cross-validation splitting strategy, as in
        :func:`~sklearn.model_selection.cross_val_predict`: each sample must be held out
        exactly once. Ignored if `oof_proba_` is used.

    Returns
    -------
    issues : ndarray of shape (n_issues,)
        Indices of samples in `X` and `y`. Inspect them before removing any, since
        samples that are merely difficult are found too. Samples that were never held
        out are not.

    Raises
    ------
    ImportError
        If cleanlab is not installed: ``pip install 'sklearn-ls[cleanlab]'``.

    ValueError
        If `y` is soft or multilabel.

    See Also
    --------
    smoothing_report : Estimates the fraction of wrong labels, among others.
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
    held_out_indices = np.flatnonzero(~np.isnan(y_proba[:, 0]))
    issues = cleanlab_filter.find_label_issues(
        codes[held_out_indices],
        y_proba[held_out_indices],
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return held_out_indices[issues]
