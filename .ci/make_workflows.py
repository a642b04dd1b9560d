"""Write .github/workflows from .ci/run and the classifiers of pyproject.toml.

After a change of either, run ``python .ci/make_workflows.py``. A test compares the
committed files with what this script writes.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNNERS = {
    "POSIX :: Linux": "ubuntu-latest",
    "MacOS": "macos-latest",
    "Microsoft :: Windows": "windows-latest",
}
HEADER = "# Written by .ci/make_workflows.py: change that, and run it.\n"

TESTS = """\
name: Tests

on:
  push:
    branches: [main]
  pull_request:
  workflow_dispatch:

permissions:
  contents: read

concurrency:
  group: ${{ github.workflow }}-${{ github.ref }}
  cancel-in-progress: true

jobs:
  # All steps of .ci/run.
  all:
    runs-on: ubuntu-latest
    timeout-minutes: 120
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - uses: actions/setup-python@v5
        with:
          python-version: "@OLDEST@"
@STEPS@

  # The tests on each system. Without make, which Windows lacks.
  test:
    name: ${{ matrix.os }}, Python ${{ matrix.python }}
    runs-on: ${{ matrix.os }}
    timeout-minutes: 60
    strategy:
      fail-fast: false
      matrix:
        os: [@SYSTEMS@]
        python: [@PYTHONS@]
    env:
      OMP_NUM_THREADS: 1
      OPENBLAS_NUM_THREADS: 1
      MKL_NUM_THREADS: 1
      PYTHONUTF8: 1
      SCIPY_ARRAY_API: 1
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python }}
      - run: python -m pip install --constraint constraints.txt --editable ".[test]"
      - run: python -m pytest -n auto
"""

NIGHTLY = """\
name: Nightly dependencies

on:
  schedule:
    - cron: "30 3 * * *"
  workflow_dispatch:

permissions:
  contents: read

jobs:
  # The tests with the nightly builds of the dependencies. The addresses of the package
  # indexes are variables of the repository (Settings, Secrets and variables, Actions):
  # NIGHTLY_INDEX_URL for NumPy, SciPy and scikit-learn, TORCH_NIGHTLY_INDEX_URL for
  # torch's CPU builds. Without them the job is skipped.
  test:
    if: vars.NIGHTLY_INDEX_URL && vars.TORCH_NIGHTLY_INDEX_URL
    runs-on: ubuntu-latest
    timeout-minutes: 60
    env:
      OMP_NUM_THREADS: 1
      OPENBLAS_NUM_THREADS: 1
      MKL_NUM_THREADS: 1
      SCIPY_ARRAY_API: 1
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - uses: actions/setup-python@v5
        with:
          python-version: "@NEWEST@"
      # torch first, so that no build with CUDA is installed.
      - run: python -m pip install --pre --index-url "$INDEX" torch
        env:
          INDEX: ${{ vars.TORCH_NIGHTLY_INDEX_URL }}
      - run: python -m pip install --editable ".[test]"
      - run: >
          python -m pip install --pre --upgrade --extra-index-url "$INDEX"
          numpy scipy scikit-learn
        env:
          INDEX: ${{ vars.NIGHTLY_INDEX_URL }}
      - run: python -m pytest -n auto
"""


def fill(template, **values):
    """Return the template with values in the place of names such as @STEPS@."""
    for name, value in values.items():
        template = template.replace(f"@{name.upper()}@", value)
    return HEADER + template


def make_workflows():
    """Return the text of each workflow by its path."""
    script = (ROOT / ".ci" / "run").read_text()
    steps = re.findall(r"^step (make .*)$", script, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    classifiers = "\n".join(project["classifiers"])
    pythons = re.findall(r"Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    systems = re.findall(r"^Operating System :: (.*)$", classifiers, re.MULTILINE)
    return {
        ROOT / ".github/workflows/tests.yml": fill(
            TESTS,
            oldest=pythons[0],
            steps="\n".join(f"      - run: {step}" for step in steps),
            systems=", ".join(RUNNERS[system] for system in systems),
            pythons=", ".join(f'"{python}"' for python in pythons),
        ),
        ROOT / ".github/workflows/nightly.yml": fill(NIGHTLY, newest=pythons[-1]),
    }


if __name__ == "__main__":
    for path, text in make_workflows().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
