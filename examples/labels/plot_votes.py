"""
Training on the votes of several annotators
===========================================

Several annotators labeled the same samples, and not all of them are reliable.
:func:`~sklearn_ls.crowds.votes_to_soft` estimates the error rates of each annotator
from their disagreements, without any trusted labels, and computes soft labels from the
votes. Here the annotators are simulated by
:func:`~sklearn_ls.datasets.corrupt_labels`, so that the estimates can be compared with
their true error rates.
"""

# %%
# Of six annotators, one is careful, one is careless, one labels half of the digits as
# the next digit, and three are in between. Each labels about 60 % of the training
# digits.

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ls.datasets import corrupt_labels

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)
annotators = {
    "careful": {"rate": 0.05},
    "careless": {"rate": 0.7},
    "one off": {"rate": 0.5, "kind": "pair"},
    "fair": {"rate": 0.3},
    "hasty": {"rate": 0.4},
    "tired": {"rate": 0.4, "kind": "instance", "X": X},
}
answers = pd.DataFrame(
    {
        name: corrupt_labels(y, **habit, random_state=seed)[0]
        for seed, (name, habit) in enumerate(annotators.items())
    },
    dtype="Int64",
)
rng = np.random.default_rng(0)
asked = rng.random(answers.shape) < 0.6
asked[np.arange(len(y)), rng.integers(0, 6, len(y))] = True  # at least one each
answers = answers.where(asked)
print(answers.head())

# %%
# The model of Dawid and Skene estimates a confusion matrix for each annotator, and
# weights the votes by them.

from sklearn_ls.crowds import votes_to_soft

y_soft, reliability, confusion = votes_to_soft(
    answers, n_classes=10, method="dawid_skene", return_confusion=True
)
majority, _ = votes_to_soft(answers, n_classes=10, method="majority")
for name, labels in {"majority": majority, "Dawid and Skene": y_soft}.items():
    print(f"{name:15} {np.mean(labels.argmax(axis=1) == y):.1%} are correct")
table = pd.DataFrame(
    {
        "estimated accuracy": reliability,
        "accuracy": [
            np.mean(answers[name].dropna() == y[answers[name].notna()])
            for name in answers
        ],
    },
    index=answers.columns,
)
print(table.round(2))

# %%
# The confusion matrices show the typical mistakes: rows are the true classes, and
# columns are the answers. The matrix of "one off" has a second diagonal.

import matplotlib.pyplot as plt

from sklearn_ls.inspection import AnnotatorConfusionDisplay

AnnotatorConfusionDisplay(
    confusion, annotators=answers.columns, reliability=reliability
).plot()
plt.show()

# %%
# A classifier is trained on soft labels like on hard labels. Which method of combining
# votes is best depends on the data, so it is useful to compare them on some trusted
# labels, here the test digits.

from sklearn_ls import LabelSmoothingClassifierCV

shares, _ = votes_to_soft(answers, n_classes=10, method="share")
targets = {
    "majority labels": majority.argmax(axis=1),
    "shares of votes": shares,
    "Dawid and Skene": y_soft,
    "true labels": y,
}
for name, target in targets.items():
    clf = LabelSmoothingClassifierCV(random_state=0).fit(X, target)
    print(f"{name:15} {clf.score(X_test, y_test):.3f}")

# %%
# The search can also be trained on the votes directly. It then learns the confusion
# matrices together with the network, so that the features are used to estimate them.
# `consensus_proba_` has the probabilities of the true labels of the training digits,
# given the votes and the held-out predictions.

clf = LabelSmoothingClassifierCV(random_state=0).fit(X, None, votes=answers)
consensus = clf.classes_[clf.consensus_proba_.argmax(axis=1)]
print(f"votes           {clf.score(X_test, y_test):.3f}")
print(f"consensus       {np.mean(consensus == y):.1%} are correct")

# %%
# All methods are more accurate than majority labels. The differences between the other
# methods are within noise on 450 test digits. The consensus, which also uses the
# features, is correct more often than the labels from the votes alone. See the
# :doc:`/benchmarks` for real crowds.

# %%
# Votes can also be a table with one vote per row, as exported by crowdsourcing
# platforms, and labels may be strings. The soft labels are then a dataframe:

names = np.array("zero one two three four five six seven eight nine".split())
votes = (
    answers.reset_index(names="task")
    .melt("task", var_name="worker", value_name="label")
    .dropna()
)
votes["label"] = names[votes["label"].astype(int)]
print(votes.head(3))
named, reliability = votes_to_soft(votes, method="dawid_skene")
print(named.round(2).head(3).to_string())  # classes in alphabetical order

# %%
# The reliabilities are in the alphabetical order of the annotators:

workers = np.unique(votes["worker"])
print(pd.Series(reliability, index=workers).sort_values().round(2).head(2))

# %%
# :func:`~sklearn_ls.inspection.find_label_issues` with ``votes=answers`` returns the
# samples for which the votes are probably wrong, since a classifier contradicts them.
# To collect more votes, choose the samples with the least certain `consensus_proba_`.
# The mistakes of these annotators are independent, as the model assumes; real
# annotators often make mistakes on the same difficult samples.
