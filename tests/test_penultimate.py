import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from helpers import quick_classifier, quick_search
from sklearn_ls.inspection import PenultimateDisplay

pytestmark = pytest.mark.usefixtures("close_figures")


def draw_network(seed, n_units):
    rng = np.random.default_rng(seed)
    embedding = rng.normal(size=(20, n_units))
    return embedding, rng.integers(0, 4, 20), rng.normal(size=(3, n_units))


def project(embedding, y, templates, classes=(0, 1, 3)):
    display = PenultimateDisplay.from_embedding(
        embedding, y, templates, classes=classes
    )
    plt.close("all")
    return display


networks = st.builds(draw_network, st.integers(0, 2**32 - 1), st.integers(2, 6))


@settings(max_examples=10, deadline=None)
@given(networks)
def test_projection_is_that_of_least_squares(network):
    embedding, y, templates = network
    display = project(*network)
    kept = np.isin(y, [0, 1, 3])
    assert_array_equal(display.y, y[kept])
    directions = (templates[1:] - templates[0]).T
    shares = np.linalg.lstsq(directions, (embedding[kept] - templates[0]).T)[0]
    nearest = templates[0] + (directions @ shares).T
    # Distances in the coordinates of the plane are unchanged, including those of the
    # templates, which lie in the plane.
    ours = pdist(np.vstack([display.points, display.templates]))
    assert_allclose(ours, pdist(np.vstack([nearest, templates])), atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(networks)
def test_first_axis_leads_from_first_to_second_class_and_third_lies_above(network):
    first, second, third = project(*network).templates
    assert_allclose(first[1], second[1], atol=1e-9)
    assert first[0] < second[0]
    assert third[1] > first[1]
    assert_allclose(first + second + third, 0, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(networks, st.integers(0, 2**32 - 1))
def test_motions_of_the_space_change_nothing(network, seed):
    embedding, y, templates = network
    rotation = ortho_group.rvs(embedding.shape[1], random_state=seed)
    shift = np.random.default_rng(seed).normal(size=embedding.shape[1])
    display = project(*network)
    moved = project(embedding @ rotation + shift, y, templates @ rotation + shift)
    assert_allclose(moved.points, display.points, atol=1e-9)
    assert_allclose(moved.templates, display.templates, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_any_scale_will_do(scale):
    embedding, y, templates = draw_network(0, 5)
    display = project(embedding, y, templates)
    scaled = project(scale * embedding, y, scale * templates)
    assert_allclose(scaled.points / scale, display.points)
    on_a_line = np.outer([0.1, 0.7, 0.3], templates[0]) + templates[1]
    with pytest.raises(ValueError, match="lie on a line"):
        project(embedding, y, scale * on_a_line)


@settings(max_examples=10, deadline=None)
@given(networks, st.permutations([0, 1, 2]))
def test_order_of_classes_turns_the_picture(network, order):
    embedding, y, templates = network
    classes = np.array([0, 1, 3])
    display = project(*network)
    turned = project(embedding, y, templates[order], classes[order])
    assert_array_equal(turned.y, display.y)
    assert_allclose(pdist(turned.points), pdist(display.points), atol=1e-9)
    ours = np.vstack([display.points, display.templates[order]])
    assert_allclose(
        pdist(np.vstack([turned.points, turned.templates])), pdist(ours), atol=1e-9
    )


@pytest.mark.parametrize("bias", [True, False])
def test_places_in_the_plane_tell_the_differences_of_logits(digits, bias):
    X, y = digits

    def network(n_features, n_classes):
        return torch.nn.Sequential(
            torch.nn.Linear(n_features, 8),
            torch.nn.Tanh(),
            torch.nn.Linear(8, n_classes, bias=bias),
        )

    clf = quick_classifier(module=network).fit(X, y)
    display = PenultimateDisplay.from_estimator(clf, X, y, classes=(7, 2, 4))
    kept = np.isin(y, [7, 2, 4])
    assert_array_equal(display.y, y[kept])
    logits = clf.decision_function(X)[kept][:, [7, 2, 4]]
    last = clf.net_.module_[-1]
    templates = last.weight.detach().cpu().numpy()[[7, 2, 4]]
    if bias:
        biases = last.bias.detach().cpu().numpy()[[7, 2, 4]]
        templates = np.column_stack([templates, biases])
    for a, b in ((0, 1), (0, 2), (1, 2)):
        along = display.points @ (display.templates[b] - display.templates[a])
        rest = logits[:, b] - logits[:, a] - along
        of_origin = (templates[b] - templates[a]) @ templates.mean(axis=0)
        assert_allclose(rest, of_origin, atol=1e-5)


def test_pipelines_and_searches_show_their_network(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])
    y = names[y]
    scaler = MinMaxScaler().fit(X)
    clf = quick_classifier(0.2).fit(scaler.transform(X), y)
    expected = PenultimateDisplay.from_estimator(
        clf, scaler.transform(X), y, classes=names
    )
    assert_array_equal(expected.classes, names)
    plain = quick_classifier()
    one = quick_search([0.2], cv=2, ensemble=False)
    for estimator in (
        make_pipeline(MinMaxScaler(), quick_classifier(0.2)),
        make_pipeline(MinMaxScaler(), one),
        make_pipeline(MinMaxScaler(), GridSearchCV(plain, {"epsilon": [0.2]}, cv=2)),
        GridSearchCV(
            make_pipeline(MinMaxScaler(), plain),
            {"labelsmoothingclassifier__epsilon": [0.2]},
            cv=2,
        ),
    ):
        display = PenultimateDisplay.from_estimator(
            estimator.fit(X, y), X, y, classes=names
        )
        assert_allclose(display.points, expected.points)
        assert_allclose(display.templates, expected.templates)


def test_display_draws_samples_and_templates(rng):
    display = PenultimateDisplay(
        rng.normal(size=(30, 2)),
        rng.choice(["a", "b", "c"], 30),
        rng.normal(size=(3, 2)),
        ["c", "a", "b"],
        name="smoothed",
    )
    figure, axes = plt.subplots(1, 2)
    assert display.plot(ax=axes[1]) is display
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    colors = display.templates_.get_facecolors()
    for label, scatter, color in zip("cab", display.scatters_, colors, strict=True):
        assert scatter.get_label() == label
        assert_array_equal(scatter.get_facecolors()[0, :3], color[:3])
        assert_array_equal(scatter.get_offsets(), display.points[display.y == label])
    assert_array_equal(display.templates_.get_offsets(), display.templates)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["c", "a", "b", "template"]
    assert display.ax_.get_title() == "smoothed"
    assert display.ax_.get_xlabel() == "from c towards a"
    assert display.ax_.get_ylabel() == "towards b"
    display.plot(name="again")
    assert display.ax_ not in axes
    assert display.ax_.get_title() == "again"


def test_display_refuses_embeddings_without_a_plane(iris):
    X, y = iris
    clf = quick_classifier()
    from_estimator = PenultimateDisplay.from_estimator
    three = {"classes": (0, 1, 2)}
    with pytest.raises(NotFittedError):
        from_estimator(clf, X, y, **three)
    folds = quick_search([0.1], cv=2).fit(X, y)
    with pytest.raises(TypeError, match=re.escape("estimators_[0], or fit with ens")):
        from_estimator(folds, X, y, **three)
    assert len(from_estimator(folds.estimators_[0], X, y, **three).points) == len(y)
    with pytest.raises(TypeError, match="Got LogisticRegression"):
        from_estimator(LogisticRegression().fit(X, y), X, y, **three)
    indicators = (X[:, :3] > 0).astype(int)
    with pytest.raises(ValueError, match="the classifier is multilabel"):
        from_estimator(clf.fit(X, indicators), X, y, **three)
    with pytest.raises(ValueError, match="at least three"):
        from_estimator(clf.fit(X, y > 0), X, y, **three)
    clf.fit(X, y)
    with pytest.raises(ValueError, match=re.escape("classes contains [5, 7], but")):
        from_estimator(clf, X, y, classes=(5, 1, 7))
    for classes in ((0, 1), (0, 1, 1), (0, 1, 2, 2), 0, [[0, 1, 2]]):
        with pytest.raises(ValueError, match="must be three different classes"):
            from_estimator(clf, X, y, classes=classes)
    with pytest.raises(ValueError, match="y has no sample of the classes"):
        from_estimator(clf, X, y + 3, **three)

    def network(n_features, n_classes):
        return torch.nn.Sequential(
            torch.nn.Linear(n_features, 9), torch.nn.MaxPool1d(n_classes)
        )

    clf.set_params(module=network).fit(X, y)
    with pytest.raises(ValueError, match="has 9 outputs, but there are 3 classes"):
        from_estimator(clf, X, y, **three)

    def without_linear(n_features, n_classes):
        return torch.nn.Sequential(
            torch.nn.Unflatten(1, (1, n_features)),
            torch.nn.Conv1d(1, n_classes, n_features),
            torch.nn.Flatten(),
        )

    clf.set_params(module=without_linear).fit(X, y)
    with pytest.raises(
        ValueError, match=re.escape("requires a module with a torch.nn.L")
    ):
        from_estimator(clf, X, y, **three)


def test_embedding_must_fit_the_templates(rng):
    embedding, y, templates = rng.normal(size=(9, 4)), np.arange(9) % 3, np.eye(3, 4)
    for wrong in (templates[:2], templates[:, :3]):
        with pytest.raises(ValueError, match=re.escape("must have shape (3, 4)")):
            project(embedding, y, wrong, (0, 1, 2))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        project(embedding, y[:8], templates, (0, 1, 2))
    column = project(embedding, y[:, np.newaxis], templates, (0, 1, 2))
    assert_array_equal(column.y, y)
    on_a_line = np.outer([1, 2, 3.5], templates[0]) + 1
    for wrong in (on_a_line, np.ones((3, 4))):
        with pytest.raises(ValueError, match="lie on a line"):
            project(embedding, y, wrong, (0, 1, 2))
    with pytest.raises(ValueError, match="lie on a line"):
        project(embedding[:, :1], y, np.array([[1.0], [2], [4]]), (0, 1, 2))
