"""Base class of the network classifiers: parameters, validation, predictions."""

import copy
from importlib.metadata import version
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._compat import (
    CallbackSupportMixin,
    DocLinkMixin,
    Interval,
    Options,
    Probability,
    StrOptions,
    check_sample_weight,
)
from sklearn_ls._features import (
    describe_features,
    raise_for_dates,
    raise_for_lazy_frame,
)
from sklearn_ls._files.checkpoints import Checkpoints, NoCheckpoints, digest_of
from sklearn_ls._label_smoother import LabelSmoother
from sklearn_ls._labels.annotators import estimate_annotators
from sklearn_ls._labels.containers import to_numpy_backed
from sklearn_ls._labels.soft_labels import find_soft_labels
from sklearn_ls._labels.training_labels import count_codes, encode_training_labels
from sklearn_ls._network.calibration import CALIBRATIONS
from sklearn_ls._network.device import float_dtypes
from sklearn_ls._network.fitted import count_weight_layers
from sklearn_ls._network.modules import ACTIVATIONS
from sklearn_ls._network.optimizers import OPTIMIZERS
from sklearn_ls._network.plans import TrainingParams
from sklearn_ls._network.ranks import find_rank
from sklearn_ls._network.samples import check_samples
from sklearn_ls._network.schedules import SCHEDULES
from sklearn_ls._samples.prefetch import prefetch
from sklearn_ls._samples.streams import (
    is_stream,
    open_stream,
    raise_for_names,
    read_parts,
)
from sklearn_ls._types import Floats, SamplesLike, VectorLike
from sklearn_ls._version import VersionedPickle, __version__
from sklearn_ls._warnings import warn

PRIVATE = {"_network", "_net", "_optimizer_state"}
# All attributes that the fit of one network may set.
LEARNED = {
    *PRIVATE,
    "n_features_in_",
    "feature_names_in_",
    "classes_",
    "label_smoother_",
    "loss_curve_",
    "best_loss_",
    "n_iter_",
    "validation_scores_",
    "best_validation_score_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "device_",
    "annotators_",
    "annotator_confusion_",
    "annotator_reliability_",
    *(name for kind in CALIBRATIONS.values() for name in kind.attribute_names),
}

# Documentation of the parameters that all network classifiers share. It replaces
# placeholders such as {network} in their docstrings.
SHARED_DOCUMENTATION = {
    "network": """
    hidden_layer_sizes : array-like of int or int, default=(128, 128)
        Number of units in each hidden layer of the built-in perceptron; ``()`` gives a
        linear model. Ignored if `module` is given.

    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
        Activation function of the hidden layers. Ignored if `module` is given.

    dropout : float or "auto", default="auto"
        Probability of dropping a hidden unit during training, in [0, 1). ``"auto"`` is
        0.15, or 0 if a single batch contains all training samples, so that weighting a
        sample is then equivalent to repeating it. Ignored if `module` is given.

    feature_clip : float or None, default=3.0
        Bound on the standardized features. The perceptron standardizes each feature by
        its mean and standard deviation over the training samples and smoothly clips the
        result `z` to ``z / sqrt(1 + (z / feature_clip) ** 2)``. If ``np.inf``, the
        features are only standardized; if None, they are used unchanged. Ignored if X
        is sparse, if `module` is given, and by `partial_fit` unless it continues from
        `fit`.

    module : {"convnet"} or callable, default=None
        The network. None uses a multilayer perceptron, defined by the parameters above.
        ``"convnet"`` is a small convolutional network for images, with X of shape
        (n_samples, n_channels, height, width). A callable is called with
        `(n_features, n_classes, **module_params)` and returns a
        :class:`torch.nn.Module` that outputs logits; if X has more than two dimensions,
        `n_features` is the shape of one sample, a tuple.

    module_params : dict, default=None
        Keyword arguments passed to `module`.

    optimizer : {"adam", "adamw", "sgd"} or class, default="adamw"
        Name of a torch optimizer, or a class with the same interface.

    optimizer_params : dict, default=None
        Additional keyword arguments passed to the optimizer, such as
        ``{"momentum": 0.9}``.

    learning_rate : float, default=1e-2
        Learning rate of the optimizer. Must be positive.

    learning_rate_schedule : {"constant", "cosine"}, default="constant"
        Schedule of the learning rate. ``"cosine"`` increases it linearly from 0 over
        the first tenth of `max_epochs` and then decreases it to 0 along half a cosine
        period (:doi:`10.48550/arXiv.1608.03983`). `partial_fit` always uses
        ``"constant"``.

    weight_decay : float, default=1e-2
        Weight decay of the optimizer. Must be non-negative.

    ema_decay : float, default=0.99
        Decay per step of the exponential moving average of the weights, in [0, 1). The
        average is less noisy than the weights of a single step (:doi:`10.1137/0330046`)
        and is used for validation and prediction. If 0, and always in `partial_fit`,
        the weights are not averaged.

    batch_size : int or "auto", default="auto"
        Number of samples per mini-batch. ``"auto"`` is `min(200, n_samples)`. If the
        last batch has a single sample, it is merged with the previous one.

    max_epochs : int, default=40
        Maximum number of epochs.
""",
    "stopping": """
    n_iter_no_change : int or np.inf, default=np.inf
        Maximum number of consecutive epochs without an improvement of at least `tol`
        before training stops. ``np.inf`` trains for `max_epochs`; early stopping then
        only restores the best weights.

    tol : float, default=1e-4
        Minimum change that counts as an improvement: of the accuracy minus the Brier
        score on the held-out samples with early stopping, otherwise of the training
        loss.

    class_weight : dict or "balanced", default=None
        Weights of the classes in the form ``{label: weight}``. Missing labels have
        weight one. ``"balanced"`` gives all classes the same total weight. The loss of
        each sample is computed on its smoothed label and multiplied by the weight of
        its label; for soft labels, of the most likely label.
""",
    "device": """
    device : str, default="auto"
        Device used for training: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or ``"auto"``,
        which is CUDA if it is available and the CPU otherwise. Each process started by
        ``torchrun`` uses its own CUDA device.

    dtype : {"auto", "float32", "float64"}, default="auto"
        Floating-point format of the network. ``"auto"`` is float32 if it represents the
        dtype of X exactly, as for float32 and images of uint8, or if the device is not
        the CPU; otherwise float64. Training that continues from an earlier fit keeps
        the dtype of the network.
""",
}


