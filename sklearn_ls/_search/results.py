"""Fitted attributes of a search."""

import time
from dataclasses import replace

import numpy as np

from sklearn_ls._base import describe_annotators, fit_label_smoother
from sklearn_ls._classifier import LabelSmoothingClassifier, make_fitted
from sklearn_ls._differences import mean_of_samples
from sklearn_ls._network.ensemble import Ensemble
from sklearn_ls._network.fitting import train_networks
from sklearn_ls._network.plans import TrainingParams, plan_network
from sklearn_ls._search.process import part_of

RETRAINED = (
    "n_iter_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "temperature_",
)


def predict_held_out(ensemble, X, splits):
    """Return out-of-fold probabilities.

    Parameters
    ----------
    ensemble : Ensemble
        One network per split.

    X : ndarray or CSR matrix of shape (n_samples, ...)

    splits : list of (train, test)

    Returns
    -------
    y_proba : ndarray of shape (n_samples, n_classes)
        NaN for samples never held out; the mean for those held out more than once.
    """
    shape = X.shape[0], len(ensemble.classes)
    total, counts = np.zeros(shape, dtype=ensemble.dtype), np.zeros((shape[0], 1))
    for network, (_, test) in zip(ensemble.members, splits, strict=True):
        columns = ensemble.columns_of(network)
        total[test[:, np.newaxis], columns] += network.apply(X[test], "proba")
        counts[test] += 1
    counts[counts == 0] = np.nan
    return total / counts.astype(total.dtype)


def describe_search(data, rules, candidates, members, splits, scored, device):
    """Return the fitted attributes of a search.

    Parameters
    ----------
    data : SearchData

    rules : SearchRules

    candidates : list of dict

    members : list of dict
        Parameters of the classifier of each candidate.

    splits : list of (train, test)

    scored : list of Scored
        Grouped by candidate.

    device : str
        Device used for training.

    Returns
    -------
    attributes : dict
    """
    scores = _describe_scores(rules, candidates, len(splits), scored)
    attributes = {
        **data.features,
        **scores,
        "classes_": data.labels.classes,
        "epsilons_": np.array([candidate["epsilon"] for candidate in candidates]),
        "device_": device,
        "labels_digest_": data.labels.digest(),
        **_compare_accuracies(data, candidates, splits, scored),
    }
    if "best_index_" in scores:
        best = scores["best_index_"]
        chosen = scored[best * len(splits) : (best + 1) * len(splits)]
        attributes |= _describe_folds(data, splits, chosen, members[best], device)
    return attributes


def _describe_scores(rules, candidates, n_splits, scored):
    """Return attributes of the scores, and of the best candidate if one is chosen."""
    results = rules.results(
        candidates,
        n_splits,
        [result.test_scores for result in scored],
        [result.fit_time for result in scored],
        [result.score_time for result in scored],
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
                "No candidate has a score: each has a NaN score on at least one fold. "
                "See the warnings for the reason, such as an error in the scorer."
            )
        attributes["best_score_"] = score
    best = candidates[index]
    return attributes | {
        "best_index_": int(index),
        "best_params_": best,
        "epsilon_": best["epsilon"],
    }


def _compare_accuracies(data, candidates, splits, scored):
    """Return differences of accuracy from the lowest epsilon, with standard errors.

    Samples are compared rather than splits, because a test on a few splits has little
    power.
    """
    k, tests = len(splits), [test for _, test in splits]
    lowest = np.argmin([candidate["epsilon"] for candidate in candidates])
    means = [
        mean_of_samples(
            [
                scored[c * k + split].correct.astype(float)
                - scored[lowest * k + split].correct
                for split in range(k)
            ],
            tests,
            data.score_params.get("sample_weight"),
        )
        for c in range(len(candidates))
    ]
    return {
        "accuracy_difference_": np.array([mean.value for mean in means]),
        "accuracy_difference_se_": np.array([mean.error for mean in means]),
        "accuracy_difference_df_": np.array([mean.df for mean in means]),
    }


def _describe_folds(data, splits, chosen, params, device):
    """Return attributes of the fold networks of the best candidate.

    All of them predict on one device, wherever they were trained.
    """
    networks = [replace(fold.network, device=device) for fold in chosen]
    ensemble = Ensemble(networks, data.labels.classes)
    members = [
        make_fitted(params, network, fold.summary, data.features)
        for network, fold in zip(networks, chosen, strict=True)
    ]
    training_params = TrainingParams.of(params, LabelSmoothingClassifier.__name__)
    oof_proba = predict_held_out(ensemble, data.X.X, splits)
    of_annotators, consensus = describe_annotators(data.labels, networks, oof_proba)
    if consensus is not None:
        of_annotators["consensus_proba_"] = consensus
    return {
        **of_annotators,
        "estimators_": members,
        "oof_proba_": oof_proba,
        "label_smoother_": fit_label_smoother(training_params, data.labels.summarize()),
        "n_iter_": max(member.n_iter_ for member in members),
        "n_layers_": members[0].n_layers_,
        "n_outputs_": len(ensemble.classes),
        "out_activation_": ensemble.activation,
        "_network": ensemble,
    }


def retrain(data, params, *, seed, device, checkpoints):
    """Train one network on all data, and return it with its attributes.

    Parameters
    ----------
    data : SearchData

    params : dict
        Parameters of :class:`LabelSmoothingClassifier`.

    seed : int

    device : str

    checkpoints : Checkpoints or NoCheckpoints

    Returns
    -------
    trained : Trained

    attributes : dict
    """
    start = time.perf_counter()
    training_params = TrainingParams.of(params, LabelSmoothingClassifier.__name__)
    plan = plan_network(data.X, data.labels, training_params, seed=seed, device=device)
    part = part_of(checkpoints, "refit")
    (trained,) = train_networks([plan], seed=seed, part=part)
    seconds = time.perf_counter() - start
    classifier = make_fitted(params, trained.network, trained.summary, data.features)
    if data.labels.votes is not None:
        y_proba = trained.network.apply(data.X.X, "proba")
        of_annotators, _ = describe_annotators(data.labels, [trained.network], y_proba)
        vars(classifier).update(of_annotators)
    state = vars(classifier)
    return trained, {
        "best_estimator_": classifier,
        "refit_time_": seconds,
        "_network": trained.network,
        **{name: state[name] for name in RETRAINED if name in state},
    }
