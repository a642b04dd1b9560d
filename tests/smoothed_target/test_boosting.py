"""XGBoost and LightGBM, trained on soft targets."""

import pickle

import lightgbm
import numpy as np
import pandas as pd
import pytest
import torch
import xgboost
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import has_fit_parameter

from sklearn_ls import LabelSmoother, SmoothedTargetClassifier
from sklearn_ls._boosting.objective import SoftObjective
from smoothed_target.copies import AS_IT_IS

NAMES = np.array(["ant", "bee", "cow"])


def xgb(**params):
    return xgboost.XGBClassifier(**{"n_estimators": 8, "n_jobs": 1, **params})


def lgbm(**params):
    return lightgbm.LGBMClassifier(
        **{"n_estimators": 8, "n_jobs": 1, "verbose": -1, **params}
    )


BOTH = pytest.mark.parametrize("make", [xgb, lgbm])
WEIGHTS = {2: [0.8], 3: [0.6, 0.3]}


def data(n_classes, n_samples=300, seed=0):
    return make_classification(
        n_samples,
        8,
        n_informative=6,
        n_classes=n_classes,
        weights=WEIGHTS[n_classes],
        flip_y=0.1,
        random_state=seed,
    )


@BOTH
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_without_smoothing_it_is_the_classifier_itself(make, n_classes, weighted, rng):
    X, y = data(n_classes)
    weight = rng.uniform(0.5, 2, len(y)) if weighted else None
    plain = make().fit(X, y, sample_weight=weight)
    clf = SmoothedTargetClassifier(make(), AS_IT_IS).fit(X, y, sample_weight=weight)
    assert clf.strategy_ == "objective"
    assert_allclose(clf.predict_proba(X), plain.predict_proba(X), atol=1e-5)


