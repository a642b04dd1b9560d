"""What a training needs and leaves behind, around the network's own epochs."""

import functools
import math

import numpy as np

from sklearn_ls._batches import Batches, to_device_if_it_fits
from sklearn_ls._fitted_network import FittedNetworkMixin
from sklearn_ls._indicator_loss import indicator_target
from sklearn_ls._inference import (
    apply_module,
    count_weight_layers,
    load_arrays,
    module_to_arrays,
)
from sklearn_ls._label_smoother import LabelSmoother
from sklearn_ls._loss import label_target
from sklearn_ls._modules import build_module, check_output
from sklearn_ls._smoothing import NO_SMOOTHING, smoothing_of, soft_indicators
from sklearn_ls._temperature import fit_temperature
from sklearn_ls._training_data import count_held_out, hold_out, weigh_classes
from sklearn_ls._transition import check_transition_matrix, make_transition

MIN_HELD_OUT = 200  # rows; fewer give a score too noisy to stop by
ENOUGH_LOGITS = 2**25  # numbers; a temperature from more of them is no better


def keep_fitted_on_error(method):
    """Make a method that raises leave the estimator's attributes as they were."""

    @functools.wraps(method)
    def wrapped(self, *args, **kwargs):
        before = vars(self).copy()
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return wrapped


