# The three commands. `make run` and `make test` need nothing but Rust, Node, Python and a C compiler.
.PHONY: help run test proof lint

help: ## What there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

run: ## Build the host and start it with demo data on embedded SQLite
	cargo build --package zhengna-server --bin zhengna
	$${CARGO_TARGET_DIR:-target}/debug/zhengna demo

test: ## Everything needed to trust a change
	./tests/prepare
	./tests/run

proof: ## Bounded proof runs: faults at every storage call, engines compared
	./tests/proof

lint: ## Formatting, lints, purity of the core
	./tests/lint
