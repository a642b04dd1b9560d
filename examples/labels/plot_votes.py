"""
Training on the votes of several annotators
===========================================

Several people labeled the same samples, and not all of them are reliable.
:func:`~sklearn_ls.crowds.votes_to_soft` estimates how each of them errs from where they
disagree, without a single trusted label, and turns the votes into soft labels. Here the
annotators are simulated by :func:`~sklearn_ls.datasets.corrupt_labels`, so that what is
estimated can be compared with what they do.
"""

# %%
# Six annotators: one is careful, one careless, one reports the next digit half of the
# time, and three are in between. Each is asked about 60 % of the training
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
# The model of Dawid and Skene gives every annotator a confusion matrix, and weighs the
# votes by them.

from sklearn_ls.crowds import votes_to_soft

y_soft, reliability, confusion = votes_to_soft(
    answers, n_classes=10, method="dawid_skene", return_confusion=True
)
majority, _ = votes_to_soft(answers, n_classes=10, method="majority")
for name, labels in {"majority": majority, "Dawid and Skene": y_soft}.items():
    print(f"{name:15} {np.mean(labels.argmax(axis=1) == y):.1%} are right")
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
# The matrices show habits: rows are the classes, columns the answers. The annotator who
# is one off has a second diagonal.

import matplotlib.pyplot as plt

from sklearn_ls.inspection import AnnotatorConfusionDisplay

AnnotatorConfusionDisplay(
    confusion, annotators=answers.columns, reliability=reliability
).plot()
plt.show()

# %%
# A classifier is trained on soft labels as on hard ones. Which way of counting votes is
# best depends on the data, so that a few trusted labels for comparing them, here the
# test digits, are worth having.

from sklearn_ls import LabelSmoothingClassifierCV

shares, _ = votes_to_soft(answers, n_classes=10, method="share")
targets = {
    "majority labels": majority.argmax(axis=1),
    "shares of votes": shares,
    "Dawid and Skene": y_soft,
    "right labels": y,
}
for name, target in targets.items():
    clf = LabelSmoothingClassifierCV(random_state=0).fit(X, target)
    print(f"{name:15} {clf.score(X_test, y_test):.3f}")

# %%
# The search also takes the votes themselves, and learns the matrices with the network,
# so that the features help to tell who was right. `consensus_proba_` are the
# probabilities of the labels of the training digits, from the votes and the held-out
# predictions.

clf = LabelSmoothingClassifierCV(random_state=0).fit(X, None, votes=answers)
consensus = clf.classes_[clf.consensus_proba_.argmax(axis=1)]
print(f"votes           {clf.score(X_test, y_test):.3f}")
print(f"of the consensus {np.mean(consensus == y):.1%} are right")

# %%
# What to see: all ways of using the votes are better than the majority. Which of them
# is best for the classifier is within noise on 450 test digits; the consensus, which
# also sees the features, is right more often than the labels by the votes alone. The
# differences on real crowds are in the :doc:`/benchmarks`.

# %%
# Votes can be in a table with one vote per row too, as crowdsourcing platforms export
# them, and labels may be names. Then the soft labels are a dataframe with the names:

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
# The annotators are in alphabetical order, too:

workers = np.unique(votes["worker"])
print(pd.Series(reliability, index=workers).sort_values().round(2).head(2))

# %%
# :func:`~sklearn_ls.inspection.find_label_issues` with ``votes=answers`` lists the
# samples where a classifier contradicts the votes, which were then probably wrong. For
# another vote, take the samples where `consensus_proba_` is least certain. The
# annotators here err
# independently of each other, as the model assumes; real ones often err on the same
# difficult samples.
