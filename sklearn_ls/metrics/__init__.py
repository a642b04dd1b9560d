"""Scores of predicted probabilities."""

from sklearn_ls.metrics._soft_log_loss import soft_log_loss

__all__ = ["soft_log_loss"]
