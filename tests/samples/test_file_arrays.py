"""Training on arrays in files equals training on the same arrays in memory."""

import pickle

import dask.array as da
import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import zarr
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from helpers import plain_classifier, quick_classifier, quick_search, stacks_of
from sklearn_ls._network.batches import Batches
from sklearn_ls._network.losses import LabelRows
from sklearn_ls._network.samples import Samples
from sklearn_ls._samples import file_arrays, order


@pytest.fixture
def small_windows(monkeypatch):
    """Windows of about 128 of the digits, of blocks of 16."""
    monkeypatch.setattr(order, "WINDOW", 2**15)
    monkeypatch.setattr(file_arrays, "WINDOW", 2**15)
    monkeypatch.setattr(order, "BLOCK", 2**12)


def mapped(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def mapped_in_fortran_order(X, folder):
    return mapped(np.asfortranarray(X), folder)


def in_hdf5(X, folder):
    return h5py.File(folder / "X.h5", "w").create_dataset("X", data=X)


def in_chunks_of_hdf5(X, folder):
    file = h5py.File(folder / "X.h5", "w")
    return file.create_dataset("X", data=X, chunks=(37, *X.shape[1:]))


def in_zarr(X, folder):
    array = zarr.create_array(
        folder / "X", shape=X.shape, chunks=(70, 5), dtype=X.dtype
    )
    array[:] = X
    return array


def in_dask(X, folder):
    return da.from_array(X, chunks=(90, 40))


WITHOUT_CHUNKS = [mapped, mapped_in_fortran_order, in_hdf5]
IN_FILES = [*WITHOUT_CHUNKS, in_chunks_of_hdf5, in_zarr, in_dask]
TRAININGS = {
    "plain": {"early_stopping": False},
    "held out": {"early_stopping": True, "calibration": "temperature"},
    "weights": {"class_weight": "balanced"},
    "cosine": {"learning_rate_schedule": "cosine", "optimizer": "sgd"},
}


@pytest.mark.parametrize("store", WITHOUT_CHUNKS)
@pytest.mark.parametrize("params", TRAININGS.values(), ids=TRAININGS)
def test_files_without_chunks_equal_memory(
    digits, tmp_path, store, params, small_windows
):
    X, y = digits
    weight = np.where(np.arange(len(X)) % 7, 1.0, 0.0)
    clf = quick_classifier(**params)
    expected = clf.fit(X, y, sample_weight=weight).predict_proba(X)
    in_file = store(X, tmp_path)
    clf.fit(in_file, y, sample_weight=weight)
    assert_array_equal(clf.predict_proba(X), expected)
    assert_array_equal(clf.predict_proba(in_file), expected)


@pytest.mark.parametrize("store", IN_FILES)
def test_methods_on_files(digits, tmp_path, store, small_windows):
    X, y = digits
    in_file = store(X, tmp_path)
    clf = quick_classifier(max_epochs=15).fit(in_file, y)
    assert clf.n_features_in_ == 64
    assert clf.score(in_file, y) > 0.97
    for method in ("predict", "predict_proba", "decision_function", "embed"):
        expected = getattr(clf, method)(X)
        assert_allclose(getattr(clf, method)(in_file), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("store", IN_FILES)
@pytest.mark.parametrize("held_out", [False, True])
def test_an_epoch_reads_every_sample_once(
    digits, tmp_path, store, held_out, small_windows
):
    """The first feature is the number of the sample."""
    n_samples = 1000
    X = np.zeros((n_samples, 64), dtype=np.float32)
    X[:, 0] = np.arange(n_samples)
    expected = np.flatnonzero(np.arange(n_samples) % 5) if held_out else np.arange(1000)
    chosen = expected if held_out else None
    source = store(X, tmp_path)
    if not isinstance(source, np.ndarray):
        source = file_arrays.FileArray(source)
    ones = torch.ones(1)
    codes = torch.zeros(len(expected))
    rows = LabelRows(codes=codes, excess=ones, smoothing_weight=ones)
    batches = Batches(Samples(source, "float64"), chosen, rows, 30, "cpu")
    sizes, seen = [], []
    for samples, _ in batches.epoch(np.random.default_rng(0)):
        sizes.append(len(samples))
        seen += samples[:, 0].int().tolist()
    assert sorted(seen) == (
        list(range(n_samples)) if chosen is None else chosen.tolist()
    )
    assert seen != sorted(seen)
    assert set(sizes[:-1]) == {30}
    assert len(sizes) == batches.n_batches
    in_order = [row for samples, _ in batches.epoch() for row in samples[:, 0].tolist()]
    assert in_order == sorted(seen)


def test_whole_chunks_are_read(tmp_path, digits, small_windows):
    X, y = digits
    read = []

    class Source:
        shape, dtype, chunks = X.shape, X.dtype, (100, 64)

        def __getitem__(self, samples):
            read.append((samples.start, samples.stop))
            return X[samples]

    quick_classifier(max_epochs=2, early_stopping=False).fit(Source(), y)
    parts = {*read} - {(None, 200)}  # a batch to try the network on
    starts = range(0, len(X), 100)
    assert parts == {(start, min(start + 100, len(X))) for start in starts}


def as_big_endian(X):
    return X.astype(">f8")


def as_frame(X):
    return pd.DataFrame(X, columns=[f"pixel {i}" for i in range(X.shape[1])])


def as_frame_of_several_dtypes(X):
    return as_frame(X).astype({"pixel 3": "float64", "pixel 5": "Int64"})


LAYOUTS = {
    "float64": np.float64,
    "float16": np.float16,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "int64": np.int64,
    "bool": np.bool_,
}
LAYOUTS = {name: lambda X, d=dtype: X.astype(d) for name, dtype in LAYOUTS.items()} | {
    "big-endian": as_big_endian,
    "Fortran": np.asfortranarray,
    "every second": lambda X: np.repeat(X, 2, axis=0)[::2],
    "backwards": lambda X: X[::-1].copy()[::-1],
    "sparse": sparse.csr_array,
    "sparse matrix of integers": lambda X: sparse.coo_matrix(X.astype(np.int32)),
    "frame": as_frame,
    "frame of several dtypes": as_frame_of_several_dtypes,
}


@pytest.mark.parametrize("convert", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout_equals_its_conversion(digits, convert):
    """Whole numbers, which all dtypes hold."""
    X = np.round(digits[0] * 8)
    X = X.astype(bool) if convert is LAYOUTS["bool"] else X
    converted = convert(X)
    clf = plain_classifier(batch_size=64, max_epochs=3)
    proba = clf.fit(converted, digits[1]).predict_proba(converted)
    X = X.astype(proba.dtype)
    expected = clf.fit(X, digits[1]).predict_proba(X)
    assert_allclose(proba, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float32])
def test_narrow_numbers_are_computed_with_in_float32(digits, dtype):
    X = (digits[0] * 8).astype(dtype)
    assert quick_classifier().fit(X, digits[1]).predict_proba(X).dtype == np.float32


def test_frame_of_several_dtypes_in_windows(digits, small_windows):
    X, y = digits[0] * 8, digits[1]
    X = as_frame_of_several_dtypes(X.round())
    clf = quick_classifier().fit(X, y)
    assert clf.feature_names_in_[3] == "pixel 3"
    array = X.to_numpy(np.float64)
    expected = quick_classifier().fit(array, y).predict_proba(array)
    assert_array_equal(clf.predict_proba(X), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(X[X.columns[::-1]])


def test_float64_values_are_refused_in_float32_networks(digits):
    X, y = digits
    clf = quick_classifier().fit(X, y)
    wide = X.astype(np.float64)
    assert_allclose(clf.predict_proba(wide), clf.predict_proba(X))
    wide[-1, 3] = 1e300
    with pytest.raises(ValueError, match="X has values that are too large for float32"):
        clf.predict(wide)


@pytest.mark.parametrize("store", IN_FILES)
def test_bad_numbers_anywhere_are_found(digits, tmp_path, store, small_windows):
    X, y = digits[0].copy(), digits[1]
    X[-1, -1] = np.nan
    clf = quick_classifier()
    in_file = store(X, tmp_path)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        clf.fit(in_file, y)
    assert not hasattr(clf, "classes_")
    with pytest.raises(ValueError, match="Input X contains NaN"):
        clf.fit(digits[0], y).predict(in_file)


@pytest.mark.parametrize("store", IN_FILES)
def test_bad_shapes(digits, tmp_path, store, small_windows):
    X, y = digits
    in_file = store(X, tmp_path)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        quick_classifier().fit(in_file, y[1:])
    with pytest.raises(ValueError, match="requires y to be passed"):
        quick_classifier().fit(in_file)
    clf = quick_classifier().fit(X[:, :9], y)
    with pytest.raises(ValueError, match=r"64 features, but .* is expecting 9"):
        clf.predict(in_file)


@pytest.mark.parametrize("windows", [False, True])
def test_column_named_chunks(digits, windows, request):
    if windows:
        request.getfixturevalue("small_windows")
    X = pd.DataFrame(digits[0][:, :2], columns=["chunks", "size"])
    X = X.astype({"size": "float64"})
    clf = quick_classifier().fit(X, digits[1])
    assert clf.predict(X).shape == (len(X),)


def test_images_in_files(digits, tmp_path, small_windows):
    X = (digits[0].reshape(-1, 1, 8, 8) * 255).astype(np.uint8)
    clf = quick_classifier(module="convnet", max_epochs=2)
    expected = clf.fit(X, digits[1]).predict_proba(X)
    in_file = in_hdf5(X, tmp_path)
    assert_array_equal(clf.fit(in_file, digits[1]).predict_proba(in_file), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_tensors_equal_arrays(digits, dtype):
    """Tensors, as for samples on a GPU."""
    X = (digits[0] * 9).astype(dtype)
    arrays, tensors = Samples(X, np.float32), Samples(torch.from_numpy(X), np.float32)
    for index in (slice(5, 90), np.array([7, 3, 3], dtype=np.int32)):
        taken = tensors.take(index, "cpu")
        assert taken.dtype == torch.float32
        assert torch.equal(taken, arrays.take(index, "cpu"))
    subset = tensors.subset(np.array([4, 2], dtype=np.int32))
    assert_array_equal(subset.X.numpy(), X[[4, 2]])
    assert tensors.n_bytes == arrays.n_bytes


@pytest.mark.parametrize("store", IN_FILES)
def test_searches_on_files_equal_memory(digits, tmp_path, store, small_windows):
    X, y = digits[0][:300], digits[1][:300]
    expected = quick_search(max_epochs=2).fit(X, y)
    search = quick_search(max_epochs=2).fit(store(X, tmp_path), y)
    assert_array_equal(search.oof_proba_, expected.oof_proba_)


def test_stacks_equal_one_after_another_in_windows(digits, small_windows):
    X, y = digits[0][:600].astype(np.float64), digits[1][:600]
    searches = []
    for size in (1, 3):
        with stacks_of(size):
            searches.append(quick_search(max_epochs=3, calibration=None).fit(X, y))
    one, stacked = searches
    assert_allclose(stacked.oof_proba_, one.oof_proba_, atol=1e-10)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("part", [np.s_[:], np.s_[300:], np.s_[5:900]])
def test_other_processes_open_the_file(digits, tmp_path, layout, part):
    X = mapped(layout(digits[0]), tmp_path)[part]
    sent = pickle.dumps(Samples(X, "float32"))
    is_sent = layout is np.asfortranarray and part != np.s_[:]  # rows have gaps
    assert (len(sent) > 1000) == is_sent
    assert_array_equal(pickle.loads(sent).X, X)
    assert not pickle.loads(sent).X.flags.writeable or is_sent


def test_changes_that_are_not_in_the_file_are_sent(digits, tmp_path):
    np.save(tmp_path / "X.npy", digits[0])
    X = np.load(tmp_path / "X.npy", mmap_mode="c")
    X[0] = 7
    assert pickle.loads(pickle.dumps(Samples(X, "float32"))).X[0, 0] == 7


def test_missing_file(digits, tmp_path):
    sent = pickle.dumps(Samples(mapped(digits[0], tmp_path), "float32"))
    (tmp_path / "X.npy").unlink()
    with pytest.raises(OSError, match="where all processes can"):
        pickle.loads(sent)


def test_search_on_processes_that_open_the_file(digits, tmp_path):
    X, y = digits[0][:300], digits[1][:300]
    expected = quick_search(max_epochs=2).fit(X, y)
    search = quick_search(max_epochs=2, n_jobs=2).fit(mapped(X, tmp_path), y)
    assert_array_equal(search.oof_proba_, expected.oof_proba_)


def test_checkpoint_of_a_file(digits, tmp_path, small_windows):
    X, y = digits
    store = in_hdf5(X, tmp_path)
    clf = quick_classifier().fit(store, y, checkpoint=tmp_path / "run")
    assert_array_equal(
        clf.predict_proba(X), quick_classifier().fit(X, y).predict_proba(X)
    )
