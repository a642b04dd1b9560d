"""Samples copied once per class, for classifiers that take sample weights."""
