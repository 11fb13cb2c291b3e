# SPDX-License-Identifier: Apache-2.0
# The verbs. Each is a line or two; what they do stands in scripts/ and CMakeLists.txt.

PREFIX ?= /usr/local
SECONDS ?= 60
STREAMS ?= 2000
SOAK_SECONDS ?= 600
SOAK_IDENTITY_SECONDS ?= 1440
FLIPS ?= 3000
SEEDS ?= 100
TURNS ?= 50

.PHONY: run test test-engines soak soak-identity flips sessions build bench fuzz fmt lint docs install clients-latest matrix judges venv mutate bless clean

run: build ## install what is missing, build, start the gateway on its emulator
	@exec build/dragoman serve --listen 127.0.0.1:8080

build: ## a release in build/dragoman
	@scripts/build release
	@ln -sfn release/dragoman build/dragoman

test: ## everything, under ASan and UBSan
	@scripts/test

test-engines: ## a real engine, llama.cpp's server, behind an endpoint id; the first run builds it (a quarter of an hour)
	@scripts/test engines

soak: build ## 10,000 requests, every tenth client gone, and to a server that closes after each; upstreams silent for three minutes; STREAMS (2000) at once for SOAK_SECONDS (600): is the memory where it was?
	@DRAGOMAN=build/dragoman python3 tests/daemon/leaving.py
	@DRAGOMAN=build/dragoman python3 tests/daemon/closing.py
	@DRAGOMAN=build/dragoman python3 tests/daemon/silence.py
	@DRAGOMAN=build/dragoman python3 tests/daemon/soaking.py --streams $(STREAMS) --seconds $(SOAK_SECONDS)

soak-identity: build venv ## a day of access tokens at 60 times its speed, with revocations, under load: 24 minutes (SOAK_IDENTITY_SECONDS)
	@DRAGOMAN=build/dragoman build/venv/bin/python tests/daemon/soaking_identity.py --seconds $(SOAK_IDENTITY_SECONDS)

sessions: venv ## sessions in every trouble, SEEDS (100) random agents of TURNS (50) turns; writes README.md's table
	@scripts/build dev dragoman
	@build/venv/bin/python tests/daemon/session_runs.py --seeds $(SEEDS) --turns $(TURNS)

flips: ## damage the store's file in FLIPS (3000) ways, a bit each: what its check finds sound gives no wrong value and kills nobody
	@scripts/build dev test-store-check
	@STORE_FLIPS=$(FLIPS) build/dev/tests/store/check

fuzz: ## every fuzzer for SECONDS (60), two at a time; FUZZ=stream for one
	@scripts/fuzz --seconds $(SECONDS) $(FUZZ)

bench: ## the core beside yyjson, the gateway beside nginx and a peer; OPTIONS=--quick for a look
	@scripts/bench $(OPTIONS)

fmt: ## clang-format, in place
	@scripts/format --fix

lint: ## format, clang-tidy, who may use whom, banned names, the clang build
	@scripts/lint

docs: build ## reference pages made from the tables
	@scripts/docs

install: ## PREFIX (/usr/local), DESTDIR
	@scripts/build release
	@cmake --install build/release --prefix $(PREFIX)

clients-latest: ## the client tests with today's newest SDKs
	@scripts/test --clients-latest

matrix: ## every client of README.md's table in every cell; writes the table
	@MATRIX=write scripts/test matrix

judges: ## all of what Google's own message classes, MCP servers and the rest judge; `make test` has a tenth of it
	@JUDGES=all scripts/test judges

venv: # what clients of Python need, for those who run them without scripts/test
	@scripts/setup-python build/venv tests/requirements.txt

mutate: ## remove one row of a table at a time: some test must fail
	@scripts/mutate

bless: ## rewrite the golden cases' expected files; CASE=name for some
	@scripts/build dev golden
	@build/dev/golden --bless $(CASE)

clean:
	@rm -rf build
