"""Write `golden/{kind}.npz`: the logits of all test digits, and the spikes of the first ten.

Needs safetensors; the comparison with PyTorch, of those ten, needs PyTorch. Run from the repository root:

    python -m scenarios.smnist.golden
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scenarios.digits.golden import Task, write_golden

HERE = Path(__file__).parent
KINDS = ("lif", "gsu")
PIXEL_SCALE = 1 / 255
N_SPIKE_ITEMS = 10


def main() -> None:
    """Write and check the golden files."""
    with np.load(HERE / "data.npz") as data:
        task = Task(HERE, data["test_pixels"], data["test_labels"], PIXEL_SCALE, N_SPIKE_ITEMS)
    write_golden(task, KINDS)


if __name__ == "__main__":
    main()
