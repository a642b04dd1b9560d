"""The package has the structure that docs/contributing.rst describes."""

import ast
import re
from pathlib import Path

import pytest

import sklearn_ls
from sklearn_ls._base import PRIVATE

PACKAGE = Path(sklearn_ls.__file__).parent
ROOT = PACKAGE.parent
APART = ("inspection", "metrics")
# Private names that a package exports, imported in _compat.py only.
PRIVATE_IMPORTS = {
    "_fit_context",
    "_safe_indexing",
    "_score",
    "_Scorer",
    "_check_method_params",
    "_check_sample_weight",
    "_check_partial_fit_first_call",
}
PARAM_VALIDATION = {
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "validate_params",
}


def modules_of(folder=""):
    """Return the modules in a folder and its subfolders, without the suffix."""
    paths = sorted((PACKAGE / folder).glob("**/*.py"))
    names = [path.relative_to(PACKAGE).with_suffix("").as_posix() for path in paths]
    return [name for name in names if not name.endswith("__init__")]


MODULES = [name for name in modules_of() if not name.startswith(APART)]


def parse(module):
    return ast.parse((PACKAGE / f"{module}.py").read_text())


def imports(module, nodes=ast.walk):
    """Yield (module, name) of everything that a module imports."""
    for node in nodes(parse(module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


def imports_of_ours(module):
    """Return the modules of the package that a module imports."""
    modules = set()
    for path, name in imports(module):
        if path.startswith("sklearn_ls"):
            inside = path.removeprefix("sklearn_ls").strip(".").replace(".", "/")
            deeper = f"{inside}/{name}".strip("/")
            modules.add(deeper if (PACKAGE / f"{deeper}.py").exists() else inside)
    return modules


def listed_modules():
    text = (ROOT / "docs" / "contributing.rst").read_text()
    return re.findall(r"^`([\w/]+)\.py`  ", text, flags=re.MULTILINE)


def test_contributing_lists_every_file_and_imports_never_turn_back():
    listed = [name for name in listed_modules() if not name.startswith(APART)]
    assert sorted(listed) == sorted(MODULES)
    for position, module in enumerate(listed):
        assert imports_of_ours(module) <= {*listed[:position]}, module


@pytest.mark.parametrize("module", MODULES)
def test_torch_skorch_and_private_scikit_learn_stay_where_they_belong(module):
    tops = {name.split(".")[0] for name, _ in imports(module)}
    assert "skorch" not in tops or module == "_network/skorch_net"
    assert "torch" not in tops or module.startswith("_network/")
    allowed = {"dask", "pyarrow"} if module == "_samples/streams" else set()
    assert tops & {"dask", "polars", "pyarrow"} <= allowed
    assert "pandas" not in tops or module == "_labels/containers"
    private = {
        name or path
        for path, name in imports(module)
        if path.startswith("sklearn.")
        and (name.startswith("_") or any(p.startswith("_") for p in path.split(".")))
    }
    assert not private or module == "_compat"
    if module == "_compat":
        assert private == PRIVATE_IMPORTS | PARAM_VALIDATION


@pytest.mark.parametrize("folder", ["_labels", "_samples", "_network", "_copies"])
def test_folders_below_know_no_estimator(folder):
    for module in modules_of(folder):
        above = {name for name in imports_of_ours(module) if "/" not in name}
        assert above <= {"_compat", "_forks", "_types", "_warnings"}, module


def private_attributes_of_others(module):
    """Return the private attributes that a module reads or sets of another object."""
    return {
        ast.unparse(node)
        for node in ast.walk(parse(module))
        if isinstance(node, ast.Attribute)
        and re.match("_(?!_)", node.attr)
        and ast.unparse(node.value) not in ("self", "cls", "super()")
    }


@pytest.mark.parametrize("module", modules_of())
def test_no_module_reaches_into_another_object(module):
    others = private_attributes_of_others(module)
    if module == "_compat":  # scikit-learn's
        others = {
            name for name in others if not name.startswith(("estimator.", "self."))
        }
    # The constraints of a base class, as everywhere in scikit-learn.
    assert not {name for name in others if not name.endswith("_parameter_constraints")}


def test_estimators_have_at_most_three_private_attributes():
    for module in ("_base", "_classifier", "_classifier_cv"):
        stored = {
            node.attr
            for node in ast.walk(parse(module))
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and node.attr.startswith("_")
        }
        assert stored - {"__dict__", "__doc__"} <= PRIVATE
    assert len(PRIVATE) == 3


@pytest.mark.parametrize("module", modules_of("inspection"))
def test_displays_and_reports_know_no_estimators(module):
    ours = imports_of_ours(module)
    below = {"_compat", "_types", "_warnings", "_differences", "crowds"}
    assert all(name in below or name.startswith((*APART, "_labels/")) for name in ours)
    at_import = {name for name, _ in imports(module, ast.iter_child_nodes)}
    assert not any(name.startswith(("torch", "matplotlib")) for name in at_import)


@pytest.mark.parametrize("module", modules_of("metrics"))
def test_metrics_know_labels_but_no_estimators(module):
    ours = imports_of_ours(module)
    assert all(
        name in ("_compat", "_types") or name.startswith(("metrics", "_labels/"))
        for name in ours
    )


@pytest.mark.parametrize("folder", APART)
def test_contributing_lists_what_is_private_apart(folder):
    listed = [name for name in listed_modules() if name.startswith(folder)]
    public = imports_of_ours(f"{folder}/__init__")
    assert sorted(listed) == sorted({*modules_of(folder)} - public)


def test_only_the_report_imports_from_its_folder():
    users = {
        module
        for module in modules_of("inspection")
        if any(
            name.startswith("inspection/_report") for name in imports_of_ours(module)
        )
    }
    assert users <= {*modules_of("inspection/_report")}


@pytest.mark.parametrize("module", MODULES)
def test_no_estimator_imports_separate_modules(module):
    assert not any(name.startswith(APART) for name in imports_of_ours(module))


def test_public_names():
    assert sklearn_ls.__all__ == [
        "LabelSmoother",
        "LabelSmoothingClassifier",
        "LabelSmoothingClassifierCV",
        "ModelFileError",
        "SmoothedTargetClassifier",
        "convert_epsilon",
        "load_model",
        "register_onnx_converters",
        "save_model",
        "to_onnx",
    ]
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", sklearn_ls.__version__)
