"""EpsilonCurveDisplay: the scores of a search over epsilon."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sklearn_ls._differences import Mean, mean_of_splits
from sklearn_ls._types import Estimator, MatrixLike, VectorLike
from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.inspection._pipeline import last_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class EpsilonCurveDisplay:
    """Cross-validated score as a function of epsilon, with its standard error.

    Use :meth:`from_search` to create a display. All epsilons are compared on the same
    folds. The title states whether the paired difference of the chosen epsilon from 0
    is significant.

    Parameters
    ----------
    epsilons : ndarray of shape (n_epsilons,)
        Values of epsilon in ascending order.

    scores : ndarray of shape (n_epsilons, n_splits)
        Score of each epsilon on each of at least two folds; higher is better.

    epsilon : float, default=None
        The chosen epsilon. If None, the verdict is about the epsilon with the highest
        mean score.

    score_name : str, default="score"
        Name of the score, used as the label of the y-axis.

    errors : tuple of two ndarrays of shape (n_epsilons,), default=None
        Standard errors of the differences from epsilon 0, and their degrees of freedom.
        If None, those over folds are used.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the curve.

    figure_ : matplotlib Figure
        The figure of `ax_`.

    line_ : matplotlib Line2D
        Mean score over folds.

    band_ : matplotlib PolyCollection
        Band of one standard error above and below the mean.

    fold_lines_ : list of matplotlib Line2D
        Score of each fold.

    chosen_ : matplotlib Line2D or None
        Vertical line at the chosen epsilon.

    text_ : matplotlib Text
        Title of the plot, which is the verdict.

    See Also
    --------
    sklearn_ls.LabelSmoothingClassifierCV : Search over epsilon.
    smoothing_report : Compares probabilities too, at one epsilon.
    sklearn.model_selection.ValidationCurveDisplay : The curve of any parameter.

    Notes
    -----
    The scores of a :class:`~sklearn_ls.LabelSmoothingClassifierCV` are optimistic, for
    every epsilon, if its networks were stopped early on the folds that score them.

    Whether the difference of the chosen epsilon from 0 is significant is decided by a
    paired t-test at 2.5 %, corrected for the number of epsilons (Bonferroni), as in
    :func:`smoothing_report`. The accuracies of a
    :class:`~sklearn_ls.LabelSmoothingClassifierCV` are compared sample by sample
    (`accuracy_difference_se_`). For other searches and scores, only the means of the
    folds are known: the test then has `n_splits - 1` degrees of freedom and, with five
    folds, detects only large differences.

    The band is the standard error of independent folds, ``std(ddof=1) /
    sqrt(n_splits)``. Folds share most of their training samples, so it tends to be too
    small [1]_.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio. Inference for the generalization error. Machine
       Learning 52, 2003. :doi:`10.1023/A:1024068626366`

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_ls import LabelSmoothingClassifierCV
    >>> from sklearn_ls.inspection import EpsilonCurveDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> search = LabelSmoothingClassifierCV(random_state=0).fit(X, y)
    >>> display = EpsilonCurveDisplay.from_search(search)
    >>> display.verdict
    'epsilon 0.1: +0.011 +- 0.008 against epsilon 0, not significant'
    """

    def __init__(
        self,
        epsilons: VectorLike,
        scores: MatrixLike,
        *,
        epsilon: float | None = None,
        score_name: str = "score",
        errors: tuple[NDArray[Any], NDArray[Any]] | None = None,
    ) -> None:
        self.epsilons = np.asarray(epsilons, dtype=float)
        self.scores = np.asarray(scores, dtype=float)
        self.epsilon = epsilon
        self.score_name = score_name
        self.errors = errors

    @classmethod
    def from_search(
        cls,
        search: Estimator,
        *,
        metric: str | None = None,
        paired: bool = False,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the curve of a search.

        Parameters
        ----------
        search : LabelSmoothingClassifierCV, GridSearchCV or Pipeline
            A fitted search, or a fitted pipeline that ends in one. One of the searched
            parameters must be epsilon, possibly of a step of a pipeline; the others are
            held at their best values.

        metric : str, default=None
            Name of the scorer to plot if there are several. If None, the scorer that
            was used to choose epsilon.

        paired : bool, default=False
            Whether to plot the differences from epsilon 0 instead of the scores.

        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : EpsilonCurveDisplay
            The display, plotted.

        Raises
        ------
        TypeError
            If `search` is not a search.

        ValueError
            If epsilon was not searched or is an array, if `metric` is not the name of a
            scorer, or if ``paired=True`` and epsilon 0 was not searched.
        """
        search = last_step(search)
        check_is_fitted(search)
        if not hasattr(search, "cv_results_"):
            raise TypeError(
                "search must be a LabelSmoothingClassifierCV or a GridSearchCV over "
                f"epsilon, or a pipeline that ends in one. Got {type(search).__name__}."
            )
        results = search.cv_results_
        metric = _check_metric(search, metric)
        name = _name_of_epsilon(results)
        best_params = getattr(search, "best_params_", None)
        if best_params is None:
            best_index = results[f"rank_test_{metric}"].argmin()
            best_params = results["params"][best_index]
        candidates = [
            k
            for k, params in enumerate(results["params"])
            if _is_same(params, best_params, except_for=name)
        ]
        if "iter" in results:  # of successive halving: last iteration
            last = results["iter"][-1]
            candidates = [k for k in candidates if results["iter"][k] == last]
        epsilons = [results["params"][k][name] for k in candidates]
        if any(np.ndim(epsilon) for epsilon in epsilons):
            raise ValueError("Each epsilon of the search must be a single number.")
        epsilons = np.array(epsilons, dtype=float)
        order = np.argsort(epsilons)
        scores = [
            results[f"split{split}_test_{metric}"][candidates]
            for split in range(search.n_splits_)
        ]
        display = cls(
            epsilons[order],
            np.transpose(scores)[order],
            epsilon=float(best_params[name]),
            score_name=_name_of_score(search, metric),
            errors=_find_errors(search, np.array(candidates)[order], metric),
        )
        return display.plot(paired=paired, ax=ax)

    @property
    def differences(self) -> Any:
        """Scores minus those of epsilon 0, of shape (n_epsilons, n_splits)."""
        if 0 not in self.epsilons:
            raise ValueError(
                "Differences are from epsilon 0, which was not searched. Add 0 to the "
                "epsilons of the search."
            )
        return self.scores - self.scores[np.argmin(self.epsilons)]

    @property
    def verdict(self) -> str:
        """Interpretation of the paired differences, in one sentence."""
        if 0 not in self.epsilons or len(self.epsilons) == 1:
            return "nothing to compare: epsilon 0 and another value are required"
        if not np.isfinite(self.scores).all():
            return "nothing to compare: scores are missing (NaN) or infinite"
        epsilon = self.epsilon
        if epsilon is None:
            epsilon = self.epsilons[self.scores.mean(axis=1).argmax()]
        if epsilon == 0:
            return "epsilon 0 was chosen: no smoothing"
        k = np.argmin(np.abs(self.epsilons - epsilon))
        difference = mean_of_splits(self.differences[k])
        if self.errors is not None:
            errors, df = self.errors
            difference = Mean(difference.value, errors[k], df[k])
        if np.isnan(difference.error):
            return "no standard error: there is a single fold or sample"
        is_significant = difference.is_significant(np.count_nonzero(self.epsilons))
        return (
            f"epsilon {epsilon:g}: {difference} against epsilon 0, "
            f"{'' if is_significant else 'not '}significant"
        )

    def plot(self, *, paired: bool = False, ax: "Axes | None" = None) -> Self:
        """Plot the curve.

        Parameters
        ----------
        paired : bool, default=False
            Whether to plot the differences from epsilon 0 instead of the scores.

        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : EpsilonCurveDisplay
            The display itself.
        """
        check_consistent_length(self.epsilons, self.scores)
        values = self.differences if paired else self.scores
        if ax is None:
            ax = new_axes(self)
        means, errors, _ = np.transpose(
            [mean_of_splits(of_folds) for of_folds in values]
        )
        self.fold_lines_ = ax.plot(
            self.epsilons, values, color="gray", alpha=0.4, linewidth=0.8
        )
        self.line_ = ax.plot(self.epsilons, means, marker="o", label="mean")[0]
        self.band_ = ax.fill_between(
            self.epsilons,
            means - errors,
            means + errors,
            color=self.line_.get_color(),
            alpha=0.25,
            linewidth=0,
            label="standard error",
        )
        self.fold_lines_[0].set_label("folds")
        self.chosen_ = None
        if self.epsilon is not None:
            self.chosen_ = ax.axvline(
                self.epsilon,
                color="C1",
                linestyle="--",
                label=f"chosen: {self.epsilon:g}",
            )
        ylabel = self.score_name
        if paired:
            ax.axhline(0, color="0.5", linewidth=0.8)
            ylabel = f"{self.score_name}, difference from epsilon 0"
        ax.set(xlabel="epsilon", ylabel=ylabel)
        self.text_ = ax.set_title(self.verdict, fontsize="small")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _check_metric(search, metric):
    """Return the scorer's name in `cv_results_`, which is "score" for a single one."""
    names = [name[10:] for name in search.cv_results_ if name.startswith("mean_test_")]
    if names == ["score"] and metric in (None, _name_of_score(search, "score")):
        return "score"
    metric = metric or (search.refit if isinstance(search.refit, str) else None)
    if metric not in names:
        raise ValueError(
            f"metric={metric!r} is not a scorer of the search. Choose one of "
            f"{', '.join(map(repr, names))}."
        )
    return metric


