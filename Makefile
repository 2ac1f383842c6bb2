# Every target sets up its own environment from nothing: Python 3.11 with venv and a package index are enough.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint bench clean

# Classify 360 handwritten digits on a Loihi 2 that need not exist.
demo: $(VENV)/run.stamp
	@mkdir -p out
	$(BIN)/neurosim run digits --chip loihi2 --trace out/demo.h5 --force
	$(BIN)/neurosim report out/demo.h5 --png out/demo.png --force --quiet

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/run.stamp
	$(BIN)/python benchmarks/noc.py

clean:
	rm -rf $(VENV) out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/run.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	$(BIN)/python -m neurosim.warm              # compiles the kernels, once
	touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,lint]'
	$(BIN)/python -m neurosim.warm
	touch $@ $(VENV)/run.stamp
