"""The tutorials and the example of a residual network show what they say."""

import pickle
import re
import runpy
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import sklearn_ls

ROOT = Path(__file__).parent.parent
CATS_AND_DOGS = ROOT / "examples" / "tutorials" / "cats_and_dogs.py"

pytestmark = [
    pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive"),
    pytest.mark.usefixtures("close_figures"),
]


def test_smoothing_by_hand_shows_what_it_says():
    path = ROOT / "examples" / "tutorials" / "plot_smoothing_by_hand.py"
    shown = runpy.run_path(str(path))
    hard, smoothed = shown["norms"]["correct labels"]
    assert hard[-1] > 1.5 * hard[len(hard) // 10]
    assert smoothed[-1] < 1.01 * smoothed[len(smoothed) // 10]
    coef, intercept, _ = shown["train"](shown["X_clean"], shown["y_clean"])
    assert np.all((shown["X_clean"] @ coef + intercept > 0) == shown["y_clean"])
    hard, smoothed = shown["norms"]["30 % flipped"]
    for norms in (hard, smoothed):
        assert norms[-1] < 1.01 * norms[len(norms) // 10]
    assert smoothed[-1] < hard[-1]
    gain, cost = (shown["accuracies"][:, k] - shown["accuracies"][:, 0] for k in (1, 2))
    assert gain.mean() > 2 * gain.std() / len(gain) ** 0.5
    assert gain.mean() < 0.2 * cost.mean()


@pytest.fixture(scope="module")
def residual_network():
    """The names of the example, whose networks were trained for two epochs."""
    two_epochs = {"max_epochs": 2}
    classifier = sklearn_ls.LabelSmoothingClassifier
    path = ROOT / "examples" / "data" / "plot_residual_network.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sklearn_ls,
            "LabelSmoothingClassifier",
            lambda *args, **params: classifier(*args, **params | two_epochs),
        )
        return runpy.run_path(str(path))


def test_residual_network_depends_on_random_state_alone(residual_network):
    X_train, _, y_noisy, _ = residual_network["split_and_corrupt"](3)
    X_test, last = residual_network["X_test"], residual_network["clf"]
    proba = last.predict_proba(X_test)
    np.testing.assert_array_equal(last.predict_proba(X_test), proba)
    train = residual_network["train"]
    again = train(X_train, y_noisy, 3, epsilon=0.2)
    np.testing.assert_array_equal(again.predict_proba(X_test), proba)
    other = train(X_train, y_noisy, 3, epsilon=0.2, augment=False)
    assert np.abs(other.predict_proba(X_test) - proba).max() > 1e-3


def test_rotate_and_shift_without_angle_and_shift_changes_nothing(residual_network):
    images = residual_network["torch"].from_numpy(residual_network["X"][:5])
    rotate_and_shift = residual_network["rotate_and_shift"]
    same = rotate_and_shift(images, max_angle=0, max_shift=0)
    np.testing.assert_allclose(same, images, atol=1e-6)
    assert not np.allclose(rotate_and_shift(images), images, atol=1e-2)


@pytest.fixture
def cats_and_dogs(monkeypatch, tmp_path):
    """Run the script with arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["cats_and_dogs.py", *map(str, arguments)])
        return runpy.run_path(str(CATS_AND_DOGS), run_name="__main__")

    return run


def test_cats_and_dogs_says_what_is_absent(cats_and_dogs, tmp_path, capsys):
    cats_and_dogs()
    assert "Skipped: --data DIR" in capsys.readouterr().out
    cats_and_dogs("--data", tmp_path)
    assert f"cifar_catdog.npz is absent from the folder of --data, {tmp_path}" in (
        capsys.readouterr().out
    )
    assert not list(tmp_path.iterdir())


def test_cats_and_dogs_on_images_made_as_the_page_says(
    cats_and_dogs, tmp_path, capsys, rng
):
    names = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
    (tmp_path / "cifar-10-batches-py").mkdir()
    for name in names:  # dogs are brighter than cats
        labels = rng.integers(0, 10, 120)
        data = rng.integers(0, 100, (120, 3072)) + 100 * (labels == 5)[:, np.newaxis]
        batch = {b"data": data.astype(np.uint8), b"labels": labels.tolist()}
        (tmp_path / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(batch))
    page = (ROOT / "docs" / "tutorial_cats_and_dogs.rst").read_text()
    (code,) = re.findall(r":: python\n\n((?: {3}.*\n|\n)+)", page)
    exec(dedent(code), {})
    with np.load("cifar_catdog.npz") as arrays:
        assert arrays["X_train"].shape[1:] == (32, 32, 3)
        assert set(arrays["y_test"]) == {0, 1}
        bright = arrays["X_train"].mean(axis=(1, 2, 3)) > 100
        np.testing.assert_array_equal(bright, arrays["y_train"] == 1)

    run = ["--data", tmp_path, "--seeds", 2, "--max-epochs", 3]
    shown = cats_and_dogs(*run, "--figure", "figure.png")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["seed 0", "seed 1"]
    assert len(lines) == 2 + len(shown["VARIANTS"])
    assert Path("figure.png").stat().st_size > 1000
    with pytest.raises(SystemExit):
        cats_and_dogs(*run[:2], "--seeds", 1)


def test_draw_flips_the_rate_of_the_training_labels_only(rng):
    draw = runpy.run_path(str(CATS_AND_DOGS))["draw"]
    arrays = {
        "X_train": rng.integers(0, 256, (60, 4, 5, 3), dtype=np.uint8),
        "y_train": np.tile([0, 1], 30),
        "X_test": rng.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8),
        "y_test": np.array([0, 1, 1, 0, 0, 1]),
    }
    X_train, y_train, y_noisy, X_test, y_test = draw(arrays, 50, 0.2, seed=0)
    assert X_train.shape == (50, 3, 4, 5)
    np.testing.assert_allclose(X_train.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    assert (y_noisy != y_train).sum() == 10
    np.testing.assert_array_equal(y_test == "dog", arrays["y_test"] == 1)
    assert X_test.shape == (6, 3, 4, 5)
