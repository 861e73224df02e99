# make build        bin/migrate, one static binary
# make demo         a schema change under live traffic, on a server of its own (ENGINE=postgres|mysql|mariadb)
# make test         all tests, with the race detector, on PostgreSQL 17, MySQL 9 and MariaDB 11.8
# make test-matrix  the same on all seven versions
# make test-short   the tests that need no server
# make bench        a change of a column beside one UPDATE, a blocking ALTER and other tools (BENCHFLAGS=--help)
# make soak         an hour of migrations there and back under writers at full speed (SOAKFLAGS='--engine mysql --duration 20m')
# make load         what users see of every kind of change at a fixed rate (LOADFLAGS='--engine mysql --kinds split,merge')
# make lint, fmt    check, or rewrite, the code's form

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

GOLANGCI_LINT_VERSION := v2.15.0

BIN := $(CURDIR)/bin
GOLANGCI_LINT := $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION)

# Narrow a run: make test PACKAGES=./executor/... TESTFLAGS='-run Lease -v'
PACKAGES ?= ./...
TESTFLAGS ?=
# The engine of the demo, and further flags of `migrate demo`.
ENGINE ?= postgres
DEMOFLAGS ?=
BENCHFLAGS ?=
SOAKFLAGS ?=
LOADFLAGS ?=

DEFAULT_SERVERS := postgres:17 mysql:9 mariadb:11.8
ALL_SERVERS := postgres:13 postgres:15 postgres:17 postgres:18 mysql:9 mariadb:10.11 mariadb:11.8

# Where MySQL goes when it is neither installed nor packaged: a server steps down from root,
# to a user who may not look into the directory of the source.
ifeq ($(shell id -u),0)
export MYSQL_DIR ?= /opt/migrate-test-mysql
else
export MYSQL_DIR ?= $(BIN)/mysql
endif
export PATH := $(PATH):$(MYSQL_DIR)/bin

# PostgreSQL's grammar is C: cgo is needed. Static linking is for Linux; elsewhere the
# system's C library is only there to be linked at run time.
export CGO_ENABLED := 1
BUILDFLAGS := -trimpath
ifeq ($(shell go env GOOS),linux)
BUILDFLAGS += -tags netgo,osusergo -ldflags '-s -w -linkmode external -extldflags "-static"'
endif

TESTSERVERS := go run ./integration/servers/cmd/testservers

.PHONY: build
build:
	go build $(BUILDFLAGS) -o $(BIN)/migrate ./cmd/migrate
ifeq ($(shell go env GOOS),linux)
	scripts/static.sh $(BIN)/migrate
endif

.PHONY: demo
demo: build
	scripts/binaries.sh $(ENGINE) || scripts/servers.sh $(filter $(ENGINE):%,$(DEFAULT_SERVERS))
	$(BIN)/migrate demo --engine $(ENGINE) $(DEMOFLAGS)

.PHONY: test
test:
	scripts/servers.sh $(DEFAULT_SERVERS)
	$(TESTSERVERS) run scripts/test.sh -race -timeout 60m $(TESTFLAGS) -- $(PACKAGES)

.PHONY: test-matrix
test-matrix: export MIGRATE_TEST_MATRIX := 1
test-matrix:
	scripts/servers.sh $(ALL_SERVERS)
	$(TESTSERVERS) run scripts/test.sh -race -timeout 90m $(TESTFLAGS) -- $(PACKAGES)

.PHONY: test-short
test-short:
	go test -race -short $(TESTFLAGS) $(PACKAGES)

# Images from Debian packages, whether or not a registry answers.
.PHONY: test-images test-images-all
test-images: TARGETS := $(DEFAULT_SERVERS)
test-images-all: TARGETS := $(ALL_SERVERS)
test-images test-images-all:
	scripts/docker.sh
	scripts/apt.sh debootstrap
	integration/images/build.sh $(TARGETS)

.PHONY: bench
bench: build
	scripts/servers.sh $(DEFAULT_SERVERS)
	go run ./integration/bench $(BENCHFLAGS)

.PHONY: soak
soak: build
	scripts/servers.sh $(DEFAULT_SERVERS)
	go run ./integration/soak $(SOAKFLAGS)

.PHONY: load
load: build
	scripts/servers.sh $(DEFAULT_SERVERS)
	go run ./integration/load/kinds $(LOADFLAGS)

.PHONY: lint
lint: $(GOLANGCI_LINT)
	go vet ./...
	$(GOLANGCI_LINT) run --allow-serial-runners ./...

.PHONY: fmt
fmt: $(GOLANGCI_LINT)
	$(GOLANGCI_LINT) fmt ./...

# Built in a module of its own: the linter's dependencies are none of ours.
$(GOLANGCI_LINT):
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(BIN)/golangci-lint $@

.PHONY: clean
clean:
	rm -rf $(BIN)
