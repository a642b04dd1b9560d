"""Format of model files: safetensors, with JSON and a hash in the metadata.

The metadata of the safetensors file has a single entry, `FORMAT`, with JSON: the
version of the format, the model, and the SHA-256 hash of the file. The hash is computed
with zeros in its place, so it covers every other byte.
"""

import json
import re
from hashlib import sha256

FORMAT, VERSION = "sklearn_ls", 1
NO_HASH = "0" * 64
# Matches only the hash in the header: strings in the model are escaped twice.
HASH = re.compile(rb'(?<!\\)\\"sha256\\":\\"([0-9a-f]{64})\\"')


class ModelFileError(ValueError):
    """Exception raised if a file does not contain a model that can be loaded.

    See Also
    --------
    sklearn_ls.load_model : Load a model from a file.
    """


def to_bytes(model, arrays):
    """Return the content of a model file.

    Parameters
    ----------
    model : dict
        Model in values that JSON can represent.

    arrays : dict of str to ndarray
        Arrays of the dtypes in `STORED`.

    Returns
    -------
    data : bytes
    """
    from safetensors.numpy import save

    content = {"version": VERSION, "sha256": NO_HASH, "model": model}
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    arrays = {name: array.copy(order="C") for name, array in arrays.items()}
    data = save(arrays, {FORMAT: text})
    start, end = _find_hash(data)
    digest = sha256(data).hexdigest().encode()
    return data[:start] + digest + data[end:]


def from_bytes(data):
    """Return the model and the arrays in the content of a model file.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    model : dict

    arrays : dict of str to ndarray

    Raises
    ------
    ModelFileError
        If the content is damaged, or this version cannot read it.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = json.loads(json.loads(_header(data))["__metadata__"][FORMAT])
        version, model = content["version"], content["model"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ModelFileError(
            "it is not a model file, or its beginning is damaged"
        ) from None
    if type(version) is not int or version > VERSION:
        raise ModelFileError(
            f"it has version {version} of the format, but this version of sklearn_ls "
            f"only reads versions up to {VERSION}. Update sklearn_ls"
        )
    start, end = _find_hash(data)
    digest = sha256(data[:start] + NO_HASH.encode())
    digest.update(memoryview(data)[end:])
    if digest.hexdigest().encode() != data[start:end]:
        raise ModelFileError(
            "it is damaged: its content does not have the SHA-256 hash written in it"
        )
    try:
        return model, load(data)
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelFileError(f"its content cannot be read: {error}") from error


def _header(data):
    """Return the header of a safetensors file, which follows its length in 8 bytes."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= len(data) - 8:
        raise ValueError("no header")
    return data[8 : 8 + length]


def _find_hash(data):
    """Return the start and the end of the hash."""
    found = list(HASH.finditer(data, 8, 8 + len(_header(data))))
    if len(found) != 1:
        raise ModelFileError("it has no SHA-256 hash")
    return found[0].span(1)
