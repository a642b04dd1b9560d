import numpy as np
import pytest

from sklearn_ls.inspection._report.scores import SCORES, VariantScores
from sklearn_ls.inspection._report.variants import VARIANTS
from sklearn_ls.inspection._report.verdict import format_verdict

FOLDS = np.array([0.02, -0.01, 0.0, 0.01, -0.02])  # effects shared by all variants
NOISE = np.array([0.001, -0.001, 0.0, 0.002, -0.002])

SAME = {
    "accuracy": [0.9] * 5,
    "loss": [0.3] * 5,
    "brier": [0.2] * 5,
    "ece": [0.05] * 5,
    "area": [0.02] * 5,
}


def make(variants=VARIANTS, **means):
    """Scores whose paired standard error is 0.0007 or less."""
    scores = {
        score: dict(zip(variants, means[name], strict=True))
        for score, name in zip(
            SCORES, ("accuracy", "loss", "brier", "ece", "area"), strict=True
        )
    }
    return of_splits(
        {
            score: {
                variant: mean + FOLDS + (NOISE if number % 2 else 0)
                for number, (variant, mean) in enumerate(values.items())
            }
            for score, values in scores.items()
        }
    )


def of_splits(scores):
    return {
        score: VariantScores(
            [
                dict(zip(values, split, strict=True))
                for split in zip(*values.values(), strict=True)
            ]
        )
        for score, values in scores.items()
    }


RISE = [0.9, 0.9, 0.93, 0.93, 0.93]
FALL = [0.9, 0.9, 0.87, 0.87, 0.87]


@pytest.mark.parametrize(
    ("changed", "advice"),
    [
        ({}, "You do not need smoothing."),
        ({"loss": [0.3, 0.3, 0.5, 0.4, 0.4]}, "You do not need smoothing."),
        (
            {"loss": [0.5, 0.3, 0.4, 0.3, 0.35]},
            "You do not need smoothing; temperature scaling does about as well.",
        ),
        (
            {"loss": [0.5, 0.3, 0.4, 0.35, 0.35]},
            "You do not need smoothing; temperature scaling gives better "
            "probabilities.",
        ),
        (
            {"loss": [0.5, 0.3, 0.4, 0.3, 0.4], "ece": [0.1, 0.1, 0.1, 0.02, 0.1]},
            "You do not need smoothing for accuracy or log-loss: temperature scaling "
            "does as well. The calibration error is smaller with 'smoothed + "
            "temperature'.",
        ),
        (
            {"loss": [0.5, 0.4, 0.45, 0.3, 0.4]},
            "Smoothing helps probabilities only: use those of 'smoothed + "
            "temperature'.",
        ),
        (
            {"accuracy": RISE, "loss": [0.5, 0.4, 0.45, 0.4, 0.3]},
            "Smoothing helps: use it, with the probabilities of 'smoothed + unsmooth'.",
        ),
        (
            {"accuracy": RISE, "loss": [0.5, 0.3, 0.45, 0.4, 0.4]},
            "Smoothing helps accuracy. For probabilities 'hard + temperature' is as "
            "good as any.",
        ),
        (
            # Smoothing for accuracy does not need another network for probabilities.
            {"accuracy": RISE, "loss": [0.3, 0.3, 0.45, 0.3, 0.3]},
            "Smoothing helps: use it, with the probabilities of 'smoothed + "
            "temperature'.",
        ),
        (
            {
                "accuracy": [0.9, 0.9, 0.93, 0.9, 0.93],
                "loss": [0.3, 0.3, 0.45, 0.3, 0.4],
            },
            "Smoothing helps accuracy. For probabilities 'hard labels' is as good as "
            "any.",
        ),
        (
            # The samples for a temperature are not used for training.
            {"accuracy": [0.9, 0.9, 0.9, 0.87, 0.9], "loss": [0.5, 0.4, 0.4, 0.3, 0.4]},
            "Smoothing costs accuracy, but gives better probabilities (smoothed + ",
        ),
        ({"accuracy": FALL}, "Do not smooth: it costs accuracy."),
        (
            {"accuracy": FALL, "loss": [0.5, 0.4, 0.3, 0.3, 0.3]},
            "Smoothing costs accuracy, but gives better probabilities (smoothed)",
        ),
    ],
)
def test_verdict_starts_with_a_recommendation(changed, advice):
    assert format_verdict(make(**{**SAME, **changed})).startswith(advice)


