"""Early stopping of HistGradientBoostingClassifier holds out whole samples."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier

from sklearn_ls import SmoothedTargetClassifier
from smoothed_target.copies import AS_IT_IS, NAMES, copies_by_hand


@pytest.mark.parametrize("strategy", ["replicate", "sample"])
@pytest.mark.parametrize("fraction", [0.25, 30])
def test_no_copy_of_a_held_out_sample_is_trained_on(rng, strategy, fraction):
    X = np.column_stack([np.arange(120.0), rng.normal(size=120)])
    y = np.arange(120) % 3
    boosting = HistGradientBoostingClassifier(
        early_stopping=True, validation_fraction=fraction, max_iter=5, random_state=0
    )
    seen = {}
    original = HistGradientBoostingClassifier.fit

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, **params):
        seen.update(X=X, X_val=X_val, y_val=y_val, **params)
        params.update(X_val=X_val, y_val=y_val)
        return original(self, X, y, sample_weight, **params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HistGradientBoostingClassifier, "fit", fit)
        SmoothedTargetClassifier(boosting, strategy=strategy, n_draws=9).fit(X, y)
    training, validation = np.unique(seen["X"][:, 0]), np.unique(seen["X_val"][:, 0])
    assert_array_equal(np.sort(np.concatenate([training, validation])), X[:, 0])
    assert_array_equal(np.bincount(y[validation.astype(int)]), [10, 10, 10])
    totals = np.bincount(seen["X_val"][:, 0].astype(int), seen["sample_weight_val"])
    assert_allclose(totals[validation.astype(int)], 1)


def test_held_out_samples_equal_those_of_boosting(soft):
    X, y = soft[0], NAMES[soft[1].argmax(axis=1)]
    plain = HistGradientBoostingClassifier(early_stopping=True, random_state=3)
    plain.fit(X, y)
    clf = SmoothedTargetClassifier(clone(plain), AS_IT_IS).fit(X, y)
    assert_allclose(clf.classifier_.validation_score_, plain.validation_score_)
    assert_allclose(clf.predict_proba(X), plain.predict_proba(X))


def test_early_stopping_auto_counts_samples_not_copies(rng):
    boosting = HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=2)
    X = rng.normal(size=(10_100, 1))
    few = SmoothedTargetClassifier(boosting).fit(X[:600], np.arange(600) % 20)
    assert not few.classifier_.do_early_stopping_
    many = SmoothedTargetClassifier(boosting).fit(X, X[:, 0] > 0)
    assert many.classifier_.do_early_stopping_
    assert len(many.classifier_.validation_score_) > 0


def test_classes_of_held_out_samples_missing_in_training_are_ignored(rng):
    X = rng.normal(size=(40, 2))
    y_soft = np.zeros((40, 3))
    y_soft[np.arange(40), np.arange(40) % 2] = 1
    for row in range(40):  # one of them is held out alone
        alone = y_soft.copy()
        alone[row] = [0.5, 0.4, 0.1]
        clf = SmoothedTargetClassifier(
            HistGradientBoostingClassifier(
                early_stopping=True, max_iter=2, random_state=0
            ),
            AS_IT_IS,
        ).fit(X, alone)
        if len(clf.classifier_.classes_) == 2:
            break
    assert len(clf.classifier_.classes_) == 2
    assert_array_equal(clf.predict_proba(X)[:, 2], 0)


def test_validation_data_of_the_user_is_passed_on(soft):
    X, y_soft = soft
    boosting = HistGradientBoostingClassifier(
        early_stopping=True, max_iter=5, validation_fraction=0.5
    )
    clf = SmoothedTargetClassifier(boosting, AS_IT_IS)
    # Validation data with the length of X, which must not be copied.
    validation = {"X_val": X[::-1], "y_val": y_soft[::-1].argmax(axis=1)}
    clf.fit(X, y_soft, **validation)
    by_hand = clone(boosting).set_params(min_samples_leaf=3 * 20)
    copies, labels, weight = copies_by_hand(X, y_soft)
    by_hand.fit(copies, labels, sample_weight=weight, **validation)
    assert_array_equal(clf.predict_proba(X), by_hand.predict_proba(X))
    scores = clf.classifier_.validation_score_, by_hand.validation_score_
    assert_array_equal(*scores)


def test_boosting_without_validation_data_is_refused(soft, monkeypatch):
    monkeypatch.setattr(
        HistGradientBoostingClassifier,
        "fit",
        lambda self, X, y, sample_weight=None: self,
    )
    clf = SmoothedTargetClassifier(HistGradientBoostingClassifier(early_stopping=True))
    with pytest.raises(ValueError, match="early_stopping=False, or install"):
        clf.fit(*soft)
