"""The advisor: which options of the mapping would make a network fit a chip, or cost less there, measured."""

from neurosim.advisor.advise import advise
from neurosim.advisor.result import Advice, Row

__all__ = ["Advice", "Row", "advise"]
