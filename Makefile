# evh5: what developers and CI call. `make demo` and `make test` install what is missing and need nothing else first.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

BIN = $(CURDIR)/.build/release/evh5
PYTHON ?= python3
VENV = .venv
TEST_REQUIREMENTS = Tests/Integration/requirements.txt
DEMO_REQUIREMENTS = docs/demo/requirements.txt
PYTHON_REQUIREMENTS = Tests/Python/requirements.txt
BENCHMARK_REQUIREMENTS = Tests/Benchmarks/requirements.txt
# What `make benchmark` is told besides: ARGUMENTS="--quick", "--only decode", "--write", ...; run.py --help has all.
ARGUMENTS ?=
# How long `make fuzz` runs each target, and which ones; all when none is named.
SECONDS ?= 60
TARGETS ?=

# Where `make install` puts the binary, and where mount(8) looks for its helpers; DESTDIR goes before both, for packagers.
PREFIX ?= /usr/local
HELPER_FOLDER ?= /sbin
DESTDIR ?=

# For `evh5 --version`. Who builds from an archive of the sources may give it.
EVH5_COMMIT ?= $(shell .ci/commit)
export EVH5_COMMIT := $(EVH5_COMMIT)

.PHONY: build install uninstall test fuse-check unit-test integration-test python-test tutorial test-sanitize test-aarch64 fuzz fuzz-build benchmark benchmark-test dist test-dist \
	demo lint format install-deps clean

## build: the release binary, .build/release/evh5
build: install-deps
	swift build -c release --product evh5

# Where shells look for completions, and the documents with the examples of mount-configs.
COMPLETIONS = $(DESTDIR)$(PREFIX)/share/bash-completion/completions/evh5 $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_evh5 \
	$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/evh5.fish
DOCUMENTS = $(DESTDIR)$(PREFIX)/share/doc/evh5
MAN = $(DESTDIR)$(PREFIX)/share/man

