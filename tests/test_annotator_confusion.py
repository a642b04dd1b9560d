import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import quick_search
from sklearn_ls.inspection import AnnotatorConfusionDisplay

pytestmark = pytest.mark.usefixtures("close_figures")


def titles(display):
    return [axis.get_title() for axis in display.axes_]


def test_the_least_reliable_are_drawn_first(rng):
    confusion = rng.dirichlet(np.ones(3), (5, 3))
    reliability = [0.5, 0.9, 0.2, 0.7, 0.3]
    display = AnnotatorConfusionDisplay(
        confusion, annotators=list("abcde"), classes=["x", "y", "z"]
    )
    assert_array_equal(display.reliability, np.trace(confusion, axis1=1, axis2=2) / 3)
    display = AnnotatorConfusionDisplay(
        confusion, annotators=list("abcde"), reliability=reliability
    ).plot(n_annotators=3)
    assert titles(display) == ["c (0.20)", "e (0.30)", "a (0.50)"]
    assert_array_equal(display.axes_[1].images[0].get_array(), confusion[4])


def test_search_with_votes_is_drawn(rng):
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    votes = np.stack([y, 1 - y], axis=1)
    search = quick_search([0.1], max_epochs=3).fit(X, None, votes=votes)
    figure, axes = plt.subplots(1, 2)
    display = AnnotatorConfusionDisplay.from_estimator(search, ax=axes)
    assert display.figure_ is figure
    assert display.axes_[0] is axes[0]
    assert_array_equal(
        display.axes_[0].images[0].get_array(),
        search.annotator_confusion_[search.annotator_reliability_.argmin()],
    )
    pipeline = make_pipeline(StandardScaler(), search)
    assert titles(AnnotatorConfusionDisplay.from_estimator(pipeline)) == titles(display)
    with pytest.raises(ValueError, match="ax must have 2 axes"):
        display.plot(ax=axes[0])
    with pytest.raises(ValueError, match="has no annotator_confusion_"):
        AnnotatorConfusionDisplay.from_estimator(search.fit(X, y))
