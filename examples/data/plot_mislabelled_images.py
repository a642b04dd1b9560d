"""
Training a convolutional network on mislabeled images
=====================================================

Annotators of images confuse objects that look alike. This example trains a
convolutional network on scanned digits with such mistakes, and shows the effects of
smoothing and of averaging networks, separately and combined.
"""

# %%
# Some digits look alike: 1 and 7, 3 and 8, 4 and 9, 5 and 6. Of 800 images, 22 % get
# the label of the similar digit. The test labels are clean.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ls.datasets import corrupt_labels

digits = load_digits()
X = digits.images[:, np.newaxis].astype(np.float32) / 16  # one channel of 8 x 8 pixels
X, X_test, y, y_test = train_test_split(
    X, digits.target, train_size=800, stratify=digits.target, random_state=0
)
looks_like = np.eye(10)[[0, 7, 2, 8, 9, 6, 5, 1, 3, 4]]  # 0 and 2 do not change
y_noisy, changed = corrupt_labels(
    y, 0.22, kind="transition", transition=looks_like, random_state=0
)

# %%
# One network is trained on the noisy labels, for long enough to fit the wrong ones too,
# and another one on smoothed labels.

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
# The fold networks of a search predict as an ensemble. Each keeps the weights of its
# best epoch on its held-out fold.

from sklearn_ls import LabelSmoothingClassifierCV

shared |= {"max_epochs": 20}
hard_folds = LabelSmoothingClassifierCV([0.0], **shared).fit(X, y_noisy)
smoothed_folds = LabelSmoothingClassifierCV([0.4], **shared).fit(X, y_noisy)

# %%
# The accuracy and the log-loss on clean test labels:

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
# Which probability does a wrong label get? A single network was trained on it. Of the
# fold networks, the one that was not trained on the sample predicts.

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
# The first twelve mislabeled images, with their true and observed labels and the
# probabilities of the observed label:

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
# A single network is more accurate with smoothing. It still predicts most of the wrong
# labels that it was trained on; their lower probability is partly due to the targets,
# none of which is above 0.64. Early stopping and averaging improved the accuracy more.
# Smoothing in addition changed it by about ten of the 997 test images, which is not
# conclusive. Smoothing did not improve the probabilities: it increases the log-loss,
# since targets of 0.64 make the network less certain of the correct labels as well. Nor
# does it find wrong labels: without smoothing, too, a fold network gives a low
# probability to wrong labels that it was not trained on.
#
# See :ref:`choosing_epsilon` for fold networks, and :ref:`label_issues` for finding
# wrong labels in your own data.
