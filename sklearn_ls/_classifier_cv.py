"""LabelSmoothingClassifierCV: a grid of epsilons searched, its folds an ensemble."""

import time
import warnings
from itertools import cycle
from numbers import Integral

import numpy as np
from joblib import effective_n_jobs
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._batches import rows_to_tensor
from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._compat import (
    CallbackSupportMixin,
    DocLinkMixin,
    Interval,
    InvalidParameterError,
    SearchRules,
    StrOptions,
    _fit_context,
    with_callbacks,
)
from sklearn_ls._device import count_cuda_devices, resolve_device
from sklearn_ls._ensemble import EnsembleMixin
from sklearn_ls._faults import warn_unless_converged
from sklearn_ls._search import SearchProgress, divide, fit_and_score, fit_networks
from sklearn_ls._stack import networks_at_once, why_apart
from sklearn_ls._training import keep_fitted_on_error

_SHARED = LabelSmoothingClassifier._parameter_constraints.keys() - {
    "epsilon",
    "warm_start",
}
_KNOWN = ("_sample_shape", "_dtype", "_seed", "n_features_in_", "feature_names_in_")
_REFITTED = (
    "n_iter_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
)


def _has_one_network(estimator):
    """Raise AttributeError for what only one network has."""
    if estimator.ensemble:
        raise AttributeError(
            "embed is a matter of one network: set ensemble=False, or use the networks "
            "of estimators_."
        )
    return True


