import contextlib
import io
from functools import partial

import numpy as np
import pytest
import skorch.callbacks
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import make_multilabel_classification

from helpers import quick_classifier

make = partial(quick_classifier, max_epochs=4, batch_size=40, dropout=0)


class BatchCounter(skorch.callbacks.Callback):
    def initialize(self):
        self.batches_, self.gradients_ = 0, 0
        return self

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        self.batches_ += training

    def on_grad_computed(self, net, named_parameters, **kwargs):
        names = dict(named_parameters)
        self.gradients_ += all(p.grad is not None for p in names.values())


def test_batch_callbacks_see_every_batch_and_change_nothing(iris):
    X, y = iris
    watched = make(callbacks=[("counter", BatchCounter())]).fit(X, y)
    counter = dict(watched.net_.callbacks_)["counter"]
    assert (counter.batches_, counter.gradients_) == (16, 16)
    lean = make().fit(X, y)
    assert_allclose(watched.predict_proba(X), lean.predict_proba(X), atol=1e-12)
    assert_allclose(watched.loss_curve_, lean.loss_curve_)


def test_learning_rate_scheduler(iris):
    X, y = iris
    scheduler = skorch.callbacks.LRScheduler(
        torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5
    )
    clf = make(callbacks=[scheduler]).fit(X, y)
    rates = [group["lr"] for group in clf.net_.optimizer_.param_groups]
    assert_allclose(rates, clf.learning_rate * 0.5**4)


def test_skorch_early_stopping_ends_the_training(iris):
    X, y = iris
    stop = skorch.callbacks.EarlyStopping(
        monitor="train_loss", patience=2, threshold=10, sink=lambda text: None
    )
    assert make(callbacks=[stop], max_epochs=50).fit(X, y).n_iter_ == 3


def test_skorch_epoch_scoring_gets_held_out_samples(digits):
    X, y = digits
    scoring = skorch.callbacks.EpochScoring(
        "accuracy", name="accuracy", lower_is_better=False
    )
    clf = make(callbacks=[scoring], max_epochs=2).fit(X, y)
    assert_allclose(clf.net_.history[:, "accuracy"], clf.validation_scores_)


@pytest.mark.parametrize(
    "callback",
    [
        skorch.callbacks.EpochScoring("accuracy", on_train=True, name="score"),
        skorch.callbacks.EpochScoring("accuracy", use_caching=False, name="score"),
        skorch.callbacks.BatchScoring("accuracy", name="score"),
    ],
    ids=["training", "uncached", "batch"],
)
def test_skorch_scoring_callbacks(digits, callback):
    X, y = digits
    clf = make(callbacks=[callback], max_epochs=2, batch_size=200).fit(X, y)
    assert len(clf.net_.history[:, "score"]) == 2


def test_skorch_scoring_of_multilabel_targets():
    X, Y = make_multilabel_classification(n_samples=1500, random_state=0)
    scoring = skorch.callbacks.EpochScoring("accuracy", name="score")
    clf = make(callbacks=[scoring], batch_size=200).fit(X, Y)
    assert_allclose(clf.net_.history[:, "score"], clf.validation_scores_)
    assert_allclose(clf.net_.predict_proba(X), clf.predict_proba(X), atol=1e-12)


def test_skorch_checkpoint_saves_the_best_epoch(digits, tmp_path):
    X, y = digits
    checkpoint = skorch.callbacks.Checkpoint(dirname=tmp_path)
    clf = make(callbacks=[checkpoint], batch_size=200).fit(X, y)
    assert (tmp_path / "params.pt").exists()
    best = clf.net_.history[:, "valid_loss_best"]
    losses = clf.net_.history[:, "valid_loss"]
    assert best == [loss == min(losses[: i + 1]) for i, loss in enumerate(losses)]


def test_skorch_freezer_freezes_the_built_in_network(iris):
    X, y = iris
    freezer = skorch.callbacks.Freezer("0.*")
    start, frozen = (
        make(**params).fit(X, y).net_.module_.state_dict()
        for params in ({"learning_rate": 1e-30}, {"callbacks": [freezer]})
    )
    assert any(name.startswith("0.") for name in frozen)
    for name, weights in frozen.items():
        unmoved = torch.allclose(weights, start[name], atol=1e-12)
        assert unmoved == name.startswith("0.")


def test_partial_fit_tells_callbacks_and_prints(iris, capsys):
    X, y = iris
    scheduler = skorch.callbacks.LRScheduler(step_every="batch")
    clf = make(callbacks=[scheduler], verbose=1)
    clf.partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
    assert capsys.readouterr().out.count("train_loss") == 2


def test_the_net_trains_on_like_any_skorch_net(iris):
    X, y = iris
    clf = make().fit(X, y)
    epochs = len(clf.net_.history)
    before = clf.score(X, y)
    clf.net_.set_params(lr=0.01).partial_fit(X, y.astype(np.int64))
    assert len(clf.net_.history) == epochs + 10
    assert clf.score(X, y) > before


def test_user_interrupt_is_not_swallowed(iris):
    class Interrupt(skorch.callbacks.Callback):
        def on_batch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    clf = make(callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*iris)
    assert not hasattr(clf, "classes_")


def test_verbose_prints_a_line_an_epoch_and_is_silent_otherwise(digits):
    X, y = digits
    for verbose, lines in ((0, 0), (1, 6)):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            make(max_epochs=4, batch_size=200, verbose=verbose).fit(X, y)
        assert len(out.getvalue().splitlines()) == lines
    assert "valid_acc" in out.getvalue()
