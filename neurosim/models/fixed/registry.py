"""The entry point of fixed-point runs: `update_fixed` runs the integer kernel of a model, as `models.registry.update`
runs the floating-point one.
"""

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
from neurosim.models.fixed.alif import step_fixed_alif
from neurosim.models.fixed.bit_shift_lif import step_fixed_bit_shift_lif
from neurosim.models.fixed.brf import step_fixed_brf
from neurosim.models.fixed.conversion import MODE_DRAWS, SOMA_DRAWS, into_slot
from neurosim.models.fixed.gates import step_fixed_glu, step_fixed_gsu, step_fixed_ternary
from neurosim.models.fixed.integrate_and_fire import step_fixed_lif, step_fixed_scaled_lif
from neurosim.models.fixed.loihi_lif import BIAS_MANTISSA, LoihiLifOptions, step_loihi_lif
from neurosim.models.fixed.mode import step_fixed_event_mode, step_fixed_mode
from neurosim.models.fixed.resonator import ResonatorOptions, step_resonator
from neurosim.models.fixed.sigma_delta import SigmaDeltaOptions, step_delta, step_sigma_delta
from neurosim.models.fixed.state_space import step_fixed_ssm, step_fixed_ssm_heaviside, step_fixed_ssm_lif
from neurosim.models.fixed.sums import (
    step_fixed_center,
    step_fixed_gelu,
    step_fixed_integrator,
    step_fixed_layer_norm,
    step_fixed_linear,
    step_fixed_reduce,
    step_fixed_running_mean,
)
from neurosim.models.registry import (
    ALIF,
    BIT_SHIFT_LIF,
    BRF,
    CENTER,
    CUBA,
    DELTA,
    EVENT_MODE,
    GELU,
    GLU,
    GSU,
    INTEGRATOR,
    LAYER_NORM,
    LIF,
    LINEAR,
    MODE,
    REDUCE,
    RELU,
    RESONATOR,
    RUNNING_MEAN,
    SCALED_LIF,
    SIGMA_DELTA,
    SSM,
    SSM_HEAVISIDE,
    SSM_LIF,
    TERNARY,
)
from neurosim.numbers import UNLIMITED


@kernel
def draws_per_update(n_modes, size):
    """Return by how much the first random entry advances from one update of a population to the next."""
    return (MODE_DRAWS * n_modes + SOMA_DRAWS) * size


@kernel
def update_fixed(model, constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Update all neurons of one population for one token; return how many values did not fit their format.

    Parameters
    ----------
    model : index into MODEL_SPECS, not of `input`
    constants : int64[N_FIXED_CONSTANTS]        a row of machine.Fixed.constants
    table : int64[...]                          machine.Fixed.table
    options : int32[N_OPTIONS]
    n_modes : complex modes per neuron
    parameters : int64[row, size]               rows of the model's kernel
    state : int64[n_state_rows, size]           read and written
    charge : int64[n_ports, size]
    output : int64[n_outputs, size]             written; 0 = nothing sent
    active : uint8[size]                        written, as by the floating-point kernels
    first : first random entry of this update, see `draws_per_update`
    """
    if model == SSM_LIF:
        return step_fixed_ssm_lif(constants, options, n_modes, parameters, state, charge, output, active, first)
    if model == SSM_HEAVISIDE:
        return step_fixed_ssm_heaviside(constants, options, n_modes, parameters, state, charge, output, active, first)
    if model == SSM:
        return step_fixed_ssm(constants, table, options, n_modes, parameters, state, charge, output, active, first)
    if model == LIF:
        return step_fixed_lif(constants, options, parameters, state, charge, output, active, first)
    if model == CUBA:
        return _step_cuba(constants, options, parameters, state, charge, output, active)
    if model == LINEAR or model == RELU:
        return step_fixed_linear(constants, model == RELU, parameters, charge, output, active, first)
    if model == GELU:
        return step_fixed_gelu(constants, table, parameters, charge, output, active, first)
    if model == TERNARY:
        return step_fixed_ternary(constants, options, parameters, charge, output, active, first)
    if model == GSU:
        return step_fixed_gsu(constants, table, options, parameters, charge, output, active, first)
    if model == GLU:
        return step_fixed_glu(constants, table, parameters, charge, output, active, first)
    if model == REDUCE:
        return step_fixed_reduce(constants, parameters, charge, output, active, first)
    if model == CENTER:
        return step_fixed_center(constants, parameters, charge, output, active, first)
    if model == LAYER_NORM:
        return step_fixed_layer_norm(constants, parameters, charge, output, active, first)
    if model == INTEGRATOR:
        return step_fixed_integrator(constants, parameters, state, charge, output, active, first)
    if model == RUNNING_MEAN:
        return step_fixed_running_mean(constants, parameters, state, charge, output, active, first)
    if model == RESONATOR:
        return _step_resonator(constants, options, parameters, state, charge, output, active)
    if model == SIGMA_DELTA:
        return _step_sigma_delta(constants, options, parameters, state, charge, output, active)
    if model == DELTA:
        return _step_delta(constants, options, parameters, state, charge, output, active)
    if model == BRF:
        return step_fixed_brf(constants, options, parameters, state, charge, output, active, first)
    if model == ALIF:
        return step_fixed_alif(constants, options, parameters, state, charge, output, active, first)
    if model == MODE:
        return step_fixed_mode(constants, parameters, state, charge, output, active, first)
    if model == EVENT_MODE:
        return step_fixed_event_mode(constants, options, parameters, state, charge, output, active, first)
    if model == SCALED_LIF:
        return step_fixed_scaled_lif(constants, options, parameters, state, charge, output, active, first)
    if model == BIT_SHIFT_LIF:
        return step_fixed_bit_shift_lif(constants, parameters, state, charge, output, active)
    return np.int64(0)


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


@part
def _step_cuba(constants, options, parameters, state, charge, output, active):
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


@part
def _step_resonator(constants, options, parameters, state, charge, output, active):
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


@part
def _step_sigma_delta(constants, options, parameters, state, charge, output, active):
    _mark(charge, state, active)
    for neuron in range(active.size):
        active[neuron] |= parameters[1, neuron] != 0
    chosen = _encoder_options(constants, options[0] == 0, options[1], np.int64(0))
    return step_sigma_delta(chosen, parameters, state, charge[0], output[0]) + _fit_payload(constants, output)


@part
def _step_delta(constants, options, parameters, state, charge, output, active):
    _mark(charge, state, active)
    chosen = _encoder_options(constants, False, options[0], -constants[PAYLOAD_SHIFT])
    return step_delta(chosen, parameters, state, charge[0], output[0]) + _fit_payload(constants, output)
