"""LabelSmoother: labels to codes and soft targets, and back."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._compat import (
    DocLinkMixin,
    InvalidParameterError,
    Probability,
    StrOptions,
    _fit_context,
    check_sample_weight,
)
from sklearn_ls._labels.containers import encode_labels
from sklearn_ls._labels.objective import check_smoothing
from sklearn_ls._labels.smoothing import (
    CONVENTIONS,
    recover_indicators,
    recover_targets,
    smooth_targets,
    soft_indicators,
    soft_targets,
)
from sklearn_ls._labels.soft_labels import SoftLabels, check_target
from sklearn_ls._labels.training_labels import ClassSummary, encode_target
from sklearn_ls._types import Distribution, Floats, MatrixLike, VectorLike
from sklearn_ls._version import VersionedPickle


class LabelSmoother(VersionedPickle, DocLinkMixin, TransformerMixin, BaseEstimator):
    """Turn class labels into smoothed soft targets, and back.

    A soft target moves the probability `epsilon` from the observed label to the classes
    [1]_::

        y_soft = (1 - epsilon) * onehot(y) + epsilon * distribution[y]

    Use :class:`LabelSmoothingClassifier` to train on such targets; this transformer is
    for inspecting them, and for other tools that accept soft targets.

    Parameters
    ----------
    epsilon : float or array-like of shape (n_classes,), default=0.1
        Probability moved from the observed label to `distribution`, in [0, 1]. An array
        has one value per class, in the order of `classes_`.

    distribution : {"uniform", "others", "each", "prior"} or array-like of shape \
            (n_classes,) or (n_classes, n_classes), default="uniform"
        How that probability is distributed over the classes.

        - ``"uniform"``: equally over all classes, including the observed one. This is
          the label smoothing of torch, Keras and timm.
        - ``"others"``: equally over the other classes.
        - ``"each"``: `epsilon` to each of the other classes. The rows sum to
          `1 + (n_classes - 2) * epsilon`, so they are not distributions.
        - ``"prior"``: in proportion to the class frequencies seen in `fit`.
        - An array: a distribution over the classes, or a row-stochastic matrix whose
          row `y` is used for label `y`, in the order of `classes_`. The rows and
          columns of a DataFrame may be named by the classes instead.

        :func:`convert_epsilon` converts between the first three.

    dtype : numpy floating dtype, default=np.float64
        Data type of the soft targets.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels. For multilabel `y`, and for soft labels whose columns have
        no names, the column indices.

    class_prior_ : ndarray of shape (n_classes,)
        The (weighted) frequency of each class in `fit`.

    distribution_ : ndarray of shape (n_classes,) or (n_classes, n_classes)
        `distribution` as an array of floats. Defined only if it is not a str.

    multilabel_ : bool
        Whether `y` was a multilabel indicator matrix in `fit`.

    See Also
    --------
    LabelSmoothingClassifier : A neural network trained on smoothed labels.
    SmoothedTargetClassifier : Trains other classifiers on soft targets.
    convert_epsilon : Convert epsilon between the conventions in use.
    sklearn.preprocessing.LabelBinarizer : One-hot targets, without smoothing.

    Notes
    -----
    A multilabel `y`, an integer matrix of 0 and 1, is smoothed column by column, where
    each column has two outcomes: ``"uniform"`` moves every entry towards 1/2,
    ``"others"`` and ``"each"`` replace 0 by `epsilon` and 1 by `1 - epsilon`,
    ``"prior"`` moves every entry towards the fraction of ones in its column, and an
    array of shape (n_labels,) moves it towards its value for the column.

    Soft labels, such as fractions of annotators' votes, are smoothed linearly:
    ``(1 - epsilon) * y_soft + epsilon * y_soft @ distribution``.

    References
    ----------
    .. [1] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna. Rethinking the
       Inception architecture for computer vision. CVPR 2016.
       :doi:`10.1109/CVPR.2016.308`

    Examples
    --------
    >>> from sklearn_ls import LabelSmoother
    >>> smoother = LabelSmoother(epsilon=0.3).fit(["cat", "dog", "owl"])
    >>> y_soft = smoother.transform(["owl", "cat"])
    >>> y_soft
    array([[0.1, 0.1, 0.8],
           [0.8, 0.1, 0.1]])
    >>> smoother.inverse_transform(y_soft)
    array(['owl', 'cat'], dtype='<U3')

    Soft labels are smoothed further:

    >>> smoother.transform([[0.5, 0.5, 0.0]])
    array([[0.45, 0.45, 0.1 ]])
    """

    _parameter_constraints = {
        "epsilon": [Probability(), "array-like"],
        "distribution": [
            StrOptions({*CONVENTIONS, "prior"}),
            "array-like",
        ],
        "dtype": "no_validation",  # validated by NumPy in fit
    }

    def __init__(
        self,
        epsilon: float | VectorLike = 0.1,
        *,
        distribution: Distribution = "uniform",
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.epsilon = epsilon
        self.distribution = distribution
        self.dtype = dtype

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, y: ArrayLike, sample_weight: VectorLike | None = None) -> Self:
        """Learn the classes and their frequencies.

        Parameters
        ----------
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            Labels, a multilabel indicator matrix of integers, or soft labels: a matrix
            of floats whose rows are distributions. The column names of a dataframe of
            soft labels become `classes_`.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights, used for `class_prior_`.

        Returns
        -------
        self : object
            Fitted smoother.

        Raises
        ------
        ValueError
            If labels are missing, mixed or continuous, soft labels are not
            distributions, there is a single class, or the shape of `epsilon` or
            `distribution` does not match the classes.
        """
        if isinstance(y, ClassSummary):  # from networks, which have encoded the labels
            return self._settle(y)
        self._encode_and_settle(y, sample_weight)
        return self

    def _encode_and_settle(self, y, sample_weight):
        """Fit; return the codes of the labels, or the soft labels."""
        labels = encode_target(y)
        weight = check_sample_weight(sample_weight, labels.codes)
        self._settle(labels.weighted(weight).summarize())
        return labels.codes if labels.y_soft is None else labels.y_soft

    def _settle(self, summary):
        """Check the parameters against the classes, and store the fitted attributes."""
        self._check_dtype()
        rule = check_smoothing(
            self.epsilon, self.distribution, summary, type(self).__name__
        )
        self.classes_ = summary.classes
        self.class_prior_ = summary.prior
        self.multilabel_ = summary.multilabel
        vars(self).pop("distribution_", None)
        if not isinstance(self.distribution, str):
            self.distribution_ = rule.distribution
        self._smoothing = rule.smoothing
        return self

    def _check_dtype(self):
        try:
            if np.issubdtype(np.dtype(self.dtype), np.floating):
                return
        except TypeError:
            pass
        raise InvalidParameterError(
            "The 'dtype' parameter of LabelSmoother must be a NumPy floating dtype. "
            f"Got {self.dtype!r} instead."
        )

    def encode(self, y: ArrayLike) -> NDArray[Any]:
        """Turn labels into codes, the positions of the labels in `classes_`.

        Parameters
        ----------
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            As in `fit`.

        Returns
        -------
        codes : ndarray of shape (n_samples,)
            Integers in [0, n_classes); for multilabel `y` and for soft labels, the
            matrix itself, with columns in the order of `classes_`.

        Raises
        ------
        ValueError
            If a label was not seen in `fit`.
        """
        check_is_fitted(self)
        y = check_target(y, None if self.multilabel_ else self.classes_)
        soft = isinstance(y, SoftLabels)
        codes = y.y_soft if soft else y
        if codes.ndim == 1 and not self.multilabel_:
            return encode_labels(codes, self.classes_)
        if soft == self.multilabel_ or codes.shape[1:] != self.classes_.shape:
            fitted = f"{len(self.classes_)} labels" if self.multilabel_ else "one label"
            raise ValueError(
                f"y has shape {codes.shape} and dtype {codes.dtype}, but LabelSmoother "
                f"was fitted with {fitted} per sample."
            )
        return codes

    def transform(self, y: ArrayLike) -> Floats:
        """Turn labels into soft targets.

        Parameters
        ----------
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            Labels, or soft labels, which are smoothed further.

        Returns
        -------
        y_soft : ndarray of shape (n_samples, n_classes)
            One column per class, in the order of `classes_`. Rows sum to one (except
            with ``"each"``); for multilabel `y`, every entry is a probability.

        Raises
        ------
        ValueError
            If a label was not seen in `fit`.
        """
        return self._soften(self.encode(y))

    def _soften(self, codes):
        if self.multilabel_:
            return soft_indicators(codes, self._smoothing, self.dtype)
        if codes.ndim == 2:
            return smooth_targets(codes, self._smoothing, self.dtype)
        return soft_targets(codes, self._smoothing, len(self.classes_), self.dtype)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(
        self, y: ArrayLike, sample_weight: VectorLike | None = None
    ) -> Floats:
        """Fit to labels, then return their soft targets.

        Parameters
        ----------
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            As in `fit`.

        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        y_soft : ndarray of shape (n_samples, n_classes)
            As returned by `transform`.
        """
        return self._soften(self._encode_and_settle(y, sample_weight))

    def inverse_transform(self, Y: MatrixLike) -> NDArray[Any]:
        """Turn soft targets or probabilities into labels.

        Parameters
        ----------
        Y : array-like of shape (n_samples, n_classes)
            Soft targets or predicted probabilities.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The label of the largest entry of each row, or the first of them in case of
            ties; for multilabel targets, the indicator matrix of the entries above 1/2,
            of shape (n_samples, n_labels).
        """
        Y = self._check_soft(Y)
        if self.multilabel_:
            return (Y > 0.5).astype(int)
        return self.classes_[np.argmax(Y, axis=1)]

    def recover(self, Y: MatrixLike) -> Floats:
        """Undo the smoothing exactly.

        Parameters
        ----------
        Y : array-like of shape (n_samples, n_classes)
            Soft targets as returned by :meth:`transform`, or mixtures of them.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            The targets before smoothing: one-hot rows if `Y` is the output of
            :meth:`transform` for labels. Values are not clipped: an entry is negative
            if `Y` has less probability there than any smoothed target.

        Raises
        ------
        ValueError
            If the smoothing cannot be undone, as with `epsilon=1`.
        """
        Y = self._check_soft(Y)
        undo = recover_indicators if self.multilabel_ else recover_targets
        return undo(Y, self._smoothing)

    def _check_soft(self, Y):
        check_is_fitted(self)
        Y = check_array(Y, dtype=[np.float64, np.float32], input_name="Y")
        if Y.shape[1] != len(self.classes_):
            raise ValueError(
                f"Y has {Y.shape[1]} columns, but LabelSmoother was fitted with "
                f"{len(self.classes_)} classes."
            )
        return Y

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns of :meth:`transform`.

        Parameters
        ----------
        input_features : ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        names : ndarray of shape (n_classes,) of str objects
            The classes as strings.
        """
        check_is_fitted(self)
        return np.array([str(label) for label in self.classes_], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.one_d_labels = True
        return tags
