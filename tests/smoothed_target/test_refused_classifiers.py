"""Classifiers that cannot be trained on copies."""

import lightgbm
import numpy as np
import pytest
import xgboost
from numpy.testing import assert_allclose
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    Ridge,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_ls import (
    LabelSmoothingClassifier,
    LabelSmoothingClassifierCV,
    SmoothedTargetClassifier,
)

LOGISTIC = LogisticRegression()


BAGGING_OUTSIDE = r"Resample outside, BaggingClassifier\(SmoothedTargetClassifier"


REFUSED = {
    "forest": (RandomForestClassifier(), "Set bootstrap=False, resample outside"),
    "extra trees": (
        ExtraTreesClassifier(bootstrap=True),
        "Set bootstrap=False, resample outside",
    ),
    "bagging": (BaggingClassifier(bootstrap=False), BAGGING_OUTSIDE),
    "xgboost's forest": (xgboost.XGBRFClassifier(), BAGGING_OUTSIDE),
    "lightgbm's forest": (
        lightgbm.LGBMClassifier(boosting_type="rf"),
        BAGGING_OUTSIDE,
    ),
    "its alias": (lightgbm.LGBMClassifier(boosting="rf"), BAGGING_OUTSIDE),
    "logistic CV": (LogisticRegressionCV(), "uses cross-validation.*GridSearchCV"),
    "ridge CV": (RidgeClassifierCV(), "uses cross-validation"),
    "calibrated": (CalibratedClassifierCV(LOGISTIC), "uses cross-validation"),
    "stacking": (StackingClassifier([("a", LOGISTIC)]), "does not accept it"),
    "grid search": (GridSearchCV(LOGISTIC, {}), "does not accept it"),
    "our search": (LabelSmoothingClassifierCV(), "uses cross-validation"),
    "SVC": (SVC(probability=True), "SVC uses cross-validation.*CalibratedClass"),
    "our network": (
        LabelSmoothingClassifier(),
        "early_stopping=False, or fit it on the soft labels directly",
    ),
    "MLP": (MLPClassifier(early_stopping=True), "hold out.* Set early_stopping=False"),
    "SGD": (SGDClassifier(early_stopping=True), "SGDClassifier would hold out"),
    "perceptron": (Perceptron(early_stopping=True), "Set early_stopping=False"),
    "gradient boosting": (
        GradientBoostingClassifier(n_iter_no_change=5),
        "Set n_iter_no_change=None",
    ),
    "precomputed kernel": (SVC(kernel="precomputed"), "matrix of all pairs of samples"),
    "nested forest": (
        VotingClassifier([("a", LOGISTIC), ("b", RandomForestClassifier())]),
        "RandomForestClassifier resamples the copies of a sample",
    ),
    "nested boosting": (
        VotingClassifier([("a", HistGradientBoostingClassifier(early_stopping=True))]),
        "inside another estimator would hold out",
    ),
    "nested balance": (
        VotingClassifier([("a", DecisionTreeClassifier(class_weight="balanced"))]),
        "class_weight='balanced'.* would count copies",
    ),
}


@pytest.mark.parametrize(("classifier", "message"), REFUSED.values(), ids=REFUSED)
def test_classifiers_that_separate_copies_are_refused(classifier, message, iris):
    with pytest.raises(ValueError, match=message):
        SmoothedTargetClassifier(classifier, strategy="replicate").fit(*iris)
    if "does not accept it" not in message:
        drawn = SmoothedTargetClassifier(classifier, strategy="sample", n_draws=2)
        with pytest.raises(ValueError, match=r"n_draws=1|class_weight"):
            drawn.fit(*iris)


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(5),
        BaggingClassifier(n_estimators=3),
        RidgeClassifierCV(),
        HistGradientBoostingClassifier(early_stopping=True, max_iter=5),
        GradientBoostingClassifier(n_estimators=5, n_iter_no_change=2),
    ],
)
def test_one_draw_per_sample_works_for_all_classifiers(classifier, iris):
    clf = SmoothedTargetClassifier(classifier, strategy="sample", random_state=0)
    assert clf.fit(*iris).score(*iris) > 0.8


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(20, bootstrap=False, random_state=0),
        ExtraTreesClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=5),
        MLPClassifier(5, max_iter=5),
        LabelSmoothingClassifier(early_stopping=False, max_epochs=5),
        VotingClassifier(
            [("a", LOGISTIC), ("b", HistGradientBoostingClassifier(max_iter=5))],
            voting="soft",
        ),
        VotingClassifier([("a", LOGISTIC), ("b", "drop")], voting="soft"),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:After the first epoch most outputs")
def test_classifiers_with_weights_and_without_resampling_are_accepted(classifier, iris):
    clf = SmoothedTargetClassifier(classifier).fit(*iris)
    assert_allclose(clf.predict_proba(iris[0]).sum(axis=1), 1, rtol=1e-6)


def test_bagging_of_smoothed_classifiers(iris):
    bagging = BaggingClassifier(
        SmoothedTargetClassifier(DecisionTreeClassifier()), 5, random_state=0
    )
    assert bagging.fit(*iris).score(*iris) > 0.9


def test_classifiers_without_weights_are_refused(iris):
    clf = SmoothedTargetClassifier(KNeighborsClassifier())
    with pytest.raises(ValueError, match=r"does not accept it. Use strategy='sample'"):
        clf.fit(*iris)
    clf = SmoothedTargetClassifier(make_pipeline(StandardScaler(), LOGISTIC))
    with pytest.raises(ValueError, match=r"make_pipeline\(scaler, SmoothedTarget"):
        clf.fit(*iris)
    voting = VotingClassifier([("a", LOGISTIC), ("b", KNeighborsClassifier())])
    with pytest.raises(ValueError, match="VotingClassifier does not accept"):
        SmoothedTargetClassifier(voting).fit(*iris)
    for inner in (KNeighborsClassifier(), make_pipeline(StandardScaler(), LOGISTIC)):
        clf = SmoothedTargetClassifier(inner, strategy="sample")
        assert clf.fit(*iris).score(*iris) > 0.8
        with pytest.raises(ValueError, match=r"sample_weight was passed, but \w+.fit"):
            clf.fit(*iris, sample_weight=np.ones(150))


def test_estimators_that_are_not_classifiers_are_refused(iris):
    clf = SmoothedTargetClassifier(Ridge())
    assert "Ridge" in clf._repr_html_()
    with pytest.raises(ValueError, match="must be a classifier"):
        clf.fit(*iris)
    with pytest.raises(ValueError, match="must be a classifier"):
        cross_val_score(clf, *iris, error_score="raise")


@pytest.mark.parametrize(
    "search", [GridSearchCV(LOGISTIC, {}), StackingClassifier([("a", LOGISTIC)])]
)
def test_cross_validation_of_repeated_samples_is_refused(search, iris):
    clf = SmoothedTargetClassifier(search, strategy="sample", n_draws=2)
    with pytest.raises(ValueError, match="uses cross-validation"):
        clf.fit(*iris)
