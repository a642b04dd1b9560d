"""What bad input gets: the rows that tests are parametrized by, and the page shows."""

import re
from dataclasses import dataclass, field

import pytest


@dataclass(frozen=True, eq=False)
class Row:
    """One row of the page "What bad input gets".

    Parameters
    ----------
    what : str
        What the input is, in reStructuredText.

    gets : type or None
        The class of the error or of the warning, or None for what is accepted.

    says : str
        Part of its message, "..." for any text. For input that is accepted: how.

    examples : dict of str -> object
        Such input. Tests may have their own instead.

    pattern : str or None
        What the message matches, if that depends on the version of scikit-learn.
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
