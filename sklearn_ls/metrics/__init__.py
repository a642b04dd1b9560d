"""Scores of predicted probabilities."""

from sklearn_ls.metrics._calibration_curve import calibration_curve_multiclass
from sklearn_ls.metrics._calibration_error import expected_calibration_error
from sklearn_ls.metrics._soft_log_loss import soft_log_loss

__all__ = [
    "calibration_curve_multiclass",
    "expected_calibration_error",
    "soft_log_loss",
]
