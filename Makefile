# Two commands do most of it: `make run` and `make test`. `make test-slow` has the tests that take longer.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
NEXT ?= $(shell for p in python3.13 python3.12; do $$p -c '' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet

.DEFAULT_GOAL := help
.PHONY: help run install wheel test test-slow check docs bench bench-peers soak screenshots test-next clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.installed ## serve the dashboard on http://127.0.0.1:8000, with sample data unless there is a key
	@exec $(BIN)/python manage.py serve

install: .venv/.installed ## make the environment in .venv, with the versions of constraints.txt

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "This needs Python 3.11, 3.12 or 3.13, and found none of them." >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing; Debian has it as python3-venv." >&2; exit 2; }

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing into .venv"
	@$(PIP) --constraint constraints.txt --editable .
	@touch $@

wheel: .venv/bin/python ## build the package that operators install, in dist/
	@rm -rf build dist # setuptools would add what an earlier build left there
	@$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

.venv/.installed-test: .venv/.installed
	@echo "Installing what tests need"
	@$(PIP) --constraint constraints.txt --editable '.[test,docs]'
	@touch $@

test: .venv/.installed-test ## run the tests in under four minutes; browser tests too where Chromium is installed
	@$(BIN)/python -m pytest -n 2 -m 'not slow' $(TESTS)

test-slow: .venv/.installed-test ## run what takes longer: tests marked slow, and property tests with many examples
	@HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-many} $(BIN)/python -m pytest -n 2 -m 'slow or hypothesis' $(TESTS)

check: .venv/.installed-test ## lint, types, words, and Django's checks with settings as in production
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m tests.words --check
	@.ci/deploy-check $(BIN)/python

docs: .venv/.installed-test ## build the documentation into site/
	@$(BIN)/python -m mkdocs build --strict --quiet

bench: .venv/.installed-test ## measure against the SDK and the alternatives, as ratios
	@$(BIN)/python -m tests.bench

.venv-peers/.installed: pyproject.toml constraints.txt constraints-peers.txt
	@echo "Installing Dash and Streamlit into .venv-peers"
	@test -d .venv-peers || $(PYTHON) -m venv .venv-peers
	@PIP_DISABLE_PIP_VERSION_CHECK=1 .venv-peers/bin/python -m pip install --quiet \
		--constraint constraints.txt --constraint constraints-peers.txt --editable '.[peers]'
	@touch $@

bench-peers: .venv/.installed-test .venv-peers/.installed ## measure the page beside Dash, Streamlit and a bare sketch
	@$(BIN)/python -m tests.bench.peers $(PEERS)

soak: .venv/.installed-test ## what takes minutes: load, kills, hostile servers
	@$(BIN)/python -m pytest tests/soak

screenshots: .venv/.installed-test ## draw the pictures in docs/
	@$(BIN)/python -m tests.screenshots

test-next: ## run the tests on Django 6 and the newest Python here, in .venv-next
	@test -n "$(NEXT)" || { echo "This needs Python 3.12 or 3.13, and found neither." >&2; exit 2; }
	@test -d .venv-next || $(NEXT) -m venv .venv-next
	@grep -vi '^django==' constraints.txt > .venv-next/constraints.txt
	@PIP_DISABLE_PIP_VERSION_CHECK=1 .venv-next/bin/python -m pip install --quiet \
		--constraint .venv-next/constraints.txt --editable '.[test]' 'django>=6,<7'
	@.venv-next/bin/python -m pytest -n 2 $(TESTS)

clean: ## remove what was made: environments, databases, caches
	rm -rf .venv .venv-next .venv-peers var site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
