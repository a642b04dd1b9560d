"""
Does label smoothing help on your data?
=======================================

Run without arguments, this takes scikit-learn's scanned digits, gives 30 % of the
training labels another class, and chooses epsilon by cross-validation on those noisy
labels. The fold networks of the chosen epsilon predict together. The test labels are
clean, so the last columns show what it was worth.

Run as ``python examples/quickstart.py data.csv --target COLUMN`` it does the same for a
table of yours. Its test labels are then as they are in the file, mistakes included.
"""

# %%
import argparse
import sys
import time
import warnings
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.multiclass import type_of_target

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV
from sklearn_ls.inspection import EpsilonCurveDisplay
from sklearn_ls.metrics import expected_calibration_error

EPSILONS = [0.0, 0.1, 0.2]


# %%
# The data: digits with wrong labels, or a table. Wrong labels are drawn evenly from the
# other classes.


def flip_labels(y, rate, rng):
    """Give a share of the labels another class."""
    y, classes = y.copy(), np.unique(y)
    flipped = rng.choice(len(y), size=round(rate * len(y)), replace=False)
    for sample in flipped:
        y[sample] = rng.choice(classes[classes != y[sample]])
    return y


def noisy_digits():
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=0
    )
    y_train = flip_labels(y_train, rate=0.3, rng=np.random.default_rng(0))
    return (X_train, X_test, y_train, y_test), make_pipeline(StandardScaler())


def read_table(path, target):
    """Features and labels of a CSV file; exits with a message a stranger can act on."""
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError) as error:
        sys.exit(f"{path} can't be read as a CSV file: {error}")
    except pd.errors.EmptyDataError:
        sys.exit(f"{path} is empty.")
    if target not in table:
        sys.exit(
            f"{path} has no column {target!r}. It has: {', '.join(table)}. (Columns "
            "must be separated by commas.)"
        )
    table = table.dropna(subset=[target])
    if table.empty:
        sys.exit(f"Column {target!r} of {path} is empty.")
    table = table.dropna(axis="columns", how="all").replace([np.inf, -np.inf], np.nan)
    labels = table[target].infer_objects()
    table[target] = labels.astype(str) if labels.dtype.kind == "b" else labels
    counts = table[target].value_counts()
    if type_of_target(table[target]).startswith("continuous"):
        sys.exit(f"Column {target!r} holds decimal numbers, not classes.")
    table = table[table[target].isin(counts[counts >= 10].index)]
    if rare := list(counts[counts < 10].index.astype(str)):
        print(f"Left out {len(rare)} classes of fewer than 10 rows: {rare[:5]}")
    if table[target].nunique() < 2:
        sys.exit(f"Column {target!r} needs two classes of 10 rows or more.")
    if table.shape[1] < 2:
        sys.exit(f"{path} has no other column than {target!r} to learn from.")
    X = table.drop(columns=target)
    truth = X.select_dtypes("bool").columns
    return X.astype(dict.fromkeys(truth, object)), table[target].to_numpy()


def split_table(path, target):
    X, y = read_table(path, target)
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=50, sparse_output=False
        ),
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (words, make_column_selector(dtype_exclude="number")),
    )
    print(f"{path}: {len(X)} rows, {X.shape[1]} columns, {len(np.unique(y))} classes")
    split = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    return split, make_pipeline(columns)


# %%
# The search: the last step of a Pipeline, as any scikit-learn classifier.


def make_pipeline_with(preprocess, classifier):
    pipeline = clone(preprocess)
    pipeline.steps.append(("classifier", classifier))
    return pipeline


def tune(preprocess, X, y):
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    search = LabelSmoothingClassifierCV(EPSILONS, cv=folds, random_state=0, verbose=1)
    return make_pipeline_with(preprocess, search).fit(X, y)


# %%
# What GridSearchCV finds is the same, where it trains the same: it can't stop a network
# by its held-out fold, so that is left out here, and 20 epochs are enough to compare.


def compare_with_grid_search(search, X, y):
    same = {"early_stopping": False, "max_epochs": 20, "random_state": 0}
    once = {"cv": search.cv, "refit": False}
    ours = LabelSmoothingClassifierCV(EPSILONS, ensemble=False, **once, **same)
    single = LabelSmoothingClassifier(**same)
    grid = GridSearchCV(single, {"epsilon": EPSILONS}, **once)
    start = time.perf_counter()
    ours.fit(X, y)
    middle = time.perf_counter()
    grid.fit(X, y)
    ratio = (time.perf_counter() - middle) / (middle - start)
    difference = np.abs(fold_scores(ours) - fold_scores(grid)).max()
    print(
        f"\nGridSearchCV's scores of 20 epochs differ from ours by {difference:.0e} at "
        f"most; it takes {ratio:.1f} times as long."
    )


