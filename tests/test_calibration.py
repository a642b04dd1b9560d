import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from skorch.callbacks import Callback

from helpers import quick_classifier, quick_search
from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    LabelSmoothingClassifierCV,
)
from sklearn_ls._labels.objective import Objective, SmoothingRule
from sklearn_ls._labels.training_labels import TrainingLabels
from sklearn_ls._labels.unsmoothing import FLOOR, unsmooth, unsmooth_indicators
from sklearn_ls._network import plans
from sklearn_ls._network.calibration import Temperature

SHORT = {"max_epochs": 8, "learning_rate": 0.01, "early_stopping": False}
CALIBRATIONS = [None, "temperature", "unsmooth"]


def make_data(n_classes=3, n_samples=240, seed=0):
    return make_classification(
        n_samples,
        8,
        n_informative=6,
        n_classes=n_classes,
        class_sep=0.8,
        flip_y=0.2,
        random_state=seed,
    )


def best_temperature(logits, y_soft, weight=None, transition=None):
    """Temperature scaling by a simple minimization."""

    def loss(log_scale):
        log_given = log_softmax(np.exp(log_scale) * logits, axis=1)
        if transition is not None:
            log_given = np.log(np.exp(log_given) @ transition)
        return -np.average((y_soft * log_given).sum(axis=1), weights=weight)

    return np.exp(-minimize_scalar(loss, bounds=(-6, 6), method="bounded").x)


def fit_on_fold(X, y, n_classes=3, sample_weight=None, y_soft=None, **params):
    """Return a network, and the samples that it was calibrated on."""
    train, test = next(StratifiedKFold(3).split(X, y))
    params = {**SHORT, "calibration": "temperature", **params}
    search = quick_search([0.2], cv=[(train, test)], **params)
    search.fit(X, y, sample_weight, y_soft=y_soft)
    return search.estimators_[0], test


@pytest.mark.parametrize("n_classes", [2, 4])
def test_temperature_equals_scikit_learns(n_classes):
    pytest.importorskip("sklearn", "1.8", reason="no scaling by a temperature before")
    X, y = make_data(n_classes)
    X, X_test = X[:180], X[180:]
    y = np.array(["a", "b", "c", "d"])[y[:180]]
    ours = quick_search([0.3], calibration="temperature", **SHORT)
    theirs = CalibratedClassifierCV(
        quick_classifier(0.3, **SHORT), method="temperature", cv=3
    )
    ours.fit(X, y), theirs.fit(X, y)
    assert_allclose(ours.predict_proba(X_test), theirs.predict_proba(X_test), atol=1e-6)
    raw = ours.set_params(calibration=None).fit(X, y).predict_proba(X_test)
    assert np.abs(raw - theirs.predict_proba(X_test)).max() > 0.01


@pytest.mark.parametrize("given_as", ["labels", "soft labels", "weighted"])
@pytest.mark.parametrize("transition_matrix", [None, 0.2, "matrix"])
def test_temperature_fits_the_labels_held_out(given_as, transition_matrix):
    X, y = make_data()
    rng = np.random.default_rng(0)
    y_soft, weight = np.eye(3)[y], None
    if given_as == "soft labels":
        y_soft = 0.7 * y_soft + 0.3 * rng.dirichlet(np.ones(3), len(y))
    elif given_as == "weighted":
        weight = rng.uniform(0.1, 3, len(y))
    matrix = np.array([[0.8, 0.2, 0], [0.1, 0.8, 0.1], [0, 0.3, 0.7]])
    if transition_matrix == "matrix":
        transition_matrix = transition = matrix
    elif transition_matrix == 0.2:
        transition = 0.7 * np.eye(3) + 0.1
    else:
        transition = None
    clf, test = fit_on_fold(
        X,
        y,
        sample_weight=weight,
        y_soft=y_soft if given_as == "soft labels" else None,
        transition_matrix=transition_matrix,
    )
    logits = clf.decision_function(X[test]) * clf.temperature_
    expected = best_temperature(
        logits, y_soft[test], None if weight is None else weight[test], transition
    )
    assert clf.temperature_ == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_temperature_of_independent_labels(weighted):
    X, y = make_data(4)
    Y = np.column_stack([y % 2, y // 2])
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y)) if weighted else None
    cv = [(np.arange(160), np.arange(160, 240))]
    clf = quick_search([0.3], cv=cv, calibration="temperature", **SHORT)
    (member,) = clf.fit(X, Y, weight).estimators_
    logits = member.decision_function(X[160:]) * member.temperature_

    def loss(log_scale):
        proba = expit(np.exp(log_scale) * logits)
        losses = -np.log(np.where(Y[160:], proba, 1 - proba)).mean(axis=1)
        return np.average(losses, weights=weight[160:] if weighted else None)

    best = minimize_scalar(loss, bounds=(-6, 6), method="bounded")
    assert member.temperature_ == pytest.approx(np.exp(-best.x), rel=1e-3)


