# `make help` lists the targets. Each does its own set-up: it uses the active virtual environment,
# or makes .venv, and installs again only when pyproject.toml or constraints.txt have changed.

PYTHON ?= python3
VENV := $(or $(VIRTUAL_ENV),.venv)
BIN := $(VENV)/bin
EXTRAS ?= dev
.DEFAULT_GOAL := help
.PHONY: help install report test lint

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Set up the environment, and the command mnistcmp in it
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than Python 3.11; name another: make PYTHON=python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@stamp="$$(echo '$(CURDIR) $(EXTRAS)' | cat - pyproject.toml constraints.txt | cksum)"; \
	if [ "$$stamp" != "$$(cat $(VENV)/.mnistcmp-installed 2>/dev/null)" ]; then \
	  echo "Installing mnistcmp into $(VENV) (about a minute) ..." && \
	  $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]' && \
	  echo "$$stamp" > $(VENV)/.mnistcmp-installed; \
	fi

report: install ## Train what is missing of Table I, and print it
	@$(BIN)/mnistcmp launch --all

test: install ## Run the tests
	@$(BIN)/python -m pytest $(ARGS)

lint: install ## Check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
