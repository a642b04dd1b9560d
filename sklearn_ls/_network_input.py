"""X and y as networks take them: validated, in the network's dtype."""

import numpy as np
from sklearn.utils.validation import validate_data

from sklearn_ls._compat import check_sample_weight
from sklearn_ls._device import float_dtypes
from sklearn_ls._faults import warn
from sklearn_ls._given_labels import GivenLabels, check_given
from sklearn_ls._training_data import refuse_dates


class NetworkInputMixin:
    """The checks of what is trained on and what is predicted.

    The estimator has the parameters of :class:`LabelSmoothingClassifier`.
    """

    def _check_data(
        self,
        X,
        y,
        sample_weight,
        y_soft=None,
        epsilon=None,
        *,
        again=False,
        classes=None,
    ):
        """Validate training data.

        Parameters
        ----------
        again : bool, default=False
            Whether training goes on from a former fit, whose features must be the same.

        classes : ndarray of shape (n_classes,), default=None
            Where they are known already.

        Returns
        -------
        X : ndarray or CSR matrix of shape (n_samples, ...)

        given : GivenLabels
        """
        refuse_dates(X)
        labels = soft = None
        if y is not None:  # else validate_data says so
            labels, soft, epsilon = check_given(y, y_soft, epsilon, classes)
            _warn_of_one_hot(labels)
        X, labels = validate_data(
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
        weight = check_sample_weight(sample_weight, X)
        return X, GivenLabels(labels, weight, soft, epsilon)

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        single = self.class_weight is not None or self.transition_matrix is not None
        tags.classifier_tags.multi_label = not single
        tags.input_tags.sparse = self.module != "convnet"
        tags.input_tags.two_d_array = self.module != "convnet"
        return tags


def _warn_of_one_hot(labels):
    if labels.ndim == 2 and np.all(labels.sum(axis=1) == 1):
        warn(
            "y is a matrix of integers, which is taken for independent labels, several "
            "a row, but every row has exactly one 1. For one label a row pass "
            "y.argmax(axis=1), for soft labels floats."
        )
