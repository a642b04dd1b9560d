"""LabelSmoothingClassifierCV: a grid of epsilons searched, its folds an ensemble."""

import copy
from numbers import Integral

from sklearn import get_config
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._base import LEARNED, BaseNetworkClassifier
from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._compat import StrOptions, _fit_context, with_callbacks
from sklearn_ls._labels.containers import to_numpy_backed
from sklearn_ls._labels.smoothing import check_epsilon
from sklearn_ls._labels.soft_labels import find_soft_labels
from sklearn_ls._labels.training_labels import encode_target
from sklearn_ls._network.device import draw_seed, resolve_device
from sklearn_ls._network.training_checks import warn_unless_converged
from sklearn_ls._search.process import SearchData
from sklearn_ls._search.progress import SearchProgress
from sklearn_ls._search.results import describe_search, retrain
from sklearn_ls._search.run import run_search, split_samples
from sklearn_ls._search.scoring import (
    choose_y_to_score,
    make_rules,
    pass_on_without_routing,
    warn_of_noisy_scores,
)
from sklearn_ls._warnings import warn

# All that a search may learn.
SEARCHED = LEARNED | {
    "best_estimator_",
    "best_index_",
    "best_params_",
    "best_score_",
    "cv_results_",
    "epsilon_",
    "epsilons_",
    "estimators_",
    "multimetric_",
    "n_splits_",
    "oof_proba_",
    "refit_time_",
    "scorer_",
}


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


