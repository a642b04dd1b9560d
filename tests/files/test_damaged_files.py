"""Damaged, foreign and malicious files raise ModelFileError."""

import copy
import json
import pickle
import re

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from helpers import peak_rss, quick_classifier, quick_search
from sklearn_ls import LabelSmoother, ModelFileError, load_model, save_model
from sklearn_ls._files.model_format import from_bytes, to_bytes

SMALL = {"hidden_layer_sizes": (2,), "max_epochs": 2}


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Return the contents of files of small models, and X."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 2)).astype(np.float32), np.resize(["a", "b"], 20)
    path = tmp_path_factory.mktemp("files") / "model"
    estimators = {
        "smoother": LabelSmoother(distribution=[0.5, 0.5]).fit(y),
        "classifier": quick_classifier(calibration="temperature", **SMALL).fit(X, y),
        "partial": quick_classifier(**SMALL).partial_fit(X, y, classes=["a", "b"]),
        "search": quick_search([0.1], cv=2, **SMALL).fit(X, y, votes=np.c_[y, y]),
    }
    contents = {}
    for name, estimator in estimators.items():
        save_model(estimator, path)
        contents[name] = path.read_bytes()
    return contents, X


def load_bytes(content, path):
    path.write_bytes(content)
    return load_model(path)


@pytest.mark.parametrize("kind", ["smoother", "classifier"])
def test_every_flipped_bit_is_detected(contents, kind):
    content = contents[0][kind]
    for position in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[position] ^= 1 << bit
            with pytest.raises(ModelFileError):
                from_bytes(bytes(changed))


def test_truncated_files_are_refused(contents):
    content = contents[0]["smoother"]
    for length in range(len(content)):
        with pytest.raises(ModelFileError):
            from_bytes(content[:length])
    with pytest.raises(ModelFileError):
        from_bytes(content + b"\0")


class Evil:
    def __reduce__(self):
        return (open, ("/nonexistent/executed", "w"))


