"""SmoothedTargetClassifier: any classifier, trained on smoothed or soft labels."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    clone,
    is_classifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state, get_tags, indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from sklearn_ls._boosting.boosters import (
    FittedBooster,
    XGBoost,
    find_booster,
    fit_booster,
)
from sklearn_ls._compat import (
    DocLinkMixin,
    HasMethods,
    Interval,
    Probability,
    StrOptions,
    _fit_context,
    available_if,
    check_sample_weight,
    take_params,
)
from sklearn_ls._copies.copies import (
    RowCopies,
    check_min_share,
    check_smoothed,
    draw_labels,
    repeated_copies,
    weighted_copies,
)
from sklearn_ls._copies.rules import (
    adapt_to_copies,
    nested,
    require_sample_weight,
    takes_sample_weight,
)
from sklearn_ls._features import raise_for_dates
from sklearn_ls._label_smoother import LabelSmoother
from sklearn_ls._labels.containers import encode_labels, to_numpy_backed
from sklearn_ls._labels.noise import check_transition_matrix
from sklearn_ls._labels.soft_labels import SoftLabels, find_soft_labels
from sklearn_ls._labels.training_labels import encode_training_labels
from sklearn_ls._samples.streams import raise_for_stream
from sklearn_ls._types import (
    Estimator,
    Floats,
    MatrixLike,
    RandomState,
    SamplesLike,
    Strategy,
    VectorLike,
)
from sklearn_ls._version import VersionedPickle


def _classifier_has(method):
    def check(self):
        getattr(getattr(self, "classifier_", self._unfitted()), method)
        return True

    return check


class SmoothedTargetClassifier(
    VersionedPickle, DocLinkMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Train any classifier on smoothed or soft labels.

    XGBoost and LightGBM are trained on the soft targets directly, with a custom
    objective. Other classifiers are fitted to one copy of each sample per class,
    weighted by the soft target::

        q = smoother.fit(y).transform(y)
        classifier.fit(copies of X[i], classes_[k], sample_weight[i] * q[i, k])

    For classifiers that minimize a sum of losses over samples, as most do, this is
    equivalent to training on the soft targets. The estimator is the counterpart of
    :class:`~sklearn.compose.TransformedTargetRegressor` for classifiers.

    Parameters
    ----------
    classifier : estimator, default=None
        Classifier to train. Its `fit` must accept `sample_weight` if samples are
        copied. None uses :class:`~sklearn.linear_model.LogisticRegression`.

    smoother : transformer, default=None
        Transformer of labels into soft targets. Its `fit` and `transform` take `y`, and
        `transform` returns distributions over its `classes_`, of shape (n_samples,
        n_classes). None uses :class:`LabelSmoother`; ``LabelSmoother(epsilon=0)``
        leaves soft labels unchanged.

    epsilon : float or array-like of shape (n_classes,), default=None
        Shorthand for ``smoother=LabelSmoother(epsilon)``. Only one of the two may be
        given.

    strategy : {"auto", "objective", "replicate", "sample"}, default="auto"
        How the classifier is trained on soft targets.

        - ``"auto"``: ``"objective"`` if the classifier supports it and `min_share` is
          0, otherwise ``"replicate"``.
        - ``"objective"``: the classifier minimizes the cross-entropy with the soft
          targets, without copies. Only for `XGBClassifier` and `LGBMClassifier` with
          their default objective.
        - ``"replicate"``: each sample is copied once for each class of positive
          probability.
        - ``"sample"``: the labels of each sample are drawn from its soft target. This
          is unbiased but noisier, makes at most `n_draws` copies per sample, and
          supports classifiers without `sample_weight`.

    n_draws : int, default=1
        Number of labels drawn for each sample by ``"sample"``, at least 1. Equal labels
        are merged into one copy if the classifier accepts weights.

    min_share : float, default=0.0
        Minimum probability of a class for a sample to be copied with it, in [0, 1). The
        most likely class of each sample is always kept. The remaining copies share the
        weight of the sample. Only with the strategy ``"replicate"``.

    transition_matrix : float or array-like of shape (n_classes, n_classes), \
            default=None
        Known label noise, as in :class:`LabelSmoothingClassifier`: the fraction of
        wrong labels, or the probability of each observed label (columns) for each true
        label (rows). The predicted probabilities are then those of the true labels.
        Only with the strategy ``"objective"``.

    random_state : int, RandomState instance or None, default=None
        Controls the labels drawn by ``"sample"``.

    Attributes
    ----------
    strategy_ : {"objective", "replicate", "sample"}
        The strategy that was used.

    classifier_ : estimator
        The fitted classifier. With the strategy ``"objective"``, an `XGBClassifier` is
        fitted to the positions of the labels in `classes_`, and an `LGBMClassifier`
        predicts raw scores.

    smoother_ : transformer
        The fitted smoother.

    classes_ : ndarray of shape (n_classes,)
        Class labels, as in the smoother.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only if X has feature names that
        are all strings.

    See Also
    --------
    LabelSmoothingClassifier : A neural network trained on soft labels directly.
    LabelSmoother : The default smoother.

    Notes
    -----
    Copies of a sample must stay together. Classifiers that would draw them separately
    (forests with ``bootstrap=True``, bagging) or split them (internal cross-validation,
    early stopping on held-out samples) raise an error, unless each sample is passed
    once (``strategy="sample", n_draws=1``). The early stopping of
    :class:`~sklearn.ensemble.HistGradientBoostingClassifier` is supported: the samples
    that it would hold out are chosen before they are copied and passed as its
    validation data; ``"auto"`` counts samples.

    Limits on the number of samples in trees, such as `min_samples_leaf` of scikit-learn
    and `min_child_samples` of LightGBM, are multiplied by the mean number of copies per
    sample if they are integers; `classifier_` has the multiplied values. Other
    parameters that count samples (`n_neighbors`, `batch_size`) count copies, and the
    penalty `alpha` of classifiers that take a step per sample or batch is applied in
    each of the additional steps. The `class_weight` of the classifier applies to copies
    by their own class; ``"balanced"`` is computed from their weights. Classes without
    copies are predicted with probability 0.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_ls import SmoothedTargetClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> clf = SmoothedTargetClassifier(LogisticRegression(max_iter=1000), epsilon=0.2)
    >>> clf.fit(X, y).predict_proba(X[:1]).round(2)
    array([[0.86, 0.13, 0.01]])

    Soft labels, such as fractions of votes:

    >>> clf = SmoothedTargetClassifier(epsilon=0)
    >>> clf.fit([[0.0], [1.0], [2.0]], [[0.8, 0.2], [0.5, 0.5], [0.2, 0.8]]).classes_
    array([0, 1])
    """

    _parameter_constraints = {
        "classifier": [HasMethods("fit"), None],
        "smoother": [HasMethods(["fit", "transform"]), None],
        "epsilon": ["array-like", Real, None],
        "strategy": [StrOptions({"auto", "objective", "replicate", "sample"})],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "min_share": [Interval(Real, 0, 1, closed="left")],
        "transition_matrix": [Probability(), "array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        classifier: Estimator = None,
        smoother: Estimator = None,
        *,
        epsilon: float | VectorLike | None = None,
        strategy: Strategy = "auto",
        n_draws: int = 1,
        min_share: float = 0.0,
        transition_matrix: float | MatrixLike | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.classifier = classifier
        self.smoother = smoother
        self.epsilon = epsilon
        self.strategy = strategy
        self.n_draws = n_draws
        self.min_share = min_share
        self.transition_matrix = transition_matrix
        self.random_state = random_state

    def set_params(self, **params: Any) -> Self:
        """Set the parameters of this estimator, its classifier and its smoother.

        Parameters
        ----------
        **params : dict
            Estimator parameters, including those of nested estimators, such as
            `smoother__epsilon`. A nested estimator that is None is first replaced by
            its default.

        Returns
        -------
        self : object
            This estimator.
        """
        for name, default in (
            ("classifier", LogisticRegression),
            ("smoother", LabelSmoother),
        ):
            nested = any(key.startswith(f"{name}__") for key in params)
            if nested and params.get(name, getattr(self, name)) is None:
                setattr(self, name, default())
                params.pop(name, None)
        return super().set_params(**params)

    def _unfitted(self):
        return LogisticRegression() if self.classifier is None else self.classifier

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: SamplesLike,
        y: ArrayLike,
        sample_weight: VectorLike | None = None,
        *,
        y_soft: MatrixLike | None = None,
        sample_epsilon: VectorLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Fit the classifier to the soft targets.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.
            Training data, in a form that the classifier accepts.

        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels, or soft labels: a matrix of floats whose rows are distributions. The
            column names of a dataframe of soft labels are the classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        y_soft : array-like of shape (n_samples, n_classes), default=None
            Soft labels to train on instead of `y`, which is then only used to split and
            score the samples. The columns are in the order of the sorted labels of `y`,
            or named by them.

        sample_epsilon : array-like of shape (n_samples,), default=None
            Epsilon of each sample, in [0, 1]. Overrides the epsilon of the smoother,
            which must be a :class:`LabelSmoother`.

        **fit_params : dict
            Passed to the `fit` of the classifier; parameters with a value per sample
            are copied with the samples. With metadata routing enabled, the classifier
            must request them.

        Returns
        -------
        self : object
            Fitted classifier.

        Raises
        ------
        ValueError
            If the classifier cannot be fitted to copies of samples, or labels are
            invalid.
        """
        raise_for_stream(X, f"{type(self).__name__} needs arrays. Load the data first.")
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        if not is_classifier(self._unfitted()):
            raise ValueError(
                f"classifier must be a classifier. Got {self._unfitted()!r} instead."
            )
        if not any(isinstance(part, Pipeline) for part in nested(self._unfitted())):
            raise_for_dates(X)  # a pipeline may convert them
        X, y, y_soft = indexable(X, to_numpy_backed(y), to_numpy_backed(y_soft))
        params = self._route(fit_params)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X)
        classifier = clone(self._unfitted())
        strategy = self._choose_strategy(classifier)
        _check_weights(classifier, sample_weight, strategy)
        labels = encode_training_labels(y, y_soft, sample_epsilon)
        smoother, target = self._soften(labels, sample_weight)
        classes, booster = smoother.classes_, None
        if strategy == "objective":
            transition = self.transition_matrix
            if transition is not None:
                transition = check_transition_matrix(transition, classes)
            booster = fit_booster(
                classifier, X, target, classes, sample_weight, transition, params
            )
        else:
            copies, validation = (
                self._copy_rows(classifier, target, sample_weight),
                None,
            )
            if strategy == "replicate" or self.n_draws > 1:
                copies, validation = adapt_to_copies(
                    classifier, copies, target, classes, "X_val" in params
                )
            booster = _fit_to_copies(classifier, X, copies, validation, classes, params)
        validate_data(self, X, skip_check_array=True)
        self.smoother_, self.classifier_ = smoother, classifier
        self.classes_, self.strategy_, self._booster = classes, strategy, booster
        return self

    def _choose_strategy(self, classifier):
        """Return the strategy to use; raise ValueError if it is not possible."""
        if self.strategy in ("auto", "objective"):
            kind = find_booster(classifier)
            if kind is None:
                reason = f"{type(classifier).__name__} does not support it"
            else:
                reason = kind.reason_unusable(classifier)
            if reason is None and (self.strategy == "objective" or not self.min_share):
                return "objective"
            if self.strategy == "objective":
                raise ValueError(
                    "strategy='objective' requires an XGBClassifier or LGBMClassifier "
                    f"with its default objective, but {reason}. Use "
                    "strategy='replicate'."
                )
        if self.transition_matrix is not None:
            raise ValueError(
                "transition_matrix requires strategy='objective', which is available "
                "for XGBClassifier and LGBMClassifier only."
            )
        return "replicate" if self.strategy == "auto" else self.strategy

    def _route(self, fit_params):
        """Return the further arguments of the `fit` of the classifier."""
        if not get_config()["enable_metadata_routing"]:
            return fit_params
        return process_routing(self, "fit", **fit_params)["classifier"]["fit"]

    def _make_smoother(self):
        if self.epsilon is None:
            return LabelSmoother() if self.smoother is None else clone(self.smoother)
        if self.smoother is not None:
            raise ValueError(
                "epsilon is shorthand for smoother=LabelSmoother(epsilon), so only one "
                f"of them may be given. Got epsilon={self.epsilon!r} and "
                f"smoother={self.smoother!r}."
            )
        return LabelSmoother(self.epsilon)

    def _soften(self, labels, sample_weight):
        """Return the fitted smoother, and the soft target."""
        smoother = self._make_smoother()
        if labels.multilabel:
            raise ValueError(
                f"y of {type(self).__name__} must be one label per sample, or a matrix "
                "of floats as soft labels. Got a multilabel indicator matrix. If it is "
                "one-hot, pass y.argmax(axis=1)."
            )
        if labels.y_soft is None:
            target = labels.y
        elif isinstance(smoother, LabelSmoother):
            target = SoftLabels(labels.y_soft, labels.classes)
        else:
            target = labels.y_soft  # without the names of its columns
        weights = {}
        if sample_weight is not None and has_fit_parameter(smoother, "sample_weight"):
            weights["sample_weight"] = sample_weight
        smoother.fit(target, **weights)
        if labels.sample_epsilon is None:
            smoothed = smoother.transform(target)
        else:
            smoothed = _smooth_samples(smoother, target, labels.sample_epsilon, weights)
        return smoother, check_smoothed(smoothed, len(labels), smoother.classes_)

    def _copy_rows(self, classifier, target, sample_weight):
        if self.strategy != "sample":
            check_min_share(target, self.min_share)
            return weighted_copies(target, sample_weight, self.min_share)
        random_state = check_random_state(self.random_state)
        counts = draw_labels(target, self.n_draws, random_state)
        if self.n_draws == 1:
            rows = np.arange(len(counts))
            weight = None if sample_weight is None else sample_weight.copy()
            return RowCopies(rows, counts.argmax(axis=1), weight)
        if takes_sample_weight(classifier):
            return weighted_copies(counts / self.n_draws, sample_weight)
        return repeated_copies(counts)

    @available_if(_classifier_has("predict"))
    def predict(self, X: SamplesLike) -> NDArray[Any]:
        """Predict the labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Predicted labels.
        """
        check_is_fitted(self)
        if self._booster is not None:
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        y_pred = self.classifier_.predict(X)
        return y_pred[:, 0] if y_pred.ndim == 2 else y_pred  # CatBoost: a column

    @available_if(_classifier_has("predict_proba"))
    def predict_proba(self, X: SamplesLike) -> Floats:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y_proba : ndarray of shape (n_samples, n_classes)
            Predicted probabilities, with columns in the order of `classes_`.
        """
        check_is_fitted(self)
        return self._align(self._fitted().predict_proba(X), 0)

    @available_if(_classifier_has("predict_log_proba"))
    def predict_log_proba(self, X: SamplesLike) -> Floats:
        """Predict the logarithms of the probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Logarithms of the probabilities, with columns in the order of `classes_`.
        """
        check_is_fitted(self)
        return self._align(self.classifier_.predict_log_proba(X), -np.inf)

    @available_if(_classifier_has("decision_function"))
    def decision_function(self, X: SamplesLike) -> Floats:
        """Return the scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Scores of the classes. With two classes, the sign of the score determines
            the class.

        Raises
        ------
        ValueError
            If the classifier scores pairs of classes
            (``decision_function_shape="ovo"``) and was not trained on all classes.
        """
        check_is_fitted(self)
        in_pairs = getattr(self.classifier_, "decision_function_shape", None) == "ovo"
        if in_pairs and len(self.classifier_.classes_) < len(self.classes_):
            raise ValueError(
                "decision_function_shape='ovo' scores pairs of classes, but some "
                "classes have no copies. Use decision_function_shape='ovr'."
            )
        scores = self._align(self._fitted().decision_function(X), -np.inf)
        if scores.ndim == 2 and len(self.classes_) == 2:  # trained on one class
            scores = scores[:, 1] - scores[:, 0]
        return scores

    def score(
        self, X: SamplesLike, y: ArrayLike, sample_weight: VectorLike | None = None
    ) -> float:
        """Return the accuracy of the predicted labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            True labels. For soft labels, the most likely label is used.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        score : float
            Accuracy.
        """
        check_is_fitted(self)
        y = to_numpy_backed(y)
        if soft := find_soft_labels(y, self.classes_):
            y = soft.most_likely
        return super().score(X, y, sample_weight)

    @property
    def feature_importances_(self) -> Floats:
        """Feature importances of the fitted classifier, if it has any."""
        return self.classifier_.feature_importances_

    def _fitted(self):
        """Return the fitted classifier, or the booster that wraps it."""
        return self.classifier_ if self._booster is None else self._booster

    def _align(self, values, missing):
        """Reorder columns to match `classes_`; unseen classes get `missing`."""
        columns = encode_labels(np.asarray(self._fitted().classes_), self.classes_)
        if np.array_equal(columns, np.arange(len(self.classes_))):
            return values
        if values.ndim == 1:
            if len(columns) == len(self.classes_):  # in the other order
                return -values
            if len(columns) == 1:
                values = np.zeros_like(values)
            values = np.column_stack([-values, values][: len(columns)])
        shape = len(values), len(self.classes_)
        aligned = np.full(shape, missing, dtype=values.dtype)
        aligned[:, columns] = values
        return aligned

    def get_metadata_routing(self) -> Any:
        """Get metadata routing of this object.

        `sample_weight`, `y_soft` and `sample_epsilon` are used by this estimator. Other
        metadata are passed to the classifier.

        Returns
        -------
        routing : MetadataRouter
            Encapsulates the routing information.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                classifier=self._unfitted(),
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._unfitted())
        tags.input_tags = inner.input_tags
        if inner.classifier_tags is not None:  # otherwise `fit` raises
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
            tags.classifier_tags.poor_score = inner.classifier_tags.poor_score
        tags.non_deterministic = inner.non_deterministic
        tags.no_validation = inner.no_validation
        return tags


def _check_weights(classifier, sample_weight, strategy):
    """Raise ValueError if the classifier needs weights but does not accept them."""
    if strategy == "replicate":
        require_sample_weight(classifier)
    elif sample_weight is not None and not takes_sample_weight(classifier):
        raise ValueError(
            f"sample_weight was passed, but {type(classifier).__name__}.fit does not "
            "accept it."
        )


def _smooth_samples(smoother, target, sample_epsilon, weights):
    """Return soft targets with an epsilon per sample; they are linear in epsilon.

    Parameters
    ----------
    smoother : LabelSmoother

    target : ndarray of shape (n_samples,) or SoftLabels

    sample_epsilon : ndarray of shape (n_samples,)

    weights : dict
        Further arguments of the `fit` of the smoother.

    Returns
    -------
    y_soft : ndarray of shape (n_samples, n_classes)
    """
    if not isinstance(smoother, LabelSmoother):
        raise ValueError(
            "sample_epsilon requires a LabelSmoother as smoother. Got "
            f"{type(smoother).__name__}."
        )
    unsmoothed, smoothed = (
        clone(smoother).set_params(epsilon=epsilon).fit_transform(target, **weights)
        for epsilon in (0.0, 1.0)
    )
    share = sample_epsilon[:, np.newaxis]
    return (1 - share) * unsmoothed + share * smoothed


def _is_for_validation(name):
    """Return whether a parameter of `fit` is for samples other than those of `X`."""
    return not {"val", "eval"}.isdisjoint(name.split("_"))


def _fit_to_copies(classifier, X, copies, validation, classes, params):
    """Fit a classifier to copies of `X`, which exist only during the call.

    Returns
    -------
    fitted : FittedBooster or None
        Wrapper of an XGBClassifier, which only accepts codes of the classes that occur.
        None for other classifiers.
    """
    fitted, y = None, classes[copies.codes]
    if (kind := find_booster(classifier)) is not None:
        seen, codes = np.unique(copies.codes, return_inverse=True)
        params = kind.with_eval_sets(classifier, params, classes[seen])
        if kind is XGBoost:
            fitted, y = FittedBooster(classifier, classes[seen]), codes
    of_rows = {name: v for name, v in params.items() if not _is_for_validation(name)}
    params = {**params, **take_params(X, of_rows, copies.rows)}
    weight = {} if copies.weight is None else {"sample_weight": copies.weight}
    if validation is not None:
        params["X_val"] = validation.of(X)
        params["y_val"] = classes[validation.codes]
        params["sample_weight_val"] = validation.weight
    classifier.fit(copies.of(X), y, **weight, **params)
    return fitted