class NetworkTrainerMixin(FittedNetworkMixin):
    """The steps of `fit` and `partial_fit`, one method each.

    The estimator has the parameters of :class:`LabelSmoothingClassifier`.
    """

    def _learn_classes(self, given, again, classes=None):
        smoother = LabelSmoother(self.epsilon, distribution=self.distribution)
        if classes is None:
            smoother._learn(given.y if given.soft is None else given.soft, given.weight)
            if again and not self._same_classes(smoother):
                raise ValueError(
                    "warm_start needs the classes of the fit before, "
                    f"{self.classes_}, and one label a row if that had one. Got "
                    f"{smoother.classes_}."
                )
        else:
            y = given.y
            if y.ndim == 1 and (unseen := np.setdiff1d(y, classes)).size:
                raise ValueError(
                    "`y` has classes not in `self.classes_`. `self.classes_` has "
                    f"{classes}. 'y' has {unseen} besides."
                )
            if y.ndim == 2 and len(classes) != y.shape[1]:
                raise ValueError(
                    f"y has {y.shape[1]} columns, but there are {len(classes)} classes."
                )
            known = self.label_smoother_ if again else LabelSmoother()
            if not again:
                known.fit(classes if y.ndim == 1 else y)
            smoother._settle(known.classes_, known.class_prior_, known.multilabel_)
        self.label_smoother_, self.classes_ = smoother, smoother.classes_
        self._check_against_classes()
        self._calibration = self.calibration
        vars(self).pop("temperature_", None)  # of the network before
        if self.calibration == "unsmooth":
            self._check_that_smoothing_can_be_undone(given.epsilon)

    def _same_classes(self, smoother):
        before = self.label_smoother_
        return before.multilabel_ == smoother.multilabel_ and np.array_equal(
            before.classes_, smoother.classes_
        )

    def _check_against_classes(self):
        """Check what can only be judged when the classes are known."""
        multilabel = self.label_smoother_.multilabel_
        each = isinstance(self.distribution, str) and self.distribution == "each"
        if each and not multilabel and len(self.classes_) > 2:
            raise ValueError(
                "distribution='each' gives targets that sum to 1 + (n_classes - 2) * "
                "epsilon, which are no probabilities. Use distribution='uniform' with "
                "epsilon=convert_epsilon(epsilon, n_classes, from_='each', "
                "to='uniform')."
            )
        self._transition_matrix = None
        if self.transition_matrix is not None:
            if multilabel:
                raise ValueError("transition_matrix is not defined for multilabel y.")
            self._transition_matrix = check_transition_matrix(
                self.transition_matrix, self.classes_
            )

    def _check_that_smoothing_can_be_undone(self, epsilon):
        if epsilon is not None:
            raise ValueError(
                "calibration='unsmooth' can't undo an epsilon of each row. Set it to "
                "None or 'temperature', or leave epsilon out of fit."
            )
        n_classes = len(self.classes_)
        matrix = self._transition_matrix
        if np.ndim(matrix) == 2 and np.linalg.matrix_rank(matrix) < n_classes:
            raise ValueError(
                "calibration='unsmooth' needs a transition_matrix that has an inverse. "
                "This one says that one class is labelled as a mixture of others."
            )
        self.label_smoother_.recover(np.full((1, n_classes), 1 / n_classes))

    def _prepare(self, X, given, *, again=False, rows=None, held_out=None):
        """Learn the classes, and return what to train, to stop and to calibrate by.

        Parameters
        ----------
        X, given : as `_check_data` returns them

        again : bool, default=False
            Whether training goes on from a former fit.

        rows : ndarray of shape (n_rows,), default=None
            Which rows to train on; None for all.

        held_out : ndarray of shape (n_held_out,), default=None
            Which rows to validate and to calibrate on, where that is asked for; None
            for a part of `rows`.

        Returns
        -------
        training : Batches

        validation : Batches or None
            What to stop by.

        calibration : tuple or None
            What to fit a temperature on: rows, their codes, weights and given labels.
        """
        rows = np.arange(len(given)) if rows is None else rows
        self._learn_classes(given.take(rows), again)
        n_rows = len(rows)
        if held_out is not None:
            rows = np.concatenate([rows, held_out[self._knows(given.y[held_out])]])
        given = given.take(rows)
        codes, weight = self._encode_and_weigh(given, n_rows)
        if held_out is None:
            training, held_out = self._split(codes, weight)
        else:
            counted = np.flatnonzero(weight)
            training, held_out = counted[counted < n_rows], counted[counted >= n_rows]
        weight = weight / weight[training].mean()

        def parts(part):
            return codes[part], weight[part], given.take(part)

        def batches(part, smoothed):
            target = self._target(*parts(part), smoothed=smoothed)
            return self._batches(X, rows[part], target, len(training))

        validation = calibration = None
        if len(held_out) and self._stops_early(len(held_out)):
            validation = batches(held_out, smoothed=False)
        if self.calibration == "temperature":
            some = self._some_to_calibrate_by(held_out)
            calibration = rows[some], *parts(some)
        return batches(training, smoothed=True), validation, calibration

    def _knows(self, y):
        """Return which labels can be predicted."""
        if y.ndim == 2:
            return np.ones(len(y), dtype=bool)
        return np.isin(y, self.classes_)

    def _encode_and_weigh(self, given, n_rows):
        """Return codes and weights; classes are weighed by the first `n_rows` rows."""
        codes = self.label_smoother_.encode(given.y)
        class_weight = weigh_classes(
            codes[:n_rows], given.weight[:n_rows], self.class_weight, self.classes_
        )
        if class_weight is None:
            return codes, given.weight
        return codes, given.weight * class_weight[codes]

    def _split(self, codes, weight):
        """Return the rows to train on and those to hold out, maybe none."""
        rows = np.flatnonzero(weight)
        n_held_out = count_held_out(len(rows), self.validation_fraction)
        if not self._stops_early(n_held_out) and self.calibration != "temperature":
            return rows, rows[:0]
        return hold_out(codes, rows, self.validation_fraction, self._seed)

    def _some_to_calibrate_by(self, held_out):
        """Return as many of the rows held out as a temperature gains by."""
        if len(held_out) == 0:
            raise ValueError(
                "calibration='temperature' needs rows that are held out, of positive "
                "weight and with labels that are trained on. There are none."
            )
        step = math.ceil(len(held_out) * len(self.classes_) / ENOUGH_LOGITS)
        return held_out[::step]

    def _stops_early(self, n_held_out):
        if self.early_stopping == "auto":
            return n_held_out >= MIN_HELD_OUT
        return self.early_stopping

    def _batches(self, X, rows, target, n_training):
        X = to_device_if_it_fits(X, self.device_)
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = min(200, n_training)
        return Batches(X, rows, target, batch_size, self.device_)

    def _target(self, codes, weight, given, *, smoothed):
        """Return what to compare the network's outputs with.

        Parameters
        ----------
        codes : ndarray of shape (n_samples,) or (n_samples, n_labels)

        weight : ndarray of shape (n_samples,)

        given : GivenLabels

        smoothed : bool
            False for validation, which is on the labels by which rows are scored.
        """
        smoother = self.label_smoother_
        weight = None if np.all(weight == 1) else weight
        place = {"dtype": self._dtype, "device": self.device_}
        if smoother.multilabel_:
            y_soft = smoother._soften(codes, given.epsilon) if smoothed else codes
            return indicator_target(codes, y_soft, weight, **place)
        smoothing, y_soft = NO_SMOOTHING, given.y_soft if smoothed else None
        if y_soft is not None and smoother._smoothing.by_label:
            y_soft = smoother._soften(y_soft, given.epsilon)
        elif smoothed:
            smoothing = smoother._smoothing_of_rows(codes, given.epsilon)
        noise = make_transition(self._transition_matrix, len(self.classes_), **place)
        return label_target(
            codes, smoothing, weight, y_soft=y_soft, transition=noise, **place
        )

    def _start_module(self, again=False):
        """Return the network to train, on its device."""
        module = build_module(
            **self._architecture(), dtype=self._dtype, seed=self._seed
        )
        if self.module is not None:
            check_output(module, self._sample_shape, len(self.classes_), self._dtype)
        if again:
            load_arrays(module, self._state)
        return module.to(self.device_)

    def _stopping(self):
        return {
            "max_epochs": self.max_epochs,
            "patience": self.n_iter_no_change,
            "tol": self.tol,
        }

    def _record(self, module, losses, scores, again=False, optimizer_state=None):
        """Store what was learnt; `again` says whether the curves go on."""
        self._module = module
        self._state = module_to_arrays(module)
        self._optimizer_state = optimizer_state
        self._fitted_architecture = self._architecture()
        self.loss_curve_ = self.loss_curve_ + losses if again else losses
        self.best_loss_ = min(self.loss_curve_)
        self.n_iter_ = len(self.loss_curve_)
        self.validation_scores_ = scores or None
        self.best_validation_score_ = max(scores, default=None)
        self.n_layers_ = count_weight_layers(module) + 1
        self.n_outputs_ = len(self.classes_)
        multilabel = self.label_smoother_.multilabel_
        self.out_activation_ = "logistic" if multilabel else "softmax"

    def _calibrate(self, X, calibration):
        """Fit the temperature of the network just trained, if one is asked for.

        Parameters
        ----------
        X : as `_check_data` returns it

        calibration : as `_prepare` returns it
        """
        if calibration is not None:
            rows, *known = calibration
            logits = apply_module(self._trained_module(), X[rows], "logits")
            targets = self._calibration_targets(*known)
            self.temperature_ = fit_temperature(logits, targets)

    def _calibration_targets(self, codes, weight, given):
        """Return the targets to fit a temperature by, the second if the first fails.

        Where all that is held out is predicted right, or more than a transition would
        have it, no temperature is the best: the smaller the better. Then labels are
        taken for true, and one more row is assumed, of which nothing is known.

        Parameters
        ----------
        codes, weight, given : as `_target` takes them

        Returns
        -------
        targets : list of LabelTarget or IndicatorTarget
            In float64, on the CPU.
        """
        n_samples, n_classes = len(codes), len(self.classes_)
        place = {"dtype": np.float64, "device": "cpu"}
        noise = make_transition(self._transition_matrix, n_classes, **place)
        targets = []
        for epsilon, transition in ((0.0, noise), (1 / (1 + n_samples), None)):
            if self.label_smoother_.multilabel_:
                y_soft = soft_indicators(codes, smoothing_of(epsilon, "uniform", 2))
                target = indicator_target(codes, y_soft, weight, **place)
            else:
                smoothing = smoothing_of(epsilon, "uniform", n_classes)
                known = {"y_soft": given.y_soft, "transition": transition}
                target = label_target(codes, smoothing, weight, **known, **place)
            targets.append(target)
        return targets

    def _snapshot(self, module):
        """Return what a copy needs to predict as if training had ended here."""
        arrays = module_to_arrays(module)
        return {
            "_state": {name: array.copy() for name, array in arrays.items()},
            "_fitted_architecture": self._architecture(),
        }
