"""
Choosing epsilon by cross-validation
====================================

Which epsilon is best for your data, and is it better than none at all? A search answers
the first question with a number; whether to believe it, the curve says. This example
draws it twice for digits of which 30 % are mislabeled: the scores themselves, and
their differences from no smoothing.
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
# Seven epsilons on ten folds are seventy networks, trained some at a time as one. All
# share their folds, initial weights and batch order, so that nothing but epsilon makes
# the difference.

from sklearn.model_selection import RepeatedStratifiedKFold

from sklearn_ls import LabelSmoothingClassifierCV

folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
epsilons = [0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8]
search = LabelSmoothingClassifierCV(epsilons, cv=folds, random_state=0)
search.fit(X, y_noisy)
print(f"epsilon {search.epsilon_}, accuracy {search.best_score_:.3f} on noisy labels")

# %%
# The gray lines are folds. They lie far apart, since some folds are harder than others,
# and that hides what epsilon does. The differences from epsilon 0 within each fold, on
# the right, leave out how hard a fold is. The title judges them sample by sample.

import matplotlib.pyplot as plt

from sklearn_ls.inspection import EpsilonCurveDisplay

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
display = EpsilonCurveDisplay.from_search(search, ax=axes[0])
EpsilonCurveDisplay.from_search(search, paired=True, ax=axes[1])
print(display.verdict)

# %%
# The labels that scored the search were as noisy as those that trained it. Here we know
# the true ones: the fold networks were not trained on the samples they hold out, and
# agree with the truth far more often than with the observed labels.

held_out = search.classes_[search.oof_proba_.argmax(axis=1)]
print(f"held out, observed labels: {np.mean(held_out == y_noisy):.3f}")
print(f"held out, true labels:     {np.mean(held_out == y):.3f}")
plt.show()

# %%
# What the curve can't tell: how many labels are wrong, 30 % here. A curve that is flat
# says that smoothing is not what matters on this data. :ref:`choosing_epsilon` has more
# on reading it, and on the networks of the folds that predict together.
