"""What a profile says: layers, chips, the customary estimate, and the table of all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from neurosim.errors import OptionError, check_choice
from neurosim.graph import FloatArray, Network
from neurosim.profiling.estimate import Estimate
from neurosim.report import Summary


@dataclass(frozen=True)
class LayerProfile:
    """One population in the run; means over samples.

    kind : of what it sends: `spike`, `ternary` or `graded`
    sent : spikes (or values that are not zero) per sample
    rate : sent per neuron and time step
    synaptic_operations : per sample, of all synapses that end here, by the rules of the estimate
    counted_as : `AC`, `MAC` or `AC + MAC`; empty where no synapse ends here
    differences : spikes that the module sent and the simulation did not, or the other way round, in all samples; None
        where the module's own are not known
    """

    name: str
    model: str
    kind: str
    neurons: int
    sent: float
    rate: float
    synaptic_operations: float
    counted_as: str
    differences: int | None


@dataclass(frozen=True)
class ChipProfile:
    """One chip.

    refusal : why the network does not go on it; None where it does, and what follows is known
    cores, has_cores : in use, on the chips in use
    binding, binding_share : the fullest resource of any core, and how full it is, 0 to 1
    latency_s, step_latency_s : means of a sample and of a time step
    energy_j, low_j, high_j : of one sample, static power included; 5th to 95th percentile
    unseen : group -> share of the energy that is no synaptic operation, which the estimate does not see
    """

    name: str
    refusal: str | None = None
    cores: int | None = None
    has_cores: int | None = None
    binding: str | None = None
    binding_share: float | None = None
    latency_s: float | None = None
    step_latency_s: float | None = None
    energy_j: float | None = None
    low_j: float | None = None
    high_j: float | None = None
    unseen: Mapping[str, float] | None = None

    @property
    def fits(self) -> bool:
        """Whether the network goes on the chip."""
        return self.refusal is None

    @property
    def unseen_share(self) -> float | None:
        """Share of the energy that the estimate does not see, 0 to 1."""
        return None if self.unseen is None else sum(self.unseen.values())


@dataclass(frozen=True)
class ProfileResult:
    """A PyTorch network on chips. `str(result)` is the table.

    network : the module as a network, to be saved, quantised, swept
    inputs : float64[sample, token, column], what the module's first layers received
    numbers : arithmetic of the runs
    n_samples, n_steps : items of the batch; time steps of each
    notes : what the user should know
    """

    network: Network
    inputs: FloatArray
    numbers: str
    n_samples: int
    n_steps: int
    layers: tuple[LayerProfile, ...]
    chips: tuple[ChipProfile, ...]
    estimate: Estimate
    summaries: Mapping[str, Summary]
    notes: tuple[str, ...] = ()

    def summary(self, chip: str | None = None) -> Summary:
        """Return the whole summary of the run on a chip, by its name; that on the first one where left out.

        Raises
        ------
        OptionError     no such chip in the profile, or the network does not go on it
        """
        name = self.chips[0].name if chip is None else chip
        check_choice("chip", name, [item.name for item in self.chips])
        if name not in self.summaries:
            raise OptionError(f"the network does not go on {name}: "
                              + str(next(item.refusal for item in self.chips if item.name == name)))
        return self.summaries[name]

    @property
    def differences(self) -> int | None:
        """Spikes that differ from the module's own, in all samples; None where those are not known."""
        known = [layer.differences for layer in self.layers if layer.differences is not None]
        return sum(known) if known else None

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `json.dumps`; energies and operations are per sample."""
        return {
            "network": self.network.name, "numbers": self.numbers, "samples": self.n_samples,
            "time_steps": self.n_steps, "neurons": self.network.n_neurons, "synapses": self.network.n_synapses,
            "differences": self.differences, "layers": [asdict(layer) for layer in self.layers],
            "chips": [{**asdict(chip), "fits": chip.fits, "unseen_share": chip.unseen_share} for chip in self.chips],
            "estimate": {**asdict(self.estimate), "energy_j": self.estimate.energy_j}, "notes": list(self.notes),
            "summaries": {name: json.loads(json.dumps(summary.to_json())) for name, summary in self.summaries.items()},
        }

    def __str__(self) -> str:
        from neurosim.profiling.table import to_text

        return to_text(self)
