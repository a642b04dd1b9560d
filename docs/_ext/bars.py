"""Directive `bars`: draw the numbers of the next table as bars.

    .. bars:: Title of the figure
       :better: lower
       :columns: 2 3

Each column of the table becomes a panel, each row a bar. The cells hold ratios: "0.9",
or "0.9, 0.8, 1.1" for several runs, of which the bar is the median and a line the
range. With the flag `differences` they hold "+0.3 ± 0.1", and the line is the standard
error. Other cells are written without a bar. `better` is "lower" or "higher".
"""

import re
from html import escape
from statistics import median

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.errors import ExtensionError

NUMBER = r"[+-]?\d+(?:\.\d+)?"
RUNS = re.compile(rf"{NUMBER}(?:,\s*{NUMBER})*")
MINUS = "\N{MINUS SIGN}"
DIFFERENCE = re.compile(rf"({NUMBER}) ± ({NUMBER})")


class bars(nodes.General, nodes.Element):  # named as docutils names its nodes
    """Where bars are to be drawn."""


class Bars(Directive):
    """The directive."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {
        "better": lambda argument: directives.choice(argument, ("lower", "higher")),
        "columns": directives.positive_int_list,
        "differences": directives.flag,
    }

    def run(self):
        if "better" not in self.options:
            raise self.error("bars needs :better: lower or higher")
        text, messages = self.state.inline_text(self.arguments[0], self.lineno)
        figure = bars("", *text, **self.options)
        figure.line = self.lineno
        return [figure, *messages]


def draw_all(app, doctree):
    """Replace each `bars` by the figure of the table that follows it."""
    for node in list(doctree.findall(bars)):
        table = next(node.findall(nodes.table, siblings=True, descend=False), None)
        head, rows = ([], []) if table is None else read_table(table)
        if max(node.get("columns", [2])) > len(head):
            place = f"{app.env.doc2path(app.env.docname)}:{node.line}"
            raise ExtensionError(f"{place}: bars needs a table with its columns below")
        panels, explanation = draw(node, head, rows)
        node.replace_self(
            [
                nodes.raw(
                    "", f'<figure class="bars">{panels}<figcaption>', format="html"
                ),
                nodes.paragraph("", "", *node.children, nodes.Text(f" {explanation}")),
                nodes.raw("", "</figcaption></figure>", format="html"),
            ]
        )


def read_table(table):
    """Return the texts of the last row of the head, and of the rows of the body."""
    parts = [
        [[text_of(entry) for entry in row] for row in part.findall(nodes.row)]
        for kind in (nodes.thead, nodes.tbody)
        for part in table.findall(kind)
    ]
    rows = parts[-1]
    return (parts[0][-1] if len(parts) > 1 else [""] * len(rows[0])), rows


def text_of(entry):
    return " ".join(entry.astext().split())


def find_bar(text, differences):
    """Return (value, low, high) of a cell, or None."""
    if differences:
        found = DIFFERENCE.fullmatch(text)
        if found is None:
            return None
        value, error = map(float, found.groups())
        return value, value - error, value + error
    if RUNS.fullmatch(text) is None:
        return None
    values = [float(value) for value in text.split(",")]
    return median(values), min(values), max(values)


def draw(node, head, rows):
    """Return the panels, as HTML, and what their lines and colors mean."""
    differences = "differences" in node
    lower = node["better"] == "lower"
    columns = node.get("columns") or range(2, len(head) + 1)
    panels = [
        (
            head[column - 1],
            [
                (row[0], row[column - 1], find_bar(row[column - 1], differences))
                for row in rows
            ],
        )
        for column in columns
    ]
    found = [bar for _, cells in panels for _, _, bar in cells if bar is not None]
    reference = 0 if differences else 1
    low = min([0, *(low for _, low, _ in found)])
    high = max([reference, *(high for _, _, high in found)])
    margin = 0.02 * (high - low)
    low, high = (low - margin if differences else low), high + margin

    def percent(length):
        return f"{100 * length / (high - low):.1f}%"

    def draw_span(kind, start, end):
        start, end = sorted((start, end))
        style = f"left:{percent(start - low)};width:{percent(end - start)}"
        return f'<i class="{kind}" style="{style}"></i>'

    def draw_cell(label, text, bar):
        spans = ""
        if bar is not None:
            value, start, end = bar
            is_better = end < reference if lower else start > reference
            kind = "bars-bar bars-better" if is_better else "bars-bar"
            spans = draw_span(kind, 0, value)
            if start < end:
                spans += draw_span("bars-range", start, end)
            n_decimals = len(re.match(NUMBER, text)[0].partition(".")[2])
            text = f"{value:{'+' if differences else ''}.{n_decimals}f}"
        return (
            f'<span class="bars-label">{escape(label)}</span>'
            f'<span class="bars-track">{spans}</span>'
            f'<span class="bars-value">{escape(text.replace("-", MINUS))}</span>'
        )

    def draw_panel(title, cells):
        better = "← better" if lower else "better →"
        return (
            f'<div class="bars-panel"><span class="bars-title">{escape(title)}</span>'
            f"{''.join(draw_cell(*cell) for cell in cells)}"
            f'<span class="bars-axis bars-{node["better"]}">{better}</span></div>'
        )

    drawn = "".join(draw_panel(*panel) for panel in panels)
    style = f"--reference:{percent(reference - low)}"
    panels = f'<div class="bars-panels" style="{style}">{drawn}</div>'
    return panels, explain(differences, found)


def explain(differences, found):
    """Return what the lines and colors of the bars mean."""
    if differences:
        return (
            "Lines are standard errors. The dashed line is no difference; a bar is "
            "blue if it is better by more than its standard error."
        )
    if any(low < high for _, low, high in found):
        return (
            "Bars are medians of several runs, lines reach from the lowest to the "
            "highest. The dashed line is 1; a bar is blue if all runs are better."
        )
    return "The dashed line is 1; blue bars are better."


def setup(app):
    app.add_node(bars)
    app.add_directive("bars", Bars)
    app.connect("doctree-read", draw_all)
    return {"parallel_read_safe": True}
