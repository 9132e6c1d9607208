# `make drive` runs the main job, `make test` the tests; both set up what they need, once.

PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.10,$(shell command -v python$(v))) python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help drive test check format serve clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/.installed: pyproject.toml constraints.txt
	@echo "installing into $(VENV): about 1.6 GB, once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --progress-bar on -c constraints.txt -e .
	@touch $@

$(BIN)/.installed-dev: $(BIN)/.installed
	$(PIP) install --quiet --progress-bar on -c constraints.txt -e '.[train,dev]'
	@touch $@

drive: $(BIN)/.installed  ## drive one episode by camera: video and JSON in runs/
	$(BIN)/ninefold drive --video runs/drive.mp4 --json runs/drive.json

test: $(BIN)/.installed-dev  ## everything CI runs: lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

check: test

format: $(BIN)/.installed-dev  ## sort imports, format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve: $(BIN)/.installed  ## the embedded CARLA server on port 2000
	$(BIN)/ninefold serve

clean:  ## remove the environment and what runs left
	rm -rf $(VENV) runs build *.egg-info .mypy_cache .ruff_cache .pytest_cache
