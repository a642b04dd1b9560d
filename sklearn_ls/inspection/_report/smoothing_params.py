"""Names of the parameters that control label smoothing in an estimator."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from sklearn_ls.inspection._pipeline import last_step


class SmoothingParams(NamedTuple):
    """Names of the smoothing parameters of an estimator, as in `get_params`.

    Parameters
    ----------
    epsilon : str
        The parameter `epsilon`, or `epsilons` of a search.

    distribution : str

    calibration : str or None
        None if the estimator has no such parameter.
    """

    epsilon: str
    distribution: str
    calibration: str | None

    @property
    def is_search(self):
        """Whether the estimator chooses epsilon."""
        return self.epsilon.endswith("epsilons")

    def sibling(self, name):
        """Return the full name of another parameter of the same nested estimator."""
        return _sibling(self.epsilon, name)

    def without_prefix(self):
        """Return the names without the prefix of a pipeline step."""
        return SmoothingParams(*(name and _without_prefix(name) for name in self))


def find_smoothing_params(estimator):
    """Return the names of the smoothing parameters of an estimator.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    smoothing_params : SmoothingParams

    Raises
    ------
    TypeError
        If the estimator is a search over a parameter grid, or does not have exactly
        one epsilon.
    """
    params = estimator.get_params()
    short_names = {name: _without_prefix(name) for name in params}
    if {"param_grid", "param_distributions"} & {*short_names.values()}:
        raise TypeError(
            "A search over a parameter grid would override the epsilon of 0 to compare "
            "with. Fit it first, so that its best estimator can be compared, or pass a "
            "LabelSmoothingClassifierCV."
        )
    candidates = [
        name
        for name, short_name in short_names.items()
        if short_name in ("epsilon", "epsilons")
        and params[name] is not None
        and {_sibling(name, "distribution"), _sibling(name, "smoother")} & {*params}
    ]
    if len(candidates) != 1:
        raise TypeError(
            "estimator must have exactly one epsilon of label smoothing. "
            f"{type(estimator).__name__} has {', '.join(candidates) or 'none'}. (A "
            "SmoothedTargetClassifier has one if its epsilon or its smoother is set, "
            "such as smoother=LabelSmoother(0.1).)"
        )
    (epsilon,) = candidates
    if epsilon.endswith("epsilons") and not hasattr(last_step(estimator), "epsilons"):
        raise TypeError(
            "A search over epsilon must be the estimator itself or the last step of a "
            f"pipeline. In {type(estimator).__name__} it is {epsilon}."
        )
    calibration = _sibling(epsilon, "calibration")
    return SmoothingParams(
        epsilon,
        _sibling(epsilon, "distribution"),
        calibration if calibration in params else None,
    )


def smooths(estimator, smoothing_params):
    """Return whether any epsilon of an estimator is above 0."""
    return np.any(estimator.get_params()[smoothing_params.epsilon])


def best_that_smooths(search):
    """Return the best candidate of a fitted grid search whose epsilon is above 0.

    Parameters
    ----------
    search : GridSearchCV
        Fitted, or any other fitted search with `cv_results_`.

    Returns
    -------
    estimator : estimator or None
        Unfitted estimator, or None if no candidate smooths.
    """
    for index in _from_best(search):
        params = clone(search.cv_results_["params"][index], safe=False)
        candidate = clone(search.estimator).set_params(**params)
        try:
            smoothing_params = find_smoothing_params(candidate)
        except TypeError:  # another classifier, without epsilon
            continue
        if smooths(candidate, smoothing_params):
            return candidate
    return None


def count_epsilons_above_0(search, smoothing_params):
    """Return the number of epsilons above 0 of the candidates of a grid search."""
    values = [
        params[smoothing_params.epsilon]
        for params in search.cv_results_["params"]
        if np.any(params.get(smoothing_params.epsilon, 0))
    ]
    return len({np.asarray(value).tobytes() for value in values})


def best_epsilon_above_0(search):
    """Return the best epsilon above 0 of a LabelSmoothingClassifierCV."""
    epsilons = [params["epsilon"] for params in search.cv_results_["params"]]
    return next(epsilons[k] for k in _from_best(search) if epsilons[k] > 0)


def _from_best(search):
    """Return the indices of candidates from the best to the worst."""
    ranks = [name for name in search.cv_results_ if name.startswith("rank_test_")]
    chosen = ranks[0] if len(ranks) == 1 else f"rank_test_{search.refit}"
    if chosen not in ranks:
        raise ValueError(
            "The search chose epsilon 0, and its other candidates are not ranked, "
            "since refit does not name one of several scores. Pass an estimator with "
            "the epsilon to compare."
        )
    return np.argsort(search.cv_results_[chosen], kind="stable")


def without_smoothing(estimator, smoothing_params):
    """Return an unfitted copy without smoothing and without calibration.

    The copy of a search is a search over epsilon 0 alone: its fold networks still
    predict together, so that averaging them is not mistaken for an effect of smoothing.

    Parameters
    ----------
    estimator : estimator

    smoothing_params : SmoothingParams

    Returns
    -------
    estimator : estimator
    """
    params = {smoothing_params.epsilon: 0.0}
    if smoothing_params.is_search:
        params = {
            smoothing_params.epsilon: [0.0],
            smoothing_params.distribution: "uniform",
            smoothing_params.sibling("scoring"): None,
            smoothing_params.sibling("refit"): True,
        }
    if smoothing_params.calibration:
        params[smoothing_params.calibration] = None
    return clone(estimator).set_params(**params)


def _without_prefix(name):
    return name.split("__")[-1]


def _sibling(name, other_name):
    """Return the full name of another parameter of the same nested estimator."""
    return "__".join([*name.split("__")[:-1], other_name])
