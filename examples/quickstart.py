"""
Which classifier is best on your data, and does label smoothing help?
=====================================================================

Run without arguments, this compares classifiers on scikit-learn's scanned digits, by
five-fold cross-validation. In each fold 30 % of the training labels are changed to
another class; the held-out labels are the true ones.

Run as ``python examples/quickstart.py data.csv --target COLUMN`` it makes the same
comparison on your own table. The held-out labels are then those of the file, which may
be wrong as well.
"""

# %%
import argparse
import re
import sys
import time
import warnings
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.decomposition import TruncatedSVD
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.multiclass import type_of_target

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV
from sklearn_ls._differences import mean_of_samples  # the rule of all verdicts
from sklearn_ls.datasets import corrupt_labels

N_FOLDS = 5
MIN_CLASS_SIZE = 15  # so that all classifiers can hold samples out of every fold
MAX_ROWS = 10_000  # of a table; more are sampled
MAX_CATEGORIES = 50  # of a column; the others are treated as one

HARD = "LabelSmoothingClassifierCV([0])"
SEARCH = "LabelSmoothingClassifierCV()"
FOREST = "RandomForestClassifier, leaves of 5"
VOTE = "soft vote of search and forest"
NAIVE = "most frequent class"


# %%
# The classifiers, from simple to complex. The last three are of this library.


def make_classifiers(seed):
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    logistic = LogisticRegression(max_iter=1000)
    return {
        NAIVE: DummyClassifier(),
        "LogisticRegression, C tuned": GridSearchCV(
            logistic, {"C": [0.01, 0.1, 1.0]}, cv=folds
        ),
        "RandomForestClassifier()": RandomForestClassifier(random_state=seed),
        FOREST: RandomForestClassifier(min_samples_leaf=5, random_state=seed),
        "HistGradientBoostingClassifier()": HistGradientBoostingClassifier(
            random_state=seed
        ),
        "MLPClassifier()": MLPClassifier(random_state=seed),
        "MLPClassifier(early_stopping=True)": MLPClassifier(
            early_stopping=True, random_state=seed
        ),
        "LabelSmoothingClassifier()": LabelSmoothingClassifier(random_state=seed),
        HARD: LabelSmoothingClassifierCV([0.0], cv=folds, random_state=seed),
        SEARCH: LabelSmoothingClassifierCV(cv=folds, random_state=seed),
    }


# %%
# A CSV file: it may be separated by commas, semicolons, tabs or bars. Columns that
# identify the row, dates and constant columns are not used.


def read_csv(path, target):
    """The table of a CSV file; exits with a message if there is none."""
    import pandas as pd

    columns = []
    try:
        for separator in ",;\t|":
            dialect = {"sep": separator, "skipinitialspace": True}
            header = pd.read_csv(path, nrows=0, **dialect)
            found = [str(name).strip() for name in header]
            columns = max(columns, found, key=len)
            if target in found:
                if twice := sorted({name for name in found if found.count(name) > 1}):
                    sys.exit(f"{path} has several columns {', '.join(twice)}.")
                decimal = "," if separator == ";" else "."
                table = pd.read_csv(path, decimal=decimal, low_memory=False, **dialect)
                return table.set_axis(found, axis="columns")
    except UnicodeDecodeError as error:
        sys.exit(f"{path} can't be read as a CSV file in UTF-8: {error}")
    except (OSError, pd.errors.ParserError) as error:
        sys.exit(f"{path} can't be read as a CSV file: {error}")
    except pd.errors.EmptyDataError:
        sys.exit(f"{path} is empty.")
    sys.exit(f"{path} has no column {target!r}. It has: {', '.join(columns)}.")


def strip_words(column):
    """The column without spaces around words, and with empty ones as missing."""
    if column.dtype.kind in "biufc":
        return column
    words = column.astype(object)
    words = words.where(words.isna(), words.astype(str).str.strip())
    return words.where(words.notna() & (words != ""), np.nan)


