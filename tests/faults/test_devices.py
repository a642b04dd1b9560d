"""Rows 34, 35 and 52: devices."""

import pickle

import pytest
import torch

from faults.bad_input import each_example, each_row
from faults.calls import small
from faults.data import CLASSES, X, Y
from faults.rows_parameters import DEVICES


@pytest.fixture(params=["fit", "partial_fit"])
def train_on(request):
    """Train on a device; return the classifier."""

    def train(device):
        clf = small(device=device)
        if request.param == "fit":
            return clf.fit(X, Y)
        return clf.partial_fit(X, Y, classes=CLASSES)

    return train


# Row 34
@each_example(DEVICES["absent"])
def test_classifier_lists_devices_when_one_is_absent(train_on, row, value):
    with row.reported() as caught:
        train_on(value)
    assert str(caught.value).startswith(f"device={value!r} ")


# Row 34. With CUDA, the test above uses a missing CUDA device.
@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is available")
@each_row(DEVICES["absent"])
def test_classifier_lists_devices_without_cuda(train_on, row):
    with row.reported() as caught:
        train_on("cuda")
    assert str(caught.value).startswith("device='cuda' ")


# Row 34
def test_classifier_device_auto_uses_an_available_device(train_on):
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert train_on("auto").device_ == expected


# Row 35
@each_example(DEVICES["no device"])
def test_classifier_refuses_unknown_devices(train_on, row, value):
    with row.reported():
        train_on(value)


# Row 52
@each_row(DEVICES["fork"])
def test_classifier_explains_fork_after_cuda(monkeypatch, row):
    def empty(*args, **kwargs):
        raise RuntimeError(
            "Cannot re-initialize CUDA in forked subprocess. To use CUDA with "
            "multiprocessing, you must use the 'spawn' start method"
        )

    clf = small().fit(X, Y)
    unpickled = pickle.loads(pickle.dumps(clf))
    monkeypatch.setattr(torch, "empty", empty)
    for call in (
        lambda: small(device="cuda").fit(X, Y),
        lambda: small().fit(X, Y),
        lambda: unpickled.predict(X),
    ):
        with row.reported():
            call()
