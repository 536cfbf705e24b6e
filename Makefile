# The commands of this repository. `make` alone lists them.
#   PYTHON  the CPython to build for and run with (default: scripts/pythons --default)
#   VENV    the virtual environment for it
PYTHON ?= $(shell scripts/pythons --default)
VENV ?= .venv
# More arguments for pytest, the demo or a judge: make test ARGS='-k event'
ARGS ?=
BIN = $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-pythons lint memcheck conformance bench growth all clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## make the virtual environment with everything in it, and build verdigris
	@scripts/setup $(VENV) "$(PYTHON)"

demo: setup ## run the chat room, and say where
	@$(BIN)/python examples/chat/server.py $(ARGS)

test: setup ## pass the tests: Rust's and Python's
	cargo test --quiet --package coro --package reactor --package wait --package http
	$(BIN)/python -m pytest --quiet $(ARGS)

test-pythons: ## the Python tests on newer CPythons and debug builds, in a folder of Debian's (needs root)
	scripts/debian-pythons $(ARGS)

lint: setup ## rustfmt, clippy, ruff, mypy, stubtest
	cargo fmt --all --check
	PYO3_PYTHON=$(abspath $(BIN)/python) cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest verdigris._core --ignore-disjoint-bases --allowlist tests/house/stubtest.txt

memcheck: ## the stack switch under a memory checker, with a planted bug that it must catch
	.ci/memcheck

conformance: setup ## gevent's and greenlet's own tests (JUDGES=dir; see tests/conformance/STATUS.md)
	$(BIN)/python scripts/judge.py conformance $(ARGS)

bench: setup ## gevent and verdigris side by side (JUDGES=dir; see bench/RESULTS.md)
	$(BIN)/python scripts/judge.py bench $(ARGS)

growth: setup ## how cost grows with the number of greenlets, into docs/growth.md and .svg
	$(BIN)/python bench/growth.py $(ARGS)

all: lint test memcheck ## lint, test and memcheck: what CI does for one Python, but for the demo

clean: ## remove what the other commands made
	rm -rf target .venv* .cache bench-results
	find python tests examples \( -name __pycache__ -o -name '*.so' \) -prune -exec rm -rf {} +
