"""What a search over epsilon needs and leaves behind, around its trainings."""

import time
from itertools import cycle

import numpy as np
from joblib import effective_n_jobs
from sklearn import get_config
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.parallel import Parallel, delayed

from sklearn_ls._batches import rows_to_tensor
from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._compat import (
    FitProgress,
    InvalidParameterError,
    SearchRules,
    validate_parameters,
)
from sklearn_ls._device import count_cuda_devices, draw_seed
from sklearn_ls._ensemble import EnsembleMixin
from sklearn_ls._faults import warn, warn_unless_converged
from sklearn_ls._fit_and_score import divide, fit_and_score, fit_networks
from sklearn_ls._stack import networks_at_once, why_apart

SHARED = LabelSmoothingClassifier._parameter_constraints.keys() - {
    "epsilon",
    "warm_start",
}
OF_PROBABILITIES = {
    "neg_log_loss",
    "neg_brier_score",
    "d2_log_loss_score",
    "d2_brier_score",
}
_KNOWN = ("_sample_shape", "_dtype", "_seed", "n_features_in_", "feature_names_in_")
_REFITTED = (
    "n_iter_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "temperature_",
)


class SearchProgress:
    """Tell callbacks, and who reads the output, how a search goes on.

    Parameters
    ----------
    estimator : estimator
        Has the parameter `verbose`.

    X, y : see FitProgress

    n_networks : int
    """

    def __init__(self, estimator, X, y, n_networks):
        self.callbacks = FitProgress(estimator, X, y, n_networks)
        self.verbose = estimator.verbose
        self.n_networks, self.n_done = n_networks, 0

    def network_end(self, n_networks=1):
        """Report networks that are trained."""
        for _ in range(n_networks):
            self.callbacks.task_end("network")
        self.n_done += n_networks
        if self.verbose:
            bar = f"{'#' * (30 * self.n_done // self.n_networks):30}"
            end = "\n" if self.n_done == self.n_networks else ""
            line = f"\r[{bar}] {self.n_done} of {self.n_networks} networks"
            print(line, end=end, flush=True)

    def end(self, predicts):
        """Report the end of the fit, and whether the estimator now predicts."""
        # A copy of the estimator needs nothing more to predict.
        self.callbacks.end((lambda: {}) if predicts else None)


