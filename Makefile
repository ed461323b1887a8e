# run, test, check: what a contributor needs, and all that CI runs.  bench, fuzz: the slow ones.
# Every target makes its own set-up: .venv from the lock file, the native module in release mode.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NATIVE := media/native
NATIVE_SOURCES := $(shell find $(NATIVE) -name target -prune -o \( -name '*.rs' -o -name 'Cargo.toml' -o -name 'Cargo.lock' \) -print 2>/dev/null)
FUZZ_SECONDS ?= 60
PYTEST_ARGS ?=
# Most tests wait for sockets and deadlines: more workers than cores. A file's tests stay in one worker.
TEST_WORKERS ?= 3

.PHONY: help run test check bench fuzz sanitize setup tools browser format lock clean

help:
	@echo "make run    the platform with four simulated cameras; prints the page's address"
	@echo "make test   the whole test suite, browser tests included"
	@echo "make check  format, lint, types, import directions, clippy, cargo test"
	@echo "make bench  benchmarks, with their conditions"
	@echo "make fuzz   fuzzers, FUZZ_SECONDS=$(FUZZ_SECONDS) each"
	@echo "make sanitize  the data plane's tests under AddressSanitizer"

run: setup
	@exec $(BIN)/tongshi demo

test: setup browser
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile $(PYTEST_ARGS)

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m mypy.stubtest media._native --ignore-disjoint-bases
	@$(BIN)/lint-imports --no-logo
	@cargo fmt --manifest-path $(NATIVE)/Cargo.toml --all --check
	@cargo clippy --manifest-path $(NATIVE)/Cargo.toml --workspace --all-targets --locked -- -D warnings
	@cargo test --manifest-path $(NATIVE)/Cargo.toml --workspace --locked --quiet

bench: setup
	@for bench in tests/benchmarks/bench_*.py; do echo; echo "== $$bench"; $(BIN)/python $$bench; done
	@cargo bench --manifest-path $(NATIVE)/Cargo.toml --package tongshi-wire --bench cost --locked

fuzz: setup
	@HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest tests/fuzz tests/integration/console/test_lying_device.py \
	    tests/integration/console/test_hostile_requests.py $(PYTEST_ARGS)
	@command -v cargo-fuzz >/dev/null || { echo "tongshi: cargo-fuzz is missing: cargo install cargo-fuzz --locked"; exit 1; }
	@cd $(NATIVE)/fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz build && for target in $$(cargo fuzz list); do \
	    echo "== $$target"; mkdir -p corpus/$$target; \
	    RUSTC_BOOTSTRAP=1 cargo fuzz run $$target corpus/$$target seeds/$$target -- \
	        -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -rss_limit_mb=2048 -timeout=20 -print_final_stats=0; done

# Soak tests measure memory, of which the sanitizer keeps what was freed.
sanitize: HOST = $(shell rustc -vV | sed -n 's/^host: //p')
sanitize: tools
	@RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test --manifest-path $(NATIVE)/Cargo.toml --package tongshi-plane --lib \
	    --locked --quiet --target $(HOST) --target-dir $(NATIVE)/target/sanitize -- --skip soak

format: setup
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix . && cargo fmt --manifest-path $(NATIVE)/Cargo.toml --all

setup: tools $(VENV)/.native

tools:
	@command -v $(PYTHON) >/dev/null || { echo "tongshi: $(PYTHON) is missing: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv), or name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "tongshi: $$($(PYTHON) --version) is too old: Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "tongshi: Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@command -v cc >/dev/null || { echo "tongshi: a C compiler (cc) is missing: apt-get install build-essential"; exit 1; }
	@command -v cargo >/dev/null || { echo "tongshi: Rust (cargo) is missing: install Rust 1.85 or newer from rustup.rs"; exit 1; }

# The stamp files make a second run start at once.
$(VENV)/.packages: requirements.lock
	@echo "tongshi: making $(VENV) from the lock file"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.native: $(VENV)/.packages pyproject.toml $(NATIVE_SOURCES)
	@echo "tongshi: building the native module (release mode; the first build takes a minute)"
	@VIRTUAL_ENV=$(abspath $(VENV)) PATH="$(abspath $(BIN)):$$PATH" $(BIN)/maturin develop --quiet --uv --release --locked
	@touch $@

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        echo "tongshi: installing chromium for the browser tests"; \
	        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null; \
	    else echo "tongshi: chromium is missing (browser tests): sudo apt-get install chromium fonts-noto-cjk"; exit 1; fi; }

# New versions for everybody. PyAV and NumPy stay at the newest releases that Python 3.11 can run, so that
# one set of versions serves every supported Python.
lock:
	@$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv
	@printf 'av<19\nnumpy<2.5\n' | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --group dev \
	    pyproject.toml --constraints - --generate-hashes --no-annotate --no-header --output-file requirements.lock

clean:
	@rm -rf $(VENV) $(NATIVE)/target media/_native*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
