"""The kernels of all models. Engines call them by address (`models.calls`), Python through `update`.

Adding a model takes its file, its declaration in `model_specs`, and one line in each of the two lists here; a test
holds them against `MODEL_SPECS`.
"""

from typing import Any

from neurosim.model_specs import SPEC_BY_INDEX
from neurosim.models.alif import step_alif
from neurosim.models.bit_shift_lif import step_bit_shift_lif
from neurosim.models.brf import step_brf
from neurosim.models.center import step_center
from neurosim.models.cuba import step_cuba
from neurosim.models.delta import step_delta
from neurosim.models.event_mode import step_event_mode
from neurosim.models.gelu import step_gelu
from neurosim.models.glu import step_glu
from neurosim.models.gsu import step_gsu
from neurosim.models.integrator import step_integrator
from neurosim.models.layer_norm import step_layer_norm
from neurosim.models.lif import step_lif
from neurosim.models.linear import step_linear
from neurosim.models.mode import step_mode
from neurosim.models.own import own_step
from neurosim.models.reduce import step_reduce
from neurosim.models.relu import step_relu
from neurosim.models.resonator import step_resonator
from neurosim.models.running_mean import step_running_mean
from neurosim.models.scaled_lif import step_scaled_lif
from neurosim.models.sigma_delta import step_sigma_delta
from neurosim.models.ssm import step_ssm
from neurosim.models.ssm_heaviside import step_ssm_heaviside
from neurosim.models.ssm_lif import step_ssm_lif
from neurosim.models.ternary import step_ternary
from neurosim.own_models import FIRST_INDEX

INPUT, LIF, CUBA, LINEAR, RELU, GELU, SSM, SSM_HEAVISIDE, SSM_LIF = 0, 1, 2, 3, 4, 5, 6, 7, 8
TERNARY, GSU, GLU, REDUCE, CENTER, LAYER_NORM, INTEGRATOR, RUNNING_MEAN = 9, 10, 11, 12, 13, 14, 15, 16
RESONATOR, SIGMA_DELTA, DELTA, BRF, ALIF, MODE, EVENT_MODE = 17, 18, 19, 20, 21, 22, 23
SCALED_LIF, BIT_SHIFT_LIF = 24, 25

KERNELS = {
    "lif": step_lif,
    "cuba": step_cuba,
    "linear": step_linear,
    "relu": step_relu,
    "gelu": step_gelu,
    "ssm": step_ssm,
    "ssm_heaviside": step_ssm_heaviside,
    "ssm_lif": step_ssm_lif,
    "ternary": step_ternary,
    "gsu": step_gsu,
    "glu": step_glu,
    "reduce": step_reduce,
    "center": step_center,
    "layer_norm": step_layer_norm,
    "integrator": step_integrator,
    "running_mean": step_running_mean,
    "resonator": step_resonator,
    "sigma_delta": step_sigma_delta,
    "delta": step_delta,
    "brf": step_brf,
    "alif": step_alif,
    "mode": step_mode,
    "event_mode": step_event_mode,
    "scaled_lif": step_scaled_lif,
    "bit_shift_lif": step_bit_shift_lif,
}


def update(model: int, options: Any, n_modes: int, parameters: Any, state: Any, charge: Any, output: Any,
           active: Any) -> None:
    """Update all neurons of one population for one token, from Python; an `input` population (index 0) is left alone.

    Parameters
    ----------
    model : index into MODEL_SPECS
    options : int32[N_OPTIONS]                  index of each attribute's choice, in the order of the declaration
    n_modes : complex modes per neuron, 0 for models without
    parameters : float[n_parameter_rows, size]  float64 or float32, as all the following
    state : float[n_state_rows, size]           read and written
    charge : float[n_ports, size]               what the dendrites gathered for this update
    output : float[n_outputs, size]             written for every neuron; 0 = nothing sent
    active : uint8[size]                        written: 1 if a charge, a state word or a bias was not 0, else 0
    """
    if model != INPUT:
        step_of(model)(options, n_modes, parameters, state, charge, output, active)


def step_of(model: int) -> Any:
    """Return the kernel of a model given by its index in `MODEL_SPECS`, built in or the user's own."""
    return KERNELS[SPEC_BY_INDEX[model].name] if model < FIRST_INDEX else own_step(model)
