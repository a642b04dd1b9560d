"""The log-loss as what calibration can mend and what it cannot."""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax
from sklearn.metrics import log_loss

from sklearn_ls.metrics._probabilities import check_against_labels
from sklearn_ls.metrics._temperature import fit_scale, log_probabilities

N_FOLDS = 5


class LogLossDecomposition(NamedTuple):
    """The parts of a log-loss.

    Parameters
    ----------
    calibration : float
        What one temperature mends.

    refinement : float
        What is left with it.
    """

    calibration: float
    refinement: float


def log_loss_decomposition(y_true, y_proba, *, sample_weight=None, labels=None):
    """Split the log-loss into calibration loss and refinement loss.

    The refinement loss is the log-loss after recalibration, here by a temperature for
    all rows; the calibration loss is what recalibration gains [1]_::

        refinement = log_loss(y_true, softmax(log(y_proba) / temperature))
        calibration = log_loss(y_true, y_proba) - refinement

    The temperature of a row is fitted on others, in five folds.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities as `predict_proba` returns them, of rows that the
        classifier was not trained on: rows sum to one, and columns are in the order of
        the sorted labels, or a dataframe's are named by them. A vector holds those of
        the greater of two labels.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows.

    labels : array-like of shape (n_classes,), default=None
        All labels, sorted. Needed where `y_true` lacks some.

    Returns
    -------
    calibration : float
        In nats. It may be slightly negative where there is nothing to mend, since the
        temperature is fitted with error.

    refinement : float
        In nats; with `calibration` it sums to the log-loss. Both are also attributes
        of the tuple.

    Raises
    ------
    ValueError
        For rows of `y_proba` that are no distributions, for labels and columns that do
        not fit each other, and for fewer than two rows of positive weight.

    See Also
    --------
    sklearn.metrics.log_loss : The sum of both.
    sklearn.calibration.CalibratedClassifierCV : Recalibrates a classifier, as does the
        `calibration` of :class:`~sklearn_ls.LabelSmoothingClassifier`.
    expected_calibration_error : Calibration in bins.

    Notes
    -----
    A temperature tells over-confidence from under-confidence in any number of classes
    with little error of its own, unlike bins or isotonic regression, but it does not
    see what differs between classes. So `calibration` is what temperature scaling would
    gain, on average a lower bound of what could be gained by any recalibration.

    The folds hold about the same share of each class; rows of a class go to them in
    turn. The recalibrated probabilities get a uniform row's weight against the rows
    that the temperature was fitted on, ``(n * p + 1 / n_classes) / (n + 1)``, so that a
    row is not lost without limit where all others are predicted right.

    References
    ----------
    .. [1] E. Berta, D. Holzmüller, M. I. Jordan and F. Bach. Rethinking early stopping:
       refine, then calibrate. 2025. :doi:`10.48550/arXiv.2501.19195`

    Examples
    --------
    Always 0.99, but right in nine of ten rows:

    >>> import numpy as np
    >>> from sklearn_ls.metrics import log_loss_decomposition
    >>> y_proba = np.full((100, 2), [0.99, 0.01])
    >>> parts = log_loss_decomposition([0] * 90 + [1] * 10, y_proba)
    >>> round(parts.calibration, 2), round(parts.refinement, 2)
    (0.14, 0.33)
    """
    codes, y_proba, weight = check_against_labels(
        y_true, y_proba, sample_weight, labels
    )
    counts = weight > 0
    codes, y_proba, weight = codes[counts], y_proba[counts], weight[counts]
    if len(codes) < 2:
        raise ValueError(
            "log_loss_decomposition needs two rows of positive weight or more, to fit "
            f"a temperature on others than those it judges. Got {len(codes)}."
        )
    given = {"sample_weight": weight, "labels": np.arange(y_proba.shape[1])}
    refinement = log_loss(codes, _recalibrate(codes, y_proba, weight), **given)
    calibration = log_loss(codes, y_proba, **given) - refinement
    return LogLossDecomposition(calibration, refinement)


def _recalibrate(codes, y_proba, weight):
    """Return probabilities whose temperature is fitted on the other folds.

    Parameters
    ----------
    codes, weight : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes)

    Returns
    -------
    y_proba : ndarray of shape (n_samples, n_classes)
    """
    logits = log_probabilities(y_proba)
    folds = np.empty(len(codes), dtype=int)
    folds[np.argsort(codes, kind="stable")] = np.arange(len(codes)) % N_FOLDS
    recalibrated = np.empty_like(logits)
    for fold in range(min(N_FOLDS, len(codes))):
        held_out = folds == fold
        train = ~held_out
        scale = fit_scale(logits[train], codes[train], weight[train])
        n_rows = train.sum()
        proba = softmax(scale * logits[held_out], axis=1)
        recalibrated[held_out] = (n_rows * proba + 1 / proba.shape[1]) / (n_rows + 1)
    return recalibrated
