"""LabelSmoothingClassifier: a torch network behind scikit-learn's interface."""

import copy
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from sklearn_ls._base import (
    BaseNetworkClassifier,
    describe_annotators,
    describe_fit,
    fit_label_smoother,
    open_checkpoints,
)
from sklearn_ls._compat import (
    FitProgress,
    _check_partial_fit_first_call,
    _fit_context,
    available_if,
    validate_parameters,
    with_callbacks,
)
from sklearn_ls._label_smoother import LabelSmoother
from sklearn_ls._labels.containers import labels_to_array
from sklearn_ls._network.device import default_modes, draw_seed, resolve_device
from sklearn_ls._network.fitting import SingleTraining
from sklearn_ls._network.plans import TrainingParams, plan_part
from sklearn_ls._network.ranks import join_ranks
from sklearn_ls._network.skorch_net import make_net
from sklearn_ls._network.training_checks import warn_unless_converged
from sklearn_ls._samples.streams import (
    open_stream,
    raise_for_names,
    raise_for_stream,
    raise_if_not_readable_again,
)
from sklearn_ls._training_data import ArrayData, StreamData, hash_parts
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
    SupportsArray,
    VectorLike,
    VotesLike,
)
from sklearn_ls._warnings import warn


def _learns_in_parts(estimator):
    """Raise AttributeError if a parameter requires all the data at once."""
    advice = {
        "early_stopping": (True, "Set it to False."),
        "class_weight": ("balanced", "Pass a dict of the weights."),
        "distribution": ("prior", "Pass an array of class frequencies."),
        "calibration": ("temperature", "Set it to None or 'unsmooth'."),
    }
    for name, (value, solution) in advice.items():
        actual = getattr(estimator, name)
        if type(actual) is type(value) and actual == value:
            raise AttributeError(
                f"partial_fit is not available with {name}={value!r}, which requires "
                f"all the data at once. {solution}"
            )
    return True


