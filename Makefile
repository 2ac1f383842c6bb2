# Every target sets up its own environment from nothing: Python 3.11 with venv and a package index are enough.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test test-kernels test-extras lint docs bench bench-peers clean

# Classify 360 handwritten digits on a Loihi 2 that need not exist; channels fused, which takes fewer packets to simulate.
demo: $(VENV)/run.stamp
	@mkdir -p out
	$(BIN)/neurosim run digits --chip loihi2 --set mapping.ssm=fused --trace out/demo.h5 --force
	$(BIN)/neurosim report out/demo.h5 --png out/demo.png --force --quiet

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2 --durations=12

# The kernels with every index checked, and as plain Python: a read out of bounds is silent otherwise.
test-kernels: $(VENV)/dev.stamp
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$(VENV)/checked $(BIN)/python -m pytest -q -n 2 tests/models tests/noc \
		tests/engine/test_reference.py tests/engine/test_compiled.py
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q -n 2 tests/models tests/noc/test_wheel.py \
		tests/engine/test_reference.py tests/mapping/test_place.py tests/mapping/test_lower.py \
		--ignore tests/models/fixed   # they do both by themselves

# What needs the extras: studies and clusters, exports, the site with its notebooks. Tests of pages want Chromium, too.
test-extras: $(VENV)/extras.stamp
	$(BIN)/python -m pytest -q -n 2 tests/explore tests/export tests/docs tests/report/html

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy

# The site of docs/, with its reference made from docstrings and commands: docs/_build/html/index.html.
docs: $(VENV)/docs.stamp
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q -b html docs docs/_build/html

# Own code against limits and loops by hand; writes benchmarks/results and benchmarks/RESULTS.md.
bench: $(VENV)/run.stamp
	$(BIN)/python benchmarks/run.py

# The same networks in other simulators, each installed from PyPI into an environment below build/peers.
bench-peers: $(VENV)/run.stamp
	$(BIN)/python benchmarks/peer_environments.py
	$(BIN)/python benchmarks/run.py --peers

clean:
	rm -rf $(VENV) out build dist docs/_build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/run.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	$(BIN)/python -m neurosim.warm              # compiles the kernels, once
	touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,lint]'
	$(BIN)/python -m neurosim.warm --all        # so that two workers do not both compile
	touch $@ $(VENV)/run.stamp

$(VENV)/extras.stamp: $(VENV)/dev.stamp
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[explore,export,docs]'
	touch $@

$(VENV)/docs.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@