class BaseNetworkClassifier(
    VersionedPickle, CallbackSupportMixin, DocLinkMixin, ClassifierMixin, BaseEstimator
):
    """Base class for classifiers that predict with trained networks.

    The fitted state is a single value, `_network`, which holds the classes and computes
    predictions for an array of samples; the fitted attributes describe it. `fit`
    computes everything first and then stores it in one step.
    """

    classes_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    label_smoother_: LabelSmoother
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: Literal["softmax", "logistic"]
    loss_curve_: list[float]
    best_loss_: float
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    temperature_: float
    device_: str
    annotators_: NDArray[Any]
    annotator_confusion_: Floats
    annotator_reliability_: Floats

    if TYPE_CHECKING:

        def set_params(self, **params: Any) -> Self: ...

    _parameter_constraints = {
        "distribution": LabelSmoother._parameter_constraints["distribution"],
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
        "feature_clip": [
            Interval(Real, 0, None, closed="neither"),
            Options(Real, {np.inf}),
            None,
        ],
        "module": [StrOptions({"convnet"}), callable, None],
        "module_params": [dict, None],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "optimizer_params": [dict, None],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES))],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "transition_matrix": [Probability(), "array-like", None],
        "calibration": [StrOptions(set(CALIBRATIONS) - {None}), None],
        "device": [str],
        "dtype": [StrOptions({"auto", "float32", "float64"})],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, text in SHARED_DOCUMENTATION.items():
            if cls.__doc__ is not None:  # None under python -OO
                cls.__doc__ = cls.__doc__.replace(f"    {{{name}}}", text.strip("\n"))

    def __init__(
        self,
        *,
        distribution,
        hidden_layer_sizes,
        activation,
        dropout,
        feature_clip,
        module,
        module_params,
        optimizer,
        optimizer_params,
        learning_rate,
        learning_rate_schedule,
        weight_decay,
        ema_decay,
        batch_size,
        max_epochs,
        early_stopping,
        validation_fraction,
        n_iter_no_change,
        tol,
        class_weight,
        transition_matrix,
        calibration,
        device,
        dtype,
        callbacks,
        random_state,
        verbose,
    ):
        self.distribution = distribution
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.feature_clip = feature_clip
        self.module = module
        self.module_params = module_params
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.transition_matrix = transition_matrix
        self.calibration = calibration
        self.device = device
        self.dtype = dtype
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_net", None)  # `_network` has all that predictions depend on
        return state

    def _training_params(self, **changes):
        """Return the parameters that decide how networks are trained."""
        params = {**self.get_params(deep=False), **changes}
        return TrainingParams.of(params, type(self).__name__)

    def _check_training_data(
        self,
        X,
        y,
        sample_weight=None,
        y_soft=None,
        sample_epsilon=None,
        votes=None,
        *,
        device,
        network=None,
        classes=None,
        in_memory=False,
    ):
        """Validate training data.

        Parameters
        ----------
        X, y, sample_weight, y_soft, sample_epsilon, votes : see fit

        device : str
            Device used for training.

        network : FittedNetwork, default=None
            Network of a previous fit from which training continues. It has the same
            features.

        classes : ndarray of shape (n_classes,), default=None
            The classes, if they are already known.

        in_memory : bool, default=False
            Whether X must be loaded into memory.

        Returns
        -------
        X : Samples

        labels : TrainingLabels

        features : dict
            Fitted attributes that describe X.
        """
        raise_for_lazy_frame(X)
        raise_for_dates(X)
        if votes is not None:
            self._check_params_with_votes()
        labels = None
        if y is not None or votes is not None:  # else validate_data raises
            labels = encode_training_labels(
                y, y_soft, sample_epsilon, classes, votes, X, sample_weight
            )
            if classes is not None and network is not None:
                self._check_kind(labels, network)
            _warn_of_one_hot(labels)
        checked = copy.copy(self)  # validation sets attributes and may still fail
        X = check_samples(
            checked,
            X,
            None if labels is None else labels.codes,
            reset=network is None,
            dtypes=(
                float_dtypes(X, device, self.dtype)
                if network is None
                else [network.dtype]
            ),
            allow_nd=self.module is not None,
            in_memory=in_memory,
        )
        if network is not None:
            self._check_sample_shape(X, network)
        if sample_weight is not None:
            labels = labels.weighted(check_sample_weight(sample_weight, X.X))
        if classes is None:  # otherwise this may be only a part of the data
            _check_weighted_classes(labels)
        return X, labels, describe_features(checked)

    def _check_params_with_votes(self):
        """Raise ValueError if a parameter cannot be combined with votes."""
        for name in ("transition_matrix", "class_weight"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name} cannot be combined with votes. Set {name}=None."
                )

    def _check_kind(self, labels, network):
        if labels.multilabel != network.multilabel:
            kind = "a multilabel y" if network.multilabel else "one label per sample"
            raise ValueError(
                f"y has shape {labels.y.shape}, but {type(self).__name__} was fitted "
                f"with {kind}."
            )

    def _check_X(self, X, network):
        """Validate X for a fitted network."""
        raise_for_lazy_frame(X)
        raise_for_dates(X)
        X = check_samples(
            self,
            X,
            reset=False,
            dtypes=[network.dtype],
            allow_nd=network.takes_any_shape,
        )
        self._check_sample_shape(X, network)
        return X.X

    def _check_sample_shape(self, X, network):
        if X.shape[1:] != network.sample_shape:
            raise ValueError(
                f"X has samples of shape {X.shape[1:]}, but {type(self).__name__} was "
                f"fitted with samples of shape {network.sample_shape}."
            )

    def _store(self, attributes, names=LEARNED):
        """Replace all fitted attributes in one step.

        Neither another thread nor Ctrl-C can observe a half-fitted estimator, since the
        dict of its attributes is replaced as a whole.

        Parameters
        ----------
        attributes : dict
            All fitted attributes.

        names : set of str, default=LEARNED
            All attributes that `fit` may set. Those of a previous fit are removed.
        """
        kept = {name: value for name, value in vars(self).items() if name not in names}
        self.__dict__ = {**kept, **attributes}

    def _fitted(self):
        """Return the network that predicts."""
        check_is_fitted(self)
        return self._network

    def _apply(self, X, output):
        """Return an output for X, and the network that computed it."""
        network = self._fitted()
        return self._in_parts(X, network, lambda X: network.apply(X, output)), network

    def _in_parts(self, X, network, function):
        """Apply a function to validated samples, in parts if they are in a file."""
        parts = read_parts(X, self._feature_names())
        if parts is None:
            return function(self._check_X(X, network))
        checked = (self._check_X(part, network) for part in parts)
        outputs = [function(part) for part in prefetch(checked)]
        if not outputs:
            raise ValueError("The stream has no samples.")
        return np.concatenate(outputs)

    def predict(self, X: SamplesLike) -> NDArray[Any]:
        """Predict the labels of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Samples. Arrays in files and streams of blocks are read in parts, see
            :ref:`scale`.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Predicted labels.
        """
        labels, network = self._apply(X, "labels")
        return labels if labels.ndim == 2 else network.classes[labels]

    def predict_proba(self, X: SamplesLike) -> Floats:
        """Predict probabilities.

        With smoothing, the probabilities of the network are under-confident by
        construction; the parameter `calibration` determines how they are corrected.
        With a `transition_matrix`, they are the probabilities of the true labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Samples. Arrays in files and streams of blocks are read in parts, see
            :ref:`scale`.

        Returns
        -------
        y_proba : ndarray of shape (n_samples, n_classes)
            Predicted probabilities, with columns in the order of `classes_`. Rows sum
            to one, except for multilabel `y`, where each column is the probability of
            one label.
        """
        return self._apply(X, "proba")[0]

    def predict_log_proba(self, X: SamplesLike) -> Floats:
        """Predict the logarithms of the probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Samples. Arrays in files and streams of blocks are read in parts, see
            :ref:`scale`.

        Returns
        -------
        y_log_proba : ndarray of shape (n_samples, n_classes)
            Logarithms of the probabilities, finite even where a probability is rounded
            to 0.
        """
        return self._apply(X, "log_proba")[0]

    def decision_function(self, X: SamplesLike) -> Floats:
        """Return the logits.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Samples. Arrays in files and streams of blocks are read in parts, see
            :ref:`scale`.

        Returns
        -------
        logits : ndarray of shape (n_samples, n_classes) or (n_samples,)
            Logits; for two classes, the log-odds of `classes_[1]`.
        """
        logits, network = self._apply(X, "logits")
        if logits.shape[1] == 2 and not network.multilabel:
            return logits[:, 1] - logits[:, 0]
        return logits

    def score(
        self,
        X: SamplesLike,
        y: ArrayLike | None = None,
        sample_weight: VectorLike | str | None = None,
    ) -> float:
        """Return the accuracy of the predicted labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Samples. Arrays in files and streams of blocks are read in parts, see
            :ref:`scale`.

        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes), or str or list of str, default=None
            True labels. For soft labels, the most likely label is used. For a stream,
            as in `fit`.

        sample_weight : array-like of shape (n_samples,) or str, default=None
            Sample weights. For a stream, as in `fit`.

        Returns
        -------
        score : float
            Accuracy; for multilabel `y`, the fraction of samples with all labels
            correct.
        """
        network = self._fitted()
        if is_stream(X):
            return self._score_stream(X, y, sample_weight)
        raise_for_names(y=y, sample_weight=sample_weight)
        y = to_numpy_backed(y)
        if y is None:
            raise ValueError("score requires the true labels, but y is None.")
        if not network.multilabel and (soft := find_soft_labels(y, network.classes)):
            y = soft.most_likely
        return super().score(X, y, sample_weight)

    def _score_stream(self, X, y, sample_weight):
        stream = open_stream(X, y, sample_weight, self._feature_names())
        scores, weights = [], []
        for block in stream.read_all():
            weight = block.sample_weight
            if not block.is_empty and (weight is None or np.any(weight)):
                scores.append(self.score(block.X, block.y, weight))
                weights.append(len(block.y) if weight is None else np.sum(weight))
        if not scores:
            raise ValueError("The stream has no samples of positive weight to score.")
        return float(np.average(scores, weights=weights))

    def _feature_names(self):
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else names.tolist()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        single = self.class_weight is not None or self.transition_matrix is not None
        tags.classifier_tags.multi_label = not single
        tags.input_tags.sparse = self.module != "convnet"
        tags.input_tags.two_d_array = self.module != "convnet"
        return tags


