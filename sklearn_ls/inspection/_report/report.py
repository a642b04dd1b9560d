"""SmoothingReport: scores with and without smoothing, as text, table and plot."""

from html import escape
from textwrap import fill

import numpy as np

from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.inspection._report.scores import SCORES
from sklearn_ls.inspection._report.variants import HARD
from sklearn_ls.inspection._report.verdict import format_verdict
from sklearn_ls.inspection._standard_error import LIMIT, differs, mean_and_error

NOISE_WARNING = (
    "The uniform part is blind to mistakes that follow a pattern; the disagreement "
    "takes the classifier's mistakes for wrong labels. Neither need be right."
)


class SmoothingReport:
    """Scores with and without smoothing, and a verdict on them.

    Created by :func:`smoothing_report`. Shown as text, or as HTML in notebooks.

    Parameters
    ----------
    ways : list of str
        Names of the compared variants. The first is "hard labels".

    scores : ndarray of shape (4, n_ways, n_splits)
        Accuracy, log-loss, Brier score and calibration error of each variant on each
        split. For accuracy higher is better, for the others lower.

    noise : dict of str to float
        Two estimates of the fraction of wrong labels from held-out predictions:
        ``"uniform part"``, the fraction that looks wrong at random, from the
        likelihood of the labels, and ``"disagreement"``, the fraction off the diagonal
        of cleanlab's confident joint, NaN without cleanlab. The first is blind to
        mistakes that follow a pattern, the second counts the mistakes of the classifier
        too; the true fraction may lie outside of both.

    epsilons : list
        The epsilon of the smoothed variants on each split.

    notes : list of str, default=()
        Notes on where the numbers come from, and on their limits.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The axes of the plot, one per score.

    figure_ : matplotlib Figure
        The figure of `axes_`.

    See Also
    --------
    smoothing_report : Creates a report.

    Notes
    -----
    Standard errors are those of independent splits, ``std(ddof=1) / sqrt(n_splits)``.
    Splits share training samples, so these tend to be too small [1]_.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio. Inference for the generalization error. Machine
       Learning 52, 2003. :doi:`10.1023/A:1024068626366`
    """

    def __init__(self, ways, scores, *, noise, epsilons, notes=()):
        self.ways = ways
        self.scores = scores
        self.noise = noise
        self.epsilons = epsilons
        self.notes = notes

    @property
    def table(self):
        """DataFrame with a row for each score (outer index) and variant (inner index).

        Its columns are the mean over splits, its standard error, and the mean paired
        difference from hard labels with its standard error.
        """
        import pandas as pd

        columns = (*mean_and_error(self.scores), *mean_and_error(self._differences()))
        names = "mean", "se", "difference", "difference_se"
        index = pd.MultiIndex.from_product([SCORES, self.ways], names=["score", "way"])
        columns = {
            name: values.ravel() for name, values in zip(names, columns, strict=True)
        }
        return pd.DataFrame(columns, index=index)

    @property
    def verdict(self):
        """What the scores mean, by paired differences and their standard errors."""
        return format_verdict(
            {
                score: dict(zip(self.ways, values, strict=True))
                for score, values in zip(SCORES, self.scores, strict=True)
            },
            smooths=np.any(self.epsilons),
        )

    def plot(self, *, ax=None):
        """Plot the differences from hard labels, with two standard errors.

        Parameters
        ----------
        ax : array-like of matplotlib Axes of shape (4,), default=None
            Axes to plot accuracy, log-loss, Brier score and calibration error on. If
            None, a new figure is created.

        Returns
        -------
        report : SmoothingReport
            The report itself.
        """
        if ax is None:
            size = 11, 1.2 + 0.35 * len(self.ways)
            options = {"figsize": size, "sharey": True, "layout": "constrained"}
            ax = new_axes(self, ncols=len(SCORES), **options)
        axes = np.asarray(ax, dtype=object).ravel()
        if len(axes) != len(SCORES):
            raise ValueError(
                f"ax must hold {len(SCORES)} axes, one per score. Got {len(axes)}."
            )
        means, errors = mean_and_error(self._differences())
        heights = np.arange(1, len(self.ways))
        for axis, score, mean, error in zip(axes, SCORES, means, errors, strict=True):
            axis.axvline(0, color="0.5", linewidth=0.8)
            axis.errorbar(
                mean[1:],
                heights,
                xerr=LIMIT * error[1:],
                fmt="o",
                capsize=3,
                color="C0",
            )
            better = "more" if score == "accuracy" else "less"
            axis.set(title=score, xlabel=f"difference ({better} is better)")
            axis.locator_params(axis="x", nbins=4)
            axis.set_yticks(heights, self.ways[1:])
            axis.set_ylim(len(self.ways) - 0.5, 0.5)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self

    def __repr__(self):
        means, differences = self._format_tables()
        return "\n".join(
            [
                _wrap(self.verdict),
                "",
                f"Mean over {self.scores.shape[2]} folds +- its standard error",
                means.to_string(),
                "",
                f"Paired difference from {HARD} (* beyond {LIMIT} standard errors)",
                differences.to_string(),
                "",
                _wrap(self._describe_noise()),
                *(_wrap(note) for note in self.notes),
            ]
        )

    def _repr_html_(self):
        means, differences = self._format_tables()
        return "\n".join(
            [
                "<div>",
                f"<p><b>{escape(self.verdict)}</b></p>",
                f"<p>Mean over {self.scores.shape[2]} folds +- its standard error</p>",
                means.to_html(border=0),
                f"<p>Paired difference from {HARD} (* beyond {LIMIT} standard "
                "errors)</p>",
                differences.to_html(border=0),
                f"<p>{escape(self._describe_noise())}</p>",
                "<ul>",
                *(f"<li>{escape(note)}</li>" for note in self.notes),
                "</ul>",
                "</div>",
            ]
        )

    def _differences(self):
        return self.scores - self.scores[:, :1]

    def _format_tables(self):
        """Return the means and the differences as they are shown."""
        differences = self._differences()[:, 1:]
        return (
            _format_table(self.scores, self.ways, "{:.3f} +- {:.3f}"),
            _format_table(differences, self.ways[1:], "{:+.3f} +- {:.3f}", mark=True),
        )

    def _describe_noise(self):
        rates = {
            name: "not known without cleanlab (pip install 'sklearn-ls[cleanlab]')"
            if np.isnan(rate)
            else f"{rate:.2f}"
            for name, rate in self.noise.items()
        }
        estimates = ", ".join(f"{name} {rate}" for name, rate in rates.items())
        return f"Share of wrong labels: {estimates}. {NOISE_WARNING}"


def _format_table(values, variants, template, mark=False):
    """Return means and standard errors as text.

    Parameters
    ----------
    values : ndarray of shape (4, n_variants, n_splits)

    variants : list of str

    template : str
        Format of a mean and its standard error.

    mark : bool, default=False
        Whether to mark means that differ from 0.

    Returns
    -------
    table : DataFrame of shape (n_variants, 4)
    """
    import pandas as pd

    def format_cell(mean, error):
        star = "*" if differs(mean, error) else " "
        return template.format(mean, error) + (star if mark else "")

    columns = {
        score: list(map(format_cell, *mean_and_error(of_score)))
        for score, of_score in zip(SCORES, values, strict=True)
    }
    return pd.DataFrame(columns, index=variants)


def _wrap(text):
    return fill(text, 88, break_on_hyphens=False)
