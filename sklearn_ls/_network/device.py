"""Devices, and random numbers that leave torch's global generators alone."""

import threading
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from sklearn.utils import check_random_state

from sklearn_ls._compat import InvalidParameterError

_GLOBAL_GENERATOR = threading.RLock()


def resolve_device(device):
    """Return the device specified by the `device` parameter.

    Parameters
    ----------
    device : str
        ``"auto"`` (CUDA where there is one, else the CPU) or a torch device.

    Returns
    -------
    device : str

    Raises
    ------
    InvalidParameterError
        If torch does not know such a device.

    ValueError
        If this machine does not have it.

    RuntimeError
        If it is CUDA, in a process that was forked from one that used it.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise InvalidParameterError(
            "The 'device' parameter must be 'auto' or a device that torch knows, such "
            f"as 'cpu', 'cuda' or 'cuda:1'. Got {device!r} instead."
        ) from None
    try:
        torch.empty(1, device=device).cpu()
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise _unavailable(device, error) from error
    return "cpu" if kind == "cpu" else device  # a tensor on "cpu:0" moves to "cpu"


def usable_device(device):
    """Return the resolved device, or the CPU if it is not available.

    Parameters
    ----------
    device : str

    Returns
    -------
    device : str
    """
    try:
        return resolve_device(device)
    except InvalidParameterError:
        raise
    except ValueError:
        return "cpu"


def _unavailable(device, error):
    if "forked subprocess" in str(error):
        return RuntimeError(
            "CUDA was used before this process was forked, so it can't be used here. "
            "Use joblib's loky backend or the 'spawn' start method."
        )
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ValueError(
        f"device={device!r} is not available here; available devices: "
        f"{', '.join(['cpu', *cuda])}."
    )


def draw_seed(random_state):
    """Draw the one number that determines all randomness of a fit.

    Parameters
    ----------
    random_state : int, RandomState instance or None

    Returns
    -------
    seed : int
    """
    return check_random_state(random_state).randint(np.iinfo(np.int32).max)


def count_cuda_devices():
    """Return how many CUDA devices there are."""
    return torch.cuda.device_count()


def float_dtypes(device):
    """Return the dtypes to compute in, the preferred first.

    Parameters
    ----------
    device : str

    Returns
    -------
    dtypes : list of dtype
        Without float64 where the device has none.
    """
    if torch.device(device).type == "mps":
        return [np.float32]
    return [np.float64, np.float32]


def numpy_dtype(values):
    """Return the dtype of an array, a sparse matrix or a Tensor as one of NumPy."""
    return np.dtype(str(values.dtype).removeprefix("torch."))


@contextmanager
def private_rng(seed, device):
    """Let torch's global generators draw from `seed` for a moment, then restore them.

    torch has no other way to seed a module's initial weights or its dropout. One thread
    at a time.

    Parameters
    ----------
    seed : int

    device : str
    """
    cuda = [device] if torch.device(device).type == "cuda" else []
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        with torch.cuda.device(device) if cuda else nullcontext():
            if cuda:
                torch.cuda.manual_seed(seed)
            yield


def epoch_random(seed, epoch, device):
    """Return the random generators of an epoch, independent of earlier epochs.

    Parameters
    ----------
    seed : int

    epoch : int

    device : str

    Returns
    -------
    rng : numpy.random.Generator
        For the order of the batches.

    generator : torch.Generator
        For dropout, on the device.
    """
    rng = np.random.default_rng([seed, epoch])
    generator = torch.Generator(device)
    generator.manual_seed(int(rng.integers(2**62)))
    return rng, generator
