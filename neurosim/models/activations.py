"""Activation functions, always in float64.

A float32 caller rounds the result once, so that it does not depend on a float32 mathematics library.
"""

import math

from neurosim.kernel import kernel

NONE, GELU, RELU = 0, 1, 2


@kernel
def gelu(value):
    """Return x/2 (1 + erf(x / sqrt 2)), the exact form.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", arXiv 1606.08415.
    """
    return 0.5 * value * (1.0 + math.erf(value * 0.7071067811865476))


@kernel
def tanh_gelu(value):
    """Return x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), within 5e-4 of the exact form; same source."""
    return 0.5 * value * (1.0 + math.tanh(0.7978845608028654 * (value + 0.044715 * value * value * value)))


@kernel
def sigmoid(value):
    """Return 1 / (1 + exp(-x)); the exponent is never positive, so nothing overflows."""
    if value >= 0.0:
        return 1.0 / (1.0 + math.exp(-value))
    growth = math.exp(value)
    return growth / (1.0 + growth)
