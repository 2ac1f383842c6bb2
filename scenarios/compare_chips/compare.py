"""One trained network on every chip of the library, side by side: what fits, accuracy, latency, energy.

Run from the root of the repository:

    python -m scenarios.compare_chips.compare                   results.json, table.md and docs/compare_chips.png
    python -m scenarios.compare_chips.compare --samples 2 --accuracy-samples 20 --out FOLDER

Chips that cannot run the network say which capability is missing. Nothing is tuned by chip: formats are chosen by the
same rule on the same calibration utterances, and a core takes as many neurons as `SUBJECTS` says.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import neurosim
from hw_models import ConfigError
from hw_models.load import list_chips
from neurosim.errors import InputError

SCENARIO = "compare_chips"
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Subject:
    """A chip, and how the network goes onto it."""

    label: str
    chip: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """What became of the network on one chip.

    missing : why it does not run there; empty where it does, and everything below is then given
    accuracy : share of all test utterances, in the fixed point of the chip
    fullest, fullest_share : the resource, neurons apart, that is fullest on any core, and how full it is
    latency_s : of one utterance, injection of the first frame to the last read-out; token_s : between two frames
    energy_j, low_j, high_j : of one utterance with static power; interval of the chip's figures
    static_j : part of it that static power takes
    assumed_share : part of the energy that rests on assumed figures
    """

    label: str
    chip: str
    missing: str = ""
    accuracy: float = 0.0
    cores: int = 0
    chips: int = 0
    fullest: str = ""
    fullest_share: float = 0.0
    packets: float = 0.0
    latency_s: float = 0.0
    token_s: float = 0.0
    energy_j: float = 0.0
    low_j: float = 0.0
    high_j: float = 0.0
    static_j: float = 0.0
    assumed_share: float = 0.0
    overrides: tuple[str, ...] = field(default=())


SUBJECTS = (
    Subject("Loihi 2, fused", "loihi2", ("mapping.ssm=fused",)),
    Subject("Loihi 2, expanded", "loihi2", ("mapping.ssm=expanded", "mapping.max_neurons_per_core=256")),
    Subject("SpiNNaker", "spinnaker1"),
    Subject("SpiNNaker 2", "spinnaker2"),
    Subject("SENECA", "seneca"),
    Subject("Darwin3", "darwin3"),
    Subject("generic mesh", "generic-mesh"),
)


def subjects() -> Iterator[Subject]:
    """Yield the chips compared, then every other chip of the library as it stands."""
    yield from SUBJECTS
    for chip in list_chips():
        if chip not in {subject.chip for subject in SUBJECTS}:
            yield Subject(chip, chip)


def compare(subject: Subject, samples: int, accuracy_samples: int | None) -> Row:
    """Return what becomes of the network on a chip.

    Parameters
    ----------
    samples : utterances whose packets are simulated, for latency and energy
    accuracy_samples : utterances whose class is looked at; all of them where None
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            timed = neurosim.run(SCENARIO, subject.chip, samples=samples, numbers="fixed", overrides=subject.overrides)
        except (InputError, ConfigError) as error:
            return Row(subject.label, subject.chip, missing=str(error), overrides=subject.overrides)
        classified = neurosim.run(SCENARIO, subject.chip, samples=accuracy_samples, numbers="fixed",
                                  detail="functional", overrides=subject.overrides)
    summary = timed.summary
    assert summary.latency.per_sample is not None and summary.latency.per_token is not None
    assert classified.summary.accuracy is not None
    energy, used = summary.energy, {name: item for name, item in summary.utilisation.items() if name != "neurons"}
    fullest = max(used, key=lambda name: used[name].max)      # the number of neurons is set, see `SUBJECTS`
    return Row(subject.label, subject.chip, "", classified.summary.accuracy, summary.cores_used, summary.chips_used,
               fullest, used[fullest].max, summary.packets / samples,
               summary.latency.per_sample.mean, summary.latency.per_token.mean, energy.total_j / samples,
               energy.interval_low_j / samples, energy.interval_high_j / samples, energy.static_j / samples,
               energy.assumed_share, subject.overrides)


def main() -> int:
    """Compare, then write results, table and figure."""
    from scenarios.compare_chips.figure import draw
    from scenarios.compare_chips.table import render

    parser = argparse.ArgumentParser(description="One spiking state-space network on every chip of the library.")
    parser.add_argument("--samples", type=int, default=10, help="utterances that are simulated packet by packet")
    parser.add_argument("--accuracy-samples", type=int, help="utterances that accuracy is measured on (default: all)")
    parser.add_argument("--out", type=Path, help="folder of results.json, table.md and compare_chips.png")
    options = parser.parse_args()
    rows = []
    for subject in subjects():
        rows.append(compare(subject, options.samples, options.accuracy_samples))
        print(f"{subject.label}: {rows[-1].missing.splitlines()[0] if rows[-1].missing else 'done'}", file=sys.stderr)
    folder = options.out or HERE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    text = render(rows)
    (folder / "table.md").write_text(text)
    print(text)
    print(draw(rows, (options.out or ROOT / "docs") / "compare_chips.png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
