"""What a training needs and leaves behind, around the network's own epochs."""

import functools
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from sklearn_ls._batches import Batches, to_device_if_it_fits
from sklearn_ls._compat import check_sample_weight
from sklearn_ls._device import float_dtypes
from sklearn_ls._inference import count_weight_layers, load_arrays, module_to_arrays
from sklearn_ls._label_smoother import LabelSmoother
from sklearn_ls._labels import check_labels
from sklearn_ls._loss import indicator_target, label_target
from sklearn_ls._modules import build_module, check_output
from sklearn_ls._predict import NetworkPredictorMixin
from sklearn_ls._training_data import count_held_out, hold_out, refuse_dates

MIN_HELD_OUT = 200  # rows; fewer give a score too noisy to stop by


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


class NetworkTrainerMixin(NetworkPredictorMixin):
    """The steps of `fit` and `partial_fit`, one method each.

    The estimator has the parameters of :class:`LabelSmoothingClassifier`.
    """

    def _check_data(self, X, y, sample_weight, *, again, classes=None):
        """Validate training data and encode the labels.

        Parameters
        ----------
        again : bool
            Whether training goes on from a former fit, whose features and classes
            must be the same.

        classes : ndarray of shape (n_classes,), default=None
            What the labels are among; None for those that occur.

        Returns
        -------
        X : ndarray or CSR matrix of shape (n_samples, ...)

        codes : ndarray of shape (n_samples,) or (n_samples, n_labels)

        sample_weight : ndarray of shape (n_samples,)
        """
        refuse_dates(X)
        labels = y if y is None else check_labels(y)
        if labels is not None and labels.ndim == 1:
            check_classification_targets(y)  # no objects but strings: as scikit-learn
        X, y = validate_data(
            self,
            X,
            labels,
            reset=not again,
            dtype=self._dtype if again else float_dtypes(self.device_),
            multi_output=True,
            **self._X_options(),
        )
        if again:
            self._check_sample_shape(X)
        self._sample_shape, self._dtype = X.shape[1:], X.dtype
        sample_weight = check_sample_weight(sample_weight, X)
        self._learn_classes(y, sample_weight, again, classes)
        return X, self.label_smoother_.encode(y), sample_weight

    def _learn_classes(self, y, sample_weight, again, classes):
        smoother = LabelSmoother(self.epsilon, distribution=self.distribution)
        if classes is None:
            smoother.fit(y, sample_weight=sample_weight)
            if again and not self._same_classes(smoother):
                raise ValueError(
                    "warm_start needs the classes of the fit before, "
                    f"{self.classes_}. Got {smoother.classes_}."
                )
        else:
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
        each = isinstance(self.distribution, str) and self.distribution == "each"
        if each and y.ndim == 1 and len(self.classes_) > 2:
            raise ValueError(
                "distribution='each' gives targets that sum to 1 + (n_classes - 2) * "
                "epsilon, which are no probabilities. Use distribution='uniform' with "
                "epsilon=convert_epsilon(epsilon, n_classes, from_='each', "
                "to='uniform')."
            )

    def _same_classes(self, smoother):
        before = self.label_smoother_
        return before.multilabel_ == smoother.multilabel_ and np.array_equal(
            before.classes_, smoother.classes_
        )

    def _draw_seed(self):
        self._seed = check_random_state(self.random_state).randint(
            np.iinfo(np.int32).max
        )
        return self._seed

    def _split(self, codes, weight, seed):
        """Return the rows to train on and those to validate on, or None."""
        rows = np.flatnonzero(weight)
        early_stopping = self.early_stopping
        if early_stopping == "auto":
            held_out = count_held_out(len(rows), self.validation_fraction)
            early_stopping = held_out >= MIN_HELD_OUT
        if not early_stopping:
            return rows, None
        return hold_out(codes, rows, self.validation_fraction, seed)

    def _start_net(self, seed, again):
        module = build_module(**self._architecture(), dtype=self._dtype, seed=seed)
        if self.module is not None:
            check_output(module, self._sample_shape, len(self.classes_), self._dtype)
        if again:
            load_arrays(module, self._state)
        return self._build_net(module.to(self.device_), self.device_)

    def _batches(self, X, codes, weight, rows, held_out):
        """Return the batches of the rows to train on and to validate on, or None."""
        X = to_device_if_it_fits(X, self.device_)
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = min(200, len(rows))
        return [
            None
            if part is None
            else Batches(
                X,
                part,
                self._target(codes[part], weight[part]),
                batch_size,
                self.device_,
            )
            for part in (rows, held_out)
        ]

    def _target(self, codes, weight):
        smoother = self.label_smoother_
        weight = None if np.all(weight == 1) else weight
        place = {"dtype": self._dtype, "device": self.device_}
        if smoother.multilabel_:
            return indicator_target(codes, smoother.transform(codes), weight, **place)
        return label_target(codes, smoother._smoothing, weight, **place)

    def _record(self, net, again, optimizer_state=None):
        """Store what was learnt; `again` says whether the curves go on."""
        self._net, self._module = net, net.module_
        self._state = module_to_arrays(net.module_)
        self._optimizer_state = optimizer_state
        self._fitted_architecture = self._architecture()
        losses = [row["train_loss"] for row in net.history]
        self.loss_curve_ = self.loss_curve_ + losses if again else losses
        self.best_loss_ = min(self.loss_curve_)
        self.n_iter_ = len(self.loss_curve_)
        scores = [row["valid_acc"] for row in net.history if "valid_acc" in row]
        self.validation_scores_ = scores or None
        self.best_validation_score_ = max(scores, default=None)
        self.n_layers_ = count_weight_layers(net.module_) + 1
        self.n_outputs_ = len(self.classes_)
        multilabel = self.label_smoother_.multilabel_
        self.out_activation_ = "logistic" if multilabel else "softmax"

    def _snapshot(self, net):
        """Return what a copy needs to predict as if training had ended here."""
        arrays = module_to_arrays(net.module_)
        return {
            "_state": {name: array.copy() for name, array in arrays.items()},
            "_fitted_architecture": self._architecture(),
        }

    def _warn_unless(self, converged):
        if not converged and np.isfinite(self.n_iter_no_change):
            warnings.warn(
                f"Training stopped at max_epochs={self.max_epochs} before it converged "
                f"within tol={self.tol}. Increase max_epochs or learning_rate.",
                ConvergenceWarning,
                stacklevel=3,
            )
