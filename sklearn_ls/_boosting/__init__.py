"""Gradient boosting on soft targets, by an objective of its own."""
