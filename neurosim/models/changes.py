"""Sigma-delta coding of graded outputs: what is sent is the change since the last packet, receivers add them up.

    c = x - sent;   a packet carries c where c is not 0 and |c| >= threshold;   sent <- sent + c

Receivers hold the sum of all changes: `sent`. What they gather is therefore computed from `sent` as if it had been
sent whole, which in integers is the same bit for bit; in floating point the receivers' sums are taken as exact. With a
threshold of 0 `sent` is x: nothing but the traffic changes.

Source: the coding `corrected` of `neurosim.models.delta_encoder`, applied to the outputs of other models.
"""

import numpy as np

from neurosim.kernel import kernel
from neurosim.machine import OUTPUT_SLOT, SECOND_OUTPUT_SLOT, SLOT_BITS


@kernel
def encode_changes(threshold, values, sent):
    """Advance `sent` to `values` where the change is large enough; leave the change, or 0, in `values`."""
    zero = values.dtype.type(0)
    for neuron in range(values.size):
        change = values[neuron] - sent[neuron]
        if change != zero and abs(change) >= threshold:
            sent[neuron] = values[neuron]
            values[neuron] = change
        else:
            values[neuron] = zero


@kernel
def encode_integer_changes(threshold, limit, values, sent):
    """Do the same in integers, in packets that hold changes up to `limit`; return how many changes were larger.

    What does not fit goes with the next token.
    """
    n_beyond = np.int64(0)
    for neuron in range(values.size):
        change = values[neuron] - sent[neuron]
        if change == 0 or abs(change) < threshold:
            values[neuron] = 0
            continue
        fitted = min(max(change, -limit), limit)
        n_beyond += np.int64(fitted != change)
        sent[neuron] += fitted
        values[neuron] = fitted
    return n_beyond


@kernel
def largest_change(constants, output):
    """Return the largest change that a packet of an output holds: one of its bits is the sign."""
    slot = OUTPUT_SLOT if output == 0 else SECOND_OUTPUT_SLOT
    return (np.int64(1) << (constants[slot + SLOT_BITS] - 1)) - 1
