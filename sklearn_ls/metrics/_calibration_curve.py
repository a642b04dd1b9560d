"""The calibration curve of several classes."""

import numpy as np
from numpy.typing import ArrayLike

from sklearn_ls._compat import validate_params
from sklearn_ls._types import Binning, Floats, Kind, MatrixLike, VectorLike
from sklearn_ls.metrics._bins import CONSTRAINTS, bin_samples, events
from sklearn_ls.metrics._probabilities import check_against_labels


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def calibration_curve_multiclass(
    y_true: ArrayLike,
    y_proba: VectorLike | MatrixLike,
    *,
    kind: Kind = "top-label",
    strategy: Binning = "uniform",
    n_bins: int = 15,
    sample_weight: VectorLike | None = None,
    labels: ArrayLike | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Compute true and predicted probabilities for a multiclass calibration curve.

    Generalizes :func:`sklearn.calibration.calibration_curve` from one of two classes to
    the predicted class or all classes, and also returns the number of predictions in
    each bin.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities, as returned by `predict_proba`. Each row sums to one.
        The columns are in the order of the sorted labels; those of a dataframe may be
        named by the labels instead. In the binary case, the probabilities of the
        greater label may be passed instead.

    kind : {"top-label", "class-wise"}, default="top-label"
        The events whose predicted probabilities are compared with their frequency.

        - ``"top-label"``: the predicted class is correct; one event per sample.
        - ``"class-wise"``: a sample belongs to a class; one event per sample and class.
          Probabilities that are too high for one class and too low for another may
          cancel. For the curve of one class, pass its column of `y_proba` to
          `calibration_curve`.

    strategy : {"uniform", "quantile"}, default="uniform"
        Strategy used to define the widths of the bins: ``"uniform"`` for identical
        widths, ``"quantile"`` for about the same number of events per bin.

    n_bins : int, default=15
        Number of bins, at least 1.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative sample weights.

    labels : array-like of shape (n_classes,), default=None
        All labels, sorted. Required if `y_true` does not contain all of them.

    Returns
    -------
    prob_true : ndarray of shape (n_bins,) or smaller
        The fraction of events that occurred in each bin. Empty bins are omitted.

    prob_pred : ndarray of shape (n_bins,) or smaller
        The mean predicted probability in each bin, in ascending order.

    counts : ndarray of shape (n_bins,) or smaller
        The number of events in each bin, or the sum of their weights, as floats.

    Raises
    ------
    ValueError
        If a row of `y_proba` is not a probability distribution, or the labels do not
        match the columns of `y_proba`.

    See Also
    --------
    expected_calibration_error : The mean distance of the curve from the diagonal.
    sklearn_ls.inspection.ReliabilityDisplay : Plots the curve.
    sklearn.calibration.calibration_curve : The curve of one class.

    Notes
    -----
    A probability on the edge of two bins belongs to the lower bin. The edges of
    quantile bins are probabilities in `y_proba` (the inverse of their distribution
    function), so that a weight of 2 is equivalent to repeating the sample.
    `calibration_curve` interpolates; its bins are the same if there are no ties and
    `n_bins` divides the number of events.

    Examples
    --------
    >>> from sklearn_ls.metrics import calibration_curve_multiclass
    >>> y_true = ["cat", "dog", "owl", "owl"]
    >>> y_proba = [[0.6, 0.2, 0.2], [0.7, 0.2, 0.1], [0, 0.1, 0.9], [0, 0.1, 0.9]]
    >>> prob_true, prob_pred, counts = calibration_curve_multiclass(
    ...     y_true, y_proba, n_bins=4
    ... )
    >>> prob_true
    array([0.5, 1. ])
    >>> prob_pred
    array([0.65, 0.9 ])
    >>> counts
    array([2., 2.])
    """
    codes, y_proba, weight = check_against_labels(
        y_true, y_proba, sample_weight, labels
    )
    predicted, occurred = events(codes, y_proba, kind)
    weight = np.repeat(weight, predicted.shape[1])
    bins = bin_samples(predicted.ravel(), occurred.ravel(), weight, n_bins, strategy)
    return bins.prob_true, bins.prob_pred, bins.counts
