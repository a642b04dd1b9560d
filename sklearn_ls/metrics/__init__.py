"""Metrics of predicted probabilities."""

from sklearn_ls.metrics._calibration_curve import calibration_curve_multiclass
from sklearn_ls.metrics._calibration_error import expected_calibration_error
from sklearn_ls.metrics._log_loss_decomposition import log_loss_decomposition
from sklearn_ls.metrics._risk_coverage import (
    area_under_risk_coverage,
    risk_coverage_curve,
)
from sklearn_ls.metrics._scorers import get_scorer
from sklearn_ls.metrics._soft_brier_score import soft_brier_score
from sklearn_ls.metrics._soft_log_loss import soft_log_loss

__all__ = [
    "area_under_risk_coverage",
    "calibration_curve_multiclass",
    "expected_calibration_error",
    "get_scorer",
    "log_loss_decomposition",
    "risk_coverage_curve",
    "soft_brier_score",
    "soft_log_loss",
]