def test_verdict_names_its_evidence():
    verdict = format_verdict(
        make(**{**SAME, "accuracy": RISE, "loss": [0.3, 0.3, 0.5, 0.3, 0.3]})
    )
    assert "Accuracy rises (+0.03 +- 0" in verdict
    assert "own probabilities are worse with smoothing: the log-loss rises (+0.2" in (
        verdict
    )
    verdict = format_verdict(make(**{**SAME, "accuracy": FALL}))
    assert "Accuracy falls (-0.03 +- 0" in verdict
    assert "Accuracy does not differ significantly" in format_verdict(make(**SAME))


def test_verdict_is_by_paired_differences():
    # Folds differ by far more than variants do.
    scores = make(**{**SAME, "accuracy": [0.9, 0.9, 0.91, 0.91, 0.91]})
    assert format_verdict(scores).startswith("Smoothing helps")
    shuffled = of_splits(
        {
            score: {
                variant: np.array(values.of_whole_splits[number])[
                    :: -1 if variant == "hard labels" else 1
                ]
                for number, variant in enumerate(values.variants)
            }
            for score, values in scores.items()
        }
    )
    assert format_verdict(shuffled).startswith("You do not need smoothing.")


def test_verdict_says_which_simpler_variant_will_do():
    verdict = format_verdict(make(**{**SAME, "loss": [0.3, 0.3, 0.3, 0.2999, 0.3]}))
    assert (
        "'smoothed + temperature' has the best probabilities (-0.0001 +- 0.0007), but "
        "'hard labels', which is simpler, is not significantly worse."
    ) in verdict


def test_verdict_says_where_log_loss_and_calibration_error_disagree():
    loss = [0.5, 0.4, 0.3, 0.4, 0.4]
    scores = make(**{**SAME, "loss": loss, "ece": [0.05, 0.05, 0.08, 0.05, 0.05]})
    assert (
        "By the calibration error, 'smoothed' is worse than hard labels (+0.03 +- 0)."
    ) in format_verdict(scores)
    verdict = format_verdict(make(**{**SAME, "loss": loss}))
    assert "By the calibration error" not in verdict


def test_verdict_says_where_confident_predictions_are_worse():
    loss = [0.5, 0.4, 0.3, 0.4, 0.4]
    scores = make(**{**SAME, "loss": loss, "area": [0.02, 0.02, 0.03, 0.03, 0.03]})
    assert (
        "The area under the risk-coverage curve is larger with 'smoothed' (+0.01 +- "
        "0): its most confident predictions have more errors than those of hard labels."
    ) in format_verdict(scores)
    assert "risk-coverage" not in format_verdict(make(**{**SAME, "loss": loss}))


def test_verdict_takes_nothing_better_for_worse():
    changed = {
        "loss": [0.5, 0.3, 0.4, 0.4, 0.4],
        "ece": [0.08, 0.03, 0.05, 0.05, 0.05],
    }
    verdict = format_verdict(make(**{**SAME, **changed}))
    assert "is worse than" not in verdict
    assert "worse with smoothing" not in verdict
    # The same for variants that cost accuracy.
    scores = make(**{**SAME, "accuracy": [0.9, 0.9, 0.9, 0.87, 0.87]})
    verdict = format_verdict(scores)
    assert verdict.startswith("You do not need smoothing. Accuracy does not")


def test_verdict_without_the_networks_own_probabilities():
    variants = VARIANTS[:2] + VARIANTS[4:]
    means = {name: values[:3] for name, values in SAME.items()}
    verdict = format_verdict(make(variants, **means))
    assert verdict.startswith("You do not need smoothing.")
    assert "own probabilities" not in verdict


def test_verdict_of_equal_scores():
    scores = of_splits({score: dict.fromkeys(VARIANTS, FOLDS) for score in SCORES})
    assert format_verdict(scores).startswith("You do not need smoothing.")


def test_verdict_tells_no_rounding_errors():
    scores = make(**{**SAME, "accuracy": [0.9, 0.9, 0.9 - 1e-17, 0.9, 0.9]})
    for split in scores["accuracy"].values:
        split["smoothed"] = split["hard labels"] - 1e-16
    assert "does not differ significantly (+0 +- 0)." in format_verdict(scores)
