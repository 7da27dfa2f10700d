# make run    install what is needed and watch this machine at http://localhost:8086
# make test   install what the tests need, and run all of them
# make check  the fast part: format, lint, types, unit tests (under a minute)
# make deb    the Debian packages, in dist/ (installs the tools for it if root, or names them)
# make bench  what it costs, beside its peers (benchmarks/README.md)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# What venv makes last: without it the environment is half made, or another Python's.
MADE := $(VENV)/lib/python$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')/site-packages/pip

.PHONY: run test check bench deb clean pictures screenshots

run: $(STAMPS)/all
	exec $(BIN)/bussdcc-system-health

test: system $(STAMPS)/dev
	$(MAKE) lint
	BOOT_TESTS=1 $(BIN)/python -m tests.halves $(PYTEST_ARGS)

check: $(STAMPS)/dev lint
	$(BIN)/python -m tests.halves --fast $(PYTEST_ARGS)

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
pictures: system $(STAMPS)/dev
	PICTURES=rewrite $(BIN)/python -m pytest -q tests/browser/test_states.py

screenshots: system $(STAMPS)/dev
	$(BIN)/python tests/browser/screenshot.py

deb:
	packaging/build-deb

clean:
	rm -rf $(VENV) .cache dist webui/health_webui/static

# Neither has a stamp: whether it is there is looked at each time, which takes no time.
.PHONY: bundle system
bundle: $(MADE)
	@$(BIN)/python webui/bundle.py

system:
	@packaging/install-packages packaging/build-dependencies tests/system-packages || \
	    { [ "$$CI" != true ] && echo 'Without these some tests will skip.' >&2; }

$(MADE):
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/%: $(MADE) pyproject.toml webui/build_hook.py | bundle
	@[ -w $(VENV) ] || { echo '$(VENV) is not yours: sudo chown -R --reference=. $(VENV)' >&2; exit 1; }
	$(PIP) --editable '.[$*]'
	@mkdir -p $(STAMPS) && touch $@
