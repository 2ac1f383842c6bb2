"""Live PyTorch networks: run once under observation, and rebuilt as populations and projections.

    live = read_live(module, inputs)        # live.network, live.inputs, live.spikes

`origin` numbers all values, `torch_shadow` and `torch_watch` follow them through PyTorch, `neurons` and a file for each
framework say what its neurons do, `synapses` and `build` make the network. PyTorch is loaded when it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurosim.errors import OptionError

if TYPE_CHECKING:
    from importers.live.build import LiveNetwork

__all__ = ["read_live"]


def read_live(module: Any, inputs: Any, *, time_axis: int | None = None, steps: int | None = None,
              per_step: bool | None = None, name: str | None = None) -> LiveNetwork:
    """Run a PyTorch module once on `inputs`, and return it as a network, with what its neurons sent.

    Parameters
    ----------
    module : built of neurons of snnTorch, SpikingJelly, Norse or Sinabs, and of layers between them
    inputs : tensor or array [sample, …]; with `time_axis` [time, sample, …] (0) or [sample, time, …] (1)
    time_axis : which axis of the inputs is time; None: they have none
    steps : call the module so often with the same inputs (for modules that take one step per call)
    per_step : whether one call of the module is one time step; by default it is where `steps` is given, or `time_axis`
        and no neuron takes whole sequences
    name : of the network; the class of the module by default

    Raises
    ------
    NetworkError    layers or operations that have no counterpart, all at once; a module in training mode or not on cpu
    DataError       inputs that do not fit; a forward that raises
    OptionError     options that contradict each other; PyTorch is not installed
    """
    try:
        from importers.live.torch_read import read_module
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "torch":
            raise
        raise OptionError("profile needs PyTorch, which is not installed",
                          mend="install the extra `torch`: pip install 'neurosim-chips[torch]'") from None
    return read_module(module, inputs, time_axis=time_axis, steps=steps, per_step=per_step, name=name)
