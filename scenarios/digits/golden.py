"""Write `golden/{kind}.npz`, check it against the PyTorch network, and report.

Needs safetensors; the check needs PyTorch. Run from the repository root:

    python -m scenarios.digits.golden

The margins say how far rounding is from flipping a spike: a float64 evaluation in another order of summation (by FFT)
moves the thresholded values by less than 1e-13, so margins far above that make the spikes independent of the order.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scenarios.digits import stepwise
from scenarios.digits.golden_io import Golden, load_golden, save_golden

HERE = Path(__file__).parent
SMALLEST_SAFE_MARGIN = 1e-11


def make_golden(kind: str, pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> Golden:
    """Evaluate the stored weights of `kind` on pixels [item, token]."""
    result = stepwise.evaluate_file(HERE / "weights" / f"{kind}.safetensors", pixels)
    accuracy = float((result.logits.argmax(-1) == labels).mean())
    return Golden(result.logits, result.spikes, result.margins, accuracy)


def compare_with_torch(kind: str, golden: Golden, pixels: npt.NDArray[np.uint8]) -> str:
    """Evaluate with PyTorch (FFT form, float32) and describe the differences."""
    import torch

    from scenarios.digits.reference import load_network

    torch.set_num_threads(1)
    network = load_network(HERE / "weights" / f"{kind}.safetensors")
    with torch.no_grad():
        logits, spikes = network.run(torch.from_numpy(pixels).float()[..., None] * stepwise.PIXEL_SCALE)
    flips = [
        int((layer.transpose(1, 2).numpy() != exact).sum()) for layer, exact in zip(spikes, golden.spikes, strict=True)
    ]
    same = (logits.numpy().argmax(-1) == golden.logits.argmax(-1)).mean()
    difference = np.abs(logits.numpy() - golden.logits).max()
    return f"float32 FFT: spikes that differ {flips}, same class {same:.4f}, largest logit difference {difference:.1e}"


def describe(kind: str, golden: Golden) -> str:
    """Return one line of accuracy, rates and margins."""
    rates = [f"{np.abs(layer).mean():.4f}" for layer in golden.spikes]
    margins = [f"{margin:.2e}" for margin in golden.margins]
    unsafe = " UNSAFE: rounding may flip a spike" if min(golden.margins) < SMALLEST_SAFE_MARGIN else ""
    return f"{kind}: accuracy {golden.accuracy:.4f}, spike rates {rates}, margins {margins}{unsafe}"


def main() -> None:
    """Write and check the golden files."""
    parser = argparse.ArgumentParser(description="Write golden outcomes of the digit networks.")
    parser.add_argument("--kinds", nargs="+", default=["lif", "binary", "gsu"])
    parser.add_argument("--skip-torch", action="store_true", help="do not compare with PyTorch")
    options = parser.parse_args()
    with np.load(HERE / "data.npz") as data:
        pixels, labels = data["test_pixels"], data["test_labels"]
    for kind in options.kinds:
        golden = make_golden(kind, pixels, labels)
        path = HERE / "golden" / f"{kind}.npz"
        path.parent.mkdir(exist_ok=True)
        save_golden(path, golden)
        restored = load_golden(path)
        if not all(np.array_equal(a, b) for a, b in zip(golden.spikes, restored.spikes, strict=True)):
            sys.exit(f"{path}: spikes do not survive writing and reading")
        print(describe(kind, golden))
        if not options.skip_torch:
            print("  " + compare_with_torch(kind, golden, pixels))


if __name__ == "__main__":
    main()
