"""Conversion of fitted networks to the nodes of an ONNX graph.

All operators have the same meaning since opset 15. Floats are stored as float32.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from torch import nn

from sklearn_ls._labels.smoothing import recover_indicators, recover_targets
from sklearn_ls._labels.unsmoothing import FLOOR, floor_of, recover_proba
from sklearn_ls._network.calibration import Temperature, Unsmoothing
from sklearn_ls._network.ensemble import Ensemble
from sklearn_ls._network.feature_scaling import LARGE, FeatureScaling


class Node(NamedTuple):
    """An operator with the names of its inputs and its output."""

    operator: str
    inputs: list
    output: str
    attributes: dict


@dataclass
class Graph:
    """An ONNX graph under construction.

    Parameters
    ----------
    nodes : list of Node, default=[]

    constants : dict of str to ndarray, default={}
    """

    nodes: list = field(default_factory=list)
    constants: dict = field(default_factory=dict)

    def add(self, operator, *inputs, output=None, **attributes):
        """Add a node; return the name of its output.

        Parameters
        ----------
        operator : str

        *inputs : str or array-like
            Names of outputs, or constants. Floats are converted to float32.

        output : str, default=None
            Name of the output; None for a new name.

        **attributes : dict
        """
        output = output or f"{operator}_{len(self.nodes)}"
        names = [
            value if isinstance(value, str) else self.add_constant(value)
            for value in inputs
        ]
        self.nodes.append(Node(operator, names, output, attributes))
        return output

    def add_constant(self, values):
        """Add a constant; return its name."""
        values = np.asarray(values)
        if values.dtype.kind == "f":
            with np.errstate(over="ignore"):
                narrow = values.astype(np.float32)
            if not np.isfinite(narrow).all():
                raise ValueError(
                    "The network has values that float32 cannot represent, such as "
                    "the scale of a feature. Scale the features before training."
                )
            values = narrow
        name = f"constant_{len(self.constants)}"
        self.constants[name] = values
        return name


def add_classifier(graph, predictor, X, *, proba, label):
    """Add a fitted classifier to the graph.

    Parameters
    ----------
    graph : Graph

    predictor : FittedNetwork or Ensemble

    X : str
        Name of the input, samples in float32.

    proba, label : str
        Names of the outputs.
    """
    members = [predictor]
    if isinstance(predictor, Ensemble):
        members = predictor.members
    probas, n_classes = [], len(predictor.classes)
    for member in members:
        output = _add_proba(graph, member, X)
        if len(member.classes) < n_classes:
            columns = np.searchsorted(predictor.classes, member.classes)
            output = graph.add("MatMul", output, np.eye(n_classes)[columns])
        probas.append(output)
    total = probas[0] if len(probas) == 1 else graph.add("Sum", *probas)
    graph.add("Mul", total, 1 / len(probas), output=proba)
    if predictor.multilabel:
        graph.add("Cast", graph.add("Greater", proba, 0.5), output=label, to=INT64)
        return
    position = graph.add("ArgMax", proba, axis=1, keepdims=0)
    graph.add("Gather", label_values(predictor.classes), position, output=label, axis=0)


INT64 = 7  # onnx.TensorProto.INT64


def label_values(classes):
    """Return labels in a type that ONNX supports: 64-bit integers or strings."""
    if classes.dtype.kind in "iub" and classes.max() <= np.iinfo(np.int64).max:
        return classes.astype(np.int64)
    if classes.dtype.kind == "f" and (classes == classes.astype(np.int64)).all():
        return classes.astype(np.int64)
    return np.array([str(label) for label in classes.tolist()], dtype=object)


def _add_proba(graph, network, X):
    """Add a network to the graph; return the name of its calibrated probabilities."""
    logits = X
    for layer in _layers(network.module):
        logits = _add_layer(graph, layer, logits)
    calibrator = network.calibrator
    if isinstance(calibrator, Temperature):
        logits = graph.add("Div", logits, calibrator.temperature)
    if network.multilabel:
        proba = graph.add("Sigmoid", logits)
    else:
        proba = graph.add("Softmax", logits, axis=-1)
    if isinstance(calibrator, Unsmoothing):
        proba = _add_unsmoothing(graph, network, proba)
    return proba


def _add_unsmoothing(graph, network, proba):
    """Add the inverse of the smoothing, which is affine, and its bounds."""
    objective, n_classes = network.objective, len(network.classes)

    def undo(proba):
        if objective.multilabel:
            return recover_indicators(proba, objective.smoothing)
        return recover_proba(
            proba,
            lambda y_soft: recover_targets(y_soft, objective.smoothing),
            objective.transition_matrix,
        )

    offset = undo(np.zeros((1, n_classes)))
    matrix = undo(np.eye(n_classes)) - offset
    proba = graph.add("Add", graph.add("MatMul", proba, matrix), offset)
    if objective.multilabel:
        return graph.add("Min", graph.add("Max", proba, FLOOR), 1 - FLOOR)
    for floor in (0.0, floor_of(n_classes)):
        proba = graph.add("Max", proba, floor)
        total = graph.add("ReduceSum", proba, np.array([1]), keepdims=1)
        proba = graph.add("Div", proba, total)
    return proba


def _layers(module):
    """Return the layers of nested Sequential modules, in order."""
    plain = type(module).forward is nn.Sequential.forward
    if not isinstance(module, nn.Sequential) or not plain:
        return [module]
    return [inner for layer in module for inner in _layers(layer)]


def _add_layer(graph, layer, X):
    for kind, add in LAYERS.items():
        if isinstance(layer, kind) and type(layer).forward is kind.forward:
            return add(graph, layer, X)
    known = ", ".join(kind.__name__ for kind in LAYERS)
    raise TypeError(
        f"to_onnx does not support the layer {type(layer).__name__}. It converts the "
        f"built-in networks, and a torch.nn.Sequential of {known}. Convert other "
        "modules with torch.onnx.export(clf.net_.module_, ...)."
    )


def _array(tensor):
    return None if tensor is None else tensor.detach().cpu().numpy()


def _add_linear(graph, layer, X):
    product = graph.add("MatMul", X, _array(layer.weight).T)
    if layer.bias is None:
        return product
    return graph.add("Add", product, _array(layer.bias))


def _add_scaling(graph, layer, X):
    center = _array(layer.center)
    rounded = center.astype(np.float32)
    z = graph.add("Sub", X, rounded)
    if (rest := center - rounded).any():  # the network is float64
        z = graph.add("Sub", z, rest)
    z = graph.add("Mul", z, _array(layer.inverse_scale))
    if math.isinf(layer.clip):
        return z
    ratio = graph.add("Div", z, float(layer.clip))
    ratio = graph.add("Max", graph.add("Min", ratio, LARGE), -LARGE)
    square = graph.add("Mul", ratio, ratio)
    root = graph.add("Sqrt", graph.add("Add", square, 1.0))
    return graph.add("Mul", graph.add("Div", ratio, root), float(layer.clip))


def _add_convolution(graph, layer, X):
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise TypeError("to_onnx requires convolutions with padding_mode='zeros'.")
    bias = [] if layer.bias is None else [_array(layer.bias)]
    return graph.add(
        "Conv",
        X,
        _array(layer.weight),
        *bias,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        pads=2 * list(layer.padding),
        dilations=list(layer.dilation),
        group=layer.groups,
    )


def _add_normalization(graph, layer, X):
    if layer.running_mean is None:
        raise TypeError("to_onnx requires batch normalization with running statistics.")
    ones = np.ones(layer.num_features)
    return graph.add(
        "BatchNormalization",
        X,
        ones if layer.weight is None else _array(layer.weight),
        0 * ones if layer.bias is None else _array(layer.bias),
        _array(layer.running_mean),
        _array(layer.running_var),
        epsilon=layer.eps,
    )


def _add_pooling(graph, layer, X):
    if layer.ceil_mode or layer.dilation not in (1, (1, 1)):
        raise TypeError("to_onnx does not support pooling with ceil_mode or dilation.")
    return graph.add(
        "MaxPool",
        X,
        kernel_shape=_pair(layer.kernel_size),
        strides=_pair(layer.stride),
        pads=2 * _pair(layer.padding),
    )


def _pair(value):
    return [value, value] if isinstance(value, int) else list(value)


def _add_flattening(graph, layer, X):
    if layer.start_dim != 1 or layer.end_dim != -1:
        raise TypeError("to_onnx requires torch.nn.Flatten() without arguments.")
    return graph.add("Flatten", X, axis=1)


LAYERS = {
    nn.Linear: _add_linear,
    nn.ReLU: lambda graph, layer, X: graph.add("Relu", X),
    nn.Tanh: lambda graph, layer, X: graph.add("Tanh", X),
    nn.Sigmoid: lambda graph, layer, X: graph.add("Sigmoid", X),
    nn.Identity: lambda graph, layer, X: X,
    nn.Dropout: lambda graph, layer, X: X,
    nn.Flatten: _add_flattening,
    nn.Conv2d: _add_convolution,
    nn.MaxPool2d: _add_pooling,
    nn.BatchNorm1d: _add_normalization,
    nn.BatchNorm2d: _add_normalization,
    FeatureScaling: _add_scaling,
}


def draw_samples(predictor):
    """Return two random samples in the range of the features, rounded to float32."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2, *predictor.sample_shape))
    network = predictor.members[0] if isinstance(predictor, Ensemble) else predictor
    first = _layers(network.module)[0]
    if isinstance(first, FeatureScaling):
        X = X / _array(first.inverse_scale) + _array(first.center)
    return X.astype(np.float32).astype(predictor.dtype)
