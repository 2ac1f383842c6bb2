"""Loihi's and Lava's integer neurons as steps of the engines: they know neither formats nor who is active."""

import numpy as np

from neurosim.kernel import kernel, part
from neurosim.machine import (
    DECAY_SHIFT,
    OUTPUT_SLOT,
    PAYLOAD_SHIFT,
    SECOND_STATE_SLOT,
    SLOT_BITS,
    SLOT_OVERFLOW,
    STATE_SLOT,
)
from neurosim.models.cuba import COMPARATOR, RESET
from neurosim.models.firing import REACHES
from neurosim.models.fixed.conversion import into_slot
from neurosim.models.fixed.loihi_lif import BIAS_MANTISSA, LoihiLifOptions, step_loihi_lif
from neurosim.models.fixed.resonator import ResonatorOptions, step_resonator
from neurosim.models.fixed.sigma_delta import SigmaDeltaOptions, step_delta, step_sigma_delta
from neurosim.numbers import UNLIMITED


@part
def _mark(charge, state, active):
    """Set active where a charge or a word of state is not 0."""
    for neuron in range(active.size):
        found = False
        for port in range(charge.shape[0]):
            found |= charge[port, neuron] != 0
        for row in range(state.shape[0]):
            found |= state[row, neuron] != 0
        active[neuron] = found


@kernel
def step_fixed_cuba(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Loihi's, without emulators' shifts: charges, thresholds and biases come in steps of the state."""
    _mark(charge, state, active)
    for neuron in range(active.size):
        active[neuron] |= parameters[BIAS_MANTISSA, neuron] != 0
    limit = (np.int64(1) << (constants[SECOND_STATE_SLOT + SLOT_BITS] - 1)) - 1
    chosen = LoihiLifOptions(
        current_decay_offset=np.int64(0), current_overflow=constants[STATE_SLOT + SLOT_OVERFLOW],
        input_shift=np.int64(0), input_bits=np.int64(0), bias_overflow=np.int64(UNLIMITED), potential_low=-limit,
        potential_high=limit, state_bits=constants[STATE_SLOT + SLOT_BITS], decay_bits=constants[DECAY_SHIFT],
        threshold_shift=np.int64(0), reset=np.int64(options[RESET]),
        reaches=np.int64(options[COMPARATOR] == REACHES), refractory=np.int64(1))
    n_input, n_current, n_bias, n_potential = step_loihi_lif(chosen, parameters, state, charge[0], output[0])
    return np.int64(n_input + n_current + n_bias + n_potential)


@kernel
def step_fixed_resonator(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Resonate and fire; return what did not fit."""
    _mark(charge, state, active)
    limit = (np.int64(1) << (constants[STATE_SLOT + SLOT_BITS] - 1)) - 1
    chosen = ResonatorOptions(constants[DECAY_SHIFT], 0, np.int64(options[0]), True, limit)
    return np.int64(step_resonator(chosen, parameters, state, charge, output[0]))


@part
def _encoder_options(constants, rectified, coding, spike_exponent):
    """`coding` 0 corrected, 1 plain, 2 cumulative."""
    limit = np.int64(1) << (constants[STATE_SLOT + SLOT_BITS] - 1)
    return SigmaDeltaOptions(spike_exponent, constants[PAYLOAD_SHIFT], rectified, coding == 0, coding == 2, limit)


@part
def _fit_payload(constants, output):
    n_overflows = np.int64(0)
    for neuron in range(output.shape[1]):
        output[0, neuron], beyond = into_slot(constants, OUTPUT_SLOT, output[0, neuron])
        n_overflows += beyond
    return n_overflows


@kernel
def step_fixed_sigma_delta(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Sigma-delta; return what did not fit."""
    _mark(charge, state, active)
    for neuron in range(active.size):
        active[neuron] |= parameters[1, neuron] != 0
    chosen = _encoder_options(constants, options[0] == 0, options[1], np.int64(0))
    return step_sigma_delta(chosen, parameters, state, charge[0], output[0]) + _fit_payload(constants, output)


@kernel
def step_fixed_delta(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Delta encoder; return what did not fit."""
    _mark(charge, state, active)
    chosen = _encoder_options(constants, False, options[0], -constants[PAYLOAD_SHIFT])
    return step_delta(chosen, parameters, state, charge[0], output[0]) + _fit_payload(constants, output)
