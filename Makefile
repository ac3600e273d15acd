# Driftgate. `make help` lists the targets.
SHELL := /bin/bash
VENV := .venv
PYTHON ?= python3.11
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
# .pyc files halve every import; a setting that forbids them is dropped here.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/' | expand -t 20

$(STAMP): requirements.txt pyproject.toml include/tools/install.sh
	@bash include/tools/install.sh $(VENV) $(PYTHON) requirements.txt
	@touch $@

$(DEV_STAMP): $(STAMP) requirements-dev.txt requirements-cluster.txt
	@bash include/tools/install.sh $(VENV) $(PYTHON) requirements-dev.txt requirements-cluster.txt
	@touch $@

.PHONY: setup
setup: $(STAMP) ## Make .venv and install everything pinned in requirements.txt

.PHONY: demo
demo: $(STAMP) ## Set up, start the stack and run real flights through it (leaves the stack running)
	@$(BIN)/driftgate demo

.PHONY: up down status logs
up: $(STAMP) ## Start the embedded stack
	@$(BIN)/driftgate up
down: $(STAMP) ## Stop the embedded stack; nothing is lost
	@$(BIN)/driftgate down
status: $(STAMP) ## Show every process, its port and health, and where to log in
	@$(BIN)/driftgate status
logs: $(STAMP) ## Show the last lines of every log of the stack
	@$(BIN)/driftgate logs

.PHONY: test test-unit test-integration
test: check test-unit test-integration ## Everything: checks, unit tests, then the real stack end to end
test-unit: $(DEV_STAMP) servers ## Tests without the stack (minutes)
	$(BIN)/python -m pytest -m "not integration and not browser" -n 3 --dist loadfile --no-loadscope-reorder --durations=30
test-integration: $(DEV_STAMP) browser servers ## Real PostgreSQL, Airflow, MLflow and Chromium, end to end
	$(BIN)/python -m pytest -m "integration or browser" --durations=30 tests/integration tests/browser

.PHONY: browser
browser: ## Make sure a Chromium is there (installs Debian's when run as root)
	@bash include/tools/chromium.sh

.PHONY: servers
servers: ## Make sure the servers that exports and Celery are tested with are there (installs Debian's when run as root)
	@bash include/tools/servers.sh || echo "Without them the tests of exports and of Celery are skipped."

.PHONY: check lint types layers format
check: lint types layers ## Lint, types and the layering test
lint: $(DEV_STAMP) ## Lint and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
types: $(DEV_STAMP) ## Static types of the library
	$(BIN)/mypy
layers: $(DEV_STAMP) ## Who may import whom
	$(BIN)/python -m pytest -q tests/unit/test_layers.py
format: $(DEV_STAMP) ## Rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench-detection
bench-detection: $(DEV_STAMP) ## Measure false alarms, power and delay beside Evidently's defaults; writes docs/detection.md (OPTIONS="--quick | --data FILE ...")
	$(BIN)/python -m benchmarks.detection $(OPTIONS)

.PHONY: bench-fleet
bench-fleet: $(DEV_STAMP) ## Measure what many monitors cost on the real stack (OPTIONS="--monitors 200 --rounds 2 --json FILE")
	$(BIN)/python -m benchmarks.many_monitors $(OPTIONS)

.PHONY: bench
bench: $(DEV_STAMP) ## Measure how long things take beside plain ways; writes docs/performance.md (OPTIONS="--quick | --only SECTION | --render")
	$(BIN)/python -m benchmarks.performance $(OPTIONS)

.PHONY: dashboards
dashboards: $(DEV_STAMP) ## Write Grafana's dashboards and alert rules anew (OPTIONS="--airflow-url URL --mlflow-url URL --output FOLDER")
	$(BIN)/python -m driftgate_dashboards $(OPTIONS)

.PHONY: lock
lock: ## Pin the three requirements files anew (needs uv)
	uv pip compile requirements.in -o requirements.txt --python-version 3.11 --custom-compile-command "make lock" --no-emit-index-url --upgrade
	uv pip compile requirements-cluster.in -o requirements-cluster.txt --python-version 3.11 --custom-compile-command "make lock" --no-emit-index-url --upgrade
	uv pip compile requirements-dev.in -o requirements-dev.txt --python-version 3.11 --custom-compile-command "make lock" --no-emit-index-url --upgrade

.PHONY: clean
clean: ## Remove the virtual environment (the state folder stays)
	rm -rf $(VENV)
