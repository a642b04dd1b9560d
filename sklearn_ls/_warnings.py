"""Warnings that point to the line of the user."""

import inspect
import warnings


def warn(message, category=UserWarning):
    """Warn at the calling line outside of this package and its dependencies."""
    level, frame = 1, inspect.currentframe()
    while frame.f_back is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in ("sklearn", "sklearn_ls", "joblib", "torch", "contextlib"):
            break
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
