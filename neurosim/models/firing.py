"""The firing rule shared by integrate-and-fire somata: comparator and reset.

Choices in the order of `model_specs`: comparator 0 = `>=`, 1 = `>`; reset 0 = hard, 1 = soft, 2 = none.
"""

from neurosim.kernel import kernel

REACHES = 0
HARD, SOFT = 0, 1


@kernel
def fires(value, threshold, comparator):
    """Return whether `value` reaches (comparator 0) or exceeds (1) `threshold`."""
    if comparator == REACHES:
        return value >= threshold
    return value > threshold


@kernel
def potential_after_spike(potential, threshold, reset_value, reset):
    """Return the potential left by a spike: `reset_value` (hard), `reset_value` plus what lay above the threshold
    (soft), or unchanged (none).
    """
    if reset == HARD:
        return reset_value
    if reset == SOFT:
        return potential - threshold + reset_value
    return potential
