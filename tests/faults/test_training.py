"""Rows 31 to 33 and 54: the end of training, and random numbers."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from faults.bad_input import each_example, each_row
from faults.calls import small
from faults.data import CLASSES, INDICATORS, X, Y, network
from faults.rows_parameters import TRAINING


# Row 31. Saturation may be detected before the overflow.
@pytest.mark.filterwarnings("ignore:After the first epoch:UserWarning")
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True},
        {"module": network},
        {"optimizer": "sgd"},
        {"batch_size": 50},
    ],
    ids=["MLP", "early stopping", "module", "sgd", "batches"],
)
@each_example(TRAINING["diverged"])
def test_classifier_fit_raises_if_it_diverges(params, row, value):
    X, learning_rate = value
    clf = small(learning_rate=learning_rate, max_epochs=5, **params)
    with row.reported():
        clf.fit(X, Y)


# Row 31. The weights of the last step are finite, but their logits are not.
@pytest.mark.filterwarnings("ignore:After the first epoch:UserWarning")
@pytest.mark.parametrize(
    "train",
    [
        lambda clf, X: clf.fit(X, Y),
        lambda clf, X: clf.set_params(early_stopping=True).fit(X, Y),
        lambda clf, X: clf.partial_fit(X, Y, classes=CLASSES),
    ],
    ids=["fit", "early stopping", "partial_fit"],
)
@each_example(TRAINING["diverged"])
def test_classifier_never_predicts_nan(train, row, value):
    X, learning_rate = value
    clf = small(learning_rate=learning_rate, max_epochs=1)
    with row.reported():
        assert np.isfinite(train(clf, X).predict_proba(X)).all()


# Row 32
@pytest.mark.parametrize(
    "train",
    [
        lambda clf, X: clf.fit(X, Y),
        lambda clf, X: clf.fit(X.astype(np.float32), Y),
        lambda clf, X: clf.fit(X, INDICATORS),
        lambda clf, X: clf.set_params(module=network).fit(X, Y),
        lambda clf, X: clf.set_params(early_stopping=True).fit(X, Y),
        lambda clf, X: clf.partial_fit(X, Y, classes=CLASSES),
    ],
    ids=["fit", "float32", "multilabel", "module", "early stopping", "partial_fit"],
)
@each_example(TRAINING["saturated"])
def test_classifier_warns_of_saturation(train, row, value):
    with row.reported():
        clf = train(small(feature_clip=None, learning_rate=1e-3), value)
    assert np.isfinite(clf.predict_proba(value)).all()


# Row 33
@pytest.mark.parametrize("early_stopping", [True, False])
@each_row(TRAINING["not converged"])
def test_classifier_warns_when_not_converged(early_stopping, row):
    clf = small(n_iter_no_change=10, early_stopping=early_stopping)
    with row.reported():
        clf.fit(X, Y)


# Row 33
def test_classifier_is_quiet_when_converged():
    clf = small(n_iter_no_change=1, tol=1e9, max_epochs=50).fit(X, Y)
    assert clf.n_iter_ < 50


# Row 54
def test_classifier_draws_a_seed_per_fit():
    def two_fits():
        random_state = np.random.RandomState(0)
        clf = small(random_state=random_state)
        return [clf.fit(X, Y).predict_proba(X) for _ in range(2)]

    first, second = two_fits()
    assert not np.array_equal(first, second)
    assert_array_equal(two_fits(), [first, second])


# Row 54
def test_classifier_draws_one_number_whatever_the_training():
    generators = [np.random.RandomState(0) for _ in range(3)]
    small(random_state=generators[0]).fit(X, Y)
    small(random_state=generators[1], max_epochs=4, dropout=0.5, batch_size=9).fit(X, Y)
    parts = small(random_state=generators[2]).partial_fit(X, Y, classes=CLASSES)
    parts.partial_fit(X, Y)
    drawn = {generator.randint(2**31 - 1) for generator in generators}
    assert len(drawn) == 1
    assert drawn != {np.random.RandomState(0).randint(2**31 - 1)}
