"""The digits of `scenarios.digits` as sequences of 784 tokens: 8x8 pixels, enlarged to 28x28 and read row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SIDE, LARGE_SIDE = 8, 28
LARGEST = 16                    # of the small pixels
LEVELS = 255                    # of the large ones: the network sees pixel / 255
# Positions of the large pixels, counted in small ones, are multiples of 1 / STEPS.
STEPS = 14


def enlarged(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return uint8[image, 784], 0 to 255, of pixels [image, 64], 0 to 16: bilinear, both over the same square.

    Pixel i of 28 lies at (4 i - 5) / 14 between the centres of the 8; outside of them the edge goes on. All arithmetic
    is of integers, so that the images are the same everywhere.
    """
    matrix = _weights()
    small = pixels.reshape(-1, SIDE, SIDE).astype(np.int64)
    summed = matrix @ small @ matrix.T
    whole = LARGEST * STEPS**2
    return ((2 * LEVELS * summed + whole) // (2 * whole)).astype(np.uint8).reshape(len(small), -1)


def _weights() -> npt.NDArray[np.int64]:
    """Return the shares, in units of 1 / STEPS, of every small pixel [large pixel, small pixel]."""
    matrix = np.zeros((LARGE_SIDE, SIDE), np.int64)
    for large in range(LARGE_SIDE):
        position = min(max(4 * large - 5, 0), (SIDE - 1) * STEPS)
        small, beyond = divmod(position, STEPS)
        matrix[large, small] += STEPS - beyond
        if beyond:
            matrix[large, small + 1] += beyond
    return matrix
