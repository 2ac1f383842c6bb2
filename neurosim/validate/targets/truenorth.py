"""IBM TrueNorth: the power sweep, and the gesture network."""

from __future__ import annotations

from pathlib import Path

from hw_models.load import load_chip
from neurosim.validate.affine import power_mw
from neurosim.validate.rows import Row, Target

N_NEURONS, SYNAPSES_PER_NEURON = 2**20, 128
# Firing rate in Hz, power in mW: Akopyan et al. 2015, figure 17.
SWEEP = ((11.58, 68.0), (20.07, 71.0), (95.93, 94.0))
TOLERANCE = 0.05
# Amir et al. 2017: 178.8 mW on 3838 cores, 105 ms from gesture to answer, 18.8 mJ.
GESTURE_MW, GESTURE_S, GESTURE_MJ = 178.8, 0.105, 18.8


def events_per_s(rate_hz: float) -> float:
    """Return synaptic events per second of the sweep's networks."""
    return N_NEURONS * SYNAPSES_PER_NEURON * rate_hz


def sweep(_: Path | None) -> tuple[Row, ...]:
    """Return the power at the three published rates; the line goes through the outer two."""
    rows, chip = [], load_chip("truenorth")
    for rate_hz, measured in SWEEP:
        is_end = rate_hz in (SWEEP[0][0], SWEEP[-1][0])
        power = power_mw(chip, events_per_s(rate_hz))
        rows.append(Row(f"power at {rate_hz:g} Hz", "fitted" if is_end else "formula", "mW", power.value, measured,
                        power.low, power.high, tolerance=TOLERANCE,
                        note="the line goes through this point" if is_end else ""))
    return tuple(rows)


def gesture(_: Path | None) -> tuple[Row, ...]:
    """Return the energy of one gesture as the publication's own power and latency have it."""
    return (Row("energy per gesture", "formula", "mJ", GESTURE_MW * GESTURE_S, GESTURE_MJ, tolerance=TOLERANCE,
                note="published power times published latency: the report agrees with itself; the event rate is not "
                     "published, so that the affine law cannot be put to the test"),)


TARGETS = (
    Target("truenorth-sweep", "TrueNorth, power against firing rate", "Akopyan et al., IEEE TCAD 34(10), 2015, figure "
           "17, by a second-hand transcription", "2**20 neurons of 128 synapses each, all firing at the given rate, "
           "0.8 V", "truenorth: idle power and synaptic event, the line through the outer points", sweep),
    Target("truenorth-gesture", "TrueNorth, gestures of an event camera", "Amir et al., CVPR 2017; 18.8 mJ by a "
           "second-hand transcription, power and latency recalled", "16 layers of convolution on 3838 cores, "
           "activity not published", "none: measured power and latency", gesture),
)
