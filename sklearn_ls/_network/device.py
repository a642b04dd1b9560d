"""Devices, and random numbers that do not change torch's global generators."""

import os
import threading
from contextlib import ExitStack, contextmanager, nullcontext

import numpy as np
import torch
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import check_random_state

from sklearn_ls._compat import InvalidParameterError
from sklearn_ls._forks import IS_FORKED
from sklearn_ls._warnings import warn

_GLOBAL_GENERATOR = threading.RLock()
EXACT_IN_FLOAT32 = {
    *("bool", "float16", "bfloat16", "float32"),
    *("int8", "int16", "uint8", "uint16"),
}


def _after_fork():
    """Replace the lock in a forked process, since another thread may have held it."""
    global _GLOBAL_GENERATOR
    _GLOBAL_GENERATOR = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def resolve_device(device):
    """Return the device specified by the `device` parameter.

    Parameters
    ----------
    device : str
        ``"auto"`` (CUDA if available, otherwise the CPU) or a torch device. Each
        process started by torchrun uses its own CUDA device.

    Returns
    -------
    device : str

    Raises
    ------
    InvalidParameterError
        If torch does not know the device.

    ValueError
        If the device is not available.

    RuntimeError
        If CUDA is used in a process that was forked from one that used it.
    """
    if device == "auto":
        device = _own_cuda_device() if torch.cuda.is_available() else "cpu"
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


def _own_cuda_device():
    """Return the CUDA device of this process, from its local rank."""
    number = os.environ.get("LOCAL_RANK")
    return "cuda" if number is None else f"cuda:{int(number) % count_cuda_devices()}"


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
            "CUDA cannot be used in this process, since it was used before the process "
            "was forked. Use joblib's loky backend or the 'spawn' start method."
        )
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ValueError(
        f"device={device!r} is not available. Available devices: "
        f"{', '.join(['cpu', *cuda])}."
    )


def draw_seed(random_state):
    """Draw the seed that determines all randomness of a fit.

    Parameters
    ----------
    random_state : int, RandomState instance or None

    Returns
    -------
    seed : int
    """
    return check_random_state(random_state).randint(np.iinfo(np.int32).max)


def count_cuda_devices():
    """Return the number of CUDA devices."""
    return torch.cuda.device_count()


def float_dtypes(X, device, dtype="auto"):
    """Return the dtypes to compute in, the preferred one first.

    Parameters
    ----------
    X : array-like
        If float32 represents its dtype (or dtypes) exactly, float32 is preferred.

    device : str

    dtype : {"auto", "float32", "float64"}, default="auto"

    Returns
    -------
    dtypes : list of dtype
        With ``"auto"``, float64 is used on the CPU only.
    """
    kind = torch.device(device).type
    if dtype == "float64" and kind == "mps":
        raise ValueError(
            f"device={device!r} does not support dtype='float64'. Set dtype='float32'."
        )
    if dtype != "auto":
        return [np.dtype(dtype).type]
    dtypes = getattr(X, "dtypes", [getattr(X, "dtype", None)])
    names = {_name(dtype) for dtype in dtypes}
    if names <= EXACT_IN_FLOAT32:
        return [np.float32, np.float64]
    if kind == "cpu":
        return [np.float64, np.float32]
    if inexact := sorted(names - EXACT_IN_FLOAT32 - {"none"}):
        warn(
            f"X has dtype {inexact[0]}, but the network computes in float32 on "
            f"{device!r}. Set dtype='float32' to silence this warning, or "
            "dtype='float64' to compute in float64, which is slower.",
            DataConversionWarning,
        )
    return [np.float32]


def _name(dtype):
    """Return the name of a dtype of NumPy, pandas, pyarrow or torch."""
    name = str(dtype).lower().removeprefix("torch.").removesuffix("[pyarrow]")
    return {"float": "float32", "double": "float64"}.get(name, name)


def numpy_dtype(values):
    """Return the dtype of an array, a sparse matrix or a Tensor as a NumPy dtype."""
    return np.dtype(str(values.dtype).removeprefix("torch."))


@contextmanager
def private_rng(seed, device):
    """Seed torch's global generators temporarily, then restore their state.

    torch has no other way to seed the initial weights or the dropout of a module. Only
    one thread can enter at a time. The default dtype is float32 in this context.

    Parameters
    ----------
    seed : int

    device : str
    """
    cuda = [device] if torch.device(device).type == "cuda" else []
    with (
        _GLOBAL_GENERATOR,
        _float32_as_default(),
        torch.random.fork_rng(devices=cuda),
    ):
        torch.default_generator.manual_seed(seed)
        with torch.cuda.device(device) if cuda else nullcontext():
            if cuda:
                torch.cuda.manual_seed(seed)
            yield


@contextmanager
def _float32_as_default():
    dtype = torch.get_default_dtype()
    if dtype is torch.float32:
        yield
        return
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)


@contextmanager
def default_modes():
    """Ignore the default device, autocast and inference mode that the user has set.

    They would change results or make training fail. A forked process uses a single
    thread, because the threads of OpenMP do not survive the fork and it would hang.
    """
    if IS_FORKED.is_set() and torch.get_num_threads() > 1:
        torch.set_num_threads(1)
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
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
        Generator for the order of the batches.

    generator : torch.Generator
        Generator for dropout, on the device.
    """
    rng = np.random.default_rng([seed, epoch])
    generator = torch.Generator(device)
    generator.manual_seed(int(rng.integers(2**62)))
    return rng, generator
