"""The steps of the user's own models, each compiled by itself; what it is made of decides where it is kept."""

from functools import cache
from typing import Any

from neurosim.kernel import kernel_apart
from neurosim.own_models import own_model


@cache
def own_step(number: int) -> Any:
    """Return the kernel of one of the user's models, given by its number in machines."""
    model = own_model(number)
    return kernel_apart(model.step, model.digest)
