"""Studies small enough for tests, written out as files."""

from __future__ import annotations

from pathlib import Path

from tests.cli.program import save_tiny

STUDY = """\
name: tiny
source: {network}
chip: generic-mesh
input: {data}:inputs
labels: {data}:labels
numbers: fixed
parameters:
  mapping.max_neurons_per_core: [1, 2, 5]
  core.max_neurons: [2, 8]
  noc.link_cycle_ns: {{low: 1.0, high: 64.0, log: true, steps: 4}}
  core.costs.spike_out.energy_pj: [30, 3000]
objectives: {{energy: min, latency: min, cores: min}}
search: {{method: {method}, points: {points}, seed: 0, population: 6}}
detail: {detail}
event_points: 5
{more}
"""


def write_study(folder: Path, *, method: str = "random", points: int = 12, detail: str = "analytic",
                more: str = "") -> Path:
    """Write a study of a network with five neurons; return its file."""
    network, data = folder / "tiny.h5", folder / "tiny.npz"
    if not network.exists():
        save_tiny(folder)
    path = folder / "study.yaml"
    path.write_text(STUDY.format(network=network, data=data, method=method, points=points, detail=detail, more=more))
    return path