def fitted_network(estimator):
    """Return the network, or the networks, that an estimator predicts with, or None."""
    return vars(estimator).get("_network")


def describe_fit(network, label_smoother, features, n_earlier_epochs=0):
    """Return the fitted attributes of a single network.

    Parameters
    ----------
    network : FittedNetwork

    label_smoother : LabelSmoother
        Fitted to the training labels of the network.

    features : dict
        Fitted attributes that describe X.

    n_earlier_epochs : int, default=0
        Number of epochs of previous fits.

    Returns
    -------
    attributes : dict
    """
    losses = [row["train_loss"] for row in network.history]
    last_fit = network.history[n_earlier_epochs:]
    scores = [row["valid_acc"] for row in last_fit if "valid_acc" in row]
    return {
        **features,
        "classes_": network.classes,
        "label_smoother_": label_smoother,
        "loss_curve_": losses,
        "best_loss_": min(losses),
        "n_iter_": len(losses),
        "validation_scores_": scores or None,
        "best_validation_score_": max(scores, default=None),
        "n_layers_": count_weight_layers(network.module) + 1,
        "n_outputs_": len(network.classes),
        "out_activation_": network.activation,
        "device_": network.device,
        **network.calibrator.attributes(),
        "_network": network,
    }


def open_checkpoints(folder, params, data, seed, **more):
    """Return the checkpoints of a training run.

    Parameters
    ----------
    folder : str, os.PathLike or None
        The argument `checkpoint` of `fit`.

    params : dict
        Parameters of the estimator.

    data : ArrayData or StreamData

    seed : int

    **more : dict
        Other values that the training depends on.

    Returns
    -------
    checkpoints : Checkpoints or NoCheckpoints
    """
    if folder is None:
        return NoCheckpoints(seed)
    if params["callbacks"]:
        raise ValueError(
            "callbacks cannot be combined with a checkpoint, which does not include "
            "their state. Set callbacks=None."
        )
    if find_rank() > 0:  # only one process writes checkpoints
        return NoCheckpoints(seed)
    values = {
        **params,
        **more,
        **data.identify(),
        "dtype": data.dtype,
        "versions": [__version__, *map(version, ("torch", "numpy", "scikit-learn"))],
    }
    if not isinstance(params["random_state"], Integral):
        del values["random_state"]  # checkpoints have the seed drawn from it
    del values["verbose"]
    return Checkpoints(folder, digest_of(values), seed)


