"""The README and the quickstart example run with the documented results."""

import re
import runpy
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
QUICKSTART = ROOT / "examples" / "quickstart.py"


@pytest.fixture
def fewer_digits(monkeypatch):
    """Limit the digits that code loads, with enough for early stopping of folds."""
    X, y = sklearn.datasets.load_digits(return_X_y=True)
    monkeypatch.setattr(
        sklearn.datasets, "load_digits", lambda return_X_y: (X[:1050], y[:1050])
    )


@pytest.mark.parametrize("code", BLOCKS)
@pytest.mark.usefixtures("fewer_digits")
def test_readme_code_runs(code):
    exec(code, {})


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


def test_readme_shows_the_make_targets_that_exist():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"make ([\w-]+)", README):
        assert target in targets


def test_readme_links_to_pages_and_files_that_exist():
    pages = "https://sklearn-ls.readthedocs.io/en/stable/"
    files = "https://raw.githubusercontent.com/sklearn-ls/sklearn-ls/main/"
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    for link in links:
        assert link.startswith("https://")  # PyPI shows the README, too
        if link.startswith(pages):
            page = link.removeprefix(pages).removesuffix(".html")
            assert (ROOT / "docs" / f"{page}.rst").exists()
        elif link.startswith(files):
            assert (ROOT / link.removeprefix(files)).exists()


def test_readme_finds_the_labels_that_it_says():
    (code,) = (code for code in BLOCKS if "find_label_issues" in code)
    code, said = code.rstrip().rsplit("#", 1)
    call = "find_label_issues(search, X, y)"
    shown = {}
    exec(code.replace(call, f"issues = {call}"), shown)
    assert shown["issues"].tolist() == [int(n) for n in re.findall(r"\d+", said)]


@pytest.fixture
def quickstart(monkeypatch, tmp_path):
    """Run examples/quickstart.py with arguments and without searches, in a folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "filters", [*warnings.filters])  # it ignores some

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["quickstart.py", *map(str, arguments)])
        script = runpy.run_path(str(QUICKSTART))
        main = script["main"]
        main.__globals__["make_classifiers"] = lambda seed: {
            script["NAIVE"]: DummyClassifier(),
            script["FOREST"]: RandomForestClassifier(20, random_state=seed),
            script["HARD"]: LogisticRegression(C=1e-4),
            script["SEARCH"]: LogisticRegression(),
        }
        main()

    return run


@pytest.fixture
def table(tmp_path):
    """Iris with a text column, missing values and a class of two samples, as CSV."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    frame = X.iloc[:, :2].copy()
    frame["kind"] = np.where(X.iloc[:, 2] > 3, "long one", " short")
    frame.iloc[::7, 0] = np.nan
    frame.iloc[::9, 2] = None
    frame["label"] = y.map({0: "a", 1: "b ", 2: "c"})
    frame.loc[0, "label"] = None
    frame.loc[1:2, "label"] = "rare"
    frame["decimal"] = np.linspace(0, 1, len(frame)) ** 2
    frame["truth"] = frame["decimal"] > 0.5
    frame["nothing"] = None
    frame.loc[5, "decimal"] = np.inf
    frame["age"] = np.where(frame.index % 20 == 7, "unknown", frame.index % 60)
    frame["signed up"] = pd.date_range("2020-01-01", periods=150).strftime("%d.%m.%Y")
    frame["Customer ID"] = np.random.default_rng(0).permutation(900)[:150]
    frame["code"] = [f"x{n:04d}" for n in frame["Customer ID"]]
    frame["row"] = frame.index
    frame["my__comment"] = [f"the {n} words of a sentence" for n in frame.index]
    frame["mostly"] = np.where(frame.index % 3 == 0, np.inf, frame.index % 11)
    frame["income"] = [f"$1,{100 + n % 40}" for n in frame.index]
    frame["pages"] = np.where(frame.index == 4, -999, frame.index % 7)
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return path


