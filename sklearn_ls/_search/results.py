"""What a search learns from the networks of its folds."""

import numpy as np


def predict_held_out(ensemble, X, splits):
    """Return the probabilities of samples by networks not trained on them.

    Parameters
    ----------
    ensemble : Ensemble
        One network per split.

    X : ndarray or CSR matrix of shape (n_samples, ...)

    splits : list of (train, test)

    Returns
    -------
    y_proba : ndarray of shape (n_samples, n_classes)
        NaN where a sample was never held out, the mean where it was more than once.
    """
    shape = X.shape[0], len(ensemble.classes)
    total, counts = np.zeros(shape, dtype=ensemble.dtype), np.zeros((shape[0], 1))
    for network, (_, test) in zip(ensemble.members, splits, strict=True):
        columns = ensemble.columns_of(network)
        total[test[:, np.newaxis], columns] += network.apply(X[test], "proba")
        counts[test] += 1
    counts[counts == 0] = np.nan
    return total / counts.astype(total.dtype)


def store_scores(rules, candidates, n_splits, scored):
    """Return the attributes that tell how the candidates scored.

    Parameters
    ----------
    rules : SearchRules

    candidates : list of dict

    n_splits : int

    scored : list of Scored
        Those of a candidate together.

    Returns
    -------
    attributes : dict
        With `best_index_` only if the rules choose a candidate.
    """
    results = rules.results(
        candidates,
        n_splits,
        [one.test_scores for one in scored],
        [one.fit_time for one in scored],
        [one.score_time for one in scored],
    )
    attributes = {
        "cv_results_": results,
        "scorer_": rules.scorers(),
        "multimetric_": rules.multimetric,
        "n_splits_": n_splits,
    }
    index, score = rules.best(results)
    if index is None:
        return attributes
    if score is not None:
        if np.isnan(score):
            raise ValueError(
                "No candidate has a score: on some fold of each it is NaN. The "
                "warnings say why, such as an error in the scorer."
            )
        attributes["best_score_"] = score
    best = candidates[index]
    return attributes | {
        "best_index_": index,
        "best_params_": best,
        "epsilon_": best["epsilon"],
    }
