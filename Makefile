# The two commands of the README are `make demo` and `make test`; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help build suites demo test check bench bench-ledger trial soak image fuzz clean

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

build: ## build the multibeam binary (target/release/multibeam)
	@tests/need cargo
	cargo build --release --locked -p multibeam

suites: ## build the Ginkgo suites that tests, demo, and benchmark run
	@tests/need go
	tests/suites/build

demo: ## three versions of a real Ginkgo suite over six clusters, about a minute once it is built; results in ./results
	@tests/need cargo go
	tests/demo/run

test: ## all tests, with the time of each stage
	@tests/need cargo go
	tests/run

check: ## formatting, lints, and the dependency rules
	@tests/need cargo
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --locked -p multibeam-model --test it dependencies::

bench: ## against `ginkgo -p`, against the limit in virtual time, and the ledger beside etcd
	@tests/need cargo go
	tests/bench/run
	cargo run --release --locked -p multibeam-packing
	cargo bench --locked -p multibeam-packing
	tests/bench-ledger/run

bench-ledger: ## only the ledger beside etcd and 1,000 workers, some ten minutes; options: tests/bench-ledger/run -h
	@tests/need cargo
	tests/bench-ledger/run

trial: ## kill -9 in each step of the ledger's life while 500 reports/s arrive, a minute
	@tests/need cargo
	tests/bench-ledger/run trial

soak: ## random worlds with faults, one after the other, for SOAK_MINUTES (60)
	@tests/need cargo
	cargo run --locked -p multibeam-sim --bin soak

image: ## the static container image, checked; needs no container engine
	@tests/need cargo python3 strip
	deploy/image/test

fuzz: ## damaged bytes for every decoder, 10 s each
	@tests/need cargo g++
	fuzz/run 10

clean: ## remove what was built
	cargo clean
	rm -rf tests/suites/bin
