"""W7: scale. A million neurons; a language model on several chips; a long run into a file; curves of cost.

`python benchmarks/w7_scale.py [--parts million language trace curves] [--json FILE] [--png FILE]`. Each part runs in a
process of its own, whose largest memory is measured, and a million neurons take 6 GB.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from harness import Figure, Progress, environment, figures_table, parser_of, pin, print_environment, write_figures

PARTS = ("million", "language", "trace", "curves")


def main() -> None:
    """Print the figures."""
    parser = parser_of(__doc__, 3, "repetitions of each point of a curve")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--png", type=Path, help="draw the curves into this file")
    arguments = parser.parse_args()
    where, tell = environment(pin()), Progress()
    figures: list[Figure] = []
    for part in arguments.parts:
        tell(part)
        options = [str(arguments.repeat), str(arguments.png or "")] if part == "curves" else []
        done = subprocess.run([sys.executable, str(Path(__file__).with_name("scale_parts.py")), part, *options],
                              check=True, stdout=subprocess.PIPE, text=True)
        figures += [Figure("W7", **row) for row in json.loads(done.stdout.splitlines()[-1])]
    tell.clear()
    print_environment(where)
    print(figures_table(figures))
    write_figures(arguments.json, where, "python benchmarks/w7_scale.py --parts " + " ".join(arguments.parts), figures)


if __name__ == "__main__":
    main()
