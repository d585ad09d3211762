# `make demo` and `make test` work from a fresh clone: they make their own .venv and install what they need.
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check fix bench docs clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(VENV)/.core $(VENV)/.test $(VENV)/.dev $(VENV)/.bench: pyproject.toml tools/setup_venv.sh
	@sh tools/setup_venv.sh $(VENV) $(patsubst .%,%,$(notdir $@))

demo: $(VENV)/.core  ## a contract, a cluster of four local nodes, a computation over real files, and nothing left
	@$(BIN)/cloudclusters demo

test: $(VENV)/.test  ## every test, the slow ones too
	@$(BIN)/python -m pytest

check: $(VENV)/.dev  ## format, lint, types, floors and the fast tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest -q -m "not slow and not root"

fix: $(VENV)/.dev  ## mend format and lint where a tool can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(VENV)/.bench  ## the budget table
	@$(BIN)/python -m benchmarks

docs: $(VENV)/.dev  ## write the generated reference pages
	@$(BIN)/python tools/build_reference.py

clean:  ## remove the virtual environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