@given(log_scale=st.floats(-8, 8), seed=st.integers(0, 1000))
def test_temperature_is_in_proportion_to_the_logits(log_scale, seed):
    rng = np.random.default_rng(seed)
    logits, codes = rng.normal(size=(50, 3)), rng.integers(3, size=50)
    codes[:40] = logits[:40].argmax(axis=1)
    objective = Objective(SmoothingRule(0.0, "uniform", 3), None, 3, False)
    labels = TrainingLabels(codes, np.arange(3))
    one, other = (
        Temperature.fit(factor * logits, labels, objective).temperature
        for factor in (1, np.exp(log_scale))
    )
    assert other == pytest.approx(np.exp(log_scale) * one, rel=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_temperature_never_changes_what_is_predicted(n_classes):
    X, y = make_data(n_classes, 600)
    clf = quick_classifier(0.4, **{**SHORT, "early_stopping": True})
    plain = clone(clf).fit(X, y)
    calibrated = clf.set_params(calibration="temperature").fit(X, y)
    assert calibrated.temperature_ != 1
    assert_array_equal(calibrated.predict(X), plain.predict(X))
    assert_allclose(
        calibrated.decision_function(X) * calibrated.temperature_,
        plain.decision_function(X),
    )
    assert_allclose(calibrated.embed(X), plain.embed(X))


class CountRows(Callback):
    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        n_valid = 0 if dataset_valid is None else len(dataset_valid)
        net.rows = len(dataset_train), n_valid


@pytest.mark.parametrize("early_stopping", [True, False])
def test_temperature_holds_out_samples_without_early_stopping(early_stopping):
    X, y = make_data()
    params = {**SHORT, "early_stopping": early_stopping}
    clf = quick_classifier(0.2, callbacks=[CountRows()], **params)
    clf.set_params(calibration="temperature", validation_fraction=0.25).fit(X, y)
    assert clf.net_.rows == (180, 60 if early_stopping else 0)
    assert (clf.validation_scores_ is not None) == early_stopping


@pytest.mark.parametrize("transition_matrix", [None, 0.1])
def test_temperature_is_positive_if_all_predictions_are_correct(transition_matrix):
    X, y = make_classification(100, 8, class_sep=5, flip_y=0, random_state=0)
    clf, test = fit_on_fold(X, y, max_epochs=50, transition_matrix=transition_matrix)
    assert clf.score(X[test], y[test]) == 1
    proba = clf.predict_proba(X[test])
    n = len(test)
    assert np.all(proba.max(axis=1) < 1)
    # Equivalent to one more sample of unknown label.
    assert 1 - proba[np.arange(n), y[test]].mean() == pytest.approx(0.5 / n, rel=0.5)


def test_temperature_of_independent_labels_is_positive_if_all_are_correct():
    X = np.random.default_rng(0).choice([-5.0, 5.0], (100, 2))
    Y = (X > 0).astype(int)
    params = {**SHORT, "max_epochs": 50, "calibration": "temperature"}
    clf = quick_search([0.2], cv=[(np.arange(50), np.arange(50, 100))], **params)
    clf.fit(X, Y)
    proba = clf.predict_proba(X[50:])
    assert_array_equal(proba > 0.5, Y[50:])
    assert np.abs(Y[50:] - proba).mean() == pytest.approx(0.5 / 50, rel=0.5)


def test_temperature_where_nothing_was_learnt():
    X, y = make_data()
    proba = fit_on_fold(0 * X, y)[0].predict_proba(X)
    assert np.all(np.isfinite(proba))


def test_temperature_of_a_part_of_many_logits(monkeypatch):
    X, y = make_data(3, 1200)
    monkeypatch.setattr(plans, "ENOUGH_LOGITS", 300)
    clf, test = fit_on_fold(X, y)  # 1200 logits
    some = test[::4]
    logits = clf.decision_function(X[some]) * clf.temperature_
    expected = best_temperature(logits, np.eye(3)[y[some]])
    assert clf.temperature_ == pytest.approx(expected, rel=1e-3)


@given(
    n_classes=st.integers(2, 12),
    epsilon=st.floats(0, 0.45),
    distribution=st.sampled_from(["uniform", "others", "prior", "vector", "matrix"]),
    by_class=st.booleans(),
    noise=st.sampled_from([None, "rate", "matrix"]),
    seed=st.integers(0, 1000),
)
def test_unsmooth_undoes_the_formula(
    n_classes, epsilon, distribution, by_class, noise, seed
):
    rng = np.random.default_rng(seed)
    if distribution == "vector":
        distribution = rng.dirichlet(np.ones(n_classes))
    elif distribution == "matrix":
        distribution = rng.dirichlet(np.ones(n_classes), n_classes)
    if by_class:
        epsilon = epsilon * rng.uniform(size=n_classes)
    smoother = LabelSmoother(epsilon, distribution=distribution)
    labels = rng.integers(n_classes, size=50 * n_classes)
    smoother.fit(np.concatenate([np.arange(n_classes), labels]))
    proba = rng.dirichlet(np.ones(n_classes), 20)
    proba = np.maximum(proba, 2 * FLOOR)
    proba /= proba.sum(axis=1, keepdims=True)
    transition, matrix = None, np.eye(n_classes)
    if noise == "rate":
        transition = 0.2
        matrix = (0.8 - 0.2 / (n_classes - 1)) * matrix + 0.2 / (n_classes - 1)
    elif noise == "matrix":
        transition = matrix = 0.7 * matrix + 0.3 * rng.dirichlet(
            np.ones(n_classes), n_classes
        )
    smoothed = (proba @ matrix) @ smoother.transform(np.arange(n_classes))
    learnt = np.linalg.solve(matrix.T, smoothed.T).T
    recovered = unsmooth(learnt, smoother.recover, transition)
    assert_allclose(recovered, proba, atol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 10, 1000])
