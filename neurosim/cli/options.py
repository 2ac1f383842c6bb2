"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Chip = Annotated[str | None, typer.Option("--chip", metavar="CHIP", help=(
    "A chip's name or YAML file; by default the scenario's, else loihi2."))]
ChipSettings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=(
    "Change the chip, as in core.weight_bits=4. Repeatable."))]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=(
    "Change the chip (core.weight_bits=4), the mapping (mapping.placement=linear), the choice of formats "
    "(quantize.bits.h=16) or how recordings are binned (input.bin_us=1000). Repeatable."))]
Network = Annotated[str | None, typer.Option("--network", metavar="NAME", help="Which network of a scenario.")]
Schedule = Annotated[str | None, typer.Option("--schedule", metavar="NAME", help=(
    "pipelined, fall_through, or whole_sequence for networks that read backward too."))]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the placement and the engine.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no report and no progress.")]
