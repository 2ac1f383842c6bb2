"""One complex mode of a state space whose tokens lie unevenly in time: each brings the interval that it decays over.

    a = exp((rate_real + i rate_imag) interval);   x = charge_real + i charge_imag
    hold `none`:  h <- a h + x              an input that comes at once
    hold `zero`:  h <- a (h + x) - x        an input that lasts for the interval (zero-order hold): a h + (a - 1) x

Sends Re h and Im h, with the new h. An interval below 0 counts as 0. With neither charge nor interval the state stays
as it is. Exponential and angle are computed in float64, also for float32.

Source: Schöne et al., "Scalable Event-by-event Processing of Neuromorphic Sensory Signals With Deep State-Space
Models", arXiv 2404.18508.
"""

import math

import numpy as np

from neurosim.kernel import kernel, part

RATE_REAL, RATE_IMAG = 0, 1
REAL, IMAG = 0, 1       # ports, state words and outputs
INTERVAL = 2
HOLD, HELD = 0, 1


@kernel
def step_event_mode(options, n_modes, parameters, state, charge, output, active):
    """Advance the state, set both outputs and active. Order: as written, from left to right."""
    number = output.dtype.type
    zero = number(0)
    held = options[HOLD] == HELD
    for neuron in range(output.shape[1]):
        given_real, given_imag, interval = charge[REAL, neuron], charge[IMAG, neuron], charge[INTERVAL, neuron]
        real, imag = state[REAL, neuron], state[IMAG, neuron]
        active[neuron] = (given_real != zero or given_imag != zero or interval != zero or real != zero or imag != zero)
        elapsed = max(np.float64(interval), 0.0)
        size = math.exp(np.float64(parameters[RATE_REAL, neuron]) * elapsed)
        angle = np.float64(parameters[RATE_IMAG, neuron]) * elapsed
        a_real, a_imag = number(size * math.cos(angle)), number(size * math.sin(angle))
        if held:
            real, imag = real + given_real, imag + given_imag
            given_real, given_imag = -given_real, -given_imag
        new_real = a_real * real - a_imag * imag + given_real
        new_imag = a_real * imag + a_imag * real + given_imag
        state[REAL, neuron], state[IMAG, neuron] = new_real, new_imag
        output[REAL, neuron], output[IMAG, neuron] = new_real, new_imag


@part
def elapse_event_mode(elapsed, charge):
    """Let the time gone by be the interval; a step is its unit. What came in at the port `interval` does not count."""
    number = charge.dtype.type
    for neuron in range(elapsed.size):
        charge[INTERVAL, neuron] = number(elapsed[neuron])
