"""The importers by name, in the order in which they are asked whether a file is theirs."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from importers.result import ImportResult, Support
from neurosim.errors import OptionError, nearest


class Importer(NamedTuple):
    """One kind of source.

    container : `tensors` (safetensors, PyTorch, npz, msgpack) or `hdf5`
    module : has `recognises`, `SUPPORTS` and the function
    """

    name: str
    title: str
    container: Literal["tensors", "hdf5"]
    module: str
    function: str

    def recognises(self, source: Any) -> bool:
        """Return whether a `TensorFile`, or an open HDF5 file, is of this kind."""
        return bool(importlib.import_module(self.module).recognises(source))

    def read(self) -> Callable[..., ImportResult]:
        """Return the function that imports."""
        function: Callable[..., ImportResult] = getattr(importlib.import_module(self.module), self.function)
        return function

    def supports(self) -> tuple[Support, ...]:
        """Return what it supports, for the documentation."""
        rows: tuple[Support, ...] = importlib.import_module(self.module).SUPPORTS
        return rows

    def options(self) -> dict[str, Any]:
        """Return its options and their defaults."""
        parameters = list(inspect.signature(self.read()).parameters.values())[1:]
        return {parameter.name: parameter.default for parameter in parameters}

    def check_options(self, options: dict[str, Any]) -> None:
        """Raise OptionError for an option that it does not have."""
        known = list(self.options())
        for option in options:
            if option not in known:
                raise OptionError(f"format {self.name}: unknown option {option!r}", allowed=", ".join(known),
                                  mend=nearest(option, known))


IMPORTERS: tuple[Importer, ...] = (
    Importer("state_space", "SpikingSSM, Binary S4D, GSU and S4D checkpoints", "tensors", "importers.state_space",
             "import_state_space"),
    Importer("event_ssm", "Event-SSM parameter trees: S5 layers whose tokens bring their intervals", "tensors",
             "importers.mimo.event_ssm", "import_event_ssm"),
    Importer("s5", "S5 parameter trees: state spaces that mix channels", "tensors", "importers.mimo.s5", "import_s5"),
    Importer("resonate", "balanced resonate-and-fire, resonate-and-fire and adaptive LIF networks", "tensors",
             "importers.resonate", "import_resonate"),
    Importer("snntorch", "state dicts of snnTorch whose order is plain", "tensors", "importers.snntorch_state",
             "import_snntorch_state"),
    Importer("nir", "NIR graphs (`.nir`) of any framework", "hdf5", "importers.nir", "import_nir"),
    Importer("netx", "lava-dl netx networks (`.net`)", "hdf5", "importers.netx", "import_netx"),
)
IMPORTER_BY_NAME: dict[str, Importer] = {importer.name: importer for importer in IMPORTERS}
