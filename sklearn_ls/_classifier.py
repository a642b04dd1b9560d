"""LabelSmoothingClassifier: a torch network behind scikit-learn's interface."""

import copy

from sklearn.base import clone
from sklearn.utils.metaestimators import available_if

from sklearn_ls._base import BaseNetworkClassifier, describe_fit
from sklearn_ls._compat import (
    FitProgress,
    _check_partial_fit_first_call,
    _fit_context,
    validate_parameters,
    with_callbacks,
)
from sklearn_ls._label_smoother import LabelSmoother
from sklearn_ls._labels.containers import labels_to_array
from sklearn_ls._network.device import draw_seed, resolve_device
from sklearn_ls._network.fitting import SingleTraining
from sklearn_ls._network.plans import TrainingParams, plan_network, plan_part
from sklearn_ls._network.skorch_net import make_net
from sklearn_ls._network.training_checks import warn_unless_converged
from sklearn_ls._warnings import warn


def _learns_in_parts(estimator):
    """Raise AttributeError for parameters that need all the data at once."""
    advice = {
        "early_stopping": (True, "Set it to False."),
        "class_weight": ("balanced", "Pass a dict of the weights."),
        "distribution": ("prior", "Pass an array of the classes' shares."),
        "calibration": ("temperature", "Set it to None or 'unsmooth'."),
    }
    for name, (value, what_to_do) in advice.items():
        actual = getattr(estimator, name)
        if type(actual) is type(value) and actual == value:
            raise AttributeError(
                f"partial_fit is not available with {name}={value!r}, which needs all "
                f"the data at once. {what_to_do}"
            )
    return True


