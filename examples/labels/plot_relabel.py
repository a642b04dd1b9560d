"""
Finding labels that should be checked
=====================================

This example finds samples whose labels are probably wrong in a table with missing
values, categories and an identifier, and trains again after the labels were checked.
"""

# %%
# The table is based on the breast cancer data of scikit-learn. Some values are missing,
# one column is categorical, and 12 % of the diagnoses are wrong, as if by typing
# errors.

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from sklearn_ls.datasets import corrupt_labels

data = load_breast_cancer(as_frame=True)
rng = np.random.default_rng(0)
table = data.data[[c for c in data.data if c.startswith(("mean", "worst"))]].copy()
radius = pd.qcut(
    table.pop("mean radius"), 4, labels=["small", "medium", "large", "huge"]
)
table = table.mask(rng.random(table.shape) < 0.05)
table.insert(0, "size", radius.astype(object))
table.insert(0, "patient", [f"P{number:04}" for number in rng.permutation(len(table))])
diagnosis = data.target_names[data.target].astype(object)
table, table_test, y_true, y_test = train_test_split(
    table, diagnosis, test_size=0.4, stratify=diagnosis, random_state=0
)
y, _ = corrupt_labels(y_true, 0.12, random_state=0)
print(table.iloc[:3, :5])

# %%
# The pipeline preprocesses the columns as for other classifiers. It leaves out the
# identifier, which has no information about the diagnosis.

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ls import LabelSmoothingClassifierCV

numbers = make_column_selector(dtype_include="number")
columns = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
    (OneHotEncoder(), ["size"]),
)
pipeline = make_pipeline(columns, LabelSmoothingClassifierCV(random_state=0))
pipeline.fit(table, y)
before = pipeline.score(table_test, y_test)

# %%
# Are there wrong labels? The report estimates their share by two methods that fail in
# different ways, and tests whether smoothing helps.

from sklearn_ls.inspection import smoothing_report

report = smoothing_report(pipeline, table, y)
print(report.verdict)
print({name: round(rate, 2) for name, rate in report.noise.items()})

# %%
# Which labels are wrong? The list starts with the most suspicious samples. `sample` is
# the position in the table, so that the other columns can be joined for the person who
# checks the labels. The fitted search has already predicted each sample by a network
# that was not trained on it, so no further training is needed.

from sklearn_ls.inspection import find_label_issues

issues = find_label_issues(pipeline, table, y, as_frame=True)
to_check = issues.join(table.iloc[issues["sample"]].reset_index(drop=True))
print(to_check.iloc[:8, :7].round(3).to_string())

# %%
# An expert checks the first 30 labels and corrects the wrong ones. Here the true labels
# are used instead.

checked = issues["sample"][:30]
corrected = y.copy()
corrected[checked] = y_true[checked]
print(f"{np.mean(y[checked] != y_true[checked]):.0%} of the checked labels were wrong.")
print(f"Wrong labels: {np.mean(y != y_true):.1%} before,", end=" ")
print(f"{np.mean(corrected != y_true):.1%} after the correction.")
after = pipeline.fit(table, corrected).score(table_test, y_test)
print(f"Accuracy on true labels: {before:.3f} before, {after:.3f} after.")

# %%
# If no expert is available, the labels can be replaced by the suggested ones. Most of
# these are correct, but some correct labels are lost, and the classifier would then be
# evaluated on its own predictions:

replaced = y.copy()
replaced[issues["sample"]] = issues["suggested_label"]
lost = (y == y_true) & (replaced != y_true)
print(f"{np.mean(replaced != y_true):.1%} of the labels are wrong after replacing,")
print(f"{lost.sum()} of them were correct before.")

# %%
# The precision decreases along the list. Stop when too few of the checked labels are
# wrong:

import matplotlib.pyplot as plt

is_wrong = y[issues["sample"]] != y_true[issues["sample"]]
length = np.arange(1, len(issues) + 1)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(length, np.cumsum(is_wrong) / length)
ax.axhline(np.mean(y != y_true), color="0.6", linestyle=":", label="by chance")
ax.set(xlabel="checked labels", ylabel="fraction of wrong labels", ylim=(0, 1.02))
ax.legend()
plt.show()

# %%
# Nine in ten of the labels at the top of the list are wrong, compared to one in eight
# by chance. The accuracy hardly changes (one of 228 patients is 0.004), since the
# search is rather robust to this noise. Correct labels matter for other reasons, too,
# such as the evaluation of models. These mistakes are random; if mistakes follow a
# pattern, fewer are found (:ref:`label_issues`).
