"""Engines: a machine and inputs in, `SampleResult`s out. See `contract`."""

from neurosim.engine.contract import RunOptions
from neurosim.engine.run import header, run

__all__ = ["RunOptions", "header", "run"]
