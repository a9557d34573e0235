# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Threads of two programs wait spinning for each other, so each of two tests at a time has one.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist worksteal

.PHONY: demo lint types test test-all test-slow test-lowest
demo: .venv/installed
	$(BIN)/allaprima train --config configs/demo.yaml \
	    --style docs/paintings/stained-glass.jpg --content docs/demo/photographs

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-test
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python

test: lint types
	$(PYTEST) --cov

test-all: test test-slow

# What the default suite leaves out: it takes minutes, or the package index.
test-slow: .venv/installed-test
	$(PYTEST) -m slow

# The suite with the oldest versions that pyproject.toml allows, in an environment of its own.
test-lowest: .venv-lowest/installed
	OMP_NUM_THREADS=1 .venv-lowest/bin/pytest --numprocesses 2 --dist worksteal

.venv/installed: pyproject.toml setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip  # that of Python 3.11 does not find versions that fit together
	$(BIN)/pip install --quiet --editable '.[train]'
	touch $@

.venv/installed-test: .venv/installed
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

.venv-lowest/installed: pyproject.toml setup.py
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest --resolution lowest-direct --editable '.[test]'
	touch $@
