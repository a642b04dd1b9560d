"""X and y as networks take them: validated, in the network's dtype."""

from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from sklearn_ls._compat import check_sample_weight
from sklearn_ls._device import float_dtypes
from sklearn_ls._labels import check_labels, labels_to_array
from sklearn_ls._training_data import refuse_dates


class NetworkInputMixin:
    """The checks of what is trained on and what is predicted.

    The estimator has the parameters of :class:`LabelSmoothingClassifier`.
    """

    def _check_data(self, X, y, sample_weight, *, again=False):
        """Validate training data.

        Parameters
        ----------
        again : bool, default=False
            Whether training goes on from a former fit, whose features must be the same.

        Returns
        -------
        X : ndarray or CSR matrix of shape (n_samples, ...)

        y : ndarray of shape (n_samples,) or (n_samples, n_labels)

        sample_weight : ndarray of shape (n_samples,)
        """
        refuse_dates(X)
        labels = y if y is None else check_labels(labels_to_array(y))
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
        return X, y, check_sample_weight(sample_weight, X)

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
        tags.classifier_tags.multi_label = self.class_weight is None
        tags.input_tags.sparse = self.module != "convnet"
        tags.input_tags.two_d_array = self.module != "convnet"
        return tags
