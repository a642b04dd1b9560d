"""Network classifiers as ONNX models."""

import json

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._base import fitted_network
from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._classifier_cv import LabelSmoothingClassifierCV
from sklearn_ls._files.atomic import write_atomically
from sklearn_ls._network.onnx_graph import (
    Graph,
    add_classifier,
    draw_samples,
    label_values,
)
from sklearn_ls._types import Estimator, FilePath
from sklearn_ls._version import __version__

OPSET, IR_VERSION = 17, 8
MIN_OPSET = 15  # required by the operators
KINDS = (LabelSmoothingClassifier, LabelSmoothingClassifierCV)


def to_onnx(estimator: Estimator, path: FilePath) -> None:
    """Save a fitted network classifier as an ONNX model.

    The model has one input, `X`, of float32 and any number of samples, and two outputs:
    `label`, and `probabilities` of shape (n_samples, n_classes). The fold networks of
    an ensemble, the calibration and the scaling of the features are part of the graph.

    Requires the package onnx (``pip install "sklearn-ls[onnx]"``).

    Parameters
    ----------
    estimator : LabelSmoothingClassifier or LabelSmoothingClassifierCV
        Fitted estimator, with a built-in network or a `module` that is a
        :class:`torch.nn.Sequential` of common layers.

    path : str or os.PathLike
        Name of the file, by convention ending in ``.onnx``.

    Raises
    ------
    TypeError
        If an estimator of this type, or its module, cannot be converted.

    NotFittedError
        If the estimator is not fitted.

    OSError
        If the file cannot be written.

    See Also
    --------
    register_onnx_converters : Lets skl2onnx convert pipelines with the classifiers.
    save_model : Saves an estimator so that it can be loaded and trained again.

    Notes
    -----
    Probabilities equal those of `predict_proba` up to the rounding of float32. Integer
    and bool labels are converted to int64, all others to strings. For multilabel `y`,
    `label` is the indicator matrix. The metadata of the model contains the classes, as
    JSON, and the version of the package.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_ls import LabelSmoothingClassifier, to_onnx
    >>> X, y = load_wine(return_X_y=True)
    >>> clf = LabelSmoothingClassifier(random_state=0).fit(X, y)
    >>> path = os.path.join(tempfile.mkdtemp(), "wine.onnx")
    >>> to_onnx(clf, path)

    The model can be run, for example, by
    ``onnxruntime.InferenceSession(path).run(None, {"X": X.astype(np.float32)})``.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    predictor = _predictor_of(estimator)
    graph = Graph()
    add_classifier(graph, predictor, "X", proba="probabilities", label="label")
    n_classes, labels = len(predictor.classes), label_values(predictor.classes)
    kind = TensorProto.INT64
    if not predictor.multilabel and labels.dtype == object:
        kind = TensorProto.STRING
    label_shape = [None, n_classes] if predictor.multilabel else [None]
    describe = helper.make_tensor_value_info
    onnx_graph = helper.make_graph(
        [
            helper.make_node(operator, inputs, [output], **attributes)
            for operator, inputs, output, attributes in graph.nodes
        ],
        type(estimator).__name__,
        [describe("X", TensorProto.FLOAT, [None, *predictor.sample_shape])],
        [
            describe("label", kind, label_shape),
            describe("probabilities", TensorProto.FLOAT, [None, n_classes]),
        ],
        [
            numpy_helper.from_array(values, name)
            for name, values in graph.constants.items()
        ],
    )
    model = helper.make_model(
        onnx_graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="sklearn-ls",
        producer_version=__version__,
    )
    helper.set_model_props(model, {"classes": json.dumps(labels.tolist())})
    onnx.checker.check_model(model, full_check=True)
    _compare(model, predictor)
    write_atomically(path, model.SerializeToString())


def _compare(model, predictor):
    """Raise ValueError unless a model predicts like the classifier."""
    from onnx.reference import ReferenceEvaluator

    X = draw_samples(predictor)
    try:
        _, y_proba = ReferenceEvaluator(model).run(None, {"X": X.astype(np.float32)})
    except Exception:  # some cases, such as of pooling, are not supported by it
        return
    if not np.allclose(y_proba, predictor.apply(X, "proba"), atol=1e-3):
        raise ValueError(
            "The predictions of the ONNX model differ from those of the classifier. "
            "Hooks and parametrizations of a module cannot be converted."
        )


def _predictor_of(estimator):
    """Return the fitted network, or the networks, of an estimator."""
    if not isinstance(estimator, KINDS):
        names = " and ".join(kind.__name__ for kind in KINDS)
        raise TypeError(
            f"to_onnx supports {names}. Got a {type(estimator).__name__}. To convert a "
            "Pipeline, call register_onnx_converters() and then skl2onnx.to_onnx."
        )
    check_is_fitted(estimator)
    predictor = fitted_network(estimator)
    if predictor is None:
        raise TypeError(
            f"This {type(estimator).__name__} was fitted with refit=False, so it does "
            "not predict. Fit it with another refit."
        )
    return predictor


def register_onnx_converters() -> None:
    """Register the network classifiers with skl2onnx.

    Afterwards, ``skl2onnx.to_onnx(pipeline, X[:1], options={"zipmap": False})``
    converts pipelines that end in one of them, for example after a
    :class:`~sklearn.preprocessing.StandardScaler` or a
    :class:`~sklearn.preprocessing.OneHotEncoder`.

    Requires the package skl2onnx (``pip install "sklearn-ls[onnx]"``).

    See Also
    --------
    to_onnx : Converts a classifier without skl2onnx.

    Examples
    --------
    >>> from sklearn_ls import register_onnx_converters
    >>> register_onnx_converters()
    """
    from skl2onnx import update_registered_converter

    for kind in KINDS:
        update_registered_converter(
            kind,
            f"SklearnLs{kind.__name__}",
            _infer_shapes,
            _convert,
            options={
                "zipmap": [True, False, "columns"],
                "nocl": [True, False],
            },
        )


def _infer_shapes(operator):
    """Set the types of the outputs of an operator of skl2onnx."""
    from skl2onnx.common.data_types import (
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    predictor = _predictor_of(operator.raw_operator)
    n_classes = len(predictor.classes)
    n_samples = operator.inputs[0].get_first_dimension()
    label, proba = operator.outputs
    is_text = label_values(predictor.classes).dtype == object
    kind = StringTensorType if is_text and not predictor.multilabel else Int64TensorType
    label.type = kind([n_samples, n_classes] if predictor.multilabel else [n_samples])
    proba.type = FloatTensorType([n_samples, n_classes])


def _convert(scope, operator, container):
    """Add the nodes of a classifier to a container of skl2onnx."""
    from onnx import TensorProto, helper
    from skl2onnx.common._apply_operation import apply_cast

    if container.target_opset < MIN_OPSET:
        raise ValueError(
            f"target_opset must be at least {MIN_OPSET} for the network classifiers. "
            f"Got {container.target_opset}."
        )
    X = scope.get_unique_variable_name("X")
    apply_cast(scope, operator.inputs[0].full_name, X, container, to=TensorProto.FLOAT)
    graph, (label, proba) = Graph(), [output.full_name for output in operator.outputs]
    predictor = _predictor_of(operator.raw_operator)
    add_classifier(graph, predictor, X, proba=proba, label=label)
    own = {*graph.constants, *(node.output for node in graph.nodes)} - {proba, label}
    names = {name: scope.get_unique_variable_name(name) for name in sorted(own)}
    for name, values in graph.constants.items():
        kind = TensorProto.STRING
        if values.dtype != object:
            kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        container.add_initializer(
            names[name], kind, list(values.shape), values.ravel().tolist()
        )
    for node in graph.nodes:
        container.add_node(
            node.operator,
            [names.get(name, name) for name in node.inputs],
            [names.get(node.output, node.output)],
            op_version=min(OPSET, container.target_opset),
            name=scope.get_unique_operator_name(node.operator),
            **node.attributes,
        )
