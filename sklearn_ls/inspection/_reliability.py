"""ReliabilityDisplay: how often classifiers are right, over how sure they are."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.metrics import (
    calibration_curve_multiclass,
    expected_calibration_error,
)
from sklearn_ls.metrics._bins import events, find_bins
from sklearn_ls.metrics._probabilities import check_against_labels

_DIAGONAL = "perfectly calibrated"
_HISTOGRAM = "histogram of confidences"
_AXES = {  # of the curve and of the histogram: what is counted, and over what
    "top-label": ("accuracy", "confidence", "share of rows"),
    "class-wise": ("frequency of the class", "probability", "share of all"),
}


class ReliabilityDisplay:
    """Reliability diagram of classifiers of any number of classes.

    Accuracy over confidence, the probability of the predicted class, with a histogram
    of the confidences below. A curve below the diagonal is over-confident, one above it
    under-confident. Make one with :meth:`from_estimator` or :meth:`from_predictions`;
    for several classifiers on one axes pass ``ax=display.ax_`` of the first.

    Parameters
    ----------
    prob_true : ndarray of shape (n_bins_with_rows,)
        How often the class was right in each bin.

    prob_pred : ndarray of shape (n_bins_with_rows,)
        Its mean probability in each bin.

    shares : ndarray of shape (n_bins,)
        Share of the confidences in each of equally wide bins from 0 to 1.

    kind : {"top-label", "class-wise"}, default="top-label"
        Whether these are the predicted classes, or all classes together.

    calibration_error : float, default=None
        The expected calibration error, for the legend.

    name : str, default=None
        What the classifier is called, for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the curve was drawn.

    ax_histogram_ : matplotlib Axes
        The axes below `ax_`, with the histogram.

    figure_ : matplotlib Figure
        The figure of `ax_`.

    line_ : matplotlib Line2D
        The curve.

    histogram_ : matplotlib StepPatch
        The histogram.

    See Also
    --------
    sklearn_ls.metrics.calibration_curve_multiclass : The curve.
    sklearn_ls.metrics.expected_calibration_error : The number in the legend.
    smoothing_report : Compares ways to probabilities by cross-validation.
    sklearn.calibration.CalibrationDisplay : The curve of one of two classes.

    Notes
    -----
    A bin with few rows may lie far from the diagonal by chance: the histogram tells
    which bins count. The diagram is that of [1]_.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger. On calibration of modern
       neural networks. ICML 2017. :doi:`10.48550/arXiv.1706.04599`

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_ls.inspection import ReliabilityDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> tree = DecisionTreeClassifier(max_depth=2).fit(X[::2], y[::2])
    >>> logistic = LogisticRegression(max_iter=10_000).fit(X[::2], y[::2])
    >>> display = ReliabilityDisplay.from_estimator(tree, X[1::2], y[1::2])
    >>> other = ReliabilityDisplay.from_estimator(
    ...     logistic, X[1::2], y[1::2], ax=display.ax_
    ... )
    >>> round(display.calibration_error, 2), round(other.calibration_error, 2)
    (0.08, 0.04)
    """

    def __init__(
        self,
        prob_true,
        prob_pred,
        shares,
        *,
        kind="top-label",
        calibration_error=None,
        name=None,
    ):
        self.prob_true = np.asarray(prob_true, dtype=float)
        self.prob_pred = np.asarray(prob_pred, dtype=float)
        self.shares = np.asarray(shares, dtype=float)
        self.kind = kind
        self.calibration_error = calibration_error
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        kind="top-label",
        strategy="uniform",
        n_bins=15,
        sample_weight=None,
        name=None,
        ax=None,
    ):
        """Draw the diagram of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with `predict_proba`, or a pipeline that ends in one.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows that it was not trained on.

        y : array-like of shape (n_samples,)
            Their labels.

        kind : {"top-label", "class-wise"}, default="top-label"
            Whether to look at the predicted classes alone, or at all classes.

        strategy : {"uniform", "quantile"}, default="uniform"
            Whether bins are equally wide, or have equally many rows.

        n_bins : int, default=15
            Number of bins.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows.

        name : str, default=None
            For the legend; None for the name of the class of the estimator.

        ax : matplotlib Axes, default=None
            Where to draw, the `ax_` of another display to add to it; None for a new
            figure.

        Returns
        -------
        display : ReliabilityDisplay
        """
        check_is_fitted(estimator)
        return cls.from_predictions(
            y,
            estimator.predict_proba(X),
            kind=kind,
            strategy=strategy,
            n_bins=n_bins,
            sample_weight=sample_weight,
            labels=estimator.classes_,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_proba,
        *,
        kind="top-label",
        strategy="uniform",
        n_bins=15,
        sample_weight=None,
        labels=None,
        name=None,
        ax=None,
    ):
        """Draw the diagram of predicted probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            The labels.

        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities as `predict_proba` returns them, or of two classes
            those of the second.

        kind : {"top-label", "class-wise"}, default="top-label"
            Whether to look at the predicted classes alone, or at all classes.

        strategy : {"uniform", "quantile"}, default="uniform"
            Whether bins are equally wide, or have equally many rows.

        n_bins : int, default=15
            Number of bins.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows.

        labels : array-like of shape (n_classes,), default=None
            All labels, sorted. Needed where `y_true` lacks some.

        name : str, default=None
            For the legend.

        ax : matplotlib Axes, default=None
            Where to draw, the `ax_` of another display to add to it; None for a new
            figure.

        Returns
        -------
        display : ReliabilityDisplay
        """
        options = {
            "kind": kind,
            "n_bins": n_bins,
            "sample_weight": sample_weight,
            "labels": labels,
        }
        curve = calibration_curve_multiclass(
            y_true, y_proba, strategy=strategy, **options
        )
        error = expected_calibration_error(
            y_true, y_proba, strategy=strategy, **options
        )
        display = cls(
            *curve[:2],
            _shares(y_true, y_proba, **options),
            kind=kind,
            calibration_error=error,
            name=name,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None, name=None):
        """Draw the curve, and the histogram below it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, the `ax_` of another display to add to it; None for a new
            figure. Axes get shorter, to make room for the histogram.

        name : str, default=None
            For the legend; None for the `name` of the display.

        Returns
        -------
        display : ReliabilityDisplay
        """
        if ax is None:
            ax = new_axes(self, figsize=(5, 6), layout="constrained")
        below = _axes_below(ax)
        if _DIAGONAL not in ax.get_legend_handles_labels()[1]:
            ax.plot([0, 1], [0, 1], "k:", label=_DIAGONAL)
        name = self.name if name is None else name
        error = self.calibration_error
        label = [name] if name is not None else []
        label += [f"ECE {error:.3f}"] if error is not None else []
        (self.line_,) = ax.plot(
            self.prob_pred,
            self.prob_true,
            marker="o",
            markersize=4,
            clip_on=False,
            label=", ".join(label) or None,
        )
        self.histogram_ = below.stairs(
            self.shares,
            np.linspace(0, 1, len(self.shares) + 1),
            color=self.line_.get_color(),
            linewidth=1.5,
        )
        counted, over, share = _AXES[self.kind]
        ax.set(xlim=(0, 1), ylim=(0, 1), ylabel=counted)
        below.set(xlabel=over, ylabel=share)
        ax.legend(fontsize="small")
        self.ax_, self.ax_histogram_, self.figure_ = ax, below, ax.figure
        return self


def _shares(y_true, y_proba, *, kind, n_bins, sample_weight, labels):
    """Return the share of the probabilities in each of equally wide bins."""
    codes, y_proba, weight = check_against_labels(
        y_true, y_proba, sample_weight, labels
    )
    predicted, _ = events(codes, y_proba, kind)
    weight = np.repeat(weight, predicted.shape[1])
    numbers = find_bins(predicted.ravel(), weight, n_bins, "uniform")
    return np.bincount(numbers, weights=weight, minlength=n_bins) / weight.sum()


def _axes_below(ax):
    """Return the axes with the histogram below others; make them if there are none."""
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "ax must have a place in a grid, as those of plt.subplots, which can be "
            "shared with the histogram."
        )
    for other in ax.figure.axes:
        if other.get_label() == _HISTOGRAM:
            if other.get_subplotspec().get_gridspec() is place.get_gridspec():
                return other
    upper, lower = place.subgridspec(2, 1, height_ratios=(4, 1), hspace=0.05)
    ax.set_subplotspec(upper)
    ax.set(box_aspect=1, anchor="S")  # as wide as the histogram, and next to it
    ax.tick_params(labelbottom=False)
    below = ax.figure.add_subplot(lower, sharex=ax, label=_HISTOGRAM)
    below.set(box_aspect=1 / 4, anchor="N")
    return below
