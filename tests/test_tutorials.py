"""The tutorials and the example of a residual network show what they say."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import sklearn_ls

ROOT = Path(__file__).parent.parent

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
