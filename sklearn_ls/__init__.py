"""Label smoothing for scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING

from sklearn_ls import _forks as _forks  # notices forks from now on
from sklearn_ls._files.model_format import ModelFileError
from sklearn_ls._label_smoother import LabelSmoother
from sklearn_ls._labels.smoothing import convert_epsilon
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

# What needs torch, whose import takes seconds, is imported when it is first used.
_LAZY = {
    "LabelSmoothingClassifier": "sklearn_ls._classifier",
    "LabelSmoothingClassifierCV": "sklearn_ls._classifier_cv",
    "load_model": "sklearn_ls._model_files",
    "register_onnx_converters": "sklearn_ls._onnx",
    "save_model": "sklearn_ls._model_files",
    "to_onnx": "sklearn_ls._onnx",
}

if TYPE_CHECKING:
    from sklearn_ls._classifier import LabelSmoothingClassifier
    from sklearn_ls._classifier_cv import LabelSmoothingClassifierCV
    from sklearn_ls._model_files import load_model, save_model
    from sklearn_ls._onnx import register_onnx_converters, to_onnx
else:  # a type checker that saw __getattr__ would accept any name

    def __getattr__(name):
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_LAZY[name]), name)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
