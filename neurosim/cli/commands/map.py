"""`neurosim map`: how a network goes on a chip."""

from __future__ import annotations

from typing import Annotated

import typer

from neurosim.cli import options


def map_network(
    net: Annotated[str, typer.Argument(metavar="NET", help="Scenario (digits, digits:gsu), network or weight file.")],
    chip: options.Chip = None,
    network: options.Network = None,
    schedule: options.Schedule = None,
    set_: options.Settings = None,
    seed: options.Seed = 0,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Place a network on a chip and show how full each core is."""
    from neurosim.cli.output import print_json, progress_bar
    from neurosim.mapping import describe, render
    from neurosim.mapping import map_network as place
    from neurosim.resolve import resolve

    found = resolve(net, chip, network=network, schedule=schedule, seed=seed, overrides=set_ or [])
    with progress_bar("mapping", quiet=quiet):
        machine = place(found.network, found.chip, found.mapping)
    if json:
        print_json(describe(machine))
    elif not quiet:
        print(render(describe(machine)))
