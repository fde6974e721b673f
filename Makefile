# `make help` lists the targets. Each does its own set-up: it uses the active virtual environment,
# or makes .venv, and installs again only when pyproject.toml or constraints.txt have changed.

PYTHON ?= python3
VENV := $(or $(VIRTUAL_ENV),.venv)
BIN := $(VENV)/bin
# What is installed beside the package: its own needs only, or those of its tests too.
EXTRAS = run
test test-quick test-cluster test-chaos test-fuzz lint constraints: EXTRAS = dev

WORKERS ?= 2
WORKER_CPUS ?= 1
GPUS ?= 0
SEEDS ?= 1
EXAMPLES ?= 10000
CLUSTER_PORT ?= 8265
ENGINE ?= auto
# Tests of one file stay together, since they share what they start, in the order of conftest.py.
PARALLEL = --numprocesses 2 --dist loadfile --no-loadscope-reorder
# Their files are in memory where that has room: it forces nothing to a disk.
TEMPORARY = $(if $(shell df -k /dev/shm 2>/dev/null | awk '$$4 > 4000000'),PYTEST_DEBUG_TEMPROOT=/dev/shm)

VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' mnistcmp/__init__.py)
REVISION = $(shell r=$$(git rev-parse HEAD 2>/dev/null) && { git diff --quiet HEAD || r=$$r-dirty; echo $$r; })
BASE ?= python:3.11-slim-bookworm
IMAGE = mnistcmp:$(VERSION)-$(if $(filter 0,$(GPUS)),cpu,gpu)

.DEFAULT_GOAL := help
.PHONY: help install report test test-quick test-cluster test-chaos test-fuzz lint constraints image
.PHONY: audit cluster-up cluster-down cluster-status cluster-logs

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Set up the environment, and the command mnistcmp in it
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than Python 3.11; name another: make PYTHON=python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@stamp="$$(echo '$(CURDIR)' | cat - pyproject.toml constraints.txt | cksum)"; \
	for extras in '$(EXTRAS)' dev; do \
	  if [ "$$stamp" = "$$(cat $(VENV)/.mnistcmp-$$extras 2>/dev/null)" ]; then exit 0; fi; \
	done; \
	echo "Installing mnistcmp into $(VENV) (about a minute) ..."; \
	rm -f $(VENV)/.mnistcmp-*; \
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]' && \
	echo "$$stamp" > $(VENV)/.mnistcmp-$(EXTRAS) && \
	echo "Installed. To use the command mnistcmp: . $(BIN)/activate"

report: install ## Train what is missing of Table I on this machine, and print it
	@$(BIN)/mnistcmp launch --all --local

test-quick: install ## Run the tests that start no Ray, browser, container or command; ARGS go to pytest
	@$(TEMPORARY) $(BIN)/python -m pytest $(PARALLEL) -m "not ray and not process and not browser and not containers and not chaos" $(ARGS)

test: install ## Run all tests but those of containers
	@$(TEMPORARY) $(BIN)/python -m pytest $(PARALLEL) -m "not containers and not chaos" $(ARGS)

test-cluster: install ## Run the tests of image and containers; needs a Docker engine
	@$(BIN)/python -m pytest -m containers $(ARGS)

test-chaos: install ## Inject faults into launches at random moments; SEEDS=20 for twenty of each
	@CHAOS_SEEDS=$(SEEDS) $(BIN)/python -m pytest -m chaos -rP $(ARGS)

test-fuzz: install ## Give each parser EXAMPLES=10000 made-up inputs; a test run has a hundred of each
	@FUZZ=$(EXAMPLES) $(BIN)/python -m pytest --hypothesis-show-statistics tests/fuzz $(ARGS)

lint: install ## Check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

constraints: install ## Write constraints.txt anew from pyproject.toml, with uv; ARGS="--upgrade" renews all
	@$(BIN)/python -m pip install --quiet 'uv>=0.9'
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate \
	  --no-emit-index-url --custom-compile-command 'make constraints' \
	  --output-file constraints.txt $(ARGS) pyproject.toml

image: ## Build the image (GPUS=1: for GPUs; BASE=...@sha256:...), and dist/IMAGE.cdx.json, its SBOM
	@echo "Building $(IMAGE) (minutes, where nothing is cached) ..."
	@docker build --quiet --file docker/Dockerfile --tag $(IMAGE) \
	  --build-arg BASE=$(BASE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
	  --build-arg PIP_INDEX_URL --build-arg PIP_EXTRA_INDEX_URL . > /dev/null
	@mkdir -p dist && docker run --rm --network none $(IMAGE) cat /opt/sbom.cdx.json \
	  > dist/$(subst :,-,$(IMAGE)).cdx.json
	@docker image inspect --format '{{.Size}}' $(IMAGE) | \
	  awk '{printf "$(IMAGE) is built: %.2f GB\n", $$1 / 1e9}'

audit: ## Ask PyPI for known vulnerabilities of the versions in constraints.txt
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(PYTHON) -m venv "$$folder" && \
	  "$$folder/bin/pip" install --quiet pip-audit && \
	  "$$folder/bin/pip-audit" --strict --disable-pip --no-deps --requirement constraints.txt

cluster-up: install ## Start a cluster here: WORKERS=2 WORKER_CPUS=1 CLUSTER_PORT=8265 GPUS=0 ENGINE=auto
	@$(BIN)/python cluster/manage.py up --workers $(WORKERS) --worker-cpus $(WORKER_CPUS) \
	  --gpus $(GPUS) --port $(CLUSTER_PORT) --engine $(ENGINE)

cluster-down: install ## Stop it
	@$(BIN)/python cluster/manage.py down

cluster-status: install ## Say what is up
	@$(BIN)/python cluster/manage.py status

cluster-logs: install ## Print its logs
	@$(BIN)/python cluster/manage.py logs
