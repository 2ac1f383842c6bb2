"""The delta encoder shared by `delta` and `sigma_delta`: of a value x, send the change once it is large.

    corrected:  d = x - act;            s = d if |d| >= threshold else 0;  act <- act + s
    plain:      d = x - act + residue;  s = d if |d| >= threshold else 0;  residue <- d - s;  act <- x
    cumulative: d as in plain;  e = d + error;  s = d if |e| >= threshold else 0
                error <- e if s = 0 else 0;     residue, act as in plain

The corrected and the plain form send the same but for rounding: in the corrected one `act` is bit for bit what a
receiver has summed, so that its errors do not add up. The cumulative form may be off by less than 2 threshold, the
others by less than threshold. Choices in the order of `model_specs`.

Source: lava-nc/lava b6822fbc, `src/lava/proc/sdn/models.py`.
"""

from neurosim.kernel import kernel

CORRECTED, CUMULATIVE = 0, 2
ACTIVATION, RESIDUE, ERROR = 0, 1, 2


@kernel
def send_changes(coding, threshold, encoder, values, active):
    """Replace `values` by what is sent; advance `encoder` (rows activation, residue, error), add it to active."""
    zero = values.dtype.type(0)
    for neuron in range(values.size):
        x, activation = values[neuron], encoder[ACTIVATION, neuron]
        residue, error = encoder[RESIDUE, neuron], encoder[ERROR, neuron]
        active[neuron] |= (activation != zero) | (residue != zero) | (error != zero)
        if coding == CORRECTED:
            change = x - activation
            sent = change if abs(change) >= threshold[neuron] else zero
            encoder[ACTIVATION, neuron] = activation + sent
        else:
            change = x - activation + residue
            compared = change + error if coding == CUMULATIVE else change
            sent = change if abs(compared) >= threshold[neuron] else zero
            encoder[ACTIVATION, neuron], encoder[RESIDUE, neuron] = x, change - sent
            if coding == CUMULATIVE:
                encoder[ERROR, neuron] = compared if sent == zero else zero
        values[neuron] = sent
