"""Data to train a network on: arrays, or a stream."""

import copy
from dataclasses import dataclass

import numpy as np

from sklearn_ls._compat import check_sample_weight
from sklearn_ls._features import describe_features, raise_for_dates
from sklearn_ls._files.checkpoints import digest_of
from sklearn_ls._labels.training_labels import TrainingLabels, encode_training_labels
from sklearn_ls._network.checked_stream import CheckedStream, LabeledSamples
from sklearn_ls._network.device import float_dtypes
from sklearn_ls._network.plans import plan_network
from sklearn_ls._network.samples import Samples, check_samples
from sklearn_ls._network.stream_plans import plan_stream, survey_stream


@dataclass(frozen=True, eq=False)
class ArrayData:
    """Samples that can be read in any order.

    Parameters
    ----------
    X : Samples

    labels : TrainingLabels

    features : dict
        Fitted attributes that describe X.
    """

    X: Samples
    labels: TrainingLabels
    features: dict

    @property
    def dtype(self):
        """The dtype that the network computes in."""
        return self.X.dtype.name

    def identify(self):
        """Return values that identify the data."""
        return {
            "X": self.X.digest(),
            "labels": self.labels.digest(),
            "sample_epsilon": self.labels.sample_epsilon,
        }

    def sketch(self):
        """Return values that most likely identify the data, from few samples of X."""
        labels = self.labels
        return {
            "X": (self.X.shape, self.X.sketch()),
            "y or sample_weight": (
                labels.digest(),
                labels.classes,
                labels.sample_epsilon,
            ),
        }

    def plan(self, params, *, seed, device, earlier=None):
        """Return the TrainingPlan of a network."""
        return plan_network(
            self.X, self.labels, params, seed=seed, device=device, earlier=earlier
        )


class StreamData:
    """Samples that are read in blocks, with a survey from a first pass over them.

    Parameters
    ----------
    stream : Stream

    estimator : estimator
        Estimator that validates the blocks. Their features must match `earlier`, if
        given.

    params : TrainingParams

    seed : int

    device : str

    earlier : FittedNetwork, default=None
        Network from which training continues.

    Attributes
    ----------
    features : dict
        Fitted attributes that describe X.
    """

    def __init__(self, stream, estimator, params, *, seed, device, earlier=None):
        self.stream = stream
        self.check = BlockCheck(estimator, device, earlier)
        self._survey(params, seed, earlier)
        self.features = self.check.features

    def _survey(self, params, seed, earlier):
        self.seed = seed
        stream = CheckedStream(self.stream, self.check, seed)
        self.survey = survey_stream(stream, params, earlier)

    @property
    def dtype(self):
        """The dtype that the network computes in."""
        return self.check.first.dtype.name

    def identify(self):
        """Return values that most likely identify the data."""
        return self.survey.to_dict()

    def sketch(self):
        """Return values that most likely identify the data."""
        return {"X and y": self.identify()}

    def plan(self, params, *, seed, device, earlier=None):
        """Return the TrainingPlan of a network."""
        if seed != self.seed:  # a checkpoint's seed, which holds out other samples
            self._survey(params, seed, earlier)
        return plan_stream(
            self.survey, params, seed=seed, device=device, earlier=earlier
        )


class BlockCheck:
    """Validate the blocks of a stream, all of them against the first.

    Parameters
    ----------
    estimator : estimator

    device : str

    network : FittedNetwork, default=None
        Network from which training continues, with the same features.
    """

    def __init__(self, estimator, device, network=None):
        self.estimator = copy.copy(estimator)  # validation sets attributes
        self.device = device
        self.network = network
        self.first = None

    @property
    def features(self):
        """Fitted attributes that describe X."""
        return describe_features(self.estimator)

    def __call__(self, block):
        """Return the LabeledSamples of a block.

        Raises
        ------
        ValueError
            If the block is invalid, or its samples have a different shape.
        """
        if block.y is None:
            raise ValueError(
                "The blocks have no labels. Each of them must be (X, y) or (X, y, "
                "sample_weight); for parquet files and dask dataframes, pass the name "
                "of the column of labels as y."
            )
        if np.ndim(block.X) < 2:
            raise ValueError(
                "X of each block must have at least two dimensions. Got shape "
                f"{np.shape(block.X)}. Pass batches rather than single samples."
            )
        raise_for_dates(block.X)
        expected = self.network if self.first is None else self.first
        labels = encode_training_labels(block.y)
        X = check_samples(
            self.estimator,
            block.X,
            labels.codes,
            reset=expected is None,
            dtypes=(
                float_dtypes(block.X, self.device, self.estimator.dtype)
                if expected is None
                else [expected.dtype]
            ),
            allow_nd=self.estimator.module is not None,
            in_memory=True,
        )
        if expected is not None and X.shape[1:] != expected.sample_shape:
            raise ValueError(
                f"A block has samples of shape {X.shape[1:]}, but earlier samples have "
                f"shape {expected.sample_shape}."
            )
        if self.first is not None and X.is_sparse != self.first.is_sparse:
            raise ValueError("Either all blocks must be sparse, or none of them.")
        if self.first is None:
            self.first = X
        return LabeledSamples(X, labels.weighted(_check_weight(block, X.X)))


def _check_weight(block, X):
    """Return the weights of a block, which may all be zero, or None."""
    weight = block.sample_weight
    if weight is None:
        return None
    weight = np.asarray(weight)
    if weight.shape == (X.shape[0],) and not weight.any():
        return np.zeros(len(weight))
    return check_sample_weight(weight, X)


def hash_parts(params, data, earlier=None):
    """Return hashes of the values that processes that train together must share.

    Parameters
    ----------
    params : dict
        Parameters of the estimator.

    data : ArrayData or StreamData

    earlier : FittedNetwork, default=None
        Network from which training continues.

    Returns
    -------
    hashes : dict of str to str
        Hashes by the description of the hashed value.
    """
    own = (
        "callbacks",
        "device",
        "dtype",
        "random_state",
        "verbose",
    )  # may be different
    parts = {
        **data.sketch(),
        "dtype": data.dtype,
        "the parameters": {n: v for n, v in params.items() if n not in own},
        "the classes of callbacks": [type(c) for c in params["callbacks"] or ()],
        "the network of the earlier fit": earlier and earlier.weights,
    }
    return {name: digest_of({"part": part}) for name, part in parts.items()}
