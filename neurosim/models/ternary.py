"""Ternary spike of a value, as the gated spiking unit uses it.

    out = sign(v) if |v| >= Δ else 0;   Δ = delta_factor * charge[threshold]  (scope `vector`)  or  delta  (`tensor`)

In scope `vector` a reduction neuron sends max |v| of the whole vector into port `threshold`.

Source: Stan and Rhodes, "Learning long sequences in spiking neural networks", Scientific Reports 14 (2024).
"""

from neurosim.kernel import kernel

VALUE, THRESHOLD = 0, 1
DELTA_FACTOR, DELTA = 0, 1
DELTA_SCOPE, VECTOR = 0, 0


@kernel
def step_ternary(options, n_modes, parameters, state, charge, output, active):
    """Set the ternary output and active."""
    number = output.dtype.type
    zero, one = number(0), number(1)
    scope = options[DELTA_SCOPE]
    for neuron in range(output.shape[1]):
        value, largest = charge[VALUE, neuron], charge[THRESHOLD, neuron]
        active[neuron] = value != zero or largest != zero
        delta = parameters[DELTA_FACTOR, neuron] * largest if scope == VECTOR else parameters[DELTA, neuron]
        sign = one if value > zero else (-one if value < zero else zero)
        output[0, neuron] = sign if abs(value) >= delta else zero
