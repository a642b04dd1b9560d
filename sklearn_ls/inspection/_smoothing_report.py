"""smoothing_report: whether smoothing helps on one's own data."""

from html import escape
from textwrap import fill

import numpy as np
import sklearn
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.inspection._held_out import (
    check_rows,
    mean_of_splits,
    read_held_out,
)
from sklearn_ls.inspection._noise_rate import disagreement, uniform_part
from sklearn_ls.inspection._report_notes import make_notes, note_missing_labels
from sklearn_ls.inspection._report_verdict import SCORES, judge
from sklearn_ls.inspection._report_ways import (
    HARD,
    WAYS,
    find_knobs,
    predict_beside,
    predict_ways,
)
from sklearn_ls.inspection._standard_error import LIMIT, differs, mean_and_error
from sklearn_ls.inspection._warn_once import warn_once
from sklearn_ls.metrics import expected_calibration_error

UNIFORM, DISAGREEMENT = "uniform part", "disagreement"
WARNING = (
    "The uniform part is blind to mistakes that follow a pattern; the disagreement "
    "takes the classifier's mistakes for wrong labels. Neither need be right."
)


@warn_once
def smoothing_report(estimator, X, y, *, cv=5, n_jobs=None):
    """Tell whether smoothing helps on one's own data, by cross-validation.

    Trains on the same folds with hard labels and with smoothed ones, and compares the
    probabilities of the rows that are held out: those of hard labels, the same scaled
    by a temperature (which needs no smoothing), and those of smoothed labels, in each
    way that the estimator offers.

    Parameters
    ----------
    estimator : estimator
        A classifier with `predict_proba` and one epsilon of label smoothing:
        :class:`~sklearn_ls.LabelSmoothingClassifier`,
        :class:`~sklearn_ls.LabelSmoothingClassifierCV`, which chooses epsilon, a
        :class:`~sklearn_ls.SmoothedTargetClassifier` whose `smoother` is given, or a
        pipeline that ends in one. It is left as it is.

    X : array-like of shape (n_samples, ...)
        The rows.

    y : array-like of shape (n_samples,)
        One label a row.

    cv : int, cross-validation generator or iterable, default=5
        How to split the rows, as in :func:`~sklearn.model_selection.cross_validate`: at
        least two splits. For groups pass the splits themselves, such as
        ``list(GroupKFold().split(X, y, groups))``. Not used where `oof_proba_` is read.

    n_jobs : int, default=None
        How many folds to train at a time.

    Returns
    -------
    report : SmoothingReport

    Raises
    ------
    TypeError
        For an estimator without `predict_proba`, without an epsilon or with several,
        and for a search by a grid.

    ValueError
        For an epsilon of 0, soft or multilabel `y`, less than two splits, and training
        rows in which each label occurs once.

    ImportError
        Without pandas, and with scikit-learn older than 1.7.

    See Also
    --------
    EpsilonCurveDisplay : The scores of all epsilons of a search.
    ReliabilityDisplay : Whether the probabilities are too low or too high.
    find_label_issues : Which labels may be wrong.
    sklearn_ls.metrics.expected_calibration_error : One of the scores.

    Notes
    -----
    With a :class:`~sklearn_ls.LabelSmoothingClassifierCV` that is fitted to these rows
    (or a pipeline that ends in one) nothing smoothed is trained: its fold networks have
    predicted the rows that they did not train on, `oof_proba_`, and hard labels are
    trained beside them on the same folds. This is quicker, and less strict: epsilon was
    chosen by these rows, and networks that stopped early were stopped by them, hard and
    smoothed alike. It is of single fold networks, not of all together. It is done where
    the `cv` of the search gives the same splits again, which is checked, and supposes
    that it was fitted without `sample_weight`. Pass ``clone(estimator)`` to train
    anew.

    Hard labels are those of the same estimator with epsilon 0; of a search, of a search
    of epsilon 0 alone, whose fold networks predict together too. The temperature is
    that of :class:`~sklearn.calibration.CalibratedClassifierCV` with
    ``ensemble=False``, fitted by cross-validation within the training rows [1]_,
    without rows whose label is so rare that the inner fold has not learnt it. The
    estimator's own ways, its parameter `calibration`, are compared at one epsilon. That
    is nine networks a fold, or of a search the search and eight ensembles more.

    Accuracy is that of the most likely class. The other scores are
    :func:`~sklearn.metrics.log_loss`, :func:`~sklearn.metrics.brier_score_loss` and
    :func:`~sklearn_ls.metrics.expected_calibration_error` with their defaults; the last
    is mostly noise where folds have less than some hundred rows. All are against the
    labels as given: where those are wrong, probabilities that fit them fit the truth
    less.

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
    >>> clf = LabelSmoothingClassifier(0.1, learning_rate=0.01, random_state=0)
    >>> report = smoothing_report(make_pipeline(StandardScaler(), clf), X, y, cv=3)
    >>> report.verdict.partition(". ")[0]
    'You do not need smoothing'
    >>> report.ways[:3]
    ['hard labels', 'hard + temperature', 'smoothed']
    >>> bool(report.table.loc["accuracy", "mean"].min() > 0.9)
    True
    """
    _check_versions()
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"smoothing_report needs probabilities, but {type(estimator).__name__} has "
            "no predict_proba."
        )
    knobs = find_knobs(estimator)
    X, y, classes, codes = check_rows(X, y)
    held_out = read_held_out(estimator, X, y, classes)
    if held_out is None:
        splits = list(check_cv(cv, y, classifier=True).split(X, y))
    else:
        splits = held_out.splits
    if len(splits) < 2:
        raise ValueError(
            "A single split has no standard error: cv must give two or more."
        )
    if held_out is None:
        predicted = Parallel(n_jobs=n_jobs)(
            delayed(predict_ways)(estimator, knobs, X, y, split, classes)
            for split in splits
        )
        oof = mean_of_splits([part.probas[HARD] for part in predicted], splits, len(y))
    else:
        predicted = predict_beside(held_out, knobs, codes, classes)
        oof = held_out.search.oof_proba_
    ways = [way for way in WAYS if all(way in part.probas for part in predicted)]
    scores = [
        [score_all(codes[test], part.probas[way]) for way in ways]
        for part, (_, test) in zip(predicted, splits, strict=True)
    ]
    notes = make_notes(estimator, knobs, predicted, held_out)
    notes += note_missing_labels(classes, codes, splits)
    return SmoothingReport(
        ways,
        np.transpose(scores),
        noise=estimate_noise(codes, oof),
        epsilons=[part.epsilon for part in predicted],
        notes=notes,
    )


