"""Trainings for comparison between several processes and a single one."""

import copy
import os
import signal
import tempfile
from pathlib import Path
from unittest.mock import patch

import joblib
import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.datasets import make_classification
from skorch.callbacks import Callback
from torch import nn

from sklearn_ls import LabelSmoothingClassifier
from sklearn_ls._samples import order

N_SAMPLES = 301
X, Y = make_classification(
    N_SAMPLES, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0
)
RNG = np.random.default_rng(0)
WEIGHT = RNG.uniform(0.1, 3.0, N_SAMPLES)
SOFT = RNG.dirichlet(np.ones(3), N_SAMPLES)
LABELS = (RNG.uniform(size=(N_SAMPLES, 4)) < 0.4).astype(int)
VOTES = np.where(
    RNG.uniform(size=(N_SAMPLES, 5)) < 0.5,
    np.where(RNG.uniform(size=(N_SAMPLES, 5)) < 0.8, Y[:, None], 1),
    -1,
)


class Sometimes(nn.Module):
    """Uses one layer for all samples, one for few samples and one for none."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.often = nn.Linear(n_features, n_classes)
        self.rarely = nn.Linear(n_features, n_classes)
        self.never = nn.Linear(n_features, n_classes)
        self.register_buffer("third", torch.tensor(1 / 3))

    def forward(self, X):
        """Return logits."""
        logits, is_rare = self.often(X * self.third), X[:, 0] > 2
        if is_rare.any():
            return logits + self.rarely(X) * is_rare.unsqueeze(1)
        return logits


def normed(n_features, n_classes):
    """Return a network with batch normalization and dropout."""
    return nn.Sequential(
        nn.Linear(n_features, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(8, n_classes),
    )


class Killing(nn.Linear):
    """Kills the process whose rank is in the variable KILL, in the 100th step."""

    n_steps = 0

    def forward(self, X):
        """Return logits."""
        self.n_steps += self.training
        if self.n_steps == 100 and "KILL" in os.environ:
            if os.environ["KILL"] == os.environ["RANK"]:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(X)


class Watcher(Callback):
    """Listens to batches, and clips gradients."""

    def on_grad_computed(self, net, named_parameters, **kwargs):
        """Clip the gradient."""
        nn.utils.clip_grad_norm_(net.module_.parameters(), 0.05)

    def on_batch_end(self, net, batch, **kwargs):
        """Listen."""

    def on_epoch_end(self, net, **kwargs):
        """Copy the net, as callbacks that save it do."""
        assert copy.deepcopy(net).ranks_.size == 1


def small(**params):
    """Return a classifier that trains quickly, on batches of unequal shares."""
    params = {"batch_size": 19, "max_epochs": 3, "hidden_layer_sizes": [7]} | params
    return LabelSmoothingClassifier(**{"random_state": 0, "device": "cpu"} | params)


def memory_mapped():
    """Return X, memory-mapped."""
    path = Path(tempfile.mkdtemp()) / "X.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def in_windows():
    """Return a classifier whose samples are read from a file in windows."""
    with patch.multiple(order, WINDOW=4000, BLOCK=500):
        return small(dropout=0.2).fit(memory_mapped(), Y, WEIGHT)


class Blocks:
    """A stream of blocks of samples, labels and weights."""

    def __iter__(self):
        """Yield the blocks."""
        for start in range(0, N_SAMPLES, 50):
            block = slice(start, start + 50)
            yield X[block], Y[block], WEIGHT[block]


def warm():
    """Return a classifier that was fitted twice."""
    clf = small(warm_start=True).fit(X, Y)
    return clf.fit(X, Y, sample_weight=WEIGHT)


def checkpointed(folder):
    """Return a classifier trained with a checkpoint, if it is not killed."""
    clf = small(module=Killing, batch_size=9, max_epochs=6, random_state=None)
    return clf.fit(X, Y, checkpoint=folder)


# Cases with the same weights in one process and in several.
EQUAL = {
    "weights": lambda: small(dropout=0.3).fit(X, Y, sample_weight=WEIGHT),
    "schedule": lambda: small(
        learning_rate_schedule="cosine", class_weight="balanced", dropout=0.2
    ).fit(X, Y),
    "stopping": lambda: small(
        n_iter_no_change=2, max_epochs=40, tol=0.02, learning_rate=0.05
    ).fit(X, Y),
    "all samples": lambda: small(
        early_stopping=False, batch_size=N_SAMPLES, hidden_layer_sizes=[5, 4]
    ).fit(X, Y),
    "tiny batches": lambda: small(early_stopping=False, batch_size=1).fit(
        X[:40], Y[:40]
    ),
    "soft labels": lambda: small().fit(X, SOFT),
    "epsilon per sample": lambda: small().fit(X, Y, sample_epsilon=SOFT[:, 0]),
    "noise": lambda: small(transition_matrix=0.2, calibration="temperature").fit(X, Y),
    "multilabel": lambda: small().fit(X, LABELS),
    "votes": lambda: small().fit(X, Y, votes=VOTES),
    "votes by autograd": lambda: small(
        module=nn.Linear, optimizer=torch.optim.RAdam
    ).fit(X, Y, votes=VOTES),
    "module": lambda: small(module=Sometimes, batch_size=8).fit(X, Y, WEIGHT),
    "perceptron by autograd": lambda: small(
        optimizer=torch.optim.NAdam, dropout=0.0
    ).fit(X, Y),
    "L-BFGS": lambda: small(
        optimizer=torch.optim.LBFGS,
        optimizer_params={"line_search_fn": "strong_wolfe"},
        batch_size=N_SAMPLES,
        learning_rate=1.0,
        weight_decay=0.0,
        ema_decay=0.0,
        dropout=0.0,
        max_epochs=2,
    ).fit(X, Y),
    "watched": lambda: small(callbacks=[Watcher()], dropout=0.0).fit(X, Y),
    "sparse": lambda: small().fit(csr_array(X), Y),
    "memory-mapped": lambda: small().fit(memory_mapped(), Y),
    "windows": in_windows,
    "stream": lambda: small(dropout=0.2).fit(Blocks()),
    "warm start": warm,
    "seed of the first": lambda: small(
        random_state=np.random.RandomState(int(os.environ.get("RANK", 0)))
    ).fit(X, Y),
}

# Cases with the same weights in all processes, but different from a single process.
AGREED = {
    "no seed": lambda: small(random_state=None).fit(X, Y),
    "batch normalization": lambda: small(
        module=normed, batch_size=64, max_epochs=10
    ).fit(X, Y),
    "watched batch normalization": lambda: small(
        module=normed, callbacks=[Watcher()]
    ).fit(X, Y),
}


def describe(clf):
    """Return the arrays of a fitted classifier to compare, by name."""
    network = {
        f"weight {name}": values.cpu().numpy()
        for name, values in clf.net_.module_.state_dict().items()
    }
    curves = {
        "loss": clf.loss_curve_,
        "validation": clf.validation_scores_ or [],
        "temperature": getattr(clf, "temperature_", 1.0),
        "confusion": getattr(clf, "annotator_confusion_", 0.0),
        "proba": clf.predict_proba(X),
    }
    return network | {name: np.asarray(values) for name, values in curves.items()}


if __name__ == "__main__":
    results = {name: describe(fit()) for name, fit in (EQUAL | AGREED).items()}
    joblib.dump(results, Path(os.environ["RESULTS"]) / f"{os.environ['RANK']}.joblib")
