"""The README and the quickstart example run with the documented results."""

import re
import runpy
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
QUICKSTART = ROOT / "examples" / "quickstart.py"


@pytest.fixture
def fewer_digits(monkeypatch):
    """Limit the digits that code loads, with enough for early stopping of folds."""
    X, y = sklearn.datasets.load_digits(return_X_y=True)
    monkeypatch.setattr(
        sklearn.datasets, "load_digits", lambda return_X_y: (X[:1050], y[:1050])
    )


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
@pytest.mark.usefixtures("fewer_digits")
def test_readme_code_runs(code):
    exec(code, {})


@pytest.mark.usefixtures("fewer_digits")
def test_code_of_the_landing_page_runs():
    landing = (ROOT / "docs" / "index.rst").read_text()
    (code,) = re.findall(r":: python\n\n((?: {3}.*\n|\n)+)", landing)
    shown = {}
    exec(dedent(code), shown)
    assert shown["clf"].score(shown["X"], shown["y"]) > 0.9
    plt.close("all")


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_example_of_choosing_epsilon_is_correct():
    shown = runpy.run_path(
        str(ROOT / "examples" / "epsilon" / "plot_choosing_epsilon.py")
    )
    agreement = [np.mean(shown["held_out"] == shown[y]) for y in ("y_noisy", "y")]
    assert agreement[0] < 0.75 < 0.95 < agreement[1]
    scores = shown["display"].scores
    paired = shown["display"].differences
    assert paired.std(axis=1).max() < scores.std(axis=1).min()
    plt.close("all")


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_example_of_mislabelled_images_is_correct():
    shown = runpy.run_path(
        str(ROOT / "examples" / "data" / "plot_mislabelled_images.py")
    )
    accuracy, belief = shown["accuracy"], shown["belief"]
    one, one_smoothed, folds, folds_smoothed = shown["models"]
    assert accuracy[one] < accuracy[one_smoothed] < accuracy[folds] - 0.02
    assert abs(accuracy[folds_smoothed] - accuracy[folds]) < 0.02
    assert belief[folds].mean() < 0.4 < 0.6 < belief[one].mean()
    plt.close("all")


def test_readme_shows_the_make_targets_and_files_that_exist():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"make (\w+)", README):
        assert target in targets
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / path).exists()


@pytest.fixture
def quickstart(monkeypatch, tmp_path):
    """Run examples/quickstart.py with arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["quickstart.py", *map(str, arguments)])
        namespace = runpy.run_path(str(QUICKSTART))
        namespace["main"].__globals__["EPSILONS"][:] = [0.0, 0.2]
        namespace["main"]()

    return run


@pytest.fixture
def table(tmp_path):
    """Iris with a text column, missing values and a class of two samples, as CSV."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    frame = X.iloc[:, :2].copy()
    frame["kind"] = np.where(X.iloc[:, 2] > 3, "long", "short")
    frame.iloc[::7, 0] = np.nan
    frame.iloc[::9, 2] = None
    frame["label"] = y.map({0: "a", 1: "b", 2: "c"})
    frame.loc[0, "label"] = None
    frame.loc[1:2, "label"] = "rare"
    frame["decimal"] = np.linspace(0, 1, len(frame))
    frame["truth"] = frame["decimal"] > 0.5
    frame["nothing"] = None
    frame.loc[5, "decimal"] = np.inf
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.filterwarnings("ignore")  # warnings about the user's data
def test_quickstart_on_a_table(quickstart, table, tmp_path, capsys):
    quickstart(table, "--target", "label", "--figure", tmp_path / "figure.png")
    out = capsys.readouterr().out
    assert "Left out 1 classes of fewer than 10 rows: ['rare']" in out
    rows = [line.split()[0] for line in out.splitlines() if "+-" in line]
    assert rows[:3] == ["0.0", "0.2", "MLPClassifier"]
    assert "Cross-validated accuracy: epsilon 0" in out
    assert f"Figure: {tmp_path / 'figure.png'}" in out
    assert (tmp_path / "figure.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv", "--target", "label"], "missing.csv can't be read"),
        (["table.csv", "--target", "nope"], "has no column 'nope'. It has:"),
        (
            ["table.csv", "--target", "nothing"],
            "Column 'nothing' of table.csv is empty",
        ),
        (["numbers.csv", "--target", "x"], "holds decimal numbers"),
        (["empty.csv", "--target", "label"], "empty.csv is empty"),
        (["one.csv", "--target", "label"], "needs two classes"),
        (["alone.csv", "--target", "label"], "no other column"),
        (["binary.csv", "--target", "label"], "can't be read as a CSV file"),
        (["table.csv"], 2),
        (["--target", "label"], 2),
        (["table.csv", "--target", "label", "--figure", "no/such/place.png"], 2),
    ],
)
def test_quickstart_explains_errors(quickstart, table, arguments, message):
    folder = table.parent
    (folder / "empty.csv").write_text("")
    (folder / "binary.csv").write_bytes(b"\xff\xfe\x00\x80" * 99)
    pd.DataFrame({"x": np.linspace(0, 1, 30)}).to_csv(folder / "numbers.csv")
    labels = pd.DataFrame({"label": ["a", "b"] * 20})
    labels.to_csv(folder / "alone.csv", index=False)
    labels.assign(label="a", x=1).to_csv(folder / "one.csv", index=False)
    with pytest.raises(SystemExit) as error:
        quickstart(*arguments)
    if isinstance(message, str):
        assert message in str(error.value)
    else:
        assert error.value.code == message


def test_quickstart_flips_exactly_the_share_asked_for():
    flip_labels = runpy.run_path(str(QUICKSTART))["flip_labels"]
    y = np.arange(1000) % 7
    flipped = flip_labels(y, 0.3, np.random.default_rng(0))
    assert (flipped != y).sum() == 300
    assert set(flipped) == set(y)