FOREIGN = {
    "empty": b"",
    "text": b"a model\n" * 10,
    "zeros": bytes(1000),
    "pickle": pickle.dumps(Evil()),
    "zip": b"PK\x03\x04" + bytes(100),
    "json": b'{"model": 1}',
    "safetensors": save({"a": np.zeros(3)}),
    "other safetensors": save({"a": np.zeros(3)}, {"format": "pt"}),
    "huge header": (2**63).to_bytes(8, "little") + b"{}",
    "deep JSON": (200_000).to_bytes(8, "little") + b"[" * 200_000,
    "without a hash": save({}, {"sklearn_ls": '{"version":1,"model":{}}'}),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_foreign_files_are_refused(content, tmp_path):
    with pytest.raises(ModelFileError, match=re.escape(f"{tmp_path}")):
        load_bytes(content, tmp_path / "model")


def test_newer_formats_are_named(contents, tmp_path):
    content = contents[0]["smoother"].replace(rb"{\"version\":1,", rb"{\"version\":2,")
    with pytest.raises(ModelFileError, match=r"has version 2 .* Update sklearn_ls"):
        load_bytes(content, tmp_path / "model")


def nodes(value, path=()):
    """Yield the path of every value in nested lists and dicts."""
    yield path
    items = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from nodes(item, (*path, key))


def change(root, path, edit):
    """Replace the value at a path by the output of `edit`."""
    *parents, last = path
    for key in parents:
        root = root[key]
    root[last] = edit(root[last])


VALUES = [
    *(None, True, -1, 0, 2, 10**12, 10**400, 0.5, -1e308, "", "a", "convnet", "$"),
    *([], [[]], {}, [1e9], {"$tuple": [1]}, {"$float": "nan"}, {"$float": "x"}),
    *({"$array": "a"}, {"$raw": ["a", "O", [1]]}, {"$raw": ["a", "<U9999999", [1]]}),
    *({"$texts": ["<U2000000000", [1], ["a"]]}, {"$objects": [[10**12], []]}),
    *({"$dtype": "O"}, {"$type": "V1000000000"}, {"$omitted": "epsilon"}, {"$x": 1}),
    *({"$masked": [1, 2, 3]}, {"$scalar": [1]}, {"$dict": [[1, 2, 3]]}),
]


def mutate(model, arrays, rng):
    """Return a model file with an intact hash, but other content."""
    model, arrays = copy.deepcopy(model), dict(arrays)
    for _ in range(rng.integers(1, 4)):
        if arrays and rng.random() < 0.3:
            name = rng.choice([*arrays])
            arrays[name] = change_array(arrays[name], rng)
            if rng.random() < 0.2:
                del arrays[name]
            continue
        paths = [path for path in nodes(model) if path]
        path = paths[rng.integers(len(paths))]
        new = VALUES[rng.integers(len(VALUES))]
        if rng.random() < 0.3:  # a part of the same file
            source = paths[rng.integers(len(paths))]
            new = model
            for key in source:
                new = new[key]
        change(model, path, lambda old, new=new: copy.deepcopy(new))
    return to_bytes(model, arrays)


def change_array(array, rng):
    kind = rng.integers(6)
    if kind == 0:
        return np.full_like(array, np.nan if array.dtype.kind == "f" else 77)
    if kind == 1:
        return array.ravel()
    if kind == 2:
        return array[:0] if array.ndim else array.reshape(1)
    if kind == 3:
        with np.errstate(over="ignore", invalid="ignore"):
            return array.astype(rng.choice(["float16", "int8", "float64", "bool"]))
    if kind == 4:
        return np.concatenate([array.ravel(), array.ravel()])
    return np.asarray(-array) if array.dtype.kind == "f" else array


def attack(contents, path, seed, n_mutations):
    """Load mutated files, which raise ModelFileError or predict finite numbers."""
    contents, X = contents
    rng = np.random.default_rng(seed)
    parts = [from_bytes(content) for content in contents.values()]
    n_loaded = 0
    for _ in range(n_mutations):
        content = mutate(*parts[rng.integers(len(parts))], rng)
        try:
            loaded = load_bytes(content, path)
        except (ModelFileError, TypeError) as error:
            assert isinstance(error, ModelFileError) or "was saved without" in str(
                error
            )
            continue
        n_loaded += 1
        if hasattr(loaded, "predict_proba") and "_network" in vars(loaded):
            y_proba = loaded.predict_proba(X)
            assert np.isfinite(y_proba).all()
            assert len(loaded.predict(X)) == len(X)
    return n_loaded


def test_mutated_files_with_an_intact_hash(contents, tmp_path):
    n_loaded = attack(contents, tmp_path / "model", seed=0, n_mutations=2000)
    assert 50 < n_loaded < 1500  # such as files with another epsilon


def test_mutated_files_take_little_memory(contents, tmp_path):
    before = peak_rss()
    attack(contents, tmp_path / "model", seed=2, n_mutations=300)
    assert peak_rss() - before < 100_000  # kilobytes, of torch as well


@pytest.mark.long
def test_many_mutated_files_with_an_intact_hash(contents, tmp_path):
    attack(contents, tmp_path / "model", seed=1, n_mutations=100_000)


def test_nothing_is_allocated_for_weights_that_are_not_there(contents, tmp_path):
    model, arrays = from_bytes(contents[0]["classifier"])
    network = model["model"]["fitted"]["network"]
    network["module_params"]["hidden_layer_sizes"] = [10**6, 10**6]
    with pytest.raises(ModelFileError, match="do not have the shapes"):
        load_bytes(to_bytes(model, arrays), tmp_path / "model")


def test_nan_weights_are_refused(contents, tmp_path):
    model, arrays = from_bytes(contents[0]["classifier"])
    name = "model.fitted.network.weights.1.weight"
    arrays[name] = np.full_like(arrays[name], np.nan)
    with pytest.raises(ModelFileError, match=r"the weights 1\.weight are NaN"):
        load_bytes(to_bytes(model, arrays), tmp_path / "model")


def test_optimizer_states_of_other_shapes_are_refused(contents, tmp_path):
    model, arrays = from_bytes(contents[0]["partial"])
    (name, *_) = [name for name in arrays if name.endswith("weight.exp_avg")]
    arrays[name] = arrays[name][:1]
    with pytest.raises(ModelFileError, match="the state of the optimizer of"):
        load_bytes(to_bytes(model, arrays), tmp_path / "model")


def test_files_are_not_unpickled(contents, monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    for content in contents[0].values():
        load_bytes(content, tmp_path / "model")


def test_json_is_plain(contents):
    for content in contents[0].values():
        model, _ = from_bytes(content)
        assert json.loads(json.dumps(model)) == model
