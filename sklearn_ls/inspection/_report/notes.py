"""Notes on where the numbers of a report come from, and on their limits."""

from sklearn_ls.inspection._pipeline import last_step

OBSERVED_LABELS = (
    "Scores are computed against the observed labels. If some of these are wrong, "
    "the probabilities that fit them best are less certain than the true labels would "
    "allow."
)


def make_notes(estimator, smoothing_params, labels, predictions, held_out, n_epsilons):
    """Return notes on what was compared.

    Parameters
    ----------
    estimator : estimator

    smoothing_params : SmoothingParams

    labels : TrainingLabels

    predictions : list of FoldPredictions

    held_out : HeldOut or None

    n_epsilons : int
        Number of epsilons above 0 of a fitted search.

    Returns
    -------
    notes : list of str
    """
    notes = [_describe_epsilon(smoothing_params, predictions, held_out, n_epsilons)]
    if labels.y_soft is not None:
        notes.append(
            "The smoothed variants are trained on the soft labels, even if epsilon is "
            "0. The hard-label variants are trained on one label per sample, against "
            "which all variants are scored."
        )
    if (strategy := predictions[0].strategy) is not None:
        notes.append(
            f"Classifiers are trained on soft targets by strategy={strategy!r}."
        )
    notes.append(OBSERVED_LABELS)
    if held_out is None and hasattr(last_step(estimator), "oof_proba_"):
        notes.append(
            "All variants were trained again: oof_proba_ does not belong to these "
            "samples, or the splits of the search cannot be reproduced."
        )
    values = [(n.split("__")[-1], v) for n, v in estimator.get_params().items()]
    if any(name == "transition_matrix" and value is not None for name, value in values):
        notes.append(
            "With a transition_matrix, the predicted probabilities are those of the "
            "true labels, but they are scored against the observed labels: compare "
            "accuracies only."
        )
    if any(name == "random_state" and value is None for name, value in values):
        notes.append(
            "Without a random_state, the variants also differ in their random numbers, "
            "such as initial weights, which makes the differences less certain."
        )
    left_out = {
        variant: reason
        for fold in predictions
        for variant, reason in fold.left_out.items()
    }
    return notes + [
        f"'{variant}' is left out: {reason}" for variant, reason in left_out.items()
    ]


def _describe_epsilon(smoothing_params, predictions, held_out, n_epsilons):
    if held_out is not None and predictions[0].epsilon != predictions[0].chosen:
        return (
            "Epsilon 0 was chosen on these samples. The smoothed variants are trained "
            f"on the same splits with the best epsilon above 0, "
            f"{predictions[0].epsilon:g}, which was chosen on these samples, too."
        )
    if held_out is not None:
        return (
            f"Epsilon {predictions[0].epsilon:g} was chosen on these samples, and the "
            "smoothed probabilities are the held-out predictions of the search "
            "(oof_proba_), each by one fold network: no smoothed network was trained. "
            "This slightly favors smoothing. Pass clone(estimator) for a stricter "
            "report."
        )
    if smoothing_params.is_search:
        chosen = ", ".join(f"{fold.chosen:g}" for fold in predictions)
        note = f"Epsilon was chosen on the training samples of each split: {chosen}."
        if any(fold.epsilon != fold.chosen for fold in predictions):
            epsilons = ", ".join(f"{fold.epsilon:g}" for fold in predictions)
            note += f" Instead of 0, the best epsilon above 0 is compared: {epsilons}."
        return note
    if n_epsilons > 1:
        return (
            f"Epsilon is {predictions[0].epsilon}, the best of {n_epsilons} above 0 in "
            "the search. If that was fitted to these samples, this slightly favors "
            "smoothing."
        )
    return f"Epsilon is {predictions[0].epsilon}, as set in the estimator."


def note_missing_labels(classes, codes, splits):
    """Return a note on labels that are missing from training samples of a split.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)

    codes : ndarray of shape (n_samples,)

    splits : list of (train, test)

    Returns
    -------
    notes : list of str
        Empty if there are no such labels.
    """
    missing = set()
    for train, test in splits:
        missing |= {*codes[test].tolist()} - {*codes[train].tolist()}
    if not missing:
        return []
    names = ", ".join(str(classes[code]) for code in sorted(missing))
    return [
        f"These labels are missing from the training samples of some splits: {names}. "
        "They are then predicted with probability 0, which makes the log-loss of all "
        "variants large."
    ]
