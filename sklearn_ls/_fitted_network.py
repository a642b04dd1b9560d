"""A trained network inside an estimator: stored as arrays, rebuilt when needed."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._device import usable_device
from sklearn_ls._inference import (
    apply_module,
    last_layer,
    load_arrays,
    module_device,
    penultimate,
)
from sklearn_ls._modules import build_module
from sklearn_ls._net import build_net
from sklearn_ls._predict import PredictChainMixin
from sklearn_ls._unsmoothing import (
    FROM_INDICATORS,
    FROM_PROBABILITIES,
    unsmooth,
    unsmooth_indicators,
)


class FittedNetworkMixin(PredictChainMixin):
    """Everything that one fitted network gives, derived from one pass over the rows.

    The estimator has the parameters of :class:`LabelSmoothingClassifier`, and stores of
    its network the arrays `_state` alone. The torch module, and the skorch net for
    those who ask for it, are rebuilt where they are missing, as after unpickling.
    """

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

    def _apply(self, X, finish):
        check_is_fitted(self)
        return self._outputs(self._check_X(X), finish)

    def _outputs(self, X, finish):
        """Do what `_apply` does on X that has been checked."""
        module = self._trained_module()
        if self._calibration != "unsmooth":
            return apply_module(module, X, finish, getattr(self, "temperature_", 1.0))
        smoother = self.label_smoother_
        if smoother.multilabel_:
            proba = unsmooth_indicators(apply_module(module, X, "logistic"), smoother)
            return FROM_INDICATORS[finish](proba)
        proba = apply_module(module, X, "softmax")
        proba = unsmooth(proba, smoother, self._transition_matrix)
        return FROM_PROBABILITIES[finish](proba)

    def _last_layer(self):
        """Return what makes logits of the embedding: weights and biases, as arrays."""
        return last_layer(self._trained_module())

    def _trained_module(self):
        check_is_fitted(self)
        if "_module" not in vars(self):
            device = usable_device(self.device)
            module = build_module(**self._fitted_architecture, dtype=self._dtype)
            load_arrays(module, self._state)
            self._module = module.eval().to(device)
        return self._module

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
            **self._optimizer(),
            callbacks=self.callbacks,
            verbose=self.verbose,
        )

    def _optimizer(self):
        return {
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "optimizer_params": self.optimizer_params,
        }
