"""Conversion of Python values to JSON and separate arrays, and back.

Values of types that JSON does not have become dicts with a single key, `TAG` followed
by the name of the type. Decoding creates only values of the types listed here.
"""

import math
from dataclasses import dataclass

import numpy as np

TAG = "$"  # prefix of the names of types
STORED = {"bool", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}  # dtypes of the arrays
OTHER_KINDS = "biufmM"  # kinds of dtypes whose bytes are stored


class CannotEncode(TypeError):
    """Raised for a value whose type cannot be encoded."""


@dataclass(frozen=True)
class Omittable:
    """A value that is omitted if it cannot be encoded; `decode` is then passed a value.

    Parameters
    ----------
    name : str
        Name of the value.

    value : object
    """

    name: str
    value: object


def encode(value, arrays, name):
    """Encode a value in types that JSON has.

    Parameters
    ----------
    value : object
        Nested lists, tuples, sets and dicts of arrays, numbers, strings, dtypes, None
        and `Omittable`.

    arrays : dict of str to ndarray
        Dict to which the arrays of the value are added.

    name : str
        Name of the value, the prefix of the names of its arrays.

    Returns
    -------
    encoded : None, bool, int, float, str, list or dict

    Raises
    ------
    CannotEncode
        If a value has another type.
    """

    def all_of(values):
        return [
            encode(item, arrays, f"{name}.{position}")
            for position, item in enumerate(values)
        ]

    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": str(value)}
    if kind is list:
        return all_of(value)
    if kind is tuple:
        return {"$tuple": all_of(value)}
    if kind is set:
        return {"$set": all_of(sorted(value, key=repr))}
    if kind is dict:
        if all(type(key) is str and not key.startswith(TAG) for key in value):
            return {k: encode(item, arrays, f"{name}.{k}") for k, item in value.items()}
        return {"$dict": all_of(map(list, value.items()))}
    if kind is Omittable:
        own = {}
        try:
            encoded = encode(value.value, own, name)
        except CannotEncode:
            return {"$omitted": value.name}
        arrays.update(own)
        return encoded
    if kind is np.ndarray:
        return _encode_array(value, arrays, name)
    if kind is np.ma.MaskedArray:
        return {"$masked": all_of([value.data, value.mask, value.fill_value])}
    if isinstance(value, np.generic):
        return {"$scalar": _encode_array(np.asarray(value), arrays, name)}
    if isinstance(value, np.dtype):
        return {"$dtype": value.str}
    if isinstance(value, type) and issubclass(value, np.generic):
        return {"$type": value.__name__}
    raise CannotEncode(f"{name} is a {kind.__name__}.")


def _encode_array(array, arrays, name):
    dtype = array.dtype
    if dtype.kind == "O":
        flat = [encode(v, arrays, f"{name}.{i}") for i, v in enumerate(array.flat)]
        return {"$objects": [list(array.shape), flat]}
    if dtype.kind == "U":
        return {"$texts": [dtype.str, list(array.shape), array.ravel().tolist()]}
    name = _new_name(name, arrays)
    if dtype.name in STORED and dtype.isnative:
        arrays[name] = array
        return {"$array": name}
    if dtype.kind not in OTHER_KINDS:
        raise CannotEncode(f"{name} has the dtype {dtype}.")
    raw = np.frombuffer(array.tobytes(), dtype=np.uint8)
    arrays[name] = raw
    return {"$raw": [name, dtype.str, list(array.shape)]}


def _new_name(name, arrays):
    """Return an unused name, since keys may contain dots."""
    while name in arrays:
        name += "_"
    return name


def find_omitted(encoded):
    """Return the names of the values that must be passed to `decode`.

    Parameters
    ----------
    encoded : None, bool, int, float, str, list or dict

    Returns
    -------
    names : set of str
    """
    if isinstance(encoded, dict):
        if encoded.keys() == {"$omitted"}:
            if not isinstance(encoded["$omitted"], str):
                raise TypeError("the name of a parameter is not a str")
            return {encoded["$omitted"]}
        encoded = list(encoded.values())
    if isinstance(encoded, list):
        return set().union(*map(find_omitted, encoded))
    return set()


def decode(encoded, arrays, omitted):
    """Decode the output of `encode`.

    Parameters
    ----------
    encoded : None, bool, int, float, str, list or dict

    arrays : dict of str to ndarray
        Arrays by name. Each is used once, and removed.

    omitted : dict of str to object
        Values that were omitted.

    Returns
    -------
    value : object

    Raises
    ------
    ValueError, TypeError, KeyError, IndexError, OverflowError
        If `encoded` and `arrays` are not the output of `encode`.
    """
    if isinstance(encoded, list):
        return [decode(item, arrays, omitted) for item in encoded]
    if not isinstance(encoded, dict):
        return encoded
    if not any(key.startswith(TAG) for key in encoded):
        return {key: decode(item, arrays, omitted) for key, item in encoded.items()}
    ((tag, content),) = encoded.items()
    if tag == "$omitted":
        return omitted[content]
    if tag == "$array":
        return arrays.pop(content)
    if tag == "$raw":
        return _decode_raw(*content, arrays)
    if tag == "$texts":
        return _decode_texts(*content)
    if tag == "$type":
        return np.dtype(content).type
    if tag == "$dtype":
        return np.dtype(content)
    if tag == "$float":
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[content]
    if tag == "$objects":
        shape, flat = content
        objects = np.empty(len(flat), dtype=object)
        for position, item in enumerate(flat):
            objects[position] = decode(item, arrays, omitted)
        return objects.reshape(_check_shape(shape))
    content = decode(content, arrays, omitted)
    if tag == "$tuple":
        return tuple(content)
    if tag == "$set":
        return set(content)
    if tag == "$dict":
        return dict(content)
    if tag == "$scalar":
        return content[()]
    if tag == "$masked":
        data, mask, fill_value = content
        return np.ma.MaskedArray(data, mask, fill_value=fill_value)
    raise ValueError(f"unknown type {tag!r}")


def _decode_raw(name, dtype, shape, arrays):
    dtype = np.dtype(dtype)
    if dtype.kind not in OTHER_KINDS:
        raise ValueError(f"unknown dtype {dtype}")
    return np.frombuffer(arrays.pop(name).tobytes(), dtype).reshape(_check_shape(shape))


def _decode_texts(dtype, shape, texts):
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is not a str")
    dtype, n_texts, total = np.dtype(dtype), len(texts), sum(map(len, texts))
    longest = max(map(len, texts), default=0)
    if dtype.kind != "U" or dtype.itemsize < 4 * longest:
        raise ValueError(f"texts are longer than {dtype} allows")
    if n_texts * dtype.itemsize > 2**26 + 64 * total:
        raise ValueError(f"{dtype} is much longer than the texts")
    array = np.array(texts, dtype=dtype)
    return array.reshape(_check_shape(shape))


def _check_shape(shape):
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"invalid shape {shape}")
    return tuple(shape)
