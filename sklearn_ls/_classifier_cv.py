"""LabelSmoothingClassifierCV: epsilon chosen by cross-validation, and an ensemble."""

import copy
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._base import LEARNED, BaseNetworkClassifier, open_checkpoints
from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._compat import (
    StrOptions,
    _fit_context,
    available_if,
    with_callbacks,
)
from sklearn_ls._labels.containers import to_numpy_backed
from sklearn_ls._labels.smoothing import check_epsilon
from sklearn_ls._labels.soft_labels import find_soft_labels
from sklearn_ls._labels.training_labels import encode_target
from sklearn_ls._network.device import default_modes, draw_seed, resolve_device
from sklearn_ls._network.training_checks import warn_unless_converged
from sklearn_ls._samples.streams import raise_for_stream
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
from sklearn_ls._types import (
    Activation,
    Calibration,
    ClassWeight,
    Distribution,
    FilePath,
    Floats,
    Integer,
    MatrixLike,
    Module,
    Optimizer,
    RandomState,
    SamplesLike,
    Schedule,
    Scoring,
    Splits,
    SupportsArray,
    VectorLike,
    VotesLike,
)
from sklearn_ls._warnings import warn

# All attributes that a search may set.
SEARCHED = LEARNED | {
    "accuracy_difference_",
    "accuracy_difference_df_",
    "accuracy_difference_se_",
    "best_estimator_",
    "best_index_",
    "best_params_",
    "best_score_",
    "consensus_proba_",
    "cv_results_",
    "epsilon_",
    "epsilons_",
    "estimators_",
    "labels_digest_",
    "multimetric_",
    "n_splits_",
    "oof_proba_",
    "refit_time_",
    "scorer_",
}


def _has_one_network(estimator):
    """Raise AttributeError unless a single network predicts."""
    if hasattr(estimator, "classes_"):
        is_single = hasattr(estimator, "best_estimator_")
    else:
        is_single = not estimator.ensemble
    if not is_single:
        raise AttributeError(
            "embed and net_ are not available for an ensemble of fold networks. Fit "
            "with ensemble=False, or use the members of estimators_."
        )
    return True


