"""SmoothingReport: scores with and without smoothing, as text, table and plot."""

from collections.abc import Sequence
from html import escape
from textwrap import fill
from typing import Any, Self

import numpy as np

from sklearn_ls.inspection._figure import new_axes
from sklearn_ls.inspection._report.scores import SCORES
from sklearn_ls.inspection._report.variants import HARD
from sklearn_ls.inspection._report.verdict import format_verdict

NOISE_WARNING = (
    "The uniform part does not include mistakes that follow a pattern; the "
    "disagreement includes mistakes of the classifier. Both may be wrong."
)


class SmoothingReport:
    """Scores with and without smoothing, and a verdict on them.

    Reports are created by :func:`smoothing_report`. They are displayed as text or, in
    notebooks, as HTML.

    Parameters
    ----------
    paired : dict of str to VariantScores
        Accuracy, log-loss, Brier score, calibration error and area under the
        risk-coverage curve (AURC) of all variants.

    noise : dict of str to float
        Two estimates of the fraction of wrong labels from held-out predictions:
        ``"uniform part"``, the fraction that looks wrong at random, from the likelihood
        of the labels, and ``"disagreement"``, the fraction off the diagonal of
        cleanlab's confident joint, NaN without cleanlab. The first does not include
        mistakes that follow a pattern, and the second includes mistakes of the
        classifier; the true fraction may be smaller or larger than both.

    epsilons : list
        The epsilon of the smoothed variants on each split.

    notes : list of str, default=()
        Notes on where the numbers come from, and on their limits.

    Attributes
    ----------
    ways : list of str
        Names of the compared variants. The first is "hard labels".

    scores : ndarray of shape (5, n_ways, n_splits)
        Accuracy, log-loss, Brier score, calibration error and area under the
        risk-coverage curve of each variant on each split. Higher is better for
        accuracy, lower for the others.

    axes_ : ndarray of matplotlib Axes
        The axes of the plot, one per score.

    figure_ : matplotlib Figure
        The figure of `axes_`.

    See Also
    --------
    smoothing_report : Creates a report.

    Notes
    -----
    Whether a difference from hard labels is significant is decided by a paired t-test
    at 2.5 % for each score, corrected for the number of differences (Bonferroni). This
    is the number of variants (one for accuracy, which calibration hardly changes),
    multiplied by the number of epsilons if epsilon was chosen on these samples.

    Differences are paired by test sample. Their standard error over samples treats the
    networks as fixed; the standard error over splits is used instead if it is larger,
    since the networks themselves vary. The calibration error and the AURC are computed
    per split and paired by split. Since splits share training samples, the standard
    errors over splits tend to be too small [1]_.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio. Inference for the generalization error. Machine
       Learning 52, 2003. :doi:`10.1023/A:1024068626366`
    """

    def __init__(
        self,
        paired: dict[str, Any],
        *,
        noise: dict[str, float],
        epsilons: Sequence[Any],
        notes: Sequence[str] = (),
    ) -> None:
        self.paired = paired
        self.noise = noise
        self.epsilons = epsilons
        self.notes = notes
        self.ways = paired["accuracy"].variants
        self.scores = np.array(
            [of_score.of_whole_splits for of_score in paired.values()]
        )

    @property
    def table(self) -> Any:
        """DataFrame with a row for each score (outer index) and variant (inner index).

        Its columns are the mean over splits, its standard error, and the mean
        paired difference from hard labels with its standard error.
        """
        import pandas as pd

        rows = {
            (score, way): of_score.mean(way)[:2] + of_score.difference(way, HARD)[:2]
            for score, of_score in self.paired.items()
            for way in self.ways
        }
        return pd.DataFrame(
            rows.values(),
            index=pd.MultiIndex.from_tuples(rows, names=["score", "way"]),
            columns=["mean", "se", "difference", "difference_se"],
        )

    @property
    def verdict(self) -> str:
        """Interpretation of the paired differences and their standard errors."""
        return format_verdict(self.paired)

    def plot(self, *, ax: Any = None) -> Self:
        """Plot the differences from hard labels, with two standard errors.

        Parameters
        ----------
        ax : array-like of matplotlib Axes of shape (5,), default=None
            Axes to plot the scores on, in the order of `scores`. If None, a new figure
            is created.

        Returns
        -------
        report : SmoothingReport
            The report itself.
        """
        if ax is None:
            size = 13, 1.2 + 0.35 * len(self.ways)
            options = {"figsize": size, "sharey": True, "layout": "constrained"}
            ax = new_axes(self, ncols=len(SCORES), **options)
        axes = np.asarray(ax, dtype=object).ravel()
        if len(axes) != len(SCORES):
            raise ValueError(
                f"ax must have {len(SCORES)} axes, one per score. Got {len(axes)}."
            )
        heights = np.arange(1, len(self.ways))
        for axis, (score, of_score) in zip(axes, self.paired.items(), strict=True):
            means, errors, _ = np.transpose(
                [of_score.difference(way, HARD) for way in self.ways[1:]]
            )
            axis.axvline(0, color="0.5", linewidth=0.8)
            axis.errorbar(
                means,
                heights,
                xerr=2 * errors,
                fmt="o",
                capsize=3,
                color="C0",
            )
            better = "higher" if score == "accuracy" else "lower"
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
                f"Paired difference from {HARD} (* significant)",
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
                f"<p>Paired difference from {HARD} (* significant)</p>",
                differences.to_html(border=0),
                f"<p>{escape(self._describe_noise())}</p>",
                "<ul>",
                *(f"<li>{escape(note)}</li>" for note in self.notes),
                "</ul>",
                "</div>",
            ]
        )

    def _format_tables(self):
        """Return the means and the differences as they are shown."""
        import pandas as pd

        means, differences = {}, {}
        for score, of_score in self.paired.items():
            means[score] = [
                "{:.3f} +- {:.3f}".format(*of_score.mean(way)) for way in self.ways
            ]
            differences[score] = [
                "{:+.3f} +- {:.3f}".format(*difference)
                + ("*" if of_score.is_significant(difference) else " ")
                for way in self.ways[1:]
                for difference in [of_score.difference(way, HARD)]
            ]
        return (
            pd.DataFrame(means, index=self.ways),
            pd.DataFrame(differences, index=self.ways[1:]),
        )

    def _describe_noise(self):
        rates = {
            name: "requires cleanlab (pip install 'sklearn-ls[cleanlab]')"
            if np.isnan(rate)
            else f"{rate:.2f}"
            for name, rate in self.noise.items()
        }
        estimates = ", ".join(f"{name} {rate}" for name, rate in rates.items())
        return f"Fraction of wrong labels: {estimates}. {NOISE_WARNING}"


def _wrap(text):
    return fill(text, 88, break_on_hyphens=False)