def clean_labels(table, target):
    """The rows whose label can be learned; exits with a message if there are none."""
    n_rows = len(table)
    table = table.dropna(subset=[target])
    if table.empty:
        sys.exit(f"Column {target!r} is empty.")
    if n_missing := n_rows - len(table):
        print(f"Left out {n_missing} rows without a label.")
    labels = table[target]
    if labels.dtype.kind not in "if":
        labels = labels.astype(str)
    if type_of_target(labels.to_numpy()).startswith("continuous"):
        sys.exit(f"Column {target!r} holds decimal numbers, not classes.")
    counts = labels.value_counts()
    rare = counts.index[counts < MIN_CLASS_SIZE]
    n_rare = counts[rare].sum()
    if n_rare > len(table) / 2:
        sys.exit(
            f"Most labels in column {target!r} occur fewer than {MIN_CLASS_SIZE} times "
            f"({len(counts)} different ones in {len(table)} rows). Labels must be "
            "classes, not identifiers or quantities."
        )
    if n_rare:
        print(
            f"Left out {n_rare} rows of classes with fewer than {MIN_CLASS_SIZE}: "
            f"{shorten(rare)}"
        )
    if len(counts) - len(rare) < 2:
        sys.exit(
            f"Column {target!r} needs two classes of {MIN_CLASS_SIZE} or more rows."
        )
    table = table.assign(**{target: labels})[~labels.isin(rare)]
    if len(table) > MAX_ROWS:
        print(f"Uses {MAX_ROWS:,} of {len(table):,} rows, drawn at random.")
        table, _ = train_test_split(
            table, train_size=MAX_ROWS, stratify=table[target], random_state=0
        )
    return table


def as_numbers(column):
    """The column as floats if at least 90 % of its values are numbers, else None."""
    import pandas as pd

    if column.dtype == object:  # such as "$1,200" and "58 %"
        column = column.replace(r"^[$€£]|,(?=\d{3}\b)|\s*%$", "", regex=True)
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    numbers = numbers.where(np.isfinite(numbers))
    is_number = column.dtype.kind in "biuf"
    return numbers if is_number or numbers.count() >= 0.9 * column.count() else None


def is_identifier(name, values):
    """Whether the name or the values of a column look like those of an identifier."""
    n_distinct = values.nunique()
    if n_distinct > MAX_CATEGORIES and re.search(
        r"(?i:^(id|uuid|guid|key|index|unnamed: 0)$|^id[ _-]|[ _-](id|uuid|guid|key)$)"
        r"|[a-z](Id|ID)$",
        str(name),
    ):
        return True
    if values.dtype.kind != "f":
        return n_distinct > 0.9 * len(values)
    if n_distinct < 0.9 * len(values) or (values % 1).any():
        return False
    consecutive = values.max() - values.min() < 1.2 * len(values)
    return consecutive or values.is_monotonic_increasing


def find_outliers(values):
    """Numbers that are far from the others, such as -999 for a missing one."""
    low, high = values.quantile([0.25, 0.75])
    margin = 30 * (high - low)
    if margin == 0:
        return []
    return [*values[(values < low - margin) | (values > high + margin)].unique()]


def is_date(words):
    """Whether words are dates or times."""
    import pandas as pd

    words = words.drop_duplicates().head(200)
    if not words.str.contains(r"\d.*[-/.: ]|[-/.: ].*\d").all():
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dates = pd.to_datetime(words, errors="coerce", format="mixed", utc=True)
    return dates.count() >= 0.9 * len(words)


def find_role(name, values, is_number):
    """What a column is used as, from its values that are not missing."""
    if values.nunique() < 2:
        return "left out, constant or empty"
    if not is_number:
        if is_date(values):
            return "left out, dates"
        n_words = values.str.split().str.len().mean()
        if values.nunique() > MAX_CATEGORIES and n_words > 3:
            return "text"
    if is_identifier(name, values):
        return "left out, identifiers"
    return "numeric" if is_number else "categorical"


