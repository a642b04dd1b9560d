"""The predict chain of estimators that hold a trained network."""

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ls._device import usable_device
from sklearn_ls._inference import (
    apply_module,
    load_arrays,
    module_device,
    penultimate,
)
from sklearn_ls._modules import build_module
from sklearn_ls._net import build_net
from sklearn_ls._training_data import refuse_dates


class NetworkPredictorMixin:
    """Everything that a fitted network gives, derived from one pass over the rows.

    The estimator has the parameters of :class:`LabelSmoothingClassifier`, and stores of
    its network the arrays `_state` alone. The torch module, and the skorch net for
    those who ask for it, are rebuilt where they are missing, as after unpickling.
    """

    def predict(self, X):
        """Predict the labels of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        if self._is_multilabel():
            return self._apply(X, "positive")
        class_indices = self._apply(X, "argmax")
        return self.classes_[class_indices]

    def predict_proba(self, X):
        """Predict probabilities.

        They are the network's own: with smoothing under-confident by construction.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)

        Returns
        -------
        y_proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`. Rows sum to one, except for multilabel `y`,
            where each column is the probability of that label.
        """
        return self._apply(X, "logistic" if self._is_multilabel() else "softmax")

    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)

        Returns
        -------
        y_log_proba : ndarray of shape (n_samples, n_classes)
            Finite even where a probability is rounded to 0.
        """
        multilabel = self._is_multilabel()
        return self._apply(X, "log_logistic" if multilabel else "log_softmax")

    def decision_function(self, X):
        """Return the network's outputs before softmax.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)

        Returns
        -------
        logits : ndarray of shape (n_samples, n_classes) or (n_samples,)
            For two classes the log-odds of `classes_[1]`.
        """
        logits = self._apply(X, "logits")
        if logits.shape[1] == 2 and not self._is_multilabel():
            return logits[:, 1] - logits[:, 0]
        return logits

    def embed(self, X):
        """Return the penultimate layer, the input of the last linear layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_units)
        """
        module = self._trained_module()
        return penultimate(module, self._check_X(X))

    @property
    def net_(self):
        """The skorch net; its optimiser starts anew after unpickling."""
        check_is_fitted(self)
        if "_net" not in vars(self):
            module = self._trained_module()
            device = str(module_device(module))
            self._net = self._build_net(module, device, self.loss_curve_)
        return self._net

    def __getstate__(self):
        state = dict(super().__getstate__())
        for name in ("_net", "_module"):  # `_state` holds all that they know
            state.pop(name, None)
        return state

    def _is_multilabel(self):
        check_is_fitted(self)
        return self.label_smoother_.multilabel_

    def _apply(self, X, finish):
        module = self._trained_module()
        return apply_module(module, self._check_X(X), finish)

    def _trained_module(self):
        check_is_fitted(self)
        if "_module" not in vars(self):
            device = usable_device(self.device)
            module = build_module(**self._fitted_architecture, dtype=self._dtype)
            load_arrays(module, self._state)
            self._module = module.eval().to(device)
        return self._module

    def _check_X(self, X):
        refuse_dates(X)
        X = validate_data(self, X, reset=False, dtype=self._dtype, **self._X_options())
        self._check_sample_shape(X)
        return X

    def _X_options(self):
        return {
            "accept_sparse": "csr",
            "order": "C",
            "allow_nd": self.module is not None,
        }

    def _check_sample_shape(self, X):
        if X.shape[1:] != self._sample_shape:
            raise ValueError(
                f"X has samples of shape {X.shape[1:]}, but {type(self).__name__} was "
                f"fitted with samples of shape {self._sample_shape}."
            )

    def _architecture(self):
        """Return what the parameters say of the network, and the data has settled."""
        n_features = self._sample_shape
        return {
            "module": self.module,
            "n_features": n_features[0] if len(n_features) == 1 else n_features,
            "n_classes": len(self.classes_),
            "params": self._module_params(),
        }

    def _module_params(self):
        if self.module is not None:
            return self.module_params or {}
        sizes = np.atleast_1d(self.hidden_layer_sizes).tolist()
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise ValueError(
                "hidden_layer_sizes must be positive integers. Got "
                f"{self.hidden_layer_sizes!r}."
            )
        return {
            "hidden_layer_sizes": sizes,
            "activation": self.activation,
            "dropout": self.dropout,
        }

    def _build_net(self, module, device, losses=()):
        return build_net(
            module,
            device=device,
            losses=losses,
            multilabel=self.label_smoother_.multilabel_,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            optimizer_params=self.optimizer_params,
            callbacks=self.callbacks,
            verbose=self.verbose,
        )