@BOTH
def test_class_weights_are_those_of_the_classifier_itself(make):
    X, y = data(2)
    for params in (
        {"scale_pos_weight": 3},
        *([{"class_weight": "balanced"}, {"class_weight": {1: 5}}] * (make is lgbm)),
    ):
        plain = make(**params).fit(X, y)
        clf = SmoothedTargetClassifier(make(**params), AS_IT_IS).fit(X, y)
        assert_allclose(clf.predict_proba(X), plain.predict_proba(X), atol=1e-5)
        name = next(iter(params))
        assert clf.classifier_.get_params()[name] == params[name]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_xgboost_equals_weighted_copies(n_classes):
    X, y = data(n_classes)
    # Copies have a different initial score and different bins.
    params = {"base_score": 0.5, "tree_method": "exact"}
    of_copies, of_samples = (
        SmoothedTargetClassifier(
            xgb(**params), LabelSmoother(0.3), strategy=strategy
        ).fit(X, y)
        for strategy in ("replicate", "objective")
    )
    assert of_copies.strategy_ == "replicate"
    assert_allclose(of_samples.predict_proba(X), of_copies.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("transition", [None, 0.3])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_gradient_is_that_of_torch_and_the_hessian_its_expectation(
    n_classes, transition, rng
):
    mass = rng.dirichlet(np.ones(n_classes), 5).T * rng.uniform(1, 2, 5)
    matrix = None
    if transition is not None:
        matrix = rng.dirichlet(np.ones(n_classes), n_classes) / 2
        matrix += np.eye(n_classes) / 2
    raw = rng.normal(size=5 if n_classes == 2 else (5, n_classes))

    def loss(scores, mass):
        logits = scores
        if n_classes == 2:
            logits = torch.stack([torch.zeros_like(scores), scores], -1)
        proba = logits.softmax(-1)
        if matrix is not None:
            proba = proba @ torch.from_numpy(matrix)
        return -(torch.from_numpy(mass.T) * proba.log()).sum()

    scores = torch.from_numpy(raw).requires_grad_()
    loss(scores, mass).backward()
    gradient, hessian = SoftObjective(mass, matrix).gradient_and_hessian(raw)
    assert_allclose(gradient, scores.grad, atol=1e-12)
    # With the targets that the scores predict, the Hessian is the expected one.
    logits = raw if n_classes > 2 else np.stack([np.zeros(5), raw], -1)
    proba = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expected = (proba if matrix is None else proba @ matrix).T
    _, hessian = SoftObjective(expected, matrix).gradient_and_hessian(raw)
    exact = torch.autograd.functional.hessian(
        lambda scores: loss(scores, expected), torch.from_numpy(raw)
    )
    diagonal = exact.reshape(raw.size, raw.size).diagonal().reshape(raw.shape)
    assert_allclose(hessian, diagonal, atol=1e-12)


@BOTH
def test_a_known_transition_gives_the_true_labels(make):
    X, y = data(3, 4000)
    rng = np.random.default_rng(0)
    matrix = np.array([[0.6, 0.4, 0], [0, 0.6, 0.4], [0.4, 0, 0.6]])
    y_noisy = np.array([rng.choice(3, p=matrix[label]) for label in y])
    plain, known = (
        SmoothedTargetClassifier(
            make(n_estimators=30), AS_IT_IS, transition_matrix=transition
        ).fit(X[:3000], y_noisy[:3000])
        for transition in (None, matrix)
    )
    confidence = [
        clf.predict_proba(X[3000:])[np.arange(1000), y[3000:]].mean()
        for clf in (plain, known)
    ]
    assert confidence[1] > confidence[0] + 0.1
    assert known.score(X[3000:], y[3000:]) > plain.score(X[3000:], y[3000:])


@BOTH
def test_labels_may_be_of_any_type(make):
    X, y = data(3)
    clf = SmoothedTargetClassifier(make(), LabelSmoother(0.1)).fit(X, y)
    named = SmoothedTargetClassifier(make(), LabelSmoother(0.1)).fit(X, NAMES[y])
    assert_array_equal(named.predict(X), NAMES[clf.predict(X)])
    from_one = SmoothedTargetClassifier(make(), LabelSmoother(0.1)).fit(X, y + 1)
    assert_array_equal(from_one.classes_, [1, 2, 3])
    assert_allclose(from_one.predict_proba(X), clf.predict_proba(X))


@BOTH
def test_soft_labels_of_classes_that_are_nowhere_the_most_likely(make):
    X, y = data(2)
    y_soft = np.column_stack([0.9 - 0.6 * y, 0.05 + 0.6 * y, np.full(len(y), 0.05)])
    y_soft = pd.DataFrame(y_soft / y_soft.sum(axis=1, keepdims=True), columns=NAMES)
    clf = SmoothedTargetClassifier(make(n_estimators=30), AS_IT_IS).fit(X, y_soft)
    proba = clf.predict_proba(X)
    assert_allclose(proba.mean(axis=0), y_soft.mean(), atol=0.03)
    absent = y_soft.assign(ant=0.0)
    absent = absent.div(absent.sum(axis=1), axis=0)
    proba = SmoothedTargetClassifier(make(), AS_IT_IS).fit(X, absent).predict_proba(X)
    assert proba.shape == (len(X), 3)
    assert np.all(proba[:, 0] < 1e-6)


def validation(make, X, y):
    """Arguments of `fit` for validation samples."""
    if make is xgb:
        return {"eval_set": [(X, y)], "verbose": False}
    if has_fit_parameter(lightgbm.LGBMClassifier, "eval_X"):
        return {"eval_X": X, "eval_y": y}
    return {"eval_set": [(X, y)]}


METRICS = [None, "auc", "error", "logloss", "callable"]


def log_loss_of_proba(y_true, y_proba):
    if y_proba.ndim == 1:
        y_proba = np.column_stack([1 - y_proba, y_proba])
    return log_loss(y_true, y_proba)


def log_loss_for_lightgbm(y_true, y_proba):
    return "own", log_loss_of_proba(y_true, y_proba), False


@BOTH
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("metric", METRICS)
def test_early_stopping_on_hard_labels_is_that_of_the_classifier(
    make, n_classes, metric
):
    kind = "m" if n_classes == 3 else ""
    if metric == "auc" and n_classes == 3:
        metric = "auc_mu" if make is lgbm else "auc"
    elif make is xgb and metric in ("error", "logloss"):
        metric = f"{kind}{metric}"
    elif metric == "callable":
        metric = log_loss_of_proba
        if make is lgbm:
            metric = log_loss_for_lightgbm
    for seed in range(3):
        X, y = data(n_classes, 400, seed)
        names = NAMES[y]
        params, options = {"n_estimators": 30}, {}
        if make is xgb:
            params |= {"early_stopping_rounds": 3, "eval_metric": metric}
        else:
            options["callbacks"] = [lightgbm.early_stopping(3, verbose=False)]
            options["eval_metric"] = metric
        plain, clf = make(**params), SmoothedTargetClassifier(make(**params), epsilon=0)
        plain.fit(X[:200], y[:200], **options, **validation(make, X[200:], y[200:]))
        held_out = validation(make, X[200:], names[200:])
        clf.fit(X[:200], names[:200], **options, **held_out)
        rounds = "best_iteration" if make is xgb else "best_iteration_"
        assert getattr(clf.classifier_, rounds) == getattr(plain, rounds)
        assert_allclose(clf.predict_proba(X), plain.predict_proba(X), atol=1e-4)


@BOTH
@pytest.mark.parametrize("strategy", ["objective", "replicate"])
@pytest.mark.parametrize("names", [np.arange(3), NAMES])
def test_validation_loss_of_soft_labels_is_their_cross_entropy(make, strategy, names):
    X, y = data(3, 600)
    y_soft = LabelSmoother(0.4).fit_transform(y)
    clf = SmoothedTargetClassifier(make(), AS_IT_IS, strategy=strategy)
    clf.fit(X[:300], names[y[:300]], **validation(make, X[300:], y_soft[300:]))
    results = clf.classifier_.evals_result_ if make is lgbm else None
    if make is xgb:
        results = clf.classifier_.evals_result()
    ((_, losses),) = next(iter(results.values())).items()
    proba = clf.predict_proba(X[300:])
    expected = -(y_soft[300:] * np.log(proba)).sum(axis=1).mean()
    assert len(losses) == 8
    assert losses[-1] == pytest.approx(expected, abs=1e-4)


@BOTH
def test_it_is_an_estimator_like_others(make):
    X, y = data(3)
    clf = SmoothedTargetClassifier(make(), LabelSmoother(0.1)).fit(X, NAMES[y])
    proba = clf.predict_proba(X)
    assert_allclose(pickle.loads(pickle.dumps(clf)).predict_proba(X), proba)
    assert_allclose(clone(clf).fit(X, NAMES[y]).predict_proba(X), proba)
    assert_allclose(clf.fit(X, NAMES[y]).predict_proba(X), proba)
    assert len(pickle.dumps(clf)) < 10 * len(pickle.dumps(make().fit(X, y)))
    grid = {"smoother__epsilon": [0, 0.2], "classifier__n_estimators": [2, 4]}
    search = GridSearchCV(clf, grid, cv=2).fit(X, NAMES[y])
    assert search.best_params_["classifier__n_estimators"] in (2, 4)


@BOTH
def test_missing_and_categorical_features(make):
    X, y = data(3)
    frame = pd.DataFrame(X)
    frame[0] = pd.cut(frame[0], 4, labels=list("abcd"))
    frame.loc[::5, 1] = np.nan
    frame.columns = [f"x{k}" for k in range(8)]
    options = {"enable_categorical": True} if make is xgb else {}
    plain = make(**options).fit(frame, y)
    clf = SmoothedTargetClassifier(make(**options), AS_IT_IS).fit(frame, y)
    assert_allclose(clf.predict_proba(frame), plain.predict_proba(frame), atol=1e-5)
    assert_array_equal(clf.feature_names_in_, frame.columns)


@pytest.mark.parametrize(
    ("classifier", "message"),
    [
        (LogisticRegression(), "LogisticRegression does not support it"),
        (lgbm(objective="multiclassova"), "objective='multiclassova'"),
        (lgbm(boosting_type="rf"), "boosting_type='rf' does not support an objective"),
        (lgbm(is_unbalance=True), "class_weight='balanced'"),
        (lgbm(application="multiclassova"), "application='multiclassova'"),
        (xgb(objective="binary:hinge"), "objective='binary:hinge'"),
    ],
)
def test_reason_why_no_objective_can_be_used(classifier, message):
    X, y = data(2)
    clf = SmoothedTargetClassifier(classifier, strategy="objective")
    with pytest.raises(ValueError, match=message):
        clf.fit(X, y)
    clf.set_params(strategy="auto", transition_matrix=0.1)
    with pytest.raises(ValueError, match="transition_matrix requires strategy"):
        clf.fit(X, y)


def test_min_share_asks_for_copies():
    X, y = data(3)
    clf = SmoothedTargetClassifier(xgb(), LabelSmoother(0.3), min_share=0.05).fit(X, y)
    assert clf.strategy_ == "replicate"


@BOTH
def test_importances_select_features(make):
    X, y = data(3)
    clf = SmoothedTargetClassifier(make(), LabelSmoother(0.1))
    selected = SelectFromModel(clf).fit(X, y)
    importances = selected.estimator_.feature_importances_
    assert_array_equal(
        importances, selected.estimator_.classifier_.feature_importances_
    )
    assert 0 < selected.get_support().sum() < 8


def test_xgboost_gets_codes_of_copies_too():
    X, y = data(3)
    clf = SmoothedTargetClassifier(xgb(), epsilon=0.2, strategy="replicate")
    proba = clone(clf).fit(X, y).predict_proba(X)
    held_out = validation(xgb, X, NAMES[y])
    named = clone(clf).fit(X, NAMES[y], **held_out)
    assert_allclose(named.predict_proba(X), proba)
    assert_array_equal(named.predict(X), NAMES[proba.argmax(axis=1)])
    # Labels drawn from soft targets may miss a class.
    rare = np.where(np.arange(len(y)) == 0, 2, y % 2)
    y_soft = LabelSmoother(0.001).fit_transform(rare)
    y_soft[0] = [0.999, 0.0005, 0.0005]
    drawn = clone(clf).set_params(strategy="sample", epsilon=0, random_state=0)
    assert drawn.fit(X, y_soft).predict_proba(X).shape == (len(X), 3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decision_function_agrees_with_the_prediction(n_classes):
    X, y = data(n_classes)
    clf = SmoothedTargetClassifier(lgbm(n_estimators=2, learning_rate=0.01), epsilon=0)
    scores = clf.fit(X, y).decision_function(X)
    codes = scores > 0 if n_classes == 2 else scores.argmax(axis=1)
    assert_array_equal(codes, clf.predict(X))


@BOTH
def test_very_few_samples_and_one_class_of_positive_weight(make):
    X, y = data(2)
    plain = make().fit(X[:30], y[:30])
    clf = SmoothedTargetClassifier(make(), epsilon=0).fit(X[:30], y[:30])
    assert_allclose(clf.predict_proba(X), plain.predict_proba(X), atol=1e-5)
    clf.fit(X, y, sample_weight=(y == 0).astype(float))
    assert_array_equal(clf.predict(X), 0)


@BOTH
def test_transitions_that_are_impossible_are_refused(make):
    X, y = data(3)
    for rate in (-0.1, np.nan, 0.7):
        clf = SmoothedTargetClassifier(make(), epsilon=0, transition_matrix=rate)
        with pytest.raises(ValueError, match="transition_matrix"):
            clf.fit(X, y)


def test_continuing_without_the_initial_score_is_refused():
    X, y = data(3)
    first = SmoothedTargetClassifier(lgbm(), epsilon=0.1).fit(X, y)
    clf = SmoothedTargetClassifier(lgbm(), epsilon=0.1)
    with pytest.raises(ValueError, match="does not contain the initial score"):
        clf.fit(X, y, init_model=first.classifier_)
