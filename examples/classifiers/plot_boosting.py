"""
Training XGBoost and LightGBM on soft labels
============================================

XGBoost and LightGBM are trained on one label per sample. If several annotators disagree
about a sample, a single label hides their uncertainty.
:class:`~sklearn_ls.SmoothedTargetClassifier` trains both libraries on the shares of the
votes, with one row per sample. Early stopping and the other arguments of `fit` work as
usual, and validation labels may be soft too.
"""

# %%
# Seven simulated annotators label each digit. Their error rate depends on the digit:
# some digits are easy, some are hard. The test digits have their true labels.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
rng = np.random.default_rng(0)
difficulty = rng.beta(0.6, 0.9, len(y))  # the probability of a wrong vote
is_wrong = rng.random((len(y), 7)) < difficulty[:, np.newaxis]
wrong_votes = (y[:, np.newaxis] + rng.integers(1, 10, is_wrong.shape)) % 10
votes = np.where(is_wrong, wrong_votes, y[:, np.newaxis])

# %%
# The shares of the votes are soft labels, and the majority votes are hard labels.

from sklearn_ls.crowds import votes_to_soft

y_soft, _ = votes_to_soft(votes, n_classes=10)
y_majority = y_soft.argmax(axis=1)
print(f"{np.mean(y_majority != y):.0%} of the majority labels are wrong.")

# %%
# A fifth of the training digits is used for early stopping, by the cross-entropy with
# the shares of the votes. LightGBM on its own is trained and stopped on the majority
# labels.

import time

from lightgbm import LGBMClassifier, early_stopping
from sklearn.metrics import accuracy_score, log_loss

from sklearn_ls import SmoothedTargetClassifier

train, stop = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0)
booster = LGBMClassifier(n_estimators=300, learning_rate=0.05, n_jobs=1, verbose=-1)


def score(name, classifier, labels):
    start = time.perf_counter()
    classifier.fit(
        X[train],
        labels[train],
        eval_X=X[stop],
        eval_y=labels[stop],
        callbacks=[early_stopping(10, verbose=False)],
    )
    seconds = time.perf_counter() - start
    y_proba = classifier.predict_proba(X_test)
    accuracy = accuracy_score(y_test, y_proba.argmax(axis=1))
    loss = log_loss(y_test, y_proba)
    fitted = getattr(classifier, "classifier_", classifier)
    print(
        f"{name:28} accuracy {accuracy:.3f}, log-loss {loss:.2f}, "
        f"{fitted.best_iteration_} iterations, {seconds:.1f} s"
    )
    return classifier


score("majority labels", booster, y_majority)
soft = SmoothedTargetClassifier(booster, epsilon=0)
score("shares of votes", soft, y_soft)
print(soft.strategy_)

# %%
# With ``epsilon=0`` the shares are not smoothed. Smoothing the majority labels instead
# treats easy and difficult digits equally:

smoothed = SmoothedTargetClassifier(booster, epsilon=0.3)
score("smoothed majority labels", smoothed, y_majority)

# %%
# The fitted booster is `classifier_`, and has the validation loss of each iteration.
# The cross-entropy with the shares cannot be lower than the entropy of the votes.

import matplotlib.pyplot as plt
from scipy.stats import entropy

(history,) = soft.classifier_.evals_result_["valid_0"].values()
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(np.arange(1, len(history) + 1), history, label="validation digits")
ax.axhline(entropy(y_soft[stop], axis=1).mean(), color="0.6", label="entropy of votes")
ax.set(xlabel="iteration", ylabel="cross-entropy with the shares of votes")
ax.legend()
plt.show()

# %%
# `feature_importances_` is available, for example for feature selection:

from sklearn.feature_selection import SelectFromModel

selected = SelectFromModel(soft, prefit=True).get_support()
print(f"{selected.sum()} of {len(selected)} pixels are more important than the mean.")

# %%
# On the true labels of the test digits, the accuracies differ by three of 450 digits,
# while the log-loss is larger with soft labels. Soft labels describe the uncertainty of
# the annotators, whereas each test digit has one certain label. So compare them with
# the majority vote (:ref:`boosting`).
