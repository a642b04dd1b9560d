"""Model files."""

import pytest
from numpy.testing import assert_array_equal
from skorch.callbacks import EpochScoring

from faults.bad_input import each_example, each_row
from faults.calls import small
from faults.data import X, Y
from faults.rows_files import FILES
from sklearn_ls import LabelSmoother, load_model, save_model
from sklearn_ls._files.atomic import write_atomically
from sklearn_ls._files.checkpoints import Checkpoints


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model"
    save_model(LabelSmoother().fit(Y), path)
    return path


@each_example(FILES["load"])
def test_load_refuses(row, value, path):
    path.write_bytes(value(path.read_bytes()))
    with row.reported():
        load_model(path)


@each_row(FILES["missing"])
def test_code_must_be_passed(row, path):
    save_model(small(callbacks=[EpochScoring("accuracy")]).fit(X, Y), path)
    with row.reported():
        load_model(path)


@each_row(FILES["checkpoint"])
def test_checkpoints_are_of_one_training(row, tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoints, "remove", lambda self: None)
    small().fit(X, Y, checkpoint=tmp_path)
    small().fit(X, Y, checkpoint=tmp_path)
    with row.reported():
        small(epsilon=0.3).fit(X, Y, checkpoint=tmp_path)


@each_row(FILES["full"])
def test_training_continues_if_checkpoints_fail(row, tmp_path, monkeypatch):
    def write(path, data):
        if path.name.startswith("network"):
            raise OSError(28, "No space left on device")
        write_atomically(path, data)

    monkeypatch.setattr("sklearn_ls._files.checkpoints.write_atomically", write)
    with row.reported():
        clf = small().fit(X, Y, checkpoint=tmp_path)
    assert_array_equal(clf.predict_proba(X), small().fit(X, Y).predict_proba(X))


@each_example(FILES["save"])
def test_save_refuses(row, value, path):
    before = path.read_bytes()
    with row.reported():
        save_model(value, path)
    assert path.read_bytes() == before


@each_row(FILES["write"])
def test_files_that_cannot_be_written(row, tmp_path):
    with row.reported():
        save_model(LabelSmoother().fit(Y), tmp_path / "folder" / "model")
