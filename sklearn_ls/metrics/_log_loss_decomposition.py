"""The log-loss, split into calibration loss and refinement loss."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.utils import gen_batches

from sklearn_ls._types import MatrixLike, VectorLike
from sklearn_ls.metrics._probabilities import check_against_labels
from sklearn_ls.metrics._temperature import fit_scale, log_probabilities

N_FOLDS = 5
MAX_FITTED = 100_000  # samples; more of them do not improve a temperature
AT_ONCE = 2**16  # number of samples computed at once


class LogLossDecomposition(NamedTuple):
    """The parts of a log-loss.

    Parameters
    ----------
    calibration : float
        The part that temperature scaling removes.

    refinement : float
        The part that remains after temperature scaling.
    """

    calibration: float
    refinement: float


def log_loss_decomposition(
    y_true: ArrayLike,
    y_proba: VectorLike | MatrixLike,
    *,
    sample_weight: VectorLike | None = None,
    labels: ArrayLike | None = None,
) -> LogLossDecomposition:
    """Split the log-loss into calibration loss and refinement loss.

    The refinement loss is the log-loss after recalibration, here by a temperature that
    all samples share; the calibration loss is the gain from recalibration [1]_::

        refinement = log_loss(y_true, softmax(log(y_proba) / temperature))
        calibration = log_loss(y_true, y_proba) - refinement

    The temperature of each sample is fitted on other samples, in five folds.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities of samples that the classifier was not trained on, as
        returned by `predict_proba`. Each row sums to one. The columns are in the order
        of the sorted labels; those of a dataframe may be named by the labels instead.
        In the binary case, the probabilities of the greater label may be passed
        instead.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative sample weights.

    labels : array-like of shape (n_classes,), default=None
        All labels, sorted. Required if `y_true` does not contain all of them.

    Returns
    -------
    calibration : float
        The calibration loss, in nats. It may be slightly negative for calibrated
        probabilities, since the temperature is estimated.

    refinement : float
        The refinement loss, in nats. The sum of both is the log-loss. Both are also
        attributes of the tuple.

    Raises
    ------
    ValueError
        If a row of `y_proba` is not a probability distribution, the labels do not match
        the columns of `y_proba`, or there are fewer than two samples of positive
        weight.

    See Also
    --------
    sklearn.metrics.log_loss : The sum of both.
    sklearn.calibration.CalibratedClassifierCV : Recalibrates a classifier, as does
        `calibration` of :class:`~sklearn_ls.LabelSmoothingClassifier`.
    expected_calibration_error : Calibration in bins.

    Notes
    -----
    Temperature scaling detects over-confidence and under-confidence for any number of
    classes with a smaller variance than bins or isotonic regression, but not
    miscalibration that differs between classes. `calibration` is therefore the gain
    from temperature scaling, on average a lower bound on the gain from any
    recalibration.

    The folds are stratified; the samples of a class are assigned to them in turn. The
    recalibrated probabilities `p` are averaged with the uniform distribution, which
    counts as one sample against the n samples that the temperature was fitted on:
    ``(n * p + 1 / n_classes) / (n + 1)``. This bounds the loss of a sample if all
    others are predicted correctly. Each temperature is fitted on at most 100,000
    samples, evenly spaced.

    References
    ----------
    .. [1] E. Berta, D. Holzmüller, M. I. Jordan and F. Bach. Rethinking early stopping:
       refine, then calibrate. 2025. :doi:`10.48550/arXiv.2501.19195`

    Examples
    --------
    A confidence of 0.99 for all samples, of which 90 % are predicted correctly:

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
    used = weight > 0
    codes, y_proba, weight = codes[used], y_proba[used], weight[used]
    if len(codes) < 2:
        raise ValueError(
            "log_loss_decomposition needs at least two samples of positive weight, "
            "since the temperature of each sample is fitted on others. Got "
            f"{len(codes)}."
        )
    recalibrated = _recalibrated_losses(codes, y_proba, weight)
    refinement = float(np.average(recalibrated, weights=weight))
    observed = y_proba[np.arange(len(codes)), codes]
    limit = np.finfo(y_proba.dtype).eps  # as log_loss clips
    losses = -np.log(observed.clip(limit, 1 - limit).astype(np.float64))
    calibration = float(np.average(losses, weights=weight)) - refinement
    return LogLossDecomposition(calibration, refinement)


def _recalibrated_losses(codes, y_proba, weight):
    """Return the losses after scaling by a temperature fitted on the other folds.

    Parameters
    ----------
    codes, weight : ndarray of shape (n_samples,)

    y_proba : ndarray of shape (n_samples, n_classes)

    Returns
    -------
    losses : ndarray of shape (n_samples,)
    """
    n_classes = y_proba.shape[1]
    folds = np.empty(len(codes), dtype=int)
    folds[np.argsort(codes, kind="stable")] = np.arange(len(codes)) % N_FOLDS
    losses = np.empty(len(codes))
    for fold in range(min(N_FOLDS, len(codes))):
        train = np.flatnonzero(folds != fold)
        train = train[:: -(-len(train) // MAX_FITTED)]
        logits = log_probabilities(y_proba[train])
        scale = fit_scale(logits, codes[train], weight[train])
        held_out = np.flatnonzero(folds == fold)
        for part in gen_batches(len(held_out), AT_ONCE):
            samples = held_out[part]
            scaled = softmax(scale * log_probabilities(y_proba[samples]), axis=1)
            observed = scaled[np.arange(len(samples)), codes[samples]]
            mixed = (len(train) * observed + 1 / n_classes) / (len(train) + 1)
            losses[samples] = -np.log(mixed)
    return losses
