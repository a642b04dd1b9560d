"""Warnings that many trainings have in common, issued once."""

import functools
import warnings


def warn_once(function):
    """Return the function such that it issues each of its warnings once, at the end."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        with warnings.catch_warnings(record=True) as caught:
            result = function(*args, **kwargs)
        for category, text in dict.fromkeys(
            (w.category, str(w.message)) for w in caught
        ):
            warnings.warn(text, category, stacklevel=2)
        return result

    return wrapped