class LabelSmoothingClassifier(BaseNetworkClassifier):
    """A neural network classifier trained on smoothed labels.

    Minimises the cross-entropy of the network's probabilities against soft targets [1]_
    that leave `1 - epsilon` at the given label::

        y_soft = (1 - epsilon) * onehot(y) + epsilon * distribution[y]

    with a multilayer perceptron or any torch module, on the CPU or a GPU. Smoothing is
    a regulariser that sometimes gains accuracy, on clean data as on mislabelled data;
    it does not correct wrong labels. The user guide says what to expect.

    Parameters
    ----------
    epsilon : float or array-like of shape (n_classes,), default=0.1
        How much probability leaves the given label, in [0, 1]; 0 means none. An array
        has one value a class, in the order of `classes_`. The `epsilon` of
        :class:`sklearn.neural_network.MLPClassifier` is another thing, a constant of
        its optimiser.

    distribution : {"uniform", "others", "each", "prior"} or array-like of shape \
            (n_classes,) or (n_classes, n_classes), default="uniform"
        Where that probability goes, see :class:`LabelSmoother`. ``"each"`` gives no
        distribution for more than two classes, so there it serves multilabel `y` only.

    {network}

    early_stopping : bool or "auto", default="auto"
        Whether to hold out a part of the training data, stratified by label (unless
        `y` is multilabel), to stop when the accuracy on its labels as given no longer
        improves, and to restore the weights of the best epoch. ``"auto"`` does so when
        the part has at least 200 rows. Otherwise training stops when its loss no longer
        improves.

    validation_fraction : float, default=0.15
        The part held out for early stopping or for a temperature, in (0, 1).

    {stopping}

    transition_matrix : float or array-like of shape (n_classes, n_classes), \
            default=None
        What is known of the wrong labels: the probability of each given label (column)
        for each true label (row), in the order of `classes_`; the rows and columns of a
        DataFrame may be named by the classes instead. Or the share of wrong labels,
        below `(n_classes - 1) / n_classes`, where all mistakes are alike. The network
        then learns to predict the true labels [2]_: with `epsilon=0` their
        probabilities, which smoothing (of the given labels) makes less certain. The
        matrix is never estimated here.

    calibration : {"temperature", "unsmooth"}, default=None
        What to make of the network's probabilities, which are under-confident where it
        learnt smoothed labels. None leaves them. ``"temperature"`` divides the logits
        by the one number that fits best the labels, as given, of rows that are held
        out [3]_: those of early stopping or, without it, a `validation_fraction`. With
        a `transition_matrix` it is fitted through that; it never changes `predict`.
        ``"unsmooth"`` undoes the formula, and then raises probabilities below 0.001 (or
        a tenth of equal shares) to that. `net_` and `embed` are left as they are.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the fit before.

    {device}

    callbacks : list of skorch callbacks, default=None
        Passed on to the network of `net_` for training. scikit-learn's own callbacks
        are set with `set_callbacks`.

    random_state : int, RandomState instance or None, default=None
        Determines initial weights, batch order, dropout and hold-out. One number is
        drawn from it per fit. The global states of torch and NumPy are left alone.

    verbose : int, default=0
        1 prints a line per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; for multilabel `y` the numbers of its columns.

    n_features_in_ : int
        Number of features seen during `fit` (of channels, for images).

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names that are all strings.

    label_smoother_ : LabelSmoother
        What turns labels into soft targets.

    n_iter_ : int
        Epochs trained.

    n_layers_ : int
        Layers with weights, and one for the input.

    n_outputs_ : int
        Outputs of the network.

    out_activation_ : {"softmax", "logistic"}
        What makes probabilities of the outputs; ``"logistic"`` for multilabel `y`.

    loss_curve_ : list of float
        Smoothed training loss of each epoch, weighted, in nats per row.

    best_loss_ : float
        The smallest of them.

    validation_scores_ : list of float or None
        Accuracy on the hold-out after each epoch of the last fit; None without early
        stopping.

    best_validation_score_ : float or None
        The largest of them.

    temperature_ : float
        What the logits are divided by. Only with ``calibration="temperature"``.

    device_ : str
        Where it was trained.

    net_ : skorch.NeuralNet
        The network, with its `module_`, `optimizer_` and `history`.

    See Also
    --------
    LabelSmoothingClassifierCV : Chooses epsilon by cross-validation.
    SmoothedTargetClassifier : Smoothed and soft labels for other classifiers.
    LabelSmoother : The soft targets themselves.
    sklearn_ls.distributions.from_confusion : A `transition_matrix`, from labels that
        were checked.
    sklearn_ls.inspection.smoothing_report : Whether smoothing helps on your data, and
        which `calibration`.
    sklearn_ls.inspection.ReliabilityDisplay : Whether the probabilities are too low.
    sklearn.neural_network.MLPClassifier : A perceptron on hard labels.

    Notes
    -----
    The network computes in the dtype of X: pass float32 for speed on a GPU. Weights,
    of rows and classes, are divided by their mean over the training rows once (in
    `partial_fit` they are taken as they are), and rows of weight zero are left out.
    Features of very different or very large scale saturate the network; put a
    :class:`~sklearn.preprocessing.StandardScaler` before it. Numeric strings in X are
    parsed, as everywhere in scikit-learn.

    A fitted model may predict from several threads at once. Where CUDA is involved, use
    joblib's default processes (loky), which are not forked.

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
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ls import LabelSmoothingClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> clf = LabelSmoothingClassifier(epsilon=0.1, learning_rate=0.01, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), clf).fit(X, y)
    >>> bool(pipeline.score(X, y) > 0.95)
    True
    """

    _parameter_constraints = {
        **BaseNetworkClassifier._parameter_constraints,
        "epsilon": LabelSmoother._parameter_constraints["epsilon"],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        epsilon=0.1,
        *,
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
        warm_start=False,
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
        self.epsilon = epsilon
        self.warm_start = warm_start

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, y_soft=None, sample_epsilon=None):
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Training data. Sparse X is made dense a batch at a time. More dimensions
            need a `module` that takes them.

        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            Labels, an integer 0/1 matrix of independent labels, or soft labels: a
            matrix of floats whose rows are distributions. The column names of a
            dataframe of soft labels become `classes_`.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows.

        y_soft : array-like of shape (n_samples, n_classes), default=None
            Soft labels to learn from instead of `y`, which then serves to split and to
            score the rows. Its columns are the sorted labels of `y`, or have names.

        sample_epsilon : array-like of shape (n_samples,), default=None
            Epsilon of each sample, in [0, 1], instead of the parameter `epsilon`.

        Returns
        -------
        self : object
            Fitted classifier.

        Raises
        ------
        ValueError
            For bad input, and when training diverges. What was fitted before remains.
        """
        progress = FitProgress(self, X, y, self.max_epochs)
        earlier = getattr(self, "_network", None) if self.warm_start else None
        device, seed = resolve_device(self.device), draw_seed(self.random_state)
        X, labels, features = self._check_training_data(
            X, y, sample_weight, y_soft, sample_epsilon, device=device, network=earlier
        )
        plan = plan_network(
            X,
            labels,
            self._training_params(),
            seed=seed,
            device=device,
            earlier=earlier,
        )
        training = SingleTraining(plan, earlier)
        training.run(
            seed=seed,
            max_epochs=self.max_epochs,
            keep_interrupted=not hasattr(self, "_network"),
            epoch_end=lambda: progress.task_end(
                "epoch",
                lambda: describe_training(training, training.snapshot(), features),
            ),
        )
        attributes = describe_training(training, training.finish(X), features)
        progress.end(lambda: attributes)
        self._store(attributes)
        self._warn_of_ending(training.state)
        return self

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
    def partial_fit(
        self,
        X,
        y,
        classes=None,
        sample_weight=None,
        *,
        y_soft=None,
        sample_epsilon=None,
    ):
        """Train for one epoch on a part of the data.

        The optimiser goes on from the last call of `partial_fit`. Weights are taken as
        they are, since their mean over all parts is unknown.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            The next part of the training data.

        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, \
                n_classes)
            Its labels, also soft ones, as in `fit`.

        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur. Needed in the first call.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows.

        y_soft : array-like of shape (n_samples, n_classes), default=None
            Soft labels to learn from instead of `y`.

        sample_epsilon : array-like of shape (n_samples,), default=None
            Epsilon of each sample, in [0, 1], instead of the parameter `epsilon`.

        Returns
        -------
        self : object
            The classifier.

        Raises
        ------
        ValueError
            For bad input, labels not in `classes`, and when training diverges. The
            classifier is then as it was.

        AttributeError
            With ``early_stopping=True``, ``class_weight="balanced"``,
            ``distribution="prior"`` and ``calibration="temperature"``, which need all
            the data at once.
        """
        validate_parameters(self)  # scikit-learn does so in the first call only
        earlier = getattr(self, "_network", None)
        classes = None if classes is None else labels_to_array(classes)
        checked = copy.copy(self)  # which scikit-learn writes the classes on
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
            X, labels, self._training_params(), prior=prior, seed=seed, device=device
        )
        training = SingleTraining(
            plan, earlier, getattr(self, "_optimizer_state", None)
        )
        training.run(seed=seed, max_epochs=1, keep_optimizer=True)
        attributes = describe_training(training, training.finish(X), features)
        self._store({**attributes, "_optimizer_state": training.state.optimizer})
        return self

    def embed(self, X):
        """Return the penultimate layer, the input of the last linear layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Samples.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_units)
            Values of the units.
        """
        network = self._fitted()
        return network.embed(self._check_X(X, network))

    @property
    def net_(self):
        """The skorch net.

        With callbacks it is the one that was trained, until the estimator is pickled.
        Otherwise it is made for the trained weights. Its optimizer has no moments.
        """
        network = self._fitted()
        if "_net" not in vars(self):
            self._net = make_net(
                network.module,
                network.objective,
                network.optimizer,
                device=str(network.here),
                verbose=self.verbose,
                history=network.history,
            )
        return self._net


def describe_training(training, network, features):
    """Return all that a single training has learnt, as attributes.

    Parameters
    ----------
    training : SingleTraining

    network : FittedNetwork

    features : dict
        The attributes that describe X.
    """
    plan = training.plan
    attributes = describe_fit(
        network, plan.params, plan.summary, features, training.n_earlier_epochs
    )
    if training.net.callbacks:
        attributes["_net"] = training.net
    return attributes


def make_fitted(params, network, summary, features):
    """Return a classifier that has learnt a network which was trained elsewhere.

    Parameters
    ----------
    params : dict
        Parameters of the classifier.

    network : FittedNetwork

    summary : ClassSummary
        Of the labels that it was trained on.

    features : dict
        The attributes that describe X.

    Returns
    -------
    classifier : LabelSmoothingClassifier
    """
    classifier = clone(LabelSmoothingClassifier(**params))
    training_params = TrainingParams.of(params, type(classifier).__name__)
    attributes = describe_fit(network, training_params, summary, features)
    vars(classifier).update(attributes)
    return classifier
