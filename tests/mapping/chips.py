"""Chips for the tests of the mapping, with limits that a test can set."""

from __future__ import annotations

from typing import Any

from hw_models.core_schema import Capabilities, Core, CorePipeline, SynapseMemory
from hw_models.schema import Chip


def figure(value: float) -> dict[str, Any]:
    return {"value": value, "low": value, "high": value, "basis": "assumed", "source": "user"}


def cost(latency_ns: float, energy_pj: float = 1.0) -> dict[str, Any]:
    return {"energy_pj": figure(energy_pj), "latency_ns": figure(latency_ns)}


LATENCY_NS = {
    "soma_active": 8.4, "soma_inactive": 5.3, "program_active": 20.0, "program_inactive": 10.0, "mode_update": 2.5,
    "spike_out": 3.0, "packet_out": 5.1, "packet_in": 16.0, "synapse_read": 1.5, "synapse_dense": 3.8,
    "synapse_sparse": 4.7, "synapse_conv": 3.1, "dendrite": 0.2,
}

# Fields of the schema that have a default.
OPTIONAL = {name for model in (Chip, Core, CorePipeline, Capabilities, SynapseMemory)
            for name, field in model.model_fields.items() if not field.is_required()}


def make_chip(**changes: Any) -> Chip:
    """Return a capable chip of 4 x 2 tiles with 2 cores each; keys such as `core__max_neurons` change fields."""
    data: dict[str, Any] = {
        "name": "test-chip", "title": "a chip for tests", "process_nm": 7, "area_mm2": None, "sync": "barrier",
        "nominal_step_ns": figure(1000.0),
        "barrier": [{"tiles": 1, "latency_ns": figure(100.0)}, {"tiles": 8, "latency_ns": figure(450.0)}],
        "barrier_pj": figure(0.0), "power": {"chip_idle_mw": figure(1.0), "core_active_mw": figure(0.1)},
        "input_port": {"tile": 0, "packet_latency_ns": figure(7.0), "packet_pj": figure(1.0)},
        "output_port": {"tile": 3, "packet_latency_ns": figure(9.0), "packet_pj": figure(1.0)},
        "noc": {
            "topology": "mesh", "routing": "xy", "columns": 4, "rows": 2, "cores_per_tile": 2,
            "router_latency_ns": figure(2.0), "link_latency_ew_ns": figure(1.0), "link_latency_ns_ns": figure(1.5),
            "eject_latency_ns": figure(0.5), "link_cycle_ns": figure(0.25), "credit_latency_ns": figure(1.0),
            "buffer_packets": 4, "multicast": "none", "flit_bits": 32, "header_bits": 24, "payload_bits": 16,
            "self_delivery": "skip",
            "costs": {name: figure(1.0) for name in ("hop_ew_pj", "hop_ns_pj", "flit_hop_ew_pj", "flit_hop_ns_pj",
                                                     "tile_local_pj")}},
        "core": {
            "max_neurons": 1024, "max_axons_in": 4096, "max_axons_out": 4096, "max_fan_in": None,
            "max_fan_out": None, "max_delay_steps": 62,
            "synapse_memory": {"words": 16384, "word_bits": 64, "packing": "words", "index_bits": 10,
                               "delay_bits": 0},
            "state_memory_bits": 2**21, "shared_memory_bits": None, "weight_bits": 8, "state_bits": 24,
            "parameter_bits": 16, "accumulator_bits": 24,
            "pipeline": {"kind": "serial", "skip_zero_weights": True}, "core_in_packets": "unlimited",
            "capabilities": {
                "models": "any", "graded_output": True, "ternary_output": True,
                "dendrite_operators": ["sum", "max", "max_abs"], "dendrite_ports": 8, "multiply": True,
                "lookup_table": True, "complex_state": True, "gated_update": True, "programmable": True,
                "refractory": True, "convolution": False, "max_state_words": None, "parameter_profiles": None},
            "costs": {name: cost(latency_ns) for name, latency_ns in LATENCY_NS.items()}},
        "leaves_out": [],
    }
    for path, value in changes.items():
        *groups, last = path.split("__")
        place = data
        for group in groups:
            place = place[group]
        assert last in place or last in OPTIONAL, path
        place[last] = value
    return Chip.model_validate(data)


def limited(**limits: Any) -> Chip:
    """Return the chip with other fields of its core."""
    return make_chip(**{f"core__{name}": value for name, value in limits.items()})
