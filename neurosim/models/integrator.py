"""Leaky integral of the input, read out: p <- leak p + charge + bias; y = p."""

from neurosim.kernel import kernel, part
from neurosim.models.powers import raise_real

LEAK, BIAS = 0, 1
POTENTIAL = 0


@kernel
def step_integrator(options, n_modes, parameters, state, charge, output, active):
    """Advance the potential, set the output and active. Order: (leak p + charge) + bias."""
    zero = output.dtype.type(0)
    for neuron in range(output.shape[1]):
        potential, given, bias = state[POTENTIAL, neuron], charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != zero or potential != zero or bias != zero
        potential = parameters[LEAK, neuron] * potential + given + bias
        state[POTENTIAL, neuron] = potential
        output[0, neuron] = potential


@part
def elapse_integrator(elapsed, parameters):
    """Make the leak that of one step that lasts as long as `elapsed` steps without input."""
    raise_real(parameters[LEAK], elapsed)