def test_unsmooth_has_a_floor(n_classes):
    proba = np.random.default_rng(0).dirichlet(np.full(n_classes, 0.01), 20)
    smoother = LabelSmoother(0.5).fit(np.arange(n_classes))
    recovered = unsmooth(proba, smoother.recover)
    floor = min(FLOOR, 0.1 / n_classes)
    assert floor / 1.2 < recovered.min() < floor * 1.2
    assert_allclose(recovered.sum(axis=1), 1)
    assert_array_equal(recovered.argmax(axis=1), proba.argmax(axis=1))


def test_unsmooth_undoes_the_formula_of_independent_labels():
    Y = np.random.default_rng(0).integers(0, 2, (20, 3))
    smoother = LabelSmoother(0.3).fit(Y)
    recovered = unsmooth_indicators(smoother.transform(Y), smoother.recover)
    assert_allclose(recovered, Y.clip(FLOOR, 1 - FLOOR))
    single = smoother.transform(Y).astype(np.float32)
    assert unsmooth_indicators(single, smoother.recover).dtype == np.float32


@pytest.mark.parametrize("matrix", [0.2, [[0.8, 0.2, 0], [0.1, 0.8, 0.1], [0, 0, 1]]])
def test_unsmooth_takes_account_of_a_transition(matrix):
    X, y = make_data()
    raw = quick_classifier(0.3, transition_matrix=matrix, **SHORT)
    clf = clone(raw).set_params(calibration="unsmooth").fit(X, y)
    proba = raw.fit(X, y).predict_proba(X)
    expected = unsmooth(proba, clf.label_smoother_.recover, np.asarray(matrix))
    assert_allclose(clf.predict_proba(X), expected)


def test_unsmooth_of_sample_epsilon_is_refused():
    X, y = make_data()
    clf = LabelSmoothingClassifier(calibration="unsmooth")
    with pytest.raises(ValueError, match="cannot undo a sample_epsilon"):
        clf.fit(X, y, sample_epsilon=np.full(len(y), 0.1))


def test_unsmooth_without_an_inverse_is_refused():
    X, y = make_data()
    clf = LabelSmoothingClassifier(1.0, calibration="unsmooth")
    with pytest.raises(ValueError, match="Use a smaller epsilon"):
        clf.fit(X, y)
    mixed = [[0.8, 0.2, 0], [0.2, 0, 0.8], [0.5, 0.1, 0.4]]
    clf.set_params(epsilon=0.1, transition_matrix=mixed)
    with (
        pytest.raises(ValueError, match="requires an invertible"),
        pytest.warns(UserWarning, match="more often than correctly"),
    ):
        clf.fit(X, y)


