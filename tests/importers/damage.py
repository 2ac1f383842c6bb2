"""Import damaged copies of files, in a process of its own: `python -m tests.importers.damage SEED FILE...`.

Prints one line per file: how many copies were imported after all, and how many refused; the slowest; the memory at its
peak. Anything but a network or an error of neurosim's own ends the process with a traceback.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from importers import import_network
from neurosim.errors import NeurosimError

N_CUTS, N_FLIPS = 25, 60


def damaged(whole: bytes, chance: random.Random) -> Iterator[bytes]:
    """Yield copies cut short, and copies with a few bytes changed, most of them where the structure is."""
    for _ in range(N_CUTS):
        yield whole[:chance.randrange(len(whole))]
    for _ in range(N_FLIPS):
        copy = bytearray(whole)
        reach = len(copy) if chance.random() < 0.5 else min(len(copy), 4096)
        for _ in range(chance.choice([1, 1, 4, 30])):
            copy[chance.randrange(reach)] = chance.randrange(256)
        yield bytes(copy)


def peak_kilobytes() -> int:
    """Return the most memory that this process held, without what its parent held when it was started."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:"))


def main() -> None:
    """Damage, import, count."""
    chance = random.Random(int(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        for source in map(Path, sys.argv[2:]):
            whole, slowest, outcomes = source.read_bytes(), 0.0, [0, 0]
            for copy in damaged(whole, chance):
                path = Path(folder) / source.name
                path.write_bytes(copy)
                started = time.process_time()
                try:
                    import_network(path)
                    outcomes[0] += 1
                except NeurosimError as error:
                    assert str(path) in str(error) or "neurosim" not in str(error), error
                    outcomes[1] += 1
                slowest = max(slowest, time.process_time() - started)
            peak = peak_kilobytes() // 1024
            print(source.name, *outcomes, f"{slowest:.2f}", peak)


if __name__ == "__main__":
    main()
