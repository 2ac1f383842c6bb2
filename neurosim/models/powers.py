"""What a decay per step becomes over any time: its power, for the advance of neurons over the time gone by.

A step of 1 leaves the parameters as they are, bit for bit. Powers are computed in float64, also for float32.
"""

import math

import numpy as np

from neurosim.kernel import part


@part
def raise_real(decays, elapsed):
    """Replace each decay per step (0 or more) by decay ** elapsed; elapsed in steps, 0 or more."""
    number = decays.dtype.type
    for neuron in range(decays.size):
        if elapsed[neuron] != 1.0:
            decays[neuron] = number(math.pow(np.float64(decays[neuron]), elapsed[neuron]))


@part
def raise_complex(a_real, a_imag, elapsed):
    """Replace each a by a ** elapsed = exp(elapsed log a); principal logarithm: an angle of up to pi a step."""
    number = a_real.dtype.type
    for neuron in range(a_real.size):
        if elapsed[neuron] != 1.0:
            real, imag = np.float64(a_real[neuron]), np.float64(a_imag[neuron])
            size = math.pow(math.sqrt(real * real + imag * imag), elapsed[neuron])
            angle = math.atan2(imag, real) * elapsed[neuron]
            a_real[neuron], a_imag[neuron] = number(size * math.cos(angle)), number(size * math.sin(angle))
