"""Training plans: a network, and the samples to train, stop and calibrate on."""

import copy
import math
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from sklearn_ls._labels.hold_out import count_held_out, hold_out
from sklearn_ls._labels.objective import Objective, make_objective
from sklearn_ls._labels.training_labels import (
    ClassSummary,
    TrainingLabels,
    weigh_classes,
)
from sklearn_ls._network.batches import Batches
from sklearn_ls._network.calibration import CALIBRATIONS, Calibrator
from sklearn_ls._network.feature_scaling import measure_features
from sklearn_ls._network.fitted import FittedNetwork, load_arrays, module_to_arrays
from sklearn_ls._network.modules import Architecture, make_architecture
from sklearn_ls._network.optimizers import OptimizerSpec
from sklearn_ls._network.samples import Samples
from sklearn_ls._network.stopping import make_stopping_rule
from sklearn_ls._network.training import TrainingState, check_trained, load_weights
from sklearn_ls._network.training_loss import make_loss, make_rows
from sklearn_ls._samples.order import count_windows

MIN_HELD_OUT = 10  # minimum number of held-out samples for early_stopping="auto"
AUTO_DROPOUT = 0.15
# Maximum numbers of logits and samples to fit a temperature to; more do not improve it.
ENOUGH_LOGITS, ENOUGH_SAMPLES = 2**25, 2**18


@dataclass(frozen=True, eq=False)
class TrainingParams:
    """Parameters of the training.

    The fields are parameters of :class:`LabelSmoothingClassifier`, except `owner`, the
    name of the estimator for error messages.
    """

    epsilon: Any
    distribution: Any
    hidden_layer_sizes: Any
    activation: str
    dropout: Any
    feature_clip: float | None
    module: Any
    module_params: dict | None
    optimizer: Any
    optimizer_params: dict | None
    learning_rate: float
    learning_rate_schedule: str
    weight_decay: float
    ema_decay: float
    batch_size: Any
    max_epochs: int
    early_stopping: Any
    validation_fraction: float
    n_iter_no_change: float
    tol: float
    class_weight: Any
    transition_matrix: Any
    calibration: str | None
    callbacks: Any
    verbose: int
    owner: str

    @classmethod
    def of(cls, params, owner):
        """Return the training parameters of an estimator.

        Parameters
        ----------
        params : dict

        owner : str
        """
        names = [item.name for item in fields(cls) if item.name != "owner"]
        return cls(**{name: params[name] for name in names}, owner=owner)

    def scaling_as(self, earlier):
        """Return the parameters with the scaling of a previous network, if any."""
        params = {}
        if earlier is not None and self.module is None:
            params = earlier.architecture.params
        return replace(self, feature_clip=params.get("feature_clip"))

    @property
    def optimizer_spec(self):
        """The optimizer and its options."""
        return OptimizerSpec(
            self.optimizer,
            self.learning_rate,
            self.weight_decay,
            copy.deepcopy(self.optimizer_params or {}),
            self.learning_rate_schedule,
            self.ema_decay,
        )

    def batch_of(self, n_training):
        """Return the batch size for this number of training samples."""
        return min(200, n_training) if self.batch_size == "auto" else self.batch_size

    def holds_out(self, n_held_out):
        """Return whether to hold out this many samples for early stopping."""
        if self.early_stopping == "auto":
            return n_held_out >= MIN_HELD_OUT
        return self.early_stopping

    def make_objective(self, summary):
        """Return the training objective for labels with this summary."""
        return make_objective(
            self.epsilon, self.distribution, self.transition_matrix, summary, self.owner
        )

    def dropout_of(self, n_training):
        """Return the dropout probability for this number of training samples."""
        if self.dropout == "auto":
            return AUTO_DROPOUT if self.batch_of(n_training) < n_training else 0.0
        return self.dropout

    def make_architecture(self, X, n_classes, seed, n_training):
        """Return the architecture of a network for samples with the shape of X."""
        return make_architecture(
            self.module,
            self.module_params,
            self.hidden_layer_sizes,
            self.activation,
            self.dropout_of(n_training),
            self.feature_clip,
            sample_shape=X.shape[1:],
            n_classes=n_classes,
            dtype=X.dtype.name,
            seed=seed,
        )


