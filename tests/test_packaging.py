"""What is written in two places agrees: metadata, recipe, workflows and documents."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
import yaml

import sklearn_ls

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RECIPE = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())
CONDA_NAMES = {"dask": "dask-core", "matplotlib": "matplotlib-base", "torch": "pytorch"}
WORKFLOWS = runpy.run_path(str(ROOT / ".ci" / "make_workflows.py"))["make_workflows"]()


def as_conda(requirements):
    """Return requirements of pip as conda-forge writes them."""
    pairs = [re.fullmatch(r"([\w-]+)(>=.*)", each).groups() for each in requirements]
    return [f"{CONDA_NAMES.get(name, name)} {version}" for name, version in pairs]


def test_conda_recipe_has_the_version_and_the_requirements():
    minimum = PROJECT["requires-python"].removeprefix(">=")
    assert RECIPE["context"]["version"] == sklearn_ls.__version__
    assert RECIPE["context"]["python_min"] == minimum
    requirements = RECIPE["requirements"]
    python, *others = requirements["run"]
    assert python == "python >=${{ python_min }}"
    assert others == as_conda(PROJECT["dependencies"])
    extras = PROJECT["optional-dependencies"]
    users = [name for name in extras if name not in ("test", "docs", "dev")]
    optional = [each for name in users for each in extras[name]]
    assert requirements["run_constraints"] == as_conda(optional)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    assert set(as_conda(build["requires"])) < set(requirements["host"])
    assert RECIPE["about"]["summary"] == PROJECT["description"]
    assert RECIPE["about"]["license"] == PROJECT["license"]


def test_classifiers_begin_with_the_oldest_python():
    pythons = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    assert PROJECT["requires-python"] == f">={pythons[0]}"
    minors = [int(python.partition(".")[2]) for python in pythons]
    assert minors == list(range(minors[0], minors[-1] + 1))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_those_that_the_script_writes(path):
    assert path.read_text() == WORKFLOWS[path], "Run python .ci/make_workflows.py."


def test_no_other_workflows():
    assert set((ROOT / ".github" / "workflows").iterdir()) == set(WORKFLOWS)


def test_a_job_runs_every_step_of_ci_run():
    passed = (ROOT / ".ci" / "run").read_text().partition("== passed:")[2]
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    commands = [step.get("run") for step in workflow["jobs"]["all"]["steps"]]
    steps = re.findall(r"make [\w-]+", passed)
    assert steps
    assert [command for command in commands if command] == steps


def test_the_citation_says_what_the_metadata_say():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["authors"] == PROJECT["authors"]
    assert citation["license"] == PROJECT["license"]
    assert citation["keywords"] == PROJECT["keywords"]
    assert citation["url"] == PROJECT["urls"]["Documentation"]
    assert citation["repository-code"] == PROJECT["urls"]["Source"]


def test_changes_have_the_version_dates_and_links():
    changes = (ROOT / "docs" / "changes.rst").read_text()
    versions = re.findall(
        r"^(\S+) \((.*)\)\n-+\n\n`\w+ <.*/(?:.*\.\.\.)?(.*)>`__$", changes, re.MULTILINE
    )
    assert len(versions) == len(re.findall(r"^-+$", changes, re.MULTILINE))
    if "dev" in sklearn_ls.__version__:
        number = sklearn_ls.__version__.partition(".dev")[0]
        assert versions.pop(0) == (number, "unreleased", "main")
    else:
        assert versions[0][0] == sklearn_ls.__version__
    for number, date, tag in versions:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)
        assert tag == f"v{number}"
