"""The network, the chip and the input of the cross-check with SANA-FE, and its formulas on our counts.

SANA-FE and neurosim get the same 8,192 neurons on 32 cores of 256, the same weights, architecture figures and input.
What differs between the two is undone here, and nothing else:

* Its input neurons stand on cores and cost nothing but their messages. Here they are neurons that repeat their input
  one step later; their updates take no time, and all they cost but their packets is left out of the sums.
* Its potentials are whole multiples of 1/64 that decay toward zero: v = trunc(64 leak v) / 64 + charge. Here they are
  fixed-point numbers with six bits behind the point.
* Its tile t lies at column t // 4, row t % 4; the cores are placed so.
* Its barrier is a table without interpolation, every synapse costs what one of a dense row does, and the link into a
  core costs nothing (`architecture`).
* It does not check how many axons and synapses a core can hold.

Source: SANA-FE 2.2.9 with the figures of its arch/loihi.yaml, run on net_x1; its formulas were derived from its
documentation and hold to 1e-13 on its results.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.costs import energy_figures
from hw_models.load import load_chip
from hw_models.schema import BarrierLatency, Chip
from hw_models.unpublished import core_costs, noc_costs
from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX
from neurosim.formats import Coding, Format
from neurosim.graph import Network, OneToOneWeights, Population, Projection, SparseWeights
from neurosim.machine import Machine
from neurosim.validate.data import data_file
from neurosim.validate.placed import map_to_places

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NETWORK = "sanafe/net_x1.npz"
SIMPLE, DETAILED = (f"sanafe/net_x1_results_{model}.json" for model in ("simple", "detailed"))
FILES = (NETWORK, SIMPLE, DETAILED)
CORE_SIZE, FRACTION = 256, 6
RASTER, INPUTS, NEURONS = "raster", "inputs", "neurons"
# What the cores of the network need beyond what the chip has; no figure of energy or time depends on it.
ROOM = ("core.max_axons_in=8192", "core.max_axons_out=32768", "core.synapse_memory.words=65536")


class Net(NamedTuple):
    """The network as recorded. Inputs are neurons 0 to n_inputs - 1."""

    pre: IntArray              # [synapse]
    post: IntArray
    weight: FloatArray
    threshold: FloatArray      # [neuron]
    leak: float
    raster: NDArray[np.uint8]  # [step, input]
    spike_step: IntArray       # [spike] from 1
    spike_neuron: IntArray

    @property
    def n_inputs(self) -> int:
        """Neurons that are inputs."""
        return int(self.raster.shape[1])

    @property
    def n_neurons(self) -> int:
        """Neurons that are not."""
        return len(self.threshold) - self.n_inputs


class Recorded(NamedTuple):
    """What SANA-FE computed. Arrays are [step]; of messages it keeps the sum, and the energy of each step."""

    fired: IntArray
    updated: IntArray
    synapses: IntArray         # synaptic events
    hops: IntArray
    network_j: FloatArray
    total_j: FloatArray
    time_s: FloatArray
    n_messages: int


class Counts(NamedTuple):
    """The same of a run here, inputs as SANA-FE counts them. Arrays are [step]."""

    fired: IntArray
    updated: IntArray          # somata with charge, potential or bias; inputs that fire
    synapses: IntArray
    hops: IntArray
    messages: IntArray
    network_j: FloatArray
    total_j: FloatArray


def read_net(folder: Path) -> Net:
    """Return the recorded network, its input and its spikes; raise DataError if the file is another."""
    with np.load(data_file(folder, NETWORK), allow_pickle=False) as file:
        return Net(file["pre"].astype(np.int64), file["post"].astype(np.int64), file["weight"].astype(np.float64),
                   file["threshold"].astype(np.float64), float(file["leak"]), file["raster"],
                   file["ref_spikes_t"].astype(np.int64), file["ref_spikes_n"].astype(np.int64))


def read_results(folder: Path, name: str) -> Recorded:
    """Return the counts, energies and times that SANA-FE computed; `name` is SIMPLE or DETAILED.

    Raises
    ------
    DataError  if the file is another
    """
    found = json.loads(data_file(folder, name).read_text(encoding="utf-8"))
    column = {key: np.asarray(values, np.float64) for key, values in found["per_step"].items()}
    fired, updated, synapses, hops = (column[key].astype(np.int64) for key in ("fired", "updated", "spikes", "hops"))
    return Recorded(fired, updated, synapses, hops, column["network_energy"], column["total_energy"],
                    column["sim_time"], int(found["results"]["packets_sent"]))


def network_of(net: Net) -> Network:
    """Return the network, quantised as SANA-FE computes it."""
    repeat = {"leak": 0.0, "threshold": 0.5}
    neurons = {"leak": net.leak, "threshold": net.threshold[net.n_inputs:]}
    weights = Coding(Format(8, 0))
    return Network("net_x1", (
        Population(RASTER, "input", net.n_inputs, attributes={"payload": "spike"}),
        Population(INPUTS, "lif", net.n_inputs, repeat, codings=_codings()),
        Population(NEURONS, "lif", net.n_neurons, neurons, {"comparator": ">"}, codings=_codings()),
    ), (
        Projection(RASTER, INPUTS, OneToOneWeights(np.ones(net.n_inputs)), coding=weights),
        Projection(INPUTS, NEURONS, _rows(net, 0, net.n_inputs), delay_steps=1, coding=weights),
        Projection(NEURONS, NEURONS, _rows(net, net.n_inputs, len(net.threshold)), delay_steps=1, coding=weights)))


def architecture() -> Chip:
    """Return chip `loihi-nahuku` with what SANA-FE's model has in another way."""
    chip = load_chip("loihi-nahuku", ROOM)
    costs = core_costs(chip).model_copy(update={"synapse_sparse": core_costs(chip).synapse_dense})
    free = noc_costs(chip).tile_local_pj.model_copy(update={"value": 0.0, "low": 0.0})
    noc = chip.noc.model_copy(update={"costs": noc_costs(chip).model_copy(update={"tile_local_pj": free})})
    # A step of the table holds until the next begins.
    steps = [entry for before, after in zip(chip.barrier, chip.barrier[1:], strict=False)
             for entry in (before, BarrierLatency(tiles=after.tiles - 1, latency_ns=before.latency_ns))]
    apart = {entry.tiles: entry for entry in [*steps, *chip.barrier]}
    return chip.model_copy(update={"core": chip.core.model_copy(update={"costs": costs}), "noc": noc,
                                   "barrier": [apart[tiles] for tiles in sorted(apart)]})


