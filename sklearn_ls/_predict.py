"""The predict chain of estimators that hold trained networks."""

from sklearn.utils.validation import check_is_fitted

from sklearn_ls._labels import to_numpy_backed
from sklearn_ls._network_input import NetworkInputMixin
from sklearn_ls._soft_labels import find_soft_labels


class PredictChainMixin(NetworkInputMixin):
    """What a classifier predicts, derived from one primitive.

    `_apply(X, finish)` runs the network over the rows and makes of its logits what
    `finish`, a key of `FINISHES`, says.
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

        With smoothing the network's own are under-confident by construction; the
        parameter `calibration` says what is made of them. With a `transition_matrix`
        they are those of the true labels.

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
        """Return what softmax makes the probabilities of.

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

    def score(self, X, y, sample_weight=None):
        """Return the accuracy of the predicted labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)

        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            The true labels; of soft labels the most likely count.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            For multilabel `y` the share of rows of which all labels are right.
        """
        y = to_numpy_backed(y)
        if not self._is_multilabel() and (soft := find_soft_labels(y, self.classes_)):
            y = soft.most_likely
        return super().score(X, y, sample_weight)

    def _is_multilabel(self):
        check_is_fitted(self)
        return self.label_smoother_.multilabel_
