"""One complex mode of a state space as a neuron of its own: it turns and decays, and sends both its parts.

    h <- a h + charge_real + i charge_imag;   sends Re h and Im h (with the new h)

The input matrix stands in the weights of the projections to its two ports, the output matrix in those from its two
outputs: a state space that mixes channels (S5), or an S4D channel in expanded form.

In float32, words below the smallest normal number become 0, as in `diagonal_ssm`.

Source: Smith, Warrington, Linderman, "Simplified State Space Layers for Sequence Modeling", arXiv 2208.04933.
"""

from neurosim.kernel import kernel, part
from neurosim.lanes import SMALLEST_FLOAT32
from neurosim.models.powers import raise_complex

A_REAL, A_IMAG = 0, 1
REAL, IMAG = 0, 1       # ports, state words and outputs


@kernel
def step_mode(options, n_modes, parameters, state, charge, output, active):
    """Advance the state, set both outputs and active. Order: as written, from left to right."""
    number = output.dtype.type
    zero = number(0)
    smallest = number(SMALLEST_FLOAT32) if output.itemsize == 4 else zero
    for neuron in range(output.shape[1]):
        a_real, a_imag = parameters[A_REAL, neuron], parameters[A_IMAG, neuron]
        given_real, given_imag = charge[REAL, neuron], charge[IMAG, neuron]
        old_real, old_imag = state[REAL, neuron], state[IMAG, neuron]
        active[neuron] = given_real != zero or given_imag != zero or old_real != zero or old_imag != zero
        real = a_real * old_real - a_imag * old_imag + given_real
        imag = a_real * old_imag + a_imag * old_real + given_imag
        real = zero if abs(real) < smallest else real
        imag = zero if abs(imag) < smallest else imag
        state[REAL, neuron], state[IMAG, neuron] = real, imag
        output[REAL, neuron], output[IMAG, neuron] = real, imag


@part
def elapse_mode(elapsed, parameters):
    """Make a that of one step that lasts as long as `elapsed` steps without input."""
    raise_complex(parameters[A_REAL], parameters[A_IMAG], elapsed)
