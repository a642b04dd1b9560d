"""ONNX models have the predictions of the classifiers."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from helpers import quick_classifier, quick_search
from sklearn_ls import LabelSmoothingClassifier, register_onnx_converters, to_onnx

ort = pytest.importorskip("onnxruntime")
SMALL = {"hidden_layer_sizes": (6, 5), "max_epochs": 8}
MATRIX = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.0, 0.3, 0.7]])


def run(path, X):
    session = ort.InferenceSession(path)
    (given,) = session.get_inputs()
    assert given.name == "X"
    return session.run(["label", "probabilities"], {"X": X.astype(np.float32)})


def assert_predicts_alike(estimator, X, path):
    to_onnx(estimator, path)
    X = X.astype(np.float32)
    expected = estimator.predict_proba(X)
    for samples in (X, X[:1], X[:0]):  # any number of samples
        labels, y_proba = run(path, samples)
        assert y_proba.shape == (len(samples), *expected.shape[1:])
        assert y_proba.dtype == np.float32
        assert_allclose(y_proba, expected[: len(samples)], atol=1e-5)
    labels, _ = run(path, X)
    assert_array_equal(labels, estimator.predict(X))
    return labels


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"calibration": "temperature", "early_stopping": True},
        {"calibration": "unsmooth"},
        {"calibration": "unsmooth", "transition_matrix": 0.2},
        {"calibration": "unsmooth", "transition_matrix": MATRIX},
        {
            "calibration": "unsmooth",
            "epsilon": [0.1, 0.3, 0.2],
            "distribution": MATRIX,
        },
        {"activation": "tanh", "feature_clip": np.inf},
        {"activation": "logistic", "feature_clip": None},
        {"activation": "identity", "hidden_layer_sizes": ()},
    ],
    ids=lambda params: ",".join(params),
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classifiers(iris, params, dtype, tmp_path):
    X, y = iris[0].astype(dtype), iris[1]
    clf = quick_classifier(**{**SMALL, **params}).fit(X, y)
    assert_predicts_alike(clf, X, tmp_path / "model.onnx")


@pytest.mark.parametrize("calibration", [None, "temperature", "unsmooth"])
@pytest.mark.parametrize("ensemble", [True, False])
def test_searches(iris, calibration, ensemble, tmp_path):
    X, y = iris
    search = quick_search([0.0, 0.3], calibration=calibration, ensemble=ensemble)
    search.set_params(**SMALL).fit(X, y)
    assert_predicts_alike(search, X, tmp_path / "model.onnx")


def test_folds_that_lack_a_class(rng, tmp_path):
    X, y = rng.normal(size=(41, 3)), np.r_[np.zeros(20), np.ones(20), 2].astype(int)
    search = quick_search([0.1], cv=StratifiedKFold(2), **SMALL)
    with pytest.warns(UserWarning, match="least populated class"):
        search.fit(X, y)
    assert_predicts_alike(search, X, tmp_path / "model.onnx")


@pytest.mark.parametrize("calibration", [None, "temperature", "unsmooth"])
def test_multilabel(calibration, tmp_path):
    X, Y = make_multilabel_classification(60, 5, n_classes=4, random_state=0)
    for estimator in (quick_classifier(**SMALL), quick_search([0.2], **SMALL)):
        estimator.set_params(calibration=calibration).fit(X, Y)
        assert_predicts_alike(estimator, X, tmp_path / "model.onnx")


LABELS = {
    "integers": ([-3, 2**60], np.int64),
    "bools": ([False, True], np.int64),
    "floats": ([1.0, 2.0], np.int64),
    "texts": (["an ant", "é漢"], object),
    "texts of digits": (["1", "2"], object),
    "objects": (np.array(["a", "b"], dtype=object), object),
}


@pytest.mark.parametrize(("labels", "dtype"), LABELS.values(), ids=LABELS)
def test_labels(labels, dtype, rng, tmp_path):
    X, y = rng.normal(size=(20, 2)), np.resize(np.asarray(labels), 20)
    clf = quick_classifier(**SMALL).fit(X, y)
    path = tmp_path / "model.onnx"
    assert assert_predicts_alike(clf, X, path).dtype == dtype
    metadata = ort.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == list(labels)


def test_dates_are_texts(rng, tmp_path):
    X = rng.normal(size=(20, 2))
    y = np.resize(np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]"), 20)
    clf, path = quick_classifier(**SMALL).fit(X, y), tmp_path / "model.onnx"
    to_onnx(clf, path)
    assert_array_equal(run(path, X)[0], clf.predict(X).astype(str))


class Network(nn.Sequential):
    """Images and a module with all supported layers."""

    def __init__(self, n_features, n_classes):
        channels, _, _ = n_features
        convolution = nn.Conv2d(channels, 4, (3, 2), stride=2, padding=1, bias=False)
        with_bias = nn.Conv2d(4, 6, 2, dilation=2, groups=2)
        super().__init__(
            nn.Sequential(convolution, nn.BatchNorm2d(4, affine=False), nn.ReLU()),
            with_bias,
            nn.MaxPool2d((2, 1), stride=1, padding=(1, 0)),
            nn.Flatten(),
            nn.LazyLinear(5, bias=False),
            nn.BatchNorm1d(5),
            nn.Tanh(),
            nn.Dropout(),
            nn.Linear(5, n_classes),
        )


@pytest.mark.parametrize("module", ["convnet", Network])
def test_images(module, tmp_path):
    digits = load_digits()
    X = (digits.images[:80, np.newaxis] / 16).astype(np.float32)
    clf = quick_classifier(module=module, max_epochs=3).fit(X, digits.target[:80])
    assert_predicts_alike(clf, X, tmp_path / "model.onnx")


class Unknown(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(nn.Linear(n_features, n_classes), nn.LayerNorm(n_classes))


class Custom(nn.Linear):
    def forward(self, X):
        return super().forward(X).tanh()


@pytest.mark.parametrize(
    ("module", "name"), [(Unknown, "LayerNorm"), (Custom, "Custom")]
)
def test_unknown_layers_are_named(module, name, iris, tmp_path):
    clf = quick_classifier(module=module, max_epochs=1).fit(*iris)
    with pytest.raises(TypeError, match=f"does not support the layer {name}"):
        to_onnx(clf, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_modules_with_hooks_are_refused(iris, tmp_path):
    clf = quick_classifier(**SMALL).fit(*iris)
    clf.net_.module_.register_forward_hook(lambda module, args, output: 2 * output)
    with pytest.raises(ValueError, match="predictions of the ONNX model differ"):
        to_onnx(clf, tmp_path / "model.onnx")


def test_features_far_from_zero(iris, tmp_path):
    X, y = np.round(2 * iris[0]) + 1e6, iris[1]  # exact in float32
    assert_predicts_alike(quick_classifier(**SMALL).fit(X, y), X, tmp_path / "m.onnx")


def test_outliers_reach_the_bound(iris, tmp_path):
    X, y = iris
    clf = quick_classifier(feature_clip=3.0, **SMALL).fit(X, y)
    expected = clf.predict_proba(1e14 * X)
    for scale in (1e20, 1e30, 1e37):
        assert_allclose(clf.predict_proba(scale * X), expected, atol=1e-10)
    assert_predicts_alike(clf, 1e30 * X, tmp_path / "model.onnx")


def test_numbers_beyond_float32_are_refused(iris, tmp_path):
    clf = quick_classifier(feature_clip=3.0, **SMALL).fit(1e-42 * iris[0], iris[1])
    with pytest.raises(ValueError, match="that float32 cannot represent"):
        to_onnx(clf, tmp_path / "model.onnx")


def test_modules_that_cannot_be_converted_are_refused(iris, tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(TypeError, match=r"Got a Pipeline.* register_onnx_converters"):
        to_onnx(make_pipeline(LabelSmoothingClassifier()), path)
    with pytest.raises(NotFittedError):
        to_onnx(LabelSmoothingClassifier(), path)
    search = quick_search([0.1], refit=False, ensemble=False, **SMALL).fit(*iris)
    with pytest.raises(TypeError, match="refit=False"):
        to_onnx(search, path)


@pytest.mark.parametrize("kind", [quick_classifier, quick_search])
@pytest.mark.parametrize("named", [False, True])
def test_pipelines_by_skl2onnx(iris, kind, named, tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    register_onnx_converters()
    X, y = iris[0].astype(np.float32), iris[1]
    y = np.array(["a", "b", "c"])[y] if named else y
    model = make_pipeline(StandardScaler(), kind(**SMALL)).fit(X, y)
    converted = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})
    session = ort.InferenceSession(converted.SerializeToString())
    labels, y_proba = session.run(None, {session.get_inputs()[0].name: X})
    assert_allclose(y_proba, model.predict_proba(X), atol=1e-5)
    assert_array_equal(labels, model.predict(X))


def test_tables_by_skl2onnx(rng):
    skl2onnx = pytest.importorskip("skl2onnx")
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    register_onnx_converters()
    X = pd.DataFrame(
        {"size": rng.normal(size=60), "color": ["red", "blue", "red"] * 20}
    )
    y = (X["size"] > 0).astype(int) + (X["color"] == "red")
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["size"]),
            ("names", OneHotEncoder(sparse_output=False), ["color"]),
        ]
    )
    model = make_pipeline(columns, quick_classifier(**SMALL)).fit(X, y)
    converted = skl2onnx.to_onnx(
        model,
        initial_types=[
            ("size", FloatTensorType([None, 1])),
            ("color", StringTensorType([None, 1])),
        ],
        options={"zipmap": False},
    )
    session = ort.InferenceSession(converted.SerializeToString())
    given = {
        "size": X[["size"]].to_numpy(np.float32),
        "color": X[["color"]].to_numpy(object),
    }
    labels, y_proba = session.run(None, given)
    assert_allclose(y_proba, model.predict_proba(X), atol=1e-5)
    assert_array_equal(labels, model.predict(X))
