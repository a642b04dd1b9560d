# Every target sets itself up: a virtual environment in .venv, with the versions of
# constraints.txt. The set-up is repeated only when its inputs change.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
OLDEST := .venv-oldest
RELEASE := .venv-release
# Small matrix products are faster on one thread a process.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo test process-test long-test cuda-test oldest-test doctest lint docs \
	site-test release-test clean

demo: $(INSTALLED)  ## Compare classifiers on digits, or on ARGS="data.csv --target COLUMN".
	$(ONE_THREAD) $(BIN)/python examples/quickstart.py $(ARGS)

test: $(INSTALLED)  ## Run the tests.
	$(ONE_THREAD) SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -n 2 $(ARGS)

process-test: $(INSTALLED)  ## Run the tests that start many processes, and kill some.
	$(ONE_THREAD) $(BIN)/python -m pytest -m processes

long-test: $(INSTALLED)  ## Run the tests that take many minutes: damaged files, sequences of calls.
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 -m long

cuda-test: $(INSTALLED)  ## Run the tests that need a GPU, which make test skips.
	$(BIN)/python -m pytest -m cuda

oldest-test: $(OLDEST)/.installed  ## Run the main tests with the oldest versions allowed.
	$(ONE_THREAD) SCIPY_ARRAY_API=1 $(OLDEST)/bin/python -m pytest -n 2 \
		tests/test_classifier.py tests/test_classifier_cv.py tests/test_label_smoother.py \
		tests/files/test_model_files.py tests/files/test_golden_files.py \
		tests/files/test_damaged_files.py

$(OLDEST)/.installed: .ci/oldest.txt
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --requirement .ci/oldest.txt \
		hypothesis pytest pytest-xdist
	$(OLDEST)/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

doctest: $(INSTALLED)  ## Run the examples in the docstrings and the documentation.
	$(ONE_THREAD) SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -n 2 sklearn_ls docs

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms \
		$(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/check-jsonschema --builtin-schema vendor.readthedocs .readthedocs.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

docs: $(INSTALLED)  ## Build the site in docs/_build/html; warnings are errors.
	$(ONE_THREAD) $(BIN)/sphinx-build -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html

site-test: docs  ## Open every page of the built site in a headless Chromium.
	$(BIN)/python -m pytest -m site tests/test_site.py

release-test: $(INSTALLED)  ## Build and check the release; run the README with it alone.
	rm -rf build dist $(RELEASE)
	$(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*
	$(BIN)/python .ci/check_contents.py
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet --constraint constraints.txt dist/*.whl cleanlab pandas
	$(ONE_THREAD) $(RELEASE)/bin/python -I .ci/run_readme.py

clean:
	rm -rf $(VENV) $(OLDEST) $(RELEASE) build dist docs/_build docs/auto_examples docs/generated

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@
