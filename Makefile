# evh5: what developers and CI call. `make demo` and `make test` install what is missing and need nothing else first.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

BIN = $(CURDIR)/.build/release/evh5
PYTHON ?= python3
VENV = .venv
TEST_REQUIREMENTS = Tests/Integration/requirements.txt
DEMO_REQUIREMENTS = docs/demo/requirements.txt

.PHONY: build test unit-test integration-test demo lint format install-deps clean

## build: the release binary, .build/release/evh5
build: install-deps
	swift build -c release --product evh5

## test: unit tests (release build), then integration tests on real mounts
test: unit-test integration-test

unit-test: install-deps
	swift build -c release --build-tests
	swift test -c release --skip-build

integration-test: unit-test $(VENV)/test.installed
	EVH5="$(BIN)" $(VENV)/bin/python -m pytest Tests/Integration

## demo: simulated recordings, mounted and read with h5py and h5dump; writes a picture of frames to .build/demo/frames.png
demo: build $(VENV)/demo.installed
	docs/demo/demo.sh "$(BIN)" "$(CURDIR)/$(VENV)/bin/python" .build/demo

## lint: the format that .ci/run insists on
lint:
	swift format lint --strict --recursive Package.swift Sources Tests

format:
	swift format --in-place --recursive Package.swift Sources Tests

## install-deps: the system's packages, by apt, only when something is missing
install-deps:
	@.ci/install-deps

$(VENV)/bin/python: | install-deps
	$(PYTHON) -m venv $(VENV)

$(VENV)/test.installed: $(TEST_REQUIREMENTS) | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(TEST_REQUIREMENTS)
	touch $@

$(VENV)/demo.installed: $(DEMO_REQUIREMENTS) | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(DEMO_REQUIREMENTS)
	touch $@

clean:
	rm -rf .build $(VENV)
