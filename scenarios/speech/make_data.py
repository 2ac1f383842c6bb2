"""Bring the JapaneseVowels utterances to one length, and write `data.npz`.

Reads the text files that the sktime wheel ships (`pip install --no-deps sktime==1.2.0`); sktime itself is not loaded.
Run from the repository root:

    python -m scenarios.speech.make_data
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

N_FRAMES = 29          # the longest utterance; shorter ones end in frames of zeros
N_CALIBRATION = 100
DATA_FILE = Path(__file__).parent / "data.npz"
WITHIN_SKTIME = "datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts"


class Utterances(NamedTuple):
    """One part of the data set."""

    frames: npt.NDArray[np.float32]    # [utterance, frame, coefficient], padded with zeros at the end
    lengths: npt.NDArray[np.int64]     # [utterance], frames before the padding
    speakers: npt.NDArray[np.int64]    # [utterance], 0 to 8


def load_part(part: str) -> Utterances:
    """Return the part `TRAIN` or `TEST` of the data set, split by its authors."""
    found = find_spec("sktime")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("sktime is not installed: pip install --no-deps sktime==1.2.0")
    path = Path(found.origin).parent / WITHIN_SKTIME.format(part=part)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] not in "#@"]
    return utterances_of(lines)


def utterances_of(lines: list[str]) -> Utterances:
    """Return the utterances of lines `c,c,…:c,c,…:…:speaker`, one list per coefficient, speakers from 1."""
    parts = [line.split(":") for line in lines]
    series = [np.array([part.split(",") for part in each[:-1]], dtype=np.float32).T for each in parts]
    frames = np.zeros((len(lines), N_FRAMES, series[0].shape[1]), dtype=np.float32)
    for utterance, values in enumerate(series):
        frames[utterance, :len(values)] = values
    speakers = np.array([int(each[-1]) - 1 for each in parts], dtype=np.int64)
    return Utterances(frames, np.array([len(values) for values in series], dtype=np.int64), speakers)


def calibration_of(train: Utterances) -> npt.NDArray[np.int64]:
    """Return the training utterances kept for calibration: of all speakers, since they stand in order."""
    return np.linspace(0, len(train.speakers) - 1, N_CALIBRATION).astype(np.int64)


def main() -> None:
    """Write the whole test part, and some of the training part for calibration."""
    train, test = load_part("TRAIN"), load_part("TEST")
    kept = calibration_of(train)
    np.savez_compressed(
        DATA_FILE,
        test_frames=test.frames,
        test_lengths=test.lengths,
        test_speakers=test.speakers,
        train_frames=train.frames[kept],
        train_speakers=train.speakers[kept],
    )


if __name__ == "__main__":
    main()
