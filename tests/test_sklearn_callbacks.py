import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV

from helpers import quick_classifier, quick_search

sklearn_callback = pytest.importorskip(
    "sklearn.callback", reason="scikit-learn < 1.9 has no callbacks"
)


class Recorder:
    """A scikit-learn callback that stops training after some epochs."""

    def __init__(self, stop_after=np.inf):
        self.stop_after = stop_after
        self.events = []
        self.scores = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, fitted_estimator=None
    ):
        self.events.append(f"end {context.task_name}")
        self.scores.append(fitted_estimator.score(X, y))
        return self.events.count("end epoch") >= self.stop_after


def test_sklearn_callbacks_follow_the_epochs_and_may_stop(iris):
    X, y = iris
    recorder = Recorder(stop_after=2)
    clf = quick_classifier().set_callbacks(recorder).fit(X, y)
    epoch = ["begin epoch", "end epoch"]
    assert recorder.events == [
        "setup", "begin fit", *epoch, *epoch, "end fit", "teardown",
    ]  # fmt: skip
    assert clf.n_iter_ == 2
    assert recorder.scores[-1] == recorder.scores[-2] == clf.score(X, y)


def test_sklearn_callbacks_change_nothing(iris):
    X, y = iris
    plain = quick_classifier().fit(X, y).predict_proba(X)
    called = quick_classifier().set_callbacks(Recorder()).fit(X, y).predict_proba(X)
    assert_array_equal(called, plain)


def test_scoring_monitor_logs_every_epoch_of_a_frame_of_strings(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    monitor = sklearn_callback.ScoringMonitor(scoring="accuracy")
    clf = quick_classifier().set_callbacks(monitor).fit(frame, y.astype(str))
    scores = monitor.get_logs().data_as_pandas["accuracy"]
    assert len(scores) == clf.n_iter_ + 1
    assert scores.iloc[-1] == clf.score(frame, y.astype(str))


def test_progress_bar_alone_and_in_a_search(iris, capsys):
    X, y = iris
    quick_classifier().set_callbacks(sklearn_callback.ProgressBar()).fit(X, y)
    assert "LabelSmoothingClassifier" in capsys.readouterr().out
    search = GridSearchCV(quick_classifier(), {"epsilon": [0, 0.1]}, cv=2)
    search.set_callbacks(sklearn_callback.ProgressBar()).fit(X, y)
    assert "GridSearchCV" in capsys.readouterr().out


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_is_one_task_of_as_many_as_it_has_networks(iris, n_jobs):
    class Counter(Recorder):
        def on_fit_task_end(self, estimator, context):
            self.events.append(f"end {context.task_name}")

    counter = Counter()
    search = quick_search([0, 0.1], cv=2, ensemble=False).set_callbacks(counter)
    with parallel_config("threading", n_jobs=n_jobs):
        search.fit(*iris)
    network = ["begin network", "end network"]
    assert counter.events == [
        "setup", "begin fit", *5 * network, "end fit", "teardown",
    ]  # fmt: skip


def test_one_progress_bar_and_one_score_for_a_search(iris, capsys):
    quick_search([0, 0.1], cv=2).set_callbacks(sklearn_callback.ProgressBar()).fit(
        *iris
    )
    assert "LabelSmoothingClassifierCV" in capsys.readouterr().out
    monitor = sklearn_callback.ScoringMonitor(scoring="accuracy")
    search = quick_search([0, 0.1], cv=2).set_callbacks(monitor).fit(*iris)
    scores = monitor.get_logs().data_as_pandas["accuracy"]
    assert scores.iloc[-1] == search.score(*iris)


def test_a_failing_callback_is_torn_down_and_leaves_no_trace(iris):
    class Failing(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("callback")

    recorder = Failing()
    clf = quick_classifier().set_callbacks(recorder)
    with pytest.raises(RuntimeError, match="callback"):
        clf.fit(*iris)
    assert recorder.events[-1] == "teardown"
    assert not hasattr(clf, "classes_")
