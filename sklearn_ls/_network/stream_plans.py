"""Training plans for streams."""

import numpy as np

from sklearn_ls._labels.hold_out import count_held_out
from sklearn_ls._network.batches import Batches
from sklearn_ls._network.calibration import CALIBRATIONS
from sklearn_ls._network.feature_scaling import buffers_of
from sklearn_ls._network.plans import (
    Part,
    check_same_classes,
    make_plan,
    moderate_class_weight,
    thin_out,
)
from sklearn_ls._network.stream_batches import StreamBatches
from sklearn_ls._network.survey import Survey
from sklearn_ls._network.training_loss import make_rows


def survey_stream(stream, params, earlier=None):
    """Make the first pass over a stream.

    Parameters
    ----------
    stream : CheckedStream

    params : TrainingParams

    earlier : FittedNetwork, default=None
        Network from which training continues.

    Returns
    -------
    survey : Survey
    """
    needed = CALIBRATIONS[params.calibration].needs_hold_out
    scaled = params.module is None and params.feature_clip is not None
    return Survey(
        stream,
        params.validation_fraction if params.early_stopping or needed else 0.0,
        scales=scaled and earlier is None,
    )


def plan_stream(survey, params, *, seed, device, earlier=None):
    """Plan the training of a network on a stream.

    Parameters
    ----------
    survey : Survey

    params, seed, device, earlier : see plan_network

    Returns
    -------
    plan : TrainingPlan
    """
    summary = survey.summary
    if earlier is not None:
        check_same_classes(earlier, summary)
    objective = params.make_objective(summary)
    calibration = CALIBRATIONS[params.calibration]
    calibration.check(objective, survey.labels.as_labels())
    class_weight, n_samples = _weigh_classes(survey, params)
    n_held_out = count_held_out(n_samples, params.validation_fraction)
    held_out, threshold, n_training = None, 0.0, n_samples
    if calibration.needs_hold_out or params.holds_out(n_held_out):
        held_out, threshold = _hold_out(survey, class_weight), survey.threshold
        n_training -= len(held_out.labels)
        if not n_training:
            raise _too_few(n_samples, "left to train on")
    batch_size = params.batch_of(n_training)
    validation = on_held_out = None
    if held_out is not None and params.early_stopping:
        X, labels = held_out
        rows = make_rows(objective, labels, X.dtype, device, smoothed=False)
        validation = Batches(X, None, rows, batch_size, device)
    if calibration.needs_hold_out:
        part = Part(held_out.X, np.arange(len(held_out.X)), held_out.labels)
        on_held_out = thin_out(part, len(summary.classes))
    return make_plan(
        params,
        survey.sample,
        seed=seed,
        earlier=earlier,
        measure=lambda: buffers_of(survey.scaler),
        summary=summary,
        objective=objective,
        device=device,
        training=StreamBatches(
            survey.stream,
            survey.sample,
            summary.classes,
            objective,
            class_weight,
            threshold,
            n_training,
            batch_size,
            device,
        ),
        validation=validation,
        calibration=on_held_out,
    )


def _hold_out(survey, class_weight):
    """Return the held-out samples of positive weight."""
    held_out = survey.held_out
    if held_out is not None:
        held_out = held_out.weighted(class_weight).positive()
    if held_out is None or not len(held_out.labels):
        raise _too_few(
            survey.n_samples, "held out for early stopping or temperature scaling"
        )
    return held_out


def _too_few(n_samples, purpose):
    return ValueError(
        f"None of the {n_samples} samples of the stream are {purpose}. Pass more "
        "samples or an array, or change validation_fraction."
    )


def _weigh_classes(survey, params):
    """Return the factors of the sample weights, and the number of samples.

    There is one factor, or one per class. They normalize the mean weight to one.
    """
    class_weight = moderate_class_weight(survey.labels.as_labels(), params)
    if class_weight is None:
        class_weight = np.float64(1.0)
    n_samples = np.sum(survey.labels.counts * (class_weight > 0))
    if not n_samples:
        raise ValueError("The weights of all samples of the stream are zero.")
    mean = np.sum(survey.labels.weights * class_weight) / n_samples
    return class_weight / mean, int(n_samples)
