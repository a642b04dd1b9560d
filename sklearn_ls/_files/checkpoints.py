"""Checkpoints: a folder with the state of an interrupted training."""

import errno
import functools
import json
import os
import pickle
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import joblib

from sklearn_ls._files.atomic import write_atomically
from sklearn_ls._files.model_format import ModelFileError, from_bytes, to_bytes
from sklearn_ls._files.values import decode, encode
from sklearn_ls._warnings import warn

MAX_SHARE = 0.1  # maximum fraction of time spent on writing
SUFFIX = ".sklearn_ls"  # of all files, so that no other files are deleted
KEY = f"training{SUFFIX}"  # JSON file that identifies the training


def digest_of(values):
    """Return a hash that identifies a training.

    Parameters
    ----------
    values : dict of str to object
        Data and parameters. Code that cannot be pickled, such as a local function, is
        identified by its name and its bytecode.

    Returns
    -------
    digest : str
    """
    return joblib.hash({name: _digest_of(value) for name, value in values.items()})


def _digest_of(value):
    try:
        return joblib.hash(value)
    except (AttributeError, TypeError, pickle.PicklingError):
        pass
    if isinstance(value, (list, tuple)):
        return joblib.hash([_digest_of(item) for item in value])
    if isinstance(value, dict):
        return joblib.hash([_digest_of(list(item)) for item in value.items()])
    if isinstance(value, functools.partial):
        return _digest_of([value.func, value.args, value.keywords])
    kind = value if hasattr(value, "__qualname__") else type(value)
    code = getattr(value, "__code__", None)
    return joblib.hash(
        [kind.__module__, kind.__qualname__, code and (code.co_code, code.co_names)]
    )


class NoCheckpoints(NamedTuple):
    """Replacement for `Checkpoints` if a training has none."""

    seed: int

    def part(self, name):
        """Return None."""

    def remove(self):
        """Do nothing."""


class Checkpoints:
    """A folder with a file for each part of a training.

    Parameters
    ----------
    folder : str or os.PathLike
        Path of the folder, which is created if it does not exist.

    digest : str
        Hash that identifies the training.

    seed : int
        Seed of the training if it starts now.

    Attributes
    ----------
    seed : int
        Seed of the training: that of the first run if it continues.

    Raises
    ------
    OSError
        If the folder cannot be written to.

    ValueError
        If the folder belongs to a different training.
    """

    def __init__(self, folder, digest, seed):
        self.folder = Path(folder).absolute()  # working directories may differ
        self.digest = digest
        self.folder.mkdir(parents=True, exist_ok=True)
        key = self.folder / KEY
        found = {"digest": digest, "seed": int(seed)}
        if key.exists():
            found = json.loads(key.read_text())
        if found["digest"] == digest:  # write now, to fail early if it is impossible
            write_atomically(key, json.dumps(found).encode())
        else:
            raise ValueError(
                f"The checkpoint {self.folder} belongs to a training with different "
                "data or parameters (or a cv that splits at random). Continue that "
                "training, pass another checkpoint, or delete the folder."
            )
        self.seed = found["seed"]

    def part(self, name):
        """Return the Checkpoint of a part of the training."""
        return Checkpoint(self.folder / f"{name}{SUFFIX}", self.digest)

    def remove(self):
        """Delete the files, and the folder if it contains no other files."""
        with suppress(OSError):
            key = self.folder / KEY
            for pattern in (f"*{SUFFIX}", f".*{SUFFIX}.*.tmp"):
                for path in self.folder.glob(pattern):
                    if path != key:
                        path.unlink()
            key.unlink()
            self.folder.rmdir()


class Checkpoint:
    """File with the state of a part of a training.

    Parameters
    ----------
    path : Path

    digest : str
        Hash that identifies the training; files of other trainings are ignored.
    """

    def __init__(self, path, digest):
        self.path = path
        self.digest = digest
        self.due = 0.0  # earliest time of the next write

    def is_due(self):
        """Return whether to write now, to limit the fraction of time for writing."""
        return time.monotonic() >= self.due

    def read(self):
        """Return the state, or None if there is none yet.

        Files are written atomically, so an interrupted training does not damage them.

        Raises
        ------
        ModelFileError
            If the file is damaged.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            model, arrays = from_bytes(data)
        except ModelFileError as error:
            raise ModelFileError(
                f"The checkpoint {self.path} cannot be read: {error}. Delete it to "
                "repeat this part of the training."
            ) from error
        saved = decode(model, arrays, {})
        return saved["state"] if saved.get("digest") == self.digest else None

    def write(self, state):
        """Write a state; warn if it cannot be written, since training can continue."""
        start = time.monotonic()
        try:
            arrays = {}
            saved = {"digest": self.digest, "state": state}
            model = encode(saved, arrays, "checkpoint")
            write_atomically(self.path, to_bytes(model, arrays))
        except OSError as error:
            name = errno.errorcode.get(error.errno, error.errno)
            warn(
                f"The checkpoint {self.path} could not be written ({name}: "
                f"{os.strerror(error.errno or 0)}). Training continues, and the next "
                "epoch tries to write it again."
            )
            return
        end = time.monotonic()
        self.due = end + (end - start) / MAX_SHARE