def test_quickstart_on_a_table(quickstart, table, tmp_path, capsys):
    quickstart(table, "--target", "label", "--figure", tmp_path / "figure.png")
    printed = capsys.readouterr()
    out = printed.out
    assert "Left out 1 rows without a label." in out
    assert "Left out 2 rows of classes with fewer than 15: rare" in out
    assert "8 values of 'age' are not numbers and count as missing." in out
    assert "1 values of 'decimal' are not numbers" in out
    assert "'pages' has numbers far from the others: -999.0." in out
    roles = dict(re.findall(r"^  ([\w, ]+): (.*)$", out, re.MULTILINE))
    assert roles == {
        "numeric": "sepal length (cm), sepal width (cm), decimal, truth, age, mostly, "
        "income, pages",
        "categorical": "kind",
        "text": "my__comment",
        "left out, constant or empty": "nothing",
        "left out, dates": "signed up",
        "left out, identifiers": "Customer ID, code, row",
    }
    assert f"Figure: {tmp_path / 'figure.png'}" in out
    assert (tmp_path / "figure.png").stat().st_size > 1000
    assert printed.err == ""  # no progress where nobody watches


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_quickstart_reads_other_separators(table, separator):
    script = runpy.run_path(str(QUICKSTART))
    frame = pd.read_csv(table, skipinitialspace=True).drop(columns="my__comment")
    other = table.with_suffix(".txt")
    decimal = "," if separator == ";" else "."
    frame.to_csv(
        other, sep=separator, decimal=decimal, index=False, encoding="utf-8-sig"
    )
    pd.testing.assert_frame_equal(script["read_csv"](other, "label"), frame)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv", "--target", "label"], "missing.csv can't be read"),
        (["table.csv", "--target", "nope"], "has no column 'nope'. It has:"),
        (["table.csv", "--target", "nothing"], "Column 'nothing' is empty"),
        (["table.csv", "--target", "code"], "Most labels in column 'code' occur fewer"),
        (["numbers.csv", "--target", "x"], "holds decimal numbers"),
        (["empty.csv", "--target", "label"], "empty.csv is empty"),
        (["one.csv", "--target", "label"], "needs two classes"),
        (["alone.csv", "--target", "label"], "no column but 'label' to learn from"),
        (["binary.csv", "--target", "label"], "can't be read as a CSV file"),
        (["twice.csv", "--target", "label"], "has several columns x"),
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
    (folder / "twice.csv").write_text("x,x ,label\n1,2,a\n")
    labels = pd.DataFrame({"label": ["a", "b"] * 20})
    labels.to_csv(folder / "alone.csv", index=True)
    labels.assign(label="a", x=1).to_csv(folder / "one.csv", index=False)
    with pytest.raises(SystemExit) as error:
        quickstart(*arguments)
    if isinstance(message, str):
        assert message in str(error.value)
    else:
        assert error.value.code == message


def test_quickstart_recommends_by_its_rule():
    script = runpy.run_path(str(QUICKSTART))
    compare, recommend = script["compare"], script["recommend"]
    naive, hard, search = script["NAIVE"], script["HARD"], script["SEARCH"]
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=500)
    splits = [(None, test, None) for test in np.split(np.arange(500), 5)]

    def predict(rate):
        """Predictions of which a fraction is wrong."""
        proba = np.eye(2)[np.where(rng.random(500) < rate, 1 - y, y)]
        return [proba[test] for _, test, _ in splits]

    good, bad = predict(0.1), predict(0.5)
    for probas, expected in [
        ({naive: bad, "simple": good, hard: bad, search: good}, "simple"),
        ({naive: bad, "simple": bad, hard: bad, search: good}, search),
        ({naive: bad, "simple": bad, hard: bad, search: predict(0.5)}, naive),
    ]:
        accuracies, best, differences, smoothing = compare(y, splits, probas)
        assert accuracies[best] == max(accuracies.values())
        assert smoothing.is_significant() == (expected != naive)
        recommended, reason = recommend(best, differences)
        assert recommended == expected
        assert expected in reason


def test_demo_trains_on_wrong_labels_and_tests_on_others():
    _, y, splits, _ = runpy.run_path(str(QUICKSTART))["load_noisy_digits"]()
    assert sorted(np.concatenate([test for _, test, _ in splits])) == [*range(len(y))]
    for train, test, y_train in splits:
        assert not set(train) & set(test)
        assert np.mean(y_train != y[train]) == pytest.approx(0.3, abs=1e-3)
