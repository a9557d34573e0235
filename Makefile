# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# make demo LOSS_WEIGHTS=vgg19.safetensors uses a file instead of torch's cache or the download.
LOSS_WEIGHTS ?=

.PHONY: demo test
demo: .venv/installed
	$(BIN)/allaprima train --config configs/quick.yaml --max-time 4m \
	    --style docs/demo/great-wave.jpg --content docs/demo/photographs \
	    $(if $(LOSS_WEIGHTS),--loss-weights $(LOSS_WEIGHTS))

test: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/installed-test: .venv/installed
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@
