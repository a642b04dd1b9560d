"""Model files."""

import pytest
from skorch.callbacks import EpochScoring

from faults.bad_input import each_example, each_row
from faults.calls import small
from faults.data import X, Y
from faults.rows_files import FILES
from sklearn_ls import LabelSmoother, load_model, save_model


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
