"""Networks that predict together, by the mean of their probabilities."""

import numpy as np
from scipy.special import log_expit

from sklearn_ls._predict import PredictChainMixin


class EnsembleMixin(PredictChainMixin):
    """The predict chain of the fitted classifiers that `_members()` returns.

    It raises for an estimator that is not fitted, or does not predict. They were fitted
    on parts of the same data, so that some may lack a class.
    """

    def _apply(self, X, finish):
        members = self._members()
        X = self._check_X(X)
        if len(members) == 1 and np.array_equal(members[0].classes_, self.classes_):
            return members[0]._outputs(X, finish)
        match finish:
            case "softmax" | "logistic":
                return self._mean(members, X, finish)
            case "argmax":
                return self._mean(members, X, "softmax").argmax(axis=1)
            case "positive":
                return (self._mean(members, X, "logistic") > 0.5).astype(int)
            case "logits" if self.label_smoother_.multilabel_:
                yes = self._log_mean(members, X, "log_logistic")
                no = self._log_mean(members, X, "logits", lambda z: log_expit(-z))
                return yes - no
            case "logits":
                return self._log_mean(members, X, "log_softmax")
        return self._log_mean(members, X, finish)

    def _is_multilabel(self):
        self._members()  # raises for what does not predict
        return super()._is_multilabel()

    def _columns_of(self, member):
        """Return which of the classes a member knows."""
        if self.label_smoother_.multilabel_:
            return slice(None)
        return np.searchsorted(self.classes_, member.classes_)

    def _mean(self, members, X, finish):
        total = np.zeros((X.shape[0], len(self.classes_)), dtype=self._dtype)
        for member in members:
            total[:, self._columns_of(member)] += member._outputs(X, finish)
        return total / len(members)

    def _log_mean(self, members, X, finish, log_proba=lambda output: output):
        """Return the logarithm of a mean, finite even where it is rounded to 0."""
        total = np.full((X.shape[0], len(self.classes_)), -np.inf, dtype=self._dtype)
        for member in members:
            columns = self._columns_of(member)
            output = log_proba(member._outputs(X, finish))
            total[:, columns] = np.logaddexp(total[:, columns], output)
        return total - np.log(len(members)).astype(self._dtype)
