# `make` prints what there is. Every target does its own set-up.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
export WORKERS ?= 2
# Many processes are started here; each would compile the project again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## Print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## Install everything that Podium needs (tools, locked packages, sandbox environment)
	@scripts/setup.sh

.PHONY: setup-tests
setup-tests:
	@scripts/setup.sh --tests
	@scripts/services.sh

.PHONY: run
run: setup ## Start Podium with the Iris example, a submission and a leaderboard (PORT=8000, PODIUM_DATA=podium-data)
	@$(BIN)/python scripts/demo.py

.PHONY: check
check: setup lint types ## Lint, types and the fast tests: before every commit (under 4 minutes)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup \
	    -m "not slow and not service and not container and not browser and not soak"

.PHONY: test
test: setup-tests lint types ## Everything once, with real services, containers and browser (under 25 minutes)
	@scripts/tests.sh -m "not soak"

.PHONY: soak
soak: setup-tests ## The long tests: fuzzing, random faults, large boards
	@scripts/tests.sh -m soak --timeout 3600

.PHONY: audit
audit: setup ## Ask whether a locked package has a known vulnerability
	@scripts/audit.sh

.PHONY: bench
bench: setup-tests ## Measure, print tables and write bench/results/*.json
	$(BIN)/python -m bench.all

.PHONY: pictures
pictures: setup-tests ## Take the pictures of README and docs anew, from a platform that plays a small competition
	$(BIN)/python scripts/pictures.py

.PHONY: lint
lint: setup ## Style, import contracts, module sizes, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_tree.py
	PODIUM_DATA=build/lint-data $(BIN)/python -m podium.cli manage makemigrations --check --dry-run

.PHONY: types
types: setup ## Check the types
	$(BIN)/mypy

.PHONY: format
format: setup ## Put the code into its format and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: messages
messages: setup ## Take the messages of the source into the catalogues of translations (NEW=de begins one)
	$(BIN)/python scripts/messages.py $(NEW)
	$(BIN)/python scripts/compile_messages.py

.PHONY: examples
examples: setup ## Zip the example competitions and their solutions into build/examples
	$(BIN)/python examples/build.py

.PHONY: docs
docs: setup ## Build the documentation into site-docs
	$(BIN)/python scripts/config_table.py
	$(BIN)/python scripts/cause_table.py
	$(BIN)/python scripts/commands_table.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir site-docs

.PHONY: clean
clean: ## Remove what was built; the data folder stays
	rm -rf .venv .tools node_modules build dist site-docs artefacts src/podium/site/static/vendor
	find src/podium/site/locale -name "*.mo" -delete
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
