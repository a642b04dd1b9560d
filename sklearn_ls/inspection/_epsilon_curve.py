"""EpsilonCurveDisplay: the scores of a search over epsilon."""

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.inspection._pipeline import last_step
from sklearn_ls.inspection._standard_error import differs, mean_and_error


class EpsilonCurveDisplay:
    """Cross-validated score over epsilon, with its standard error.

    Make one with :meth:`from_search`. The folds share everything but epsilon, so that
    it is the differences within folds, with their paired standard error, that tell
    whether an epsilon is better than none.

    Parameters
    ----------
    epsilons : ndarray of shape (n_epsilons,)
        In ascending order.

    scores : ndarray of shape (n_epsilons, n_splits)
        Of each epsilon on each fold, at least two; larger is better.

    epsilon : float, default=None
        The one that was chosen.

    score_name : str, default="score"
        What the scores are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        The figure of `ax_`.

    line_ : matplotlib Line2D
        The mean over folds.

    band_ : matplotlib PolyCollection
        One standard error of the mean to each side.

    fold_lines_ : list of matplotlib Line2D
        The folds.

    chosen_ : matplotlib Line2D or None
        The chosen epsilon.

    text_ : matplotlib Text
        The verdict.

    See Also
    --------
    sklearn_ls.LabelSmoothingClassifierCV : Searches epsilon.
    smoothing_report : Compares the probabilities, too, at one epsilon.
    sklearn.model_selection.ValidationCurveDisplay : The curve of any parameter.

    Notes
    -----
    Networks of a :class:`~sklearn_ls.LabelSmoothingClassifierCV` that were stopped by
    the folds that score them have optimistic scores, whatever the epsilon.

    The standard error over folds is that of independent values,
    ``std(ddof=1) / sqrt(n_splits)``. Folds share most of their training rows, so that
    it is rather too small [1]_; and of several epsilons one may be two standard errors
    from 0 by chance. Repeat the folds
    (:class:`~sklearn.model_selection.RepeatedStratifiedKFold`) where it matters.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio. Inference for the generalization error. Machine
       Learning 52, 2003. :doi:`10.1023/A:1024068626366`

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ls import LabelSmoothingClassifierCV
    >>> from sklearn_ls.inspection import EpsilonCurveDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> search = LabelSmoothingClassifierCV([0, 0.1, 0.3], learning_rate=0.01)
    >>> search = search.set_params(random_state=0).fit(X, y)
    >>> display = EpsilonCurveDisplay.from_search(search)
    >>> display.verdict
    'no epsilon differs from 0 by more than two paired standard errors'
    """

    def __init__(self, epsilons, scores, *, epsilon=None, score_name="score"):
        self.epsilons = np.asarray(epsilons, dtype=float)
        self.scores = np.asarray(scores, dtype=float)
        self.epsilon = epsilon
        self.score_name = score_name

    @classmethod
    def from_search(cls, search, *, metric=None, paired=False, ax=None):
        """Draw the curve of a search.

        Parameters
        ----------
        search : LabelSmoothingClassifierCV, GridSearchCV or Pipeline
            Fitted; a pipeline ends in a search. Of the parameters that were searched
            one is epsilon, maybe that of a step of a pipeline; the others are held at
            their best values.

        metric : str, default=None
            Which of several scorers; None for the one that chose.

        paired : bool, default=False
            Whether to draw the differences from epsilon 0 instead of the scores.

        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : EpsilonCurveDisplay

        Raises
        ------
        TypeError
            If it is no search.

        ValueError
            If epsilon was not searched or is an array, if `metric` is none of the
            scorers, and for ``paired=True`` without epsilon 0.
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
        best = getattr(search, "best_params_", None)
        if best is None:
            best = results["params"][results[f"rank_test_{metric}"].argmin()]
        rows = [
            row
            for row, params in enumerate(results["params"])
            if _is_same(params, best, but_for=name)
        ]
        if "iter" in results:  # of successive halving: the last round
            rows = [row for row in rows if results["iter"][row] == results["iter"][-1]]
        epsilons = [results["params"][row][name] for row in rows]
        if any(np.ndim(epsilon) for epsilon in epsilons):
            raise ValueError("A curve needs epsilons that are single numbers.")
        epsilons = np.array(epsilons, dtype=float)
        order = np.argsort(epsilons)
        scores = [
            results[f"split{split}_test_{metric}"][rows]
            for split in range(search.n_splits_)
        ]
        display = cls(
            epsilons[order],
            np.transpose(scores)[order],
            epsilon=float(best[name]),
            score_name=_name_of_score(search, metric),
        )
        return display.plot(paired=paired, ax=ax)

    @property
    def differences(self):
        """Scores less those of epsilon 0, of shape (n_epsilons, n_splits)."""
        if 0 not in self.epsilons:
            raise ValueError(
                "The differences are those from epsilon 0, which was not searched."
            )
        return self.scores - self.scores[np.argmin(self.epsilons)]

    @property
    def verdict(self):
        """What the paired differences tell, in a sentence."""
        if 0 not in self.epsilons or len(self.epsilons) == 1:
            return "epsilon 0 and another are needed: nothing to compare"
        if np.isnan(self.scores).any():
            return "scores are missing (NaN): nothing to compare"
        if self.scores.shape[1] < 2:
            return "a single fold has no standard error"
        means, errors = mean_and_error(self.differences)
        counts = differs(means, errors)
        if not counts.any():
            return "no epsilon differs from 0 by more than two paired standard errors"
        means = np.where(counts, means, -np.inf)
        row = np.argmax(means)  # a gain, if there is one
        return (
            f"epsilon {self.epsilons[row]:g} differs from 0 by "
            f"{means[row]:+.2g} +- {errors[row]:.1g} (paired standard error)"
        )

    def plot(self, *, paired=False, ax=None):
        """Draw the curve.

        Parameters
        ----------
        paired : bool, default=False
            Whether to draw the differences from epsilon 0 instead of the scores.

        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : EpsilonCurveDisplay
        """
        check_consistent_length(self.epsilons, self.scores)
        values = self.differences if paired else self.scores
        if ax is None:
            ax = new_axes(self)
        means, errors = mean_and_error(values)
        self.fold_lines_ = ax.plot(self.epsilons, values, color="0.8", linewidth=0.8)
        (self.line_,) = ax.plot(self.epsilons, means, marker="o", label="mean")
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
        if paired:
            ax.axhline(0, color="0.5", linewidth=0.8)
        what = f"{self.score_name}, difference from epsilon 0"
        ax.set(xlabel="epsilon", ylabel=what if paired else self.score_name)
        self.text_ = ax.set_title(self.verdict, fontsize="small")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _check_metric(search, metric):
    """Return the name of the scorer in `cv_results_`, where a single one is "score"."""
    names = [name[10:] for name in search.cv_results_ if name.startswith("mean_test_")]
    if names == ["score"] and metric in (None, _name_of_score(search, "score")):
        return "score"
    metric = metric or (search.refit if isinstance(search.refit, str) else None)
    if metric not in names:
        raise ValueError(
            f"metric={metric!r} is none of the scorers of the search. Choose one of "
            f"{', '.join(map(repr, names))}."
        )
    return metric


def _name_of_score(search, metric):
    if metric != "score":
        return metric
    if search.scoring is None:
        return "accuracy"
    return search.scoring if isinstance(search.scoring, str) else "score"


def _name_of_epsilon(results):
    """Return the parameter that is epsilon, maybe of a step of a pipeline."""
    searched = {name for params in results["params"] for name in params}
    names = [name for name in searched if name.split("__")[-1] == "epsilon"]
    if len(names) != 1:
        raise ValueError(
            "The search must be over one epsilon; it is over "
            f"{', '.join(sorted(searched)) or 'nothing'}."
        )
    return names[0]


def _is_same(params, best, but_for):
    return params.keys() == best.keys() and all(
        params[name] is best[name] or np.array_equal(params[name], best[name])
        for name in params
        if name != but_for
    )
