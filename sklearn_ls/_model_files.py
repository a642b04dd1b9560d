"""Fitted estimators saved to files, which contain no code, and loaded from them."""

import platform
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._base import describe_fit, fitted_network
from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._classifier_cv import SEARCHED, LabelSmoothingClassifierCV
from sklearn_ls._files.atomic import write_atomically
from sklearn_ls._files.model_format import ModelFileError, from_bytes, to_bytes
from sklearn_ls._files.values import Omittable, decode, encode, find_omitted
from sklearn_ls._label_smoother import LabelSmoother
from sklearn_ls._labels.smoothing import Smoothing
from sklearn_ls._network.plain import (
    ensemble_from,
    network_from_dict,
    network_to_dict,
    optimizer_state_from_dict,
)
from sklearn_ls._search.scoring import make_rules
from sklearn_ls._smoothed_target import SmoothedTargetClassifier
from sklearn_ls._types import Estimator, FilePath
from sklearn_ls._version import __version__

PACKAGES = ("scikit-learn", "torch", "skorch", "numpy", "scipy")
FEATURES = {"n_features_in_", "feature_names_in_"}
OF_ANNOTATORS = {"annotators_", "annotator_confusion_", "annotator_reliability_"}
OF_SAMPLES = {"oof_proba_", "consensus_proba_"}
# Parameters that may be code.
OF_USERS = ("module", "module_params", "optimizer", "optimizer_params")
OF_SMOOTHER = {"classes_", "class_prior_", "multilabel_", "distribution_"}
# Attributes of a search that are stored as they are.
OF_SEARCH = {name for name in SEARCHED if not name.startswith("_")} - {
    "best_estimator_",
    "estimators_",
    "label_smoother_",
    "scorer_",
}


