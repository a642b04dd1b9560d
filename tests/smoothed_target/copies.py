"""Manual copies, and classifiers that record the arguments of fit."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from sklearn_ls import LabelSmoother

NAMES = np.array(["setosa", "versicolor", "virginica"])
AS_IT_IS = LabelSmoother(epsilon=0)


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps the arguments of `fit`."""

    def fit(self, X, y, sample_weight=None, offset=None, mode=None, eval_X=None):
        self.X_, self.y_, self.weight_ = X, y, sample_weight
        self.offset_, self.mode_, self.eval_X_ = offset, mode, eval_X
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class Forgetful(Recorder):
    """Keeps nothing, so that it needs no memory."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return self


def copies_by_hand(X, y_soft, sample_weight=1.0):
    n_classes = y_soft.shape[1]
    weight = (y_soft.T * sample_weight).T.ravel()
    return np.repeat(X, n_classes, axis=0), np.tile(range(n_classes), len(X)), weight
