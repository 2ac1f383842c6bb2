"""Balanced resonate-and-fire: a complex state u + i v that turns and decays, held back after each spike by q.

    d  = damping + refractory_gain q
    u' = u - d u - omega v + charge;    v' = v + omega u - d v      with the old u, v, q
    spike = u' > threshold + q (or >=);    q' = refractory_decay q + spike

With a step of dt, an angular frequency w and an offset b_offset: omega = dt w, refractory_gain = dt, charges are dt
times the current, and damping = -dt (p(w) - b_offset), p(w) = (-1 + sqrt(1 - (dt w)**2)) / dt, where p is the
divergence boundary: the state decays for every b_offset > 0. There is no reset. With `refractory` off it is the plain
resonate-and-fire neuron: q stays 0, and damping = dt b_offset.

Source: Higuchi, Kairat, Bohté, Otte, "Balanced Resonate-and-Fire Neurons", ICML 2024, arXiv 2402.14603; the constants
are those of AdaptiveAILab/brf-neurons 5d45b0e, `snn/modules/rf.py`.
"""

from neurosim.kernel import kernel
from neurosim.models.firing import fires

OMEGA, DAMPING, THRESHOLD, REFRACTORY_DECAY, REFRACTORY_GAIN = 0, 1, 2, 3, 4
U, V, Q = 0, 1, 2
COMPARATOR, REFRACTORY = 0, 1
ON = 0


@kernel
def step_brf(options, n_modes, parameters, state, charge, output, active):
    """Advance u, v and q, set spike and active. Order: as written, from left to right."""
    number = output.dtype.type
    zero, one = number(0), number(1)
    comparator, refractory = options[COMPARATOR], options[REFRACTORY] == ON
    for neuron in range(output.shape[1]):
        omega, damping = parameters[OMEGA, neuron], parameters[DAMPING, neuron]
        threshold = parameters[THRESHOLD, neuron]
        u, v, q, given = state[U, neuron], state[V, neuron], state[Q, neuron], charge[0, neuron]
        active[neuron] = given != zero or u != zero or v != zero or q != zero
        if refractory:
            damping = damping + parameters[REFRACTORY_GAIN, neuron] * q
            threshold = threshold + q
        new_u = u - damping * u - omega * v + given
        new_v = v + omega * u - damping * v
        spike = one if fires(new_u, threshold, comparator) else zero
        output[0, neuron] = spike
        state[U, neuron], state[V, neuron] = new_u, new_v
        if refractory:
            state[Q, neuron] = parameters[REFRACTORY_DECAY, neuron] * q + spike
