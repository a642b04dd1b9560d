"""Arguments, scores, results and tables shared by the accuracy benchmarks."""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from sklearn_ls.metrics import expected_calibration_error


def score_probabilities(y_true, y_proba):
    """Return accuracy in %, log-loss and calibration error.

    Parameters
    ----------
    y_true : ndarray of shape (n_samples,)
        True codes, the columns of y_proba.

    y_proba : ndarray of shape (n_samples, n_classes)
    """
    codes = np.arange(y_proba.shape[1])
    right = y_proba[np.arange(len(y_true)), y_true]
    return {
        "accuracy": 100 * np.mean(y_proba.argmax(1) == y_true),
        "log_loss": -np.log(np.maximum(right, np.finfo(np.float32).eps)).mean(),
        "calibration_error": expected_calibration_error(y_true, y_proba, labels=codes),
    }


def make_parser(doc, name, seeds):
    """Return the argument parser of a benchmark that can be resumed.

    Parameters
    ----------
    doc : str
        Docstring of the benchmark, whose first line is the description.

    name : str
        Name of the results file.

    seeds : int
        Default number of seeds.
    """
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--data", type=Path, metavar="DIR")
    default = Path(tempfile.gettempdir()) / f"{name}.jsonl"
    parser.add_argument("--results", type=Path, metavar="FILE", default=default)
    seeds_help = "number of seeds (default: %(default)s)"
    parser.add_argument("--seeds", type=int, default=seeds, help=seeds_help)
    parser.add_argument("--report", action="store_true", help="print the tables only")
    return parser


def mean_and_error(numbers, digits, sign=""):
    """Return the mean of numbers and its standard error, as text."""
    if not len(numbers):
        return ""
    text = f"{np.mean(numbers):{sign}.{digits}f}"
    if len(numbers) > 1:
        error = np.std(numbers, ddof=1) / np.sqrt(len(numbers))
        text += f" ± {error:.{digits}f}"
    return text


def read_results(path):
    """Return the results of a file, one per line, as dicts."""
    lines = path.read_text().splitlines() if path.exists() else []
    # An incomplete last line is computed again.
    return [json.loads(line) for line in lines if line.endswith("}")]


def results_under(settings, path):
    """Return the results of a file that have these settings."""
    return [r for r in read_results(path) if r["settings"] == settings]


def append_result(path, result):
    with path.open("a") as file:
        file.write("\n" + json.dumps(result))


def print_table(header, rows):
    """Print a simple table in reStructuredText."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    border = "  ".join("=" * width for width in widths)
    print(f"\n{border}")
    for row in [header, border, *rows]:
        if row != border:
            cells = zip(row, widths, strict=True)
            row = "  ".join(cell.ljust(width) for cell, width in cells).rstrip()
        print(row)
    print(border)