## install: what `make build` made, mount(8)'s helper (the same binary under another name), the header for preprocessings in C,
## completions for shells, man pages, and the documents
install:
	@test -x "$(BIN)" || { echo "evh5: nothing is built yet; run \`make build\` first" >&2; exit 1; }
	install -D -m 755 "$(BIN)" "$(DESTDIR)$(PREFIX)/bin/evh5"
	install -D -m 644 Sources/CPreprocessing/include/evh5_preprocessing.h "$(DESTDIR)$(PREFIX)/include/evh5_preprocessing.h"
	install -d "$(DESTDIR)$(HELPER_FOLDER)"
	ln -sfn "$(PREFIX)/bin/evh5" "$(DESTDIR)$(HELPER_FOLDER)/mount.fuse.evh5"
	set -- $(COMPLETIONS); for shell in bash zsh fish; do \
		install -d "$$(dirname "$$1")"; "$(BIN)" --generate-completion-script $$shell > "$$1"; chmod 644 "$$1"; shift; done
	umask 022; "$(PYTHON)" .ci/dist/man-pages "$(BIN)" "$(MAN)" "$(PREFIX)"
	install -d "$(DOCUMENTS)/docs/scale-out" "$(DOCUMENTS)/docs/examples" "$(DOCUMENTS)/docs/containers" "$(DOCUMENTS)/mount-configs"
	install -m 644 README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE "$(DOCUMENTS)"
	install -m 644 docs/*.md docs/*.png docs/*.ipynb "$(DOCUMENTS)/docs"
	install -m 644 docs/scale-out/* "$(DOCUMENTS)/docs/scale-out"
	install -m 644 docs/examples/* "$(DOCUMENTS)/docs/examples"
	install -m 644 docs/containers/* "$(DOCUMENTS)/docs/containers"
	install -m 644 mount-configs/* "$(DOCUMENTS)/mount-configs"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/evh5" "$(DESTDIR)$(PREFIX)/include/evh5_preprocessing.h" "$(DESTDIR)$(HELPER_FOLDER)/mount.fuse.evh5" $(COMPLETIONS)
	rm -f "$(MAN)"/man1/evh5.1 "$(MAN)"/man1/evh5-*.1 "$(MAN)"/man8/mount.fuse.evh5.8
	rm -rf "$(DOCUMENTS)"

## dist: a .deb, a wheel and a tar.gz that need no Swift, in .build/dist/out; docs/PACKAGES.md says what is in them
dist: install-deps
	.ci/dist/install-deps
	binary="$$(.ci/dist/binary)"; .ci/dist/package "$$binary" .build/dist/out

## test-dist: what `make dist` wrote, installed, used and removed in systems without Swift; as root
test-dist:
	.ci/dist/install-deps roots
	.ci/dist/test-roots .build/dist/out

## test: unit tests (release build), integration tests on real mounts, those of the Python module, and whether the benchmarks still run
test: fuse-check unit-test integration-test python-test benchmark-test

# Most tests mount: without the device they would be skipped, and all would look well.
fuse-check:
	@test -c /dev/fuse || { echo "evh5: the tests mount, and there is no /dev/fuse: load it with \`modprobe fuse\`," \
		"or start the container with --device /dev/fuse --cap-add SYS_ADMIN" >&2; exit 1; }

# Some of the unit tests ask python3 for its opinion: that of the tests has numpy and h5py.
unit-test: install-deps $(VENV)/test.installed
	swift build -c release --build-tests
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" swift test -c release --skip-build

integration-test: unit-test
	.ci/install-deps browser
	EVH5="$(BIN)" $(VENV)/bin/python -m pytest Tests/Integration

# The Python module, and docs/tutorial.ipynb executed.
python-test: unit-test $(VENV)/python.installed
	EVH5="$(BIN)" $(VENV)/bin/python -m pytest Tests/Python

## tutorial: executes docs/tutorial.ipynb and writes its outputs into it
tutorial: build $(VENV)/python.installed
	EVH5="$(BIN)" $(VENV)/bin/python Tests/Python/notebook.py

## fuzz: every target for SECONDS, or those in TARGETS; docs/DEVELOPING.md says what they are
fuzz: fuzz-build
	Tests/Fuzz/run .build-fuzz/release/evh5-fuzz $(SECONDS) $(TARGETS)

# Of two -sanitize the Swift compiler takes the last one only, hence both in one; without it no coverage is told.
fuzz-build: install-deps
	EVH5_FUZZ=1 swift build -c release --scratch-path .build-fuzz --sanitize fuzzer --sanitize address \
		-Xswiftc -sanitize=fuzzer,address --product evh5-fuzz

## test-sanitize: unit tests under ThreadSanitizer and AddressSanitizer
test-sanitize: install-deps $(VENV)/test.installed
	swift build --build-tests --sanitize thread --scratch-path .build-tsan
	TSAN_OPTIONS="suppressions=$(CURDIR)/.ci/tsan-suppressions" PATH="$(CURDIR)/$(VENV)/bin:$$PATH" \
		swift test --skip-build --sanitize thread --scratch-path .build-tsan --skip FUSEAdapterTests
	swift build --build-tests --sanitize address --scratch-path .build-asan
	LSAN_OPTIONS="suppressions=$(CURDIR)/.ci/lsan-suppressions:print_suppressions=0" PATH="$(CURDIR)/$(VENV)/bin:$$PATH" \
		swift test --skip-build --sanitize address --scratch-path .build-asan

## test-aarch64: the kernels for 64 bit ARM against plain decoders, compiled by a cross compiler and run by qemu
test-aarch64:
	.ci/install-deps aarch64
	Tests/Kernels/run aarch64

## benchmark: evh5 and its peers side by side, a table of ratios; ARGUMENTS=--write makes docs/BENCHMARKS.md of it
benchmark: install-deps $(VENV)/benchmark.installed
	swift build -c release --product evh5
	swift build -c release --product evh5-bench
	EVH5="$(BIN)" $(VENV)/bin/python Tests/Benchmarks/run.py $(ARGUMENTS)

# The benchmarks on a tiny recording: that every row gets a figure, not which.
benchmark-test: unit-test $(VENV)/benchmark.installed
	EVH5="$(BIN)" $(VENV)/bin/python -m pytest Tests/Benchmarks

## demo: simulated recordings, mounted and read with h5py and h5dump; writes a picture of frames to .build/demo/frames.png
demo: build $(VENV)/demo.installed
	docs/demo/demo.sh "$(BIN)" "$(CURDIR)/$(VENV)/bin/python" .build/demo

## lint: the format that .ci/run insists on
lint:
	swift format lint --strict --recursive Package.swift Sources Tests

## format: swift format, and comments wrapped, which it does not see to
format:
	swift format --in-place --recursive Package.swift Sources Tests
	.ci/comments --mend

## install-deps: the system's packages, by apt, only when something is missing
install-deps:
	@.ci/install-deps

$(VENV)/bin/python: | install-deps
	$(PYTHON) -m venv $(VENV)

$(VENV)/test.installed: $(TEST_REQUIREMENTS) | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(TEST_REQUIREMENTS)
	touch $@

$(VENV)/python.installed: $(PYTHON_REQUIREMENTS) | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(PYTHON_REQUIREMENTS)
	touch $@

$(VENV)/benchmark.installed: $(BENCHMARK_REQUIREMENTS) | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(BENCHMARK_REQUIREMENTS)
	touch $@

$(VENV)/demo.installed: $(DEMO_REQUIREMENTS) | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(DEMO_REQUIREMENTS)
	touch $@

clean:
	rm -rf .build .build-fuzz .build-tsan .build-asan $(VENV)
