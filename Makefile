# `make help` lists the targets. Only Go is needed for `make run` and `make test`;
# every other tool is built from tools/go.mod into .tools/, or installed by the
# target that needs it.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules --no-print-directory

# The toolchain that go.mod names is fetched where an older one is installed.
export GOTOOLCHAIN := auto

# ARGS goes to the program that `run` or `bench` starts.
ARGS ?=
# FUZZTIME is how long each fuzz target runs.
FUZZTIME ?= 10s

GENERATORS := $(addprefix .tools/,buf protoc-gen-go protoc-gen-go-grpc protoc-gen-grpc-gateway)
IMPORTS := third_party/buf/validate/validate.proto

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z_-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '%-14s %s\n' "$$name" "$$text"; done

.PHONY: run
run: ## Start the gateway; ARGS="--config signalbox.yaml" for more
	go run ./cmd/signalbox serve $(ARGS)

.PHONY: build
build: ## Build the gateway as ./signalbox
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o signalbox ./cmd/signalbox

.PHONY: test
test: ## Run the tests that need nothing but Go
	go test ./...

.PHONY: test-services
test-services: ## Run the tests against real services, installed where missing
	tools/services.sh

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (10s)
	tools/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: ## Measure the gateway against a plain reverse proxy; ARGS=-quick for 20 s
	go run ./server/servertest/bench $(ARGS)

.PHONY: generate
generate: $(GENERATORS) $(IMPORTS) ## Write the generated code anew
	@# Our own generators are built on the Go code of our options, so that comes first.
	sed '/protoc-gen-signalbox/,$$d' buf.gen.yaml > .tools/buf.gen.go.yaml
	.tools/buf generate --template .tools/buf.gen.go.yaml
	$(MAKE) plugins
	.tools/buf generate

.PHONY: lint
lint: .tools/buf .tools/golangci-lint $(IMPORTS) ## Check style, and that the protos break no client of the last release
	@files=$$(gofmt -l cmd providers server gen); [[ -z $$files ]] || { echo "not formatted by gofmt:"; echo "$$files"; exit 1; }
	go vet ./...
	.tools/golangci-lint run
	.tools/buf lint
	.tools/buf format -d --exit-code proto
	tools/breaking.sh

.PHONY: check
check: ## Run everything that CI runs
	.ci/run

.PHONY: tools
tools: $(GENERATORS) .tools/golangci-lint plugins ## Build the tools into .tools/

.PHONY: third_party
third_party: $(IMPORTS) ## Fetch the protos that ours import

# A tool is built again when its pinned version may have changed.
.tools/%: tools/go.mod tools/go.sum
	go build -modfile=tools/go.mod -o $@ "$$(sed -n 's|^\t\(.*/$*\)$$|\1|p' tools/go.mod | head -n 1)"

# Our own generators. What they are made from, the go command knows best.
.PHONY: plugins
plugins:
	go build -o .tools/ ./cmd/protoc-gen-...

$(IMPORTS): tools/third_party.sh
	tools/third_party.sh
