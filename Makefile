# Everything the project does for its developers. `make` lists the targets.
# Every target sets up what it needs; a second run with nothing changed starts in seconds.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The runner of Python environments: the one installed, or a private one.
UV_VERSION := 0.13.9
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo $(CURDIR)/.tools/bin/uv)
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
# Stamps live inside the environment, so that removing it removes them.
BUILD := $(VENV)/.made

# Options a user may give: make soak SECONDS=3600, make test PYTEST="-k register", make fuzz SECONDS=60
SECONDS ?=
PYTEST ?=
# Tests with strangers' phones wait more than they compute: two at a time for each core.
# They stand together in the list, so workers that are done take from those that are not.
WORKERS ?= $(shell echo $$((2 * $$(nproc))))

# uv chooses its environment by these; a shell's own active environment must not interfere.
export UV_PROJECT_ENVIRONMENT := $(VENV)
unexport VIRTUAL_ENV
unexport PYTHONPATH
# A server that must compile itself anew at each start takes seconds longer.
unexport PYTHONDONTWRITEBYTECODE

CORE_SOURCES := $(shell find crates -name '*.rs' -o -name Cargo.toml 2>/dev/null) Cargo.toml Cargo.lock
SAY = @printf '\033[1m== %s\033[0m\n'

##@ To begin with

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: setup ## Set everything up, start a sample centre and say how to register a phone; Ctrl-C stops it
	$(SAY) "starting the sample centre"
	@exec $(BIN)/cordboard up --demo

.PHONY: test
test: setup ## Set everything up and run all tests, those against strangers' phones too where these are installed
	$(SAY) "tests of the core (cargo)"
	@cargo test --workspace --exclude cordboard-python --locked
	@tools/strangers
	$(SAY) "tests of the servers (pytest)"
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal $(PYTEST)

##@ Set-up

.PHONY: setup
setup: $(BUILD)/core ## Python environment and Rust core; done by every target that needs it

.PHONY: cargo
cargo:
	@tools/need-cargo

$(CURDIR)/.tools/bin/uv:
	$(SAY) "uv $(UV_VERSION) into .tools (uv is not installed)"
	@python3 -m venv .tools || { echo "python3 cannot make an environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@.tools/bin/python -m pip install --disable-pip-version-check "uv==$(UV_VERSION)"

$(BUILD)/environment: pyproject.toml uv.lock | $(UV)
	$(SAY) "Python environment (.venv)"
	@$(UV) sync --locked --inexact --no-install-project
	@mkdir -p $(BUILD) && touch $@

$(BUILD)/core: $(BUILD)/environment $(CORE_SOURCES) | cargo
	$(SAY) "core (cargo, release; two to four minutes, the last crate a minute of it without a line)"
	@VIRTUAL_ENV=$(VENV) PATH="$(dir $(UV)):$$PATH" $(BIN)/maturin develop --release --uv --locked
	@touch $@

##@ Checks

.PHONY: check
check: setup ## Everything that judges the code without running it: formats, lints, types, imports, generated docs
	$(SAY) "ruff"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	$(SAY) "mypy"
	@$(BIN)/mypy
	$(SAY) "stub of the core"
	@$(BIN)/stubtest cordboard._core --ignore-disjoint-bases --allowlist tools/stubtest-allow
	$(SAY) "import directions"
	@$(BIN)/lint-imports
	$(SAY) "generated documents"
	@$(BIN)/cordboard config options --markdown | diff -u docs/options.md - || { echo "docs/options.md is stale: make docs" >&2; exit 1; }
	@$(PYTHON) tools/imports --check
	$(SAY) "rustfmt, clippy, links of the documentation and fuzz targets"
	@cargo fmt --all --check
	@tools/clippy
	@RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --workspace --locked
	@cargo check --quiet --locked --manifest-path fuzz/Cargo.toml

.PHONY: docs
docs: setup ## Write the generated documents again
	@$(BIN)/cordboard config options --markdown > docs/options.md
	@$(PYTHON) tools/imports

.PHONY: format
format: setup ## Format all code and apply the safe fixes
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format
	@cargo fmt --all

.PHONY: interop
interop: setup ## Only the tests against strangers: sipp, baresip, linphone, tshark
	@tools/strangers
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m strangers $(PYTEST)

.PHONY: demo-check
demo-check: setup ## Start the demo, let two strangers' phones call each other through it, judge tone and events
	@$(PYTHON) -m cordboard.testkit.demo_check

.PHONY: fuzz
fuzz: cargo ## Fuzz every parser for SECONDS (10) each; findings land in fuzz/artifacts
	@tools/fuzz $(or $(SECONDS),10)

##@ Figures

.PHONY: bench
bench: setup ## Our figures beside those of the peers that are installed; results land in bench/results
	@bench/compare

.PHONY: figures
figures: setup ## Our figures alone: registrations, calls, media
	@for figure in register register-digest register-tls call call-tls transfer relay relay-srtp conference; do bench/figures $$figure; done

.PHONY: soak
soak: setup ## Half load for SECONDS (120); fails when memory grows or a call fails
	@bench/soak --seconds $(or $(SECONDS),120)

##@ Tidying

.PHONY: clean
clean: ## Remove what the targets made, except the private uv
	@rm -rf .venv target src/cordboard/_core*.so fuzz/target .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
