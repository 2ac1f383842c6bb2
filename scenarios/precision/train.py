"""Train the network that reads 784 tokens, and write its weights and its training log.

Needs PyTorch, safetensors and scikit-learn. Run from the repository root; about a quarter of an hour on a CPU core:

    python -m scenarios.precision.train

Network, training and split are those of `scenarios.digits`; the images alone are larger. The accuracy is that of the
last epoch: nothing is selected on the test data.
"""

from __future__ import annotations

from pathlib import Path

from scenarios.digits.train import load_tensors, parse_arguments, save_weights, train_and_log
from scenarios.precision.images import LEVELS, enlarged

HERE = Path(__file__).parent


def main() -> None:
    """Train the network of kind `lif`."""
    options = parse_arguments("Train a spiking state-space network on digits enlarged to 28x28.", epochs=20)
    scale = 1 / LEVELS
    network, epochs = train_and_log(options, load_tensors(enlarged, scale), options.log or HERE / "lif784.json")
    save_weights(network, options.out or HERE / "lif784.safetensors", options.seed, epochs[-1], scale,
                 "scikit-learn digits, 28x28 (bilinear), row order")


if __name__ == "__main__":
    main()
