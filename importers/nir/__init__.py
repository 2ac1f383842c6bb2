"""NIR, the Neuromorphic Intermediate Representation: networks that many frameworks write.

A file holds differential equations; `importers.nir.settings` says how they become time steps, `importers.nir.neurons`
gives the steps, `importers.nir.terms` how chains of stateless nodes become projections.

    import_nir("braille.nir")                                   # snnTorch, told by its numbers
    import_nir("lif.nir", framework="nengo", dt=1e-3)

Source: Pedersen et al., "Neuromorphic intermediate representation: a unified instruction set for interoperable
brain-inspired computing", Nature Communications 15 (2024) 8122; nir 1.0.8, https://github.com/neuromorphs/NIR.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from importers.nir.assemble import assembled, report_lines
from importers.nir.build import Builder
from importers.nir.file import read_nir, recognises
from importers.nir.flat import FlatGraph, flatten
from importers.nir.primitives import SUPPORTS
from importers.nir.repair import repaired
from importers.nir.settings import Settings, resolve
from importers.option_values import listed
from importers.result import ImportReport, ImportResult
from neurosim.errors import DataError, NetworkError
from neurosim.graph import Network

__all__ = ["SUPPORTS", "import_nir", "recognises"]


def import_nir(
    source: str | Path, *, name: str | None = None, framework: str = "auto", dt: float | None = None,
    tau_unit: str | None = None, integration: str | None = None, synapse: str | None = None,
    current: str | None = None, comparator: str | None = None, reset: str | None = None,
    recurrent_start: str | None = None, layer_delay_steps: int | None = None, weight_layout: str | None = None,
    payload: str | None = None, feedback: str | Sequence[str] | None = None, unfinished: bool = False,
) -> ImportResult:
    """Read a NIR graph. What is not given comes from the framework's preset; the report says which.

    Parameters
    ----------
    name : of the network; the file's name by default
    framework : `auto` (told by the numbers, else `generic`), `generic`, `snntorch`, `norse`, `norse_export`, `sinabs`,
        `spikingjelly`, `rockpool`, `lava`, `nengo`; see `importers.nir.settings`
    dt : time step in seconds
    tau_unit : of time constants and delays: `s`, `ms`, `steps`, or `s*dt`, seconds times the time step
    integration : `euler`, `exact`, `exponential` or `rockpool`; see `importers.nir.neurons`
    synapse : gain of a synaptic current: `integrated` like the membrane's, or `jump`: w_in itself
    current : the membrane sees the synaptic current of this step (`new`) or of the step before (`previous`)
    comparator : a neuron fires where v `>` or `>=` v_threshold; Threshold is always `>`
    reset : `hard` to v_reset, `soft`: less the threshold, or `soft_delayed`, `hard_delayed`; see `importers.neurons`
    recurrent_start : what a loop brings at the first step: its `bias`, or nothing (`silent`)
    layer_delay_steps : 1: every projection into neurons takes a step, as on Lava
    weight_layout : `out,in`, or `in,out` as Rockpool wrote them
    payload : of the inputs: `graded` values or `spike`
    feedback : edges `source->target`, listed or with commas between, that carry a delay of one step, for loops through
        several neuron nodes
    unfinished : read a file whose writer stopped half way, as sinabs 3.1 leaves it: types are told by parameters,
        edges by order

    Raises
    ------
    DataError       the file, its nodes, shapes or values
    OptionError     an option that is unknown or outside its range
    """
    given = {"dt": dt, "tau_unit": tau_unit, "integration": integration, "synapse": synapse, "current": current,
             "comparator": comparator, "reset": reset, "recurrent_start": recurrent_start,
             "layer_delay_steps": layer_delay_steps, "weight_layout": weight_layout, "payload": payload,
             "feedback": listed(feedback)}
    stored = read_nir(source, unfinished=unfinished)
    notes: list[str] = []
    graph = flatten(repaired(stored.graph, stored.path, notes) if unfinished else stored.graph, stored.path)
    settings, origins = resolve(graph, framework, given)
    builder = Builder(graph, settings)
    builder.notes += [*notes, *_remarks(graph, settings)]
    metadata = {"importer": "nir", "source": Path(stored.path).name, "nir_version": stored.version,
                "framework": settings.framework, "dt_s": repr(settings.dt)}
    try:
        builder.build()
        populations, projections = assembled(builder)
        network = Network(name or Path(stored.path).stem, tuple(populations), tuple(projections),
                          tuple(dict.fromkeys(builder.readouts)), metadata)
    except NetworkError as error:
        raise DataError(f"{stored.path}: {str(error).splitlines()[0]}", allowed=error.allowed, mend=error.mend) \
            from error
    return ImportResult(network, ImportReport(report_lines(builder), origins, tuple(builder.notes)))


def _remarks(graph: FlatGraph, settings: Settings) -> list[str]:
    """Return what the user should know before trusting the numbers."""
    kinds = {node.kind for node in graph.nodes.values()}
    remarks = []
    firing = kinds & {"IF", "LIF", "CubaLIF"}
    if firing and settings.framework in ("snntorch", "spikingjelly") and settings.reset == "hard":
        remarks.append("NIR cannot tell a subtractive reset: if the network was trained with one, give reset=soft, or "
                       "reset=soft_delayed for snnTorch with its default reset_delay")
    if firing and settings.framework == "sinabs":
        remarks.append("sinabs lets a neuron spike several times in a step unless spike_fn=SingleSpike; here it spikes "
                       "at most once")
    if any(node.fields.get("v_leak") is not None and _has_leak(node.fields["v_leak"]) for node in graph.nodes.values()):
        remarks.append("all potentials start at 0, also where v_leak is another value")
    return remarks


def _has_leak(stored: object) -> bool:
    return not isinstance(stored, str) and bool(getattr(stored, "any", bool)())
