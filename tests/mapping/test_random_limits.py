"""Random networks under random limits of all kinds: whatever is mapped keeps them all, and sends the same spikes."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.errors import CapacityError
from neurosim.graph import Network
from neurosim.mapping import MappingOptions, map_with_details
from tests.mapping.placed import same_outputs, slices
from tests.mapping.test_fan_out import chip, networks
from tests.oracle.limits import violations

LIMITS: dict[str, tuple[int, int]] = {"max_neurons": (1, 12), "max_axons_in": (4, 30), "max_axons_out": (2, 40),
                                      "max_fan_in": (3, 20), "max_fan_out": (1, 6), "max_fan_out_synapses": (4, 24)}


@st.composite
def limits(draw: Any) -> dict[str, Any]:
    """Three of the limits, and words of synaptic memory."""
    names = draw(st.sets(st.sampled_from(sorted(LIMITS)), min_size=1, max_size=3))
    found: dict[str, Any] = {name: draw(st.integers(*LIMITS[name])) for name in sorted(names)}
    memory = {"words": draw(st.integers(4, 60)), "word_bits": draw(st.sampled_from([8, 16, 32, 64])),
              "packing": "words", "index_bits": 4, "delay_bits": draw(st.sampled_from([0, 4]))}
    return {**found, "synapse_memory": memory}


@settings(max_examples=120, deadline=None)
@given(networks(), limits(), st.sampled_from(["pack", "balanced"]))
def test_what_is_mapped_keeps_every_limit(network: Network, drawn: dict[str, Any], strategy: Any) -> None:
    limited = chip(**drawn)
    try:
        result = map_with_details(network, limited, MappingOptions(strategy=strategy))
    except CapacityError as error:
        assert error.need > error.have and error.limit and error.where and "mend: " in str(error)
        return
    assert not violations(result.fitted.network, limited, slices(result))
    for core in result.machine.utilisation:
        assert all(used <= limit or limit < 0 for used, limit in core.values())
    same_outputs(network, result)


def test_some_are_mapped_and_some_are_refused() -> None:
    """The property above is not idle."""
    seen = {True: 0, False: 0}

    @settings(max_examples=120, deadline=None, database=None, derandomize=True)
    @given(networks(), limits())
    def one(network: Network, drawn: dict[str, Any]) -> None:
        try:
            map_with_details(network, chip(**drawn))
            seen[True] += 1
        except CapacityError:
            seen[False] += 1

    one()
    assert min(seen.values()) > 20
