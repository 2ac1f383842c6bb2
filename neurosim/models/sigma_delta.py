"""Sigma-delta neuron: sum the changes received, send the change of the activation once it is large.

    sigma <- sigma + charge;   x = relu(sigma + bias)  (or without relu), encoded as in `delta_encoder`

Source: lava-nc/lava b6822fbc, `src/lava/proc/sdn/models.py`.
"""

from neurosim.kernel import kernel
from neurosim.models.delta_encoder import send_changes

THRESHOLD, BIAS = 0, 1
SIGMA, ENCODER = 0, 1       # the encoder's words follow sigma
ACTIVATION, CODING = 0, 1
RELU = 0


@kernel
def step_sigma_delta(options, n_modes, parameters, state, charge, output, active):
    """Advance sigma and the encoder, set the output and active. Order: (sigma + charge) + bias."""
    zero = output.dtype.type(0)
    rectified = options[ACTIVATION] == RELU
    for neuron in range(output.shape[1]):
        sigma, given, bias = state[SIGMA, neuron], charge[0, neuron], parameters[BIAS, neuron]
        active[neuron] = given != zero or sigma != zero or bias != zero
        sigma = sigma + given
        x = sigma + bias
        state[SIGMA, neuron] = sigma
        output[0, neuron] = zero if rectified and x < zero else x
    send_changes(options[CODING], parameters[THRESHOLD], state[ENCODER:], output[0], active)
