# Each target does its own set-up on a fresh Debian machine and runs to the end.

SHELL := /bin/bash
export PATH := $(HOME)/.cargo/bin:$(PATH)

# Where ONNX Runtime was put by the set-up; without it the built-in engine is used.
ort := $(firstword $(ORT_DYLIB_PATH) $(CURDIR)/.setup/onnxruntime/libonnxruntime.so.1.31.1)
# Clips and models to try things with, where there are any.
export OMMA_DATA ?= $(wildcard $(CURDIR)/../shared/data)

.PHONY: help demo build test lint bench clean web

help:
	@echo "make demo    build Omma and show it at work"
	@echo "make build   build the program: target/release/omma"
	@echo "make test    format, lints and all tests"
	@echo "make lint    format and lints alone"
	@echo "make bench   measure speed, write docs/benchmarks.md"
	@echo "make web     the portal alone: web/dist, with its lints and tests (needs Node 20.19)"

build:
	tools/setup.sh build
	cargo build --release --locked -p omma

demo: build
	ORT_DYLIB_PATH=$(ort) target/release/omma demo

lint:
	tools/setup.sh build
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

web:
	cd web && npm ci && npm run lint && npm test && npm run build

clean:
	cargo clean