def describe_annotators(labels, networks, y_proba):
    """Return the fitted attributes that describe annotators, and the consensus.

    Parameters
    ----------
    labels : TrainingLabels

    networks : list of FittedNetwork
        Networks trained on the votes. Their confusion matrices are averaged.

    y_proba : ndarray of shape (n_samples, n_classes)
        Predicted probabilities of the training samples.

    Returns
    -------
    attributes : dict
        Empty without votes.

    consensus : ndarray of shape (n_samples, n_classes) or None
    """
    if labels.votes is None:
        return {}, None
    confusion = np.mean([network.confusion for network in networks], axis=0)
    annotators = estimate_annotators(labels, confusion, y_proba)
    attributes = {
        "annotators_": np.asarray(labels.votes.annotators),
        "annotator_confusion_": annotators.confusion,
        "annotator_reliability_": annotators.reliability,
    }
    return attributes, annotators.consensus


def fit_label_smoother(params, summary):
    """Return the smoother of a classifier's labels.

    Parameters
    ----------
    params : TrainingParams

    summary : ClassSummary

    Returns
    -------
    smoother : LabelSmoother
        Fitted smoother, with copies of the parameters.
    """
    epsilon, distribution = copy.deepcopy((params.epsilon, params.distribution))
    return LabelSmoother(epsilon, distribution=distribution).fit(summary)


def _check_weighted_classes(labels):
    """Raise ValueError if all samples of positive weight have the same label."""
    if labels.multilabel or labels.y_soft is not None or labels.votes is not None:
        return
    if labels.weight is None:
        return
    totals = count_codes(labels.codes, len(labels.classes), labels.weight)
    if np.count_nonzero(totals) == 1 and len(labels.find_present()) > 1:
        raise ValueError(
            "All samples with positive sample_weight have the label "
            f"{labels.classes[totals.argmax()]}, but at least two classes are required."
        )


def _warn_of_one_hot(labels):
    if labels.multilabel and np.all(labels.codes.sum(axis=1) == 1):
        warn(
            "y is a matrix of integers, which is treated as multilabel, but every row "
            "has exactly one 1. For one label per sample pass y.argmax(axis=1); for "
            "soft labels pass floats."
        )
