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
) -> None:
    """Place a network on a chip and show how full each core is."""
    from neurosim.cli.output import print_json
    from neurosim.mapping import describe, render
    from neurosim.mapping import map_network as place
    from neurosim.mapping.fit import fit, render_fit
    from neurosim.resolve import resolve

    found = resolve(net, chip, network=network, schedule=schedule, seed=seed, overrides=set_ or [])
    if found.chip.unpublished is not None:
        fitted = fit(found.network, found.chip, found.mapping)
        print_json(fitted) if json else print(render_fit(fitted))
        return
    machine = place(found.network, found.chip, found.mapping)
    print_json(describe(machine)) if json else print(render(describe(machine)))
