"""Training on streams equals training on the same samples in an array."""

import threading
from itertools import chain

import dask.array as da
import dask.bag as bag
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow.dataset
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from skorch.callbacks import EpochScoring
from torch.utils.data import DataLoader, Dataset, IterableDataset

from helpers import plain_classifier, quick_classifier, quick_search
from sklearn_ls import LabelSmoothingClassifier, SmoothedTargetClassifier
from sklearn_ls._network import stream_batches, survey
from sklearn_ls._samples import order, streams
from sklearn_ls._training_data import BlockCheck

N = 300


@pytest.fixture(scope="module")
def data():
    """Samples of three classes, their labels as strings, and weights; float64."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 5))
    y = np.array(["a", "b", "c"])[np.argmax(X[:, :3] + rng.normal(size=(N, 3)), axis=1)]
    return X, y, rng.integers(0, 3, N).astype(float)


class Blocks:
    """Re-iterable blocks of uneven sizes."""

    def __init__(self, *arrays, sizes=(1, 70, 9, 150, 70)):
        self.arrays = arrays
        self.ends = np.cumsum(sizes)

    def __iter__(self):
        return zip(*(np.split(a, self.ends[:-1]) for a in self.arrays), strict=True)


class Items(Dataset):
    def __init__(self, *arrays):
        self.arrays = arrays

    def __len__(self):
        return len(self.arrays[0])

    def __getitem__(self, i):
        return tuple(array[i] for array in self.arrays)


class Iterated(IterableDataset):
    def __init__(self, *arrays):
        self.arrays = arrays

    def __iter__(self):
        return zip(*self.arrays, strict=True)


def as_frame(X, y, weight):
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    return frame.assign(label=y, weight=weight)


def as_parquet(folder, X, y, weight):
    frame = as_frame(X, y, weight)
    for number, part in enumerate(np.array_split(np.arange(len(frame)), 3)):
        path = folder / f"{number}.parquet"
        frame.iloc[part].to_parquet(path, row_group_size=40, index=False)
    return folder


def by_blocks(folder, *data):
    return (Blocks(*data),)


def by_list(folder, *data):
    return (list(Blocks(*data)),)


def by_loader_of_tensors(folder, X, y, weight):
    codes = torch.from_numpy(np.unique(y, return_inverse=True)[1])
    items = Items(torch.from_numpy(X), codes, torch.from_numpy(weight))
    return (DataLoader(items, batch_size=70),)


def by_dataset(folder, *data):
    return (Items(*data),)


def by_iterable_dataset(folder, *data):
    return (Iterated(*data),)


def by_parquet(folder, *data):
    return as_parquet(folder, *data), "label", "weight"


def by_path_of_parquet(folder, *data):
    return str(as_parquet(folder, *data)), "label", "weight"


def by_pyarrow_dataset(folder, *data):
    return pyarrow.dataset.dataset(as_parquet(folder, *data)), "label", "weight"


def by_arrow_files(folder, *data):
    table = pyarrow.Table.from_pandas(as_frame(*data), preserve_index=False)
    pyarrow.dataset.write_dataset(table, folder / "arrow", format="feather")
    dataset = pyarrow.dataset.dataset(folder / "arrow", format="feather")
    return dataset, "label", "weight"


def by_dask_frame(folder, *data):
    return dd.from_pandas(as_frame(*data), npartitions=4), "label", "weight"


def by_dask_frame_and_series(folder, *data):
    frame = dd.from_pandas(as_frame(*data), npartitions=4)
    return frame.drop(columns=["label", "weight"]), frame["label"], frame["weight"]


def by_dask_arrays_of_unknown_size(folder, *data):
    frame = dd.from_pandas(as_frame(*data), npartitions=4)
    X = frame[[f"x{i}" for i in range(5)]].to_dask_array()
    y = da.from_array(data[1], chunks=75)  # strings of pandas would warn
    return X, y, frame["weight"].to_dask_array()


def by_dask_frame_and_one_series(folder, *data):
    frame = dd.from_pandas(as_frame(*data), npartitions=4)
    return frame.drop(columns="weight"), "label", frame["weight"]


SOURCES = [
    by_dask_frame_and_one_series,
    by_blocks,
    by_list,
    by_loader_of_tensors,
    by_dataset,
    by_iterable_dataset,
    by_parquet,
    by_path_of_parquet,
    by_pyarrow_dataset,
    by_arrow_files,
    by_dask_frame,
    by_dask_frame_and_series,
    by_dask_arrays_of_unknown_size,
]
TRAININGS = {
    "plain": {},
    "weighted classes": {"class_weight": "balanced"},
    "some classes": {"class_weight": {"b": 3.0}},
    "prior": {"distribution": "prior", "calibration": "unsmooth"},
    "known noise": {"transition_matrix": 0.2, "feature_clip": 2.0},
    "cosine": {"learning_rate_schedule": "cosine", "ema_decay": 0.9},
}


def whole(**params):
    """Return a classifier that trains on all samples in each step, in any order."""
    return plain_classifier(batch_size=N, **params)


@pytest.mark.parametrize("source", SOURCES)
def test_sources_equal_an_array(data, tmp_path, source):
    X, y, weight = data
    expected = whole(feature_clip=3.0).fit(X, y, sample_weight=weight)
    clf = whole(feature_clip=3.0).fit(*source(tmp_path, *data))
    labels = [0, 1, 2] if source is by_loader_of_tensors else ["a", "b", "c"]
    assert_array_equal(clf.classes_, labels)
    assert clf.n_features_in_ == 5
    has_names = "frame" in source.__name__ or "arrow" in source.__name__
    if has_names or "parquet" in source.__name__:
        X = pd.DataFrame(X, columns=clf.feature_names_in_)
    assert_allclose(clf.predict_proba(X), expected.predict_proba(data[0]), rtol=1e-9)
    assert_allclose(clf.loss_curve_, expected.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("params", TRAININGS.values(), ids=TRAININGS)
def test_trainings_equal_those_on_an_array(data, params):
    X, y, weight = data
    expected = whole(**params).fit(X, y, sample_weight=weight)
    clf = whole(**params).fit(Blocks(*data))
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), rtol=1e-9)
    smoothers = clf.label_smoother_, expected.label_smoother_
    assert_allclose(*(smoother.class_prior_ for smoother in smoothers))


@pytest.mark.cuda
@pytest.mark.parametrize("source", SOURCES)
def test_sources_train_on_cuda(data, tmp_path, source):
    params = {"device": "cuda", "dtype": "float64"}
    clf = whole(**params).fit(*source(tmp_path, *data))
    expected = whole(device="cpu").fit(data[0], data[1], sample_weight=data[2])
    assert clf.device_ == "cuda"
    assert_allclose(clf.loss_curve_, expected.loss_curve_, rtol=1e-6)


@pytest.mark.parametrize("kind", ["soft", "multilabel"])
def test_kinds_of_labels(data, kind):
    X, _, weight = data
    rng = np.random.default_rng(0)
    labels = rng.dirichlet(np.ones(4), N)
    labels = (labels > 0.3).astype(int) if kind == "multilabel" else labels
    expected = whole().fit(X, labels, sample_weight=weight)
    clf = whole().fit(Blocks(X, labels, weight))
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), rtol=1e-9)


def test_soft_labels_in_columns(data, tmp_path):
    X, y, weight = data
    names = ["b", "a"]
    y_soft = np.random.default_rng(0).dirichlet([1, 1], N)
    frame = as_frame(X, y, weight).drop(columns="label")
    frame[names] = y_soft
    frame.to_parquet(tmp_path / "0.parquet", row_group_size=50)
    clf = whole().fit(tmp_path, names, sample_weight="weight")
    labels = pd.DataFrame(y_soft, columns=names)
    expected = whole().fit(frame.iloc[:, :5], labels, sample_weight=weight)
    assert_array_equal(clf.classes_, ["a", "b"])
    proba = expected.predict_proba(frame.iloc[:, :5])
    assert_allclose(clf.predict_proba(tmp_path), proba, rtol=1e-9)


def test_sparse_blocks(data, tmp_path):
    X, y, _ = data
    X = sparse.csr_array(np.where(X > 0, X, 0))
    blocks = [(X[i : i + 60], y[i : i + 60]) for i in range(0, N, 60)]
    expected = whole().fit(X, y).predict_proba(X)
    assert_allclose(whole().fit(blocks).predict_proba(blocks), expected, rtol=1e-9)
    clf = quick_classifier().fit(blocks, checkpoint=tmp_path / "run")
    assert clf.n_iter_ == 5


def test_images(data):
    X = np.random.default_rng(0).integers(0, 2, (N, 1, 6, 6), dtype=np.uint8)
    params = {"module": "convnet", "max_epochs": 2, "optimizer": "sgd"}
    expected = whole(**params).fit(X, data[1]).predict_proba(X)
    clf = whole(**params).fit(Items(X, data[1]))
    assert_allclose(clf.predict_proba(Items(X)), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("source", SOURCES)
def test_predictions(data, tmp_path, source):
    X, y, _ = data
    frame = as_frame(*data).iloc[:, :5]
    stream, *columns = source(tmp_path, *data)
    clf = quick_classifier().fit(frame if columns else X, y)
    expected = frame if columns else X
    if source is by_dask_arrays_of_unknown_size:
        clf, expected = quick_classifier().fit(X, y), X
    assert_array_equal(clf.predict(stream), clf.predict(expected))
    for method in ("predict_proba", "decision_function", "embed"):
        together = getattr(clf, method)(expected)
        assert_allclose(getattr(clf, method)(stream), together, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("source", SOURCES)
def test_scores(data, tmp_path, source):
    X, y, weight = data
    stream = source(tmp_path, *data)
    clf = quick_classifier().fit(*stream)
    if source is by_loader_of_tensors:
        y = np.unique(y, return_inverse=True)[1]
    names = getattr(clf, "feature_names_in_", None)
    X = X if names is None else pd.DataFrame(X, columns=names)
    assert clf.score(*stream) == pytest.approx(clf.score(X, y, weight))


def test_parts_of_streams_in_predictions(data):
    """Empty blocks, blocks of tensors of bfloat16, and no blocks at all."""
    X, y, _ = data
    clf = quick_classifier().fit(X, y)
    assert_array_equal(clf.predict([(X, y), (X[:0], y[:0])]), clf.predict(X))
    tensors = torch.from_numpy(X).bfloat16()
    loader = DataLoader(Items(tensors), batch_size=100)
    assert_array_equal(clf.predict(loader), clf.predict(tensors.float().numpy()))
    with raises("The stream has no samples"):
        clf.predict(Iterable(lambda: iter(())))


def test_lists_of_lists(data):
    """A DataLoader yields lists."""
    X, y, _ = data
    expected = whole().fit(X, y).predict_proba(X)
    clf = whole().fit([[X[:100], y[:100]], [X[100:], y[100:]]])
    assert_allclose(clf.predict_proba(X), expected, rtol=1e-9)
    nested = X.reshape(N, 1, 1, 5)[:20].tolist()  # images, not blocks
    images = quick_classifier(module=Flat).fit(nested, y[:20])
    assert images.predict(nested).shape == (20,)


class Flat(torch.nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(torch.nn.Flatten(), torch.nn.Linear(5, n_classes))


def test_small_blocks_are_merged(data):
    X, y, weight = data
    checked = []
    check = BlockCheck.__call__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BlockCheck, "__call__", lambda *a: checked.append(1) or check(*a))
        clf = whole().fit(Blocks(X, y, weight, sizes=[1] * N))
    assert len(checked) == 6  # once in the first pass and in each epoch
    expected = whole().fit(X, y, sample_weight=weight)
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), rtol=1e-9)


def test_only_samples_of_positive_weight_are_held_out(data):
    X, y, _ = data
    weight = (np.arange(N) % 6 == 0).astype(float)
    clf = quick_classifier(early_stopping=True, calibration="temperature")
    clf.fit([(X, y, weight)])
    assert np.isfinite(clf.validation_scores_).all()
    assert 0.01 < clf.temperature_ < 100


@pytest.mark.usefixtures("small_windows")
def test_sorted_streams_warn(data, monkeypatch):
    monkeypatch.setattr(survey, "WINDOW", 64 * 50)
    monkeypatch.setattr(survey, "MANY", 10)
    X, y, _ = data
    order = np.argsort(y, kind="stable")
    blocks = Blocks(X[order], y[order], sizes=[30] * 10)
    with pytest.warns(UserWarning, match="do not occur in its first 90 samples"):
        quick_classifier().fit(blocks)
    quick_classifier().fit(list(blocks))  # in any order
    quick_classifier().fit(Blocks(X, y))


def test_index_of_pandas_is_not_a_feature(data, tmp_path):
    frame = as_frame(*data).sample(frac=1, random_state=0)
    frame.to_parquet(tmp_path / "0.parquet")
    frame.set_index("x4").to_parquet(tmp_path / "other.parquet")
    clf = quick_classifier().fit(tmp_path / "0.parquet", "label")
    assert clf.feature_names_in_.tolist() == ["x0", "x1", "x2", "x3", "x4", "weight"]
    clf.fit(tmp_path / "other.parquet", "label")
    assert clf.feature_names_in_.tolist() == ["x0", "x1", "x2", "x3", "weight"]


def test_columns_in_the_names_of_folders(data, tmp_path):
    frame = as_frame(*data).assign(group=np.arange(N) % 2)
    frame.to_parquet(tmp_path, partition_cols=["group"], index=False)
    clf = whole().fit(tmp_path, "label", sample_weight="weight")
    assert clf.feature_names_in_[-1] == "group"
    features = frame[clf.feature_names_in_]
    expected = whole().fit(features, frame["label"], sample_weight=frame["weight"])
    assert_allclose(
        clf.predict_proba(features), expected.predict_proba(features), rtol=1e-9
    )


def test_configuration_of_scikit_learn_holds_in_the_thread(data):
    X, y, _ = data
    X = np.where(np.abs(X) > 2, np.nan, X)
    with config_context(assume_finite=True):
        clf = quick_classifier(module=Known).fit(Blocks(X, y))
        assert_array_equal(clf.predict(Blocks(X, y)), clf.predict(X))


class Known(torch.nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(torch.nn.Linear(n_features, n_classes))

    def forward(self, X):
        return super().forward(X.nan_to_num())


def test_predictions_of_a_generator(data):
    X, y, _ = data
    clf = quick_classifier().fit(X, y)
    parts = (X[i : i + 50] for i in range(0, N, 50))
    assert_array_equal(clf.predict(parts), clf.predict(X))


@pytest.fixture
def small_windows(monkeypatch):
    """Windows of about 50 samples."""
    monkeypatch.setattr(order, "WINDOW", 64 * 50)
    monkeypatch.setattr(stream_batches, "WINDOW", 64 * 50)
    monkeypatch.setattr(streams, "BLOCK", 64 * 10)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("source", [by_blocks, by_dataset, by_parquet, by_dask_frame])
def test_every_sample_is_trained_on_or_held_out(data, tmp_path, source, monkeypatch):
    X, y, weight = data
    X = np.column_stack([np.arange(N), X[:, 1:]])
    seen = []
    epoch = stream_batches.StreamBatches.epoch

    def record(self, rng=None):
        seen.append([])
        for samples, rows in epoch(self, rng):
            seen[-1].append(samples[:, 0].int().tolist())
            yield samples, rows

    monkeypatch.setattr(stream_batches.StreamBatches, "epoch", record)
    clf = quick_classifier(early_stopping=True, batch_size=16, max_epochs=3)
    clf.set_params(validation_fraction=0.2, n_iter_no_change=np.inf)
    clf.fit(*source(tmp_path, X, y, weight))
    epochs = [list(chain.from_iterable(batches)) for batches in seen]
    first = sorted(epochs[0])
    counted = np.flatnonzero(weight)
    held_out = sorted({*counted.tolist()} - {*first})
    assert 0.1 * len(counted) < len(held_out) < 0.3 * len(counted)
    assert len(epochs) == 3
    for one, batches in zip(epochs, seen, strict=True):
        assert sorted(one) == first  # once, and never those held out
        assert {len(batch) for batch in batches[:-1]} == {16}
    assert epochs[0] != epochs[1]
    assert len(clf.validation_scores_) == 3


@pytest.mark.usefixtures("small_windows")
def test_seeds_decide_everything(data):
    fits = [
        quick_classifier(random_state=seed, early_stopping=True).fit(Blocks(*data))
        for seed in (0, 0, 1)
    ]
    one, same, other = (clf.predict_proba(data[0]) for clf in fits)
    assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_few_samples_are_held_out_of_many(data, monkeypatch):
    monkeypatch.setattr(survey, "MAX_BYTES_HELD_OUT", 1)
    X = np.repeat(data[0], 60, axis=0)
    y = np.repeat(data[1], 60)
    blocks = [(X[i : i + 500], y[i : i + 500]) for i in range(0, len(X), 500)]
    held_out = []
    join = survey.HeldOut.join

    def record(self, classes):
        held_out.append(join(self, classes))
        return held_out[-1]

    monkeypatch.setattr(survey.HeldOut, "join", record)
    quick_classifier(early_stopping=True, max_epochs=1).fit(blocks)
    (part,) = held_out
    assert len(part.labels) == 2**10


def test_classes_of_late_blocks_are_included(data):
    X, y, _ = data
    chosen = np.argsort(y, kind="stable")
    X, y = X[chosen], y[chosen]
    blocks = [(X[i : i + 30], y[i : i + 30]) for i in range(0, N, 30)]
    assert len({*blocks[0][1]}) == 1
    clf = quick_classifier(max_epochs=40).fit(blocks)
    assert_array_equal(clf.classes_, ["a", "b", "c"])
    expected = quick_classifier(max_epochs=40).fit(X, y).score(X, y)
    assert abs(clf.score(X, y) - expected) < 0.05


def test_more_fits(data, tmp_path):
    """warm_start, temperature and a checkpoint, as with arrays."""
    clf = quick_classifier(warm_start=True, calibration="temperature")
    clf.fit(Blocks(*data)).fit(Blocks(*data))
    assert clf.n_iter_ == 10
    assert clf.temperature_ > 0
    clf = quick_classifier().fit(Blocks(*data), checkpoint=tmp_path / "run")
    expected = clone(clf).fit(Blocks(*data))
    assert_array_equal(clf.predict_proba(data[0]), expected.predict_proba(data[0]))


@pytest.mark.parametrize("random_state", [0, None])
def test_interrupted_training_continues(data, tmp_path, random_state, monkeypatch):
    from sklearn_ls._files.checkpoints import Checkpoint

    monkeypatch.setattr(Checkpoint, "is_due", lambda self: True)
    read = Blocks.__iter__
    n_read = 0

    def fail_in_the_fourth(self):
        nonlocal n_read
        n_read += 1
        if n_read == 4:
            raise OSError("unplugged")
        return read(self)

    clf = quick_classifier(random_state=random_state, early_stopping=True)
    with monkeypatch.context() as patch:
        patch.setattr(Blocks, "__iter__", fail_in_the_fourth)
        with pytest.raises(OSError, match="unplugged"):
            clf.fit(Blocks(*data), checkpoint=tmp_path / "run")
    clf.fit(Blocks(*data), checkpoint=tmp_path / "run")
    assert clf.n_iter_ == 5
    if random_state is not None:
        expected = clone(clf).fit(Blocks(*data))
        assert_array_equal(clf.predict_proba(data[0]), expected.predict_proba(data[0]))


def test_checkpoint_of_other_data_is_refused(data, tmp_path, monkeypatch):
    from sklearn_ls._files.checkpoints import Checkpoints

    monkeypatch.setattr(Checkpoints, "remove", lambda self: None)
    clf = quick_classifier().fit(Blocks(*data), checkpoint=tmp_path / "run")
    X, y, weight = data
    with pytest.raises(ValueError, match="with different data"):
        clf.fit(Blocks(X + 1, y, weight), checkpoint=tmp_path / "run")


def test_callbacks(data):
    """Validation scores, and callbacks that watch batches."""
    scoring = EpochScoring("f1_macro", lower_is_better=False, name="f1")
    clf = quick_classifier(callbacks=[scoring], early_stopping=True)
    clf.fit(Blocks(*data))
    assert len(clf.net_.history[:, "f1"]) == 5
    expected = quick_classifier(early_stopping=True).fit(Blocks(*data))
    assert_allclose(
        clf.predict_proba(data[0]), expected.predict_proba(data[0]), atol=1e-9
    )


def test_no_thread_survives_an_error(data):
    X, y, weight = data
    bad = X.copy()
    bad[200, 0] = np.nan
    before = threading.active_count()
    clf = quick_classifier()
    with pytest.raises(ValueError, match="Input X contains NaN"):
        clf.fit(Blocks(bad, y, weight))
    assert threading.active_count() == before
    assert not hasattr(clf, "classes_")


def zip_again(X, y):
    return Iterable(lambda: zip(X, y, strict=True))


class Iterable:
    """Iterable of the items that a function yields."""

    def __init__(self, make):
        self.make = make

    def __iter__(self):
        return self.make()


class Failing(torch.nn.Sequential):
    """Fails in its third step."""

    def __init__(self, n_features, n_classes):
        super().__init__(torch.nn.Linear(n_features, n_classes))
        self.n_steps = 0

    def forward(self, X):
        self.n_steps += self.training
        if self.n_steps == 3:
            raise OSError("unplugged")
        return super().forward(X)


@pytest.mark.usefixtures("small_windows")
def test_no_thread_survives_an_error_of_the_module(data):
    before = threading.active_count()
    clf = quick_classifier(module=Failing, batch_size=20)
    with raises("unplugged", OSError) as kept:
        clf.fit(Blocks(*data))
    assert threading.active_count() == before
    assert kept.traceback


def raises(match, error=ValueError):
    return pytest.raises(error, match=match)


def test_bad_streams(data, tmp_path):
    X, y, weight = data
    clf = quick_classifier()
    blocks = list(Blocks(X, y))
    with raises("X is an iterator, which can be read only once"):
        clf.fit(iter(blocks))
    with raises("labels and sample weights must be in its blocks"):
        clf.fit(Blocks(X, y), y)
    with raises("The blocks have no labels"):
        clf.fit(Blocks(X))
    with raises("Each block of a stream must be"):
        clf.fit([(X, y, weight, weight)])
    empty = Blocks(X[:0], y[:0], sizes=(0,))
    for stream in (empty, Items(X[:0], y[:0]), Iterated(X[:0], y[:0])):
        with raises("The stream has no samples"):
            clf.fit(stream)
    for checkpoint in (None, tmp_path / "run"):
        with raises("weights of all samples of the stream are zero"):
            clf.fit(Blocks(X, y, 0 * weight), checkpoint=checkpoint)
    with raises("have the label b"):
        clf.fit(Blocks(X, y, np.where(y == "b", 1.0, 0.0)))
    with raises("X of each block must have at least two dimensions"):
        clf.fit(zip_again(X, y))
    with raises("Either all blocks must be sparse, or none"):
        clf.fit([(sparse.csr_array(X), y), (X, y)])
    with raises("X is a dict of arrays"):
        clf.fit({"X": X}, y)
    with raises("X is a function"):
        clf.fit(lambda: iter(blocks))
    with raises("None of the 6 samples of the stream are held out"):
        clf.set_params(early_stopping=True).fit([(X[:6], y[:6])])
    clf.set_params(early_stopping="auto")
    with raises("X has 4 features, but LabelSmoothingClassifier is expecting 5"):
        clf.fit([*blocks, (X[:, 1:], y)])
    with raises("same kind of labels"):
        clf.fit([*blocks, (X, np.full((N, 2), 0.5))])
    with raises("only one class"):
        clf.fit([(X, np.zeros(N, dtype=int))])
    with raises("inconsistent numbers of samples"):
        clf.fit([(X, y[1:])])
    with raises("y_soft cannot be combined with a stream"):
        clf.fit(blocks, y_soft=np.full((N, 3), 1 / 3))
    with raises("Negative values in data passed to `sample_weight`"):
        clf.fit(Blocks(X, y, weight - 1))
    assert not hasattr(clf, "classes_")


class Changing:
    """Yields different blocks in each pass."""

    def __init__(self, *passes):
        self.passes = iter(passes)

    def __iter__(self):
        return iter(next(self.passes))


def test_streams_that_change(data):
    X, y, _ = data
    clf = quick_classifier(early_stopping=False)
    more = [(X, y), (X[:7], y[:7])]
    for passes in ([(X, y)], more), (more, [(X, y)]):
        with raises("than in the first pass"):
            clf.fit(Changing(*passes))
    for labels in (np.where(y == "a", "z", y), y[::-1], np.arange(N) % 3):
        with raises("than in the first pass"):
            clf.fit(Changing([(X, y)], [(X, labels)]))
    assert not hasattr(clf, "classes_")
    loader = DataLoader(Items(X, np.arange(N) % 2), batch_size=50, shuffle=True)
    with raises("X is a DataLoader that shuffles"):
        clf.fit(loader)
    with raises("X is a DataLoader that shuffles"):
        clf.fit(X, y).predict(loader)


def test_labels_of_two_types(data):
    X, y, _ = data
    with raises("Got text and numbers"):
        quick_classifier().fit([(X, y), (X, np.arange(N) % 3)])


def test_bad_columns(data, tmp_path):
    clf = quick_classifier()
    folder = as_parquet(tmp_path, *data)
    with raises(r"The dataset has no columns \['labels'\]. Its columns are"):
        clf.fit(folder, "labels")
    with raises("could not convert string to float"):
        clf.fit(folder, "weight")
    with raises("The blocks have no labels"):
        clf.fit(folder)
    for labels in (data[1], 5, ("label",)):
        with raises("so y must be the name of a column"):
            clf.fit(folder, labels)
    with raises("so sample_weight must be the name of a column"):
        clf.fit(folder, "label", data[2])
    frame = as_frame(*data)
    for fit_or_score in (clf.fit, quick_classifier().fit(*data).score):
        with raises("y is the name of a column, 'label', which requires X to be"):
            fit_or_score(frame, "label")
    with raises("sample_weight is the name of a column"):
        clf.fit(frame.iloc[:, :5], frame["label"], "weight")
    np.save(tmp_path / "X.npy", data[0])
    with raises("but it does not contain parquet files"):
        clf.fit(tmp_path / "X.npy", "label")
    (tmp_path / "X.npy").unlink()
    dated = as_frame(*data).assign(day=pd.Timestamp("2026-01-01"))
    dated.to_parquet(tmp_path / "dated")
    with raises("Dates and durations are not supported as features: day", TypeError):
        clf.fit(tmp_path / "dated", "label")
    with raises("X is a dask Bag"):
        clf.fit(bag.from_sequence([1, 2], npartitions=1))
    frame = dd.from_pandas(as_frame(*data), npartitions=2)
    with raises(r"The dataset has no columns \['labels'\]"):
        clf.fit(frame, "labels")
    with raises("must be dask collections with the same partitions"):
        clf.fit(frame[["x0", "x1"]], data[1])
    with raises("different partitions"):
        other = dd.from_pandas(pd.Series(data[1]), npartitions=3)
        clf.fit(frame[["x0", "x1"]], other)
    with pytest.raises(FileNotFoundError):
        clf.fit(tmp_path / "absent", "label")


def test_methods_that_need_arrays_raise(data):
    with raises("LabelSmoothingClassifierCV splits samples by index", TypeError):
        quick_search().fit(Blocks(*data))
    clf = LabelSmoothingClassifier(early_stopping=False)
    with raises("Call partial_fit for each of its blocks", TypeError):
        clf.partial_fit(Blocks(*data), None, classes=["a", "b", "c"])
    with raises("Votes are assigned to samples by index", TypeError):
        clf.fit(Blocks(*data), votes=np.zeros((N, 3), dtype=int))
    with raises("SmoothedTargetClassifier needs arrays", TypeError):
        SmoothedTargetClassifier().fit(Blocks(*data), None)


def test_blocks_of_a_dask_array_are_read_by_their_numbers(data):
    """If chunk sizes are known, samples can be indexed, as in an array."""
    X, y, _ = data
    chunks = da.from_array(X, chunks=(70, 5))
    clf = quick_classifier().fit(chunks, da.from_array(y, chunks=30))
    expected = quick_classifier().fit(X, y)
    assert_array_equal(clf.predict(chunks), expected.predict(X))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_incremental_of_dask_ml(data):
    from dask_ml.wrappers import Incremental

    X, y, _ = data
    clf = quick_classifier(early_stopping=False, feature_clip=None)
    incremental = Incremental(clf, shuffle_blocks=False, random_state=0)
    incremental.fit(
        da.from_array(X, chunks=(75, 5)),
        da.from_array(y, chunks=75),
        classes=["a", "b", "c"],
    )
    by_hand = clone(clf)
    for start in range(0, N, 75):
        part = slice(start, start + 75)
        by_hand.partial_fit(X[part], y[part], classes=["a", "b", "c"])
    proba = incremental.predict_proba(da.from_array(X, chunks=(75, 5)))
    assert_allclose(proba.compute(), by_hand.predict_proba(X))
