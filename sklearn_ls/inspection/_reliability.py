"""ReliabilityDisplay: accuracy as a function of confidence."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._types import (
    Binning,
    Estimator,
    Kind,
    MatrixLike,
    SamplesLike,
    VectorLike,
)
from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.metrics import (
    calibration_curve_multiclass,
    expected_calibration_error,
)
from sklearn_ls.metrics._bins import events, find_bins
from sklearn_ls.metrics._probabilities import check_against_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DIAGONAL = "perfectly calibrated"
_HISTOGRAM = "histogram of confidences"
_AXIS_LABELS = {  # y-axis of the curve, x-axis, y-axis of the histogram
    "top-label": ("accuracy", "confidence", "fraction of samples"),
    "class-wise": ("frequency of the class", "probability", "fraction of all"),
}


class ReliabilityDisplay:
    """Reliability diagram of classifiers with any number of classes.

    The diagram shows accuracy as a function of confidence, the predicted probability of
    the predicted class, with a histogram of the confidences below. The curve of an
    over-confident classifier is below the diagonal, that of an under-confident
    classifier above it. Use :meth:`from_estimator` or :meth:`from_predictions` to
    create a display; to plot several classifiers on the same axes, pass
    ``ax=display.ax_`` of the first.

    Parameters
    ----------
    prob_true : ndarray of shape (n_nonempty_bins,)
        The fraction of correct predictions in each bin.

    prob_pred : ndarray of shape (n_nonempty_bins,)
        The mean predicted probability in each bin.

    shares : ndarray of shape (n_bins,)
        The fraction of the confidences in each of `n_bins` bins of the same width from
        0 to 1.

    kind : {"top-label", "class-wise"}, default="top-label"
        Whether the probabilities are those of the predicted classes only, or of all
        classes.

    calibration_error : float, default=None
        The expected calibration error, shown in the legend.

    name : str, default=None
        Name of the classifier, shown in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the curve.

    ax_histogram_ : matplotlib Axes
        The axes of the histogram, below `ax_`.

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
    smoothing_report : Compares probabilities with and without smoothing.
    sklearn.calibration.CalibrationDisplay : The curve of binary classifiers.

    Notes
    -----
    A bin with few samples may be far from the diagonal by chance; the histogram shows
    where samples are few. The diagram follows [1]_.

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
        prob_true: VectorLike,
        prob_pred: VectorLike,
        shares: VectorLike,
        *,
        kind: Kind = "top-label",
        calibration_error: float | None = None,
        name: str | None = None,
    ) -> None:
        self.prob_true = np.asarray(prob_true, dtype=float)
        self.prob_pred = np.asarray(prob_pred, dtype=float)
        self.shares = np.asarray(shares, dtype=float)
        self.kind = kind
        self.calibration_error = calibration_error
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: SamplesLike,
        y: ArrayLike,
        *,
        kind: Kind = "top-label",
        strategy: Binning = "uniform",
        n_bins: int = 15,
        sample_weight: VectorLike | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the diagram of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with `predict_proba`, or a pipeline that ends in one.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples that the classifier was not trained on.

        y : array-like of shape (n_samples,)
            Labels.

        kind : {"top-label", "class-wise"}, default="top-label"
            Whether to use the probabilities of the predicted classes only, or of all
            classes.

        strategy : {"uniform", "quantile"}, default="uniform"
            Strategy used to define the widths of the bins: ``"uniform"`` for identical
            widths, ``"quantile"`` for the same number of samples per bin.

        n_bins : int, default=15
            Number of bins.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        name : str, default=None
            Name shown in the legend. If None, the name of the estimator's class.

        ax : matplotlib Axes, default=None
            Axes to plot on, such as the `ax_` of another display. If None, a new figure
            is created.

        Returns
        -------
        display : ReliabilityDisplay
            The display, plotted.
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
        y_true: ArrayLike,
        y_proba: VectorLike | MatrixLike,
        *,
        kind: Kind = "top-label",
        strategy: Binning = "uniform",
        n_bins: int = 15,
        sample_weight: VectorLike | None = None,
        labels: ArrayLike | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the diagram of predicted probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels.

        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities, as returned by `predict_proba`. In the binary case,
            the probabilities of the greater label may be passed instead.

        kind : {"top-label", "class-wise"}, default="top-label"
            Whether to use the probabilities of the predicted classes only, or of all
            classes.

        strategy : {"uniform", "quantile"}, default="uniform"
            Strategy used to define the widths of the bins: ``"uniform"`` for identical
            widths, ``"quantile"`` for the same number of samples per bin.

        n_bins : int, default=15
            Number of bins.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        labels : array-like of shape (n_classes,), default=None
            All labels, sorted. Required if `y_true` does not contain all of them.

        name : str, default=None
            Name shown in the legend.

        ax : matplotlib Axes, default=None
            Axes to plot on, such as the `ax_` of another display. If None, a new figure
            is created.

        Returns
        -------
        display : ReliabilityDisplay
            The display, plotted.
        """
        options: dict[str, Any] = {
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

    def plot(self, *, ax: "Axes | None" = None, name: str | None = None) -> Self:
        """Plot the curve, and the histogram below it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on, such as the `ax_` of another display. Their height is
            reduced to make room for the histogram below. If None, a new figure is
            created.

        name : str, default=None
            Name shown in the legend. If None, the `name` of the display.

        Returns
        -------
        display : ReliabilityDisplay
            The display itself.
        """
        if ax is None:
            ax = new_axes(self, figsize=(5, 6), layout="constrained")
        ax_histogram = _find_or_add_histogram(ax)
        if _DIAGONAL not in ax.get_legend_handles_labels()[1]:
            ax.plot([0, 1], [0, 1], ":", color="gray", label=_DIAGONAL)
        name = self.name if name is None else name
        error = self.calibration_error
        label = [name] if name is not None else []
        label += [f"ECE {error:.3f}"] if error is not None else []
        self.line_ = ax.plot(
            self.prob_pred,
            self.prob_true,
            marker="o",
            markersize=4,
            clip_on=False,
            label=", ".join(label) or None,
        )[0]
        self.histogram_ = ax_histogram.stairs(
            self.shares,
            np.linspace(0, 1, len(self.shares) + 1),
            color=self.line_.get_color(),
            linewidth=1.5,
        )
        ylabel, xlabel, ylabel_histogram = _AXIS_LABELS[self.kind]
        ax.set(xlim=(0, 1), ylim=(0, 1), ylabel=ylabel)
        ax_histogram.set(xlabel=xlabel, ylabel=ylabel_histogram)
        ax.legend(fontsize="small")
        self.ax_, self.ax_histogram_, self.figure_ = ax, ax_histogram, ax.figure
        return self


def _shares(y_true, y_proba, *, kind, n_bins, sample_weight, labels):
    """Return the fraction of the probabilities in each bin of equal width."""
    codes, y_proba, weight = check_against_labels(
        y_true, y_proba, sample_weight, labels
    )
    predicted, _ = events(codes, y_proba, kind)
    weight = np.repeat(weight, predicted.shape[1])
    numbers = find_bins(predicted.ravel(), weight, n_bins, "uniform")
    return np.bincount(numbers, weights=weight, minlength=n_bins) / weight.sum()


def _find_or_add_histogram(ax):
    """Return the axes of the histogram below `ax`; add them if there are none."""
    subplot_spec = ax.get_subplotspec()
    if subplot_spec is None:
        raise ValueError(
            "ax must be a subplot, such as those of plt.subplots, since the histogram "
            "is placed in its grid cell."
        )
    for other_ax in ax.figure.axes:
        if other_ax.get_label() == _HISTOGRAM:
            grid = other_ax.get_subplotspec().get_gridspec()
            if grid is subplot_spec.get_gridspec():
                return other_ax
    upper, lower = subplot_spec.subgridspec(2, 1, height_ratios=(4, 1), hspace=0.05)
    ax.set_subplotspec(upper)
    ax.set(box_aspect=1, anchor="S")  # as wide as the histogram, and next to it
    ax.tick_params(labelbottom=False)
    ax_histogram = ax.figure.add_subplot(lower, sharex=ax, label=_HISTOGRAM)
    ax_histogram.set(box_aspect=1 / 4, anchor="N")
    return ax_histogram
