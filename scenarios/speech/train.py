"""Train one of the networks that tell speakers apart, and write its weights and its training log.

Needs PyTorch, safetensors, scikit-learn and the files of sktime (see `make_data.py`). Run from the repository root,
once per kind; less than a minute each on a CPU core:

    python -m scenarios.speech.train --kind lif

Networks and training are those of `scenarios.digits`, with 12 inputs and 9 classes. The networks are trained as they
run: on 29 frames, of which the last ones may be zeros, and on the mean over all of them. The accuracy is that of the
last epoch: nothing is selected on the test data.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import torch

from scenarios.digits.train import Tensors, parse_arguments, save_weights, train_and_log
from scenarios.speech.make_data import load_part

HERE = Path(__file__).parent


def load_tensors() -> Tensors:
    """Return the utterances, a token a frame of 12 coefficients."""
    train, test = load_part("TRAIN"), load_part("TEST")
    return Tensors(torch.from_numpy(train.frames), torch.from_numpy(train.speakers),
                   torch.from_numpy(test.frames), torch.from_numpy(test.speakers))


def train_and_save(options: Namespace, folder: Path) -> None:
    """Train, and write weights and log below `folder` unless the options name other files."""
    network, epochs = train_and_log(options, load_tensors(), options.log or folder / "logs" / f"{options.kind}.json")
    save_weights(network, options.out or folder / "weights" / f"{options.kind}.safetensors", options.seed, epochs[-1],
                 1.0, "JapaneseVowels (UCI), 12 LPC cepstrum coefficients, 29 frames, zeros at the end")


def main() -> None:
    """Train one kind."""
    train_and_save(parse_arguments("Train a spiking state-space network on JapaneseVowels."), HERE)


if __name__ == "__main__":
    main()
