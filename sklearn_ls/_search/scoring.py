"""Scorers of a search, and their arguments."""

from sklearn import get_config
from sklearn.metrics import get_scorer

from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._compat import SearchRules
from sklearn_ls._warnings import warn

OF_PROBABILITIES = {
    "neg_log_loss",
    "neg_brier_score",
    "d2_log_loss_score",
    "d2_brier_score",
}


def make_rules(scoring, refit):
    """Return the rules by which candidates are scored and chosen.

    Parameters
    ----------
    scoring, refit : see LabelSmoothingClassifierCV

    Returns
    -------
    rules : SearchRules
    """
    if scoring is None:
        scoring = get_scorer("accuracy")
        if get_config()["enable_metadata_routing"]:
            scoring.set_score_request(sample_weight=True)
    return SearchRules(LabelSmoothingClassifier(), scoring, refit)


def choose_y_to_score(labels, scoring):
    """Return the y that is passed to scorers.

    With soft labels, scorers given by name receive the most likely labels, and
    callables receive the soft labels.

    Parameters
    ----------
    labels : TrainingLabels

    scoring : see LabelSmoothingClassifierCV

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_classes)
    """
    if labels.y_soft is None:
        return labels.y
    called = [callable(scorer) for scorer in _list_scorers(scoring)]
    if any(called) and not all(called):
        raise ValueError(
            "With soft labels as y, scoring must contain names only, which receive the "
            "most likely labels, or callables only, which receive the soft labels."
        )
    return labels.y_soft if any(called) else labels.y


def pass_on_without_routing(params, weight, scoring, rules):
    """Return the arguments of the splitter and the scorer without metadata routing.

    Parameters
    ----------
    params : dict
        Further arguments of `fit`.

    weight : ndarray of shape (n_samples,) or None

    scoring : see LabelSmoothingClassifierCV

    rules : SearchRules

    Returns
    -------
    to_split, to_score : dict

    scorer : callable
    """
    if "sample_epsilon" in params:
        raise TypeError(
            "LabelSmoothingClassifierCV.fit does not accept a per-sample epsilon. Pass "
            "soft labels instead, or use LabelSmoothingClassifier."
        )
    if unknown := params.keys() - {"groups"}:
        raise TypeError(
            f"fit got unexpected arguments: {', '.join(sorted(unknown))}. Passing them "
            "to the splitter or the scorers requires metadata routing: "
            "sklearn.set_config(enable_metadata_routing=True)."
        )
    to_split = {name: value for name, value in params.items() if value is not None}
    if weight is None:
        return to_split, {}, rules.scorer
    takes_weight = rules.takes_sample_weight()
    _warn_of_unweighted_scores(scoring, takes_weight)
    if not any(takes_weight.values()):
        return to_split, {}, rules.scorer
    return to_split, {"sample_weight": weight}, rules.weighted_scorer()


def _warn_of_unweighted_scores(scoring, takes_weight):
    unweighted = [name for name, takes in takes_weight.items() if not takes]
    if not unweighted:
        return
    if isinstance(scoring, (dict, list, tuple, set)):
        warn(
            "These scorers do not accept sample_weight, so all samples have the same "
            f"weight in their scores: {', '.join(map(repr, unweighted))}."
        )
    else:
        warn(
            f"scoring={scoring!r} does not accept sample_weight, so all samples have "
            "the same weight when the folds are scored."
        )


def warn_of_noisy_scores(scoring, transition_matrix):
    """Warn if probabilities of the true labels are scored on the observed labels."""
    if transition_matrix is not None and any(
        isinstance(scorer, str) and scorer in OF_PROBABILITIES
        for scorer in _list_scorers(scoring)
    ):
        warn(
            f"scoring={scoring!r} evaluates the probabilities of the true labels on "
            "the observed labels, some of which are wrong, and so penalizes confident "
            "predictions. Use accuracy, or score on verified labels."
        )


def _list_scorers(scoring):
    """Return the scorers in `scoring` as a list."""
    if isinstance(scoring, dict):
        return list(scoring.values())
    return list(scoring) if isinstance(scoring, (list, tuple, set)) else [scoring]