def sort_columns(X):
    """The columns to use, cleaned, and the names of all columns by role."""
    used, names = {}, {}
    for name, column in X.items():
        numbers = as_numbers(column)
        values = column if numbers is None else numbers
        role = find_role(name, values.dropna(), is_number=numbers is not None)
        names.setdefault(role, []).append(name)
        if role.startswith("left out"):
            continue
        used[name] = values.fillna("") if role == "text" else values
        if n_odd := column.count() - values.count():
            print(f"{n_odd} values of {name!r} are not numbers and count as missing.")
        if role == "numeric" and (outliers := find_outliers(values)):
            print(
                f"{name!r} has numbers far from the others: {shorten(outliers)}. Leave "
                "missing values empty."
            )
    return X[list(used)].assign(**used), names


def shorten(names):
    names = [str(name) for name in names]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if names[8:] else "")


def load_table(path, target):
    table = read_csv(path, target).apply(strip_words)
    table = clean_labels(table, target)
    y = table[target].to_numpy()
    X, names = sort_columns(table.drop(columns=target))
    print(f"{path}: {len(X):,} rows, {len(np.unique(y))} classes")
    for role in sorted(names, key=lambda role: ("left out" in role, role)):
        print(f"  {role}: {shorten(names[role])}")
    if X.empty:
        sys.exit(f"{path} has no column but {target!r} to learn from.")
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0).split(X, y)
    splits = [(train, test, y[train]) for train, test in folds]
    return X, y, splits, make_preprocessing(names)


def make_preprocessing(names):
    numeric = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    categorical = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=MAX_CATEGORIES,
        sparse_output=False,
    )
    text = make_pipeline(
        HashingVectorizer(n_features=2**12), TruncatedSVD(30, random_state=0)
    )
    texts = names.get("text", [])
    return ColumnTransformer(
        [
            ("numeric", numeric, names.get("numeric", [])),
            ("categorical", categorical, names.get("categorical", [])),
            *((f"text {number}", text, name) for number, name in enumerate(texts)),
        ]
    )


def load_noisy_digits():
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0).split(X, y)
    splits = [
        (train, test, corrupt_labels(y[train], 0.3, random_state=fold)[0])
        for fold, (train, test) in enumerate(folds)
    ]
    return X, y, splits, StandardScaler()


# %%
# All classifiers are trained on the same folds. The vote is the mean of probabilities,
# as of `VotingClassifier` with ``voting="soft"``.


def predict_held_out(X, splits, preprocess):
    """Probabilities of all classifiers on all folds, and their seconds."""
    rows = getattr(X, "iloc", X)  # of a dataframe or an array
    probas = {name: [] for name in make_classifiers(0)}
    seconds = dict.fromkeys(probas, 0.0)
    for fold, (train, test, y_train) in enumerate(splits):
        for name, classifier in make_classifiers(fold).items():
            show_progress(f"fold {fold + 1} of {len(splits)}: {name}")
            start = time.perf_counter()
            model = make_pipeline(preprocess, classifier).fit(rows[train], y_train)
            probas[name].append(model.predict_proba(rows[test]))
            seconds[name] += time.perf_counter() - start
    show_progress("")
    pairs = zip(probas[FOREST], probas[SEARCH], strict=True)
    probas[VOTE] = [(forest + search) / 2 for forest, search in pairs]
    seconds[VOTE] = seconds[FOREST] + seconds[SEARCH]
    return probas, seconds


def show_progress(message):
    """Replace the last line of a terminal; files and pipes get nothing."""
    if sys.stderr.isatty():
        print(f"\r{message:<79}\r", end="", file=sys.stderr, flush=True)


# %%
# The verdict. Accuracies are compared sample by sample. A difference counts if it is
# significant by the test that the library's reports and curves use, here corrected for
# the number of classifiers. What is recommended is the simplest classifier that is not
# significantly worse than the best.


def compare(y, splits, probas):
    """Accuracies, their differences from the best, and that due to smoothing."""
    classes = np.unique(y)
    tests = [test for _, test, _ in splits]
    correct = {
        name: [
            (classes[proba.argmax(axis=1)] == y[test]).astype(float)
            for proba, test in zip(of_folds, tests, strict=True)
        ]
        for name, of_folds in probas.items()
    }
    accuracies = {name: np.concatenate(of).mean() for name, of in correct.items()}
    best = max(accuracies, key=accuracies.get)

    def subtract(name, other):
        pairs = zip(correct[name], correct[other], strict=True)
        return mean_of_samples([one - two for one, two in pairs], tests)

    differences = {name: subtract(name, best) for name in probas}
    return accuracies, best, differences, subtract(SEARCH, HARD)