def estimate_noise(codes, oof_proba):
    """Return two estimates of the share of wrong labels, by name.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    oof_proba : ndarray of shape (n_samples, n_classes)
        NaN where a row was never held out.
    """
    rows = ~np.isnan(oof_proba[:, 0])
    codes, y_proba = codes[rows], oof_proba[rows].astype(np.float64)
    return {
        UNIFORM: uniform_part(codes, y_proba),
        DISAGREEMENT: disagreement(codes, y_proba),
    }


def score_all(codes, y_proba):
    """Return the scores of `SCORES`, in their order.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes), float64
        Where it is 0 it counts as the machine precision, see `log_loss`.

    Returns
    -------
    scores : list of float
    """
    labels = np.arange(y_proba.shape[1])
    return [
        accuracy_score(codes, y_proba.argmax(axis=1)),
        log_loss(codes, y_proba, labels=labels),
        brier_score_loss(codes, y_proba, labels=labels),
        expected_calibration_error(codes, y_proba, labels=labels),
    ]


class SmoothingReport:
    """Scores with and without smoothing, and what they say.

    Made by :func:`smoothing_report`. Shown as text, or as HTML in notebooks.

    Parameters
    ----------
    ways : list of str
        The ways to probabilities that are compared. The first is "hard labels".

    scores : ndarray of shape (4, n_ways, n_splits)
        Accuracy, log-loss, Brier score and calibration error of each on each fold. Of
        accuracy more is better, of the others less.

    noise : dict of str to float
        Two estimates of the share of wrong labels from held-out predictions:
        ``"uniform part"``, the share that looks wrong at random, from the
        likelihood of the labels, and ``"disagreement"``, the share off the diagonal of
        cleanlab's confident joint, NaN without cleanlab. The first is blind to mistakes
        that follow a pattern, the second counts the classifier's own; the truth may
        lie outside of both.

    epsilons : list
        The epsilon of the smoothed ways on each fold.

    notes : list of str, default=()
        Where the numbers come from, and what to mind.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Where it was drawn, one axes a score.

    figure_ : matplotlib Figure
        The figure of `axes_`.

    See Also
    --------
    smoothing_report : Makes one.

    Notes
    -----
    Standard errors are those of independent folds, ``std(ddof=1) / sqrt(n_splits)``.
    Folds share training rows, so that they are rather too small [1]_.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio. Inference for the generalization error. Machine
       Learning 52, 2003. :doi:`10.1023/A:1024068626366`
    """

    def __init__(self, ways, scores, *, noise, epsilons, notes=()):
        self.ways = ways
        self.scores = scores
        self.noise = noise
        self.epsilons = epsilons
        self.notes = notes

    @property
    def table(self):
        """DataFrame of each score (outer index) of each way (inner index).

        Its columns are the mean over folds, its standard error, and the mean paired
        difference from hard labels with its own.
        """
        import pandas as pd

        columns = (*mean_and_error(self.scores), *mean_and_error(self._differences()))
        names = "mean", "se", "difference", "difference_se"
        index = pd.MultiIndex.from_product([SCORES, self.ways], names=["score", "way"])
        columns = {
            name: values.ravel() for name, values in zip(names, columns, strict=True)
        }
        return pd.DataFrame(columns, index=index)

    @property
    def verdict(self):
        """What the scores say, by paired differences and their standard errors."""
        return judge(
            {
                score: dict(zip(self.ways, values, strict=True))
                for score, values in zip(SCORES, self.scores, strict=True)
            },
            smooths=np.any(self.epsilons),
        )

    def plot(self, *, ax=None):
        """Draw the differences from hard labels, with two standard errors.

        Parameters
        ----------
        ax : array-like of matplotlib Axes of shape (4,), default=None
            Where to draw accuracy, log-loss, Brier score and calibration error; None
            for a new figure.

        Returns
        -------
        report : SmoothingReport
        """
        if ax is None:
            size = 11, 1.2 + 0.35 * len(self.ways)
            options = {"figsize": size, "sharey": True, "layout": "constrained"}
            ax = new_axes(self, ncols=len(SCORES), **options)
        axes = np.asarray(ax, dtype=object).ravel()
        if len(axes) != len(SCORES):
            raise ValueError(
                f"ax must hold {len(SCORES)} axes, one a score. Got {len(axes)}."
            )
        means, errors = mean_and_error(self._differences())
        rows = np.arange(1, len(self.ways))
        for axis, score, mean, error in zip(axes, SCORES, means, errors, strict=True):
            axis.axvline(0, color="0.5", linewidth=0.8)
            axis.errorbar(
                mean[1:], rows, xerr=LIMIT * error[1:], fmt="o", capsize=3, color="C0"
            )
            better = "more" if score == "accuracy" else "less"
            axis.set(title=score, xlabel=f"difference ({better} is better)")
            axis.locator_params(axis="x", nbins=4)
            axis.set_yticks(rows, self.ways[1:])
            axis.set_ylim(len(self.ways) - 0.5, 0.5)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self

    def __repr__(self):
        means, differences = self._cells()
        return "\n".join(
            [
                _wrap(self.verdict),
                "",
                f"Mean over {self.scores.shape[2]} folds +- its standard error",
                means.to_string(),
                "",
                f"Paired difference from {HARD} (* beyond {LIMIT} standard errors)",
                differences.to_string(),
                "",
                _wrap(self._tell_noise()),
                *(_wrap(note) for note in self.notes),
            ]
        )

    def _repr_html_(self):
        means, differences = self._cells()
        return "\n".join(
            [
                "<div>",
                f"<p><b>{escape(self.verdict)}</b></p>",
                f"<p>Mean over {self.scores.shape[2]} folds +- its standard error</p>",
                means.to_html(border=0),
                f"<p>Paired difference from {HARD} (* beyond {LIMIT} standard "
                "errors)</p>",
                differences.to_html(border=0),
                f"<p>{escape(self._tell_noise())}</p>",
                "<ul>",
                *(f"<li>{escape(note)}</li>" for note in self.notes),
                "</ul>",
                "</div>",
            ]
        )

    def _differences(self):
        return self.scores - self.scores[:, :1]

    def _cells(self):
        """Return means and differences as they are shown, one row a way."""
        differences = self._differences()[:, 1:]
        return (
            _to_cells(self.scores, self.ways, "{:.3f} +- {:.3f}"),
            _to_cells(differences, self.ways[1:], "{:+.3f} +- {:.3f}", mark=True),
        )

    def _tell_noise(self):
        shown = {
            name: "not known without cleanlab (pip install 'sklearn-ls[cleanlab]')"
            if np.isnan(rate)
            else f"{rate:.2f}"
            for name, rate in self.noise.items()
        }
        told = ", ".join(f"{name} {rate}" for name, rate in shown.items())
        return f"Share of wrong labels: {told}. {WARNING}"


def _to_cells(values, ways, form, mark=False):
    """Return a DataFrame of texts, of one way a row and one score a column.

    Parameters
    ----------
    values : ndarray of shape (4, n_ways, n_splits)

    ways : list of str

    form : str
        Takes a mean and its standard error.

    mark : bool, default=False
        Whether to mark what differs from 0.
    """
    import pandas as pd

    def cell(mean, error):
        star = "*" if differs(mean, error) else " "
        return form.format(mean, error) + (star if mark else "")

    columns = {
        score: list(map(cell, *mean_and_error(some)))
        for score, some in zip(SCORES, values, strict=True)
    }
    return pd.DataFrame(columns, index=ways)


def _wrap(text):
    return fill(text, 88, break_on_hyphens=False)


def _check_versions():
    """Raise for what is missing before anything is trained."""
    if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 7):
        raise ImportError(
            "smoothing_report needs scikit-learn 1.7 or newer, which has the Brier "
            f"score of several classes. Version {sklearn.__version__} is installed."
        )
    try:
        import pandas  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "smoothing_report needs pandas: pip install pandas."
        ) from error