class LabelSmoothingClassifier(BaseNetworkClassifier):
    """A neural network classifier trained on smoothed labels.

    The network minimizes the cross-entropy between its probabilities and soft targets
    [1]_, which move the probability `epsilon` from the observed label to all classes::

        y_soft = (1 - epsilon) * onehot(y) + epsilon * distribution[y]

    It is a multilayer perceptron or any torch module, trained on the CPU or a GPU.
    Smoothing is a regularizer that sometimes improves accuracy, on clean as well as on
    mislabeled data; it does not correct wrong labels. See the user guide.

    Parameters
    ----------
    epsilon : float or array-like of shape (n_classes,), default=0.1
        Probability moved from the observed label to `distribution`, in [0, 1]; 0 means
        no smoothing. An array has one value per class, in the order of `classes_`. Not
        related to the `epsilon` of :class:`sklearn.neural_network.MLPClassifier`, which
        is a constant of its optimizer.

    distribution : {"uniform", "others", "each", "prior"} or array-like of shape \
            (n_classes,) or (n_classes, n_classes), default="uniform"
        How that probability is distributed over the classes, see
        :class:`LabelSmoother`. With more than two classes, ``"each"`` requires a
        multilabel `y`, since its rows do not sum to one.

    {network}

    early_stopping : bool or "auto", default="auto"
        Whether to hold out a fraction of the training data, stratified by label unless
        `y` is multilabel, to stop training after `n_iter_no_change` epochs without
        improvement, and to restore the weights of the best epoch. The best epoch
        maximizes the accuracy minus the Brier score on the observed labels of the
        held-out samples. ``"auto"`` uses early stopping if at least 10 samples would be
        held out. Without early stopping, the final weights are used, and training stops
        when the training loss no longer improves.

    validation_fraction : float, default=0.15
        Fraction of the training data held out for early stopping or temperature
        scaling, in (0, 1).

    {stopping}

    transition_matrix : float or array-like of shape (n_classes, n_classes), \
            default=None
        Known label noise: the probability of each observed label (column) given each
        true label (row), in the order of `classes_`; the rows and columns of a
        DataFrame may be named by the classes instead. A float is the fraction of wrong
        labels, below `(n_classes - 1) / n_classes`, with all mistakes equally likely.
        The network then learns to predict the probabilities of the true labels [2]_;
        smoothing, which is applied to the observed labels, makes them less certain. The
        matrix is never estimated from the training data.

    calibration : {"temperature", "unsmooth"}, default=None
        Correction of the predicted probabilities, which are under-confident after
        training on smoothed labels. None leaves them unchanged. ``"temperature"``
        divides the logits by a temperature that is fitted to the observed labels of
        held-out samples [3]_. These are the samples held out for early stopping or,
        without it, a `validation_fraction` of the training data. With a
        `transition_matrix`, the temperature is fitted through the matrix. It does not
        change `predict`. ``"unsmooth"`` inverts the smoothing formula and clips
        probabilities from below at 0.001 (or `0.1 / n_classes` if that is smaller).
        `net_` and `embed` are not affected.

    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous fit.

    {device}

    callbacks : list of skorch callbacks, default=None
        Callbacks passed to the skorch net `net_` for training. scikit-learn's own
        callbacks are set with `set_callbacks`.

    random_state : int, RandomState instance or None, default=None
        Controls the initial weights, the batch order, dropout and the held-out samples.
        One number is drawn from it per fit. The global random states of torch and NumPy
        are not changed.

    verbose : int, default=0
        If nonzero, print a line per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels; for multilabel `y`, the column indices.

    n_features_in_ : int
        Number of features seen during `fit`; for images, the number of channels.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only if X has feature names that
        are all strings.

    label_smoother_ : LabelSmoother
        Transformer of labels into soft targets.

    n_iter_ : int
        Number of epochs trained.

    n_layers_ : int
        Number of layers with weights, plus one for the input.

    n_outputs_ : int
        Number of outputs of the network.

    out_activation_ : {"softmax", "logistic"}
        Output activation function; ``"logistic"`` for multilabel `y`.

    loss_curve_ : list of float
        Mean weighted training loss of each epoch on smoothed labels, in nats per
        sample. With votes, it is per vote and includes the prior of the confusion
        matrices.

    best_loss_ : float
        Minimum of `loss_curve_`.

    validation_scores_ : list of float or None
        Accuracy on the held-out samples after each epoch of the last fit; None without
        early stopping.

    best_validation_score_ : float or None
        Maximum of `validation_scores_`.

    temperature_ : float
        Divisor of the logits. Defined only with ``calibration="temperature"``.

    device_ : str
        Device used for training.

    annotators_ : ndarray of shape (n_annotators,)
        Ids of the annotators: sorted ids, or the columns of a matrix of votes. Defined,
        like the next two, only if `votes` are passed to `fit`.

    annotator_confusion_ : ndarray of shape (n_annotators, n_classes, n_classes)
        Confusion matrix of each annotator. Element (a, j, k) is the probability that
        annotator `a` answers class `k` to a sample of class `j`: the mean over the
        annotator's votes, weighted by the probabilities of the true label given the
        votes and the prediction. Optimistic if the network overfits, since it was
        trained on these votes; :class:`LabelSmoothingClassifierCV` uses held-out
        predictions.

    annotator_reliability_ : ndarray of shape (n_annotators,)
        Estimated accuracy of each annotator.

    net_ : skorch.NeuralNet
        The skorch net, with its `module_`, `optimizer_` and `history`.

    See Also
    --------
    LabelSmoothingClassifierCV : Chooses epsilon by cross-validation.
    SmoothedTargetClassifier : Smoothed and soft labels for other classifiers.
    LabelSmoother : The soft targets themselves.
    sklearn_ls.distributions.from_confusion : Estimates a `transition_matrix` from
        verified labels.
    sklearn_ls.inspection.smoothing_report : Whether smoothing helps on your data, and
        which `calibration`.
    sklearn_ls.inspection.ReliabilityDisplay : Whether the probabilities are too low.
    sklearn.neural_network.MLPClassifier : A perceptron on hard labels.

    Notes
    -----
    Sample and class weights are divided by their mean over the training samples (except
    in `partial_fit`), and samples with weight zero are ignored. If the network does not
    standardize the features (see `feature_clip`), scale them first, with
    :class:`~sklearn.preprocessing.StandardScaler`. Numeric strings in X are parsed, as
    everywhere in scikit-learn.

    In a script that is started by ``torchrun``, `fit` trains the network on several
    processes, see the user guide (:ref:`ranks`).

    A fitted model can predict from several threads at once. With CUDA, use joblib's
    default backend (loky), whose processes are not forked.

    References
    ----------
    .. [1] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna. Rethinking the
       Inception architecture for computer vision. CVPR 2016.
       :doi:`10.1109/CVPR.2016.308`
    .. [2] G. Patrini, A. Rozza, A. Krishna Menon, R. Nock and L. Qu. Making deep neural
       networks robust to label noise: a loss correction approach. CVPR 2017.
       :doi:`10.1109/CVPR.2017.240`
    .. [3] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger. On calibration of modern
       neural networks. ICML 2017. :doi:`10.48550/arXiv.1706.04599`

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_ls import LabelSmoothingClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> clf = LabelSmoothingClassifier(epsilon=0.1, random_state=0).fit(X, y)
    >>> bool(clf.score(X, y) > 0.95)
    True
    """

    _parameter_constraints = {
        **BaseNetworkClassifier._parameter_constraints,
        "epsilon": LabelSmoother._parameter_constraints["epsilon"],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        epsilon: float | VectorLike = 0.1,
        *,
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
        warm_start: bool = False,
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
        self.epsilon = epsilon
        self.warm_start = warm_start

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    @default_modes()
    def fit(
        self,
        X: SamplesLike,
        y: ArrayLike | None = None,
        sample_weight: VectorLike | str | None = None,
        *,
        y_soft: MatrixLike | None = None,
        sample_epsilon: VectorLike | None = None,
        votes: VotesLike | None = None,
        checkpoint: FilePath | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Training data. Sparse X is converted to dense arrays one batch at a time.
            More than two dimensions require a `module`. May also be an array in a file,
            or a stream: a path of parquet files, a pyarrow or torch dataset, a dask
            dataframe, or an iterable of blocks, see :ref:`scale`.

        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes), or str or list of str, default=None
            Labels, a multilabel indicator matrix of integers, or soft labels: a matrix
            of floats whose rows are distributions. The column names of a dataframe of
            soft labels become `classes_`. May be None only if `votes` are passed, or if
            the blocks of a stream contain the labels. For parquet files and dask
            dataframes, the name of the column of labels, or a list of the names of the
            columns of soft labels.

        sample_weight : array-like of shape (n_samples,) or str, default=None
            Non-negative sample weights, or the name of their column.

        y_soft : array-like of shape (n_samples, n_classes), default=None
            Soft labels to train on instead of `y`, which is then only used to split and
            score the samples. The columns are in the order of the sorted labels of `y`,
            or named by them.

        sample_epsilon : array-like of shape (n_samples,), default=None
            Epsilon of each sample, in [0, 1]. Overrides the parameter `epsilon`.

        votes : array-like of shape (n_samples, n_annotators) or DataFrame, default=None
            Labels by several annotators to train on instead of `y`, in a form that
            :func:`~sklearn_ls.crowds.votes_to_soft` accepts (-1 is a missing vote,
            unless it is a label of `y`). With one vote per row, the ids of the samples
            are positions in `X` or, if `X` is a DataFrame, values of its index; such
            votes cannot be split by cross-validation. The confusion matrix of each
            annotator is learned with the network, see the user guide
            (:ref:`votes_in_training`). `y` is used for the stratified hold-out, early
            stopping and calibration, and to train on samples without votes. If it is
            None, it is estimated from the votes. With `warm_start`, the confusion
            matrices are estimated from scratch.

        checkpoint : str or os.PathLike, default=None
            Folder in which the training state is saved after each epoch, or less often
            if saving would take more than a tenth of the time. If the process is
            killed, the same call resumes training from there, with the same result as
            uninterrupted training. The folder is deleted at the end. See the user guide
            (:ref:`checkpoints`).

        Returns
        -------
        self : object
            Fitted classifier.

        Raises
        ------
        ValueError
            If the input is invalid or training diverges. The previous fit is kept.
        """
        progress = FitProgress(self, X, y, self.max_epochs)
        earlier = getattr(self, "_network", None) if self.warm_start else None
        device, params = resolve_device(self.device), self._training_params()
        with join_ranks(device) as ranks:
            drawn = draw_seed(self.random_state)  # so that a RandomState advances
            seed = ranks.first(lambda: drawn)
            data = self._open_data(
                X,
                y,
                sample_weight,
                y_soft,
                sample_epsilon,
                votes,
                params=params,
                seed=seed,
                device=device,
                earlier=earlier,
            )
            checkpoints = open_checkpoints(
                checkpoint,
                self.get_params(deep=False),
                data,
                seed,
                earlier=None if earlier is None else earlier.weights,
            )
            seed = ranks.first(lambda: checkpoints.seed)
            ranks.check_equal(
                lambda: hash_parts(self.get_params(deep=False), data, earlier)
            )
            plan = data.plan(params, seed=seed, device=device, earlier=earlier)
            training = SingleTraining(plan, earlier, ranks=ranks)
            self._run(training, seed, checkpoints, progress, data.features)
            network = training.finish()
            attributes = describe_training(training, network, data.features)
            if votes is not None:
                y_proba = network.apply(data.X.X, "proba")
                of_annotators, _ = describe_annotators(data.labels, [network], y_proba)
                attributes |= of_annotators
            progress.end(lambda: attributes)
        self._store(attributes)
        if not training.state.interrupted:
            checkpoints.remove()
        self._warn_of_ending(training.state)
        return self

    def _run(self, training, seed, checkpoints, progress, features):
        """Train for all epochs, and report each of them."""
        training.run(
            seed=seed,
            checkpoint=checkpoints.part("network"),
            max_epochs=self.max_epochs,
            keep_interrupted=not hasattr(self, "_network"),
            epoch_end=lambda: progress.task_end(
                "epoch",
                lambda: describe_training(training, training.snapshot(), features),
            ),
        )

    def _open_data(
        self,
        X,
        y,
        sample_weight,
        y_soft,
        sample_epsilon,
        votes,
        *,
        params,
        seed,
        device,
        earlier,
    ):
        """Return the data to train on, validated."""
        raise_if_not_readable_again(X)
        if votes is not None:
            raise_for_stream(X, "Votes are assigned to samples by index: pass arrays.")
        stream = open_stream(X, y, sample_weight)
        if stream is None:
            raise_for_names(y=y, sample_weight=sample_weight)
            checked = self._check_training_data(
                X,
                y,
                sample_weight,
                y_soft,
                sample_epsilon,
                votes,
                device=device,
                network=earlier,
            )
            return ArrayData(*checked)
        for name, value in (("y_soft", y_soft), ("sample_epsilon", sample_epsilon)):
            if value is not None:
                raise ValueError(
                    f"{name} cannot be combined with a stream. Pass soft labels as the "
                    "y of its blocks, or pass arrays."
                )
        return StreamData(
            stream, self, params, seed=seed, device=device, earlier=earlier
        )

    def _warn_of_ending(self, state):
        if state.interrupted:
            warn(
                f"Training was interrupted after {state.n_epochs} epochs. The best "
                "weights so far are kept."
            )
        else:
            warn_unless_converged(
                [state.converged],
                max_epochs=self.max_epochs,
                tol=self.tol,
                n_iter_no_change=self.n_iter_no_change,
            )

    @available_if(_learns_in_parts)
    @_fit_context(prefer_skip_nested_validation=True)
    @default_modes()
    def partial_fit(
        self,
        X: SamplesLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: VectorLike | None = None,
        *,
        y_soft: MatrixLike | None = None,
        sample_epsilon: VectorLike | None = None,
    ) -> Self:
        """Train for one epoch on a batch of samples.

        The optimizer continues from the last call of `partial_fit`. The features are
        not standardized, unless the first call was `fit`: pass scaled features. Sample
        weights are not normalized, since their mean over all batches is unknown.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            The next batch of training data.

        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            Labels or soft labels, as in `fit`.

        classes : array-like of shape (n_classes,), default=None
            All classes that may occur in any call. Required in the first call.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        y_soft : array-like of shape (n_samples, n_classes), default=None
            Soft labels to train on instead of `y`.

        sample_epsilon : array-like of shape (n_samples,), default=None
            Epsilon of each sample, in [0, 1]. Overrides the parameter `epsilon`.

        Returns
        -------
        self : object
            Fitted classifier.

        Raises
        ------
        ValueError
            If the input is invalid, a label is not in `classes`, or training diverges.
            The previous fit is kept.

        AttributeError
            With ``early_stopping=True``, ``class_weight="balanced"``,
            ``distribution="prior"`` and ``calibration="temperature"``, which require
            all the data at once.
        """
        raise_for_stream(X, "Call partial_fit for each of its blocks.")
        validate_parameters(self)  # scikit-learn does so in the first call only
        earlier = getattr(self, "_network", None)
        classes = None if classes is None else labels_to_array(classes)
        checked = copy.copy(self)  # scikit-learn sets `classes_` on it
        _check_partial_fit_first_call(checked, classes)
        device = resolve_device(self.device)
        X, labels, features = self._check_training_data(
            X,
            y,
            sample_weight,
            y_soft,
            sample_epsilon,
            device=device,
            network=earlier,
            classes=checked.classes_.copy(),
        )
        if earlier is None:
            seed, prior = draw_seed(self.random_state), None
        else:
            seed, prior = earlier.architecture.seed, self.label_smoother_.class_prior_
        plan = plan_part(
            X,
            labels,
            self._training_params(),
            prior=prior,
            seed=seed,
            device=device,
            earlier=earlier,
        )
        training = SingleTraining(
            plan, earlier, getattr(self, "_optimizer_state", None)
        )
        training.run(seed=seed, max_epochs=1, keep_optimizer=True)
        attributes = describe_training(training, training.finish(), features)
        self._store({**attributes, "_optimizer_state": training.state.optimizer})
        return self

    def embed(self, X: SamplesLike) -> Floats:
        """Return the activations of the penultimate layer.

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
        network = self._fitted()
        return self._in_parts(X, network, network.embed)

    @property
    def net_(self) -> Any:
        """The skorch net.

        With callbacks it is the net that was trained, until the estimator is pickled;
        otherwise it is created from the trained weights. Its optimizer has no state.
        Training it further changes the predictions of this estimator, too.
        """
        network = self._fitted()
        net = vars(self).get("_net")
        if net is None or net.module_ is not network.module:
            net = self._net = make_net(
                network.module,
                network.objective,
                network.optimizer,
                device=str(network.here),
                verbose=self.verbose,
                history=network.history,
            )
        return net


def describe_training(training, network, features):
    """Return the fitted attributes of a single training.

    Parameters
    ----------
    training : SingleTraining

    network : FittedNetwork

    features : dict
        Fitted attributes that describe X.
    """
    plan = training.plan
    smoother = fit_label_smoother(plan.params, plan.summary)
    attributes = describe_fit(network, smoother, features, training.n_earlier_epochs)
    if training.net.callbacks:
        attributes["_net"] = training.net
    return attributes


def make_fitted(params, network, summary, features):
    """Return a classifier fitted with a network that was trained elsewhere.

    Parameters
    ----------
    params : dict
        Parameters of the classifier.

    network : FittedNetwork

    summary : ClassSummary
        Summary of its training labels.

    features : dict
        Fitted attributes that describe X.

    Returns
    -------
    classifier : LabelSmoothingClassifier
    """
    classifier = clone(LabelSmoothingClassifier(**params))
    training_params = TrainingParams.of(params, type(classifier).__name__)
    smoother = fit_label_smoother(training_params, summary)
    attributes = describe_fit(network, smoother, features)
    vars(classifier).update(attributes)
    return classifier
