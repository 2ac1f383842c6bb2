"""A run that never ran: random samples with a consistent header, for tests of traces and reports."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from neurosim.events import CHIP_EVENT_INDEX, CHIP_EVENTS, CORE_EVENT_INDEX, CORE_EVENTS
from neurosim.traces.schema import PacketTable, RunHeader, SampleResult, SpikeTable

COLUMNS, ROWS, CORES_PER_TILE = 4, 3, 2
SIZES = {"input": 20, "layer_1": 48, "layer_2": 32, "gate": 16, "readout": 5}
# (population, output, kind): the state-space layer 2 sends ternary spikes and graded values
OUTPUTS = (("input", "spike", 0), ("layer_1", "spike", 0), ("layer_2", "spike", 1), ("layer_2", "value", 2),
           ("gate", "value", 2), ("readout", "value", 2))
N_CORES, N_PORTS = 9, 2
# Values per time step that do not fit their format, on average, in a fixed-point run.
OVERFLOW_RATES = (0.0, 0.4, 0.9, 0.2, 0.1)


def figure(value: float, basis: str = "measured", spread: float = 0.2) -> dict[str, Any]:
    return {"value": value, "low": value * (1 - spread), "high": value * (1 + spread), "basis": basis, "source": "user"}


def chip_mapping() -> dict[str, Any]:
    """Return a small chip as plain data; every figure differs from every other."""
    costs = {name: {"energy_pj": figure(2.0 + 3 * index, "assumed" if index % 4 == 3 else "measured"),
                    "latency_ns": figure(1.0 + index)} for index, name in enumerate(CORE_EVENTS)}
    noc_costs = {name: figure(0.5 + index) for index, name in enumerate(
        ("hop_ew_pj", "hop_ns_pj", "flit_hop_ew_pj", "flit_hop_ns_pj", "tile_local_pj"))}
    latencies = {name: figure(value) for name, value in (
        ("router_latency_ns", 2.0), ("link_latency_ew_ns", 1.0), ("link_latency_ns_ns", 1.5),
        ("eject_latency_ns", 1.0), ("link_cycle_ns", 1.0), ("credit_latency_ns", 1.0))}
    port = {"tile": 0, "packet_latency_ns": figure(5.0), "packet_pj": figure(40.0, "assumed")}
    return {
        "name": "toy", "title": "A toy for tests", "process_nm": 14.0, "area_mm2": 10.0, "sync": "barrier",
        "nominal_step_ns": figure(2000.0), "barrier": [{"tiles": 1, "latency_ns": figure(100.0)}],
        "barrier_pj": figure(15.0, "assumed", 0.9),
        "grid": {"columns": 1, "rows": 1, "link_latency_ns": figure(30.0), "link_cycle_ns": figure(8.0),
                 "hop_pj": figure(90.0, "assumed"), "flit_hop_pj": figure(11.0), "barrier": []},
        "power": {"chip_idle_mw": figure(3.0), "core_active_mw": figure(0.25, "scaled", 0.5)},
        "input_port": port, "output_port": port, "leaves_out": ["everything"],
        "noc": {"topology": "mesh", "routing": "xy", "columns": COLUMNS, "rows": ROWS,
                "cores_per_tile": CORES_PER_TILE, **latencies, "buffer_packets": 4, "multicast": "none",
                "flit_bits": 32, "header_bits": 24, "payload_bits": 16, "self_delivery": "skip", "costs": noc_costs},
        "core": {
            "max_neurons": 1024, "max_axons_in": 4096, "max_axons_out": 4096, "max_fan_in": None, "max_fan_out": None,
            "max_delay_steps": 62, "state_memory_bits": 524288, "shared_memory_bits": None, "weight_bits": 8,
            "state_bits": 24, "parameter_bits": 16, "accumulator_bits": 24, "core_in_packets": "unlimited",
            "pipeline": {"kind": "serial", "skip_zero_weights": True},
            "synapse_memory": {"words": 16384, "word_bits": 64, "packing": "words", "index_bits": 10, "delay_bits": 4},
            "capabilities": {
                "graded_output": True, "ternary_output": True, "dendrite_operators": ["sum"], "dendrite_ports": 4,
                "multiply": True, "lookup_table": True, "complex_state": True, "gated_update": True,
                "programmable": True, "refractory": True, "max_state_words": None, "parameter_profiles": None},
            "costs": costs},
    }


def make_header(n_samples: int = 3, numbers: str = "fixed", **changes: Any) -> RunHeader:
    names = tuple(SIZES)
    slices = tuple((f"{names[1 + core % 4]}[{8 * (core // 4)}:{8 * (core // 4) + 8}]",) for core in range(N_CORES))
    values: dict[str, Any] = {
        "provenance": {"network": "synthetic", "chip": json.dumps(chip_mapping()), "seed": "0"},
        "population_names": names, "population_sizes": tuple(SIZES.values()),
        "output_names": tuple(f"{population}/{output}" for population, output, _ in OUTPUTS),
        "output_population": tuple(names.index(population) for population, _, _ in OUTPUTS),
        "output_kind": tuple(kind for _, _, kind in OUTPUTS), "readout_populations": ("readout",),
        "core_physical": np.array([*range(4, 4 + N_CORES), -1, -1]),
        "core_tile": np.array([*(core // CORES_PER_TILE for core in range(4, 4 + N_CORES)), 0, 0]),
        "core_is_port": np.array([0] * N_CORES + [1] * N_PORTS),
        "columns": COLUMNS, "rows": ROWS, "cores_per_tile": CORES_PER_TILE,
        "core_slices": (*slices, ("input[0:20]",), ()),
        "utilisation": tuple({"neurons": (8 + core, 1024), "synapse_words": (1000 * (core + 1), 16384)}
                             for core in range(N_CORES)),
        "n_samples": n_samples, "schedule": "pipelined", "interval": 1, "depth": 4, "detail": "event",
        "numbers": numbers, "engine": "compiled",
    }
    return RunHeader(**(values | changes))


def make_result(sample: int, *, seed: int = 0, n_tokens: int = 12, packets: bool = False,
                tokens: bool = False, numbers: str = "fixed") -> SampleResult:
    """Return a random sample of `n_tokens` tokens at interval 1 and depth 4."""
    random = np.random.default_rng([seed, sample])
    n_steps, n_core = n_tokens + 3, N_CORES + N_PORTS
    end_ps = np.cumsum(random.integers(1_500_000, 4_000_000, n_steps)).astype(np.int64)
    spikes = _spikes(random, n_steps, end_ps)
    counts = random.integers(0, 30, (n_steps, n_core, len(CORE_EVENTS))).astype(np.int32)
    counts[:, :, CORE_EVENT_INDEX["spike_out"]] = _fired(spikes, n_steps, n_core)
    counts[:, N_CORES:] = 0                     # a port books chip events
    chip = random.integers(0, 200, (n_steps, len(CHIP_EVENTS)))
    chip[:, CHIP_EVENT_INDEX["barrier"]] = 1
    table = _packets(random, counts, chip, end_ps) if packets else None
    apart = np.random.default_rng([seed, sample, 1])     # so that the rest does not depend on the numbers
    overflows = apart.poisson(OVERFLOW_RATES, (n_steps, len(SIZES))) if numbers == "fixed" else None
    return SampleResult(
        sample=sample, n_tokens=n_tokens, readout=random.normal(size=SIZES["readout"]),
        readout_tokens=random.normal(size=(n_tokens, SIZES["readout"])) if tokens else None, step_end_ps=end_ps,
        core_counts=counts, chip_counts=chip, soma_ps=random.integers(0, 500_000, (n_steps, n_core)),
        synapse_ps=random.integers(0, 900_000, (n_steps, n_core)), network_ps=end_ps - 200_000,
        link_packets=random.integers(0, 400, 4 * COLUMNS * ROWS + n_core),
        link_busy_ps=random.integers(0, int(end_ps[-1]) // 2, 4 * COLUMNS * ROWS + n_core),
        queue_peak=random.integers(0, 12, n_core), spikes=spikes, packets=table,
        overflows=overflows)


def _spikes(random: np.random.Generator, n_steps: int, end_ps: np.ndarray) -> SpikeTable:
    rows = []
    for output, (population, _, kind) in enumerate(OUTPUTS):
        fired = random.random((n_steps, SIZES[population])) < (0.1 if kind < 2 else 0.3)
        step, neuron = np.nonzero(fired)
        drawn = random.normal(size=len(step))
        value = {0: np.ones(len(step)), 1: np.sign(drawn), 2: drawn}[kind]
        rows.append((step, np.full(len(step), output), neuron, value, end_ps[step] - 1_000_000 + 5_000 * neuron))
    step, output, neuron, value, time_ps = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.lexsort((neuron, output, step))
    return SpikeTable(step[order].astype(np.int32), output[order].astype(np.int32), neuron[order], value[order],
                      time_ps[order])


def _fired(spikes: SpikeTable, n_steps: int, n_core: int) -> np.ndarray:
    """Spread the fired outputs over the cores, but for the inputs."""
    fired = np.zeros((n_steps, n_core), np.int32)
    rows = spikes.output > 0
    np.add.at(fired, (spikes.step[rows], spikes.neuron[rows] % N_CORES), 1)
    return fired


def _packets(random: np.random.Generator, counts: np.ndarray, chip: np.ndarray, end_ps: np.ndarray) -> PacketTable:
    """Return a packet per packet_out and input_packet, each to one core or port; sets the counts at both ends."""
    n_out = counts[:, :, CORE_EVENT_INDEX["packet_out"]].sum(axis=1) + chip[:, CHIP_EVENT_INDEX["input_packet"]]
    step = np.repeat(np.arange(len(n_out)), n_out).astype(np.int32)
    packet = np.concatenate([np.arange(count) for count in n_out]).astype(np.int64)
    core = random.integers(0, N_CORES + 1, len(step))
    core[core == N_CORES] = N_CORES + N_PORTS - 1
    inside = core < N_CORES
    counts[:, :, CORE_EVENT_INDEX["packet_in"]] = 0
    np.add.at(counts, (step[inside], core[inside], CORE_EVENT_INDEX["packet_in"]), 1)
    chip[:, CHIP_EVENT_INDEX["output_packet"]] = np.bincount(step[~inside], minlength=len(n_out))
    inject = end_ps[step] - 900_000
    return PacketTable(step, packet, packet * 3, core, inject, inject + random.integers(5_000, 90_000, len(step)))