class Part(NamedTuple):
    """A subset of the samples, with their labels.

    Parameters
    ----------
    X : Samples
        All samples.

    samples : ndarray of shape (n_selected,) or None
        Indices of the subset; None for all.

    labels : TrainingLabels
        Labels of the subset.
    """

    X: Samples
    samples: np.ndarray | None
    labels: TrainingLabels


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """A network to train, with its data.

    Parameters
    ----------
    params : TrainingParams

    architecture : Architecture

    summary : ClassSummary
        Summary of the training labels.

    objective : Objective

    device : str

    training : Batches

    validation : Batches, default=None
        Samples for early stopping.

    calibration : Part, default=None
        Samples for calibration.

    scaling : dict of str to ndarray, default=None
        Buffers of the scaling of the features.
    """

    params: TrainingParams
    architecture: Architecture
    summary: ClassSummary
    objective: Objective
    device: str
    training: Batches
    validation: Batches | None = None
    calibration: Part | None = None
    scaling: dict | None = None

    @property
    def loss(self):
        """The loss to minimize."""
        return make_loss(self.objective, self.architecture.dtype, self.device)

    def stacking_key(self):
        """Return a key that is equal for networks that can be stacked."""
        architecture, validation = self.architecture, self.validation
        return (
            architecture.sample_shape,
            architecture.n_classes,
            self.training.stacking_key(),
            None if validation is None else validation.stacking_key(),
        )

    def start(self):
        """Return the initial training state."""
        rule = make_stopping_rule(
            self.params.n_iter_no_change,
            self.params.tol,
            validates=self.validation is not None,
        )
        return TrainingState(rule)

    def build(self, weights=None):
        """Return the module to train, on its device.

        Parameters
        ----------
        weights : dict of str to ndarray, default=None
            Weights from which training continues.
        """
        module = self.architecture.build()
        self.architecture.check(module)
        if weights is not None:
            load_arrays(module, weights)
        elif self.scaling is not None:
            load_arrays(module.scaling, self.scaling)
        return module.to(self.device)

    def finish(self, module, state):
        """Return the fitted network of a trained module.

        Parameters
        ----------
        module : torch.nn.Module
            Module on the device.

        state : TrainingState
            State at the end of the training.
        """
        weights = dict(state.weights)
        rows = self.training.rows
        of_rows = {name: weights.pop(name) for name in rows.parameters()}
        load_weights(module, weights)
        samples = self.training.some_samples()
        check_trained(module, samples, state.n_epochs)
        network = self.as_fitted(module_to_arrays(module), state.history)
        network = replace(network, **rows.fitted_fields(of_rows))
        network.check_rebuild(module, samples)
        logits = labels = None
        if self.calibration is not None:
            X, samples, labels = self.calibration
            network.adopt(module)
            logits = network.apply(X.subset(samples).X)
        calibration = CALIBRATIONS[self.params.calibration]
        calibrator = calibration.fit(logits, labels, self.objective)
        network = replace(network, calibrator=calibrator)
        module.zero_grad(set_to_none=True)
        network.adopt(module)
        return network

    def as_fitted(self, weights, history):
        """Return a fitted network with these weights, without calibration."""
        return FittedNetwork(
            architecture=self.architecture,
            weights=weights,
            classes=self.summary.classes,
            objective=self.objective,
            optimizer=self.params.optimizer_spec,
            calibrator=Calibrator(),
            history=history,
            device=self.device,
        )


