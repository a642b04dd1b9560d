"""The smoothing report: whether smoothing helps on a data set."""