class SearchMixin(EnsembleMixin):
    """The steps of the search's `fit`, one method each.

    The estimator has the parameters of :class:`LabelSmoothingClassifierCV`.
    """

    def _forget(self):
        """Remove what another fit has left, since it may have no place now."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)

    def _rules(self):
        scoring = self.scoring
        if scoring is None:
            scoring = get_scorer("accuracy")
            if get_config()["enable_metadata_routing"]:
                scoring.set_score_request(sample_weight=True)
        return SearchRules(LabelSmoothingClassifier(), scoring, self.refit)

    def _warn_of_noisy_scores(self):
        """Warn of scores of the true labels' probabilities by the given labels."""
        scorers = _list_scorers(self.scoring)
        if self.transition_matrix is not None and any(
            isinstance(scorer, str) and scorer in OF_PROBABILITIES for scorer in scorers
        ):
            warn(
                f"scoring={self.scoring!r} judges the probabilities of the true labels "
                "by the given labels, some of which are wrong: the more certain they "
                "are, the worse. Choose by accuracy, or by labels that you trust."
            )

    def _candidates(self):
        """Return the parameters to compare, in the order of GridSearchCV."""
        try:
            epsilons = np.asarray(self.epsilons)
        except ValueError:  # ragged
            epsilons = np.empty(0)
        if epsilons.dtype.kind not in "fiu" or epsilons.ndim != 1 or not len(epsilons):
            raise InvalidParameterError(
                "The 'epsilons' parameter of LabelSmoothingClassifierCV must be a "
                "one-dimensional array of one float or more. Got "
                f"{self.epsilons!r} instead."
            )
        if not np.all((epsilons >= 0) & (epsilons <= 1)):
            raise InvalidParameterError(
                "The 'epsilons' parameter of LabelSmoothingClassifierCV must lie in "
                f"[0, 1]. Got {self.epsilons!r} instead."
            )
        self.epsilons_ = epsilons.astype(float)
        if len(epsilons) > 1 and 0 not in epsilons:
            warn(
                "epsilons has no 0, so the search cannot tell whether smoothing helps "
                "at all."
            )
        grid = {"epsilon": self.epsilons_.tolist()}
        if _is_list_of_distributions(self.distribution):
            grid["distribution"] = self.distribution
        candidates = list(ParameterGrid(grid))
        for candidate in candidates:
            validate_parameters(LabelSmoothingClassifier(**candidate))
        return candidates

    def _y_to_score(self, soft):
        """Return which y scorers get where soft labels are `y`.

        Named ones get the most likely labels, callables the soft ones.
        """
        called = [callable(scorer) for scorer in _list_scorers(self.scoring)]
        if any(called) and not all(called):
            raise ValueError(
                "With soft labels as y, scoring must hold names only, which get the "
                "most likely labels, or callables only, which get the soft labels."
            )
        return soft.y_soft if any(called) else soft.most_likely

    def _route(self, sample_weight, weight, params, rules):
        """Return the arguments of the splitter and of the scorer, and the scorer."""
        if get_config()["enable_metadata_routing"]:
            if sample_weight is not None:
                params = {**params, "sample_weight": weight}
            if not params:
                return {}, {}, rules.scorer
            routed = process_routing(self, "fit", **params)
            return routed.splitter.split, routed.scorer.score, rules.scorer
        if "epsilon" in params:
            raise TypeError(
                "The search tries values of epsilon itself and takes none a row. Pass "
                "soft labels instead, or use LabelSmoothingClassifier."
            )
        if unknown := params.keys() - {"groups"}:
            raise TypeError(
                f"fit got unexpected arguments: {', '.join(sorted(unknown))}. Only "
                "metadata routing can tell who is to get them: "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        to_split = {k: v for k, v in params.items() if v is not None}
        if sample_weight is None:
            return to_split, {}, rules.scorer
        takes_weight = rules.takes_sample_weight()
        self._warn_of_unweighted_scores(takes_weight)
        if not any(takes_weight.values()):
            return to_split, {}, rules.scorer
        return to_split, {"sample_weight": weight}, rules.weighted_scorer()

    def _warn_of_unweighted_scores(self, takes_weight):
        unweighted = [name for name, takes in takes_weight.items() if not takes]
        if not unweighted:
            return
        if isinstance(self.scoring, (dict, list, tuple, set)):
            warn(
                "These scorers take no sample_weight, so all samples have the same "
                f"weight in their scores: {', '.join(map(repr, unweighted))}."
            )
        else:
            warn(
                f"scoring={self.scoring!r} takes no sample_weight, so all samples have "
                "the same weight when the folds are scored."
            )

    def _split(self, X, y, params):
        """Return the rows to train on and those to score on, of each split."""
        rows = np.arange(len(y))
        splits = check_cv(self.cv, y, classifier=True).split(X, y, **params)
        splits = [(rows[train], rows[test]) for train, test in splits]
        if not splits:
            raise ValueError("cv gives no splits; nothing can be trained.")
        for number, (train, test) in enumerate(splits):
            if not len(train) or not len(test):
                raise ValueError(
                    f"cv gives {len(train)} rows to train on and {len(test)} to score "
                    f"on in split {number}; both must be some."
                )
        self.n_splits_ = len(splits)
        return splits

    def _member(self, params, device=None):
        """Return a classifier to fit, which knows of the data what validation tells."""
        shared = {name: getattr(self, name) for name in SHARED}
        member = clone(LabelSmoothingClassifier(**{**shared, "verbose": 0, **params}))
        for name in _KNOWN:
            if hasattr(self, name):
                setattr(member, name, getattr(self, name))
        member.device_ = device or self.device_
        return member

    def _search(self, data, candidates, splits, scorer, progress):
        """Return the fitted networks, those of a candidate together."""
        X, given, *_ = data
        self._seed = draw_seed(self.random_state)
        for candidate in candidates[:: len(self.epsilons_)]:
            prototype = self._member(candidate)
            prototype._learn_classes(given, again=False)
        self.classes_ = prototype.classes_
        devices = self._devices()
        size = self._size_of_stacks(prototype, X, splits)
        tasks = self._tasks(len(candidates), len(splits), size, len(devices))
        here = effective_n_jobs(self.n_jobs) == 1
        results = _parallel(self.n_jobs)(
            delayed(fit_and_score)(
                *data,
                [self._member(candidates[c], device) for c, _ in task],
                [splits[s] for _, s in task],
                scorer=scorer,
                stop_on_test=self.ensemble,
                stack_size=size,
                network_end=progress.network_end if here else None,
            )
            for task, device in zip(tasks, cycle(devices))
        )
        fitted = {}
        for task, networks in zip(tasks, results, strict=True):
            fitted.update(zip(task, networks, strict=True))
            if not here:
                progress.network_end(len(task))
        return [fitted[pair] for pair in np.ndindex(len(candidates), len(splits))]

    def _tasks(self, n_candidates, n_splits, size, n_devices):
        """Return the (candidate, split) pairs of each task, the same for any n_jobs."""
        if self.device_.startswith("cuda"):  # one task a GPU, which stacks as it can
            pairs = list(np.ndindex(n_candidates, n_splits))
            return [pairs[device::n_devices] for device in range(n_devices)]
        by_split = self.stack_size == "auto"
        return divide(n_candidates, n_splits, size, by_split=by_split)

    def _devices(self):
        """Return the device of each process."""
        n_jobs = effective_n_jobs(self.n_jobs)
        if n_jobs == 1 or not self.device_.startswith("cuda"):
            return [self.device_]
        n_devices = count_cuda_devices() if self.device_ == "cuda" else 1
        if n_jobs > n_devices:
            raise ValueError(
                f"n_jobs={self.n_jobs} stands for {n_jobs} processes, but there are "
                f"{n_devices} GPUs for them. Set n_jobs={n_devices}: a stack of "
                "networks makes full use of a GPU from one process."
            )
        return [f"cuda:{index}" for index in range(n_jobs)]

    def _size_of_stacks(self, prototype, X, splits):
        """Return how many networks to train as one."""
        if self.stack_size == 1:
            return 1
        module = prototype._start_module()
        two_rows = rows_to_tensor(X, np.arange(2), self.device_)
        if self.callbacks:
            reason = "callbacks watch a single network"
        else:
            reason = why_apart(module, two_rows, self.device_, **prototype._optimizer())
        if reason is not None:
            if self.verbose:
                print(f"The networks are trained one after another: {reason}.")
            return 1
        if self.stack_size != "auto":
            return self.stack_size
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = min(200, max(len(train) for train, _ in splits))
        return networks_at_once(module, two_rows, batch_size, self.device_)

    def _store_results(self, rules, candidates, fitted):
        """Return whether they tell which candidate is best."""
        self.cv_results_ = rules.results(
            candidates,
            self.n_splits_,
            [network.test_scores for network in fitted],
            [network.fit_time for network in fitted],
            [network.score_time for network in fitted],
        )
        self.scorer_, self.multimetric_ = rules.scorers(), rules.multimetric
        index, score = rules.best(self.cv_results_)
        if index is None:
            return False
        if score is not None:
            if np.isnan(score):
                raise ValueError(
                    "No candidate has a score: on some fold of each it is NaN. The "
                    "warnings say why, such as an error in the scorer."
                )
            self.best_score_ = score
        self.best_index_, self.best_params_ = index, candidates[index]
        self.epsilon_ = self.best_params_["epsilon"]
        return True

    def _choose(self, X, given, splits, fitted):
        """Keep the fold networks of the best candidate."""
        smoother = self._member(self.best_params_)
        smoother._learn_classes(given, again=False)
        self.label_smoother_ = smoother.label_smoother_
        first = self.best_index_ * self.n_splits_
        chosen = fitted[first : first + self.n_splits_]
        self.estimators_ = [network.classifier for network in chosen]
        self.oof_proba_ = self._predict_held_out(X, splits)
        self.n_iter_ = max(member.n_iter_ for member in self.estimators_)
        for name in ("n_layers_", "out_activation_"):
            setattr(self, name, getattr(self.estimators_[0], name))
        self.n_outputs_ = len(self.classes_)

    def _predict_held_out(self, X, splits):
        finish = "logistic" if self.label_smoother_.multilabel_ else "softmax"
        shape = X.shape[0], len(self.classes_)
        total, counts = np.zeros(shape, dtype=self._dtype), np.zeros((shape[0], 1))
        for member, (_, test) in zip(self.estimators_, splits, strict=True):
            columns = np.arange(shape[1])[self._columns_of(member)]
            total[test[:, np.newaxis], columns] += member._outputs(X[test], finish)
            counts[test] += 1
        counts[counts == 0] = np.nan
        return total / counts.astype(self._dtype)

    def _refit(self, X, given, progress):
        """Train a network with the best parameters on all data."""
        start = time.perf_counter()
        best = self._member(self.best_params_)
        (refitted,) = fit_networks(X, given, [best], [None], [None])
        self.refit_time_ = time.perf_counter() - start
        self.best_estimator_ = best
        for name in _REFITTED:
            if hasattr(best, name):
                setattr(self, name, getattr(best, name))
        progress.network_end()
        return refitted

    def _warn_unless_converged(self, networks):
        warn_unless_converged(
            [network.converged for network in networks],
            max_epochs=self.max_epochs,
            tol=self.tol,
            patience=self.n_iter_no_change,
        )

    def _splitter(self):
        """Return what may ask for metadata to split by."""
        return self.cv if hasattr(self.cv, "split") else check_cv()


def _parallel(n_jobs):
    """Return joblib's Parallel, with results as they come if its backend can."""
    try:
        return Parallel(n_jobs=n_jobs, return_as="generator")
    except ValueError:
        return Parallel(n_jobs=n_jobs)


def _list_scorers(scoring):
    """Return all that `scoring` names or holds."""
    if isinstance(scoring, dict):
        return list(scoring.values())
    return list(scoring) if isinstance(scoring, (list, tuple, set)) else [scoring]


def _is_list_of_distributions(distribution):
    return isinstance(distribution, (list, tuple)) and any(
        isinstance(some, (str, np.ndarray)) for some in distribution
    )
