"""PenultimateDisplay: the last hidden layer, seen in the plane of three classes."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.inspection._pipeline import last_step, transform_up_to_last


class PenultimateDisplay:
    """Penultimate activations in the plane through the templates of three classes.

    The template of a class is what the last linear layer multiplies the activations
    with to get its logit. Three templates span a plane; the rows of their classes are
    projected onto it [1]_. Make one with :meth:`from_estimator` or
    :meth:`from_embedding`.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Rows of the three classes, projected.

    y : ndarray of shape (n_samples,)
        Their labels.

    templates : ndarray of shape (3, 2)
        Templates of the classes, projected.

    classes : array-like of shape (3,)
        The classes, in the order of `templates`.

    name : str, default=None
        What the network is called: the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        The figure of `ax_`.

    scatters_ : list of matplotlib PathCollection
        The rows of each class.

    templates_ : matplotlib PathCollection
        The templates.

    See Also
    --------
    sklearn_ls.LabelSmoothingClassifier.embed : The activations themselves.
    ReliabilityDisplay : Whether the probabilities are right.

    Notes
    -----
    With the templates :math:`w_a, w_b, w_c`, the basis of the plane is that which the
    Gram-Schmidt process makes of :math:`w_b - w_a` and :math:`w_c - w_a`, so that the
    first axis leads from `a` to `b`, and `c` lies above it. The origin is the mean of
    the templates.

    The projection keeps the scalar products of the activations with the differences of
    templates, and those are the differences of the logits: the place of a row in the
    plane tells how the three classes compare for it, and what is lost tells nothing of
    that. To that end :meth:`from_estimator` counts the bias of the last layer as
    one more weight, of an activation that is always 1, as [1]_ does.

    Scales of two networks differ: look at the axes before comparing spreads.

    References
    ----------
    .. [1] R. Müller, S. Kornblith and G. Hinton. When does label smoothing help?
       NeurIPS 2019, section 2. :doi:`10.48550/arXiv.1906.02629`

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ls import LabelSmoothingClassifier
    >>> from sklearn_ls.inspection import PenultimateDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> clf = LabelSmoothingClassifier(learning_rate=0.01, random_state=0).fit(X, y)
    >>> display = PenultimateDisplay.from_estimator(clf, X, y, classes=(0, 1, 2))
    >>> display.points.shape
    (178, 2)
    """

    def __init__(self, points, y, templates, classes, *, name=None):
        self.points = np.asarray(points, dtype=float)
        self.y = np.asarray(y)
        self.templates = np.asarray(templates, dtype=float)
        self.classes = np.asarray(classes)
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y, *, classes, name=None, ax=None):
        """Draw what a fitted network makes of the rows of three classes.

        Parameters
        ----------
        estimator : LabelSmoothingClassifier, LabelSmoothingClassifierCV, Pipeline or \
                search
            Fitted. A pipeline ends in one of the classifiers, and a search has refitted
            one. Of a :class:`~sklearn_ls.LabelSmoothingClassifierCV` with
            ``ensemble=True`` pass one of `estimators_`.

        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            What the estimator takes.

        y : array-like of shape (n_samples,)
            Labels; rows of other classes than the three are left out.

        classes : array-like of shape (3,)
            Three of `classes_`.

        name : str, default=None
            The title; None for none.

        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : PenultimateDisplay

        Raises
        ------
        TypeError
            If the estimator holds no network, or several.

        ValueError
            If the classes are not three of at least three, for multilabel `y`, and as
            :meth:`from_embedding` does.
        """
        check_is_fitted(estimator)
        network, X = _find_network(estimator, X)
        if network.label_smoother_.multilabel_:
            raise ValueError(
                "PenultimateDisplay needs one label a row, but the classifier is "
                "multilabel."
            )
        known = network.classes_.tolist()
        rows = _positions(_check_classes(classes), known)
        weights, biases = network._last_layer()
        if len(weights) != len(known):
            raise ValueError(
                f"The last torch.nn.Linear of the module has {len(weights)} outputs, "
                f"but there are {len(known)} classes: it must be the layer "
                "that gives the logits."
            )
        embedding = network.embed(X)
        return cls.from_embedding(
            np.column_stack([embedding, np.ones(len(embedding))]),
            y,
            np.column_stack([weights, biases])[rows],
            classes=classes,
            name=name,
            ax=ax,
        )

    @classmethod
    def from_embedding(cls, embedding, y, templates, *, classes, name=None, ax=None):
        """Project activations of any network, and draw them.

        Parameters
        ----------
        embedding : array-like of shape (n_samples, n_units)
            What the last linear layer takes. To account for its biases append a column
            of ones.

        y : array-like of shape (n_samples,)
            Labels; rows of other classes than the three are left out.

        templates : array-like of shape (3, n_units)
            Rows of the weights of the last linear layer, in the order of `classes`.
            Append the biases to account for them.

        classes : array-like of shape (3,)
            The classes.

        name : str, default=None
            The title; None for none.

        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : PenultimateDisplay

        Raises
        ------
        ValueError
            If there are no three different classes, none of the rows belongs to them,
            or their templates lie on a line.
        """
        labels = _check_classes(classes)
        embedding = check_array(embedding, dtype=float, input_name="embedding")
        templates = check_array(templates, dtype=float, input_name="templates")
        y = column_or_1d(y)
        check_consistent_length(embedding, y)
        if templates.shape != (3, embedding.shape[1]):
            raise ValueError(
                f"templates must be of shape (3, {embedding.shape[1]}), a row for each "
                f"class and a column for each of embedding. Got {templates.shape}."
            )
        kept = np.array([label in labels for label in y.tolist()])
        if not kept.any():
            raise ValueError(f"No row of y is of one of the classes {labels}.")
        basis, origin = _plane(templates), templates.mean(axis=0)
        display = cls(
            (embedding[kept] - origin) @ basis,
            y[kept],
            (templates - origin) @ basis,
            labels,
            name=name,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None, name=None):
        """Draw the rows and the templates.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        name : str, default=None
            The title; None for the `name` of the display.

        Returns
        -------
        display : PenultimateDisplay
        """
        if ax is None:
            ax = new_axes(self)
        self.scatters_ = [
            ax.scatter(
                *self.points[self.y == label].T,
                s=12,
                alpha=0.6,
                linewidths=0,
                color=f"C{k}",
                label=str(label),
            )
            for k, label in enumerate(self.classes)
        ]
        self.templates_ = ax.scatter(
            *self.templates.T,
            s=140,
            marker="*",
            color=["C0", "C1", "C2"],
            edgecolors="black",
            zorder=3,
        )
        ax.scatter([], [], s=140, marker="*", c="w", edgecolors="k", label="template")
        first, second, third = self.classes
        ax.set(
            xlabel=f"from {first} towards {second}",
            ylabel=f"towards {third}",
            title=self.name if name is None else name,
        )
        ax.set_aspect("equal", adjustable="datalim")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _find_network(estimator, X):
    """Return the one network of an estimator, and X as it takes it."""
    if isinstance(estimator, Pipeline):
        return _find_network(last_step(estimator), transform_up_to_last(estimator, X))
    if hasattr(estimator, "best_estimator_"):
        return _find_network(estimator.best_estimator_, X)
    if hasattr(estimator, "embed"):
        return estimator, X
    if hasattr(type(estimator), "embed"):
        raise TypeError(
            "Fold networks that predict together have no penultimate layer in common. "
            "Pass one of them, such as estimators_[0], or fit with ensemble=False."
        )
    raise TypeError(
        "PenultimateDisplay needs a LabelSmoothingClassifier, maybe at the end of a "
        f"pipeline or refitted by a search. Got {type(estimator).__name__}; for other "
        "networks there is from_embedding."
    )


def _check_classes(classes):
    """Return three different classes as a list."""
    labels = np.asarray(classes).tolist()
    if np.ndim(labels) != 1 or len(labels) != 3 or len(set(labels)) != 3:
        raise ValueError(f"classes must be three different classes. Got {classes!r}.")
    return labels


def _positions(labels, known):
    """Return where three classes are among those that a classifier knows."""
    if len(known) < 3:
        raise ValueError(
            "The plane of three classes needs a classifier of at least three. This one "
            f"knows {known}."
        )
    if unknown := [label for label in labels if label not in known]:
        raise ValueError(f"classes holds {unknown}, but classes_ are {known}.")
    return [known.index(label) for label in labels]


def _plane(templates):
    """Return an orthonormal basis of the plane through three points, as columns."""
    basis, triangle = np.linalg.qr((templates[1:] - templates[0]).T)
    lengths = np.diag(triangle)
    if len(lengths) < 2 or np.abs(lengths).min() <= 1e-6 * np.abs(triangle).max():
        raise ValueError(
            "The templates of the three classes lie on a line, through which there is "
            "no single plane."
        )
    return basis * np.sign(lengths)
