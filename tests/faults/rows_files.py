"""Files that cannot be loaded, and models that cannot be saved."""

from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from faults.bad_input import Row
from faults.data import X, Y
from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    ModelFileError,
    SmoothedTargetClassifier,
)


def damage(content):
    return content[:-1] + bytes([content[-1] ^ 1])


def renumber(content):
    return content.replace(rb"\"version\":1,", rb"\"version\":9,")


FILES = {
    "load": [
        Row(
            "A damaged file, here with a changed bit",
            ModelFileError,
            "cannot be loaded: it is damaged",
            {"": damage},
        ),
        Row(
            "A truncated file, or a file that is not a model file",
            ModelFileError,
            "cannot be loaded: it is not a model file, or its beginning is damaged",
            {
                "truncated": lambda content: content[:100],
                "empty": lambda content: b"",
                "text": lambda content: b"a model\n" * 9,
            },
        ),
        Row(
            "A file with a newer version of the format",
            ModelFileError,
            "has version 9 of the format, but ... reads versions up to 1. Update",
            {"": renumber},
        ),
    ],
    "missing": [
        Row(
            "A file without a parameter that is code, if this is not passed",
            TypeError,
            "was saved without callbacks. Pass the values used in fit: load_model(",
        ),
    ],
    "checkpoint": [
        Row(
            "A `checkpoint` of a training with different data or parameters",
            ValueError,
            "belongs to a training with different data or parameters",
        ),
    ],
    "full": [
        Row(
            "A `checkpoint` on a disk that becomes full during training",
            UserWarning,
            "could not be written ... Training continues",
        ),
    ],
    "save": [
        Row(
            "`SmoothedTargetClassifier`, or an estimator of another package",
            TypeError,
            "save_model supports LabelSmoothingClassifier,",
            {
                "target": SmoothedTargetClassifier(GaussianNB()).fit(X, Y),
                "pipeline": make_pipeline(LabelSmoother()),
            },
        ),
        Row(
            "An unfitted estimator",
            NotFittedError,
            "is not fitted yet",
            {"": LabelSmoothingClassifier()},
        ),
    ],
    "write": [
        Row(
            "A folder that does not exist, or a full disk",
            OSError,
            "No such file or directory",
        ),
    ],
}
