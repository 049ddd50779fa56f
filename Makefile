# Every target has a line of help behind ##. Needs Go; `contracts` needs npm as well.

GO      ?= go
BIN     := bin
# The race detector needs a C compiler; without one the tests run without it and say so.
CC      ?= cc
RACE    := $(shell command -v $(CC) >/dev/null 2>&1 && echo -race)
LDFLAGS := -s -w
FUZZTIME ?= 20s
CHAOS_TIME ?= 60s
COUNT   ?= 6
TRANSACTIONS ?= 1000000
SEED    ?= 0
STORE   ?= sqlite

.DEFAULT_GOAL := help
.PHONY: help demo build test race lint chaos torture million bench bench-engine bench-adaptive bench-node fuzz cover contracts contracts-check clean

help: ## list the targets
	@while IFS= read -r line; do case "$$line" in \
	  [a-z]*:*"## "*) printf '  %-16s %s\n' "$${line%%:*}" "$${line##*## }";; esac; done < Makefile

demo: build ## put every file of the Go source tree on a four-node chain, with a receipt each
	@$(BIN)/demo

build: ## build gateway, batchcall and devnode (and the demo) into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/... ./scripts/demo

test: ## run all tests, with the race detector where there is a C compiler
	@if [ -z "$(RACE)" ]; then echo "note: no C compiler found, so the race detector is off"; fi
	$(GO) test $(RACE) -vet=off -ldflags '$(LDFLAGS)' -timeout 10m ./... # vet is lint's

race: ## run all tests three times over in random order with the race detector
	$(GO) test -race -shuffle on -count 3 -timeout 20m ./...

lint: ## vet, formatting and golangci-lint
	@test -z "$$(gofmt -l .)" || { gofmt -l . ; echo "run gofmt -w on these files" ; exit 1 ; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...

chaos: ## kill, stall and cut off nodes at random for CHAOS_TIME (60s) under readers and a job
	BCOSGATE_CHAOS_TIME=$(CHAOS_TIME) $(GO) test -count=1 -v -run 'TestChaos|TestSlowNode' ./internal/e2e

torture: ## ROWS (100000) rows under 55 kills of the engine, 22 of nodes and lost answers; SEED=…, STORE=postgres; Linux only
	@$(GO) run ./internal/endurance torture -rows $(or $(ROWS),100000) -seed $(SEED) -store $(STORE)

million: ## ROWS (1000000) rows against 10,000: memory, time for a row, resume; some ten minutes, Linux only
	@$(GO) run ./internal/endurance million -rows $(or $(ROWS),1000000)

bench: ## measure encode+hash+sign, frames, the store's group commit, items a second end to end, and a devnode
	@echo "some minutes; the raw results are written to bench.txt"
	$(GO) test -run '^$$' -bench . -benchmem -count $(COUNT) ./... >bench.txt || { cat bench.txt; exit 1; }
	@cat bench.txt
	$(GO) tool -modfile=tools/go.mod benchstat bench.txt
	$(MAKE) bench-node

bench-engine: build ## measure a row in batchcall: CPU, against a bare replay, durable against not durable; Linux only
	@if [ "$$(uname)" = Linux ]; then $(GO) run ./internal/enginebench cost; else echo "note: bench-engine reads /proc, which only Linux has"; fi

bench-adaptive: build ## measure the window that is found against fixed ones on three kinds of node; Linux only
	@if [ "$$(uname)" = Linux ]; then $(GO) run ./internal/enginebench adaptive; else echo "note: bench-adaptive reads /proc, which only Linux has"; fi

bench-node: ## measure a devnode: start, cost of a transaction, memory over TRANSACTIONS (a million); Linux only
	@if [ "$$(uname)" = Linux ]; then $(GO) run ./internal/nodebench -n $(TRANSACTIONS); else echo "note: bench-node reads /proc, which only Linux has"; fi

fuzz: ## run every fuzz target for FUZZTIME (20s, or a number of inputs: 10000x)
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" sh scripts/fuzz.sh

cover: ## write coverage.out and print the total
	$(GO) test -coverprofile coverage.out -coverpkg ./... ./... >/dev/null
	$(GO) tool cover -func coverage.out | tail -n 1

contracts: ## compile contracts/*.sol again and write ABI and bytecode (needs npm)
	npm --prefix contracts/solc ci --silent
	node contracts/solc/compile.js

contracts-check: ## compile contracts/*.sol and fail when the result differs from what is committed (needs npm)
	npm --prefix contracts/solc ci --silent
	node contracts/solc/compile.js --check

clean: ## remove what the other targets made
	rm -rf $(BIN) coverage.out bench.txt
