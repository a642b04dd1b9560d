"""Iris data for the tests of invalid input, and functions that make it invalid."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import torch
from sklearn.datasets import load_iris

X, Y = load_iris(return_X_y=True)
X32 = X.astype(np.float32)
CLASSES = np.unique(Y)
ONEHOT = np.eye(len(CLASSES), dtype=int)[Y]
INDICATORS = ONEHOT.copy()
INDICATORS[0] = 1
SOFT = np.full((len(Y), 3), 0.2) + 0.4 * ONEHOT
IMAGES = np.random.default_rng(0).normal(size=(20, 1, 8, 8))
FRAMES = {
    pd.DataFrame: pd.DataFrame(X, columns=list("abcd")),
    pl.DataFrame: pl.DataFrame(X, schema=list("abcd")),
}
DAYS = np.arange(600).astype("M8[D]").reshape(150, 4)
STAMPS = pd.Series(pd.date_range("2020", periods=150))
POLARS_DATES = {
    "Datetime": datetime.datetime(2020, 1, 1),
    "Date": datetime.date(2020, 1, 1),
    "Duration": datetime.timedelta(1),
    "Time": datetime.time(1),
}


def changed(X, value):
    """Return a copy of `X` with one entry changed."""
    X = X.copy()
    X[3, 1] = value
    return X


def soft_with(row, values):
    """Return a copy of the soft labels with one row changed."""
    soft = SOFT.copy()
    soft[row] = values
    return soft


def as_objects(y):
    return np.array(y, dtype=object)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def network(n_features, n_classes):
    """Return a module for samples of any shape."""
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(int(np.prod(n_features)), 4),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(4, n_classes),
    )