@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("ensemble", [True, False, None])
@pytest.mark.parametrize("target", ["binary", "multiclass", "multilabel"])
def test_all_predictions_agree(calibration, ensemble, target):
    X, y = make_data(2 if target == "binary" else 4)
    if target == "multilabel":
        y = np.column_stack([y % 2, y // 2])
    params = {**SHORT, "calibration": calibration}
    if ensemble is None:
        clf = quick_classifier(0.3, **params)
    else:
        clf = quick_search([0.3], ensemble=ensemble, **params)
    proba = clf.fit(X, y).predict_proba(X)
    decision = clf.decision_function(X)
    assert_allclose(np.exp(clf.predict_log_proba(X)), proba)
    match target:
        case "binary":
            assert_allclose(expit(decision), proba[:, 1])
            assert_array_equal(clf.predict(X), proba.argmax(axis=1))
        case "multiclass":
            assert_allclose(softmax(decision, axis=1), proba)
            assert_array_equal(clf.predict(X), proba.argmax(axis=1))
        case "multilabel":
            assert_allclose(expit(decision), proba)
            assert_array_equal(clf.predict(X), proba > 0.5)


@pytest.mark.parametrize("calibration", ["temperature", "unsmooth"])
def test_search_equals_grid_search(calibration):
    X, y = make_data()
    params = {**SHORT, "calibration": calibration}
    theirs = GridSearchCV(
        quick_classifier(**params),
        {"epsilon": [0.0, 0.1, 0.5]},
        scoring="neg_log_loss",
        cv=3,
    ).fit(X, y)
    ours = quick_search(
        [0.0, 0.1, 0.5], scoring="neg_log_loss", ensemble=False, **params
    ).fit(X, y)
    assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-8)
    assert hasattr(ours, "temperature_") == (calibration == "temperature")


def test_early_stopped_folds_are_calibrated_on_their_held_out_samples():
    X, y = make_data(3, 900)
    params = {**SHORT, "early_stopping": "auto", "calibration": "temperature"}
    search = quick_search([0.3], **params).fit(X, y)
    folds = StratifiedKFold(3).split(X, y)
    for member, (_, test) in zip(search.estimators_, folds, strict=True):
        assert member.validation_scores_ is not None
        logits = member.decision_function(X[test]) * member.temperature_
        expected = best_temperature(logits, np.eye(3)[y[test]])
        assert member.temperature_ == pytest.approx(expected, rel=1e-3)


def test_calibration_brings_back_what_smoothing_took(device):
    X, y = make_data(3, 1500)
    X, X_test, y, y_test = X[:1000], X[1000:], y[:1000], y[1000:]
    losses = {}
    for calibration in CALIBRATIONS:
        params = {**SHORT, "early_stopping": True, "calibration": calibration}
        clf = quick_classifier(0.5, device=device, dtype="float64", **params).fit(X, y)
        losses[calibration] = log_loss(y_test, clf.predict_proba(X_test))
    assert losses["temperature"] < losses[None] - 0.05
    assert losses["unsmooth"] < losses[None] - 0.05


@pytest.mark.parametrize("calibration", ["temperature", "unsmooth"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_calibration_survives_pickling_and_keeps_the_dtype(calibration, dtype):
    X, y = make_data()
    X = X.astype(dtype)
    clf = quick_classifier(0.3, calibration=calibration, **SHORT).fit(X, y)
    proba = clf.predict_proba(X)
    assert proba.dtype == dtype
    again = pickle.loads(pickle.dumps(clf)).set_params(calibration=None)
    assert_array_equal(again.predict_proba(X), proba)  # fitted parameters are used
    assert not np.allclose(again.fit(X, y).predict_proba(X), proba, rtol=0.1)
    assert not hasattr(again, "temperature_")


def test_calibration_and_partial_fit():
    X, y = make_data()
    clf = LabelSmoothingClassifier(calibration="temperature", random_state=0)
    with pytest.raises(AttributeError, match="partial_fit") as error:
        clf.partial_fit(X, y, classes=[0, 1, 2])
    assert "Set it to None or 'unsmooth'" in str(error.value.__cause__)
    raw = LabelSmoothingClassifier(0.3, random_state=0)
    clf = clone(raw).set_params(calibration="unsmooth")
    raw.partial_fit(X, y, classes=[0, 1, 2])
    clf.partial_fit(X, y, classes=[0, 1, 2])
    expected = unsmooth(raw.predict_proba(X), raw.label_smoother_.recover)
    assert_allclose(clf.predict_proba(X), expected)


@pytest.mark.parametrize(
    "how", [{"calibration": "temperature"}, {"early_stopping": True}]
)
def test_too_few_samples_to_hold_out_are_refused(how):
    clf = LabelSmoothingClassifier(**how)
    with pytest.raises(ValueError, match="samples cannot be held out"):
        clf.fit([[0.0], [1.0], [2.0]], ["a", "b", "c"])


class NeverTrain(Callback):
    def on_train_begin(self, net, **kwargs):
        raise AssertionError("trained in vain")


def test_temperature_without_samples_is_refused_before_training():
    X, y = make_data()
    weight = np.ones(len(y))
    weight[160:] = 0
    search = LabelSmoothingClassifierCV(
        [0.1], cv=[(np.arange(160), np.arange(160, 240))], calibration="temperature"
    )
    search.set_params(callbacks=[NeverTrain()])
    with pytest.raises(ValueError, match="needs held-out samples"):
        search.fit(X, y, weight)
