"""The house is as docs/contributing.rst says."""

import ast
import re
from pathlib import Path

import pytest

import sklearn_ls

PACKAGE = Path(sklearn_ls.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")
TORCH_OWNERS = {
    "_batches",
    "_device",
    "_faults",
    "_indicator_loss",
    "_inference",
    "_loss",
    "_modules",
    "_net",
    "_optimizers",
    "_row_values",
    "_stack",
    "_temperature",
    "_transition",
}
APART = ("sklearn_ls.inspection", "sklearn_ls.metrics")
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


def modules_of(folder):
    """Return the modules in a folder and in those below it, without the ending."""
    paths = sorted(PACKAGE.glob(f"{folder}/**/*.py"))
    return [path.relative_to(PACKAGE).with_suffix("").as_posix() for path in paths]


def imports(module, nodes=ast.walk):
    """Yield (module, name) of everything that a module imports."""
    for node in nodes(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


def test_contributing_lists_every_file_and_imports_never_turn_back():
    text = (ROOT / "docs" / "contributing.rst").read_text()
    listed = [f[:-3] for f in re.findall(r"^`(\w+\.py)`  ", text, flags=re.MULTILINE)]
    assert sorted(listed) == MODULES
    for position, module in enumerate(listed):
        ours = {name for name, _ in imports(module) if name.startswith("sklearn_ls")}
        above = {f"sklearn_ls.{name}" for name in listed[:position]}
        assert ours <= above, module


@pytest.mark.parametrize("module", MODULES)
def test_torch_skorch_and_private_scikit_learn_stay_where_they_belong(
    module,
):
    tops = {name.split(".")[0] for name, _ in imports(module)}
    assert "skorch" not in tops or module == "_net"
    assert "torch" not in tops or module in TORCH_OWNERS
    assert not tops & {"dask", "pandas", "polars", "pyarrow"}
    private = {
        name or path
        for path, name in imports(module)
        if path.startswith("sklearn.")
        and (name.startswith("_") or any(p.startswith("_") for p in path.split(".")))
    }
    assert not private or module == "_compat"
    if module == "_compat":
        assert private == PRIVATE_IMPORTS | PARAM_VALIDATION


@pytest.mark.parametrize("module", modules_of("inspection"))
def test_displays_and_reports_know_no_estimators(module):
    names = {name for name, _ in imports(module)}
    ours = {name for name in names if name.startswith("sklearn_ls")}
    below = {f"sklearn_ls.{name}" for name in ("_compat", "_labels", "_unsmoothing")}
    assert all(name in below or name.startswith(APART) for name in ours)
    at_import = {name for name, _ in imports(module, ast.iter_child_nodes)}
    assert not any(name.startswith(("torch", "matplotlib")) for name in at_import)


@pytest.mark.parametrize("module", modules_of("metrics"))
def test_metrics_know_labels_but_no_estimators(module):
    ours = {name for name, _ in imports(module) if name.startswith("sklearn_ls")}
    below = {
        f"sklearn_ls.{name}"
        for name in ("_compat", "_labels", "_smoothing", "_soft_labels")
    }
    assert all(name in below or ".metrics" in name for name in ours)


@pytest.mark.parametrize("module", modules_of("inspection") + modules_of("metrics"))
def test_displays_reports_and_metrics_use_public_attributes_only(module):
    private = {
        ast.unparse(node)
        for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text()))
        if isinstance(node, ast.Attribute)
        and re.match("_(?!_)", node.attr)
        and ast.unparse(node.value) != "self"
    }
    assert not private


@pytest.mark.parametrize("folder", ["inspection", "metrics"])
def test_contributing_lists_what_is_private_apart(folder):
    text = (ROOT / "docs" / "contributing.rst").read_text()
    listed = re.findall(rf"^`({folder}/[\w/]+)\.py`  ", text, flags=re.MULTILINE)
    public = {
        name.removeprefix("sklearn_ls.").replace(".", "/")
        for name, _ in imports(f"{folder}/__init__")
    }
    private = {name for name in modules_of(folder) if not name.endswith("/__init__")}
    assert sorted(listed) == sorted(private - public)


def test_only_the_report_imports_from_its_folder():
    folder = "sklearn_ls.inspection._report"
    users = {
        module
        for module in modules_of("inspection")
        if any(name.startswith(folder) for name, _ in imports(module))
    }
    assert users - {"inspection/__init__"} <= {*modules_of("inspection/_report")}


def test_no_estimator_imports_what_stands_apart():
    imported = [names for module in MODULES for names in imports(module)]
    names = {f"{module}.{name}" for module, name in imported}
    assert not any(name.startswith(APART) for name in names)


def test_public_names():
    assert sklearn_ls.__all__ == [
        "LabelSmoother",
        "LabelSmoothingClassifier",
        "LabelSmoothingClassifierCV",
        "SmoothedTargetClassifier",
        "convert_epsilon",
    ]
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", sklearn_ls.__version__)
