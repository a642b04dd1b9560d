"""Training of one network in several processes, each with a rank.

Every process runs the same script on the same data and makes the same decisions. In
each step, a process computes the gradient of its share of the batch, and the gradients
are summed.
"""

import atexit
import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import NamedTuple

import torch
from torch import distributed

from sklearn_ls._forks import HAS_PARENTS_GROUP

TIMEOUT = timedelta(minutes=10)  # for a process that does not answer
STEPS_PER_CHECK = 16  # steps between checks for Ctrl-C, which synchronize a GPU
LAUNCHED = {"LOCAL_RANK", "RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}


class Share(NamedTuple):
    """Samples of a batch that a process computes.

    Parameters
    ----------
    start, stop : int
        Positions of the samples in the batch.

    n_batch : int
        Number of samples of the batch.

    weight : float
        Weight of the mean loss of these samples in the mean loss of the batch; 0 if
        another process computes them as well.
    """

    start: int
    stop: int
    n_batch: int
    weight: float

    @classmethod
    def of(cls, rank, size, n_batch):
        """Return the share of a rank.

        A share has at least two samples, as batch normalization requires, unless the
        batch has only one. A process without samples left computes the first ones with
        weight 0.

        Parameters
        ----------
        rank, size : int

        n_batch : int
        """
        n_shares = max(1, min(size, n_batch // 2))
        if rank >= n_shares:
            return cls(0, min(2, n_batch), n_batch, 0.0)
        start, stop = (n_batch * i // n_shares for i in (rank, rank + 1))
        return cls(start, stop, n_batch, (stop - start) / n_batch)


class OneProcess:
    """Replacement for `Ranks` if a single process trains.

    Attributes
    ----------
    rank, size : int
    """

    rank = 0
    size = 1

    @property
    def is_first(self):
        """Whether this process writes files and prints."""
        return self.rank == 0

    def share(self, n_batch):
        """Return the share of a batch that this process computes."""
        return Share.of(self.rank, self.size, n_batch)

    def combine(self, share, loss, parameters, buffers=()):
        """Replace the gradients of shares by the gradient of the batch.

        Parameters
        ----------
        share : Share

        loss : Tensor of shape ()
            Mean loss of the share.

        parameters : list of Tensor
            Parameters whose gradients are updated. A gradient of None is treated as
            zero if another process has a gradient.

        buffers : iterable of Tensor, default=()
            Buffers, overwritten by those of the first process.

        Returns
        -------
        loss : Tensor of shape ()
            Mean loss of the batch.
        """
        return loss

    def sum(self, values):
        """Return the sum of a Tensor over the processes."""
        return values

    def first(self, make):
        """Return the value that the first process computes.

        Parameters
        ----------
        make : callable
            Function without arguments, called only in the first process.
        """
        return make()

    def copy_first(self, tensors):
        """Overwrite tensors by those of the first process."""

    def check_equal(self, make_digests):
        """Raise ValueError in all processes if their values differ.

        Parameters
        ----------
        make_digests : callable
            Function that returns a dict of names to hexadecimal hashes.
        """

    def agree_to_stop(self, asked):
        """Return whether any process should stop after this epoch.

        Parameters
        ----------
        asked : bool
            Whether this process should stop.

        Raises
        ------
        KeyboardInterrupt
            In all processes, if Ctrl-C was pressed in one of them.
        """
        return asked

    @contextmanager
    def postponing_interrupts(self):
        """Postpone Ctrl-C until all processes can stop."""
        yield


ONE_PROCESS = OneProcess()


class Ranks(OneProcess):
    """Processes of a torch.distributed group that train together.

    They communicate in a separate group. If a process leaves it, for example by an
    error, the others raise an error instead of waiting.

    Parameters
    ----------
    device : str
        Device of the tensors to send.

    Attributes
    ----------
    rank : int
        Number of this process.

    size : int
        Number of processes.
    """

    def __init__(self, device):
        self.device = torch.device(device)
        self.rank = distributed.get_rank()
        self.size = distributed.get_world_size()
        self.interrupted = False
        self.n_steps = 0
        self._check_backend()
        with _explaining():
            self.group = distributed.new_group(timeout=TIMEOUT)

    def __reduce__(self):
        """Return a single process, so that copies train by themselves."""
        return OneProcess, ()

    def _check_backend(self):
        backends = distributed.get_backend_config()
        if f"{self.device.type}:" not in backends:
            raise ValueError(
                f"The process group has no backend for device={str(self.device)!r}, "
                f"only {backends!r}. Initialize torch.distributed with, for example, "
                "backend='cpu:gloo,cuda:nccl', or set another device."
            )

    def leave(self):
        """Close the connections to the other processes."""
        group, self.group = self.group, None
        distributed.destroy_process_group(group)

    @torch.no_grad()
    def combine(self, share, loss, parameters, buffers=()):
        """Replace the gradients of shares by the gradient of the batch, in one call."""
        parameters = [values for values in parameters if values.requires_grad]
        gradients = [_gradient_of(values) for values in parameters]
        present = loss.new_tensor([values.grad is not None for values in parameters])
        buffers = [values for values in buffers if values.is_floating_point()]
        interrupted, loss, present, *totals = self._sum_all(
            [loss.new_tensor(float(self.interrupted))]
            + [values * share.weight for values in (loss.detach(), present, *gradients)]
            + [v if self.is_first else torch.zeros_like(v) for v in buffers]
        )
        self.n_steps += 1
        if self.n_steps % STEPS_PER_CHECK == 0:
            self._raise_if_interrupted(interrupted)
        for values, is_present, total in zip(parameters, present, totals, strict=False):
            if values.grad is not None:
                values.grad.copy_(total)
            elif is_present:
                values.grad = total.to(values)
        for values, total in zip(buffers, totals[len(parameters) :], strict=True):
            values.copy_(total)
        return loss

    def _sum_all(self, tensors):
        """Return the sums over the processes, computed in one call."""
        flat = torch.cat([values.reshape(-1) for values in tensors])
        parts = self.sum(flat).split([values.numel() for values in tensors])
        return [
            part.view(values.shape) for part, values in zip(parts, tensors, strict=True)
        ]

    def sum(self, values):
        """Replace a Tensor by its sum over the processes; return it."""
        with _explaining():
            distributed.all_reduce(values, group=self.group)
        return values

    def first(self, make):
        """Return the value that the first process computes and sends to the others."""
        values = [make() if self.is_first else None]
        with _explaining():
            distributed.broadcast_object_list(
                values, src=0, group=self.group, device=self.device
            )
        return values[0]

    @torch.no_grad()
    def copy_first(self, tensors):
        """Overwrite tensors by those of the first process."""
        for values in tensors:
            received = values.detach().contiguous()
            with _explaining():
                distributed.broadcast(received, src=0, group=self.group)
            values.copy_(received)

    def check_equal(self, make_digests):
        """Raise ValueError in all processes if their hashes differ."""
        digests = make_digests()
        numbers = [int(digest[:15], 16) for digest in digests.values()]
        both = torch.tensor([numbers, [-n for n in numbers]], device=self.device)
        with _explaining():
            distributed.all_reduce(both, op=distributed.ReduceOp.MAX, group=self.group)
        different = (both.sum(0) != 0).tolist()
        if any(different):
            names = [n for n, is_ in zip(digests, different, strict=True) if is_]
            raise ValueError(
                f"The processes that train together differ in {' and '.join(names)}. "
                "Each must call fit with the same data and parameters; fit distributes "
                "the samples. If data are generated or split at random, set "
                "random_state."
            )

    def agree_to_stop(self, asked):
        """Return whether any process should stop; may raise KeyboardInterrupt."""
        flags = torch.tensor([float(self.interrupted), float(asked)])
        interrupted, asked = self.sum(flags.to(self.device)).tolist()
        self._raise_if_interrupted(interrupted)
        return asked > 0

    def _raise_if_interrupted(self, n_interrupted):
        if n_interrupted:
            self.interrupted = False
            raise KeyboardInterrupt

    @contextmanager
    def postponing_interrupts(self):
        """Postpone Ctrl-C, unless Python's default handler has been replaced."""
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._note_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.interrupted:
            raise KeyboardInterrupt

    def _note_interrupt(self, number, frame):
        self.interrupted = True


def _gradient_of(values):
    gradient = torch.zeros_like(values) if values.grad is None else values.grad
    if gradient.is_sparse:
        raise ValueError(
            "Sparse gradients cannot be summed over several processes. Set "
            "sparse=False in the embeddings of the module."
        )
    return gradient


@contextmanager
def _explaining():
    """Replace errors of torch.distributed by an error that explains the cause."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise RuntimeError(
            "Another of the processes that train together has failed, was killed or "
            f"has not answered for {TIMEOUT.total_seconds():g} seconds. See its error "
            "message, and restart all processes. With a checkpoint, the training "
            f"continues. ({error})"
        ) from error


@contextmanager
def join_ranks(device):
    """Join the processes that train one network together, if this is one of them.

    It is one of them if torch.distributed is initialized or torchrun started it. Other
    threads, and processes started by this one, train by themselves.

    Parameters
    ----------
    device : str
        Device used for training.

    Yields
    ------
    ranks : Ranks or OneProcess
        On exit, an error is raised in all processes if one of them has failed.
    """
    if not _join_group():
        yield ONE_PROCESS
        return
    ranks = Ranks(device)
    try:
        yield ranks
        ranks.agree_to_stop(False)
    finally:
        ranks.leave()


def find_rank():
    """Return the rank of this process, 0 if it trains by itself."""
    return distributed.get_rank() if _join_group() else 0


def _join_group():
    """Return whether this process belongs to a group.

    Initializes the group if torchrun started this process.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if not distributed.is_available():
        return False
    if distributed.is_initialized():
        return not HAS_PARENTS_GROUP.is_set()
    is_launched = LAUNCHED <= os.environ.keys()
    if not is_launched or multiprocessing.parent_process() is not None:
        return False
    with _explaining():
        distributed.init_process_group(timeout=TIMEOUT)
    atexit.register(_destroy_group)
    return True


def _destroy_group():
    with suppress(Exception):
        distributed.destroy_process_group()
