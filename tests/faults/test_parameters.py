"""Row 23, and parameters that the table does not contain."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from skorch.callbacks import EarlyStopping

from faults.bad_input import each_example, each_row
from faults.calls import small, small_search
from faults.data import CLASSES, INDICATORS, SOFT, X, Y
from faults.rows_parameters import NAMED, PARAMETERS
from sklearn_ls import LabelSmoother, LabelSmoothingClassifierCV


# Row 23
@each_example(PARAMETERS["epsilon per sample"])
def test_classifier_refuses_bad_sample_epsilon(row, value):
    with row.reported():
        small().fit(X, Y, sample_epsilon=value)


@each_row(PARAMETERS["epsilon per sample in the search"])
def test_search_refuses_sample_epsilon(row):
    with row.reported():
        LabelSmoothingClassifierCV([0.1]).fit(X, Y, sample_epsilon=np.zeros(len(Y)))


# Row 23
@pytest.mark.parametrize(
    "call",
    [
        lambda epsilon: LabelSmoother(epsilon).fit(Y),
        lambda epsilon: small(epsilon=epsilon).fit(X, Y),
        lambda epsilon: small(epsilon=epsilon).partial_fit(X, Y, classes=CLASSES),
    ],
    ids=["smoother fit", "fit", "partial_fit"],
)
@each_example(PARAMETERS["epsilon"])
def test_estimators_refuse_epsilon_outside_0_to_1(call, row, value):
    with row.reported():
        call(value)


@each_example(PARAMETERS["epsilons"])
def test_search_refuses_bad_epsilons(row, value):
    with row.reported():
        small_search(epsilons=value).fit(X, Y)


@each_example(PARAMETERS["transition_matrix"])
def test_classifiers_refuse_transition_matrices(row, value):
    params = {"transition_matrix": value, "max_epochs": 1}
    for estimator in (small(**params), LabelSmoothingClassifierCV([0.1], **params)):
        with row.reported():
            estimator.fit(X, Y)


@each_example(PARAMETERS["transition mostly wrong"])
def test_classifiers_warn_of_a_transition_that_is_mostly_wrong(row, value):
    with row.reported():
        small(transition_matrix=value).fit(X, Y)


@each_row(PARAMETERS["transition of multilabel"])
def test_classifier_refuses_a_transition_of_independent_labels(row):
    with row.reported():
        small(transition_matrix=0.1).fit(X, INDICATORS)


@each_row(PARAMETERS["named matrices"])
def test_named_matrices_are_put_in_the_order_of_the_classes(row):
    names = np.array(["low", "medium", "high"])
    in_order = NAMED.loc[sorted(names), sorted(names)].to_numpy()
    for name in ("distribution", "transition_matrix"):
        ours = small(**{name: NAMED}).fit(X, names[Y])
        expected = small(**{name: in_order}).fit(X, names[Y])
        assert_array_equal(ours.predict_proba(X), expected.predict_proba(X))
        unnamed = small(**{name: pd.DataFrame(in_order)}).fit(X, names[Y])
        assert_array_equal(ours.predict_proba(X), unnamed.predict_proba(X))
        with row.reported() as caught:
            small(**{name: NAMED}).fit(X, Y)
        assert str(caught.value).startswith(name)


# Row 74
@each_row(PARAMETERS["named values"])
def test_named_values_are_put_in_the_order_of_the_classes(row):
    names = np.array(["low", "medium", "high"])
    values = pd.Series([0.1, 0.3, 0.6], index=names)
    in_order = values.loc[sorted(names)].to_numpy()
    for name in ("epsilon", "distribution"):
        ours = small(**{name: values}).fit(X, names[Y])
        expected = small(**{name: in_order}).fit(X, names[Y])
        assert_array_equal(ours.predict_proba(X), expected.predict_proba(X))
        smoother = LabelSmoother(**{name: values}).fit(names)
        assert_array_equal(
            smoother.transform(names),
            LabelSmoother(**{name: in_order}).fit(names).transform(names),
        )
        small(**{name: pd.Series(in_order)}).fit(X, names[Y])
        with row.reported():
            small(**{name: values}).fit(X, Y)


# Row 78
@each_example(PARAMETERS["hidden layers"])
def test_hidden_layers_are_integers(row, value):
    with row.reported():
        small(hidden_layer_sizes=value).fit(X, Y)


# Row 78
@each_example(PARAMETERS["callbacks"])
def test_callbacks_are_callbacks(row, value):
    with row.reported():
        small(callbacks=value).fit(X, Y)


# Row 78
@each_row(PARAMETERS["callback without validation"])
def test_callbacks_may_need_validation(row):
    clf = small(callbacks=[EarlyStopping()], early_stopping=False)
    with row.reported():
        clf.fit(X, Y)
    clf.set_params(early_stopping=True).fit(X, Y)


# Row 78
@each_row(PARAMETERS["refit"])
def test_score_needs_one_scorer(row):
    params = {"scoring": ["accuracy", "neg_log_loss"], "refit": lambda results: 0}
    search = small_search(**params).fit(X, Y)
    with row.reported():
        search.score(X, Y)


@each_row(PARAMETERS["scoring by noisy labels"])
def test_search_warns_of_probabilities_scored_by_noisy_labels(row):
    params = {"scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"}
    small_search(**params).fit(X, Y)
    with row.reported():
        small_search(transition_matrix=0.1, **params).fit(X, Y)


@each_row(PARAMETERS["scoring"])
def test_search_refuses_names_and_callables_with_soft_labels(row):
    scoring = {"a": "accuracy", "b": lambda clf, X, y: 0.0}
    with row.reported():
        small_search(scoring=scoring, refit="a").fit(X, SOFT)
