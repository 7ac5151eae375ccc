# Everything from nothing: a small environment of its own (.make) brings uv, uv brings a Python
# that fits, and .venv gets the locked and hashed packages. Stamps keep a second run short.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

UV := .make/bin/uv
BIN := .venv/bin
INSTALL := $(UV) pip install --quiet --python $(BIN)/python --build-constraints requirements/build.txt
# A file's tests stay in one process, so that what they share is made once. More than four processes
# are bound by the longest file; each that needs a broker starts its own.
PARALLEL = --numprocesses auto --maxprocesses 4 --dist loadfile
BENCHES = $(notdir $(basename $(shell grep -l '__main__' bench/*.py)))

.PHONY: help install run test lint tree bench kafka hub lock upgrade clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: .venv/.lean ## make .venv and install what `ontime` needs, without torch

run: install ## start the demo on this machine; ARGS go to `ontime up`
	@exec $(BIN)/ontime up --demo $(ARGS)

test: .venv/.test ## check everything: format, rules, types, architecture, tests
	@scripts/test-tools
	@$(BIN)/python scripts/kafka.py fetch >/dev/null || echo "tests on a real Kafka will be skipped"
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term $(ARGS)

tree: ## write the tree into README.md from the files' own first lines
	python3 scripts/readme_tree.py

lint: .venv/.test ## check format, rules and types only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/.test ## run the benchmarks, or those in NAME; each ends in one JSON line
	@for name in $(or $(NAME),$(BENCHES)); do nice $(BIN)/python -m bench.$$name || exit 1; done

kafka: .venv/.lean ## run Apache Kafka on this machine until interrupted; NODES=3 for a cluster
	@exec $(BIN)/python scripts/kafka.py up --nodes $(or $(NODES),1)

hub: .venv/.hub ## add torch, transformers and faster-whisper for hub models

lock: .make/.uv ## pin anew what pyproject.toml asks for
	@scripts/lock

upgrade: .make/.uv ## pin the newest versions
	@scripts/lock --upgrade

clean: ## remove the environments and caches
	rm -rf .venv .make .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.make/.uv: requirements/uv.txt
	@scripts/get-uv
	@touch $@

.venv/.python: | .make/.uv
	@scripts/get-python
	@touch $@

.venv/.lean: .venv/.python requirements/lean.txt requirements/build.txt pyproject.toml
	@$(INSTALL) --require-hashes --requirement requirements/lean.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

.venv/.hub: .venv/.lean requirements/hub.txt
	@$(INSTALL) --require-hashes --requirement requirements/hub.txt
	@touch $@

.venv/.test: .venv/.lean requirements/test.txt
	@$(INSTALL) --require-hashes --requirement requirements/test.txt
	@touch $@
