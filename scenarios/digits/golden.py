"""Write `golden/{kind}.npz`, check it against the PyTorch network, and report.

Needs safetensors; the check needs PyTorch. Run from the repository root:

    python -m scenarios.digits.golden

The margins say how far rounding is from flipping a spike: a float64 evaluation in another order of summation (by FFT)
moves the thresholded values of 64 tokens by less than 1e-13, and margins far above that make the spikes independent of
the order.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from scenarios.digits import stepwise
from scenarios.digits.golden_io import Golden, load_golden, save_golden

HERE = Path(__file__).parent
SMALLEST_SAFE_MARGIN = 1e-11


class Task(NamedTuple):
    """What the networks of a scenario are tried on."""

    folder: Path                    # holds weights/ and golden/
    inputs: npt.NDArray[Any]        # [item, token] or [item, token, column]
    labels: npt.NDArray[Any]        # [item]
    scale: float                    # what the network sees is input * scale
    n_spike_items: int | None = None    # items whose spikes are kept; None for all

    def weights(self, kind: str) -> Path:
        """Return the weights file of a network."""
        return self.folder / "weights" / f"{kind}.safetensors"


def make_golden(kind: str, task: Task) -> Golden:
    """Evaluate the stored weights of `kind` on all items."""
    result = stepwise.evaluate_file(task.weights(kind), task.inputs, task.scale)
    accuracy = float((result.logits.argmax(-1) == task.labels).mean())
    return Golden(result.logits, [layer[:task.n_spike_items] for layer in result.spikes], result.margins, accuracy)


def compare_with_torch(kind: str, golden: Golden, task: Task) -> str:
    """Evaluate the items of which spikes are kept with PyTorch (FFT form, float32), and describe the differences."""
    import torch

    from scenarios.digits.reference import load_network

    torch.set_num_threads(1)
    network = load_network(task.weights(kind))
    n_items = len(golden.spikes[0])
    inputs = torch.from_numpy(task.inputs[:n_items]).float() * task.scale
    with torch.no_grad():
        logits, spikes = network.run(inputs if inputs.ndim == 3 else inputs[..., None])
    flips = [
        int((layer.transpose(1, 2).numpy() != exact).sum()) for layer, exact in zip(spikes, golden.spikes, strict=True)
    ]
    expected = golden.logits[:n_items]
    same = (logits.numpy().argmax(-1) == expected.argmax(-1)).mean()
    difference = np.abs(logits.numpy() - expected).max()
    return f"float32 FFT: spikes that differ {flips}, same class {same:.4f}, largest logit difference {difference:.1e}"


def describe(kind: str, golden: Golden) -> str:
    """Return one line of accuracy, rates and margins."""
    rates = [f"{np.abs(layer).mean():.4f}" for layer in golden.spikes]
    margins = [f"{margin:.2e}" for margin in golden.margins]
    unsafe = " UNSAFE: rounding may flip a spike" if min(golden.margins) < SMALLEST_SAFE_MARGIN else ""
    return f"{kind}: accuracy {golden.accuracy:.4f}, spike rates {rates}, margins {margins}{unsafe}"


def write_golden(task: Task, kinds: tuple[str, ...]) -> None:
    """Write and check the golden files of the kinds that the command line names, by default all."""
    parser = argparse.ArgumentParser(description="Write golden outcomes of the networks of a scenario.")
    parser.add_argument("--kinds", nargs="+", default=kinds, choices=kinds)
    parser.add_argument("--skip-torch", action="store_true", help="do not compare with PyTorch")
    options = parser.parse_args()
    for kind in options.kinds:
        golden = make_golden(kind, task)
        path = task.folder / "golden" / f"{kind}.npz"
        path.parent.mkdir(exist_ok=True)
        save_golden(path, golden)
        restored = load_golden(path)
        if not all(np.array_equal(a, b) for a, b in zip(golden.spikes, restored.spikes, strict=True)):
            sys.exit(f"{path}: spikes do not survive writing and reading")
        print(describe(kind, golden))
        if not options.skip_torch:
            print("  " + compare_with_torch(kind, golden, task))


def main() -> None:
    """Write and check the golden files of the digits."""
    with np.load(HERE / "data.npz") as data:
        task = Task(HERE, data["test_pixels"], data["test_labels"], stepwise.PIXEL_SCALE)
    write_golden(task, ("lif", "binary", "gsu"))


if __name__ == "__main__":
    main()