def is_worse(difference, n_classifiers):
    return difference.is_significant(n_comparisons=n_classifiers - 1)


def print_table(y, splits, probas, seconds, accuracies, differences):
    y_test = np.concatenate([y[test] for _, test, _ in splits])
    print(f"\n{'':39} accuracy       minus best  log-loss  seconds")
    for name, difference in differences.items():
        loss = log_loss(y_test, np.concatenate(probas[name]), labels=np.unique(y))
        mark = "*" if is_worse(difference, len(probas)) else " "
        is_best = difference.value == difference.error == 0
        print(
            f"{name:39} {accuracies[name]:8.3f} "
            f"{'best' if is_best else difference!s:>16}{mark}"
            f"{loss:9.3f} {seconds[name]:8.1f}"
        )
    print(
        "* significant: paired t-test at 2.5 %, corrected for "
        f"{len(probas) - 1} comparisons"
    )


def recommend(best, differences):
    """The simplest classifier that is not significantly worse than the best; why."""
    tied = [n for n, d in differences.items() if not is_worse(d, len(differences))]
    if tied[0] == NAIVE:
        reason = f"No classifier is significantly better than the {NAIVE}"
    elif tied[0] == best:
        reason = f"{best} is significantly better than all simpler ones"
    else:
        reason = f"{tied[0]} is not significantly worse than the best"
    return tied[0], reason


def draw(accuracies, differences, recommended, title, path):
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    worse = {name: is_worse(d, len(differences)) for name, d in differences.items()}
    names = [n for n in worse if n != NAIVE or not worse[NAIVE]][::-1]
    figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for place, name in enumerate(names):
        ax.errorbar(
            differences[name].value,
            place,
            xerr=differences[name].error,
            fmt="x" if worse[name] else "o",
            color="C1" if name == recommended else "C0",
            capsize=3,
        )
    ax.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    labels = [f"{name}  {accuracies[name]:.3f}" for name in names]
    ax.set_yticks(range(len(names)), labels)
    ax.set_xlabel("accuracy minus that of the best")
    figure.suptitle(
        f"{title}\n"
        "(orange: recommended; crosses: significantly worse; bars: standard errors)"
    )
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", nargs="?", help="CSV file; digits without one")
    parser.add_argument("--target", help="column of the labels")
    parser.add_argument("--figure", default="quickstart.png", help="where to save it")
    args = parser.parse_args()
    if args.target is not None and args.data is None:
        parser.error("--target is a column of a CSV file: name the file too")
    if args.data is not None and args.target is None:
        parser.error("name the column of the labels: --target COLUMN")
    if not Path(args.figure).resolve().parent.is_dir():
        parser.error(f"there is no folder for the figure {args.figure}")
    warnings.simplefilter("ignore", ConvergenceWarning)  # of MLPClassifier
    warnings.filterwarnings("ignore", "Found unknown categories")  # in a held-out fold

    if args.data is None:
        print("Digits with 30 % of the training labels wrong; tested on true labels.")
        X, y, splits, preprocess = load_noisy_digits()
    else:
        X, y, splits, preprocess = load_table(args.data, args.target)
    probas, seconds = predict_held_out(X, splits, preprocess)
    accuracies, best, differences, smoothing = compare(y, splits, probas)
    print_table(y, splits, probas, seconds, accuracies, differences)
    recommended, reason = recommend(best, differences)
    print(f"\nMost accurate: {best}. {reason}.\nRecommended: {recommended}.")
    significant = "significant" if smoothing.is_significant() else "not significant"
    print(f"Smoothing ({SEARCH} minus {HARD}): {smoothing}, {significant}.")
    draw(accuracies, differences, recommended, reason, args.figure)
    print(f"Figure: {args.figure}")


if __name__ == "__main__":
    main()
