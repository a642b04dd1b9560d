"""Estimator checks of scikit-learn, on configurations that run different code."""

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import (
    check_class_weight_balanced_classifiers,
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    parametrize_with_checks,
)
from torch import nn
from xgboost import XGBClassifier

from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    LabelSmoothingClassifierCV,
    SmoothedTargetClassifier,
)

# The checks train on a few unscaled samples, often for too few epochs.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:After the first epoch most outputs"),
]


class TwoLayers(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(
            nn.Linear(n_features, 100), nn.ReLU(), nn.Linear(100, n_classes)
        )


# The defaults are checked once; the others need fewer epochs.
QUICK = {"max_epochs": 30}

ESTIMATORS = [
    LabelSmoothingClassifier(),
    LabelSmoothingClassifier(epsilon=0, **QUICK),
    LabelSmoothingClassifier(distribution="others", **QUICK),
    LabelSmoothingClassifier(distribution="prior", **QUICK),
    LabelSmoothingClassifier(class_weight="balanced", **QUICK),
    LabelSmoothingClassifier(hidden_layer_sizes=(50, 20), **QUICK),
    LabelSmoothingClassifier(module=TwoLayers, **QUICK),
    LabelSmoothingClassifier(transition_matrix=0.1, **QUICK),
    LabelSmoothingClassifier(calibration="unsmooth", **QUICK),
    LabelSmoothingClassifierCV(),
    LabelSmoothingClassifierCV([0, 0.3], ensemble=False, cv=3, **QUICK),
    LabelSmoothingClassifierCV(
        [0.1], early_stopping=True, learning_rate=0.05, max_epochs=30
    ),
    LabelSmoothingClassifierCV([0.1], class_weight="balanced", cv=3, **QUICK),
    # With larger steps, some samples are predicted with certainty. The number of
    # samples then matters, and weights do not equal repetitions.
    LabelSmoothingClassifierCV(
        [0.1],
        calibration="temperature",
        cv=3,
        max_epochs=30,
        learning_rate=1e-3,
        feature_clip=None,
    ),
    SmoothedTargetClassifier(),
    SmoothedTargetClassifier(smoother=LabelSmoother(epsilon=0)),
    SmoothedTargetClassifier(min_share=0.01),
    SmoothedTargetClassifier(LogisticRegression(class_weight="balanced")),
    SmoothedTargetClassifier(LinearSVC(dual=False, tol=1e-12, max_iter=10_000)),
    SmoothedTargetClassifier(GaussianNB()),
    SmoothedTargetClassifier(MLPClassifier(10, solver="lbfgs", random_state=0)),
    # Soft targets of 1/2 and 1/4, so that ties between splits are exact.
    SmoothedTargetClassifier(
        DecisionTreeClassifier(random_state=0), LabelSmoother(0.75)
    ),
    SmoothedTargetClassifier(
        RandomForestClassifier(5, bootstrap=False, random_state=0), LabelSmoother(0.75)
    ),
    # Limits of leaves count samples, not weights.
    SmoothedTargetClassifier(
        HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=60)
    ),
]


@parametrize_with_checks(ESTIMATORS)
def test_estimator_passes(estimator, check):
    check(estimator)


def weights_change_the_hold_out(estimator):
    return {
        f"check_sample_weight_equivalence_on_{kind}_data": "the hold-out is random"
        for kind in ("dense", "sparse")
    }


# Weighted and repeated samples give different held-out samples, as in MLPClassifier.
# The step is larger than the default, since these checks hold out only a few samples.
@parametrize_with_checks(
    [
        LabelSmoothingClassifier(early_stopping=True, learning_rate=0.05),
        LabelSmoothingClassifier(
            calibration="temperature", learning_rate=0.05, max_epochs=30
        ),
    ],
    expected_failed_checks=weights_change_the_hold_out,
)
def test_estimator_with_held_out_samples_passes(estimator, check):
    check(estimator)


def weights_are_not_repetitions(estimator):
    return {
        f"check_sample_weight_equivalence_on_{kind}_data": "the classifier is random"
        for kind in ("dense", "sparse")
    }


# Repeated samples have separate random labels, and separate steps in a random order.
@parametrize_with_checks(
    [
        SmoothedTargetClassifier(strategy="sample"),
        SmoothedTargetClassifier(strategy="sample", n_draws=5),
        SmoothedTargetClassifier(SGDClassifier(random_state=0)),
    ],
    expected_failed_checks=weights_are_not_repetitions,
)
def test_estimator_that_draws_passes(estimator, check):
    check(estimator)


def weights_are_not_exact(estimator):
    return {
        f"check_sample_weight_equivalence_on_{kind}_data": "so without smoothing, too"
        for kind in ("dense", "sparse")
    }


# Only checks that the library itself fails are expected to fail.
@pytest.mark.filterwarnings("ignore:Unknown data type")
@pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix")
@parametrize_with_checks(
    [
        SmoothedTargetClassifier(booster, epsilon=0.1, strategy=strategy)
        for booster in (
            XGBClassifier(n_estimators=9, n_jobs=1),
            LGBMClassifier(n_estimators=9, min_child_samples=1, n_jobs=1, verbose=-1),
        )
        for strategy in ("auto", "replicate")
    ],
    expected_failed_checks=weights_are_not_exact,
)
def test_boosting_passes(estimator, check):
    check(estimator)


def weights_are_refused(estimator):
    names = [
        "check_sample_weights_pandas_series",
        "check_sample_weights_not_an_array",
        "check_sample_weights_list",
        "check_sample_weights_shape",
        "check_sample_weights_not_overwritten",
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
        "check_classifiers_one_label_sample_weights",
    ]
    return dict.fromkeys(names, "KNeighborsClassifier takes no sample_weight")


@parametrize_with_checks(
    [SmoothedTargetClassifier(KNeighborsClassifier(), strategy="sample")],
    expected_failed_checks=weights_are_refused,
)
def test_estimator_without_weights_passes(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        check_param_validation,
        check_dataframe_column_names_consistency,
        check_inplace_ensure_writeable,
    ],
)
@pytest.mark.parametrize(
    "estimator",
    [
        LabelSmoothingClassifier(max_epochs=5),
        LabelSmoothingClassifierCV([0, 0.1], max_epochs=5),
        SmoothedTargetClassifier(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_checks_that_scikit_learn_keeps_for_itself(check, estimator):
    check(type(estimator).__name__, clone(estimator))


def test_check_class_weight_balanced_classifiers():
    X, y = make_classification(n_samples=1000, class_sep=0.3, random_state=0)
    rare = np.flatnonzero(y[:500] == 1)[25:]
    train = np.setdiff1d(np.arange(500), rare)  # one in ten, but as common in the test
    check_class_weight_balanced_classifiers(
        "LabelSmoothingClassifier",
        LabelSmoothingClassifier(random_state=0),
        X[train],
        y[train],
        X[500:],
        y[500:],
        weights=None,
    )
