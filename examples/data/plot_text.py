"""
Classifying text with wrong labels
==================================

A Pipeline turns text into sparse features and trains a network on smoothed labels, some
of which are wrong. Does smoothing help there? The text is at hand wherever scikit-learn
is: its own documentation.
"""

# %%
# Paragraphs of scikit-learn's docstrings, labeled by the module that they belong to.
# All paragraphs of one docstring are a group, which a split does not tear apart.

import inspect

import numpy as np
from sklearn.utils.discovery import all_estimators, all_functions

modules = {"cluster", "decomposition", "ensemble", "linear_model", "metrics"}
paragraphs = [
    (paragraph, module, name)
    for name, thing in all_estimators() + all_functions()
    if (module := thing.__module__.split(".")[1]) in modules
    for paragraph in (inspect.getdoc(thing) or "").split("\n\n")
    if len(paragraph) > 150
]
text, y, groups = map(np.array, zip(*paragraphs, strict=True))
print(f"{len(text)} paragraphs of {len(set(groups))} docstrings")

# %%
# A person who labels them takes a paragraph for one of a module that has similar ones.
# So do these mistakes: which labels change and to what depends on the words.

from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_ls.datasets import corrupt_labels

words = TfidfVectorizer(min_df=3, sublinear_tf=True)
y_noisy, changed = corrupt_labels(
    y, 0.3, kind="instance", X=words.fit_transform(text), random_state=0
)
for k in np.flatnonzero(changed)[:3]:
    print(f"{y[k]}, labeled {y_noisy[k]}: {' '.join(text[k].split())[:60]}...")

# %%
# The pipeline takes strings in and gives strings out. The matrix of the words is sparse
# and stays so; one batch at a time is made dense.

from sklearn.pipeline import make_pipeline

from sklearn_ls import LabelSmoothingClassifier


def classifier(epsilon, seed):
    network = LabelSmoothingClassifier(
        epsilon,
        max_epochs=20,
        random_state=seed,
    )
    return make_pipeline(words, network)


# %%
# Trained on noisy labels of some docstrings, judged by the true labels of the others.
# Every split is a seed, shared by all epsilons.

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit

epsilons = (0.0, 0.1, 0.4)
splits = GroupShuffleSplit(n_splits=4, test_size=0.4, random_state=0)
accuracy = np.empty((splits.n_splits, len(epsilons) + 1))
for seed, (train, test) in enumerate(splits.split(text, y, groups)):
    models = [classifier(epsilon, seed) for epsilon in epsilons]
    models.append(make_pipeline(words, LogisticRegression()))
    for k, model in enumerate(models):
        accuracy[seed, k] = model.fit(text[train], y_noisy[train]).score(
            text[test], y[test]
        )

# %%
# The means, and the gains over epsilon 0 with their standard errors:

names = [f"epsilon {epsilon}" for epsilon in epsilons] + ["logistic regression"]
gains = accuracy - accuracy[:, :1]
errors = gains.std(axis=0, ddof=1) / len(gains) ** 0.5
for k, name in enumerate(names):
    print(
        f"{name:20} accuracy {accuracy[:, k].mean():.3f}, "
        f"gain {gains[:, k].mean():+.3f} +- {errors[k]:.3f}"
    )

# %%
# On the left how often paragraphs of a module were given which label; on the right the
# accuracies, one gray line per split.

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    y, y_noisy, normalize="true", values_format=".0%", ax=axes[0], colorbar=False
)
plt.setp(axes[0].get_xticklabels(), rotation=30, ha="right")
axes[0].set(xlabel="observed label", ylabel="true label", title="the labels")
axes[1].plot(names, accuracy.T, color="gray", alpha=0.4, marker=".")
axes[1].plot(names, accuracy.mean(axis=0), marker="o", label="mean")
axes[1].set_title("accuracy on true labels of other docstrings")
axes[1].legend()
plt.show()

# %%
# On this text smoothing made no difference that four splits could show. A logistic
# regression on the same words did better than the network.
#
# What does not follow is that smoothing never helps with text: this is one small
# collection, whose mistakes were drawn by a linear model of the words, and there was no
# search over how long to train. What carries over is the pipeline. Where the number of
# epochs and epsilon matter, put :class:`~sklearn_ls.LabelSmoothingClassifierCV` in the
# place of the network (:ref:`choosing_epsilon`).
