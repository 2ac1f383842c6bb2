"""`neurosim map`: how a network goes on a chip, and which options would make it go better."""

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
    advise: Annotated[bool, typer.Option("--advise", help=(
        "Try the options that could make it fit or cost less, each measured on your data."))] = False,
    input_: Annotated[str | None, typer.Option("--input", "-i", metavar="DATA", help=(
        "With --advise: data to measure on; by default the scenario's."))] = None,
    labels: Annotated[str | None, typer.Option("--labels", metavar="DATA", help=(
        "With --advise: class of each sample."))] = None,
    samples: Annotated[int | None, typer.Option("--samples", metavar="N", help=(
        "With --advise: samples for accuracy (default 50); the first three are timed."))] = None,
    numbers: Annotated[str | None, typer.Option("--numbers", metavar="NAME", help=(
        "With --advise: float64 (default) or fixed."))] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Place a network on a chip and show how full each core is."""
    from neurosim.cli.output import print_json, progress_bar

    given = {"input": input_, "labels": labels, "samples": samples, "numbers": numbers}
    if advise:
        _advise(net, chip, network, schedule, set_ or [], seed, given, json=json, quiet=quiet)
        return
    _refuse(given)
    from neurosim.mapping import describe, render
    from neurosim.mapping import map_network as place
    from neurosim.mapping.capacity import describe_capacity, render_capacity
    from neurosim.resolve import resolve

    found = resolve(net, chip, network=network, schedule=schedule, seed=seed, overrides=set_ or [])
    with progress_bar("mapping", quiet=quiet):
        if found.chip.unpublished is not None:
            fitted = describe_capacity(found.network, found.chip, found.mapping)
            text = render_capacity(fitted)
        else:
            fitted = describe(place(found.network, found.chip, found.mapping))
            text = render(fitted)
    if json:
        print_json(fitted)
    elif not quiet:
        print(text)


def _advise(net: str, chip: str | None, network: str | None, schedule: str | None, settings: list[str], seed: int,
            given: dict[str, str | int | None], *, json: bool, quiet: bool) -> None:
    from neurosim.advisor import advise
    from neurosim.advisor.advise import SAMPLES
    from neurosim.advisor.text import to_text
    from neurosim.cli.output import print_json, progress_bar, table

    n_samples = SAMPLES if given["samples"] is None else int(given["samples"])
    with progress_bar("trying", quiet=quiet) as progress:
        advice = advise(net, chip, given["input"], given["labels"], network=network, samples=n_samples,
                        numbers=str(given["numbers"] or "float64"), schedule=schedule, seed=seed, overrides=settings,
                        progress=progress)
    if json:
        print_json(advice.to_json())
    elif not quiet:
        print(to_text(advice, table))


def _refuse(given: dict[str, str | int | None]) -> None:
    """Refuse what only --advise takes."""
    from neurosim.errors import OptionError

    for name, value in given.items():
        if value is not None:
            raise OptionError(f"--{name} {value} without --advise", mend="add --advise, or leave it out")
