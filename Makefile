# SPDX-License-Identifier: Apache-2.0
# The list of commands. `make` alone prints it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup check test lock clean

help: ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.done ## make .venv from the lock

.venv/.done: requirements.lock requirements-kerberos.lock pyproject.toml
	@tools/setup

lock: .venv/.done ## renew requirements.lock from pyproject.toml (hashes, no addresses)
	@tools/lock

check: .venv/.done ## lint, types, import contracts
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

clean: ## remove what the build made
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
