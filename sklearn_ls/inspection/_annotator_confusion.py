"""AnnotatorConfusionDisplay: confusion matrices of annotators."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._types import Estimator, VectorLike
from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.inspection._pipeline import best_of_grid_search, last_step


class AnnotatorConfusionDisplay:
    """Confusion matrices of annotators, the least reliable first.

    The number in each title is the reliability of the annotator. Use
    :meth:`from_estimator` after training on votes, or the constructor with the matrices
    that :func:`~sklearn_ls.crowds.votes_to_soft` returns.

    Parameters
    ----------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Probability of each answer (last axis) to samples of each class (second axis).
        NaN if it is not known.

    annotators : array-like of shape (n_annotators,), default=None
        Names of the annotators. If None, their indices.

    classes : array-like of shape (n_classes,), default=None
        Names of the classes. If None, their indices.

    reliability : array-like of shape (n_annotators,), default=None
        Reliability of each annotator, by which they are sorted. If None, the mean of
        the diagonal of the confusion matrix.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The axes of the plot, one per annotator shown.

    figure_ : matplotlib Figure
        The figure of `axes_`.

    See Also
    --------
    sklearn_ls.crowds.votes_to_soft : Confusion matrices without features.
    sklearn.metrics.ConfusionMatrixDisplay : Confusion matrix of a classifier.

    Examples
    --------
    >>> from sklearn_ls.crowds import votes_to_soft
    >>> from sklearn_ls.inspection import AnnotatorConfusionDisplay
    >>> answers = [[0, 0, 1], [1, 1, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0]]
    >>> _, reliability, confusion = votes_to_soft(
    ...     answers, n_classes=2, return_confusion=True
    ... )
    >>> display = AnnotatorConfusionDisplay(confusion, reliability=reliability)
    >>> display.plot(n_annotators=2).axes_[0].get_title()
    '2 (0.20)'
    """

    def __init__(
        self,
        confusion: NDArray[Any],
        *,
        annotators: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        reliability: VectorLike | None = None,
    ) -> None:
        self.confusion = np.asarray(confusion, dtype=float)
        if self.confusion.ndim != 3:
            raise ValueError(
                "confusion must have shape (n_annotators, n_classes, n_classes). "
                f"Got {self.confusion.shape}."
            )
        n_annotators, n_classes, _ = self.confusion.shape
        if annotators is None:
            annotators = np.arange(n_annotators)
        self.annotators = np.asarray(annotators)
        self.classes = np.arange(n_classes) if classes is None else np.asarray(classes)
        if reliability is None:
            right = np.diagonal(self.confusion, axis1=1, axis2=2)
            known = np.maximum(1, np.sum(~np.isnan(right), axis=1))
            reliability = np.nansum(right, axis=1) / known
        self.reliability = np.asarray(reliability, dtype=float)

    @classmethod
    def from_estimator(
        cls, estimator: Estimator, *, n_annotators: int = 6, ax: Any = None
    ) -> Self:
        """Plot the confusion matrices of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            A :class:`~sklearn_ls.LabelSmoothingClassifierCV` or
            :class:`~sklearn_ls.LabelSmoothingClassifier` that was fitted with `votes`,
            or a pipeline that ends in one.

        n_annotators : int, default=6
            Number of annotators to show, starting with the least reliable.

        ax : array-like of matplotlib Axes, default=None
            Axes to plot on, one per annotator shown. If None, a new figure is created.

        Returns
        -------
        display : AnnotatorConfusionDisplay
            The display, plotted.
        """
        check_is_fitted(estimator)
        search = last_step(best_of_grid_search(estimator))
        if not hasattr(search, "annotator_confusion_"):
            raise ValueError(
                f"{type(search).__name__} has no annotator_confusion_. Pass an "
                "estimator that was fitted with votes."
            )
        display = cls(
            search.annotator_confusion_,
            annotators=search.annotators_,
            classes=search.classes_,
            reliability=search.annotator_reliability_,
        )
        return display.plot(n_annotators=n_annotators, ax=ax)

    def plot(self, *, n_annotators: int = 6, ax: Any = None) -> Self:
        """Plot the matrices.

        Parameters
        ----------
        n_annotators : int, default=6
            Number of annotators to show, starting with the least reliable.

        ax : array-like of matplotlib Axes, default=None
            Axes to plot on, one per annotator shown. If None, a new figure is created.

        Returns
        -------
        display : AnnotatorConfusionDisplay
            The display itself.
        """
        if n_annotators < 1:
            raise ValueError(f"n_annotators must be at least 1. Got {n_annotators}.")
        shown = np.argsort(self.reliability, kind="stable")[:n_annotators]
        if ax is None:
            size = 2 * len(shown) + 1, 2.6
            ax = new_axes(self, ncols=len(shown), figsize=size, layout="constrained")
        axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(axes) != len(shown):
            raise ValueError(
                f"ax must have {len(shown)} axes, one per annotator. Got {len(axes)}."
            )
        ticks = np.arange(len(self.classes))
        for axis, position in zip(axes, shown, strict=True):
            image = axis.imshow(self.confusion[position], vmin=0, vmax=1)
            reliability = self.reliability[position]
            axis.set_title(f"{self.annotators[position]} ({reliability:.2f})")
            axis.set_xticks(ticks, self.classes, rotation=90, fontsize="small")
            axis.set_yticks(ticks, self.classes, fontsize="small")
            axis.set_xlabel("answer")
        axes[0].set_ylabel("true class")
        axes[0].figure.colorbar(image, ax=list(axes), label="probability")
        self.axes_, self.figure_ = axes, axes[0].figure
        return self
