"""Resonate-and-fire: a complex state that turns and decays, spiking once per turn or at a threshold.

    re' = a_real re - a_imag im + charge_real;   im' = a_imag re + a_real im + charge_imag      with the old re, im
    phase:      spike = re' >= threshold and im' >= 0 and im < 0
    izhikevich: spike = im' >= threshold;  then re = 0, im = threshold - reset_margin

a_real + i a_imag = (1 - alpha) exp(2 pi i / period). The phase form never resets.

Source: Izhikevich, "Resonate-and-fire neurons", Neural Networks 14 (2001); in discrete time as in
lava-nc/lava b6822fbc, `src/lava/proc/rf/models.py` (phase) and `src/lava/proc/rf_iz/models.py` (izhikevich).
"""

from neurosim.kernel import kernel

A_REAL, A_IMAG, THRESHOLD, RESET_MARGIN = 0, 1, 2, 3
REAL, IMAG = 0, 1       # ports and state words
FIRING, PHASE = 0, 0


@kernel
def step_resonator(options, n_modes, parameters, state, charge, output, active):
    """Advance real and imag, set spike and active. Order: as written, from left to right."""
    number = output.dtype.type
    zero, one = number(0), number(1)
    firing = options[FIRING]
    for neuron in range(output.shape[1]):
        a_real, a_imag = parameters[A_REAL, neuron], parameters[A_IMAG, neuron]
        threshold = parameters[THRESHOLD, neuron]
        given_real, given_imag = charge[REAL, neuron], charge[IMAG, neuron]
        old_real, old_imag = state[REAL, neuron], state[IMAG, neuron]
        active[neuron] = given_real != zero or given_imag != zero or old_real != zero or old_imag != zero
        real = a_real * old_real - a_imag * old_imag + given_real
        imag = a_imag * old_real + a_real * old_imag + given_imag
        if firing == PHASE:
            spike = real >= threshold and imag >= zero and old_imag < zero
        else:
            spike = imag >= threshold
            if spike:
                real, imag = zero, threshold - parameters[RESET_MARGIN, neuron]
        output[0, neuron] = one if spike else zero
        state[REAL, neuron], state[IMAG, neuron] = real, imag