def _find_errors(search, candidates, metric):
    """Return the standard errors of accuracies compared by sample, if there are any.

    Whether a scorer computes accuracy is decided by its differences, not by its name.
    """
    differences = getattr(search, "accuracy_difference_", None)
    if differences is None:
        return None
    means = search.cv_results_[f"mean_test_{metric}"][candidates]
    if not np.allclose(differences[candidates], means - means[0], atol=1e-6):
        return None
    return (
        search.accuracy_difference_se_[candidates],
        search.accuracy_difference_df_[candidates],
    )


def _name_of_score(search, metric):
    if metric != "score":
        return metric
    if search.scoring is None:
        return "accuracy"
    return search.scoring if isinstance(search.scoring, str) else "score"


def _name_of_epsilon(results):
    """Return the full name of the parameter epsilon, possibly of a pipeline step."""
    searched = {name for params in results["params"] for name in params}
    names = [name for name in searched if name.split("__")[-1] == "epsilon"]
    if len(names) != 1:
        raise ValueError(
            "The search must be over exactly one epsilon. Got a search over "
            f"{', '.join(sorted(searched)) or 'nothing'}."
        )
    return names[0]


def _is_same(params, other_params, except_for):
    return params.keys() == other_params.keys() and all(
        value is other_params[name] or np.array_equal(value, other_params[name])
        for name, value in params.items()
        if name != except_for
    )
