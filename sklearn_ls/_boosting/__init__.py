"""Gradient boosting on soft targets with a custom objective."""
