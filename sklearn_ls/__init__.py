"""Label smoothing for scikit-learn."""

from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._classifier_cv import LabelSmoothingClassifierCV
from sklearn_ls._label_smoother import LabelSmoother
from sklearn_ls._labels.smoothing import convert_epsilon
from sklearn_ls._smoothed_target import SmoothedTargetClassifier

__all__ = [
    "LabelSmoother",
    "LabelSmoothingClassifier",
    "LabelSmoothingClassifierCV",
    "SmoothedTargetClassifier",
    "convert_epsilon",
]

__version__ = "0.1.0.dev0"
