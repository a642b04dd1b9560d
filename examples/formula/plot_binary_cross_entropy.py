"""
Binary cross-entropy with targets of 0.1 and 0.9
================================================

A common form of label smoothing replaces the binary targets 0 and 1 by 0.1 and 0.9.
This example draws the loss and the gradient of a mislabeled sample, and compares
classifiers trained with and without smoothing on breast cancer data with flipped
labels.
"""

# %%
# These targets correspond to ``epsilon=0.1`` with ``distribution="others"``: the label
# keeps 0.9, and the other class gets 0.1. In torch this is ``label_smoothing=0.2``,
# since epsilon is distributed over both classes there, including the label itself.

import torch

from sklearn_ls import LabelSmoother, convert_epsilon

smoother = LabelSmoother(epsilon=0.1, distribution="others")
print(smoother.fit_transform(["benign", "malignant"]))
in_torch = convert_epsilon(0.1, n_classes=2, from_="others", to="uniform")
print(f"label_smoothing in torch: {in_torch}")

# %%
# The loss of a sample labeled 1 is ``-q log p - (1 - q) log(1 - p)``, where z is the
# logit of class 1, p is the sigmoid of z, and the target q is 1 or 0.9. Its gradient
# with respect to z is ``p - q``. torch computes the same loss:

import numpy as np
from scipy.special import expit, log_expit

z = np.linspace(-8, 8, 401)
loss = {
    name: -q * log_expit(z) - (1 - q) * log_expit(-z)
    for name, q in {"hard": 1.0, "smoothed": 0.9}.items()
}
gradient = {"hard": expit(z) - 1.0, "smoothed": expit(z) - 0.9}

logits = torch.tensor(np.column_stack([np.zeros_like(z), z]))
ones = torch.ones(len(z), dtype=torch.long)
entropy = torch.nn.CrossEntropyLoss(reduction="none", label_smoothing=in_torch)
difference = entropy(logits, ones).numpy() - loss["smoothed"]
print(f"largest difference from torch: {np.abs(difference).max():.0e}")

# %%
# On the right of each panel the network agrees with the label, and on the left it
# disagrees.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for name in loss:
    axes[0].plot(z, loss[name], label=f"{name} target")
    axes[1].plot(z, gradient[name], label=f"{name} target")
axes[0].set(title="loss of a sample of class 1", xlabel="logit of class 1")
axes[0].set_ylabel("nats")
axes[1].set(title="gradient of the loss", xlabel="logit of class 1")
axes[1].axhline(0, color="gray", linewidth=0.8)
for ax in axes:
    ax.axvline(np.log(9), color="gray", linestyle=":", label="p = 0.9")
axes[0].legend(loc="upper right")
plt.show()

# %%
# A mislabeled sample that the network classifies correctly is far on the left, where
# the two targets hardly differ: smoothing reduces the loss by a tenth, and the gradient
# has the absolute value 0.9 instead of 1. The difference is on the right: beyond
# p = 0.9 the loss increases again, and the gradient changes its sign. Samples with the
# correct label no longer increase the logits without bound.
#
# Next, networks are trained on breast cancer data, with some of the training labels
# flipped, for ten splits.

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from sklearn_ls.datasets import corrupt_labels

X, y = load_breast_cancer(return_X_y=True)


def split_and_flip(rate, seed):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.4, stratify=y, random_state=seed
    )
    y_noisy, flipped = corrupt_labels(y_train, rate, random_state=seed)
    return X_train, X_test, y_noisy, y_test, flipped


# %%
# Each network is trained for sixty epochs:

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ls import LabelSmoothingClassifier


def train(X, y, epsilon, seed):
    network = LabelSmoothingClassifier(
        epsilon,
        distribution="others",
        max_epochs=60,
        learning_rate=1e-3,
        dropout=0,
        ema_decay=0,
        early_stopping=False,
        random_state=seed,
    )
    return make_pipeline(StandardScaler(), network).fit(X, y)


# %%
# The logits of the observed labels after training, for one split with 20 % of the
# labels flipped. Below 0, the network predicts the other class. It does so for most of
# the flipped samples, with and without smoothing. Smoothing reduces the logits of both
# correct and flipped samples.

X_train, _, y_noisy, _, flipped = split_and_flip(0.2, seed=0)
figure, axes = plt.subplots(
    1, 2, figsize=(10, 3.6), sharex=True, sharey=True, layout="constrained"
)
for ax, epsilon in zip(axes, (0.0, 0.1), strict=True):
    logit = train(X_train, y_noisy, epsilon, seed=0).decision_function(X_train)
    towards = np.where(y_noisy == 1, logit, -logit)
    parts = [towards[~flipped], towards[flipped]]
    ax.hist(
        parts,
        np.arange(-4, 6, 0.25),
        stacked=True,
        label=["correct label", "flipped label"],
    )
    ax.axvline(np.log(9), color="gray", linestyle=":", label="p = 0.9")
    ax.set(title=f"epsilon = {epsilon}", xlabel="logit of the observed label")
axes[0].set_ylabel("training samples")
axes[0].legend()
plt.show()

# %%
# Is the classifier better on clean labels? Both networks of a seed have the same split,
# flipped labels, initial weights and batches, so that their scores can be compared in
# pairs.

from sklearn.metrics import log_loss


def clean_scores(rate, epsilon, seed):
    X_train, X_test, y_noisy, y_test, _ = split_and_flip(rate, seed)
    model = train(X_train, y_noisy, epsilon, seed)
    return model.score(X_test, y_test), log_loss(y_test, model.predict_proba(X_test))


rates, seeds = (0.0, 0.15, 0.3), range(10)
scores = np.array(
    [[[clean_scores(r, e, s) for s in seeds] for e in (0.0, 0.1)] for r in rates]
)  # rates, epsilons, seeds, accuracy and log-loss

# %%
# The scores without smoothing, and the paired differences with smoothing and their
# standard errors:

gains = scores[:, 1] - scores[:, 0]
mean, error = gains.mean(axis=1), gains.std(axis=1, ddof=1) / len(seeds) ** 0.5
for k, rate in enumerate(rates):
    print(
        f"{rate:.0%} flipped: accuracy {scores[k, 0, :, 0].mean():.3f}, "
        f"smoothed {mean[k, 0]:+.3f} +- {error[k, 0]:.3f}; "
        f"log-loss {scores[k, 0, :, 1].mean():.3f}, "
        f"smoothed {mean[k, 1]:+.3f} +- {error[k, 1]:.3f}"
    )

# %%
# The gray lines are splits. The means are shown with their standard errors.

figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for k, (ax, name) in enumerate(zip(axes, ("accuracy", "log-loss"), strict=True)):
    ax.plot(rates, gains[:, :, k], color="gray", alpha=0.4)
    ax.errorbar(rates, mean[:, k], error[:, k], marker="o", capsize=3)
    ax.axhline(0, color="gray", linewidth=0.8)
    ax.set(xlabel="share of flipped labels", title=f"{name}: smoothed minus hard")
plt.show()

# %%
# Smoothing does not change the accuracy by more than the splits vary. It increases the
# log-loss on clean labels at every rate, since it makes the network under-confident. So
# smoothing does not help on this data, which is small and easy; it may help on other
# data (:ref:`what_to_expect`). The first figure does not depend on the data: the
# gradient of a mislabeled sample is nearly as large as without smoothing, so smoothing
# neither finds nor ignores wrong labels. The same epsilon has other meanings elsewhere:
# see :ref:`five_meanings`.
