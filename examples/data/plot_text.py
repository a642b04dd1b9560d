"""
Classifying text with wrong labels
==================================

A pipeline extracts sparse features from text and trains a network on smoothed labels,
some of which are wrong. The text is available wherever scikit-learn is installed: its
own docstrings.
"""

# %%
# The samples are paragraphs of scikit-learn's docstrings, labeled by the module that
# they belong to. All paragraphs of a docstring form a group that is not split.

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
# An annotator would confuse modules with similar paragraphs. The simulated mistakes
# depend on the words, too: both which labels change and to which class.

from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_ls.datasets import corrupt_labels

words = TfidfVectorizer(min_df=3, sublinear_tf=True)
y_noisy, changed = corrupt_labels(
    y, 0.3, kind="instance", X=words.fit_transform(text), random_state=0
)
for k in np.flatnonzero(changed)[:3]:
    print(f"{y[k]}, labeled {y_noisy[k]}: {' '.join(text[k].split())[:60]}...")

# %%
# The pipeline takes strings and predicts strings. The word matrix is sparse, and is
# converted to a dense array one batch at a time.

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
# The models are trained on the noisy labels of some docstrings, and evaluated on the
# true labels of the others. Each split has its own seed, which is the same for all
# epsilons.

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
# Left: how often paragraphs of each module have which label. Right: the accuracies,
# with one gray line per split.

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
# On this text, smoothing made no difference that four splits could show, and logistic
# regression on the same words was more accurate than the network.
#
# This does not mean that smoothing never helps with text: it is one small collection
# with simulated mistakes from a linear model of the words, and the number of epochs was
# not tuned. To choose epsilon and the best epochs on your own text, replace the network
# by :class:`~sklearn_ls.LabelSmoothingClassifierCV` (:ref:`choosing_epsilon`).
