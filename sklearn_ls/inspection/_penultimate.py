"""PenultimateDisplay: penultimate activations in the plane of three classes."""

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._types import Estimator, MatrixLike, SamplesLike
from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.inspection._pipeline import last_step, transform_up_to_last

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class PenultimateDisplay:
    """Penultimate activations in the plane through the templates of three classes.

    The template of a class is the weight vector of its logit in the last linear layer.
    The activations of samples of three classes are projected onto the plane through the
    three templates [1]_. Use :meth:`from_estimator` or :meth:`from_embedding` to create
    a display.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Projected activations of samples of the three classes.

    y : ndarray of shape (n_samples,)
        Labels of the samples.

    templates : ndarray of shape (3, 2)
        Projected templates of the classes.

    classes : array-like of shape (3,)
        The classes, in the order of `templates`.

    name : str, default=None
        Name of the network, used as the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.

    figure_ : matplotlib Figure
        The figure of `ax_`.

    scatters_ : list of matplotlib PathCollection
        The samples of each class.

    templates_ : matplotlib PathCollection
        The templates.

    See Also
    --------
    sklearn_ls.LabelSmoothingClassifier.embed : The activations themselves.
    ReliabilityDisplay : Whether the probabilities are calibrated.

    Notes
    -----
    With the templates :math:`w_a, w_b, w_c`, the basis of the plane results from the
    Gram-Schmidt process applied to :math:`w_b - w_a` and :math:`w_c - w_a`, so that the
    first axis points from `a` to `b`, and `c` lies above it. The origin is the mean of
    the templates.

    The projection preserves the scalar products of the activations with the differences
    of templates, which are the differences of the logits: the position of a sample in
    the plane determines the differences between its logits of the three classes. To
    this end :meth:`from_estimator` treats the bias of the last layer as a further
    weight, of an activation that is always 1, as [1]_ does.

    The scales of two networks differ: check the axes before comparing spreads.

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
    >>> clf = LabelSmoothingClassifier(random_state=0).fit(X, y)
    >>> display = PenultimateDisplay.from_estimator(clf, X, y, classes=(0, 1, 2))
    >>> display.points.shape
    (178, 2)
    """

    def __init__(
        self,
        points: MatrixLike,
        y: ArrayLike,
        templates: MatrixLike,
        classes: ArrayLike,
        *,
        name: str | None = None,
    ) -> None:
        self.points = np.asarray(points, dtype=float)
        self.y = np.asarray(y)
        self.templates = np.asarray(templates, dtype=float)
        self.classes = np.asarray(classes)
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: SamplesLike,
        y: ArrayLike,
        *,
        classes: ArrayLike,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the activations of a fitted network for samples of three classes.

        Parameters
        ----------
        estimator : LabelSmoothingClassifier, LabelSmoothingClassifierCV, Pipeline or \
                search
            A fitted classifier, a fitted pipeline that ends in one, or a search that
            has refitted one. For a :class:`~sklearn_ls.LabelSmoothingClassifierCV` with
            ``ensemble=True``, pass one of its `estimators_`.

        X : {array-like, sparse matrix} of shape (n_samples, n_features) or array-like \
                of shape (n_samples, ...)
            Samples, in a form that the estimator accepts.

        y : array-like of shape (n_samples,)
            Labels. Samples of classes other than the three are ignored.

        classes : array-like of shape (3,)
            Three of the `classes_` of the estimator.

        name : str, default=None
            Title of the plot.

        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : PenultimateDisplay
            The display, plotted.

        Raises
        ------
        TypeError
            If the estimator has no network or several networks.

        ValueError
            If `classes` are not three of the `classes_` of the estimator, if the
            estimator is multilabel, or as in :meth:`from_embedding`.
        """
        check_is_fitted(estimator)
        network, X = _find_network(estimator, X)
        if network.label_smoother_.multilabel_:
            raise ValueError(
                "PenultimateDisplay requires one label per sample, but the classifier "
                "is multilabel."
            )
        network_classes = network.classes_.tolist()
        indices = _find_indices(_check_classes(classes), network_classes)
        weights, biases = _read_last_linear(network.net_.module_)
        if len(weights) != len(network_classes):
            raise ValueError(
                f"The last torch.nn.Linear of the module has {len(weights)} outputs, "
                f"but there are {len(network_classes)} classes. It must be the layer "
                "that returns the logits."
            )
        embedding = network.embed(X)
        return cls.from_embedding(
            np.column_stack([embedding, np.ones(len(embedding))]),
            y,
            np.column_stack([weights, biases])[indices],
            classes=classes,
            name=name,
            ax=ax,
        )

    @classmethod
    def from_embedding(
        cls,
        embedding: MatrixLike,
        y: ArrayLike,
        templates: MatrixLike,
        *,
        classes: ArrayLike,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Project the activations of any network, and plot them.

        Parameters
        ----------
        embedding : array-like of shape (n_samples, n_units)
            Input of the last linear layer. To include its biases, append a column of
            ones.

        y : array-like of shape (n_samples,)
            Labels. Samples of classes other than the three are ignored.

        templates : array-like of shape (3, n_units)
            Weights of the last linear layer, one row per class, in the order of
            `classes`. To include the biases, append them as a column.

        classes : array-like of shape (3,)
            The three classes.

        name : str, default=None
            Title of the plot.

        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : PenultimateDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If `classes` are not three different classes, none of the samples belongs
            to them, or their templates lie on a line.
        """
        labels = _check_classes(classes)
        embedding = check_array(embedding, dtype=float, input_name="embedding")
        templates = check_array(templates, dtype=float, input_name="templates")
        y = column_or_1d(y)
        check_consistent_length(embedding, y)
        if templates.shape != (3, embedding.shape[1]):
            raise ValueError(
                f"templates must have shape (3, {embedding.shape[1]}), one row per "
                f"class and one column per unit of embedding. Got {templates.shape}."
            )
        kept = np.array([label in labels for label in y.tolist()])
        if not kept.any():
            raise ValueError(f"y has no sample of the classes {labels}.")
        basis, origin = _plane(templates), templates.mean(axis=0)
        display = cls(
            (embedding[kept] - origin) @ basis,
            y[kept],
            (templates - origin) @ basis,
            labels,
            name=name,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None, name: str | None = None) -> Self:
        """Plot the samples and the templates.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.

        name : str, default=None
            Title of the plot. If None, the `name` of the display.

        Returns
        -------
        display : PenultimateDisplay
            The display itself.
        """
        if ax is None:
            ax = new_axes(self)
        self.scatters_ = [
            ax.scatter(
                self.points[self.y == label, 0],
                self.points[self.y == label, 1],
                s=12,
                alpha=0.6,
                linewidths=0,
                color=f"C{k}",
                label=str(label),
            )
            for k, label in enumerate(self.classes)
        ]
        self.templates_ = ax.scatter(
            self.templates[:, 0],
            self.templates[:, 1],
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
    """Return the only network of an estimator, and X transformed for it."""
    if isinstance(estimator, Pipeline):
        return _find_network(last_step(estimator), transform_up_to_last(estimator, X))
    if hasattr(estimator, "best_estimator_"):
        return _find_network(estimator.best_estimator_, X)
    if hasattr(estimator, "embed"):
        return estimator, X
    if hasattr(type(estimator), "embed"):
        raise TypeError(
            "An ensemble of fold networks has no common penultimate layer. Pass one of "
            "them, such as estimators_[0], or fit with ensemble=False."
        )
    raise TypeError(
        "estimator must be a LabelSmoothingClassifier, possibly at the end of a "
        f"pipeline or refitted by a search. Got {type(estimator).__name__}. For other "
        "networks, use from_embedding."
    )


def _read_last_linear(module):
    """Return the weights and the biases of the last torch.nn.Linear of a module.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    weights : ndarray of shape (n_outputs, n_units)

    biases : ndarray of shape (n_outputs,)
        Zeros if the layer has none.
    """
    from torch.nn import Linear

    linears = [layer for layer in module.modules() if isinstance(layer, Linear)]
    if not linears:
        raise ValueError(
            "PenultimateDisplay requires a module with a torch.nn.Linear as its last "
            "layer."
        )
    last = linears[-1]
    weights = last.weight.detach().cpu().numpy()
    if last.bias is None:
        return weights, np.zeros(len(weights))
    return weights, last.bias.detach().cpu().numpy()


def _check_classes(classes):
    """Return three different classes as a list."""
    labels = np.asarray(classes).tolist()
    if np.ndim(labels) != 1 or len(labels) != 3 or len(set(labels)) != 3:
        raise ValueError(f"classes must be three different classes. Got {classes!r}.")
    return labels


def _find_indices(labels, network_classes):
    """Return the indices of three classes among those of a network."""
    if len(network_classes) < 3:
        raise ValueError(
            "PenultimateDisplay requires a classifier with at least three classes. "
            f"Got classes_ {network_classes}."
        )
    if unknown := [label for label in labels if label not in network_classes]:
        raise ValueError(
            f"classes contains {unknown}, but classes_ are {network_classes}."
        )
    return [network_classes.index(label) for label in labels]


def _plane(templates):
    """Return an orthonormal basis of the plane through three points, as columns."""
    basis, triangle = np.linalg.qr((templates[1:] - templates[0]).T)
    lengths = np.diag(triangle)
    if len(lengths) < 2 or np.abs(lengths).min() <= 1e-6 * np.abs(triangle).max():
        raise ValueError(
            "The templates of the three classes lie on a line, so they do not define "
            "a plane."
        )
    return basis * np.sign(lengths)
