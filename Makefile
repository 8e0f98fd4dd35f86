# The one task runner. `make demo` and `make test` need Python 3.11 or newer and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DATASET ?= online-retail
OUT ?= out/demo
WORKERS ?= 2
PROTOS := $(wildcard protos/feddmf/wire/*.proto)

# Data sets that stand beside the checkout are used without a download.
ifneq ($(wildcard ../shared/data),)
export FEDDMF_DATA_DIR ?= $(abspath ../shared/data)
endif
# One thread a process: processes that share cores slow one another down by far more than they gain.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test results bench bench-full fuzz faults soak install check format types lint protos protos-check docs docs-check site vendor release lock test-coordinator test-postgres clean

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

demo: install ## The main job on real data: DATASET=online-retail or ml-latest-small.
	$(BIN)/feddmf demo --dataset $(DATASET) --out $(OUT)

test: install ## The whole suite; loops are compiled before it, once and not in every process.
	$(BIN)/python tests/support/warm.py
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

install: $(STAMP) ## The environment, in .venv.

# torch comes first and alone, so that nothing pulls another build of it; the rest is pinned with hashes.
$(STAMP): pyproject.toml requirements/torch.txt requirements/all.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "FedDMF needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps -r requirements/torch.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/all.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

check: lint types protos-check docs-check ## Lint, types and drift checks.

# A million inputs over all readers; what breaks one lies in out/fuzz, with the seed that makes it again.
FUZZ_INPUTS ?= 50000
FUZZ_SECONDS ?= 600
FUZZ_SEED ?= 1
fuzz: install ## Readers of what others wrote: FUZZ_INPUTS and FUZZ_SECONDS at most a reader, FUZZ_SEED.
	FUZZ_INPUTS=$(FUZZ_INPUTS) FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_SEED=$(FUZZ_SEED) $(BIN)/python -m pytest \
	  -n $(WORKERS) --dist worksteal --timeout 0 -rP tests/fuzz

# One process killed in each run; what went wrong is had again with its seed: make faults SEED=1017 RUNS=1
SEED ?= 1
RUNS ?= 200
faults: install ## RUNS runs from SEED on, a random kill of coordinator or party in each: same bytes at the end.
	$(BIN)/python tests/support/warm.py
	FAULT_SEED=$(SEED) FAULT_RUNS=$(RUNS) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -rA tests/faults/test_kills.py

SOAK_MINUTES ?= 30
SOAK_PARTIES ?= 8
soak: install ## Runs back to back for SOAK_MINUTES, SOAK_PARTIES parties, a fault every 10 s; SEED.
	$(BIN)/python tests/support/warm.py
	SOAK_SEED=$(SEED) SOAK_MINUTES=$(SOAK_MINUTES) SOAK_PARTIES=$(SOAK_PARTIES) $(BIN)/python -m pytest \
	  --timeout 0 -s tests/faults/soak.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy
	$(BIN)/mypy --strict release/*.py

format: install ## Format the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

protos: install ## Generate the wire's messages from protos/.
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos \
	  --python_out=core --grpc_python_out=core --mypy_out=quiet:core --mypy_grpc_out=quiet:core $(PROTOS)

protos-check: install
	rm -rf out/protos && mkdir -p out/protos
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos \
	  --python_out=out/protos --grpc_python_out=out/protos --mypy_out=quiet:out/protos \
	  --mypy_grpc_out=quiet:out/protos $(PROTOS)
	@for made in out/protos/feddmf/wire/*; do \
	  cmp "$$made" "core/feddmf/wire/$$(basename $$made)" || { echo "run: make protos"; exit 1; }; done

docs: install ## Write docs/reference.md from the code, docs/RESULTS.md from docs/results/.
	$(BIN)/python docs/generate.py

docs-check: install
	$(BIN)/python docs/generate.py --check

site: install ## The documentation as a site, in out/site.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir out/site

vendor: install ## Fetch anew what the pages load of other projects, as vendor.toml names it (npm).
	$(BIN)/python release/vendored.py

release: install ## Wheel, sdist, bill of materials and checksums in out/dist, proven in an environment of their own.
	$(BIN)/python release/releasing.py

# Every published experiment in full, some hours on one core; JOBS processes share the work.
JOBS ?= $(WORKERS)
results: install ## Run all published experiments in full: docs/RESULTS.md.
	$(BIN)/feddmf reproduce all --jobs $(JOBS) --out docs

# Speed against baselines; at SCALE=full some hours, and the rows are those of docs/PERFORMANCE.md.
SCALE ?= usual
BENCH_OUT ?= out/bench
SUITES := train growth ranks align wire load score console parties end-to-end
bench: install ## Every benchmark: SCALE=small, usual or full.
	mkdir -p $(BENCH_OUT)
	for suite in $(SUITES); do $(BIN)/feddmf bench $$suite --scale $(SCALE) --out $(BENCH_OUT)/bench-$$suite.json || exit 1; done

bench-full: ## What docs/PERFORMANCE.md is made of.
	$(MAKE) bench SCALE=full BENCH_OUT=docs/results
	$(MAKE) docs

# The neutral side in an environment of its own, without torch and without the party's libraries.
COORDINATOR := out/coordinator-venv
test-coordinator: ## The coordinator's suite where there is no torch.
	test -d $(COORDINATOR) || $(PYTHON) -m venv $(COORDINATOR)
	$(COORDINATOR)/bin/python -m pip install --quiet --require-hashes -r requirements/coordinator.txt
	$(COORDINATOR)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	! $(COORDINATOR)/bin/python -c 'import torch' 2>/dev/null
	$(COORDINATOR)/bin/python -m pytest tests/coordinator

# A server of its own, from Debian's package, is started by the tests and gone with them.
ON_POSTGRES := tests/coordinator $(addprefix tests/federation/test_, coordinator_backup.py coordinator_resume.py leaving.py receipts.py \
  safekeeping.py scheduling.py submitting.py)
test-postgres: install ## The coordinator's suite, and runs with kill and resume, with its state in PostgreSQL.
	FEDDMF_TEST_DATABASE=postgresql $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ON_POSTGRES)

lock: install ## Pin the requirement files anew.
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" --override requirements/overrides.txt --extra all --extra dev --extra docs \
	  pyproject.toml requirements/torch-needs.in -o requirements/all.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" -c requirements/all.txt --extra console \
	  pyproject.toml requirements/coordinator.in -o requirements/coordinator.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" -c requirements/all.txt --extra postgres --extra console --extra otel \
	  pyproject.toml requirements/build.in -o requirements/image-coordinator.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" -c requirements/all.txt --override requirements/overrides.txt \
	  --extra party --extra api --extra sql --extra otel \
	  pyproject.toml requirements/build.in requirements/torch-needs.in -o requirements/image-party.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" -c requirements/all.txt --override requirements/overrides.txt --extra all \
	  pyproject.toml requirements/torch-needs.in -o requirements/release.txt

clean: ## Remove what was made here.
	rm -rf $(VENV) out
