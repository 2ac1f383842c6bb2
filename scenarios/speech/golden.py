"""Write `golden/{kind}.npz`: the logits of all test utterances, and the spikes of the first hundred.

Needs safetensors; the comparison with PyTorch, of those hundred, needs PyTorch. Run from the repository root:

    python -m scenarios.speech.golden
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scenarios.digits.golden import Task, write_golden

HERE = Path(__file__).parent
KINDS = ("lif", "binary", "gsu")
N_SPIKE_ITEMS = 100


def main() -> None:
    """Write and check the golden files."""
    with np.load(HERE / "data.npz") as data:
        task = Task(HERE, data["test_frames"], data["test_speakers"], 1.0, N_SPIKE_ITEMS)
    write_golden(task, KINDS)


if __name__ == "__main__":
    main()
