"""Validation metrics for libraries that pass raw scores."""

from functools import wraps

from scipy.special import expit, softmax
from sklearn.metrics import log_loss, zero_one_loss

LOG_LOSSES = (
    *("logloss", "binary_logloss", "multi_logloss", "binary", "multiclass"),
    *("softmax", "multiclassova", "multiclass_ova", "ova", "ovr"),
    *("cross_entropy", "xentropy"),
)
ERRORS = ("error", "binary_error", "multi_error")


def to_proba(raw):
    """Return the probabilities of all classes or, with two classes, of the second.

    Shape
    -----
    raw : (n_samples,) or (n_samples, n_classes) -> the same
    """
    return expit(raw) if raw.ndim == 1 else softmax(raw, axis=1)


def of_probabilities(metric):
    """Return a metric of raw scores that passes probabilities to `metric`."""

    @wraps(metric)
    def of_raw_scores(y_true, y_pred, *args, **params):
        return metric(y_true, to_proba(y_pred), *args, **params)

    return of_raw_scores


def replace_metrics(metrics, n_classes):
    """Replace metrics of LightGBM that expect probabilities.

    Parameters
    ----------
    metrics : str, callable, None or (nested) list of these

    n_classes : int

    Returns
    -------
    metrics : list of str or callable
        Metrics of raw scores. The default is the log-loss, as in LightGBM.
    """
    prefix, labels = "binary" if n_classes == 2 else "multi", range(n_classes)

    @of_probabilities
    def logloss(y_true, y_proba, weight):
        loss = log_loss(y_true, y_proba, sample_weight=weight, labels=labels)
        return f"{prefix}_logloss", loss, False

    @of_probabilities
    def error(y_true, y_proba, weight):
        predicted = y_proba > 0.5 if y_proba.ndim == 1 else y_proba.argmax(axis=1)
        loss = zero_one_loss(y_true, predicted.astype(int), sample_weight=weight)
        return f"{prefix}_error", loss, False

    ours = dict.fromkeys(LOG_LOSSES, logloss) | dict.fromkeys(ERRORS, error)
    replaced = []
    for metric in _flatten(metrics):
        metric = of_probabilities(metric) if callable(metric) else metric
        metric = ours.get(metric, metric)
        if metric not in replaced:
            replaced.append(metric)
    return replaced or [logloss]


def _flatten(metrics):
    """Return a list of metrics, from nested lists and comma-separated strings."""
    if isinstance(metrics, str):
        return [name.strip() for name in metrics.split(",")]
    if isinstance(metrics, (list, tuple, set)):
        return [metric for part in metrics for metric in _flatten(part)]
    return [] if metrics is None else [metrics]
