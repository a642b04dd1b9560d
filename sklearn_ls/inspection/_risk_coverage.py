"""RiskCoverageDisplay: errors among the most confident predictions."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._types import Estimator, MatrixLike, SamplesLike, VectorLike
from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.metrics import area_under_risk_coverage, risk_coverage_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RiskCoverageDisplay:
    """Risk-coverage curve of classifiers that may abstain.

    The curve shows the error rate (risk) of the most confident predictions as a
    function of their fraction (coverage). Lower is better. If the curve does not fall
    to the left, the confidence does not separate correct from wrong predictions. Use
    :meth:`from_estimator` or :meth:`from_predictions` to create a display; to plot
    several classifiers on the same axes, pass ``ax=display.ax_`` of the first.

    Parameters
    ----------
    coverage : ndarray of shape (n_thresholds,)
        Fraction of the samples that are predicted, increasing.

    risk : ndarray of shape (n_thresholds,)
        Error rate of the predictions at each coverage.

    area : float, default=None
        Area under the curve, shown in the legend.

    name : str, default=None
        Name of the classifier, shown in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.

    figure_ : matplotlib Figure
        The figure of `ax_`.

    line_ : matplotlib Line2D
        The curve.

    See Also
    --------
    sklearn_ls.metrics.risk_coverage_curve : The curve.
    sklearn_ls.metrics.area_under_risk_coverage : The number in the legend.
    ReliabilityDisplay : Whether the probabilities are too low or too high.

    Notes
    -----
    At small coverage, the curve is an average over few samples and therefore noisy.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_ls.inspection import RiskCoverageDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> logistic = LogisticRegression(C=1e-4, max_iter=1000).fit(X[::2], y[::2])
    >>> bayes = GaussianNB().fit(X[::2], y[::2])
    >>> display = RiskCoverageDisplay.from_estimator(logistic, X[1::2], y[1::2])
    >>> other = RiskCoverageDisplay.from_estimator(
    ...     bayes, X[1::2], y[1::2], ax=display.ax_
    ... )
    >>> bool(other.area < display.area)
    True
    """

    def __init__(
        self,
        coverage: VectorLike,
        risk: VectorLike,
        *,
        area: float | None = None,
        name: str | None = None,
    ) -> None:
        self.coverage = np.asarray(coverage, dtype=float)
        self.risk = np.asarray(risk, dtype=float)
        self.area = area
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: SamplesLike,
        y: ArrayLike,
        *,
        sample_weight: VectorLike | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the curve of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with `predict_proba`, or a pipeline that ends in one.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples that the classifier was not trained on.

        y : array-like of shape (n_samples,)
            Labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        name : str, default=None
            Name shown in the legend. If None, the name of the estimator's class.

        ax : matplotlib Axes, default=None
            Axes to plot on, such as the `ax_` of another display. If None, a new figure
            is created.

        Returns
        -------
        display : RiskCoverageDisplay
            The display, plotted.
        """
        check_is_fitted(estimator)
        return cls.from_predictions(
            y,
            estimator.predict_proba(X),
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
        confidence: VectorLike | None = None,
        sample_weight: VectorLike | None = None,
        labels: ArrayLike | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the curve of predicted probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels.

        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Predicted probabilities, as returned by `predict_proba`. In the binary case,
            the probabilities of the greater label may be passed instead.

        confidence : array-like of shape (n_samples,), default=None
            Confidence in each prediction. If None, the predicted probability of the
            most likely class.

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
        display : RiskCoverageDisplay
            The display, plotted.
        """
        options: dict[str, Any] = {
            "confidence": confidence,
            "sample_weight": sample_weight,
            "labels": labels,
        }
        coverage, risk, _ = risk_coverage_curve(y_true, y_proba, **options)
        area = area_under_risk_coverage(y_true, y_proba, **options)
        return cls(coverage, risk, area=area, name=name).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None, name: str | None = None) -> Self:
        """Plot the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on, such as the `ax_` of another display. If None, a new figure
            is created.

        name : str, default=None
            Name shown in the legend. If None, the `name` of the display.

        Returns
        -------
        display : RiskCoverageDisplay
            The display itself.
        """
        if ax is None:
            ax = new_axes(self, figsize=(5, 4), layout="constrained")
        name = self.name if name is None else name
        label = [name] if name is not None else []
        label += [f"area {self.area:.3f}"] if self.area is not None else []
        self.line_ = ax.plot(
            np.append(0, self.coverage),
            np.append(self.risk[0], self.risk),
            drawstyle="steps-pre",
            label=", ".join(label) or None,
        )[0]
        ax.set(xlim=(0, 1), xlabel="coverage", ylabel="risk (error rate)")
        ax.set_ylim(bottom=0)
        if label:
            ax.legend(fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self
