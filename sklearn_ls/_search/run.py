"""Training and scoring of all networks of a search, in one process or several."""

from hashlib import sha256
from itertools import cycle

import numpy as np
from joblib import effective_n_jobs
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from sklearn_ls._classifier import LabelSmoothingClassifier
from sklearn_ls._network.plans import TrainingParams
from sklearn_ls._search.process import (
    part_of,
    train_and_score,
    train_and_score_in_worker,
)
from sklearn_ls._search.tasks import assign_devices, choose_stack_size, divide_tasks


def split_samples(cv, X, y, params):
    """Return the indices of the training and test samples of each split.

    Parameters
    ----------
    cv : int, cross-validation generator, iterable or None

    X : array-like of shape (n_samples, ...)

    y : ndarray of shape (n_samples,) or (n_samples, n_labels)

    params : dict
        Further arguments of the splitter.

    Returns
    -------
    splits : list of (ndarray, ndarray)
    """
    samples = np.arange(len(y))
    splits = check_cv(cv, y, classifier=True).split(X, y, **params)
    splits = [(samples[train], samples[test]) for train, test in splits]
    if not splits:
        raise ValueError("cv yields no splits. At least one is required.")
    for number, (train, test) in enumerate(splits):
        if not len(train) or not len(test):
            raise ValueError(
                f"Split {number} of cv has {len(train)} training and {len(test)} test "
                "samples; both must be non-empty."
            )
    return splits


def run_search(
    data,
    members,
    splits,
    progress,
    *,
    scorer,
    stop_on_test,
    seed,
    device,
    n_jobs,
    checkpoints,
):
    """Train and score all networks of a search.

    Parameters
    ----------
    data : SearchData

    members : list of dict
        Parameters of the classifier of each candidate.

    splits : list of (train, test)

    progress : SearchProgress

    scorer, stop_on_test, seed : see train_and_score

    device : str

    n_jobs : int or None

    checkpoints : Checkpoints or NoCheckpoints

    Returns
    -------
    scored : list of Scored
        Grouped by candidate.
    """
    summary = data.labels.summarize()
    params = TrainingParams.of(members[0], LabelSmoothingClassifier.__name__)
    params.make_objective(summary)  # raises before anything is trained
    n_training = max(len(train) for train, _ in splits)
    stack_size = choose_stack_size(
        params.make_architecture(data.X, len(summary.classes), seed, n_training),
        data.X,
        params,
        device=device,
        n_samples=n_training,
        verbose=progress.verbose,
    )
    n_processes = effective_n_jobs(n_jobs)
    devices = assign_devices(device, n_jobs)
    tasks = divide_tasks(
        len(members),
        len(splits),
        stack_size,
        devices=devices,
        n_processes=n_processes,
    )
    here = n_processes == 1
    results = make_parallel(n_jobs)(
        delayed(train_and_score if here else train_and_score_in_worker)(
            data,
            [members[c] for c, _ in task],
            [splits[s] for _, s in task],
            scorer=scorer,
            stop_on_test=stop_on_test,
            seed=seed,
            device=task_device,
            stack_size=stack_size,
            network_end=progress.network_end if here else _nothing,
            part=part_of(checkpoints, _name_of(task)),
        )
        for task, task_device in zip(tasks, cycle(devices))
    )
    scored = {}
    for task, networks in zip(tasks, results, strict=True):
        scored.update(zip(task, networks, strict=True))
        if not here:
            progress.network_end(len(task))
    return [scored[pair] for pair in np.ndindex(len(members), len(splits))]


def _name_of(task):
    """Return a name for the networks of a task, the same in every process."""
    return sha256(repr(task).encode()).hexdigest()[:12]


def make_parallel(n_jobs):
    """Return joblib's Parallel, with a generator of results if the backend has one."""
    try:
        return Parallel(n_jobs=n_jobs, return_as="generator")
    except ValueError:
        return Parallel(n_jobs=n_jobs)


def _nothing():
    """Do nothing, since progress is not reported from other processes."""
