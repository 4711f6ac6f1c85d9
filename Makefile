# grpc-bench: what a developer runs. `make` lists the targets.

GO ?= go
STATICCHECK = $(GO) tool -modfile=tools/go.mod staticcheck
FUZZTIME ?= 30s
race_skip = MatchesMM1|AStallAsItsArrivalsDo|SecondsThatAreGivenAway|MessagesOfEverySizeGoBothWays/.*_[0-9]{7}

.DEFAULT_GOAL := help

## help: list the targets
.PHONY: help
help:
	@sed -n 's/^## \([a-z_-]*\): /  \1\t/p' $(MAKEFILE_LIST) | expand -t 14

## build: bin/grpc-bench and bin/grpc-bench-server
.PHONY: build
build:
	$(GO) build -trimpath -o bin/grpc-bench ./cmd/bench
	$(GO) build -trimpath -o bin/grpc-bench-server ./cmd/server

## check: format, vet (also for macOS and arm64), staticcheck, the project's rules
.PHONY: check
check:
	@unformatted=$$(gofmt -l cmd internal proto testing); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet -tags '$(TAGS)' ./...
	GOOS=darwin $(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...
	$(STATICCHECK) -tags '$(TAGS)' ./...
	scripts/rules.sh

# Tests that need more than Go, or more than a minute, carry one of these.
TAGS = browser,full,mutants,peers,root,soak,truth

## test: the tests that need nothing but Go
.PHONY: test
test:
	$(GO) test ./...

## short: the fast lane, a minute: no processes, no floods, no long simulations
.PHONY: short
short:
	$(GO) test -short ./...

## full: what .ci/run has too little time for: longer simulations, all mutants, fuzzing; half an hour
.PHONY: full
full:
	$(GO) test -tags full -timeout 30m ./...
	$(MAKE) mutants
	$(MAKE) fuzz

## race: the packages where goroutines share memory, under the race detector
# Without what takes a minute there and shares nothing that shorter tests do not share:
# simulations of many RPCs, megabytes through one connection.
.PHONY: race
race:
	$(GO) test -race -skip '$(race_skip)' ./internal/load ./internal/hist ./internal/channel ./internal/wire

## fuzz: every fuzz target for 30 s (FUZZTIME=5s)
.PHONY: fuzz
fuzz:
	scripts/fuzz.sh $(FUZZTIME)

## bench: how fast the tool itself is
.PHONY: bench
bench:
	scripts/bench.sh

## bench-peers: the wire engine beside h2load, ghz and others; on an idle machine, 7 minutes
.PHONY: bench-peers
bench-peers:
	scripts/bench.sh peers ceiling footprint delayed

## truth: real processes against known stalls, delays and costs; on an idle machine
.PHONY: truth
truth:
	scripts/tagged.sh truth -count=1 -timeout 30m -v

## verify-long: how often verdicts are wrong or missing here; on an idle machine, three quarters of an hour
.PHONY: verify-long
verify-long:
	$(GO) run ./cmd/bench verify --full

## soak: ten minutes at full speed against a server that is restarted each minute
.PHONY: soak
soak:
	scripts/tagged.sh soak -count=1 -timeout 20m -v

## mutants: break the code on purpose; a named test must notice each time
.PHONY: mutants
mutants:
	scripts/tagged.sh mutants -count=1 -timeout 30m -v

## browser: the pages of reports in a headless Chromium, which scripts/browser.sh installs
.PHONY: browser
browser:
	scripts/tagged.sh browser -count=1 -timeout 15m

## generate: the protobuf code, after a lint of the definitions; docs/reliability.md
.PHONY: generate
generate:
	$(GO) tool -modfile=tools/go.mod buf lint
	$(GO) tool -modfile=tools/go.mod buf generate
	$(GO) run ./testing/reliability

# The targets of the published example, by its names.

## gen_key: server.crt and server.key, RSA 2048, for localhost
.PHONY: gen_key
gen_key:
	$(GO) run ./cmd/bench certs

## stubs: the same as generate
.PHONY: stubs
stubs: generate

## server: Server.Foo on 127.0.0.1:1337 with server.crt and server.key
.PHONY: server
server:
	$(GO) run ./cmd/server

CALL = localhost:1337 --cacert server.crt --metadata foo=bar --compression gzip:low

## client: one call of that server, shown whole, and what such calls cost
.PHONY: client
client:
	$(GO) run ./cmd/bench call $(CALL)
	$(GO) run ./cmd/bench run $(CALL) --epochs 1 --window 1s
