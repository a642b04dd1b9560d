"""
Smoothing labels by hand
========================

Label smoothing is one line of NumPy, and logistic regression a few more. This tutorial
flips some labels of scanned digits, trains on them with and without smoothing by
gradient descent, and then does the same with this library. It ends with what smoothing
changes, and what it doesn't.
"""

# %%
# Mislabeled data
# ---------------
#
# The two classes are the digits 3 (class 0) and 8 (class 1). The pixels are reduced to
# 20 uncorrelated features of variance 1, for which gradient descent converges quickly.
# We flip 30 % of the training labels; the test labels stay correct.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

pixels, digit = load_digits(return_X_y=True)
selected = np.isin(digit, [3, 8])
X, y = pixels[selected] / 16, (digit[selected] == 8).astype(int)


def split_and_flip(rate, seed):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=0.5, stratify=y, random_state=seed
    )
    pca = PCA(20, whiten=True, random_state=seed).fit(X_train)
    rng = np.random.default_rng(seed)
    flipped = rng.permutation(len(y_train)) < rate * len(y_train)
    y_noisy = np.where(flipped, 1 - y_train, y_train)
    return pca.transform(X_train), pca.transform(X_test), y_noisy, y_test, flipped


X_train, X_test, y_noisy, y_test, flipped = split_and_flip(0.3, seed=0)
print(f"{flipped.sum()} of {len(flipped)} labels are wrong")

# %%
# Two classes
# -----------
#
# Smoothing replaces the targets 0 and 1 by 0.1 and 0.9:

epsilon = 0.1
y_smooth = np.where(y_noisy == 1, 1 - epsilon, epsilon)
print(y_noisy[:6])
print(y_smooth[:6])

# %%
# Several classes
# ---------------
#
# The targets are now a matrix with a row per sample and a column per class. It is
# filled with ``epsilon / n_classes``, and the label's own class gets ``1 - epsilon +
# epsilon / n_classes``, so that each row sums to 1.


def smooth(codes, n_classes, epsilon):
    targets = np.full((len(codes), n_classes), epsilon / n_classes)
    targets[np.arange(len(codes)), codes] = 1 - epsilon + epsilon / n_classes
    return targets


print(smooth(np.array([2, 0, 3]), n_classes=4, epsilon=0.2))

# %%
# With two classes and an epsilon of 0.1 this formula gives targets of 0.05 and 0.95,
# since the label's own class gets its share of epsilon, too. For 0.1 and 0.9 epsilon
# has to be 0.2. :ref:`five_meanings` compares the two conventions with others.

print(smooth(np.array([0, 1]), n_classes=2, epsilon=0.1))
print(smooth(np.array([0, 1]), n_classes=2, epsilon=0.2))

# %%
# Logistic regression
# -------------------
#
# Let p be the predicted probability of class 1 and q the target, hard or smoothed. The
# binary cross-entropy is the mean of ``-q log(p) - (1 - q) log(1 - p)`` over the
# samples, and its gradient with respect to the logits is ``(p - q) / n_samples``.
# :ref:`sphx_glr_auto_examples_formula_plot_binary_cross_entropy.py` draws both.

from scipy.special import expit


def train(X, q, n_steps=2000, learning_rate=1.0):
    coef, intercept, norms = np.zeros(X.shape[1]), 0.0, []
    for _ in range(n_steps):
        residual = (expit(X @ coef + intercept) - q) / len(X)
        coef -= learning_rate * X.T @ residual
        intercept -= learning_rate * residual.sum()
        norms.append(np.linalg.norm(coef))
    return coef, intercept, norms


hard_coef, hard_intercept, hard_norms = train(X_train, y_noisy)
smooth_coef, smooth_intercept, smooth_norms = train(X_train, y_smooth)

# %%
# With this library
# -----------------
#
# :class:`~sklearn_ls.LabelSmoother` computes the same targets: those of the matrix by
# default, and 0.1 and 0.9 with ``distribution="others"``, where the label's own class
# gets no share of epsilon.

from sklearn_ls import LabelSmoother

smoother = LabelSmoother(epsilon=0.1, distribution="others")
np.testing.assert_allclose(smoother.fit_transform(y_noisy)[:, 1], y_smooth)

