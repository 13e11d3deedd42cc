# The commands. `make run` and `make test` need nothing but Rust, Node, Python and a C compiler.
.PHONY: help run dev web web-test test proof soak fuzz bench lint audit vendored

help: ## What there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

web: ## Build the staff console and the taxpayer's pages into hosts/web/dist, which the host has within it (needs Node)
	npm --prefix hosts/web run setup:console
	npm --prefix hosts/web run build:console
	npm --prefix hosts/web/taxpayer ci
	npm --prefix hosts/web/taxpayer run check
	npm --prefix hosts/web/taxpayer run build
	npm --prefix hosts/web/taxpayer run budget
	rm -rf hosts/web/dist/console hosts/web/dist/taxpayer
	cp -r hosts/web/console/dist hosts/web/dist/console
	cp -r hosts/web/taxpayer/dist/build/h5 hosts/web/dist/taxpayer
	touch hosts/web/dist/built

# Built anew when anything changed that they are built from; without Node the host says how.
hosts/web/dist/built: $(shell git ls-files hosts/web 2>/dev/null)
	@if command -v npm >/dev/null; then $(MAKE) web; else echo "no Node here: the host says at /console/ and /taxpayer/ what to do"; fi

web-test: export ZHENGNA_BIN := $(abspath $(or $(CARGO_TARGET_DIR),target)/debug/zhengna)
web-test: export WITH_POSTGRES := $(abspath $(or $(CARGO_TARGET_DIR),target)/debug/examples/with_postgres)
web-test: ## The two applications in a real browser, each against hosts of its own; after `make web` (needs Chromium, PostgreSQL)
	[ -x "$$ZHENGNA_BIN" ] || cargo build --package zhengna-server --bin zhengna
	[ -x "$$WITH_POSTGRES" ] || cargo build --package zhengna-tests --example with_postgres
	hosts/web/test

run: hosts/web/dist/built ## Build the applications and the host, and start it with demo data on embedded SQLite
	cargo build --package zhengna-server --bin zhengna
	$${CARGO_TARGET_DIR:-target}/debug/zhengna demo

dev: ## The demo host and both applications with hot reload (needs Node)
	cargo build --package zhengna-server --bin zhengna
	./hosts/web/dev

test: ## Everything needed to trust a change
	./tests/prepare
	./tests/run

proof: ## Attacks on what we promise, bounded; writes the figures into docs/reliability.md
	./tests/prepare
	./tests/proof

soak: ## The same attacks with fresh seeds until one fails or you stop it
	./tests/prepare
	cargo build --release --package zhengna-server --package zhengna-proof
	# The host built beside the proof has what is for tests alone: nobody should come by it as a release, however the run ends.
	trap 'rm -f $${CARGO_TARGET_DIR:-target}/release/zhengna' EXIT; trap 'exit 130' INT TERM; \
	$${CARGO_TARGET_DIR:-target}/release/zhengna-proof soak

fuzz: ## libFuzzer over every parser, SECONDS_EACH=20 seconds each, a quarter of an hour in all (needs a C++ compiler)
	./tests/fuzz/run

bench: ## The short benches beside their peers (needs Node, wrk, redis-server); docs/performance.md has the long ones
	cargo bench --package zhengna-benches --bench commands -- sqlite pages
	cargo bench --package zhengna-benches --bench queue --bench http --bench live -- --quick
	cargo bench --package zhengna-benches --bench growth -- --quick

lint: ## Formatting, lints, purity of the core
	./tests/lint

audit: ## The evidence of a source audit, into target/audit: SBOM, licences, bans, unsafe code, lints; TESTS=log adds a run
	TESTS=$(TESTS) ./tests/audit

vendored: ## Build the host from sources in a directory, without a network
	./tests/vendored
