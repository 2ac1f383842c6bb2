"""Neurons advanced over the time gone by, in closed form: what free-running chips do when a packet comes.

`elapse` turns one step of a model into a step that lasts as long as any number of steps without input: it changes the
parameters of the decay, and `registry.update` then does that step together with the charge. So there is one equation
per model, and n idle steps with a charge in the last equal one such step. Models are those that declare
`silent_between_events`; of those without decay nothing changes.
"""

from neurosim.kernel import kernel
from neurosim.models.diagonal_ssm import elapse_modes
from neurosim.models.event_mode import elapse_event_mode
from neurosim.models.integrator import elapse_integrator
from neurosim.models.lif import elapse_lif
from neurosim.models.mode import elapse_mode
from neurosim.models.registry import EVENT_MODE, INTEGRATOR, LIF, MODE, SCALED_LIF, SSM
from neurosim.models.scaled_lif import elapse_scaled_lif


@kernel
def elapse(model, n_modes, elapsed, parameters, state, charge):
    """Make the next update of some neurons that of `elapsed` steps.

    Parameters
    ----------
    model : index into MODEL_SPECS, of a model that is silent between events
    elapsed : float64[neuron]                   steps since the last update, 0 or more; overwritten
    parameters : float[n_parameter_rows, neuron]    a copy, changed
    state : float[n_state_rows, neuron]         a refractory count and the potential it holds are changed
    charge : float[n_ports, neuron]             the interval of an `event_mode` is written
    """
    if model == LIF:
        elapse_lif(elapsed, parameters, state)
    elif model == SCALED_LIF:
        elapse_scaled_lif(elapsed, parameters)
    elif model == INTEGRATOR:
        elapse_integrator(elapsed, parameters)
    elif model == MODE:
        elapse_mode(elapsed, parameters)
    elif model == EVENT_MODE:
        elapse_event_mode(elapsed, charge)
    elif model == SSM:
        elapse_modes(n_modes, elapsed, parameters)
