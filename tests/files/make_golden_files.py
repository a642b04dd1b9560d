"""Write model files and their predictions, for tests/files/test_golden_files.py.

Run this once for each version of the format, before it is released. Later versions of
the package must read these files, so they must not be written again.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification

from sklearn_ls import (
    LabelSmoother,
    LabelSmoothingClassifier,
    LabelSmoothingClassifierCV,
    save_model,
)
from sklearn_ls._files.model_format import VERSION

FOLDER = Path(__file__).parent / f"format_{VERSION}"
SMALL = {"hidden_layer_sizes": (4,), "max_epochs": 5, "tol": 0.0, "random_state": 0}


def write(name, estimator, X):
    save_model(estimator, FOLDER / f"{name}.safetensors")
    expected = {
        "X": X.tolist(),
        "dtype": X.dtype.name,
        "y_proba": estimator.predict_proba(X).tolist(),
        "y_pred": estimator.predict(X).tolist(),
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(expected))


def main():
    FOLDER.mkdir()
    X, y = load_iris(return_X_y=True)
    names = np.array(["ant", "bee", "cow"])[y]
    some = X[::15]
    clf = LabelSmoothingClassifier(calibration="temperature", **SMALL)
    write("classifier", clf.fit(X, names), some)
    clf.set_params(calibration="unsmooth", distribution="prior", feature_clip=None)
    write("unsmooth", clf.fit(X, y), some)
    clf = LabelSmoothingClassifier(epsilon=[0.1, 0.2, 0.0], **SMALL)
    clf.set_params(transition_matrix=[[0.8, 0.2, 0], [0, 0.9, 0.1], [0.1, 0, 0.9]])
    write("transition", clf.fit(X.astype(np.float32), y), some.astype(np.float32))
    clf = LabelSmoothingClassifier(**SMALL)
    dates = np.array(["2020-01-01", "2021-01-01", "2022-01-01"], dtype="datetime64[D]")
    write("partial_fit", clf.partial_fit(X, y + 2**60, classes=y + 2**60), some)
    X_multi, Y = make_multilabel_classification(80, 4, n_classes=3, random_state=0)
    write("multilabel", LabelSmoothingClassifier(**SMALL).fit(X_multi, Y), X_multi[:8])
    search = LabelSmoothingClassifierCV([0.0, 0.2], cv=2, **SMALL)
    write("search", search.fit(X, y), some)
    search.set_params(ensemble=False, scoring=["accuracy", "neg_log_loss"])
    search.set_params(refit="neg_log_loss")
    write("refitted", search.fit(X, y), some)
    votes = np.stack([names, np.roll(names, 1)], axis=1)
    search = LabelSmoothingClassifierCV([0.1], cv=2, **SMALL)
    write("votes", search.fit(X, names, votes=votes), some)
    images = (load_digits().images[:40, np.newaxis] / 16).astype(np.float32)
    clf = LabelSmoothingClassifier(module="convnet", max_epochs=2, random_state=0)
    clf.set_params(module_params={"n_filters": 2, "n_hidden": 4}, tol=0.0)
    write("images", clf.fit(images, load_digits().target[:40] % 2), images[:5])
    smoother = LabelSmoother(0.3, distribution="prior").fit(dates[y])
    save_model(smoother, FOLDER / "smoother.safetensors")


if __name__ == "__main__":
    main()
