"""Test that the page on invalid input is up to date."""

from pathlib import Path

import pytest

from bad_input_page import PAGE, SUBJECTS, page

SOURCES = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run python tests/bad_input_page.py"
    )


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_row_of_the_page_is_tested(subject):
    _, groups = SUBJECTS[subject]
    name = subject.upper().replace(" ", "_")
    for group in groups:
        row_of = f'(\n    {name}["{group}"]', f'({name}["{group}"])'
        assert any(text in SOURCES for text in row_of), group
