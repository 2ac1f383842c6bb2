"""Integer gates: the gated linear unit, the gated spiking unit, the ternary spike.

conv(x) is x mantissa / 2**shift; roundings are those of the slot that a value goes into.

    glu       p = (value + value_bias) sigmoid(conv(gate + gate_bias));   y = fit(conv(p) + conv(skip))
    gsu       p = fit(conv((ternary + ternary_bias) (graded + graded_bias)));   gelu: p <- p normal(conv(p))
              y = fit(conv(p) + conv(skip))
    ternary   delta = factor largest / 2**f   (scope `vector`) or a constant;   y = sign(value) if |value| >= delta
"""

import numpy as np

from neurosim.kernel import kernel
from neurosim.machine import INTERNAL_SLOT, LEAK_SHIFT, OUTPUT_SLOT, PORT_SLOT
from neurosim.models.activations import GELU
from neurosim.models.fixed.conversion import convert, into_slot, soma_draw
from neurosim.models.fixed.lookup import look_up

# Rows of glu: the two biases, conversions to the table's x, of the product and of the skip to the payload.
FIRST_BIAS, SECOND_BIAS, X_MANTISSA, X_SHIFT, OUT_MANTISSA, OUT_SHIFT, SKIP_MANTISSA, SKIP_SHIFT = range(8)
# Rows of gsu behind those: from the product of the branches to the slot `product`.
PRODUCT_MANTISSA, PRODUCT_SHIFT = 8, 9
DELTA_FACTOR, DELTA = 0, 1
VECTOR = 0


@kernel
def step_fixed_glu(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Set the output and active; return the payloads that did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    for neuron in range(size):
        value, gate, skip = charge[0, neuron], charge[1, neuron], charge[2, neuron]
        value_bias, gate_bias = parameters[FIRST_BIAS, neuron], parameters[SECOND_BIAS, neuron]
        active[neuron] = value != 0 or gate != 0 or skip != 0 or value_bias != 0 or gate_bias != 0
        draw = soma_draw(0, size, neuron, first)
        point = convert(constants, OUTPUT_SLOT, gate + gate_bias, parameters[X_MANTISSA, neuron],
                        parameters[X_SHIFT, neuron], draw)
        product = (value + value_bias) * look_up(constants, table, point)
        total = (convert(constants, OUTPUT_SLOT, product, parameters[OUT_MANTISSA, neuron],
                         parameters[OUT_SHIFT, neuron], draw + 1)
                 + convert(constants, OUTPUT_SLOT, skip, parameters[SKIP_MANTISSA, neuron],
                           parameters[SKIP_SHIFT, neuron], draw + 2))
        output[0, neuron], beyond = into_slot(constants, OUTPUT_SLOT, total)
        n_overflows += beyond
    return n_overflows


@kernel
def step_fixed_gsu(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Set the output and active; return what did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    curved = options[0] == GELU
    for neuron in range(size):
        ternary, graded, skip = charge[0, neuron], charge[1, neuron], charge[2, neuron]
        ternary_bias, graded_bias = parameters[FIRST_BIAS, neuron], parameters[SECOND_BIAS, neuron]
        active[neuron] = ternary != 0 or graded != 0 or skip != 0 or ternary_bias != 0 or graded_bias != 0
        draw = soma_draw(0, size, neuron, first)
        product = convert(constants, INTERNAL_SLOT, (ternary + ternary_bias) * (graded + graded_bias),
                          parameters[PRODUCT_MANTISSA, neuron], parameters[PRODUCT_SHIFT, neuron], draw)
        product, beyond = into_slot(constants, INTERNAL_SLOT, product)
        if curved:
            point = convert(constants, INTERNAL_SLOT, product, parameters[X_MANTISSA, neuron],
                            parameters[X_SHIFT, neuron], draw + 1)
            product *= look_up(constants, table, point)
        total = (convert(constants, OUTPUT_SLOT, product, parameters[OUT_MANTISSA, neuron],
                         parameters[OUT_SHIFT, neuron], draw + 2)
                 + convert(constants, OUTPUT_SLOT, skip, parameters[SKIP_MANTISSA, neuron],
                           parameters[SKIP_SHIFT, neuron], draw + 3))
        output[0, neuron], payload_beyond = into_slot(constants, OUTPUT_SLOT, total)
        n_overflows += beyond + payload_beyond
    return n_overflows


@kernel
def step_fixed_ternary(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Set the ternary output and active; nothing can overflow: return 0."""
    size = output.shape[1]
    for neuron in range(size):
        value, largest = charge[0, neuron], charge[1, neuron]
        active[neuron] = value != 0 or largest != 0
        delta = parameters[DELTA, neuron]
        if options[0] == VECTOR:
            delta = convert(constants, PORT_SLOT, largest, parameters[DELTA_FACTOR, neuron], constants[LEAK_SHIFT],
                            soma_draw(0, size, neuron, first))
        sign = np.int64(value > 0) - np.int64(value < 0)
        output[0, neuron] = sign if abs(value) >= delta else 0
    return np.int64(0)