class LabelSmoothingClassifierCV(BaseNetworkClassifier):
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
        How the best candidate is chosen, as in
        :class:`~sklearn.model_selection.GridSearchCV`: True by the score, a str by that
        of several scorers, and a callable takes `cv_results_` and returns
        `best_index_`. With False nothing predicts, which requires ``ensemble=False``.

    n_jobs : int, default=None
        Number of processes that train networks, as in
        :class:`~sklearn.model_selection.GridSearchCV`; at most one per GPU. It does not
        change the results, except by rounding.

    ensemble : bool, default=True
        What predicts once the best candidate is chosen: the networks of its folds
        together, which are not trained again, or, if False, one network that is
        trained on all data with the chosen epsilon.

    distribution : {"uniform", "others", "each", "prior"} or array-like of shape \
            (n_classes,) or (n_classes, n_classes), default="uniform"
        Where the smoothed probability goes, see :class:`LabelSmoother`. To compare
        several, use :class:`~sklearn.model_selection.GridSearchCV` over
        :class:`LabelSmoothingClassifier`.

    {network}

    early_stopping : bool or "auto", default="auto"
        Whether a network stops when its accuracy on labels that it does not train on,
        as given, no longer improves, and goes back to its best weights. With `ensemble`
        those are the labels of its own held-out fold, else a part of its training rows.
        ``"auto"`` does so when they are at least 200. Otherwise training stops when its
        loss no longer improves.

    validation_fraction : float, default=0.15
        The part of the training rows held out for early stopping or for a temperature
        without `ensemble`, in (0, 1).

    {stopping}

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

    {device}

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
        Its epsilon.

    n_splits_ : int
        Number of folds.

    scorer_ : callable or dict of callables
        Scorer, or dict of scorers, used to choose `best_index_`.

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
        Number of epochs; of fold networks, that of the one trained longest.

    n_layers_ : int
        Number of layers with weights, plus one for the input.

    n_outputs_ : int
        Number of outputs of a network.

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
        Device used for training.

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
        **BaseNetworkClassifier._parameter_constraints,
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
        "ensemble": ["boolean"],
    }

    def __init__(
        self,
        epsilons=(0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8),
        *,
        cv=None,
        scoring=None,
        refit=True,
        n_jobs=None,
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
        super().__init__(
            distribution=distribution,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
            module=module,
            module_params=module_params,
            optimizer=optimizer,
            optimizer_params=optimizer_params,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            batch_size=batch_size,
            max_epochs=max_epochs,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            class_weight=class_weight,
            transition_matrix=transition_matrix,
            calibration=calibration,
            device=device,
            callbacks=callbacks,
            random_state=random_state,
            verbose=verbose,
        )
        self.epsilons = epsilons
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.n_jobs = n_jobs
        self.ensemble = ensemble

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
        self._check_choice()
        candidates = list(ParameterGrid({"epsilon": self._check_epsilons().tolist()}))
        members = [self._member_params(candidate) for candidate in candidates]
        rules = make_rules(self.scoring, self.refit)
        warn_of_noisy_scores(self.scoring, self.transition_matrix)
        device, seed = resolve_device(self.device), draw_seed(self.random_state)
        data, splits, scorer = self._prepare(
            X, y, sample_weight, y_soft, params, rules, device
        )
        retrains = not self.ensemble and bool(self.refit)
        n_networks = len(members) * len(splits) + retrains
        progress = SearchProgress(self, data.X_seen, data.labels.y, n_networks)
        scored = run_search(
            data,
            members,
            splits,
            progress,
            scorer=scorer,
            stop_on_test=self.ensemble,
            seed=seed,
            device=device,
            n_jobs=self.n_jobs,
        )
        learned = describe_search(data, rules, candidates, members, splits, scored)
        converged = [network.converged for network in scored]
        if retrains:
            best = members[learned["best_index_"]]
            retrained, attributes = retrain(data, best, seed=seed, device=device)
            learned |= attributes
            converged.append(retrained.converged)
            progress.network_end()
        learned["device_"] = device
        if not self.refit:
            learned.pop("_network", None)  # nothing predicts
        progress.end(learned if self.refit else None)
        self._store(learned, SEARCHED)
        warn_unless_converged(
            converged,
            max_epochs=self.max_epochs,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
        )
        return self

    def _prepare(self, X, y, sample_weight, y_soft, params, rules, device):
        """Return the data of the search, its splits, and the scorer."""
        frame = X if hasattr(X, "columns") else None
        X, labels, features = self._check_training_data(
            X, y, sample_weight, y_soft, device=device
        )
        X_seen = X if frame is None else frame
        y_seen = labels.y
        if y_soft is None:
            y_seen = choose_y_to_score(labels, self.scoring)
        weight = None if sample_weight is None else labels.weight
        to_split, to_score, scorer = self._pass_on(params, weight, rules)
        data = SearchData(X, labels, features, X_seen, y_seen, to_score)
        return data, split_samples(self.cv, X_seen, labels.y, to_split), scorer

    def _check_choice(self):
        if self.ensemble and self.refit is False:
            raise ValueError(
                "With refit=False nothing predicts, so ensemble=True has no meaning. "
                "Set ensemble=False to compare only, or another refit."
            )

    def _check_epsilons(self):
        epsilons = check_epsilon(
            self.epsilons,
            [(None,)],
            "The 'epsilons' parameter of LabelSmoothingClassifierCV must be a "
            "one-dimensional array of one float or more in the range [0.0, 1.0]",
        )
        if len(epsilons) > 1 and 0 not in epsilons:
            warn(
                "epsilons does not contain 0, so the search cannot tell whether "
                "smoothing helps at all."
            )
        return epsilons

    def _pass_on(self, params, weight, rules):
        """Return the arguments of the splitter and of the scorer, and the scorer."""
        if not get_config()["enable_metadata_routing"]:
            return pass_on_without_routing(params, weight, self.scoring, rules)
        if weight is not None:
            params = {**params, "sample_weight": weight}
        if not params:
            return {}, {}, rules.scorer
        routed = process_routing(self, "fit", **params)
        return routed.splitter.split, routed.scorer.score, rules.scorer

    def _member_params(self, candidate):
        """Return the parameters of the classifiers of a candidate's networks."""
        names = LabelSmoothingClassifier().get_params()
        shared = {n: v for n, v in self.get_params(deep=False).items() if n in names}
        return {**shared, "verbose": 0, **candidate}

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
        network, y = self._fitted(), to_numpy_backed(y)
        if not network.multilabel and (soft := find_soft_labels(y, network.classes)):
            y = choose_y_to_score(encode_target(soft), self.scoring)
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
            .add(
                scorer=make_rules(self.scoring, self.refit).scorer,
                method_mapping=to_score,
            )
        )

    def _splitter(self):
        """Return what may ask for metadata to split by."""
        return self.cv if hasattr(self.cv, "split") else check_cv()

    def _fitted(self):
        check_is_fitted(self)
        if "_network" not in vars(self):
            raise AttributeError(
                "This LabelSmoothingClassifierCV was fitted with refit=False, so it "
                "does not predict. Its scores are in cv_results_."
            )
        return super()._fitted()
