"""
Converting epsilon between five conventions
===========================================

Two libraries with ``epsilon = 0.1`` do not necessarily train on the same targets. This
example draws the targets of the same epsilon in the five common conventions, for
imbalanced classes, and converts epsilon between them.
"""

# %%
# The classes are digits, subsampled so that larger digits are rarer.

import numpy as np
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
rank = np.zeros(len(y), dtype=int)
for digit in range(10):
    rank[y == digit] = np.arange(np.sum(y == digit))
keep = rank < 150 * 0.75**y
X, y = X[keep], y[keep]
print(np.bincount(y))

# %%
# Each convention takes epsilon from the label, and distributes it differently:
#
# - ``"uniform"``: equally over all classes, including the label, as in torch, Keras,
#   TensorFlow and timm.
# - ``"others"``: equally over the other classes, as in OpenNMT. Epsilon is then the
#   assumed share of wrong labels.
# - ``"each"``: each of the other classes gets epsilon, as if a matrix is filled with
#   epsilon and ``1 - epsilon`` is set at the label. Rows do not sum to one.
# - ``"prior"``: in proportion to the frequencies of the classes (unigram smoothing).
# - an array: any other distribution. Here it is a matrix that prefers digits that look
#   like the label.

from sklearn.metrics.pairwise import cosine_similarity

from sklearn_ls import LabelSmoother
from sklearn_ls.distributions import class_similarity

means = np.array([X[y == digit].mean(axis=0) for digit in range(10)])
similar = class_similarity(cosine_similarity(means), temperature=0.05)
conventions = {"uniform": "uniform", "others": "others", "each": "each"}
conventions |= {"prior": "prior", "a matrix": similar}
epsilon = 0.3
targets = {
    name: LabelSmoother(epsilon, distribution=distribution).fit(y).transform(range(10))
    for name, distribution in conventions.items()
}

# %%
# The target of a sample labeled 3:

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 5, figsize=(12, 3), sharey=True, layout="constrained")
for ax, (name, target) in zip(axes, targets.items(), strict=True):
    bars = ax.bar(range(10), target[3], color="C0")
    bars[3].set_color("C1")
    ax.set(title=f"{name}\nsum {target[3].sum():.2g}", xticks=range(10), xlabel="class")
    ax.text(3, target[3, 3], f"{target[3, 3]:.2f}", ha="center", va="bottom")
axes[0].set(ylabel="probability in the target", ylim=(0, 0.85))
figure.suptitle(f"The target of label 3 with epsilon = {epsilon}")
plt.show()

# %%
# The targets of all labels, one row per label, on a logarithmic color scale:

from matplotlib.colors import LogNorm

figure, axes = plt.subplots(1, 5, figsize=(12, 3.1), sharey=True, layout="constrained")
for ax, (name, target) in zip(axes, targets.items(), strict=True):
    image = ax.imshow(target, norm=LogNorm(0.003, 1))
    ax.set(title=name, xlabel="class", xticks=range(0, 10, 3), yticks=range(0, 10, 3))
axes[0].set_ylabel("label")
figure.colorbar(image, ax=axes, label="probability", shrink=0.7, extend="min")
plt.show()

# %%
# The first three conventions are equivalent: for each epsilon of one of them there is
# an epsilon of the others that gives the same targets, if those of ``"each"`` are
# divided by their sum.

from sklearn_ls import convert_epsilon

uniform = convert_epsilon(0.1, n_classes=10, from_="others", to="uniform")
same = [
    LabelSmoother(0.1, distribution="others").fit_transform(y),
    LabelSmoother(uniform, distribution="uniform").fit_transform(y),
]
print(f"0.1 with 'others' is {uniform:.3f} with 'uniform': {np.allclose(*same)}")

# %%
# The loss is the same as in torch, here for random logits:

import torch

logits = torch.tensor(np.random.default_rng(0).normal(size=(len(y), 10)))
theirs = torch.nn.functional.cross_entropy(
    logits, torch.tensor(y), label_smoothing=uniform
)
ours = -(same[0] * torch.log_softmax(logits, dim=1).numpy()).sum(axis=1).mean()
print(f"{theirs:.6f} and {ours:.6f}")

# %%
# How much the conventions differ depends on the number of classes. The figure shows the
# `label_smoothing` of torch that is equivalent to an epsilon of 0.1.

# sphinx_gallery_thumbnail_number = 3
n_classes = np.unique(np.geomspace(2, 1000, 50).astype(int))
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name in ("each", "others", "uniform"):
    in_torch = [convert_epsilon(0.1, K, from_=name, to="uniform") for K in n_classes]
    ax.semilogx(n_classes, in_torch, label=f'0.1 with "{name}"')
ax.set(xlabel="number of classes", ylabel='epsilon of "uniform"', ylim=(0, 1.05))
ax.legend()
plt.show()

# %%
# ``"uniform"`` and ``"others"`` differ by a factor of two for two classes, and hardly
# for a hundred. ``"each"`` smooths little for two classes, but for a hundred classes
# almost no probability is left for the label once the rows are normalized. It is meant
# for networks with one sigmoid per class, so
# :class:`~sklearn_ls.LabelSmoothingClassifier` accepts it only for these and for two
# classes. ``"prior"`` and matrices have no equivalent in the other conventions.
#
# To use an epsilon from a paper, check which convention it refers to
# (:ref:`five_meanings`). This example does not show which convention is best.