y_soft = LabelSmoother(epsilon=0.2).fit_transform(digit)
np.testing.assert_allclose(y_soft, smooth(digit, n_classes=10, epsilon=0.2))

# %%
# :class:`~sklearn_ls.SmoothedTargetClassifier` trains scikit-learn's logistic
# regression on these targets. Without a penalty it finds the same coefficients.

from sklearn.linear_model import LogisticRegression

from sklearn_ls import SmoothedTargetClassifier

clf = SmoothedTargetClassifier(LogisticRegression(C=np.inf, tol=1e-8), smoother)
clf.fit(X_train, y_noisy)
np.testing.assert_allclose(clf.classifier_.coef_[0], smooth_coef, atol=1e-4)
np.testing.assert_allclose(clf.classifier_.intercept_, smooth_intercept, atol=1e-4)

# %%
# A neural network is trained on smoothed labels by
# :class:`~sklearn_ls.LabelSmoothingClassifier`.
#
# What smoothing changes
# ----------------------
#
# First the size of the coefficients during training, on the correct labels and on the
# flipped ones.

import matplotlib.pyplot as plt

X_clean, _, y_clean, _, _ = split_and_flip(0.0, seed=0)
norms = {
    "correct labels": (
        train(X_clean, y_clean)[2],
        train(X_clean, np.where(y_clean == 1, 1 - epsilon, epsilon))[2],
    ),
    "30 % flipped": (hard_norms, smooth_norms),
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, (name, curves) in zip(axes, norms.items(), strict=True):
    for curve, label in zip(curves, ("hard", "smoothed"), strict=True):
        ax.plot(np.arange(1, 1 + len(curve)), curve, label=label)
    ax.set(title=name, xlabel="step", xscale="log", ylim=(0, None))
axes[0].set_ylabel("norm of the coefficients")
axes[0].legend()
plt.show()

# %%
# With the correct labels a hyperplane separates the two digits of the training images.
# The cross-entropy of hard labels then has no minimum: larger coefficients are always
# better, and they grow without end. With targets of 0.1 and 0.9 the loss has a minimum,
# since a predicted probability of 0.99 costs more than one of 0.9. The flipped labels
# can't be separated, so both trainings converge, and the coefficients are smaller with
# smoothing.
#
# Smaller coefficients mean probabilities closer to 1/2:

p_hard = expit(X_test @ hard_coef + hard_intercept)
p_smooth = expit(X_test @ smooth_coef + smooth_intercept)
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.hist([p_hard, p_smooth], np.linspace(0, 1, 21), label=["hard", "smoothed"])
ax.set(xlabel="predicted probability of an 8", ylabel="test images")
ax.set_title("trained on labels of which 30 % are flipped")
ax.legend()
plt.show()

# %%
# Is the classifier more accurate? We compare the two on twenty splits, each with its
# own flipped labels. The standard error is that of the differences within a split. For
# comparison, a third classifier is trained on the correct labels.

accuracies = []
for seed in range(20):
    scores = []
    for rate, low in ((0.3, 0.0), (0.3, epsilon), (0.0, 0.0)):
        X_train, X_test, y_train, y_test, _ = split_and_flip(rate, seed)
        q = np.where(y_train == 1, 1 - low, low)
        coef, intercept, _ = train(X_train, q, n_steps=500)
        scores.append(np.mean((X_test @ coef + intercept > 0) == y_test))
    accuracies.append(scores)
accuracies = 100 * np.array(accuracies)

names = ["hard", "smoothed", "hard, correct labels"]
for name, mean in zip(names, accuracies.mean(axis=0), strict=True):
    print(f"{name:20} {mean:.1f} %")
for name, k in (("smoothed", 1), ("correct labels", 2)):
    gain = accuracies[:, k] - accuracies[:, 0]
    error = gain.std(ddof=1) / len(gain) ** 0.5
    print(f"{name} minus hard: {gain.mean():+.1f} +- {error:.1f} points")

# %%
# Smoothing gains back a small part of what the flipped labels cost. It doesn't know
# which labels are wrong, and corrects none: it keeps the coefficients small. The splits
# share 357 images, and the gain may differ on other data, or vanish
# (:ref:`what_to_expect`).
#
# :ref:`sphx_glr_auto_examples_labels_plot_label_noise.py` compares networks for several
# noise rates and values of epsilon. :doc:`/tour` shows what else the library offers.
