"""
Checking whether smoothing helped
=================================

:func:`~sklearn_ls.inspection.smoothing_report` tests whether smoothing helps on your
data. This example uses it on digits with correct labels and on digits with wrong
labels. Since the wrong labels are known here, the example also evaluates the estimates
of their share, and the samples that :func:`~sklearn_ls.inspection.find_label_issues`
finds.
"""

# %%
# A fifth of the labels is changed: digits that resemble another digit are labeled as
# that digit.

from sklearn.datasets import load_digits

from sklearn_ls.datasets import corrupt_labels

X, y = load_digits(return_X_y=True)
X = X / 16
y_noisy, changed = corrupt_labels(y, 0.2, kind="instance", X=X, random_state=0)

# %%
# The search chooses epsilon by cross-validation, and predicts each sample by a network
# that was not trained on it. The report uses these predictions, and trains networks
# with hard labels on the same folds.

from sklearn_ls import LabelSmoothingClassifierCV
from sklearn_ls.inspection import smoothing_report

search = LabelSmoothingClassifierCV(random_state=0)
report = smoothing_report(search.fit(X, y), X, y)
print(report)

# %%
# With a fifth of the labels wrong:

report = smoothing_report(search.fit(X, y_noisy), X, y_noisy)
print(report)

# %%
# The plot shows the differences from hard labels with two standard errors. The stars in
# the table require slightly larger differences, because several differences are tested.

import matplotlib.pyplot as plt

report.plot()
plt.show()

# %%
# All of these scores are computed on the observed labels. To check whether the variants
# have the same order on the true labels, which are usually unknown, the held-out
# predictions are scored on both:

from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss

hard = clone(search).set_params(epsilons=[0.0]).fit(X, y_noisy)
for name, labels in {"observed": y_noisy, "true": y}.items():
    for variant, fitted in {"hard": hard, "smoothed": search}.items():
        y_proba = fitted.oof_proba_
        print(
            f"{name:8} labels, {variant:8}: "
            f"accuracy {accuracy_score(labels, y_proba.argmax(axis=1)):.3f}, "
            f"log-loss {log_loss(labels, y_proba):.3f}"
        )

# %%
# How many labels are wrong? The two estimates fail in different ways, so they are
# compared for other kinds of noise too, always with a fifth of the labels wrong. A
# fixed epsilon saves time.

estimates = {"instance": report.noise}
one = clone(search).set_params(epsilons=[0.1])
for kind in ("pair", "symmetric"):
    y_other, _ = corrupt_labels(y, 0.2, kind=kind, random_state=0)
    estimates[kind] = smoothing_report(one.fit(X, y_other), X, y_other).noise
for kind, noise in estimates.items():
    print(kind.ljust(10), {name: round(rate, 2) for name, rate in noise.items()})

# %%
# Which labels are wrong? The list starts with the most suspicious samples.

import numpy as np

from sklearn_ls.inspection import find_label_issues

issues = find_label_issues(search, X, y_noisy)
print(f"{changed.sum()} labels are wrong, {len(issues)} are listed")
print(f"precision: {changed[issues].mean():.2f}")
print(f"precision of the first 50: {changed[issues[:50]].mean():.2f}")
found = np.isin(np.flatnonzero(changed), issues)
print(f"recall: {found.mean():.2f}")

figure, axes = plt.subplots(2, 8, figsize=(10, 3.4), layout="constrained")
for ax, sample in zip(axes.flat, issues, strict=False):
    ax.imshow(X[sample].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"labeled {y_noisy[sample]}", fontsize=9)
    ax.set_xticks([], []), ax.set_yticks([], [])
plt.show()

# %%
# Are the most confident predictions correct? A classifier that may abstain makes fewer
# errors if it predicts fewer digits. The curves show held-out predictions, evaluated on
# the true labels.

from sklearn_ls.inspection import RiskCoverageDisplay

display = RiskCoverageDisplay.from_predictions(y, hard.oof_proba_, name="hard")
RiskCoverageDisplay.from_predictions(
    y, search.oof_proba_, name="smoothed", ax=display.ax_
)
plt.show()

# %%
# The report finds no significant difference in accuracy, neither with correct nor with
# wrong labels, which agrees with the scores on the true labels. With correct labels,
# the raw probabilities are much worse with smoothing. After temperature scaling they
# seem better, but five folds vary too much to be sure.
#
# Both estimates of the share of wrong labels detect random mistakes, and one of them
# detects mistakes between pairs of classes. If mistakes follow the similarity of
# digits, one estimate detects about half of them. The list is similar: nearly all
# listed labels are wrong, but half of the wrong labels are not listed. These results
# are for digits and a single draw of the mistakes. See :ref:`did_it_help` for more on
# the report.
