# c4c for Django. `make` alone tells what there is. Nothing needs to be installed or configured before,
# but Python 3.11 or newer; PYTHON names another one than python3.

.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools
BENCH := $(VENV)/.bench
PEERS := $(VENV)/.peers

.PHONY: help run test check lint types bench clean

help: ## Tell what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(INSTALLED) ## Serve everything on http://localhost:3000 (HOST and PORT choose another)
	@exec $(BIN)/c4c serve all

test: $(TOOLS) ## Run all tests, with a browser (ARGS is given to pytest)
	@CHROMIUM="$$(bash .ci/chromium $(BIN)/python)" && export CHROMIUM && $(BIN)/python -m pytest $(ARGS)

check: lint types test ## Run every check, and all tests

lint: $(TOOLS) ## Format, lint, import floors, Django's own checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run

types: $(TOOLS) ## Check the types
	$(BIN)/mypy

bench: $(PEERS) ## Measure throughput and latency, beside a peer
	$(BIN)/python -m bench $(ARGS)

clean: ## Remove the virtual environment and what tools left, never data
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "c4c needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "no venv in $(PYTHON): on Debian, apt-get install python3-venv"; exit 1; }

$(INSTALLED): pyproject.toml | $(BIN)/python
	@echo "installing what c4c needs into $(VENV)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable .
	@touch $@

$(BENCH): pyproject.toml | $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

$(TOOLS): pyproject.toml | $(INSTALLED)
	@echo "installing what checks and tests need into $(VENV)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(PEERS): pyproject.toml | $(INSTALLED)
	@echo "installing what the benchmark is measured against into $(VENV)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[bench]'
	@touch $@
