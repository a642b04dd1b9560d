"""smoothing_report: whether smoothing helps on a data set, by cross-validation."""

import numpy as np
import sklearn
from numpy.typing import ArrayLike
from sklearn.utils.parallel import Parallel, delayed

from sklearn_ls._types import Estimator, MatrixLike, SamplesLike, Splits
from sklearn_ls.inspection._held_out import (
    check_X_labels,
    make_splits,
    mean_held_out_proba,
    read_held_out,
)
from sklearn_ls.inspection._pipeline import (
    best_of_grid_search,
    fit_argument,
    is_grid_search,
    require_proba,
)
from sklearn_ls.inspection._report.noise_rate import estimate_noise
from sklearn_ls.inspection._report.notes import make_notes, note_missing_labels
from sklearn_ls.inspection._report.report import SmoothingReport
from sklearn_ls.inspection._report.scores import score_variants
from sklearn_ls.inspection._report.smoothing_params import (
    best_that_smooths,
    count_epsilons_above_0,
    find_smoothing_params,
    smooths,
)
from sklearn_ls.inspection._report.variants import (
    HARD,
    VARIANTS,
    predict_variants,
    predict_variants_of_search,
)
from sklearn_ls.inspection._report.warn_once import warn_once


@warn_once
def smoothing_report(
    estimator: Estimator,
    X: SamplesLike,
    y: ArrayLike,
    *,
    y_soft: MatrixLike | None = None,
    cv: Splits = 5,
    n_jobs: int | None = None,
) -> SmoothingReport:
    """Compare smoothed labels with hard labels by cross-validation.

    The estimator is trained on the same splits with hard and with smoothed labels, and
    its predicted probabilities of the held-out samples are compared: for hard labels
    with and without temperature scaling, and for smoothed labels with each
    `calibration` that the estimator supports.

    Parameters
    ----------
    estimator : estimator
        A classifier with `predict_proba` and one epsilon of label smoothing:
        :class:`~sklearn_ls.LabelSmoothingClassifier`,
        :class:`~sklearn_ls.LabelSmoothingClassifierCV`, which chooses epsilon, a
        :class:`~sklearn_ls.SmoothedTargetClassifier` whose epsilon or smoother is set,
        or a pipeline that ends in one of these. For a fitted
        :class:`~sklearn.model_selection.GridSearchCV`, the best estimator is compared
        or, if its epsilon is 0, the best one that smooths. The estimator is not
        modified.

    X : array-like of shape (n_samples, ...)
        The samples.

    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels, or soft labels: a matrix of floats whose rows are distributions, of
        which the most likely labels are the hard labels.

    y_soft : array-like of shape (n_samples, n_classes), default=None
        Soft labels to train the smoothed variants on instead of `y`, see
        :class:`~sklearn_ls.LabelSmoother` for the order of the columns. Epsilon may
        then be 0.

    cv : int, cross-validation generator or iterable, default=5
        Determines the cross-validation splitting strategy, as in
        :func:`~sklearn.model_selection.cross_validate`. At least two splits are needed.
        For groups, pass the splits themselves, such as
        ``list(GroupKFold().split(X, y, groups))``. Ignored if `oof_proba_` is used, see
        Notes.

    n_jobs : int, default=None
        Number of splits to train in parallel.

    Returns
    -------
    report : SmoothingReport
        The scores of all variants, with a verdict.

    Raises
    ------
    TypeError
        If the estimator has no `predict_proba`, has no or several epsilons, is a search
        over a parameter grid that is not fitted, or does not accept the soft labels
        that are passed.

    ValueError
        If epsilon is 0, `y` is multilabel, there are fewer than two splits, or each
        label occurs only once in the training samples of a split.

    ImportError
        If pandas is not installed, or scikit-learn is older than 1.7.

    See Also
    --------
    EpsilonCurveDisplay : The scores of all epsilons of a search.
    ReliabilityDisplay : Whether the probabilities are too low or too high.
    find_label_issues : Which labels may be wrong.
    sklearn_ls.metrics.expected_calibration_error : One of the scores.

    Notes
    -----
    For a :class:`~sklearn_ls.LabelSmoothingClassifierCV` that was fitted to these
    samples and labels, or a pipeline that ends in one, no smoothed network is trained,
    unless epsilon 0 was chosen: `oof_proba_` contains the predictions of its fold
    networks for samples that they were not trained on, and hard labels are trained on
    the same splits. This is faster but less strict: epsilon was chosen on these
    samples, and early stopping, if any, used them, for hard and smoothed labels
    equally. The probabilities are those of single fold networks, not of their mean.
    `oof_proba_` is used only if the `cv` of the search reproduces its splits, and if
    the search was fitted to the same labels without `sample_weight`; both are checked.
    Pass ``clone(estimator)`` to train all variants.

    Hard labels are trained by the same estimator with epsilon 0; for a search, by a
    search over epsilon 0 alone, whose fold networks also predict together. The
    temperature is that of :class:`~sklearn.calibration.CalibratedClassifierCV` with
    ``ensemble=False``, fitted by cross-validation within the training samples [1]_,
    excluding samples whose label is missing from the training samples of their inner
    fold. The values of the estimator's own `calibration` are compared at the same
    epsilon. In total nine networks are trained per split or, for a search, the search
    and eight ensembles.

    Accuracy is that of the most likely class. The other scores are
    :func:`~sklearn.metrics.log_loss`, :func:`~sklearn.metrics.brier_score_loss`,
    :func:`~sklearn_ls.metrics.expected_calibration_error` and
    :func:`~sklearn_ls.metrics.area_under_risk_coverage` with their defaults; the
    calibration error is mostly noise if a split has fewer than a few hundred test
    samples, and the area depends on the number of errors and on whether they are the
    least confident predictions. All scores are computed against the observed labels:
    where these are wrong, probabilities that fit them better fit the true labels worse.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger. On calibration of modern
       neural networks. ICML 2017. :doi:`10.48550/arXiv.1706.04599`

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ls import LabelSmoothingClassifier
    >>> from sklearn_ls.inspection import smoothing_report
    >>> X, y = load_wine(return_X_y=True)
    >>> clf = LabelSmoothingClassifier(0.1, random_state=0)
    >>> report = smoothing_report(make_pipeline(StandardScaler(), clf), X, y, cv=3)
    >>> report.verdict.partition(". ")[0]
    'You do not need smoothing'
    >>> report.ways[:3]
    ['hard labels', 'hard + temperature', 'smoothed']
    >>> bool(report.table.loc["accuracy", "mean"].min() > 0.9)
    True
    """
    _check_versions()
    require_proba(estimator, "smoothing_report")
    X, labels = check_X_labels(X, y, y_soft)
    estimator, smoothing_params, n_epsilons = _choose(estimator, labels)
    held_out = read_held_out(estimator, X, labels)
    if held_out is None:
        splits = make_splits(cv, X, labels)
    else:
        splits = held_out.splits
    if len(splits) < 2:
        raise ValueError(
            "cv must yield at least two splits, to estimate standard errors. Got "
            f"{len(splits)}."
        )
    if held_out is None:
        predictions = Parallel(n_jobs=n_jobs)(
            delayed(predict_variants)(estimator, smoothing_params, X, labels, split)
            for split in splits
        )
        hard_probas = [fold.probas[HARD] for fold in predictions]
        oof_proba = mean_held_out_proba(hard_probas, splits, len(labels))
    else:
        predictions = predict_variants_of_search(held_out, smoothing_params, labels)
        oof_proba = held_out.search.oof_proba_
    variants = [
        variant
        for variant in VARIANTS
        if all(variant in fold.probas for fold in predictions)
    ]
    if held_out is not None:
        n_epsilons = np.count_nonzero(held_out.search.epsilons_)
    scores = score_variants(
        labels.codes,
        [{name: fold.probas[name] for name in variants} for fold in predictions],
        [test for _, test in splits],
        max(1, n_epsilons),
    )
    notes = make_notes(
        estimator, smoothing_params, labels, predictions, held_out, n_epsilons
    )
    notes += note_missing_labels(labels.classes, labels.codes, splits)
    return SmoothingReport(
        scores,
        noise=estimate_noise(labels.codes, oof_proba),
        epsilons=[fold.epsilon for fold in predictions],
        notes=notes,
    )


