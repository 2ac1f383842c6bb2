"""Delta neuron: send the change of its input once it is large: x = charge, encoded as in `delta_encoder`.

Source: lava-nc/lava b6822fbc, `src/lava/proc/sdn/models.py`.
"""

from neurosim.kernel import kernel
from neurosim.models.delta_encoder import send_changes

THRESHOLD = 0
CODING = 0


@kernel
def step_delta(options, n_modes, parameters, state, charge, output, active):
    """Advance the encoder, set the output and active."""
    zero = output.dtype.type(0)
    for neuron in range(output.shape[1]):
        given = charge[0, neuron]
        active[neuron] = given != zero
        output[0, neuron] = given
    send_changes(options[CODING], parameters[THRESHOLD], state, output[0], active)
