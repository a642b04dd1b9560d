"""Invalid votes of annotators, in the `fit` of the network classifiers."""

import numpy as np
import pandas as pd

from faults.bad_input import Row
from faults.data import ONEHOT, SOFT, Y

ANSWERS = np.stack([Y, (Y + 1) % 3], axis=1)


def votes_with(values):
    """Return votes as objects, with other values on the first samples."""
    votes = ANSWERS.astype(object)
    votes[: len(values), 0] = values
    return votes


VOTES = {
    "votes": [
        Row(
            "`votes` with a different number of samples than `X`",
            ValueError,
            "votes has 149 samples, but X has 150",
            {"": {"y": Y, "votes": ANSWERS[1:]}},
        ),
        Row(
            "`votes` that are all missing",
            ValueError,
            "votes must contain at least one vote",
            {
                "-1": {"y": Y, "votes": np.full((150, 2), -1)},
                "NaN": {"y": Y, "votes": np.full((150, 2), np.nan)},
            },
        ),
        Row(
            "A sample without votes, with ``y=None``",
            ValueError,
            "votes has no vote on sample 0",
            {"": {"y": None, "votes": np.r_[[[-1, -1]], ANSWERS[1:]]}},
        ),
        Row(
            "Votes for only one class, with ``y=None``",
            ValueError,
            "votes must contain at least two different labels. Got [1]",
            {"": {"y": None, "votes": np.ones((150, 2), dtype=int)}},
        ),
        Row(
            "Votes that are both strings and numbers",
            ValueError,
            "mixed label types",
            {"": {"y": None, "votes": votes_with(["cat"])}},
        ),
        Row(
            'The string "-1" as a vote',
            ValueError,
            "votes has the label '-1'",
            {"": {"y": None, "votes": np.where(ANSWERS == 0, "-1", "cat")}},
        ),
        Row(
            "A DataFrame with only some of the columns for one vote per row",
            ValueError,
            "A DataFrame of votes needs the columns ['sample', 'annotator', 'label']",
            {"": {"y": Y, "votes": pd.DataFrame({"sample": Y, "label": Y})}},
        ),
        Row(
            "Both `votes` and `y_soft`",
            ValueError,
            "votes cannot be combined with y_soft",
            {"": {"y": Y, "votes": ANSWERS, "y_soft": SOFT}},
        ),
        Row(
            "`votes` with a matrix as `y`",
            ValueError,
            "y must be None or have one label per sample",
            {
                "soft": {"y": SOFT, "votes": ANSWERS},
                "indicators": {"y": ONEHOT, "votes": ANSWERS},
            },
        ),
    ]
}
