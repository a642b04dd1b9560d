"""scikit-learn's own checks, on every configuration that changes the code they run."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.utils.estimator_checks import (
    check_class_weight_balanced_classifiers,
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    parametrize_with_checks,
)
from torch import nn

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV

# The checks train on a few unscaled rows, often for too few epochs.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:After the first epoch most outputs"),
]


class TwoLayers(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(
            nn.Linear(n_features, 100), nn.ReLU(), nn.Linear(100, n_classes)
        )


ESTIMATORS = [
    LabelSmoothingClassifier(),
    LabelSmoothingClassifier(epsilon=0),
    LabelSmoothingClassifier(epsilon=0.5),
    LabelSmoothingClassifier(distribution="others"),
    LabelSmoothingClassifier(distribution="prior"),
    LabelSmoothingClassifier(class_weight="balanced"),
    LabelSmoothingClassifier(hidden_layer_sizes=(50, 20)),
    LabelSmoothingClassifier(module=TwoLayers),
    LabelSmoothingClassifier(transition_matrix=0.1),
    # Fewer epochs than by default, since every check trains on several folds.
    LabelSmoothingClassifierCV(max_epochs=30, learning_rate=0.01),
    LabelSmoothingClassifierCV([0, 0.3], ensemble=False, max_epochs=30),
    LabelSmoothingClassifierCV(
        [0.1], early_stopping=True, max_epochs=30, learning_rate=0.05
    ),
    LabelSmoothingClassifierCV([0.1], class_weight="balanced", cv=3, max_epochs=30),
]


@parametrize_with_checks(ESTIMATORS)
def test_estimator_passes(estimator, check):
    check(estimator)


def weights_change_the_hold_out(estimator):
    return {
        f"check_sample_weight_equivalence_on_{kind}_data": "the hold-out is random"
        for kind in ("dense", "sparse")
    }


# Weighting and repeating rows give different hold-outs, as with MLPClassifier. A larger
# step than the default, since these checks hold out a handful of rows.
@parametrize_with_checks(
    [LabelSmoothingClassifier(early_stopping=True, learning_rate=0.05)],
    expected_failed_checks=weights_change_the_hold_out,
)
def test_estimator_that_stops_early_passes(estimator, check):
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
