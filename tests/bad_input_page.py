"""Write the page on invalid input from the rows that the tests check.

Run ``python tests/bad_input_page.py`` after changing them.
"""

import re
from pathlib import Path
from textwrap import fill

from faults.rows_features import FEATURES, PREDICTING
from faults.rows_files import FILES
from faults.rows_labels import LABELS
from faults.rows_modules import MODULES
from faults.rows_parameters import DEVICES, PARAMETERS, TRAINING, WEIGHTS
from faults.rows_soft_labels import SOFT_LABELS
from faults.rows_votes import VOTES

PAGE = Path(__file__).parent.parent / "docs" / "user_guide" / "bad_input.rst"

TITLE = """\
.. Written by tests/bad_input_page.py from the rows in tests/faults. Do not edit.

.. _bad_input:

Invalid input
=============

Invalid input raises an error that explains the problem, and suspicious input issues a
warning. If `fit` or `partial_fit` raises an error, the previous fitted state of the
estimator is unchanged.

The tables apply to :class:`~sklearn_ls.LabelSmoothingClassifier`,
:class:`~sklearn_ls.LabelSmoothingClassifierCV` and, where applicable, to
:class:`~sklearn_ls.LabelSmoother`. The quoted text is part of the message, and "..."
stands for text that depends on the data. `InvalidParameterError` is an exception of
scikit-learn and a subclass of `ValueError`. Each row is covered by a test.
"""

SUBJECTS = {
    "Features": (
        "The features `X`, in `fit`, `partial_fit` and the methods that predict.",
        FEATURES,
    ),
    "Labels": ("Labels `y`: one per sample, or multilabel indicators.", LABELS),
    "Soft labels": (
        ":ref:`Soft labels <soft_labels>` as `y`, or as `y_soft` in addition to `y`.",
        SOFT_LABELS,
    ),
    "Votes": (
        ":ref:`Votes <votes_in_training>` of several annotators, in `fit`.",
        VOTES,
    ),
    "Parameters": (
        "Parameters of the estimators and of `fit`. Other parameters with an invalid "
        "type or value raise `InvalidParameterError` as well.",
        PARAMETERS,
    ),
    "Weights": ("Weights of the samples and of the classes.", WEIGHTS),
    "Training": ("Problems during training.", TRAINING),
    "Modules": ("A class or function as `module`.", MODULES),
    "Devices": ("The parameter `device`.", DEVICES),
    "Predicting": (
        "Methods that predict or transform. Features that differ from those of `fit` "
        "raise the same errors in `partial_fit`, and in `fit` with "
        "``warm_start=True``.",
        PREDICTING,
    ),
    "Files": (
        ":ref:`Model files <saving>`, in :func:`~sklearn_ls.save_model` and "
        ":func:`~sklearn_ls.load_model`.",
        FILES,
    ),
}


def literal(text):
    """Return a message in reStructuredText, with quotes and underscores escaped."""
    return re.sub(r"_(?!\w|`)|['\"*|\\]", r"\\\g<0>", text)


def result(row):
    if row.gets is None:
        return row.says
    return f'`{row.gets.__name__}`: "{literal(row.says)}"'


def wrapped(text, indent=7 * " "):
    return fill(text, 88, subsequent_indent=indent, break_long_words=False)


def table(groups):
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 2 3", ""]
    cells = [("Input", "Result")]
    cells += [(row.what, result(row)) for rows in groups.values() for row in rows]
    for what, gets in cells:
        lines += [wrapped(f"   * - {what}"), wrapped(f"     - {gets}")]
    return "\n".join(lines)


def page():
    """Return the text of the page."""
    parts = [TITLE]
    for title, (introduction, groups) in SUBJECTS.items():
        parts.append(f"{title}\n{'-' * len(title)}\n")
        parts.append(wrapped(introduction, "") + "\n")
        parts.append(table(groups) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