def _choose(estimator, labels):
    """Return the estimator to compare, and its smoothing parameters.

    Parameters
    ----------
    estimator : estimator

    labels : TrainingLabels

    Returns
    -------
    estimator : estimator

    smoothing_params : SmoothingParams

    n_epsilons : int
        Number of epsilons above 0 among which a fitted grid search chose.
    """
    is_soft = labels.y_soft is not None
    if is_soft and fit_argument(estimator, "y_soft") is None:
        raise TypeError(
            f"Soft labels were passed, but {type(estimator).__name__}.fit does not "
            "accept y_soft."
        )
    best, n_epsilons = best_of_grid_search(estimator), 1
    smoothing_params = find_smoothing_params(best)
    if is_grid_search(estimator):
        n_epsilons = count_epsilons_above_0(estimator, smoothing_params)
    if is_soft or smooths(best, smoothing_params):
        return best, smoothing_params, n_epsilons
    other = best_that_smooths(estimator) if is_grid_search(estimator) else None
    if other is not None:
        return other, find_smoothing_params(other), n_epsilons
    raise ValueError(
        f"{smoothing_params.epsilon}={best.get_params()[smoothing_params.epsilon]!r} "
        "does not smooth, so there is nothing to compare. Set it to the epsilon that "
        "you intend to use."
    )


def _check_versions():
    """Raise ImportError if a requirement is missing, before anything is trained."""
    if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 7):
        raise ImportError(
            "smoothing_report requires scikit-learn 1.7 or newer for the multiclass "
            f"Brier score. Version {sklearn.__version__} is installed."
        )
    try:
        import pandas  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "smoothing_report requires pandas: pip install pandas."
        ) from error
