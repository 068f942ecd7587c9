# Two commands do all: `make demo` runs the main job end to end, `make test` runs every test.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
export DAGSTER_DISABLE_TELEMETRY = yes
export PYTHONUTF8 = 1
unexport PYTHONDONTWRITEBYTECODE

INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

.PHONY: demo up test lint types check install clean

demo: $(VENV)/.installed  ## The main job end to end on the sample, in .tgstudio/
	$(BIN)/tgstudio demo

up: $(VENV)/.installed  ## Dagster's UI and daemon on loopback; Ctrl-C ends them
	$(BIN)/tgstudio up

test: $(VENV)/.installed-dev  ## Every test
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.installed-dev
	$(BIN)/mypy

check: lint types test

install: $(VENV)/.installed

$(VENV)/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))" || { echo "Python 3.11 is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing (once)…"
	$(INSTALL) -e .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib/python3.11/site-packages tgstudio_dagster assets || true
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing the tests' needs (once)…"
	$(INSTALL) -e '.[dev]'
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib/python3.11/site-packages || true
	@touch $@

clean:
	rm -rf $(VENV) .tgstudio
