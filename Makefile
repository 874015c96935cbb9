# SPDX-License-Identifier: Apache-2.0
# The list of commands. `make` alone prints it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup check demo test live live-up live-down bench docs lock clean

help: ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.done ## make .venv from the lock

.venv/.done: requirements.lock requirements-kerberos.lock pyproject.toml
	@tools/setup

lock: .venv/.done ## renew requirements.lock from pyproject.toml (hashes, no addresses)
	@tools/lock

docs: .venv/.done ## renew docs/reference from the code
	@tools/reference

check: .venv/.done ## lint, types, import contracts
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

demo: .venv/.done ## the problem, what time does about it, and Evict: an Exchange organisation, no root
	@$(PY) -m evict demo

test: ready ## everything: checks, then all tests; as root those on real servers too
	@$(MAKE) --no-print-directory check
	@tools/test

live: ready ## the main job on a real estate: what a plain disable leaves open, what Evict does
	@tools/need-root live
	@$(PY) -m estate.live

live-up: ready ## start the real estate and Evict on it, for people; says how to use it
	@tools/need-root live-up
	@$(PY) -m estate up --web

bench: ready ## all benchmarks; those on the real estate need root and some 50 minutes
	@tools/bench

.PHONY: ready
ready: # as root on Debian: what the real estate needs; then .venv with or without it
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then tools/install-live; fi
	@if command -v krb5-config >/dev/null && ! $(PY) -c 'import gssapi' 2>/dev/null; then \
	  rm -f .venv/.done; fi
	@$(MAKE) --no-print-directory .venv/.done

live-down: .venv/.done ## stop it and remove its state
	@$(PY) -m estate down --remove

clean: ## remove what the build made
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
