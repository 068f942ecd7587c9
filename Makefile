# `make help` lists what there is; `make demo` runs the main job end to end, `make test` every test.
# The system's build first: those that a version manager compiles by default are half as fast. One without venv is passed by.
PYTHON ?= $(shell for one in /usr/bin/python3.11 python3.11 python3; do \
	$$one -c 'import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$one && break; done)
VENV := .venv
BIN := $(VENV)/bin
export DAGSTER_DISABLE_TELEMETRY = yes
export PYTHONUTF8 = 1
export TGSTUDIO_SCREENSHOTS ?= $(CURDIR)/.screenshots
unexport PYTHONDONTWRITEBYTECODE

INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
COMPILE = $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib/python3.11/site-packages tgstudio_dagster assets || true

.PHONY: help demo up test lint types check install hooks chromium clean
.DEFAULT_GOAL := demo

help:  ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.installed  ## The main job end to end on the sample, in .tgstudio/
	$(BIN)/tgstudio demo

up: $(VENV)/.installed  ## The studio's web app, Dagster's UI and daemon on loopback; Ctrl-C ends them
	$(BIN)/tgstudio up

test: $(VENV)/.installed-dev chromium  ## Every test
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.installed-dev  ## Ruff, its format, the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.installed-dev  ## mypy, strict
	$(BIN)/mypy

check: lint types test  ## All that CI checks

install: $(VENV)/.installed  ## Install into .venv

hooks: $(VENV)/.installed-dev  ## Check each commit as CI does, but for the tests
	$(BIN)/pre-commit install

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 with venv is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing (once)…"
	$(INSTALL) -e .
	@$(COMPILE)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing, the tests' needs too (once)…"
	$(INSTALL) -e '.[dev]'
	@$(COMPILE)
	@touch $(VENV)/.installed $@

# The tests of the pages drive Debian's Chromium. Where it can't be had the others run, and those fail and say so.
chromium:
	@command -v "$${TGSTUDIO_CHROMIUM:-chromium}" >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "installing chromium (once)…" && \
		apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core fonts-noto-color-emoji >/dev/null; \
	} || echo "Chromium is missing: install your system's package \`chromium\`, or set TGSTUDIO_CHROMIUM." >&2

clean:  ## Remove .venv and the demo's home
	rm -rf $(VENV) .tgstudio
