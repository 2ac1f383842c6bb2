"""Loihi: the recurrent network that reads MNIST pixel by pixel."""

from __future__ import annotations

from pathlib import Path

from hw_models.load import barrier_latency_ns, load_chip
from neurosim.validate.rows import Row, Target
from neurosim.validate.spans import energy_pj, time_ns

N_INPUT, N_LIF, N_ADAPTIVE, N_OUT = 80, 140, 100, 10
N_RECURRENT = N_LIF + N_ADAPTIVE
N_NEURONS = N_INPUT + N_RECURRENT + N_OUT
# A recurrent neuron reaches all recurrent and all output neurons.
FAN_OUT = N_RECURRENT + N_OUT
STEP_US, DYNAMIC_MW = 16.65, 1.583


def rate_note(rate: float) -> str:
    """Return what the rate that closes the gap means."""
    return (f"the rest of the measured energy is that of {rate:.2f} spikes per step among {N_RECURRENT} recurrent "
            f"neurons ({100 * rate / N_RECURRENT:.2f} % of them), if nothing else takes energy; the measured rate is "
            "not published")


def per_step(_: Path | None) -> tuple[Row, ...]:
    """Return the floor of inactive updates, the rate that closes the gap, and the time that the core accounts for."""
    chip = load_chip("loihi")
    measured_nj = DYNAMIC_MW * STEP_US
    floor = energy_pj(chip, {"soma_inactive": N_NEURONS}).times(1e-3)
    per_spike_nj = energy_pj(chip, {"synapse_dense": FAN_OUT, "soma_active": 1}).value * 1e-3
    per_spike_nj -= energy_pj(chip, {"soma_inactive": 1}).value * 1e-3
    rate = (measured_nj - floor.value) / per_spike_nj
    work = time_ns(chip, {"soma_inactive": N_NEURONS, "synapse_dense": rate * FAN_OUT}).times(1e-3)
    barrier = tuple(nanoseconds * 1e-3 for nanoseconds in barrier_latency_ns(chip, 1))
    return (
        Row("dynamic core energy per step, inactive updates alone", "derived", "nJ", floor.value, measured_nj,
            floor.low, floor.high, at_least=True, note="a floor: what every neuron costs before anything spikes"),
        Row("spikes per step that close the gap", "derived", "spikes", rate, note=rate_note(rate)),
        Row("time per step, the core's work and a barrier", "derived", "µs", work.value + barrier[0], STEP_US,
            work.low + barrier[1], work.high + barrier[2], at_least=True,
            note="a floor: the measured step is several times longer than the core's work; the embedded processors, "
                 "which feed the inputs step by step, are not modelled"),
    )


TARGETS = (
    Target("lsnn-smnist", "Loihi, LSNN on sequential MNIST", "Intel's notebook of Rao et al., Nat. Mach. Intell. 2022 "
           "(read first-hand): 16.65 µs per step, 1.583 mW dynamic in the cores", "80 inputs, 140 leaky and 100 "
           "adaptive neurons, all to all, 10 outputs; 840 steps; rates not published", "loihi (Davies et al. 2018)",
           per_step),
)
