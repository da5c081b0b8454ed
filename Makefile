# Every target carries its sentence behind `##`; `make` prints them. Nothing but python3 (>= 3.11, with venv), make and
# git is asked of the machine: the first target that needs it makes .venv from the hash-pinned locks.

.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := crypto schemas protocol client_sdk server desk migrations tests examples bench deploy
WORKERS ?= auto

.PHONY: help install format lint types imports dependencies test faults sim sim-long check vectors schemas requirements bench guard-eval profile demo cluster relay desk migrate lock dist clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

$(READY): requirements/dev.lock pyproject.toml
	@echo "Setting up $(VENV) from requirements/dev.lock (once, about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "quietway needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

install: $(READY) ## make .venv and install the project in it

format: $(READY) ## format the code
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix --select I $(SOURCES)

lint: $(READY) ## check style and common mistakes (ruff)
	@$(BIN)/ruff format --check --quiet $(SOURCES) || { echo "Run: make format"; exit 1; }
	@$(BIN)/ruff check $(SOURCES)

types: $(READY) ## check types (mypy --strict)
	@$(BIN)/mypy

imports: $(READY) ## check who imports whom (import-linter)
	@$(BIN)/lint-imports

dependencies: $(READY) ## check that what is imported is declared, and the other way round (deptry)
	@$(BIN)/deptry --no-ansi crypto schemas protocol client_sdk server desk migrations

check: lint types imports dependencies ## all of the above, and that what is exported is fresh
	@$(BIN)/python -m quietway_schemas.export --check schemas/json
	@$(BIN)/python -m quietway_schemas.reference --check docs/reference/dictionary.md
	@$(BIN)/python client_sdk/make_api_reference.py --check docs/reference/api.md
	@$(BIN)/python -m quietway_schemas.diagrams --check docs/explanation/escalation.md

test: $(READY) ## run the tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist=worksteal -q

faults: $(READY) ## make everything go wrong that may do no harm (RELEASE=1: thousands of times; COUNT=n; SEED=n)
	@FAULTS=$(if $(RELEASE),release,faults) FAULTS_COUNT=$(COUNT) FAULTS_SEED=$(or $(SEED),$$(date +%s)) $(BIN)/python -m pytest tests/faults tests/gallery/test_a42_enumeration.py tests/gallery/test_a55_flood.py tests/server/test_schemathesis.py -v

sim: $(READY) ## simulate 300 seeds in which everything goes wrong (SEED=n plays one again, COUNT=n plays so many)
	@$(BIN)/python -m tests.sim $(if $(SEED),--seed $(SEED),--least $(or $(COUNT),300))

sim-long: $(READY) ## simulate until Ctrl-C, go on where it ended (build/sim.json), and tell the total
	@$(BIN)/python -m tests.sim --long

vectors: $(READY) ## write crypto/vectors/ anew, then read them back with the independent reader
	@$(BIN)/python crypto/vectors/make_vectors.py
	@$(BIN)/python crypto/vectors/make_log_vectors.py
	@$(BIN)/python -m pytest -q tests/crypto/test_vectors.py tests/protocol/test_log_vectors.py tests/reader

schemas: $(READY) ## export the JSON Schemas, codes.csv, the reference pages and the diagrams of docs/explanation/escalation.md
	@$(BIN)/python -m quietway_schemas.export schemas/json
	@$(BIN)/python -m quietway_schemas.reference docs/reference/dictionary.md
	@$(BIN)/python client_sdk/make_api_reference.py docs/reference/api.md
	@$(BIN)/python -m quietway_schemas.diagrams docs/explanation/escalation.md

requirements: $(READY) ## print the requirements, one line a row, with the tests that hold each
	@$(BIN)/python tests/house/requirements.py

bench: $(READY) ## measure speed, peers beside us (CLAIM=name measures one claim, ROUNDS=n takes more rounds)
	@$(BIN)/python -m bench

guard-eval: $(READY) ## measure the location guard with a file of sentences (DATA=path, one JSON object a line; SHOW=1 prints texts)
	@test -n "$(DATA)" || { echo "Say which file: make guard-eval DATA=path. docs/reference/make.md has its form."; exit 2; }
	@$(BIN)/python -m bench.guard_eval $(if $(SHOW),--show) "$(DATA)"

profile: $(READY) ## show where the relay's time goes under load (DOOR=http, BATCH=20: another load than single frames)
	@$(BIN)/python -m bench.profile

demo: $(READY) ## watch three agencies coordinate (SCENE=name plays one scene, REFERRAL=file sends a FHIR ServiceRequest or Task)
	@$(BIN)/python examples/demo

cluster: $(READY) ## watch two relays on one PostgreSQL: one is killed, the database crashes, and nothing is lost
	@$(BIN)/python -m examples.cluster

relay: $(READY) ## run a relay on this machine, until Ctrl-C (its files go to build/relay)
	@mkdir -p build/relay
	@$(BIN)/quietway-relay serve --database build/relay/relay.db

desk: $(READY) ## show what the desk can do
	@$(BIN)/quietway --help

migrate: $(READY) ## bring build/relay's database to the newest schema
	@mkdir -p build/relay
	@$(BIN)/quietway-relay migrate --database build/relay/relay.db

COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links $(LOCK_FLAGS) pyproject.toml

lock: ## compile requirements/*.lock anew from pyproject.toml (LOCK_FLAGS=--upgrade for newer versions)
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(PIP) install uv; }
	@$(COMPILE) --output-file requirements/base.lock
	@$(COMPILE) --extra server --constraint requirements/base.lock --output-file requirements/server.lock
	@$(COMPILE) --extra server --extra postgres --constraint requirements/server.lock --output-file requirements/postgres.lock
	@$(COMPILE) --extra desk --constraint requirements/base.lock --output-file requirements/desk.lock
	@$(COMPILE) --extra server --extra postgres --extra desk --extra dev --constraint requirements/server.lock --output-file requirements/dev.lock

dist: $(READY) ## build the wheel, run the README's program with it alone, and write the notices and the bill of materials
	@rm -rf dist build/dist
	@$(BIN)/python -m hatchling build --target wheel --target sdist
	@$(PYTHON) -m venv build/dist
	@build/dist/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/base.lock
	@build/dist/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-index dist/*.whl
	@$(BIN)/python tests/house/readme_program.py > build/dist/program.py
	@cd build/dist && bin/python -I program.py
	@build/dist/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/postgres.lock -r requirements/desk.lock
	@build/dist/bin/python deploy/notices.py > dist/THIRD-PARTY-NOTICES.txt
	@build/dist/bin/python -m pip --disable-pip-version-check --quiet uninstall --yes setuptools pip
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible --of JSON -o dist/quietway.cdx.json build/dist/bin/python
	@echo "dist/ holds the wheel, the source, THIRD-PARTY-NOTICES.txt and a bill of materials (CycloneDX); the README's program ran with the wheel alone."

clean: ## remove everything that was built, .venv included
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
