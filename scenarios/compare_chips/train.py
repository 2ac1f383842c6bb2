"""Train the network of the comparison and write its weights and its training log.

Needs PyTorch, safetensors, scikit-learn and the files of sktime (see `scenarios/speech/make_data.py`). Run from the
root of the repository; about a minute on a CPU core:

    python -m scenarios.compare_chips.train

Training, data and split are those of `scenarios.speech`; only the network is larger. The accuracy is that of the last
epoch: nothing is selected on the test data.
"""

from __future__ import annotations

from pathlib import Path

from scenarios.digits.train import parse_arguments
from scenarios.speech.train import train_and_save

HERE = Path(__file__).parent


def main() -> None:
    """Train it."""
    options = parse_arguments("Train four layers of width 128 on JapaneseVowels.", n_layers=4, width=128, state_size=64)
    train_and_save(options, HERE)


if __name__ == "__main__":
    main()
