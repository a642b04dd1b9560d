"""Warnings that many trainings have in common, issued once."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def warn_once(function: Function) -> Function:
    """Return the function such that it issues each of its warnings once, at the end."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            result = function(*args, **kwargs)
        for category, text in dict.fromkeys(
            (w.category, str(w.message)) for w in caught
        ):
            warnings.warn(text, category, stacklevel=2)
        return result

    return cast(Function, wrapped)
