"""A folder that holds the state of a training, from which it continues."""

import errno
import json
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numpy as np
from scipy.sparse import issparse

from sklearn_ls._files.atomic import write_atomically
from sklearn_ls._files.model_format import ModelFileError, from_bytes, to_bytes
from sklearn_ls._files.values import OrGiven, decode, encode
from sklearn_ls._warnings import warn

SUFFIX = ".sklearn_ls"  # of all files, so that no others are deleted
KEY = f"training{SUFFIX}"  # says, as JSON, what is trained


def digest_of(values, X):
    """Return a hash of what is trained.

    Parameters
    ----------
    values : dict of str to object
        Code counts by its name.

    X : ndarray or CSR matrix

    Returns
    -------
    digest : str
    """
    arrays = {}
    items = {name: OrGiven(_name_of(v), v) for name, v in values.items()}
    digest = sha256(json.dumps(encode(items, arrays, "values")).encode())
    parts = [X.data, X.indices, X.indptr] if issparse(X) else [X]
    for array in [*arrays.values(), *parts]:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(memoryview(np.ascontiguousarray(array)).cast("B"))
    return digest.hexdigest()


def _name_of(value):
    kind = value if hasattr(value, "__qualname__") else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


class Checkpoints:
    """A folder with a file for each part of a training.

    Parameters
    ----------
    folder : str or os.PathLike
        It is created if it does not exist.

    digest : str
        Hash of what is trained.

    seed : int
        Seed of the training if it starts now.

    Attributes
    ----------
    seed : int
        Seed of the training, that of the first run if it continues.

    Raises
    ------
    OSError
        If the folder cannot be written.

    ValueError
        If it holds another training.
    """

    def __init__(self, folder, digest, seed):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        key = self.folder / KEY
        if key.exists():
            found = json.loads(key.read_text())
        else:
            found = {"digest": digest, "seed": int(seed)}
            write_atomically(key, json.dumps(found).encode())
        if found["digest"] != digest:
            raise ValueError(
                f"The checkpoint {self.folder} is of a training with other data or "
                "parameters (or a cv that splits at random). Continue that one, pass "
                "another checkpoint, or delete the folder."
            )
        self.seed = found["seed"]

    def part(self, name):
        """Return the file of a part of the training."""
        return Checkpoint(self.folder / f"{name}{SUFFIX}")

    def remove(self):
        """Delete the files, and the folder if nothing else is in it."""
        with suppress(OSError):
            for pattern in (f"*{SUFFIX}", f".*{SUFFIX}.*.tmp"):
                for path in self.folder.glob(pattern):
                    path.unlink()
            self.folder.rmdir()


class Checkpoint:
    """The file with the state of a part of a training.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path):
        self.path = path

    def read(self):
        """Return the state, or None if there is none yet.

        Files are replaced as a whole, so that one is damaged only by others.

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
                "train this part again."
            ) from error
        return decode(model, arrays, {})

    def write(self, state):
        """Write a state; warn if that is impossible, since the training can go on."""
        try:
            arrays = {}
            model = encode(state, arrays, "state")
            write_atomically(self.path, to_bytes(model, arrays))
        except OSError as error:
            name = errno.errorcode.get(error.errno, error.errno)
            warn(
                f"The checkpoint {self.path} could not be written ({name}: "
                f"{os.strerror(error.errno or 0)}). The training goes on, and tries "
                "again after the next epoch."
            )
