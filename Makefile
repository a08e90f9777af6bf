# `make demo` and `make test` do all the set-up themselves; the second time takes no time.
# Variables: PYTHON (3.11 or newer), VENV, PIP_ARGS (handed to pip, for instance another index), ARGS (handed to pytest).
PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
ARGS ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.eyelid-installed
INTEGRATIONS := integrations/langchain-eyelid integrations/llama-index-postprocessor-eyelid

# Once installed, nothing is fetched: a look-up that would go to a network fails at once instead.
export HF_HUB_OFFLINE := 1
export NO_MKDOCS_2_WARNING := true
export OMP_NUM_THREADS ?= 2

#: What the integrations promise to work with: their lowest versions, and whatever is newest.
OLDEST_langchain := langchain-core==1.4.0 langchain==1.3.0 langgraph==1.2.0
NEWEST_langchain := --upgrade langchain-core langchain langgraph
OLDEST_llama-index-postprocessor := llama-index-core==0.14.23
NEWEST_llama-index-postprocessor := --upgrade llama-index-core

.PHONY: help install demo test check lint types docs format clean .versions

help:
	@echo "make demo    run the demonstration on the files in examples/"
	@echo "make test    run the tests (ARGS='-k name' chooses)"
	@echo "make oldest-langchain, newest-langchain, oldest-llama-index-postprocessor, newest-llama-index-postprocessor"
	@echo "             run an integration's tests in an environment of its own, with those versions"
	@echo "make check   lint, types, documentation, tests"
	@echo "make format  sort imports and format"
	@echo "make clean   remove what was built, the virtual environment included"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt $(INTEGRATIONS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "eyelid needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV) || \
		{ echo "no virtual environment could be made; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "installing into $(VENV), which takes a few minutes the first time"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e ".[dev]" \
		$(INTEGRATIONS:%=-e "%[test]")
	@touch $@

demo: $(STAMP)
	$(BIN)/eyelid demo

test: $(STAMP)
	$(BIN)/python -m pytest $(ARGS)
	@set -e; for each in $(INTEGRATIONS); do \
		echo "$$each"; (cd $$each && $(abspath $(BIN))/python -m pytest $(ARGS)); done

oldest-%: ; @$(MAKE) --no-print-directory VERSIONS="$(OLDEST_$*)" WHICH=oldest-$* WHOSE=$* .versions
newest-%: ; @$(MAKE) --no-print-directory VERSIONS="$(NEWEST_$*)" WHICH=newest-$* WHOSE=$* .versions

.versions:
	@test -n "$(VERSIONS)" || { echo "there is no integration $(WHOSE)"; exit 1; }
	@$(PYTHON) -m venv .venv-$(WHICH)
	@grep -v '^lang\|^llama' constraints.txt > .venv-$(WHICH)/constraints.txt
	@.venv-$(WHICH)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) \
		-c .venv-$(WHICH)/constraints.txt -e ".[offline,ocr]" -e "integrations/$(WHOSE)-eyelid[test]" $(VERSIONS)
	@cd integrations/$(WHOSE)-eyelid && $(CURDIR)/.venv-$(WHICH)/bin/python -m pytest $(ARGS)

check: $(STAMP)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory docs
	@$(MAKE) --no-print-directory test

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/python -m mypy
	@set -e; for each in $(INTEGRATIONS); do (cd $$each && $(abspath $(BIN))/python -m mypy); done

docs: $(STAMP)
	$(BIN)/python -m mkdocs build --strict --quiet

format: $(STAMP)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .venv-* site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-report.html demo-report.jsonl
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
