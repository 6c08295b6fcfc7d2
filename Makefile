# `make search` searches; `make check` and `make test` are enough for most changes; CI runs
# `make test-cluster` as well. What takes long (`make chaos FROM=0 RUNS=100`, `make test-long`,
# `make hosts`, `make bench`) has a short form in one of these.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FROM ?= 0
RUNS ?= 10

.PHONY: search test test-cluster test-long check docs docs-check audit chaos hosts bench format clean

search: $(VENV)/ready
	$(BIN)/python -m search launch --trials 200

# Many tests start processes, which would compile the packages each time without bytecode.
PROCESSES := 2
PYTEST = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest \
	--numprocesses $(PROCESSES) --dist worksteal --durations 20

# One more than two cores: tests wait for databases, leases and other processes.
test: PROCESSES := 3
test: $(VENV)/ready
	$(PYTEST) -m 'not cluster and not long'

test-cluster: $(VENV)/ready
	$(PYTEST) -m 'cluster and not long'

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/docs.py --check

docs: $(VENV)/ready
	$(BIN)/python .ci/docs.py

docs-check: $(VENV)/ready
	$(BIN)/python .ci/docs.py --check

# Fails where a package could not be looked up, as it does without a way to PyPI.
audit: $(VENV)-audit/ready
	$(VENV)-audit/bin/python .ci/audit.py

test-long: $(VENV)/ready
	$(PYTEST) -m long

chaos: $(VENV)/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos --from $(FROM) --runs $(RUNS)

hosts: $(VENV)/ready
	OMP_NUM_THREADS=1 UMSS_HOSTS_REQUIRED=1 $(BIN)/python -m pytest tests/hosts -m 'long or not long' --verbose

bench: $(VENV)/ready
	$(BIN)/python -m benchmarks

format: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)-audit/ready: constraints.txt
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet --constraint constraints.txt 'pip-audit>=2.10'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-audit build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