class LabelSmoothingClassifierCV(
    CallbackSupportMixin, DocLinkMixin, EnsembleMixin, ClassifierMixin, BaseEstimator
):
    """Label smoothing with epsilon chosen by cross-validation.

    Trains a network for every epsilon on every fold, many of them at once as one
    stacked network, chooses the epsilon with the best score on the held-out folds, and
    predicts by the mean probabilities of its fold networks, or by one network refitted
    on all data. Scores, and what is refitted, equal those of
    :class:`~sklearn.model_selection.GridSearchCV` over
    :class:`LabelSmoothingClassifier`.

    Parameters
    ----------
    epsilons : array-like of shape (n_epsilons,), \
            default=(0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
        Candidates for epsilon, in [0, 1]. They should contain 0, no smoothing; a single
        one is not compared but gives an ensemble of its fold networks.

    cv : int, cross-validation generator or iterable, default=None
        How to split the data, as in :class:`~sklearn.model_selection.GridSearchCV`.
        None stands for 5 folds, stratified unless `y` is multilabel.

    scoring : str, callable, list, tuple, set or dict, default=None
        What to choose by, as in :class:`~sklearn.model_selection.GridSearchCV`. None is
        accuracy; for good probabilities use ``"neg_log_loss"``.

    refit : bool, str or callable, default=True
        What becomes of the search, as in
        :class:`~sklearn.model_selection.GridSearchCV`: with False the estimator does
        not predict, a str is the scorer to choose by where there are several, and a
        callable takes `cv_results_` and returns `best_index_`.

    n_jobs : int, default=None
        How many processes train stacks of networks, as in
        :class:`~sklearn.model_selection.GridSearchCV`; at most one a GPU.

    stack_size : int or "auto", default="auto"
        The most networks to train as one; 1 trains them one after another. ``"auto"``
        takes so many that they stay in the caches of the CPU or in the memory of the
        GPU. It does not change the results but by rounding.

    ensemble : bool, default=True
        Whether the fold networks of the best epsilon predict together. If False one
        network is refitted on all data.

    distribution : {"uniform", "others", "prior", "each"}, array-like of shape \
            (n_classes,) or (n_classes, n_classes), or list of these, default="uniform"
        Where the smoothed probability goes, see :class:`LabelSmoother`. A list whose
        elements are strings and ndarrays is searched along with `epsilons`.

    hidden_layer_sizes : array-like of int or int, default=(100,)
        Units of each hidden layer of the built-in perceptron; ``()`` makes it linear.

    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
        Of the hidden layers of the built-in perceptron.

    dropout : float, default=0.0
        Probability of dropping a hidden unit of the built-in perceptron in training,
        in [0, 1).

    module : {"convnet"} or callable, default=None
        The network. None is a multilayer perceptron of the three parameters above,
        which other modules ignore. ``"convnet"`` is a small convolutional network for
        images, X of shape (n_samples, n_channels, height, width). A callable gets
        `(n_features, n_classes, **module_params)` and returns a
        :class:`torch.nn.Module` that ends in logits; `n_features` is a tuple, the shape
        of one sample, where X has more than two dimensions.

    module_params : dict, default=None
        Keyword arguments of `module`.

    optimizer : {"adam", "adamw", "sgd"} or class, default="adam"
        One of torch's optimisers, or a class like them.

    optimizer_params : dict, default=None
        Further keyword arguments of the optimiser, such as ``{"momentum": 0.9}``.

    learning_rate : float, default=1e-3
        Step size of the optimiser, positive.

    weight_decay : float, default=1e-4
        Weight decay of the optimiser, non-negative.

    batch_size : int or "auto", default="auto"
        Rows a step. ``"auto"`` is `min(200, n_samples)`. A last batch of a single row
        joins the one before it.

    max_epochs : int, default=200
        Most passes over the training data.

    early_stopping : bool or "auto", default="auto"
        Whether a network stops when its accuracy on labels that it does not train on,
        as given, no longer improves, and goes back to its best weights. With `ensemble`
        those are the labels of its own held-out fold, else a part of its training rows.
        ``"auto"`` does so when they are at least 200. Otherwise training stops when its
        loss no longer improves.

    validation_fraction : float, default=0.15
        The part of the training rows held out for early stopping without `ensemble`,
        in (0, 1).

    n_iter_no_change : int or np.inf, default=10
        Epochs in a row without an improvement of `tol` that are borne. ``np.inf``
        trains for `max_epochs`.

    tol : float, default=1e-4
        The least improvement that counts: of accuracy with early stopping, else of the
        training loss.

    class_weight : dict or "balanced", default=None
        Weights of the classes, ``{label: weight}``; a label that is missing has 1.
        ``"balanced"`` gives all classes the same total weight. A row's loss is
        multiplied with the weight of its label, after smoothing.

    device : str, default="auto"
        Where to compute: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or ``"auto"``, CUDA if
        there is any, else the CPU.

    callbacks : list of skorch callbacks, default=None
        Passed on to the networks, which are then trained one after another.
        scikit-learn's own callbacks are set with `set_callbacks`.

    random_state : int, RandomState instance or None, default=None
        Determines initial weights, batch order, dropout and hold-out, which all
        networks share: their comparison is paired. One number is drawn from it per fit.
        The global states of torch and NumPy are left alone.

    verbose : int, default=0
        1 shows how many networks are trained, and says why if they are trained one
        after another.

    Attributes
    ----------
    epsilon_ : float
        The best epsilon.

    epsilons_ : ndarray of shape (n_epsilons,)
        The candidates.

    cv_results_ : dict of ndarrays
        Parameters, times and scores, as in
        :class:`~sklearn.model_selection.GridSearchCV`. Networks that were trained as
        one share the time.

    best_index_ : int
        Where in `cv_results_` the best candidate is.

    best_score_ : float
        Its mean score. Not there when `refit` is a callable.

    best_params_ : dict
        Its epsilon, and its distribution where that was searched.

    n_splits_ : int
        Number of folds.

    scorer_ : callable or dict of callables
        What scored.

    oof_proba_ : ndarray of shape (n_samples, n_classes)
        Probabilities of each row by the fold network that was not trained on it, at the
        best epsilon: what estimates of label noise and rankings of label issues start
        from. NaN where a splitter never held a row out, the mean where it did so more
        than once. With early stopping on the held-out fold they are slightly
        optimistic.

    estimators_ : list of LabelSmoothingClassifier
        The fold networks of the best epsilon.

    best_estimator_ : LabelSmoothingClassifier
        The network refitted on all data. Only with ``ensemble=False``.

    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; for multilabel `y` the numbers of its columns.

    n_features_in_ : int
        Number of features seen during `fit` (of channels, for images).

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names that are all strings.

    label_smoother_ : LabelSmoother
        What turns labels into soft targets, at the best epsilon.

    n_iter_ : int
        Epochs trained, by the network that was trained longest.

    n_layers_ : int
        Layers with weights, and one for the input.

    n_outputs_ : int
        Outputs of a network.

    out_activation_ : {"softmax", "logistic"}
        What makes probabilities of the outputs; ``"logistic"`` for multilabel `y`.

    loss_curve_ : list of float
        Of `best_estimator_`, as are the next three; only with ``ensemble=False``.

    best_loss_ : float
        The smallest of them.

    validation_scores_ : list of float or None
        Accuracy on its hold-out after each epoch; None without early stopping.

    best_validation_score_ : float or None
        The largest of them.

    refit_time_ : float
        Seconds that its training took.

    device_ : str
        Where they were trained.

    net_ : skorch.NeuralNet
        The network of `best_estimator_`. Only with ``ensemble=False``.

    See Also
    --------
    LabelSmoothingClassifier : One network with an epsilon that is given.
    sklearn.model_selection.GridSearchCV : Searches any parameters of it.
    sklearn.calibration.CalibratedClassifierCV : Also predicts by its folds.

    Notes
    -----
    A stack trains exactly what training one network after another trains, but for
    rounding: all networks share the initial weights, the order of the batches and the
    dropout masks, as they do in a grid search with an integer `random_state`. Modules
    with statistics of their batches (BatchNorm) and modules and optimisers that can't
    be stacked are trained one after another.

    The candidates differ by epsilon alone, so that differences of their scores between
    folds are the measure of what is gained, rather than the spread of the scores.

    `sample_weight` weighs the scores too. Where metadata routing is enabled, the scorer
    decides.

    References
    ----------
    .. [1] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna. Rethinking the
       Inception architecture for computer vision. CVPR 2016.
       :doi:`10.1109/CVPR.2016.308`

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ls import LabelSmoothingClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> clf = LabelSmoothingClassifierCV([0, 0.1, 0.3], learning_rate=0.01)
    >>> clf = clf.set_params(random_state=0).fit(X, y)
    >>> len(clf.estimators_)
    5
    >>> bool(clf.best_score_ > 0.95)
    True
    """

    _parameter_constraints = {
        "epsilons": ["array-like"],
        "cv": ["cv_object"],
        "scoring": [
            StrOptions(set(get_scorer_names())),
            callable,
            list,
            tuple,
            set,
            dict,
            None,
        ],
        "refit": ["boolean", str, callable],
        "n_jobs": [Integral, None],
        "stack_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "ensemble": ["boolean"],
        **{
            name: LabelSmoothingClassifier._parameter_constraints[name]
            for name in _SHARED
        },
    }

    def __init__(
        self,
        epsilons=(0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8),
        *,
        cv=None,
        scoring=None,
        refit=True,
        n_jobs=None,
        stack_size="auto",
        ensemble=True,
        distribution="uniform",
        hidden_layer_sizes=(100,),
        activation="relu",
        dropout=0.0,
        module=None,
        module_params=None,
        optimizer="adam",
        optimizer_params=None,
        learning_rate=1e-3,
        weight_decay=1e-4,
        batch_size="auto",
        max_epochs=200,
        early_stopping="auto",
        validation_fraction=0.15,
        n_iter_no_change=10,
        tol=1e-4,
        class_weight=None,
        device="auto",
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self.epsilons = epsilons
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.n_jobs = n_jobs
        self.stack_size = stack_size
        self.ensemble = ensemble
        self.distribution = distribution
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.module = module
        self.module_params = module_params
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @keep_fitted_on_error
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, **params):
        """Train the networks and choose the best epsilon.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Training data. Sparse X is made dense a batch at a time. More dimensions
            need a `module` that takes them.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels, or an integer 0/1 matrix of independent labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows.

        **params : dict
            `groups` for the splitter; with metadata routing whatever the splitter and
            the scorer ask for.

        Returns
        -------
        self : object
            Fitted classifier.

        Raises
        ------
        ValueError
            For bad input, for folds that can't be learnt from, and when training
            diverges. What was fitted before remains.
        """
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)  # what another fit has left may have no place now
        self.device_ = resolve_device(self.device)
        rules = self._rules()
        candidates = self._candidates()
        given = X
        X, y, weight = self._check_data(X, y, sample_weight)
        splits, score_params = self._route(X, y, sample_weight, weight, params, rules)
        refits = not self.ensemble and self.refit is not False
        n_networks = len(candidates) * len(splits) + refits
        progress = SearchProgress(self, given, y, n_networks)
        data = X, y, weight, given if hasattr(given, "columns") else X, score_params
        fitted = self._search(data, candidates, splits, rules.scorer, progress)
        converged = [network.converged for network in fitted]
        if self._store_results(rules, candidates, fitted):
            self._choose(X, y, weight, splits, fitted)
        if refits:
            converged.append(self._refit(X, y, weight, progress))
        progress.end()
        warn_unless_converged(
            converged,
            max_epochs=self.max_epochs,
            tol=self.tol,
            patience=self.n_iter_no_change,
        )
        return self

    def score(self, X, y, sample_weight=None):
        """Score the predictions by `scoring`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The true labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Accuracy unless `scoring` says otherwise; of several scorers that of
            `refit`.
        """
        check_is_fitted(self)
        several = isinstance(self.scorer_, dict)
        scorer = self.scorer_[self.refit] if several else self.scorer_
        params = {} if sample_weight is None else {"sample_weight": sample_weight}
        score = scorer(self, X, y, **params)
        return score[self.refit] if isinstance(score, dict) else score

    @available_if(_has_one_network)
    def embed(self, X):
        """Return the penultimate layer of the refitted network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_units)
        """
        check_is_fitted(self)
        return self._members()[0].embed(X)

    @property
    def net_(self):
        """The skorch net of the refitted network."""
        check_is_fitted(self)
        return self.best_estimator_.net_

    def get_metadata_routing(self):
        """Return what metadata goes where.

        Returns
        -------
        routing : MetadataRouter
        """
        to_split = MethodMapping().add(caller="fit", callee="split")
        to_score = MethodMapping().add(caller="fit", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(splitter=_splitter(self.cv), method_mapping=to_split)
            .add(scorer=self._rules().scorer, method_mapping=to_score)
        )

    def _rules(self):
        scoring = self.scoring
        if scoring is None:
            scoring = get_scorer("accuracy")
            if get_config()["enable_metadata_routing"]:
                scoring.set_score_request(sample_weight=True)
        return SearchRules(LabelSmoothingClassifier(), scoring, self.refit)

    def _candidates(self):
        """Return the parameters to compare, in the order of GridSearchCV."""
        epsilons = np.asarray(self.epsilons)
        if epsilons.dtype.kind not in "fiu" or epsilons.ndim != 1 or not len(epsilons):
            raise InvalidParameterError(
                "The 'epsilons' parameter of LabelSmoothingClassifierCV must be an "
                f"array of floats. Got {self.epsilons!r} instead."
            )
        if not np.all((epsilons >= 0) & (epsilons <= 1)):
            raise InvalidParameterError(
                "The 'epsilons' parameter of LabelSmoothingClassifierCV must lie in "
                f"[0, 1]. Got {self.epsilons!r} instead."
            )
        self.epsilons_ = epsilons.astype(float)
        if len(epsilons) > 1 and 0 not in epsilons:
            warnings.warn(
                "epsilons has no 0, so the search cannot tell whether smoothing helps "
                "at all.",
                UserWarning,
                stacklevel=4,
            )
        grid = {"epsilon": self.epsilons_.tolist()}
        if _is_list_of_distributions(self.distribution):
            grid["distribution"] = self.distribution
        return list(ParameterGrid(grid))

    def _route(self, X, y, sample_weight, weight, params, rules):
        """Return the splits, and what of `fit`'s arguments the scorer gets."""
        to_split, to_score = {}, {}
        if get_config()["enable_metadata_routing"]:
            if sample_weight is not None:
                params = {**params, "sample_weight": weight}
            if params:
                routed = process_routing(self, "fit", **params)
                to_split, to_score = routed.splitter.split, routed.scorer.score
        else:
            if unknown := params.keys() - {"groups"}:
                raise TypeError(
                    f"fit got unexpected arguments: {', '.join(sorted(unknown))}. Only "
                    "metadata routing can tell who is to get them: "
                    "sklearn.set_config(enable_metadata_routing=True)."
                )
            to_split = {k: v for k, v in params.items() if v is not None}
            if sample_weight is not None and rules.takes_sample_weight():
                to_score = {"sample_weight": weight}
            elif sample_weight is not None:
                warnings.warn(
                    f"scoring={self.scoring!r} takes no sample_weight, so all rows "
                    "count alike when the folds are scored.",
                    UserWarning,
                    stacklevel=5,
                )
        rows = np.arange(X.shape[0])
        splits = check_cv(self.cv, y, classifier=True).split(X, y, **to_split)
        splits = [(rows[train], rows[test]) for train, test in splits]
        if not splits:
            raise ValueError("cv gives no splits; nothing can be trained.")
        self.n_splits_ = len(splits)
        return splits, to_score

    def _member(self, params, device=None):
        """Return a classifier that knows of the data what validation tells."""
        shared = {name: getattr(self, name) for name in _SHARED}
        member = LabelSmoothingClassifier(**{**shared, "verbose": 0, **params})
        for name in _KNOWN:
            if hasattr(self, name):
                setattr(member, name, getattr(self, name))
        member.device_ = device or self.device_
        return member

    def _search(self, data, candidates, splits, scorer, progress):
        """Return the fitted networks, those of a candidate together."""
        X, y, weight, *_ = data
        prototype = self._member(candidates[0])
        self._seed = prototype._draw_seed()
        prototype._learn_classes(y, weight, again=False)
        self.classes_ = prototype.classes_
        devices = self._devices()
        size = self._size_of_stacks(prototype, X, splits)
        if len(devices) > 1:
            size = min(size, -(-len(candidates) * len(splits) // len(devices)))
        by_split = self.stack_size == "auto" and self.device_ == "cpu"
        stacks = divide(len(candidates), len(splits), size, by_split=by_split)
        here = effective_n_jobs(self.n_jobs) == 1
        results = Parallel(n_jobs=self.n_jobs, return_as="generator")(
            delayed(fit_and_score)(
                *data,
                [self._member(candidates[c], device) for c, _ in stack],
                [splits[s] for _, s in stack],
                scorer=scorer,
                stop_on_test=self.ensemble,
                together=size > 1,
                network_end=progress.network_end if here else None,
            )
            for stack, device in zip(stacks, cycle(devices))
        )
        fitted = {}
        for stack, networks in zip(stacks, results, strict=True):
            fitted.update(zip(stack, networks, strict=True))
            if not here:
                progress.network_end(len(stack))
        return [fitted[pair] for pair in np.ndindex(len(candidates), len(splits))]

    def _devices(self):
        """Return the device of each process."""
        n_jobs = effective_n_jobs(self.n_jobs)
        if n_jobs == 1 or not self.device_.startswith("cuda"):
            return [self.device_]
        n_devices = count_cuda_devices() if self.device_ == "cuda" else 1
        if n_jobs > n_devices:
            raise ValueError(
                f"n_jobs={self.n_jobs} stands for {n_jobs} processes, but there are "
                f"{n_devices} GPUs for them. Set n_jobs={n_devices}: a stack of "
                "networks makes full use of a GPU from one process."
            )
        return [f"cuda:{index}" for index in range(n_jobs)]

    def _size_of_stacks(self, prototype, X, splits):
        """Return how many networks to train as one."""
        if self.stack_size == 1:
            return 1
        module = prototype._start_module()
        two_rows = rows_to_tensor(X, np.arange(2), self.device_)
        if self.callbacks:
            reason = "callbacks watch a single network"
        else:
            reason = why_apart(module, two_rows, self.device_, **prototype._optimizer())
        if reason is not None:
            if self.verbose:
                print(f"The networks are trained one after another: {reason}.")
            return 1
        if self.stack_size != "auto":
            return self.stack_size
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = min(200, max(len(train) for train, _ in splits))
        return networks_at_once(module, two_rows, batch_size, self.device_)

    def _store_results(self, rules, candidates, fitted):
        """Return whether they tell which candidate is best."""
        self.cv_results_ = rules.results(
            candidates,
            self.n_splits_,
            [network.test_scores for network in fitted],
            [network.fit_time for network in fitted],
            [network.score_time for network in fitted],
        )
        self.scorer_ = rules.scorers()
        index, score = rules.best(self.cv_results_)
        if index is None:
            return False
        if score is not None:
            self.best_score_ = score
        self.best_index_, self.best_params_ = index, candidates[index]
        self.epsilon_ = self.best_params_["epsilon"]
        return True

    def _choose(self, X, y, weight, splits, fitted):
        """Keep the fold networks of the best candidate."""
        smoother = self._member(self.best_params_)
        smoother._learn_classes(y, weight, again=False)
        self.label_smoother_ = smoother.label_smoother_
        first = self.best_index_ * self.n_splits_
        chosen = fitted[first : first + self.n_splits_]
        self.estimators_ = [network.classifier for network in chosen]
        self.oof_proba_ = self._predict_held_out(X, splits)
        self.n_iter_ = max(member.n_iter_ for member in self.estimators_)
        for name in ("n_layers_", "out_activation_"):
            setattr(self, name, getattr(self.estimators_[0], name))
        self.n_outputs_ = len(self.classes_)

    def _predict_held_out(self, X, splits):
        finish = "logistic" if self.label_smoother_.multilabel_ else "softmax"
        shape = X.shape[0], len(self.classes_)
        total, counts = np.zeros(shape, dtype=self._dtype), np.zeros((shape[0], 1))
        for member, (_, test) in zip(self.estimators_, splits, strict=True):
            columns = np.arange(shape[1])[self._columns_of(member)]
            total[test[:, np.newaxis], columns] += member._outputs(X[test], finish)
            counts[test] += 1
        counts[counts == 0] = np.nan
        return total / counts.astype(self._dtype)

    def _refit(self, X, y, weight, progress):
        """Train a network with the best parameters on all data."""
        start = time.perf_counter()
        best = self._member(self.best_params_)
        ((converged, _),) = fit_networks(X, y, weight, [best], [None], [None])
        self.refit_time_ = time.perf_counter() - start
        self.best_estimator_ = best
        for name in _REFITTED:
            setattr(self, name, getattr(best, name))
        progress.network_end()
        return converged

    def _members(self):
        if self.refit is False:
            raise AttributeError(
                "This LabelSmoothingClassifierCV was initialized with refit=False, so "
                "it does not predict. Its fold networks are in estimators_."
            )
        if hasattr(self, "best_estimator_"):
            return [self.best_estimator_]
        return self.estimators_


def _splitter(cv):
    return cv if hasattr(cv, "split") else check_cv()


def _is_list_of_distributions(distribution):
    return isinstance(distribution, (list, tuple)) and all(
        isinstance(some, (str, np.ndarray)) for some in distribution
    )
