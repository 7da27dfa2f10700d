# make run    install what is needed and watch this machine at http://localhost:8086
# make test   install what the tests need, and run all of them
# make check  the fast part: format, lint, types, unit tests (under a minute)
# make deb    the Debian packages, in dist/ (installs the tools for it, as root)
# make bench  what it costs, beside its peers (benchmarks/README.md)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
BUNDLE_INPUTS := $(wildcard webui/frontend/package*.json webui/frontend/src/* webui/build_hook.py)

.PHONY: run test check bench deb clean pictures screenshots

run: $(STAMPS)/all
	exec $(BIN)/bussdcc-system-health

test: $(STAMPS)/dev $(STAMPS)/system
	$(MAKE) lint
	BOOT_TESTS=1 $(BIN)/python -m tests.halves $(PYTEST_ARGS)

check: $(STAMPS)/dev lint
	$(BIN)/python -m pytest -q -m 'not slow' --ignore=tests/process --ignore=tests/browser --ignore=tests/boot $(PYTEST_ARGS)

.PHONY: lint
lint: $(STAMPS)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMPS)/dev
	$(BIN)/python benchmarks/collector_cost.py
	$(BIN)/python benchmarks/page_cost.py
	$(BIN)/python benchmarks/page_cost.py --fleet 200

# After a change of the page's looks: look at what has changed.
pictures: $(STAMPS)/dev $(STAMPS)/system
	PICTURES=rewrite $(BIN)/python -m pytest -q tests/browser/test_states.py

screenshots: $(STAMPS)/dev $(STAMPS)/system
	$(BIN)/python tests/browser/screenshot.py

deb: $(STAMPS)/system
	packaging/build-deb

clean:
	rm -rf $(VENV) .cache dist webui/health_webui/static

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/all: $(VENV)/bin/python pyproject.toml $(BUNDLE_INPUTS)
	$(PIP) --editable '.[all]'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: $(VENV)/bin/python pyproject.toml $(BUNDLE_INPUTS)
	$(PIP) --editable '.[dev]'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/system: $(VENV)/bin/python tests/install-system-packages
	tests/install-system-packages
	@mkdir -p $(STAMPS) && touch $@
