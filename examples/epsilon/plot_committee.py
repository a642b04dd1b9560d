"""
Averaging a network and a random forest
=======================================

Whether a network with smoothed labels or a random forest is more accurate depends on
the data and on the share of wrong labels. Averaging their probabilities avoids the
choice. This example compares the three for different shares of wrong labels, on scanned
digits.
"""

# %%
# Of 1,797 digits, 1,000 are used for training, with 0 to 40 % symmetric label noise.
# The others are test samples with true labels.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ls.datasets import corrupt_labels

X, y = load_digits(return_X_y=True)
X = X.astype(np.float32)


def split_and_corrupt(rate, seed):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=1000, stratify=y, random_state=seed
    )
    y_noisy, _ = corrupt_labels(y_train, rate, random_state=seed)
    return X_train, X_test, y_noisy, y_test


# %%
# scikit-learn's :class:`~sklearn.ensemble.VotingClassifier` with ``voting="soft"``
# averages the probabilities. Leaves of at least five samples keep the forest from
# fitting single wrong labels. The fitted network and forest are taken from the
# committee, so that nothing is trained twice.

from sklearn.ensemble import RandomForestClassifier, VotingClassifier

from sklearn_ls import LabelSmoothingClassifierCV

names = ["network", "forest", "committee"]


def clean_accuracies(rate, seed):
    X_train, X_test, y_noisy, y_test = split_and_corrupt(rate, seed)
    committee = VotingClassifier(
        [
            ("network", LabelSmoothingClassifierCV(random_state=seed)),
            ("forest", RandomForestClassifier(min_samples_leaf=5, random_state=seed)),
        ],
        voting="soft",
    ).fit(X_train, y_noisy)
    models = {**committee.named_estimators_, "committee": committee}
    return [models[name].score(X_test, y_test) for name in names]


rates, seeds = (0.0, 0.2, 0.4), range(3)
accuracy = np.array(
    [[clean_accuracies(rate, seed) for seed in seeds] for rate in rates]
)  # rates, seeds, models

# %%
# Accuracies on clean labels, and the gain of the committee over the better of its
# members for each seed, with its standard error over the seeds.

for rate, scores in zip(rates, accuracy, strict=True):
    gain = scores[:, 2] - scores[:, :2].max(axis=1)
    error = gain.std(ddof=1) / np.sqrt(len(seeds))
    means = ", ".join(
        f"{name} {mean:.3f}"
        for name, mean in zip(names, scores.mean(axis=0), strict=True)
    )
    print(f"{rate:.0%} wrong: {means}; gain {gain.mean():+.3f} +- {error:.3f}")

# %%

import matplotlib.pyplot as plt

figure, ax = plt.subplots(layout="constrained")
for name, means, errors in zip(
    names,
    accuracy.mean(axis=1).T,
    accuracy.std(axis=1, ddof=1).T / np.sqrt(len(seeds)),
    strict=True,
):
    ax.errorbar(rates, means, yerr=errors, marker="o", capsize=3, label=name)
ax.set(xlabel="share of wrong training labels", ylabel="accuracy on clean labels")
ax.legend()
plt.show()

# %%
# The network is more accurate than the forest with correct labels, but not with 40 %
# wrong labels. The committee is always close to the better of the two. Three seeds do
# not show whether it is better than both; see the :doc:`/benchmarks` for more data
# sets.
