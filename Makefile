# `make` sets up .venv from the lock file and runs the pipeline on config.yaml;
# `make test` sets up the same way and tests it. Nothing but python3 (>= 3.11),
# make and git is needed.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready

.PHONY: run test clean
.DEFAULT_GOAL := run

run: $(READY)
	$(VENV)/bin/snakemake

test: $(READY)
	$(VENV)/bin/python -m pytest -n 2

# The stamp comes last: an installation that was cut off starts afresh.
$(READY): requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; say make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

clean:
	rm -rf $(VENV)
