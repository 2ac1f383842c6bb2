# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""When a packet comes late: the one draw that both engines of free-running chips make."""

from neurosim.kernel import kernel
from neurosim.numbers import random_bits


@kernel
def arrival_delay(key, inject_ps, place, ordinal, destination, most):
    """Return by how much a packet comes late at a destination, 0 to `most` ps: a draw from stream `key`.

    It depends on the packet's id (inject_ps, place, ordinal) and its destination, not on any other draw.
    """
    bits = random_bits(random_bits(random_bits(random_bits(key, inject_ps), place), ordinal), destination)
    return bits % (most + 1)
