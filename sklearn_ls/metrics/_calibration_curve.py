"""The calibration curve of several classes."""

import numpy as np

from sklearn_ls._compat import validate_params
from sklearn_ls.metrics._bins import CONSTRAINTS, bin_rows, events
from sklearn_ls.metrics._probabilities import check_against_labels


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def calibration_curve_multiclass(
    y_true,
    y_proba,
    *,
    kind="top-label",
    strategy="uniform",
    n_bins=15,
    sample_weight=None,
    labels=None,
):
    """Return how often predictions of about the same probability are right.

    It is what :func:`sklearn.calibration.calibration_curve` returns for one class, for
    the predicted class or for all, and how many predictions there are in each bin.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities as `predict_proba` returns them: rows sum to one, and
        columns are in the order of the sorted labels, or a dataframe's are named by
        them. A vector holds those of the greater of two labels.

    kind : {"top-label", "class-wise"}, default="top-label"
        What is predicted and comes true or not.

        - ``"top-label"``: that the class of the largest probability is right. One
          event a row.
        - ``"class-wise"``: that a row has a class, for all rows and classes together.
          Too high probabilities of one class and too low ones of another may cancel.
          Pass one column of `y_proba` to `calibration_curve` for a curve of one class.

    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of the same width in [0, 1], or of about the same number of events.

    n_bins : int, default=15
        Number of bins, at least 1.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows.

    labels : array-like of shape (n_classes,), default=None
        All labels, sorted. Needed where `y_true` lacks some.

    Returns
    -------
    prob_true : ndarray of shape (n_bins,) or smaller
        How often the event came true in each bin. Bins without events are left out.

    prob_pred : ndarray of shape (n_bins,) or smaller
        The mean predicted probability in each bin, ascending.

    counts : ndarray of shape (n_bins,) or smaller
        The number of events in each bin, or the sum of their weights, as floats.

    Raises
    ------
    ValueError
        For rows of `y_proba` that are no distributions, and for labels and columns
        that do not fit each other.

    See Also
    --------
    expected_calibration_error : The mean distance of the curve from the diagonal.
    sklearn_ls.inspection.ReliabilityDisplay : Draws the curve.
    sklearn.calibration.calibration_curve : The curve of one class.

    Notes
    -----
    A probability on the edge of two bins belongs to the lower one. Edges of quantile
    bins are probabilities of `y_proba` (the inverse of their distribution function), so
    that a row of weight 2 is two rows. `calibration_curve` interpolates; its bins are
    the same without ties where `n_bins` divides the number of events.

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
    predicted, happened = events(codes, y_proba, kind)
    weight = np.repeat(weight, predicted.shape[1])
    bins = bin_rows(predicted.ravel(), happened.ravel(), weight, n_bins, strategy)
    return bins.prob_true, bins.prob_pred, bins.counts
