# Each target does its own set-up on a fresh Debian machine and runs to the end.

SHELL := /bin/bash
# Node of the set-up first: it is there only where the system's was too old.
export PATH := $(CURDIR)/.setup/node/bin:$(HOME)/.cargo/bin:$(PATH)

# Where ONNX Runtime was put by the set-up; without it the built-in engine is used.
ort := $(firstword $(ORT_DYLIB_PATH) $(CURDIR)/.setup/onnxruntime/libonnxruntime.so.1.31.1)
# Clips and models to try things with, where there are any.
export OMMA_DATA ?= $(wildcard $(CURDIR)/../shared/data)

# The portal, which is part of the program; built again when something that it is made of is newer.
portal := web/dist/index.html
portal_sources := $(shell find web -name node_modules -prune -o -name dist -prune -o \
  -name schema.gen.ts -prune -o -type f -print) docs/openapi.json

.PHONY: help demo build test lint bench clean

help:
	@echo "make demo    build Omma and show it at work"
	@echo "make build   build the program: target/release/omma"
	@echo "make test    format, lints and all tests"
	@echo "make lint    format and lints alone"
	@echo "make bench   measure speed, write docs/benchmarks.md"

$(portal): $(portal_sources)
	tools/setup.sh build
	cd web && npm ci && npm run build

build: $(portal)
	tools/setup.sh build
	cargo build --release --locked -p omma

demo: build
	ORT_DYLIB_PATH=$(ort) target/release/omma demo

lint: $(portal)
	tools/setup.sh build
	cd web && npm run lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked -q
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check; \
	 else echo "skipped: cargo-deny is not installed, licences and advisories are not checked"; fi

test:
	tools/setup.sh test
	$(MAKE) lint
	ORT_DYLIB_PATH=$(ort) tools/test.sh

bench: build
	tools/setup.sh bench
	ORT_DYLIB_PATH=$(ort) benches/run.py

clean:
	cargo clean
	rm -rf web/dist web/node_modules
