"""Write `golden/neurobench.json`: what NeuroBench finds on the network of `neurobench_network`.

pip install neurobench==2.3.0 snntorch==1.0.0
python -m tests.report.make_neurobench
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from tests.report.neurobench_network import measured

GOLDEN = Path(__file__).parent / "golden" / "neurobench.json"


def main() -> None:
    """Run NeuroBench, one sample at a time."""
    found = {kind: measured(kind, batch=1) for kind in ("spike", "graded")}
    versions = {name: version(name) for name in ("neurobench", "snntorch", "torch")}
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps({"versions": versions, **found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
