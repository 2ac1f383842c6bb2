"""Networks as other people's programs take them.

`to_nir` writes a NIR file. `to_torch` gives a quantised network as a PyTorch module that computes what the chip
computes, bit for bit, and can be trained; PyTorch is loaded when it is called, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurosim.errors import OptionError
from neurosim.export.nir import to_nir
from neurosim.graph import Network

if TYPE_CHECKING:
    from neurosim.export.torch_module import FixedPointNetwork

__all__ = ["to_nir", "to_torch"]


def to_torch(network: Network, *, surrogate_width: float = 1.0) -> FixedPointNetwork:
    """Return a quantised network as a PyTorch module; see `neurosim.export.torch_module`.

    Raises
    ------
    OptionError     if PyTorch is not installed; if float64 cannot hold all integers, with the arithmetic; if a format
                    rounds at random, or refuses what does not fit
    NetworkError    if the network is not quantised, or a model is not supported
    """
    try:
        from neurosim.export.torch_module import FixedPointNetwork
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "torch":
            raise
        raise OptionError("to_torch needs PyTorch, which is not installed",
                          mend="install the extra `torch`: pip install 'neurosim-chips[torch]'") from None
    return FixedPointNetwork(network, surrogate_width=surrogate_width)