class LabelSmoothingClassifierCV(BaseNetworkClassifier):
    """Label smoothing with epsilon chosen by cross-validation.

    A network is trained for each epsilon [1]_ and fold, many of them at once as a
    stack. The epsilon with the best score on the held-out folds is chosen. Predictions
    are the mean probabilities of its fold networks or, with ``ensemble=False``, the
    probabilities of one network refitted on all data. With ``ensemble=False``, scores
    and predictions equal those of :class:`~sklearn.model_selection.GridSearchCV` over
    :class:`LabelSmoothingClassifier`. With ``ensemble=True``, only the scores are
    equal, unless networks are stopped early on the folds that score them.

    Parameters
    ----------
    epsilons : array-like of shape (n_epsilons,), \
            default=(0.0, 0.1, 0.2)
        Candidate values of epsilon, in [0, 1]. They should include 0 (no smoothing).
        With a single value, nothing is compared, and its fold networks form an
        ensemble.

    cv : int, cross-validation generator or iterable, default=None
        Cross-validation splitting strategy, as in
        :class:`~sklearn.model_selection.GridSearchCV`. None uses 5 folds, stratified
        unless `y` is multilabel.

    scoring : str, callable, list, tuple, set or dict, default=None
        Scorers used to choose the best candidate, as in
        :class:`~sklearn.model_selection.GridSearchCV`. None uses accuracy;
        ``"neg_log_loss"`` evaluates the probabilities. With soft labels as `y`, scorers
        given by name receive the most likely label of each sample, and callables
        receive the soft labels; the two cannot be combined.

    refit : bool, str or callable, default=True
        How the best candidate is chosen, as in
        :class:`~sklearn.model_selection.GridSearchCV`: True uses the score, a str names
        one of several scorers, and a callable takes `cv_results_` and returns
        `best_index_`. With False, the estimator does not predict; this requires
        ``ensemble=False``.

    n_jobs : int, default=None
        Number of processes that train networks, as in
        :class:`~sklearn.model_selection.GridSearchCV`; at most one per GPU. It does not
        change the results, except for rounding.

    ensemble : bool, default=True
        Whether to predict with the mean probabilities of the fold networks of the best
        candidate, which are not retrained. If False, one network is trained on all data
        with the best epsilon.

    distribution : {"uniform", "others", "each", "prior"} or array-like of shape \
            (n_classes,) or (n_classes, n_classes), default="uniform"
        How the smoothed probability is distributed over the classes, see
        :class:`LabelSmoother`. To compare several, use
        :class:`~sklearn.model_selection.GridSearchCV` over
        :class:`LabelSmoothingClassifier`.

    {network}

    early_stopping : bool or "auto", default="auto"
        Whether to stop the training of a network after `n_iter_no_change` epochs
        without improvement and to restore the weights of its best epoch. The best epoch
        maximizes the accuracy minus the Brier score on the observed labels of held-out
        samples. With `ensemble`, these are its own held-out fold, otherwise a fraction
        of its training samples. ``"auto"`` uses early stopping unless fewer than 10
        training samples would be held out. Without early stopping, the final weights
        are used, and training stops when the training loss no longer improves.

    validation_fraction : float, default=0.15
        Fraction of the training samples held out for early stopping or temperature
        scaling, in (0, 1). Ignored with ``ensemble=True``.

    {stopping}

    transition_matrix : float or array-like of shape (n_classes, n_classes), \
            default=None
        Known label noise: the probability of each observed label (column) given each
        true label (row), in the order of `classes_`, or the fraction of wrong labels,
        below `(n_classes - 1) / n_classes`, with all mistakes equally likely; see
        :class:`LabelSmoothingClassifier`. Scorers compare predictions of the true
        labels with the observed labels: accuracy tolerates this, but scores of
        probabilities do not.

    calibration : {"temperature", "unsmooth"}, default=None
        Correction of the predicted probabilities, see
        :class:`LabelSmoothingClassifier`. With `ensemble`, the temperature of each
        network is fitted on its own held-out fold, which makes scores of probabilities
        on it slightly optimistic.

    {device}

    callbacks : list of skorch callbacks, default=None
        Callbacks passed to the skorch nets, which are then trained one after another.
        scikit-learn's own callbacks are set with `set_callbacks`.

    random_state : int, RandomState instance or None, default=None
        Controls the initial weights, the batch order, dropout and the held-out samples,
        which all networks share, so that their comparison is paired. One number is
        drawn from it per fit. The global random states of torch and NumPy are not
        changed.

    verbose : int, default=0
        If nonzero, print the number of networks trained, and the reason if they are
        trained one after another.

    Attributes
    ----------
    epsilon_ : float
        The best epsilon.

    epsilons_ : ndarray of shape (n_epsilons,)
        The candidates.

    cv_results_ : dict of ndarrays
        Parameters, times and scores, as in
        :class:`~sklearn.model_selection.GridSearchCV`. Networks trained as one stack
        share its time.

    best_index_ : int
        Index of the best candidate in `cv_results_`.

    best_score_ : float
        Mean score of the best candidate. Not available if `refit` is a callable.
        Optimistic, for every epsilon, if networks are stopped early on the folds that
        score them.

    best_params_ : dict
        Parameters of the best candidate.

    n_splits_ : int
        Number of folds.

    scorer_ : callable or dict of callables
        Scorer, or dict of scorers, used to choose `best_index_`.

    multimetric_ : bool
        Whether there were several scorers.

    accuracy_difference_ : ndarray of shape (n_epsilons,)
        Cross-validated accuracy of each epsilon minus that of the smallest epsilon,
        paired by sample.

    accuracy_difference_se_ : ndarray of shape (n_epsilons,)
        Standard error of `accuracy_difference_`, over the test samples or, if it is
        larger, over the splits.

    accuracy_difference_df_ : ndarray of shape (n_epsilons,)
        Degrees of freedom of `accuracy_difference_se_`, for a t-test.

    oof_proba_ : ndarray of shape (n_samples, n_classes)
        Out-of-fold probabilities, predicted for each sample by the fold network of the
        best epsilon that was not trained on it. Used to estimate label noise and to
        rank label issues. NaN for samples that were never held out; the mean for
        samples held out more than once. Slightly optimistic if the network was stopped
        early on the held-out fold.

    annotators_ : ndarray of shape (n_annotators,)
        Ids of the annotators: sorted ids, or the columns of a matrix of votes. Only
        defined if `votes` are passed to `fit`.

    annotator_confusion_ : ndarray of shape (n_annotators, n_classes, n_classes)
        Confusion matrix of each annotator. Element (a, j, k) is the probability that
        annotator `a` answers class `k` to a sample of class `j`: the mean over the
        annotator's votes, weighted by `consensus_proba_` and smoothed by one
        pseudo-answer per class, distributed as the answers of all annotators. Only
        defined if `votes` are passed to `fit`.

    annotator_reliability_ : ndarray of shape (n_annotators,)
        Estimated accuracy of each annotator. Only defined if `votes` are passed to
        `fit`.

    consensus_proba_ : ndarray of shape (n_samples, n_classes)
        Probabilities of the true label of each training sample, combined from
        `oof_proba_` and the votes on the sample by Bayes' rule. The least certain
        samples are candidates for another vote. NaN for samples that were never held
        out. Only defined if `votes` are passed to `fit`.

    labels_digest_ : str
        SHA-256 hash of the labels, soft labels and sample weights passed to `fit`. Used
        by :func:`~sklearn_ls.inspection.smoothing_report` and
        :func:`~sklearn_ls.inspection.find_label_issues` to check that they receive the
        same labels.

    estimators_ : list of LabelSmoothingClassifier
        The fold networks of the best epsilon.

    best_estimator_ : LabelSmoothingClassifier
        The network refitted on all data. Only with ``ensemble=False``.

    classes_ : ndarray of shape (n_classes,)
        Sorted class labels; for multilabel `y`, the column indices.

    n_features_in_ : int
        Number of features seen during `fit`; for images, the number of channels.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only if X has feature names that
        are all strings.

    label_smoother_ : LabelSmoother
        Transformer of labels into soft targets, at the best epsilon.

    n_iter_ : int
        Number of epochs; for fold networks, the maximum.

    n_layers_ : int
        Number of layers with weights, plus one for the input.

    n_outputs_ : int
        Number of outputs of a network.

    out_activation_ : {"softmax", "logistic"}
        Output activation function; ``"logistic"`` for multilabel `y`.

    loss_curve_ : list of float
        Training loss of `best_estimator_` in each epoch. Defined, like the next three,
        only with ``ensemble=False``.

    best_loss_ : float
        Minimum of `loss_curve_`.

    validation_scores_ : list of float or None
        Accuracy of `best_estimator_` on held-out samples after each epoch; None without
        early stopping.

    best_validation_score_ : float or None
        Maximum of `validation_scores_`.

    temperature_ : float
        Divisor of the logits of `best_estimator_`; with `ensemble`, each of
        `estimators_` has its own. Defined only with ``calibration="temperature"``.

    refit_time_ : float
        Seconds used to refit `best_estimator_`. Defined only with ``ensemble=False``.

    device_ : str
        Device used for training.

    net_ : skorch.NeuralNet
        The network of `best_estimator_`. Only with ``ensemble=False``.

    See Also
    --------
    LabelSmoothingClassifier : One network with a fixed epsilon.
    sklearn_ls.inspection.EpsilonCurveDisplay : Whether an epsilon is better than 0.
    sklearn_ls.inspection.smoothing_report : Whether smoothing helps on your data.
    sklearn_ls.inspection.find_label_issues : Ranks suspicious labels by `oof_proba_`.
    sklearn.model_selection.GridSearchCV : Search over any parameters.
    sklearn.calibration.CalibratedClassifierCV : Also predicts with an ensemble of
        folds.

    Notes
    -----
    Training networks as a stack is equivalent to training them one after another, up to
    rounding: all networks share the initial weights, the order of the batches and the
    dropout masks, as they do in a grid search with an integer `random_state`. Modules
    with batch statistics (BatchNorm), and modules and optimizers that cannot be stacked
    exactly (such as dropout in a custom module on CUDA), are trained one after another.

    Candidates differ in epsilon only, so their gain is measured by the differences of
    their scores within folds rather than by the spread of the scores.

    `sample_weight` is also passed to the scorers. With metadata routing enabled, their
    metadata requests determine this.

    References
    ----------
    .. [1] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna. Rethinking the
       Inception architecture for computer vision. CVPR 2016.
       :doi:`10.1109/CVPR.2016.308`

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_ls import LabelSmoothingClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> clf = LabelSmoothingClassifierCV(random_state=0).fit(X, y)
    >>> len(clf.estimators_)
    5
    >>> bool(clf.best_score_ > 0.95)
    True
    """

    epsilon_: float
    epsilons_: Floats
    cv_results_: dict[str, Any]
    best_index_: int
    best_score_: float
    best_params_: dict[str, Any]
    n_splits_: int
    scorer_: Any
    multimetric_: bool
    accuracy_difference_: Floats
    accuracy_difference_se_: Floats
    accuracy_difference_df_: Floats
    oof_proba_: Floats
    consensus_proba_: Floats
    labels_digest_: str
    estimators_: list[LabelSmoothingClassifier]
    best_estimator_: LabelSmoothingClassifier
    refit_time_: float

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
        epsilons: VectorLike = (0.0, 0.1, 0.2),
        *,
        cv: Splits = None,
        scoring: Scoring | None = None,
        refit: bool | str | Callable[..., Any] = True,
        n_jobs: Integer | None = None,
        ensemble: bool = True,
        distribution: Distribution = "uniform",
        hidden_layer_sizes: Integer | Sequence[Integer] | SupportsArray = (128, 128),
        activation: Activation = "relu",
        dropout: float | Literal["auto"] = "auto",
        feature_clip: float | None = 3.0,
        module: Module | None = None,
        module_params: dict[str, Any] | None = None,
        optimizer: Optimizer = "adamw",
        optimizer_params: dict[str, Any] | None = None,
        learning_rate: float = 1e-2,
        learning_rate_schedule: Schedule = "constant",
        weight_decay: float = 1e-2,
        ema_decay: float = 0.99,
        batch_size: Integer | Literal["auto"] = "auto",
        max_epochs: Integer = 40,
        early_stopping: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.15,
        n_iter_no_change: float = np.inf,
        tol: float = 1e-4,
        class_weight: ClassWeight | None = None,
        transition_matrix: float | MatrixLike | None = None,
        calibration: Calibration | None = None,
        device: str = "auto",
        dtype: Literal["auto", "float32", "float64"] = "auto",
        callbacks: list[Any] | tuple[Any, ...] | None = None,
        random_state: RandomState = None,
        verbose: Integer = 0,
    ) -> None:
        super().__init__(
            distribution=distribution,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
            feature_clip=feature_clip,
            module=module,
            module_params=module_params,
            optimizer=optimizer,
            optimizer_params=optimizer_params,
            learning_rate=learning_rate,
            learning_rate_schedule=learning_rate_schedule,
            weight_decay=weight_decay,
            ema_decay=ema_decay,
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
            dtype=dtype,
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

    def __getstate__(self):
        state = super().__getstate__()
        scorer = state.pop("scorer_", None)
        if scorer is not None and not self._describes(scorer):
            state["scorer_"] = scorer
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "cv_results_") and not hasattr(self, "scorer_"):
            self.scorer_ = self._make_scorer()

    def _describes(self, scorer):
        """Return whether `scoring` describes a scorer; it may be changed after fit."""
        try:
            return repr(scorer) == repr(self._make_scorer())
        except ValueError:
            return False

    def _make_scorer(self):
        """Return the scorer, or dict of scorers, that `scoring` describes."""
        return make_rules(self.scoring, self.refit).scorers()

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    @default_modes()
    def fit(
        self,
        X: SamplesLike,
        y: ArrayLike | None = None,
        sample_weight: VectorLike | None = None,
        *,
        y_soft: MatrixLike | None = None,
        votes: VotesLike | None = None,
        checkpoint: FilePath | None = None,
        **params: Any,
    ) -> Self:
        """Train the networks and choose the best epsilon.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Training data. Sparse X is converted to dense arrays one batch at a time.
            More than two dimensions require a `module`.

        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes), default=None
            Labels, a multilabel indicator matrix of integers, or soft labels: a matrix
            of floats whose rows are distributions. Soft labels are split by the most
            likely label of each sample and scored by it or, if `scoring` is a callable,
            by the soft labels. May be None only if `votes` are passed.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        y_soft : array-like of shape (n_samples, n_classes), default=None
            Soft labels to train on instead of `y`, which is then only used to split and
            score the samples. The columns are in the order of the sorted labels of `y`,
            or named by them.

        votes : array-like of shape (n_samples, n_annotators) or DataFrame, default=None
            Labels by several annotators to train on instead of `y`, in a form that
            :func:`~sklearn_ls.crowds.votes_to_soft` accepts (-1 is a missing vote,
            unless it is a label of `y`). With one vote per row, the ids of the samples
            are positions in `X` or, if `X` is a DataFrame, values of its index; such
            votes cannot be split by cross-validation. The confusion matrix of each
            annotator is learned with the networks, see the user guide
            (:ref:`votes_in_training`). `y` is used for splitting, early stopping,
            calibration and scoring, and to train on samples without votes. If it is
            None, it is estimated from the votes.

        checkpoint : str or os.PathLike, default=None
            Folder in which the training state is saved after each epoch, or less often
            if saving would take more than a tenth of the time. If the process is
            killed, the same call resumes training from there, with the same result as
            uninterrupted training. The folder is deleted at the end. See the user guide
            (:ref:`checkpoints`).

        **params : dict
            `groups` for the splitter or, with metadata routing enabled, the parameters
            that the splitter and the scorers request.

        Returns
        -------
        self : object
            Fitted classifier.

        Raises
        ------
        ValueError
            If the input or a fold is invalid, or training diverges. The previous fit is
            kept.
        """
        raise_for_stream(
            X,
            "LabelSmoothingClassifierCV splits samples by index and requires an array, "
            "which may be memory-mapped (numpy.load(path, mmap_mode='r')). Load the "
            "data, or write them to a .npy file.",
        )
        self._check_choice()
        candidates = list(ParameterGrid({"epsilon": self._check_epsilons().tolist()}))
        members = [self._member_params(candidate) for candidate in candidates]
        rules = make_rules(self.scoring, self.refit)
        warn_of_noisy_scores(self.scoring, self.transition_matrix)
        device, seed = resolve_device(self.device), draw_seed(self.random_state)
        data, splits, scorer = self._prepare(
            X, y, sample_weight, y_soft, votes, params, rules, device
        )
        checkpoints = open_checkpoints(
            checkpoint,
            self.get_params(deep=False),
            data,
            seed,
            splits=[list(split) for split in splits],
        )
        seed = checkpoints.seed
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
            checkpoints=checkpoints,
        )
        learned = describe_search(
            data, rules, candidates, members, splits, scored, device
        )
        converged = [network.converged for network in scored]
        if retrains:
            best = members[learned["best_index_"]]
            retrained, attributes = retrain(
                data, best, seed=seed, device=device, checkpoints=checkpoints
            )
            learned |= attributes
            converged.append(retrained.converged)
            progress.network_end()
        if not self.refit:
            learned.pop("_network", None)  # the estimator does not predict
        progress.end(learned if self.refit else None)
        self._store(learned, SEARCHED)
        checkpoints.remove()
        warn_unless_converged(
            converged,
            max_epochs=self.max_epochs,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
        )
        return self

    def _prepare(self, X, y, sample_weight, y_soft, votes, params, rules, device):
        """Return the data of the search, its splits, and the scorer."""
        frame = X if hasattr(X, "columns") else None
        X, labels, features = self._check_training_data(
            X, y, sample_weight, y_soft, votes=votes, device=device, in_memory=True
        )
        y_seen = labels.y
        if y_soft is None:
            y_seen = choose_y_to_score(labels, self.scoring)
        weight = None if sample_weight is None else labels.weight
        to_split, to_score, scorer = self._pass_on(params, weight, rules)
        data = SearchData(X, labels, features, y_seen, to_score, frame)
        return data, split_samples(self.cv, data.X_seen, labels.y, to_split), scorer

    def _check_choice(self):
        if self.ensemble and self.refit is False:
            raise ValueError(
                "refit=False cannot be combined with ensemble=True, since the "
                "estimator does not predict. Set ensemble=False, or another refit."
            )

    def _check_epsilons(self):
        epsilons = check_epsilon(
            self.epsilons,
            [(None,)],
            "The 'epsilons' parameter of LabelSmoothingClassifierCV must be a "
            "non-empty one-dimensional array of floats in the range [0.0, 1.0]",
        )
        if len(epsilons) > 1 and 0 not in epsilons:
            warn(
                "epsilons does not contain 0, so the search cannot show whether "
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
        """Return the parameters of the classifier of a candidate."""
        names = LabelSmoothingClassifier().get_params()
        shared = {n: v for n, v in self.get_params(deep=False).items() if n in names}
        return {**shared, "verbose": 0, **candidate}

    def score(  # type: ignore[override]  # scorers need y
        self, X: SamplesLike, y: ArrayLike, sample_weight: VectorLike | None = None
    ) -> float:
        """Return the score of the predictions by `scoring`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Samples.

        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            True labels, or soft labels, which are scored as in `fit`.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        score : float
            Accuracy unless `scoring` is given; with several scorers, the score named by
            `refit`.
        """
        network, y = self._fitted(), to_numpy_backed(y)
        if not network.multilabel and (soft := find_soft_labels(y, network.classes)):
            y = choose_y_to_score(encode_target(soft), self.scoring)
        scorer = self.scorer_
        if isinstance(scorer, dict) and callable(self.refit):
            raise ValueError(
                "With several scorers, score requires refit to be the name of one of "
                f"them. Got a callable. Use one of scorer_: {[*scorer]}."
            )
        if isinstance(scorer, dict):
            scorer = scorer[self.refit]
        plain = copy.copy(self)  # for scorers that call the estimator's score
        plain.scorer_ = get_scorer("accuracy")
        params = {} if sample_weight is None else {"sample_weight": sample_weight}
        score = scorer(plain, X, y, **params)
        return score[self.refit] if isinstance(score, dict) else score

    @available_if(_has_one_network)
    def embed(self, X: SamplesLike) -> Floats:
        """Return the penultimate activations of the refitted network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Samples.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_units)
            Inputs of the last linear layer.
        """
        check_is_fitted(self)
        return self.best_estimator_.embed(X)

    @property
    def net_(self) -> Any:
        """The skorch net of the refitted network."""
        _has_one_network(self)
        check_is_fitted(self)
        return self.best_estimator_.net_

    def get_metadata_routing(self) -> Any:
        """Get metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            Encapsulates the routing information.
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
        """Return the splitter, which may request metadata."""
        return self.cv if hasattr(self.cv, "split") else check_cv()

    def _fitted(self):
        check_is_fitted(self)
        if "_network" not in vars(self):
            raise AttributeError(
                "This LabelSmoothingClassifierCV was fitted with refit=False, so it "
                "does not predict. Its scores are in cv_results_."
            )
        return super()._fitted()
