import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from helpers import quick_classifier, quick_search
from sklearn_ls._network.feature_scaling import FeatureScaling, measure_features
from sklearn_ls._network.samples import Samples


def scaled(scaler, X, clip):
    z = scaler.transform(X)
    return z / np.sqrt(1 + (z / clip) ** 2)


@pytest.mark.parametrize("clip", [0.5, 3.0, np.inf])
@pytest.mark.parametrize("batch_size", ["auto", 40])
def test_equals_features_scaled_beforehand(iris, clip, batch_size):
    X, y = iris
    X = X * [1, 100, 0.01, 1] + [0, 5, -3, 1000]
    params = {"batch_size": batch_size, "early_stopping": False}
    clf = quick_classifier(feature_clip=clip, **params).fit(X, y)
    X_scaled = scaled(StandardScaler().fit(X), X, clip)
    expected = quick_classifier(feature_clip=None, **params).fit(X_scaled, y)
    y_proba = expected.predict_proba(X_scaled)
    assert_allclose(clf.predict_proba(X), y_proba, atol=1e-10)


def test_fold_networks_scale_by_their_training_samples(iris):
    X, y = iris
    search = quick_search([0.1], cv=3, hidden_layer_sizes=()).fit(X, y)
    splits = StratifiedKFold(3).split(X, y)
    for member, (train, _) in zip(search.estimators_, splits, strict=True):
        scaling = member.net_.module_.scaling
        assert_allclose(scaling.center, X[train].mean(axis=0))
        assert_allclose(scaling.inverse_scale, 1 / X[train].std(axis=0))


@settings(max_examples=20, deadline=None)
@given(
    scale=st.lists(st.floats(1e-3, 1e3), min_size=4, max_size=4),
    shift=st.lists(st.floats(-100, 100), min_size=4, max_size=4),
)
def test_units_of_features_change_nothing(scale, shift):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), np.arange(60) % 3
    one = quick_classifier(max_epochs=2).fit(X, y).predict_proba(X)
    X_other = X * scale + np.multiply(shift, scale)
    other = quick_classifier(max_epochs=2).fit(X_other, y).predict_proba(X_other)
    assert_allclose(other, one, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_measures_weighted_samples_as_if_they_were_repeated(dtype):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((70, 5)) < 0.5, rng.normal(3, 2, (70, 5)), 0).astype(dtype)
    X[:, 4] = 7  # constant
    weight = rng.integers(1, 4, 50).astype(float)
    samples = rng.permutation(70)[:50]
    buffers = measure_features(Samples(X, X.dtype), samples, weight)
    repeated = X[samples.repeat(weight.astype(int))].astype(np.float64)
    assert_allclose(buffers["center"], repeated.mean(axis=0), rtol=1e-5)
    assert_allclose(
        buffers["inverse_scale"][:4], 1 / repeated.std(axis=0)[:4], rtol=1e-5
    )
    assert_allclose(buffers["inverse_scale"][4], 1)


def test_continues_with_the_scaling_of_the_first_fit(iris):
    X, y = iris
    clf = quick_classifier(warm_start=True).fit(X, y)
    center = clf.net_.module_.scaling.center.clone()
    for train in (clf.fit, clf.partial_fit):
        train(X + 100, y)
        assert_array_equal(clf.net_.module_.scaling.center, center)


def test_sparse_features_are_used_as_they_are(iris):
    X, y = iris
    clf = quick_classifier().fit(csr_matrix(X), y)
    assert clf.net_.module_.scaling is None
    plain = quick_classifier(feature_clip=None).fit(X, y)
    assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))


def test_partial_fit_alone_uses_the_features_as_they_are(iris):
    X, y = iris
    clf = quick_classifier().partial_fit(X, y, classes=[0, 1, 2])
    assert clf.net_.module_.scaling is None
    plain = quick_classifier(feature_clip=None).partial_fit(X, y, classes=[0, 1, 2])
    assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))


def test_variances_that_overflow_are_an_error(iris):
    X, y = iris
    X = X * [1, 1e200, 1, 1e300]
    with pytest.raises(ValueError, match=r"columns of X overflows: \[1, 3\]"):
        quick_classifier().fit(X, y)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_outlier_stays_within_the_bound(iris, sign):
    X, y = iris
    scaling = quick_classifier(feature_clip=2.0).fit(X, y).net_.module_.scaling
    outlier = torch.full((1, 4), sign * 1e9, dtype=torch.float64)
    assert_allclose(scaling(outlier), sign * 2.0)


@pytest.mark.parametrize("clip", [3.0, np.inf])
def test_gradient_with_respect_to_the_features_exists(clip, rng):
    scaling = FeatureScaling(3, clip).double()
    scaling.center.copy_(torch.from_numpy(rng.normal(size=3)))
    scaling.inverse_scale.copy_(torch.from_numpy(rng.uniform(0.1, 9, 3)))
    X = torch.from_numpy(rng.normal(size=(4, 3))).requires_grad_()
    assert torch.autograd.gradcheck(scaling, X)
