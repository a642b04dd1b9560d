"""
Training on a pandas table with ordered classes
===============================================

This example trains on a dataframe with numerical and categorical columns, searches over
epsilon with a grid search, and returns probabilities as a dataframe. The labels are
strings and ordered, so that smoothing can also use which classes are adjacent.
"""

# %%
# The target is the progression of diabetes after one year, as lower, middle or upper
# third. Sex is categorical; the body mass index is divided into categories by the
# limits of the World Health Organization.

import pandas as pd
from sklearn.datasets import load_diabetes

X, progression = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X["sex"] = X["sex"].astype(int).astype(str)
weights = ["under", "normal", "over", "obese"]
X["weight"] = pd.cut(X.pop("bmi"), [0, 18.5, 25, 30, 100], right=False, labels=weights)
y = pd.qcut(progression, 3, labels=["1 low", "2 middle", "3 high"]).astype(str)
print(X.join(y.rename("progression")).head())

# %%
# The smoothed targets as a dataframe. With `ordinal`, adjacent classes get more of the
# smoothed probability than distant ones. The class names start with a number, so that
# their alphabetical order is the order of the scale.

from sklearn_ls import LabelSmoother
from sklearn_ls.distributions import ordinal

steps = ordinal(3, "exponential")
smoother = LabelSmoother(epsilon=0.5, distribution=steps)
print(smoother.set_output(transform="pandas").fit_transform(y).head().round(2))

# %%
# Numerical columns are standardized, and categorical columns are one-hot encoded.

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ls import LabelSmoothingClassifier

columns = make_column_transformer(
    (StandardScaler(), make_column_selector(dtype_include="number")),
    (OneHotEncoder(sparse_output=False), ["sex", "weight"]),
).set_output(transform="pandas")
network = LabelSmoothingClassifier(random_state=0)
pipeline = Pipeline([("columns", columns), ("clf", network)])

# %%
# The parameters of the network are searched by the name of its step.

from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split

X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)
grid = {"clf__epsilon": [0.0, 0.2, 0.5], "clf__distribution": ["uniform", steps]}
folds = StratifiedKFold(10, shuffle=True, random_state=0)
search = GridSearchCV(pipeline, grid, cv=folds).fit(X_train, y_train)

# %%
# The results as a table, with the gain over epsilon 0 within the same folds and its
# standard error:

results = pd.DataFrame(search.cv_results_)
scores = results.filter(regex=r"split\d+_test_score")
gains = scores - scores.iloc[0]  # uniform, epsilon 0
table = pd.DataFrame({"epsilon": results["param_clf__epsilon"]})
is_name = results["param_clf__distribution"].map(lambda value: isinstance(value, str))
table["distribution"] = is_name.map({True: "uniform", False: "ordinal"})
table["accuracy"] = scores.mean(axis=1)
table["gain"] = gains.mean(axis=1)
table["error"] = gains.sem(axis=1)
print(table.round(3).to_string(index=False))
print(f"chosen: epsilon {search.best_params_['clf__epsilon']}")
print(f"accuracy on the test samples: {search.score(X_test, y_test):.2f}")

# %%
# The probabilities as a dataframe, with one row per patient and one column per class:

y_proba = pd.DataFrame(
    search.predict_proba(X_test), index=X_test.index, columns=search.classes_
)
print(y_proba.head().round(2))

# %%
# Left: the gains of the grid search. Right: the mean predicted probabilities of the
# test samples, by true label.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for k, (name, part) in enumerate(table.groupby("distribution")):
    x = part["epsilon"] + 0.01 * k  # side by side
    axes[0].errorbar(x, part["gain"], part["error"], marker="o", capsize=3, label=name)
axes[0].axhline(0, color="gray", linewidth=0.8)
axes[0].set(xlabel="epsilon", title="accuracy gained over epsilon 0")
axes[0].legend(title="distribution")
means = y_proba.groupby(y_test).mean()
means.plot.barh(
    stacked=True,
    ax=axes[1],
    xlabel="mean probability",
    ylabel="true label",
    color=["C2", "C7", "C4"],
)
axes[1].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)
plt.show()

# %%
# The gains are within their errors, so that the choice of the grid search is due to
# chance, and the middle third is hard to distinguish from the others. A gain of one or
# two points could not be detected with so few samples, so these results do not exclude
# it. Accuracy is also not the metric for which `ordinal` is meant, since it treats
# "low" instead of "high" like "low" instead of "middle". See :ref:`distributions` for
# other matrices as `distribution`.
