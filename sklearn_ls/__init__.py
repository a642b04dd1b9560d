"""Label smoothing for scikit-learn."""

from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._classifier_cv import LabelSmoothingClassifierCV
from sklearn_ls._files.model_format import ModelFileError
from sklearn_ls._label_smoother import LabelSmoother
from sklearn_ls._labels.smoothing import convert_epsilon
from sklearn_ls._model_files import load_model, save_model
from sklearn_ls._onnx import register_onnx_converters, to_onnx
from sklearn_ls._smoothed_target import SmoothedTargetClassifier
from sklearn_ls._version import __version__ as __version__

__all__ = [
    "LabelSmoother",
    "LabelSmoothingClassifier",
    "LabelSmoothingClassifierCV",
    "ModelFileError",
    "SmoothedTargetClassifier",
    "convert_epsilon",
    "load_model",
    "register_onnx_converters",
    "save_model",
    "to_onnx",
]
