"""Atomic writing of files."""

import os
import secrets
import stat
from contextlib import suppress
from errno import ENOENT
from pathlib import Path


def write_atomically(path, data):
    """Write a file atomically: readers see either the old or the new content.

    The content is written to a temporary file in the same folder, which then replaces
    the file. An existing file keeps its permissions, and a symbolic link is followed.

    Parameters
    ----------
    path : str or os.PathLike

    data : bytes

    Raises
    ------
    OSError
        If the file cannot be written. An existing file is not changed.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Pass the path of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(path.parent))
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is not a regular file.")
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder):
    """Make a renamed file persist after a system crash."""
    with suppress(OSError):  # Windows cannot open folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
