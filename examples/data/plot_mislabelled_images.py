"""
Training a convolutional network on mislabeled images
=====================================================

People who label images take one thing for another that looks like it. What does a
convolutional network make of such labels, and what do smoothing and averaging networks
change? This example tries both on scanned digits, one without the other and together.
"""

# %%
# Some digits look alike: 1 and 7, 3 and 8, 4 and 9, 5 and 6. Of 800 images, those that
# are drawn get the label of the other one, 22 % in all. The test labels stay clean.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ls.datasets import corrupt_labels

digits = load_digits()
X = digits.images[:, np.newaxis].astype(np.float32) / 16  # one channel of 8 x 8 pixels
X, X_test, y, y_test = train_test_split(
    X, digits.target, train_size=800, stratify=digits.target, random_state=0
)
looks_like = np.eye(10)[[0, 7, 2, 8, 9, 6, 5, 1, 3, 4]]  # 0 and 2 stay what they are
y_noisy, changed = corrupt_labels(
    y, 0.22, kind="transition", transition=looks_like, random_state=0
)

# %%
# One network is trained on the labels as they are, for long enough to learn the wrong
# ones too, and another one on smoothed labels.

from sklearn_ls import LabelSmoothingClassifier

shared = {
    "module": "convnet",
    "module_params": {"n_filters": 8},
    "learning_rate": 3e-3,
    "random_state": 0,
}
to_the_end = {"max_epochs": 60, "early_stopping": False}
hard = LabelSmoothingClassifier(0.0, **to_the_end, **shared).fit(X, y_noisy)
smoothed = LabelSmoothingClassifier(0.4, **to_the_end, **shared).fit(X, y_noisy)

# %%
# Fold networks predict together. Each keeps the weights of the epoch that was best on
# the fold that it is not trained on.

from sklearn_ls import LabelSmoothingClassifierCV

shared |= {"max_epochs": 20}
hard_folds = LabelSmoothingClassifierCV([0.0], **shared).fit(X, y_noisy)
smoothed_folds = LabelSmoothingClassifierCV([0.4], **shared).fit(X, y_noisy)

# %%
# On clean test labels:

from sklearn.metrics import log_loss

models = {
    "one network, hard labels": hard,
    "one network, smoothed": smoothed,
    "fold networks, hard labels": hard_folds,
    "fold networks, smoothed": smoothed_folds,
}
accuracy = {name: model.score(X_test, y_test) for name, model in models.items()}
for name, model in models.items():
    loss = log_loss(y_test, model.predict_proba(X_test))
    print(f"{name:27} accuracy {accuracy[name]:.3f}, log-loss {loss:.2f}")

# %%
# How much is a wrong label believed? One network was trained on it. Of the fold
# networks the one is asked that was not.

wrong = np.flatnonzero(changed)
given = y_noisy[wrong]
belief = {
    name: model.oof_proba_[wrong, given]
    if hasattr(model, "oof_proba_")
    else model.predict_proba(X[wrong])[np.arange(len(wrong)), given]
    for name, model in models.items()
}
for name, p_given in belief.items():
    print(f"{name:27} mean probability of a wrong label {p_given.mean():.2f}")
for name in ("one network, hard labels", "one network, smoothed"):
    share = np.mean(models[name].predict(X[wrong]) == given)
    print(f"{name:27} predicts {share:.0%} of the wrong labels")

# %%
# The first twelve of these images, what they show and how they were labeled, with the
# probability of that label.

import matplotlib.pyplot as plt

first, last = "one network, hard labels", "fold networks, smoothed"
figure, axes = plt.subplots(2, 6, figsize=(9, 4.4), layout="constrained")
figure.get_layout_engine().set(hspace=0.1)
for k, ax in enumerate(axes.flat):
    ax.imshow(X[wrong[k], 0], cmap="gray_r")
    ax.set(xticks=[], yticks=[], title=f"{y[wrong[k]]}, labeled {given[k]}")
    ax.set_xlabel(f"one, hard: {belief[first][k]:.2f}\nfolds: {belief[last][k]:.2f}")
figure.suptitle(
    f"Accuracy on clean labels: {first}, {accuracy[first]:.2f}; "
    f"{last}, {accuracy[last]:.2f}"
)
plt.show()

# %%
# The one network is more accurate with smoothing. It still predicts most of the wrong
# labels that it was trained on; that it gives them less probability is partly because
# no target is above 0.64. Stopping early and averaging did more; on top of them
# smoothing changed the accuracy by about ten of the 997 test images, which is
# nothing to go by. It did not improve the probabilities: the log-loss is higher with
# it, as targets of 0.64 leave the right labels in doubt as well. Nor does it find wrong
# labels: that a fold network doubts a label which it was not trained on holds without
# smoothing, too.
#
# :ref:`choosing_epsilon` says more of fold networks, and :ref:`did_it_help` how to look
# for wrong labels in data of your own.
