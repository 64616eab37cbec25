# Thin on purpose: each target is a script that says what it does and runs without make.
# ARGS go through: make run ARGS="-addr :9090", make test ARGS="-run Rotate", make fuzz ARGS=Decode FUZZTIME=5m

.DEFAULT_GOAL := help
.PHONY: help run test lint fmt fuzz docs proofs soak bench-gate

help: ## list the targets
	@sed -nE 's/^([a-z-]+): ## (.*)/  make \1\t\2/p' Makefile | expand -t 20

run: ## start the example server
	@scripts/run.sh $(ARGS)

test: ## vet and test every module, with the race detector
	@scripts/test.sh $(ARGS)

lint: ## check format, style, imports, generated files and go.mod files
	@scripts/lint.sh

fmt: ## format every Go file
	@scripts/fmt.sh

fuzz: ## run every fuzz target for FUZZTIME (default 30s)
	@scripts/fuzz.sh $(ARGS)

docs: ## write the generated files
	@scripts/docs.sh

proofs: ## try every interleaving of the cache, at length, and its rejected forms
	@scripts/proofs.sh $(ARGS)

soak: ## verify and revoke through faults for ten minutes (ARGS=5m for five)
	@scripts/soak.sh $(ARGS)

bench-gate: ## measure the targets, as ratios in one run
	@scripts/bench.sh $(ARGS)
