"""What the integer kernels share: a value into a slot of its population's constants, and from one scale to another."""

import numpy as np

from neurosim.kernel import inlined
from neurosim.machine import SLOT_BITS, SLOT_OVERFLOW, SLOT_ROUNDING, SLOT_SIGNED, STREAM_KEY
from neurosim.numbers import fit, shift_right

# Random entries that an update may take per neuron, behind six per mode and neuron.
SOMA_DRAWS, MODE_DRAWS = 8, 6


@inlined
def into_slot(constants, slot, value):
    """Return (value made to fit the slot's format, 1 if it did not else 0)."""
    kept, beyond = fit(value, constants[slot + SLOT_BITS], constants[slot + SLOT_SIGNED] != 0,
                       constants[slot + SLOT_OVERFLOW])
    return kept, np.int64(beyond)


@inlined
def convert(constants, slot, value, mantissa, shift, draw):
    """Return value mantissa / 2**shift with the slot's rounding; the entry `draw` of the population's stream."""
    return shift_right(value * mantissa, shift, constants[slot + SLOT_ROUNDING], constants[STREAM_KEY], draw)


@inlined
def soma_draw(n_modes, size, neuron, first):
    """Return the first random entry of a neuron's own conversions."""
    return first + MODE_DRAWS * n_modes * size + SOMA_DRAWS * neuron
