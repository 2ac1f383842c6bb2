"""`python -m neurosim`: the command line, as `neurosim` starts it."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Load the program and run it; Ctrl-C ends it cleanly even while it loads."""
    gc.set_threshold(100_000)           # loading makes many objects and no garbage: a sixth of a short run
    try:
        from neurosim.cli.main import main as run
    except KeyboardInterrupt:
        print("neurosim: interrupted", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