def plan_network(
    X, labels, params, *, seed, device, samples=None, held_out=None, earlier=None
):
    """Plan the training of a network.

    Parameters
    ----------
    X : Samples

    labels : TrainingLabels

    params : TrainingParams

    seed : int

    device : str

    samples : ndarray of shape (n_selected,), default=None
        Indices of the training samples; None for all.

    held_out : ndarray of shape (n_held_out,), default=None
        Indices of the samples for validation and calibration, if needed; None to hold
        out a fraction of `samples`.

    earlier : FittedNetwork, default=None
        Network from which training continues, with the same classes.

    Returns
    -------
    plan : TrainingPlan
    """
    learned = labels if samples is None else labels.take(samples)
    classes = learned.find_present()
    summary = learned.recode(classes).summarize()
    if earlier is not None:
        check_same_classes(earlier, summary)
    objective = params.make_objective(summary)
    if labels.votes is not None:
        objective = replace(objective, has_votes=True)
    calibration = CALIBRATIONS[params.calibration]
    calibration.check(objective, learned)
    X = X.to_device_if_it_fits(device)
    training, rest = _split(X, labels, classes, params, seed, samples, held_out)
    batch_size = params.batch_of(len(training.labels))
    validation = on_held_out = None
    if len(rest.labels) and params.early_stopping:
        validation = _make_batches(rest, objective, batch_size, device, smoothed=False)
    if calibration.needs_hold_out:
        on_held_out = thin_out(rest, len(classes))
    return make_plan(
        params,
        X,
        seed=seed,
        earlier=earlier,
        measure=lambda: measure_features(X, training.samples, training.labels.weight),
        summary=summary,
        objective=objective,
        device=device,
        training=_make_batches(training, objective, batch_size, device),
        validation=validation,
        calibration=on_held_out,
    )


def make_plan(params, X, *, seed, earlier, measure, training, summary, **parts):
    """Return the plan of a network, with its architecture and scaling.

    Parameters
    ----------
    params : TrainingParams

    X : Samples

    seed : int

    earlier : FittedNetwork or None
        Network from which training continues, whose seed and scaling are used.

    measure : callable
        Function that returns the buffers of the scaling.

    training : Batches

    summary : ClassSummary

    **parts : object
        Other fields of TrainingPlan.

    Returns
    -------
    plan : TrainingPlan
    """
    scaling = None
    if earlier is not None or X.is_sparse:  # centering would fill the zeros of sparse X
        params = params.scaling_as(earlier)
    elif params.module is None and params.feature_clip is not None:
        scaling = measure()
    if earlier is not None:
        seed = earlier.architecture.seed
    architecture = params.make_architecture(
        X, len(summary.classes), seed, len(training)
    )
    return TrainingPlan(
        params=params,
        architecture=architecture,
        training=training,
        summary=summary,
        scaling=scaling,
        **parts,
    )


def check_same_classes(earlier, summary):
    """Raise ValueError unless a previous network has the classes of these labels."""
    if earlier.multilabel != summary.multilabel:
        kinds = ("one label per sample", "independent labels")
        raise ValueError(
            f"y has {kinds[summary.multilabel]}, but the previous fit had "
            f"{kinds[earlier.multilabel]}. Set warm_start=False."
        )
    if not np.array_equal(earlier.classes, summary.classes):
        raise ValueError(
            "warm_start=True requires the classes of the previous fit, "
            f"{earlier.classes}. Got {summary.classes}. Set warm_start=False."
        )


def plan_part(X, labels, params, *, seed, device, prior=None, earlier=None):
    """Plan one epoch of training on a batch of the data.

    Sample weights are not normalized, features are not scaled and the learning rate is
    constant, since the other data are unknown. Weights are not averaged.

    Parameters
    ----------
    X, labels, params, seed, device, earlier : see plan_network
        The classes of `labels` are all classes that may occur.

    prior : ndarray of shape (n_classes,), default=None
        Class frequencies of a previous fit.

    Returns
    -------
    plan : TrainingPlan
    """
    summary = _summarize_parts(labels, prior)
    objective = params.make_objective(summary)
    CALIBRATIONS[params.calibration].check(objective, labels)
    labels = _weigh(labels, labels, params)
    samples = labels.positive()
    params = replace(params, learning_rate_schedule="constant", ema_decay=0.0)
    params = params.scaling_as(earlier)
    part = _take(X.to_device_if_it_fits(device), labels, samples)
    n_training = len(part.labels)
    batch_size = params.batch_of(n_training)
    return TrainingPlan(
        params=params,
        architecture=params.make_architecture(
            X, len(summary.classes), seed, n_training
        ),
        summary=summary,
        objective=objective,
        device=device,
        training=_make_batches(part, objective, batch_size, device),
    )