def fold_scores(search):
    """Accuracy of every epsilon on every fold, (n_epsilons, n_folds)."""
    results = search.cv_results_
    folds = range(search.n_splits_)
    return np.array([results[f"split{fold}_test_score"] for fold in folds]).T


def standard_error(scores):
    return scores.std(axis=-1, ddof=1) / np.sqrt(scores.shape[-1])


# %%
# The table: the fold networks of each epsilon, judged on the test samples. The expected
# calibration error (ECE) is the mean gap between confidence and accuracy in ten bins of
# confidence.


def judge(model, X_test, y_test):
    y_proba = model.predict_proba(X_test)
    return (
        accuracy_score(y_test, model.predict(X_test)),
        log_loss(y_test, y_proba, labels=model.classes_),
        expected_calibration_error(y_test, y_proba, n_bins=10, labels=model.classes_),
    )


def print_row(name, scores, test_scores, chosen=False):
    accuracy, loss, calibration = test_scores
    print(
        f"{name:>15}  {scores.mean():8.3f} +- {standard_error(scores):.3f}"
        f"  {accuracy:8.3f}  {loss:8.3f}  {calibration:8.3f}"
        f"{'  <- chosen' if chosen else ''}",
        flush=True,
    )


def print_table(pipeline, preprocess, X_train, X_test, y_train, y_test, about_test):
    search = pipeline[-1]
    print(f"\n{'':>15}  {'cross-validated':>18}  {about_test}")
    print(f"{'epsilon':>15}  {'accuracy':>18}  accuracy  log-loss       ECE")
    tests = []
    for epsilon, scores in zip(EPSILONS, fold_scores(search), strict=True):
        single = LabelSmoothingClassifierCV([epsilon], cv=search.cv, random_state=0)
        model = make_pipeline_with(preprocess, single).fit(X_train, y_train)
        tests.append(judge(model, X_test, y_test))
        print_row(epsilon, scores, tests[-1], epsilon == search.epsilon_)
    mlp = make_pipeline_with(preprocess, MLPClassifier(random_state=0))
    scores = cross_val_score(mlp, X_train, y_train, cv=search.cv)
    tests.append(judge(mlp.fit(X_train, y_train), X_test, y_test))
    print_row("MLPClassifier", scores, tests[-1])
    return np.array(tests)


# %%
# The curve over epsilon, whose title says whether the gain of the chosen one is
# significant: all epsilons see the same folds, initial weights and batch order, so that
# the samples held out are paired.


def draw(search, accuracies, about_test, path):
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
    display = EpsilonCurveDisplay.from_search(search, ax=ax)
    display.line_.set_label("cross-validated, on the given labels")
    ax.plot(EPSILONS, accuracies[:-1], "s-", color="C2", label=about_test)
    mlp = f"MLPClassifier, {about_test}"
    ax.axhline(accuracies[-1], color="gray", linestyle=":", label=mlp)
    ax.set_ylabel("accuracy")
    ax.legend()
    figure.savefig(path, dpi=120)
    return display.verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", nargs="?", help="CSV file; digits without one")
    parser.add_argument("--target", help="column of the labels")
    parser.add_argument("--figure", default="quickstart.png", help="where to save it")
    args = parser.parse_args()
    if args.target is not None and args.data is None:
        parser.error("--target is a column of a CSV file: name the file too")
    if not Path(args.figure).resolve().parent.is_dir():
        parser.error(f"there is no folder for the figure {args.figure}")
    warnings.simplefilter("ignore", ConvergenceWarning)  # of MLPClassifier

    if args.data is None:
        split, preprocess = noisy_digits()
        about_test = "on clean test labels"
        print("Digits, 30 % of the training labels flipped; 3 epsilons x 5 folds.")
    elif args.target is None:
        parser.error("name the column of the labels: --target COLUMN")
    else:
        split, preprocess = split_table(args.data, args.target)
        about_test = "on the observed test labels"
    X_train, X_test, y_train, y_test = split
    pipeline = tune(preprocess, X_train, y_train)
    search = pipeline[-1]
    tests = print_table(
        pipeline, preprocess, X_train, X_test, y_train, y_test, about_test
    )
    verdict = draw(search, tests[:, 0], about_test, args.figure)
    print(f"\nCross-validated accuracy: {verdict}.")
    compare_with_grid_search(search, pipeline[:-1].transform(X_train), y_train)
    print(f"Figure: {args.figure}")


if __name__ == "__main__":
    main()
