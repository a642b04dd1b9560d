"""LabelSmoothingClassifierCV: a grid of epsilons searched, its folds an ensemble."""

import copy
from numbers import Integral

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._compat import (
    CallbackSupportMixin,
    DocLinkMixin,
    Interval,
    StrOptions,
    _fit_context,
    with_callbacks,
)
from sklearn_ls._device import resolve_device
from sklearn_ls._labels import to_numpy_backed
from sklearn_ls._search import SHARED, SearchMixin, SearchProgress
from sklearn_ls._soft_labels import find_soft_labels
from sklearn_ls._training import keep_fitted_on_error


def _has_one_network(estimator):
    """Raise AttributeError for what only one network has."""
    if hasattr(estimator, "classes_"):
        one = hasattr(estimator, "best_estimator_")
    else:
        one = not estimator.ensemble
    if not one:
        raise AttributeError(
            "Fold networks that predict together have no embed or net_ in common. Fit "
            "with ensemble=False, or use the networks of estimators_."
        )
    return True


class LabelSmoothingClassifierCV(
    CallbackSupportMixin, DocLinkMixin, SearchMixin, ClassifierMixin, BaseEstimator
):
    """Label smoothing with epsilon chosen by cross-validation.

    Trains a network for every epsilon [1]_ on every fold, many of them at once as one
    stacked network, chooses the epsilon with the best score on the held-out folds, and
    predicts by the mean probabilities of its fold networks, or by one network refitted
    on all data. With ``ensemble=False`` scores and predictions equal those of
    :class:`~sklearn.model_selection.GridSearchCV` over
    :class:`LabelSmoothingClassifier`; with ``ensemble=True`` the scores do where
    networks do not stop early by the folds that score them.

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
        accuracy; ``"neg_log_loss"`` judges the probabilities. With soft labels as `y`,
        scorers that are named get the most likely label of each row, and callables
        the soft labels; it can't hold both.

    refit : bool, str or callable, default=True
        How to choose, as in :class:`~sklearn.model_selection.GridSearchCV`: True by the
        score, a str by that of several scorers, and a callable takes `cv_results_` and
        returns `best_index_`. With False the estimator does not predict.

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

    distribution : {"uniform", "others", "each", "prior"}, array-like of shape \
            (n_classes,) or (n_classes, n_classes), or list of these, default="uniform"
        Where the smoothed probability goes, see :class:`LabelSmoother`. A list that
        holds a string or an ndarray is searched along with `epsilons`.

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
        The part of the training rows held out for early stopping or for a temperature
        without `ensemble`, in (0, 1).

    n_iter_no_change : int or np.inf, default=10
        Epochs in a row without an improvement of `tol` that are borne. ``np.inf``
        trains for `max_epochs`.

    tol : float, default=1e-4
        The least improvement that counts: of accuracy with early stopping, else of the
        training loss.

    class_weight : dict or "balanced", default=None
        Weights of the classes, ``{label: weight}``; a label that is missing has 1.
        ``"balanced"`` gives all classes the same total weight. A row's loss is
        multiplied with the weight of its label, of soft labels the most likely, after
        smoothing.

    transition_matrix : float or array-like of shape (n_classes, n_classes), \
            default=None
        What is known of the wrong labels: the probability of each given label (column)
        for each true label (row), in the order of `classes_`, or the share of wrong
        labels, below `(n_classes - 1) / n_classes`, where all mistakes are alike, see
        :class:`LabelSmoothingClassifier`. Scores compare the predicted true labels with
        the given ones, which accuracy bears, but scores of probabilities do not.

    calibration : {"temperature", "unsmooth"}, default=None
        What to make of the networks' probabilities, see
        :class:`LabelSmoothingClassifier`. With `ensemble` the temperature of each is
        fitted on its own held-out fold, which makes scores of probabilities there
        slightly optimistic.

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
        Its mean score. Not there when `refit` is a callable. Where the fold that scores
        a network has also stopped it, this is optimistic, whatever the epsilon.

    best_params_ : dict
        Its epsilon, and its distribution where that was searched.

    n_splits_ : int
        Number of folds.

    scorer_ : callable or dict of callables
        What scored.

    multimetric_ : bool
        Whether there were several scorers.

    oof_proba_ : ndarray of shape (n_samples, n_classes)
        Probabilities of each row by the fold network that was not trained on it, at the
        best epsilon: what estimates of label noise and rankings of label issues start
        from. NaN where a splitter never held a row out, the mean where it did so more
        than once. Where the held-out fold has also stopped the network they are
        somewhat optimistic.

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
        Epochs trained; of fold networks, by the one that was trained longest.

    n_layers_ : int
        Layers with weights, and one for the input.

    n_outputs_ : int
        Outputs of a network.

    out_activation_ : {"softmax", "logistic"}
        What makes probabilities of the outputs; ``"logistic"`` for multilabel `y`.

    loss_curve_ : list of float
        Of `best_estimator_`, as are the next three. Only with ``ensemble=False``.

    best_loss_ : float
        The smallest of them.

    validation_scores_ : list of float or None
        Accuracy on its hold-out after each epoch; None without early stopping.

    best_validation_score_ : float or None
        The largest of them.

    temperature_ : float
        What the logits of `best_estimator_` are divided by; with `ensemble` each of
        `estimators_` has its own. Only with ``calibration="temperature"``.

    refit_time_ : float
        Seconds that its training took.

    device_ : str
        Where they were trained.

    net_ : skorch.NeuralNet
        The network of `best_estimator_`. Only with ``ensemble=False``.

    See Also
    --------
    LabelSmoothingClassifier : One network with an epsilon that is given.
    sklearn_ls.inspection.EpsilonCurveDisplay : Whether an epsilon is better than none.
    sklearn_ls.inspection.smoothing_report : Whether smoothing helps on your data.
    sklearn_ls.inspection.find_label_issues : Ranks suspicious labels by `oof_proba_`.
    sklearn.model_selection.GridSearchCV : Searches any parameters of it.
    sklearn.calibration.CalibratedClassifierCV : Also predicts by its folds.

    Notes
    -----
    A stack trains exactly what training one network after another trains, but for
    rounding: all networks share the initial weights, the order of the batches and the
    dropout masks, as they do in a grid search with an integer `random_state`. Modules
    with statistics of their batches (BatchNorm) and modules and optimisers that can't
    be stacked exactly (dropout in a module of one's own on CUDA) are trained one after
    another.

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
            for name in SHARED
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
        transition_matrix=None,
        calibration=None,
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
        self.transition_matrix = transition_matrix
        self.calibration = calibration
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @keep_fitted_on_error
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, y_soft=None, **params):
        """Train the networks and choose the best epsilon.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Training data. Sparse X is made dense a batch at a time. More dimensions
            need a `module` that takes them.

        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            Labels, an integer 0/1 matrix of independent labels, or soft labels: a
            matrix of floats whose rows are distributions. Soft labels are split by the
            most likely label of each row, and scored by it or, where `scoring` is a
            callable, as they are.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows.

        y_soft : array-like of shape (n_samples, n_classes), default=None
            Soft labels to learn from instead of `y`, which then serves to split and to
            score the rows. Its columns are the sorted labels of `y`, or have names.

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
        self._forget()
        self.device_ = resolve_device(self.device)
        rules, candidates, X_seen = self._rules(), self._candidates(), X
        self._warn_of_noisy_scores()
        X, given = self._check_data(X, y, sample_weight, y_soft)
        X_seen = X_seen if hasattr(X_seen, "columns") else X
        to_split, to_score, scorer = self._route(
            sample_weight, given.weight, params, rules
        )
        splits = self._split(X_seen, given.y, to_split)
        refits = not self.ensemble and bool(self.refit)
        n_networks = len(candidates) * len(splits) + refits
        progress = SearchProgress(self, X_seen, given.y, n_networks)
        is_soft = given.soft is not None and y_soft is None
        y_seen = self._y_to_score(given.soft) if is_soft else given.y
        data = X, given, X_seen, y_seen, to_score
        fitted = self._search(data, candidates, splits, scorer, progress)
        if self._store_results(rules, candidates, fitted):
            self._choose(X, given, splits, fitted)
        refitted = [self._refit(X, given, progress)] if refits else []
        progress.end(predicts=bool(self.refit))
        self._warn_unless_converged(fitted + refitted)
        return self

    def score(self, X, y, sample_weight=None):
        """Score the predictions by `scoring`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)

        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            The true labels, or soft labels, which are scored as in `fit`.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Accuracy unless `scoring` says otherwise; of several scorers that of
            `refit`.
        """
        y = to_numpy_backed(y)
        if not self._is_multilabel() and (soft := find_soft_labels(y, self.classes_)):
            y = self._y_to_score(soft)
        scorer = self.scorer_
        if isinstance(scorer, dict):
            scorer = scorer[self.refit]
        plain = copy.copy(self)  # for scorers that ask for the estimator's score
        plain.scorer_ = get_scorer("accuracy")
        params = {} if sample_weight is None else {"sample_weight": sample_weight}
        score = scorer(plain, X, y, **params)
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
        return self.best_estimator_.embed(X)

    @property
    def net_(self):
        """The skorch net of the refitted network."""
        _has_one_network(self)
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
            .add(splitter=self._splitter(), method_mapping=to_split)
            .add(scorer=self._rules().scorer, method_mapping=to_score)
        )

    def _members(self):
        check_is_fitted(self)
        if not self.refit:
            raise AttributeError(
                "This LabelSmoothingClassifierCV was initialized with refit=False, so "
                "it does not predict. Its fold networks are in estimators_."
            )
        if hasattr(self, "best_estimator_"):
            return [self.best_estimator_]
        return self.estimators_