def save_model(
    estimator: Estimator, path: FilePath, *, include_oof: bool = False
) -> None:
    """Save a fitted estimator to a file.

    The file is in the safetensors format, with the parameters and the fitted attributes
    as JSON in its metadata, and a SHA-256 hash of its content. It contains no code and
    no training samples. An existing file is replaced once the new one is complete.

    Requires the package safetensors (``pip install "sklearn-ls[persist]"``).

    Parameters
    ----------
    estimator : LabelSmoothingClassifier, LabelSmoothingClassifierCV or LabelSmoother
        Fitted estimator.

    path : str or os.PathLike
        Name of the file, by convention ending in ``.safetensors``.

    include_oof : bool, default=False
        Whether to save `oof_proba_` and `consensus_proba_`, the probabilities of each
        training sample.

    Raises
    ------
    TypeError
        If estimators of this type cannot be saved.

    NotFittedError
        If the estimator is not fitted.

    OSError
        If the file cannot be written.

    See Also
    --------
    load_model : Load the file.

    Notes
    -----
    Parameters that are code are not saved: a custom `module` or `optimizer`,
    `callbacks`, a callable in `scoring` or `refit`, a splitter as `cv`, and any other
    values that do not consist of numbers, strings, lists, dicts and NumPy arrays, such
    as DataFrames. Pass them to :func:`load_model` again. Settings made by methods
    (`set_output`, `set_fit_request`, `set_callbacks`) are not saved.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_ls import LabelSmoothingClassifier, load_model, save_model
    >>> X, y = load_wine(return_X_y=True)
    >>> clf = LabelSmoothingClassifier(random_state=0).fit(X, y)
    >>> path = os.path.join(tempfile.mkdtemp(), "wine.safetensors")
    >>> save_model(clf, path)
    >>> loaded = load_model(path)
    >>> bool((loaded.predict_proba(X) == clf.predict_proba(X)).all())
    True
    """
    kind = type(estimator)
    if kind not in KINDS.values():
        raise TypeError(_why_not(estimator))
    check_is_fitted(estimator)
    arrays: dict[str, np.ndarray] = {}
    model = {
        "versions": {
            "sklearn_ls": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
        "model": encode(_describe(estimator, include_oof), arrays, "model"),
    }
    write_atomically(path, to_bytes(model, arrays))


def load_model(path: FilePath, **given: Any) -> Any:
    """Load an estimator saved by `save_model`.

    Loading neither executes code from the file nor imports packages that it names. The
    content is verified by its hash and against the architecture of the network.

    Parameters
    ----------
    path : str or os.PathLike
        Name of the file.

    **given : dict
        Parameters that were not saved, such as `module`. Those that predictions do not
        depend on may be replaced by other values, such as ``callbacks=None``.

    Returns
    -------
    estimator : LabelSmoothingClassifier, LabelSmoothingClassifierCV or LabelSmoother
        Fitted estimator. It predicts on the device it was trained on if that is
        available, and otherwise on the CPU.

    Raises
    ------
    ModelFileError
        If the file is damaged, is not a model file, was written in a newer format, or
        does not match the `module`. This is a subclass of ValueError.

    TypeError
        If a parameter that was not saved is missing, or one that was saved is passed.

    OSError
        If the file cannot be read.

    See Also
    --------
    save_model : Save an estimator.

    Examples
    --------
    See :func:`save_model`.
    """
    data = Path(path).read_bytes()
    with _explaining(path):
        model, arrays = from_bytes(data)
        if "model" not in model:
            raise ModelFileError("it is a training checkpoint, not a model")
        needed = find_omitted(model["model"])
    _check_omitted(path, needed, given)
    with _explaining(path):
        return _restore(decode(model["model"], arrays, given))


@contextmanager
def _explaining(path):
    """Convert any error into a ModelFileError; its cause is the file or a module."""
    try:
        yield
    except Exception as error:
        reason = str(error).rstrip(".")
        raise ModelFileError(f"{path} cannot be loaded: {reason}.") from error


def _why_not(estimator):
    names = [kind.__name__ for kind in KINDS.values()]
    reason = (
        f"save_model supports {', '.join(names[:-1])} and {names[-1]}. Got a "
        f"{type(estimator).__name__}."
    )
    if isinstance(estimator, SmoothedTargetClassifier):
        return (
            f"{reason} Save its classifier_ by its own method, such as save_model of "
            "XGBoost and CatBoost, or the whole estimator with skops.io."
        )
    return (
        f"{reason} To save a Pipeline, use skops.io, or save the fitted classifier, "
        "its last step."
    )


def _check_omitted(path, needed, given):
    if missing := sorted(needed - given.keys()):
        example = ", ".join(f"{name}=..." for name in missing)
        raise TypeError(
            f"{path} was saved without {', '.join(missing)}. Pass the values used in "
            f"fit: load_model(path, {example})."
        )
    if unexpected := sorted(given.keys() - needed):
        raise TypeError(
            f"{', '.join(unexpected)} cannot be passed: only parameters that were not "
            f"saved in {path} can. Use set_params on the loaded estimator."
        )


def _describe(estimator, include_oof=False):
    """Return an estimator as a dict."""
    params = estimator.get_params(deep=False).items()
    describe = {
        LabelSmoother: _describe_smoother,
        LabelSmoothingClassifier: _describe_classifier,
        LabelSmoothingClassifierCV: lambda search: _describe_search(
            search, include_oof
        ),
    }
    return {
        "class": type(estimator).__name__,
        "params": {name: Omittable(name, value) for name, value in params},
        "fitted": describe[type(estimator)](estimator),
    }


def _restore(state):
    """Return the estimator that `_describe` described."""
    restore = {
        "LabelSmoother": _restore_smoother,
        "LabelSmoothingClassifier": _restore_classifier,
        "LabelSmoothingClassifierCV": _restore_search,
    }
    estimator = KINDS[state["class"]](**state["params"])
    vars(estimator).update(restore[state["class"]](estimator, state["fitted"]))
    return estimator


def _take(estimator, names):
    """Return the attributes among `names` that an estimator has."""
    return {name: value for name, value in vars(estimator).items() if name in names}


def _check_names(attributes, names):
    if unknown := attributes.keys() - names:
        raise ValueError(f"unknown attributes {sorted(unknown)}")
    return attributes


def _describe_smoother(smoother):
    smoothing = asdict(vars(smoother)["_smoothing"])
    return {**_take(smoother, OF_SMOOTHER), "smoothing": smoothing}


def _restore_smoother(smoother, fitted):
    smoothing = Smoothing(**fitted.pop("smoothing"))
    shape = np.shape(fitted["classes_"])
    if len(shape) != 1 or np.shape(fitted["class_prior_"]) != shape:
        raise ValueError("the classes of a LabelSmoother are invalid")
    for values, ndim in (
        (smoothing.excess, 1),
        (smoothing.weight, 1),
        (smoothing.distribution, 2),
    ):
        sizes = {*np.shape(values)}
        if np.ndim(values) > ndim or not sizes <= {*shape}:
            raise ValueError("the smoothing of a LabelSmoother is invalid")
    return {**_check_names(fitted, OF_SMOOTHER), "_smoothing": smoothing}


def _describe_classifier(classifier):
    state = vars(classifier)
    network = network_to_dict(fitted_network(classifier))
    for name in OF_USERS:
        value, now = network[name], getattr(classifier, name)
        if callable(value) and callable(now) and value is not now:
            raise ValueError(
                f"{name} was changed after fit. Restore it, or fit again, before "
                "saving."
            )
        network[name] = Omittable(name, value)
    optimizer_state = state.get("_optimizer_state")
    return {
        "features": _take(classifier, FEATURES),
        "label_smoother": _describe(classifier.label_smoother_),
        "network": network,
        "n_scored_epochs": len(classifier.validation_scores_ or ()),
        "annotators": _take(classifier, OF_ANNOTATORS),
        "optimizer_state": optimizer_state and asdict(optimizer_state),
    }


def _restore_classifier(classifier, fitted):
    network = network_from_dict(fitted["network"])
    n_earlier_epochs = len(network.history) - fitted["n_scored_epochs"]
    features = _restore_features(fitted["features"], network)
    smoother = _restore_part(LabelSmoother, fitted["label_smoother"])
    if not np.array_equal(smoother.classes_, network.classes):
        raise ValueError("the classes of the LabelSmoother do not match the network")
    attributes = {
        **describe_fit(network, smoother, features, n_earlier_epochs),
        **_check_names(fitted["annotators"], OF_ANNOTATORS),
    }
    if fitted["optimizer_state"] is not None:
        attributes["_optimizer_state"] = optimizer_state_from_dict(
            fitted["optimizer_state"]
        )
    return attributes


def _restore_part(kind, state):
    part = _restore(state)
    if type(part) is not kind:
        raise TypeError(f"expected a {kind.__name__}, got a {type(part).__name__}")
    return part


def _restore_features(features, network):
    _check_names(features, FEATURES)
    n_features = network.sample_shape[0]
    names = features.get("feature_names_in_")
    if features["n_features_in_"] != n_features or (
        names is not None and np.shape(names) != (n_features,)
    ):
        raise ValueError("the features do not match the network")
    return features


def _describe_search(search, include_oof):
    rules = make_rules(search.scoring, search.refit)
    if repr(rules.scorers()) != repr(search.scorer_):
        raise ValueError(
            "scoring was changed after fit. Restore it, or fit again, before saving."
        )
    names = OF_SEARCH if include_oof else OF_SEARCH - OF_SAMPLES
    state = vars(search)
    best = state.get("best_estimator_")
    return {
        "attributes": _take(search, names),
        "label_smoother": _describe_if_any(state.get("label_smoother_")),
        "estimators": [_describe(member) for member in state.get("estimators_", ())],
        "best_estimator": _describe_if_any(best),
        "predicts": fitted_network(search) is not None,
    }


def _describe_if_any(estimator):
    return None if estimator is None else _describe(estimator)


def _restore_search(search, fitted):
    attributes = _check_names(fitted["attributes"], OF_SEARCH)
    attributes["scorer_"] = make_rules(search.scoring, search.refit).scorers()
    if fitted["label_smoother"] is not None:
        smoother = _restore_part(LabelSmoother, fitted["label_smoother"])
        attributes["label_smoother_"] = smoother
    members = [
        _restore_part(LabelSmoothingClassifier, member)
        for member in fitted["estimators"]
    ]
    if members:
        attributes["estimators_"] = members
    network = None
    if fitted["best_estimator"] is not None:
        best = _restore_part(LabelSmoothingClassifier, fitted["best_estimator"])
        attributes["best_estimator_"] = best
        network = fitted_network(best)
    elif fitted["predicts"]:
        networks = [fitted_network(member) for member in members]
        network = ensemble_from(networks, attributes["classes_"])
    if network is not None:
        _restore_features(_take_features(attributes), network)
        if not np.array_equal(attributes["classes_"], network.classes):
            raise ValueError("classes_ do not match the network")
        attributes["_network"] = network
    return attributes


def _take_features(attributes):
    return {name: value for name, value in attributes.items() if name in FEATURES}


KINDS = {
    kind.__name__: kind
    for kind in (LabelSmoothingClassifier, LabelSmoothingClassifierCV, LabelSmoother)
}
