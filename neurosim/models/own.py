"""The steps of the user's own models, each compiled by itself; what it is made of decides where it is kept."""

from typing import Any

from neurosim.kernel import kernel_apart
from neurosim.own_models import own_model

_steps: dict[int, Any] = {}


def own_step(number: int) -> Any:
    """Return the kernel of one of the user's models, given by its number in machines."""
    if number not in _steps:
        model = own_model(number)
        _steps[number] = kernel_apart(model.step, model.digest)
    return _steps[number]
