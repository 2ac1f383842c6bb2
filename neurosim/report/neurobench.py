"""The metrics of NeuroBench, by its names and definitions, of a recorded run; docs/report.md tells them in full.

Source: NeuroBench 2.3.0; Yik et al. 2025, "The NeuroBench framework for benchmarking neuromorphic computing algorithms
and systems". They are of the model, not of the chip: nothing of mapping, formats or hardware enters them.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.errors import TraceError
from neurosim.report.quantities import shortened
from neurosim.traces.schema import Int64Array
from neurosim.traces.trace import Spikes, Trace

NOTE = "connections"                    # of the provenance
VERSION = 1
BLOCK = 2**19
DIGITS = 4                              # of the connection sparsity, as NeuroBench rounds it
MOST_NEURONS = 2**26


class _UnknownError(Exception):
    """A figure that the trace does not hold; the text says why."""


@dataclass(frozen=True)
class NeuroBench:
    """NeuroBench's metrics; None where the trace does not tell, `without` says why.

    effective_macs, effective_acs : synaptic operations of a sample in which neither value nor weight is zero: of values
        (multiply and accumulate), and of -1, 0 and 1 alone (accumulate)
    dense : the same if nothing were zero
    activation_sparsity : share of the activations that are zero
    connection_sparsity : share of the weights that are zero, to four digits
    footprint_bytes : of parameters and buffers; footprint_basis: where they come from
    """

    effective_macs: float | None
    effective_acs: float | None
    dense: float | None
    activation_sparsity: float | None
    connection_sparsity: float | None
    footprint_bytes: int
    footprint_basis: str
    without: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain data under NeuroBench's names."""
        return {
            "SynapticOperations": {"Effective_MACs": self.effective_macs, "Effective_ACs": self.effective_acs,
                                   "Dense": self.dense},
            "ActivationSparsity": self.activation_sparsity, "ConnectionSparsity": self.connection_sparsity,
            "Footprint": self.footprint_bytes, "footprint_basis": self.footprint_basis, "without": self.without,
        }


def neurobench(trace: Trace) -> NeuroBench | None:
    """Return the metrics of a run; None where its trace does not tell the connections of the network.

    Raises
    ------
    TraceError : /provenance/connections is not what it should be
    """
    text = trace.provenance.get(NOTE)
    if text is None:
        return None
    try:
        facts = json.loads(text)
        if facts["version"] != VERSION:
            return None
        return _metrics(trace, facts)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, zlib.error) as error:
        raise TraceError(f"{trace.path}: /provenance/{NOTE} = {shortened(text, 60)}",
                         allowed="what `neurosim run` notes there",
                         mend="run again with this version of neurosim") from error


def _metrics(trace: Trace, facts: Mapping[str, Any]) -> NeuroBench:
    layers, reasons = facts["layers"], []
    macs = acs = sparsity = None
    try:
        macs, acs = (total / max(1, trace.n_samples) for total in _operations(trace, facts))
    except _UnknownError as reason:
        reasons.append(f"no effective operations: {reason}")
    try:
        sparsity = _activation_sparsity(trace, facts["activations"])
    except _UnknownError as reason:
        reasons.append(f"no activation sparsity: {reason}")
    dense = sum(int(layer["dense"]) * _n_tokens(trace, layer) for layer in layers) / max(1, trace.n_samples)
    weights, zeros = (sum(int(layer[key]) for layer in layers) for key in ("weights", "zeros"))
    return NeuroBench(
        macs, acs, dense, sparsity, _rounded(zeros, weights) if weights else None, int(facts["footprint"]["bytes"]),
        str(facts["footprint"]["basis"]), "; ".join(dict.fromkeys(reasons)))


def _rounded(zeros: int, weights: int) -> float:
    """Return a share as NeuroBench does: divided in float32, rounded to four digits."""
    return round(float(np.float32(zeros) / np.float32(weights)), DIGITS)


def _n_tokens(trace: Trace, item: Mapping[str, Any]) -> int:
    """Return how many tokens a layer or population took, all samples together."""
    return int((trace.samples.n_tokens // max(1, int(item["period"]))).sum())


def _operations(trace: Trace, facts: Mapping[str, Any]) -> tuple[int, int]:
    """Return (MACs, ACs) of the whole run."""
    if trace.n_samples != facts["samples"]:
        raise _UnknownError("the run did not end")
    given = {int(row["layer"]): (int(row["macs"]), int(row["acs"])) for row in facts["inputs"]}
    macs = acs = 0
    for index, layer in enumerate(facts["layers"]):
        more = given[index] if index in given else _layer_operations(trace, layer)
        macs, acs = macs + more[0], acs + more[1]
    return macs, acs


def _layer_operations(trace: Trace, layer: Mapping[str, Any]) -> tuple[int, int]:
    group = _group(trace, layer["source"], layer["output"])
    counts = _counts(layer["fan_out"], trace, layer["source"])
    if trace.group_kind(group) != "graded":
        return 0, sum(int(counts[spikes.neuron].sum()) for spikes in _blocks(trace, group))
    macs = acs = 0
    for sample in range(trace.n_samples):       # which of a token's values there are decides for all of them
        spikes = trace.spikes(group, sample, sample + 1)
        nonzero = spikes.value != 0
        _, token = np.unique(spikes.step[nonzero], return_inverse=True)
        operations = np.bincount(token, weights=counts[spikes.neuron[nonzero]])
        graded = np.bincount(token, weights=np.abs(spikes.value[nonzero]) != 1) > 0
        macs, acs = macs + int(operations[graded].sum()), acs + int(operations[~graded].sum())
    return macs, acs


def _activation_sparsity(trace: Trace, activations: list[Mapping[str, Any]]) -> float | None:
    """Return the share of activations that are zero; None without activations."""
    total = fired = 0
    for item in activations:
        group = _group(trace, item["population"], item["output"])
        total += int(item["size"]) * _n_tokens(trace, item)
        fired += sum(int(np.count_nonzero(spikes.value)) for spikes in _blocks(trace, group))
    return (total - fired) / total if total else None


def _group(trace: Trace, population: str, output: str) -> str:
    """Return the group of spikes of an output; raise where the trace does not hold it."""
    own = [index for index, name in enumerate(trace.header.output_names) if name == f"{population}/{output}"
           or name == population]      # the one output of a population has its name
    if not own:
        raise _UnknownError(f"{population} runs on this chip under other names")
    group = trace.spike_groups[own[0]]
    note = "record_graded" if trace.group_kind(group) == "graded" else "record_spikes"
    if trace.provenance.get(note) != "True":
        raise _UnknownError("values were not recorded (--record all keeps them)" if note == "record_graded" else
                            "spikes were not recorded")
    return group


def _blocks(trace: Trace, group: str) -> Iterator[Spikes]:
    for start in range(0, trace.n_spikes(group), BLOCK):
        yield trace.spike_rows(group, start, start + BLOCK)


def _counts(content: int | str, trace: Trace, source: str) -> Int64Array:
    """Return the fan-out of each neuron of a population."""
    size = trace.header.population_sizes[trace.header.population_names.index(source)]
    if isinstance(content, int):
        return np.full(size, content, np.int64)
    reader = zlib.decompressobj()
    data = reader.decompress(base64.b64decode(content), 4 * min(size, MOST_NEURONS) + 1)
    if len(data) != 4 * size:
        raise ValueError(f"fan_out of {source}: {len(data)} bytes for {size} neurons")
    return np.frombuffer(data, "<u4").astype(np.int64)
