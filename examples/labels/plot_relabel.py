"""
Finding labels that should be checked
=====================================

A table with gaps, names and an identifier, and a suspicion: are its labels right? This
example goes from the suspicion to a list of samples to look at, and back to a model.
"""

# %%
# The table is scikit-learn's data on breast cancer, made as messy as tables are: some
# values are missing, some are categories, and 12 % of the diagnoses were mixed up by
# whoever typed them.

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
table, table_test, right, right_test = train_test_split(
    table, diagnosis, test_size=0.4, stratify=diagnosis, random_state=0
)
typed, _ = corrupt_labels(right, 0.12, random_state=0)
print(table.iloc[:3, :5])

# %%
# The pipeline is the one that any classifier would have. The identifier is left out,
# since it would only be learned by heart.

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
pipeline.fit(table, typed)
before = pipeline.score(table_test, right_test)

# %%
# Are there wrong labels? The report estimates how many, by two methods that fail in
# different ways, and says whether smoothing helps.

from sklearn_ls.inspection import smoothing_report

report = smoothing_report(pipeline, table, typed)
print(report.verdict)
print({name: round(rate, 2) for name, rate in report.noise.items()})

# %%
# Which ones? The list starts with the most suspicious. `sample` is the position in the
# table, from which the other columns can be joined for whoever looks at it. The search
# has predicted each sample by a network that was not trained on it, so that nothing is
# trained here.

from sklearn_ls.inspection import find_label_issues

issues = find_label_issues(pipeline, table, typed, as_frame=True)
to_check = issues.join(table.iloc[issues["sample"]].reset_index(drop=True))
print(to_check.iloc[:8, :7].round(3).to_string())

# %%
# The expert looks at the first 30 and corrects them where they are wrong. Here, the
# expert is the data set.

checked = issues["sample"][:30]
corrected = typed.copy()
corrected[checked] = right[checked]
print(f"{np.mean(typed[checked] != right[checked]):.0%} of those checked were wrong.")
print(f"{np.mean(typed != right):.1%} of all labels were wrong,", end=" ")
print(f"{np.mean(corrected != right):.1%} are now.")
after = pipeline.fit(table, corrected).score(table_test, right_test)
print(f"Accuracy on right labels: {before:.3f} before, {after:.3f} after.")

# %%
# With nobody to ask, the labels can be replaced by the suggested ones. Most of these
# are right, but some labels that were right are lost, and the classifier would then be
# judged by its own predictions:

replaced = typed.copy()
replaced[issues["sample"]] = issues["suggested_label"]
lost = (typed == right) & (replaced != right)
print(f"{np.mean(replaced != right):.1%} of the labels are wrong after replacing,")
print(f"{lost.sum()} of them were right before.")

# %%
# Precision falls further down the list, so stop when too few of the checked labels are
# wrong:

import matplotlib.pyplot as plt

is_wrong = typed[issues["sample"]] != right[issues["sample"]]
length = np.arange(1, len(issues) + 1)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(length, np.cumsum(is_wrong) / length)
ax.axhline(np.mean(typed != right), color="0.6", linestyle=":", label="by chance")
ax.set(xlabel="labels checked", ylabel="fraction that was wrong", ylim=(0, 1.02))
ax.legend()
plt.show()

# %%
# The list is what was wanted: nine in ten of the labels at its top are wrong, where one
# in eight is by chance. The accuracy hardly moves (one of 228 patients is .004), since
# the search withstood this noise rather well. Right labels matter beyond it: whoever
# uses the table next, or judges a model by it, needs them. These mistakes were made at
# random. Where they follow a pattern, fewer are found (:ref:`did_it_help`).
