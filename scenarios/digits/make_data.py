"""Split the scikit-learn handwritten digits and write `data.npz`.

Needs scikit-learn. Run from the repository root:

    python -m scenarios.digits.make_data
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

N_CALIBRATION = 100
DATA_FILE = Path(__file__).parent / "data.npz"


class Split(NamedTuple):
    """The digits, split once and for all; pixels are whole numbers 0 to 16 in row order."""

    train_pixels: npt.NDArray[np.uint8]  # [1437, 64]
    train_labels: npt.NDArray[np.int64]  # [1437]
    test_pixels: npt.NDArray[np.uint8]  # [360, 64]
    test_labels: npt.NDArray[np.int64]  # [360]


def load_split() -> Split:
    """Return the stratified 80/20 split with random state 0."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    train_pixels, test_pixels, train_labels, test_labels = train_test_split(
        pixels.astype(np.uint8), labels.astype(np.int64), test_size=0.2, random_state=0, stratify=labels
    )
    return Split(train_pixels, train_labels, test_pixels, test_labels)


def main() -> None:
    """Write the whole test split, and the first training samples for calibration."""
    split = load_split()
    np.savez_compressed(
        DATA_FILE,
        test_pixels=split.test_pixels,
        test_labels=split.test_labels,
        train_pixels=split.train_pixels[:N_CALIBRATION],
        train_labels=split.train_labels[:N_CALIBRATION],
    )


if __name__ == "__main__":
    main()
