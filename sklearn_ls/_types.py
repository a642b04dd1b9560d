"""Types of the public interface, which NumPy does not have."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray


class SupportsArray(Protocol):
    """What NumPy can make an array of, such as a tensor or a Series."""

    def __array__(self) -> NDArray[Any]:
        """Return the array."""


# NumPy's ArrayLike admits a str, which is no number.
VectorLike = Sequence[float] | SupportsArray
MatrixLike = Sequence[Sequence[float]] | Sequence[SupportsArray] | SupportsArray
SamplesLike = Any  # also sparse matrices, dataframes and streams, which have no types
VotesLike = Any  # also names and None, and dataframes
Estimator = Any
Splits = Any  # the number of splits, a splitter of scikit-learn, or pairs of indices
Floats = NDArray[np.floating[Any]]
Integer = int | np.integer[Any]
RandomState = Integer | np.random.RandomState | None
FilePath = str | PathLike[str]
ClassWeight = dict[Any, Any] | Literal["balanced"]
Names = list[str] | tuple[str, ...] | set[str]
Scoring = str | Callable[..., Any] | Names | Mapping[str, Callable[..., Any]]

Distribution = Literal["uniform", "others", "each", "prior"] | VectorLike | MatrixLike
Convention = Literal["uniform", "others", "each"]
Activation = Literal["identity", "logistic", "tanh", "relu"]
Module = Literal["convnet"] | Callable[..., Any]
Optimizer = Literal["adam", "adamw", "sgd"] | Callable[..., Any]
Schedule = Literal["constant", "cosine"]
Calibration = Literal["temperature", "unsmooth"]
Strategy = Literal["auto", "objective", "replicate", "sample"]
Kind = Literal["top-label", "class-wise"]
Binning = Literal["uniform", "quantile"]