def _summarize_parts(labels, prior):
    """Return the summary of labels of which only a part is known."""
    if labels.multilabel:
        summary = labels.summarize()
    else:  # one sample per class
        n_classes = len(labels.classes)
        every = TrainingLabels(np.arange(n_classes), labels.classes, np.ones(n_classes))
        summary = every.summarize()
    return summary if prior is None else replace(summary, prior=prior)


def _split(X, labels, classes, params, seed, samples, held_out):
    """Return the training samples and the held-out samples, if any."""
    n_learned = len(labels) if samples is None else len(samples)
    if held_out is not None:
        samples = np.concatenate([samples, _select_known(labels, classes, held_out)])
    if samples is not None:
        labels = labels.take(samples)
    labels = labels.recode(classes)
    labels = _weigh(labels, labels.take(slice(n_learned)), params)
    counted = labels.positive()
    if held_out is None:
        training, rest = _hold_out(labels, counted, params, seed)
    else:
        counted = np.arange(len(labels)) if counted is None else counted
        training, rest = counted[counted < n_learned], counted[counted >= n_learned]
    labels = labels.normalized(training)
    return tuple(_take(X, labels, part, samples) for part in (training, rest))


def _take(X, labels, part, samples=None):
    """Return a Part of `samples`, whose labels are given.

    Indices are sorted if X is large, since it is read in contiguous blocks.
    """
    if part is None:
        return Part(X, samples, labels)
    index = part if samples is None else samples[part]
    is_large = count_windows(len(X), X.n_bytes) > 1
    if is_large and np.any(index[1:] < index[:-1]):
        order = np.argsort(index)
        part, index = part[order], index[order]
    return Part(X, index, labels.take(part))


def _select_known(labels, classes, samples):
    """Return the samples whose labels are in `classes`."""
    if labels.multilabel:
        return samples
    codes = np.searchsorted(labels.classes, classes)
    return samples[np.isin(labels.codes[samples], codes)]


def _weigh(labels, learned, params):
    """Multiply sample weights by class weights, which are computed from `learned`."""
    class_weight = moderate_class_weight(learned, params)
    if class_weight is None:
        return labels
    weight = class_weight[labels.codes]
    return labels.weighted(weight if labels.weight is None else weight * labels.weight)


def moderate_class_weight(labels, params):
    """Return class weights whose products with sample weights are finite, or None."""
    class_weight = weigh_classes(labels, params.class_weight)
    if class_weight is None or class_weight.max() <= 1e100:
        return class_weight
    return class_weight / class_weight.max()


def _hold_out(labels, samples, params, seed):
    n_samples = len(labels) if samples is None else len(samples)
    n_held_out = count_held_out(n_samples, params.validation_fraction)
    needed = CALIBRATIONS[params.calibration].needs_hold_out
    if not needed and not params.holds_out(n_held_out):
        return samples, np.arange(0)
    return hold_out(labels.codes, samples, params.validation_fraction, seed)


def _make_batches(part, objective, batch_size, device, *, smoothed=True):
    X, samples, labels = part
    rows = make_rows(objective, labels, X.dtype, device, smoothed=smoothed)
    return Batches(X, samples, rows, batch_size, device)


def thin_out(part, n_classes):
    """Return the held-out samples, or a subset that is enough for calibration."""
    X, samples, labels = part
    n_samples = len(labels)
    if n_samples == 0:
        raise ValueError(
            "calibration='temperature' needs held-out samples with positive weight and "
            "with labels that occur in the training samples, but there are none. Pass "
            "more samples, or set calibration=None."
        )
    enough = min(ENOUGH_SAMPLES, ENOUGH_LOGITS / n_classes)
    every = slice(None, None, math.ceil(n_samples / enough))
    return Part(X, samples[every], labels.take(every))
