"""`mapping.glu=relu`: a rectifier in the place of a gated linear unit, for chips that cannot multiply or look up.

    value * sigmoid(gate) + skip   becomes   relu(value) + skip

The gate's synapses go. This is another function: a network must be trained with it, or its accuracy measured.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurosim.errors import OptionError
from neurosim.graph import Network, OneToOneWeights, Population, Projection

VALUE = ".value"


def rectify_gates(network: Network) -> Network:
    """Return the network without gated linear units.

    Raises
    ------
    OptionError            if a unit has formats, which were made for another function
    """
    gated = {item.name: item for item in network.populations if item.model == "glu"}
    for item in gated.values():
        if item.codings:
            raise OptionError(f"mapping.glu=relu with population {item.name!r}, which has formats already",
                              allowed="a network that is not quantised", mend="quantise the network with it: neurosim "
                              "quantize --set mapping.glu=relu")
    populations = [new for item in network.populations for new in (_split(item) if item.name in gated else [item])]
    projections = [new for item in network.projections for new in (_moved(item) if item.target in gated else [item])]
    joined = [Projection(name + VALUE, name, OneToOneWeights(np.ones(item.size))) for name, item in gated.items()]
    return replace(network, populations=tuple(populations), projections=(*projections, *joined))


def _split(unit: Population) -> list[Population]:
    alike = {"direction": unit.direction, "period": unit.period}
    rectifier = Population(unit.name + VALUE, "relu", unit.size, {"bias": unit.parameters["value_bias"]},
                           **alike)      # type: ignore[arg-type]
    return [rectifier, Population(unit.name, "linear", unit.size, change_threshold=unit.change_threshold,
                                  **alike)]    # type: ignore[arg-type]


def _moved(projection: Projection) -> list[Projection]:
    if projection.port == "gate":
        return []
    target = projection.target + VALUE if projection.port == "value" else projection.target
    return [replace(projection, target=target, port="input")]
