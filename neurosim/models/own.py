"""The steps of the user's own models as one part of `registry.update`; what they are made of decides the cache.

Numba takes what a closure holds as a constant, so that the chain is compiled as if it had been written out.
"""

from neurosim.kernel import keep_apart, part
from neurosim.own_models import models_to_compile


@part
def _step_none(model, options, n_modes, parameters, state, charge, output, active):
    """Leave a population alone whose model nobody knows; `own_models.check_known` refuses it before a run."""


def _with(number, step, others):
    """Return a part that runs `step` for the model of this number, and `others` for any other."""

    @part
    def step_own(model, options, n_modes, parameters, state, charge, output, active):
        if model == number:
            step(options, n_modes, parameters, state, charge, output, active)
        else:
            others(model, options, n_modes, parameters, state, charge, output, active)

    return step_own


def _chain(models):
    """Return one part for all `models`; without any, the part that does nothing."""
    found = _step_none
    for model in models:
        found = _with(model.number, part(model.step), found)
    return found


_MODELS, _DIGEST = models_to_compile()
if _MODELS:
    keep_apart(_DIGEST)
step_own = _chain(_MODELS)
