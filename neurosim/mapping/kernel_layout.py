"""How the machine stores a convolution kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def kernel_layout(values: NDArray[Any]) -> NDArray[Any]:
    """Return values [out, in, height, width] flat as [height, width, in, out]: all outputs of a tap lie together."""
    return np.ascontiguousarray(values.transpose(2, 3, 1, 0)).reshape(-1)
