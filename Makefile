# `make demo` and `make test` work from a fresh clone: they make their own .venv and install what they need.
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check lint fix bench docs reliability clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(VENV)/.core $(VENV)/.test $(VENV)/.dev $(VENV)/.bench: pyproject.toml tools/setup_venv.sh
	@sh tools/setup_venv.sh $(VENV) $(patsubst .%,%,$(notdir $@))

demo: $(VENV)/.core  ## a contract, a cluster of four local nodes, a computation over real files, and nothing left
	@$(BIN)/cloudclusters demo

test: $(VENV)/.test  ## every test, the slow ones too
	@sh tools/run_tests.sh $(BIN)/python

lint: $(VENV)/.dev  ## format, lint, types and floors
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

check: lint  ## lint and the fast tests
	@$(BIN)/python -m pytest -q -m "not slow and not root"

fix: $(VENV)/.dev  ## mend format and lint where a tool can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(VENV)/.bench  ## the budget table
	@$(BIN)/python -m benchmarks

docs: $(VENV)/.dev  ## write what is made from the code: reference pages, schema, typed keywords
	@$(BIN)/python tools/build_reference.py

reliability: $(VENV)/.test  ## every crash and every fault, and the page that tells what was left; half an hour, needs root
	@$(BIN)/python -m cloudclusters.testing.reliability docs/reliability.md

clean:  ## remove the virtual environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
