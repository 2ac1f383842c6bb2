"""The integer kernels of all models, as `models.registry` has the floating-point ones."""

from typing import Any

from neurosim.kernel import kernel
from neurosim.model_specs import SPEC_BY_INDEX
from neurosim.models.fixed.alif import step_fixed_alif
from neurosim.models.fixed.bit_shift_lif import step_fixed_bit_shift_lif
from neurosim.models.fixed.brf import step_fixed_brf
from neurosim.models.fixed.conversion import MODE_DRAWS, SOMA_DRAWS
from neurosim.models.fixed.gates import step_fixed_glu, step_fixed_gsu, step_fixed_ternary
from neurosim.models.fixed.integrate_and_fire import step_fixed_lif, step_fixed_scaled_lif
from neurosim.models.fixed.lava import step_fixed_cuba, step_fixed_delta, step_fixed_resonator, step_fixed_sigma_delta
from neurosim.models.fixed.mode import step_fixed_event_mode, step_fixed_mode
from neurosim.models.fixed.state_space import step_fixed_ssm, step_fixed_ssm_heaviside, step_fixed_ssm_lif
from neurosim.models.fixed.sums import (
    step_fixed_center,
    step_fixed_gelu,
    step_fixed_integrator,
    step_fixed_layer_norm,
    step_fixed_linear,
    step_fixed_reduce,
    step_fixed_relu,
    step_fixed_running_mean,
)

FIXED_KERNELS = {
    "lif": step_fixed_lif,
    "cuba": step_fixed_cuba,
    "linear": step_fixed_linear,
    "relu": step_fixed_relu,
    "gelu": step_fixed_gelu,
    "ssm": step_fixed_ssm,
    "ssm_heaviside": step_fixed_ssm_heaviside,
    "ssm_lif": step_fixed_ssm_lif,
    "ternary": step_fixed_ternary,
    "gsu": step_fixed_gsu,
    "glu": step_fixed_glu,
    "reduce": step_fixed_reduce,
    "center": step_fixed_center,
    "layer_norm": step_fixed_layer_norm,
    "integrator": step_fixed_integrator,
    "running_mean": step_fixed_running_mean,
    "resonator": step_fixed_resonator,
    "sigma_delta": step_fixed_sigma_delta,
    "delta": step_fixed_delta,
    "brf": step_fixed_brf,
    "alif": step_fixed_alif,
    "mode": step_fixed_mode,
    "event_mode": step_fixed_event_mode,
    "scaled_lif": step_fixed_scaled_lif,
    "bit_shift_lif": step_fixed_bit_shift_lif,
}


@kernel
def draws_per_update(n_modes, size):
    """Return by how much the first random entry advances from one update of a population to the next."""
    return (MODE_DRAWS * n_modes + SOMA_DRAWS) * size


def update_fixed(model: int, constants: Any, table: Any, options: Any, n_modes: int, parameters: Any, state: Any,
                 charge: Any, output: Any, active: Any, first: int) -> int:
    """Update all neurons of one population for one token, from Python; return how many values did not fit their format.

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
    return int(step_fixed_of(model)(constants, table, options, n_modes, parameters, state, charge, output, active,
                                    first))


def step_fixed_of(model: int) -> Any:
    """Return the integer kernel of a model given by its index in `MODEL_SPECS`."""
    return FIXED_KERNELS[SPEC_BY_INDEX[model].name]
