"""Rows of invalid input, which parametrize the tests and are listed in the docs."""

import re
from dataclasses import dataclass, field

import pytest


@dataclass(frozen=True, eq=False)
class Row:
    """One row of the page on invalid input.

    Parameters
    ----------
    what : str
        Description of the input, in reStructuredText.

    gets : type or None
        Class of the error or warning, or None for accepted input.

    says : str
        Part of the message, with "..." for any text. For accepted input, how it is
        handled.

    examples : dict of str -> object
        Examples of the input. Tests may use their own instead.

    pattern : str or None
        Regular expression of the message, if it depends on the version of scikit-learn.
    """

    what: str
    gets: type | None
    says: str
    examples: dict = field(default_factory=dict, repr=False)
    pattern: str | None = None

    def __str__(self):
        return self.what.replace("`", "")

    def reported(self):
        """Return the context manager that checks the error or the warning."""
        parts = map(re.escape, re.split(r"\s*\.\.\.\s*", self.says))
        pattern = ".*".join(parts) if self.pattern is None else self.pattern
        if issubclass(self.gets, Warning):
            return pytest.warns(self.gets, match=pattern)
        return pytest.raises(self.gets, match=pattern)


def each_row(rows):
    """Parametrize a test by `row`."""
    return pytest.mark.parametrize("row", rows, ids=str)


def each_example(rows):
    """Parametrize a test by `row` and `value`, an example of it."""
    cases = [
        pytest.param(row, value, id=f"{row}-{name}")
        for row in rows
        for name, value in row.examples.items()
    ]
    return pytest.mark.parametrize(("row", "value"), cases)
