# The interpreter to build .venv from; empty: tools/set-up finds one.
PYTHON ?=
# What the demo and the servers keep, unless told otherwise.
CURFEW_FOLDER ?= .curfew
# Set to 1: the demo ends by itself, with an exit code that says whether every phone ended as the story tells.
ONCE ?=
# The port that `make dev` serves on; empty: any free one.
PORT ?=
# How many phones `make dev-fleet` makes.
PHONES ?= 32000
# An unpacked Android system, for test-system-root (docs/android.md).
SYSTEM_ROOT ?=

BIN := .venv/bin
SHELL_SCRIPTS = $(sort tools/set-up tools/dist tools/build-phone-userland tools/folder-for-tests .ci/run $(shell find agent_scripts tools tests demo -name '*.sh'))

# Virtual phones and databases make many small files: in memory, where that can be.
IN_MEMORY = TMPDIR="$$(tools/folder-for-tests)"
# What Python compiled is kept, whatever the shell says: several workers and a hundred processes load the same modules.
export PYTHONDONTWRITEBYTECODE =

export PYTHON

# What is tested on PostgreSQL once more: the server, its pages, and what stations leave in its database.
ON_POSTGRESQL = tests/server tests/pages $(addprefix tests/check/test_,audit_chain.py lost_memory.py restore_drill.py \
	server_away.py two_stations.py)

.PHONY: help setup demo dev dev-fleet test-fast test-postgresql demo-sabotage test test-system-root lint format dist man bench pictures fuzz clean

help:
	@echo 'make demo     the whole story on virtual phones (ONCE=1: ends by itself)'
	@echo 'make dev      a server that starts anew at each change, and phones in every standing'
	@echo 'make dev-fleet   a server with many phones to look at: PHONES=32000'
	@echo 'make test     all tests'
	@echo 'make test-fast   those that need neither browser nor PostgreSQL and kill nothing: some minutes'
	@echo 'make test-postgresql   the tests of the server, each with a database of PostgreSQL'
	@echo 'make test-system-root SYSTEM_ROOT=FOLDER   phone tests in the shell of an unpacked Android system (root)'
	@echo 'make demo-sabotage   the demo with one part broken on purpose: it must fail'
	@echo 'make lint     formatter check, ruff, mypy, shellcheck'
	@echo 'make format   lets the formatter mend what it can'
	@echo 'make dist     the wheel and the source archive, installed afresh and tried once'
	@echo 'make pictures the pictures of docs/first-ten-minutes.md, made anew in a browser'
	@echo 'make man      the manual pages, in build/man: man -M build/man curfew-agent'
	@echo 'make bench    the measures that the README shows'
	@echo 'make fuzz     feeds the readers noise for a minute, guided by coverage; needs the extra "fuzz"'
	@echo 'make clean    removes what set-up and tests made; keeps $(CURFEW_FOLDER), which holds keys'

setup:
	@tools/set-up

demo:
	@tools/set-up demo
	@CURFEW_FOLDER='$(CURFEW_FOLDER)' ONCE='$(ONCE)' $(BIN)/python -m demo

# For work on Curfew: PORT=8443 for an address that stays.
dev:
	@tools/set-up demo
	@CURFEW_FOLDER='$(CURFEW_FOLDER)-dev' ONCE='$(ONCE)' PORT='$(PORT)' $(BIN)/python -m demo.dev

# For looking at a large fleet: PHONES=1000000.
dev-fleet:
	@tools/set-up demo
	@CURFEW_FOLDER='$(CURFEW_FOLDER)-dev-fleet' ONCE='$(ONCE)' PORT='$(PORT)' PHONES='$(PHONES)' $(BIN)/python -m demo.dev_fleet

# The demo with one part broken on purpose must fail: proof that it would notice.
demo-sabotage:
	@tools/set-up demo
	$(IN_MEMORY) $(BIN)/python -m pytest -n auto tests/sabotage

test:
	@tools/set-up
	$(IN_MEMORY) $(BIN)/python -m pytest -n $$(($$(nproc) + 2)) --dist worksteal --ignore=tests/sabotage

# For work in between: no browser, no PostgreSQL, no killed process (tests/slow.py).
test-fast:
	@tools/set-up
	$(IN_MEMORY) $(BIN)/python -m pytest -n auto --dist worksteal -m 'not slow'

# What `make test` does on SQLite alone (tests/server/databases.py), but for what asks no more of a database than others do.
test-postgresql:
	@tools/set-up
	$(IN_MEMORY) $(BIN)/python -m pytest -n $$(($$(nproc) + 2)) --dist worksteal --database postgresql \
		--ignore=tests/server/test_schemathesis.py $(ON_POSTGRESQL)

# The tests that run commands on a phone, in front of a genuine shell; emulated, a program takes 0.1 to 0.3 s to start.
test-system-root:
	@test -n '$(SYSTEM_ROOT)' || { echo 'Which system? make test-system-root SYSTEM_ROOT=FOLDER' >&2; exit 2; }
	@tools/set-up
	CURFEW_SYSTEM_ROOT='$(SYSTEM_ROOT)' $(BIN)/python -m pytest tests/system_root \
		tests/on_phone/test_reading.py tests/on_phone/test_watching.py tests/on_phone/test_spool.py

lint:
	@tools/set-up lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	shellcheck $(SHELL_SCRIPTS)

format:
	@tools/set-up lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

dist:
	@tools/set-up lint
	@tools/dist

man:
	@tools/set-up demo
	$(BIN)/python -m certs.man_pages build/man

bench:
	@tools/set-up
	$(BIN)/python -m tests.benchmarks

pictures:
	@tools/set-up
	$(BIN)/python -m tests.pictures

fuzz:
	@tools/set-up
	$(BIN)/python -m tests.fuzz 60

clean:
	rm -rf .venv .phone-userland .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
