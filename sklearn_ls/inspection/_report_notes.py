"""Where the numbers of a report come from, and what to mind, in words."""

from sklearn_ls.inspection._pipeline import last_step

AS_GIVEN = (
    "Scores are by the labels as given. Where some are wrong, the probabilities that "
    "fit them best are less certain than they could be of the true ones."
)


def make_notes(estimator, knobs, predicted, held_out):
    """Return notes on what was compared.

    Parameters
    ----------
    estimator : estimator

    knobs : Knobs

    predicted : list of Predicted

    held_out : HeldOut or None

    Returns
    -------
    notes : list of str
    """
    notes = [_tell_epsilon(knobs, predicted, held_out), AS_GIVEN]
    if held_out is None and hasattr(last_step(estimator), "oof_proba_"):
        notes.append(
            "Everything was trained anew: oof_proba_ is not of these rows, or the "
            "folds of the search cannot be made again."
        )
    values = [(n.split("__")[-1], v) for n, v in estimator.get_params().items()]
    if any(name == "transition_matrix" and value is not None for name, value in values):
        notes.append(
            "With a transition_matrix the probabilities are of the true labels, but "
            "scored by the given ones: compare accuracies only."
        )
    if any(name == "random_state" and value is None for name, value in values):
        notes.append(
            "Without a random_state the networks also differ by their initial weights, "
            "which makes the differences less certain."
        )
    left_out = {way: why for part in predicted for way, why in part.left_out.items()}
    return notes + [f"'{way}' is left out: {why}" for way, why in left_out.items()]


def _tell_epsilon(knobs, predicted, held_out):
    if held_out is not None:
        return (
            f"Epsilon {predicted[0].epsilon:g} was chosen by these very rows, and the "
            "smoothed probabilities are those that the search has held out "
            "(oof_proba_), each by one fold network: nothing smoothed was trained. "
            "This favours smoothing a little. Pass clone(estimator) for a stricter "
            "report."
        )
    if knobs.searches:
        chosen = ", ".join(f"{part.epsilon:g}" for part in predicted)
        return f"Epsilon was chosen within the training rows of each fold: {chosen}."
    return f"Epsilon is {predicted[0].epsilon}, as given."


def note_missing_labels(classes, codes, splits):
    """Return a note on labels that a fold has but its training rows lack.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)

    codes : ndarray of shape (n_samples,)

    splits : list of (train, test)

    Returns
    -------
    notes : list of str
        None or one.
    """
    missing = set()
    for train, test in splits:
        missing |= {*codes[test].tolist()} - {*codes[train].tolist()}
    if not missing:
        return []
    names = ", ".join(str(classes[code]) for code in sorted(missing))
    return [
        f"Not all folds have these labels to train on: {names}. Their rows then get "
        "probability 0, which makes the log-loss large in all ways alike."
    ]
