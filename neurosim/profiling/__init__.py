"""`profile(module, inputs, chip)` for live PyTorch networks: one call, one table."""

from neurosim.profiling.result import ChipProfile, LayerProfile, ProfileResult
from neurosim.profiling.run import profile

__all__ = ["ChipProfile", "LayerProfile", "ProfileResult", "profile"]
