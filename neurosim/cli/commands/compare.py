"""`neurosim compare`: which of two runs takes less energy, or less time, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurosim.cli import options

if TYPE_CHECKING:
    from neurosim.explore import Comparison, Duty


def compare(
    trace_a: Annotated[Path, typer.Argument(metavar="TRACE_A", help="A trace written by `neurosim run --trace`.")],
    trace_b: Annotated[Path, typer.Argument(metavar="TRACE_B", help="Another one.")],
    metric: Annotated[str, typer.Option("--metric", metavar="NAME", help="energy, or latency of a sample.")] = "energy",
    rate: Annotated[float | None, typer.Option("--rate", metavar="HZ", help=(
        "Also the power of both at this many tokens per second, waiting included."))] = None,
    samples: Annotated[int, typer.Option("--samples", metavar="N", help="Samples of the chips' figures.")] = 20_000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the samples.")] = 0,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare two runs under the uncertainty of their chips' figures."""
    from neurosim.cli.output import print_json, progress_bar
    from neurosim.explore import compare as compare_designs
    from neurosim.explore import duty

    with progress_bar("comparing", quiet=quiet):
        found = compare_designs(trace_a, trace_b, n_samples=samples, seed=seed, metric=metric)
        duties = [] if rate is None else [duty(path, rate, n_samples=samples, seed=seed) for path in (trace_a, trace_b)]
    if json:
        print_json({**found.to_json(), **({"duty": [each.to_json() for each in duties]} if duties else {})})
    elif not quiet:
        print("\n".join([*_comparison(found), *_duties(duties)]))


def _comparison(found: Comparison) -> list[str]:
    from neurosim.cli.output import table
    from neurosim.report.quantities import percent, with_prefix

    metrics = {"energy": ("J", "energy_j"), "latency": ("s", "latency_s")}
    (unit, key), other = metrics[found.metric], "latency" if found.metric == "energy" else "energy"
    rows = [[letter, str(each["name"]), str(each["chip"]), with_prefix(each[key], unit),
             with_prefix(each[f"low_{unit.lower()}"], unit), with_prefix(each[f"high_{unit.lower()}"], unit),
             with_prefix(each[metrics[other][1]], metrics[other][0]), percent(each["accuracy"])]
            for letter, each in (("A", found.a), ("B", found.b))]
    likelier, less = found.likelier.upper(), "less energy" if found.metric == "energy" else "less time"
    drawn = "drawn together: one technology" if found.same_technology else "drawn independently: two technologies"
    low, middle, high = found.ratio
    sure = "more than 99.9 %" if 0 < found.doubt < 1e-3 else percent(1 - found.doubt)
    lines = [table(rows, ["", "run", "chip", found.metric, "low", "high", other, "accuracy"]), "",
             f"{likelier} takes {less} with probability {sure} (figures {drawn})",
             f"B takes {middle:.3g} times the {found.metric} of A, {low:.3g} to {high:.3g} in nine cases of ten"]
    if found.metric == "latency":
        lines.append(f"travel and waiting are kept as measured: {percent(found.a['kept_share'])} of A's time, "
                     f"{percent(found.b['kept_share'])} of B's")
    if found.settles is not None:
        lines.append(f"measuring {found.settles.figure} of {found.settles.chip} would settle it: a doubt of "
                     f"{percent(found.doubt)} would become {percent(found.settles.doubt_left)}")
    elif found.is_settled:
        lines.append("that is settled as it is: no figure needs to be measured for it")
    elif found.figures:
        first = found.figures[0]
        lines.append(f"the figure that matters most is {first.figure} of {first.chip}: measured, a doubt of "
                     f"{percent(found.doubt)} would become {percent(first.doubt_left)}")
    if found.figures:
        lines += ["", table([[each.chip, each.figure, f"{each.low:g} to {each.high:g} {each.unit}", each.basis,
                              percent(each.spread_share), percent(each.doubt_left)] for each in found.figures],
                            ["chip", "figure", "interval", "basis", "of the spread", "doubt if measured"])]
    return lines


def _duties(duties: list[Duty]) -> list[str]:
    from neurosim.cli.output import table
    from neurosim.report.quantities import percent, with_prefix

    if not duties:
        return []
    rows = [[each.name, percent(each.busy_share), with_prefix(each.power_w, "W"), with_prefix(each.power_low_w, "W"),
             with_prefix(each.power_high_w, "W"), with_prefix(each.active_w, "W"), with_prefix(each.idle_w, "W"),
             with_prefix(each.energy_per_token_j, "J")] for each in duties]
    lines = ["", f"at {duties[0].rate_hz:g} tokens per second:",
             table(rows, ["run", "busy", "power", "low", "high", "active", "waiting", "per token"])]
    slow = [each for each in duties if not each.keeps_up]
    return lines + [f"{each.name} does not keep up: at most {each.highest_rate_hz:.4g} tokens per second, for "
                    "which the power stands" for each in slow]