def machine_of(net: Net, chip: Chip) -> Machine:
    """Return the network on `chip`, core i on tile i // 4 as SANA-FE numbers them; inputs take no time."""
    n_cores = len(net.threshold) // CORE_SIZE
    tile, column = divmod(np.arange(n_cores), chip.noc.cores_per_tile)
    places = (tile % chip.noc.rows * chip.noc.columns + tile // chip.noc.rows) * chip.noc.cores_per_tile + column
    cores: dict[str, int | list[int]] = {
        name: [CORE_SIZE] * (size // CORE_SIZE) for name, size in ((INPUTS, net.n_inputs), (NEURONS, net.n_neurons))}
    machine = map_to_places(network_of(net), chip, cores, places.tolist())
    return _without_input_times(machine, net.n_inputs // CORE_SIZE)


def counts_of(net: Net, core_counts: NDArray[np.int32], chip_counts: IntArray, chip: Chip) -> Counts:
    """Return the counts as SANA-FE has them, and its energy of them.

    Energy = neurons x access + updated x update + fired x spike_out + synapses x dense + messages x message_out + hops,
    the cores of the inputs counting with their messages alone. Step 0, in which the input enters, is dropped.

    Parameters
    ----------
    core_counts, chip_counts : of `traces.schema.SampleResult`
    """
    of_core = {name: core_counts[1:, :, index].astype(np.int64) for name, index in CORE_EVENT_INDEX.items()}
    own = {name: values[:, net.n_inputs // CORE_SIZE:].sum(axis=1) for name, values in of_core.items()}
    inputs = of_core["spike_out"][:, :net.n_inputs // CORE_SIZE].sum(axis=1)
    messages = of_core["packet_out"].sum(axis=1)
    hops_ew, hops_ns = (chip_counts[1:, CHIP_EVENT_INDEX[name]] for name in ("hop_ew", "hop_ns"))
    pj = {name: figure.value for name, figure in energy_figures(chip).items()}
    network_pj = messages * pj["packet_out"] + hops_ew * pj["hop_ew"] + hops_ns * pj["hop_ns"]
    core_pj = sum(own[name] * pj[name] for name in ("soma_active", "soma_inactive", "spike_out", "synapse_sparse"))
    return Counts(own["spike_out"] + inputs, own["soma_active"] + inputs, own["synapse_sparse"], hops_ew + hops_ns,
                  messages, network_pj * 1e-12, (network_pj + core_pj) * 1e-12)


def _codings() -> dict[str, Coding]:
    """Return 24 bits, of which six behind the point; the leak is 7/8."""
    word, leak = Coding(Format(24, FRACTION, rounding="toward_zero")), Coding(Format(16, 3))
    return dict.fromkeys(("input", "potential", "threshold", "reset_value", "bias"), word) | {"leak": leak}


def _rows(net: Net, first: int, stop: int) -> SparseWeights:
    """Return the synapses of neurons `first` to `stop` - 1, in order of source and target."""
    chosen = np.flatnonzero((net.pre >= first) & (net.pre < stop))
    order = chosen[np.lexsort((net.post[chosen], net.pre[chosen]))]
    counts = np.bincount(net.pre[order] - first, minlength=stop - first)
    pointer = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return SparseWeights(pointer, net.post[order] - net.n_inputs, net.weight[order], net.n_neurons)


def _without_input_times(machine: Machine, n_input_cores: int) -> Machine:
    """Return the machine with somata and arrivals of the first cores free of time, their packets not."""
    slices, cores, destinations = machine.slices, machine.cores, machine.destinations
    own = slices.core >= n_input_cores
    number = np.arange(len(cores.physical))
    return replace(
        machine,
        slices=slices._replace(active_ps=slices.active_ps * own, inactive_ps=slices.inactive_ps * own),
        cores=cores._replace(spike_out_ps=cores.spike_out_ps * (number >= n_input_cores)),
        destinations=destinations._replace(service_ps=destinations.service_ps * (destinations.core >= n_input_cores)))
