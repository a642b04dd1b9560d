"""
Choosing epsilon by cross-validation
====================================

Which epsilon is best for your data, and is it significantly better than no smoothing? A
search answers the first question, and its curve the second. This example draws the
curve for digits of which 30 % are mislabeled: the scores, and their differences from
no smoothing.
"""

# %%
# Of 900 scanned digits, 30 % get the label of another digit.

import numpy as np
from sklearn.datasets import load_digits

from sklearn_ls.datasets import corrupt_labels

X, y = load_digits(return_X_y=True)
X, y = (X[:900] / 16).astype(np.float32), y[:900]
y_noisy, _ = corrupt_labels(y, 0.3, random_state=0)

# %%
# Seven epsilons on ten folds are seventy networks, which are trained in stacks. For all
# epsilons the folds, initial weights and batch order are the same, so that only epsilon
# differs.

from sklearn.model_selection import RepeatedStratifiedKFold

from sklearn_ls import LabelSmoothingClassifierCV

folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
epsilons = [0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8]
search = LabelSmoothingClassifierCV(epsilons, cv=folds, random_state=0)
search.fit(X, y_noisy)
print(f"epsilon {search.epsilon_}, accuracy {search.best_score_:.3f} on noisy labels")

# %%
# The gray lines are folds. They are far apart, since some folds are harder than others,
# which hides the effect of epsilon. The differences from epsilon 0 within each fold, on
# the right, do not depend on the difficulty of the fold. The title gives the result of
# a test over the paired samples.

import matplotlib.pyplot as plt

from sklearn_ls.inspection import EpsilonCurveDisplay

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
display = EpsilonCurveDisplay.from_search(search, ax=axes[0])
EpsilonCurveDisplay.from_search(search, paired=True, ax=axes[1])
print(display.verdict)

# %%
# The search was scored on labels as noisy as those that it was trained on. Here the
# true labels are known: on held-out samples, the predictions of the fold networks agree
# with the true labels far more often than with the observed ones.

held_out = search.classes_[search.oof_proba_.argmax(axis=1)]
print(f"held out, observed labels: {np.mean(held_out == y_noisy):.3f}")
print(f"held out, true labels:     {np.mean(held_out == y):.3f}")
plt.show()

# %%
# The curve does not show how many labels are wrong, 30 % here. A flat curve means that
# epsilon makes no difference on this data. See :ref:`choosing_epsilon` for reading the
# curve, and for the ensemble of fold networks.
