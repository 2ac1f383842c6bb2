"""`neurosim quantize`: choose fixed-point formats, and say what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurosim.cli import options

if TYPE_CHECKING:
    from neurosim.calibrate import QuantizeReport
    from neurosim.calibrate.report import OutputError, QuantityError


def quantize(
    net: Annotated[str, typer.Argument(metavar="NET", help="Scenario (digits, digits:gsu), network or weight file.")],
    chip: options.Chip = None,
    data: Annotated[str | None, typer.Option("--data", metavar="DATA", help=(
        "Sample inputs: a .npy, .npz or .h5 file, or FILE:FIELD; by default the scenario's for calibration."))] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="NET.h5", help=(
        "Write the quantised network here."))] = None,
    labels: Annotated[str | None, typer.Option("--labels", metavar="DATA", help=(
        "Class of each sample; by default an array `labels` beside the inputs."))] = None,
    samples: Annotated[int, typer.Option("--samples", metavar="N", help="Only the first N samples.")] = 100,
    bits: Annotated[list[str] | None, typer.Option("--bits", metavar="NAME=N", help=(
        "Bits of a role (weight=6), a quantity (a=12), one population's (layer0.ssm.h=16). Repeatable."))] = None,
    method: Annotated[str | None, typer.Option("--method", metavar="NAME", help=(
        "Range that is kept: max (default), percentile, or mse for the least squared error."))] = None,
    percentile: Annotated[float | None, typer.Option("--percentile", metavar="P", help=(
        "Percent of the values kept by --method percentile (default 99.9)."))] = None,
    granularity: Annotated[str | None, typer.Option("--granularity", metavar="NAME", help=(
        "One scale per tensor (default), or per channel."))] = None,
    scales: Annotated[str | None, typer.Option("--scales", metavar="NAME", help=(
        "power_of_two (default), so that conversions are shifts, or free."))] = None,
    headroom_bits: Annotated[int | None, typer.Option("--headroom-bits", metavar="N", help=(
        "Bits that charges and states keep free for data unlike the samples (default 1)."))] = None,
    rounding: Annotated[list[str] | None, typer.Option("--rounding", metavar="[NAME=]R", help=(
        "Rounding of computed values or of NAME: floor, toward_zero, nearest_even, nearest_away, stochastic."))] = None,
    overflow: Annotated[list[str] | None, typer.Option("--overflow", metavar="[NAME=]O", help=(
        "Overflow of computed values, or of NAME: saturate, twos_complement, lava_wrap, error."))] = None,
    distances: Annotated[bool, typer.Option("--distances", help="Report distances of spike trains too.")] = False,
    network: options.Network = None,
    set_: options.Settings = None,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Choose fixed-point formats for a network, and report their errors."""
    from neurosim import api
    from neurosim.cli.output import check_output, print_json, progress_bar
    from neurosim.graph_io import save_network

    check_output(output, force=force)
    plain = {"method": method, "percentile": percentile, "granularity": granularity, "scales": scales,
             "headroom_bits": headroom_bits}
    settings = [*(set_ or []), *(f"quantize.{name}={value}" for name, value in plain.items() if value is not None),
                *_named("bits", bits, "NAME=N, such as a=12, weight=6 or layer0.ssm.h=16"),
                *_named("rounding", rounding, "a rounding, or NAME=ROUNDING"),
                *_named("overflow", overflow, "an overflow, or NAME=OVERFLOW")]
    with progress_bar("comparing", quiet=quiet) as progress:
        result = api.quantize(net, chip, data, labels, network=network, samples=samples, overrides=settings,
                              distances=distances, progress=progress)
    if output is not None:
        save_network(result.network, output, force=force)
    if json:
        print_json(result.report.to_json())
    elif not quiet:
        print(to_text(result.report))


def _named(option: str, texts: Sequence[str] | None, allowed: str) -> list[str]:
    """Return `NAME=CHOICE` texts as settings; raise OptionError where one cannot be read."""
    from neurosim.errors import OptionError

    settings = []
    for text in texts or []:
        name, equals, value = text.rpartition("=")
        if not value.strip() or bool(equals) != bool(name.strip()) or option == "bits" and not equals:
            raise OptionError(f"--{option} {text}", allowed=allowed)
        settings.append(f"quantize.{option}{'.' if equals else ''}{name.strip()}={value.strip()}")
    return settings


def to_text(report: QuantizeReport) -> str:
    """Return the report as tables."""
    from neurosim.cli.output import table

    chosen = report.options
    scales = "powers of two" if chosen["scales"] == "power_of_two" else "free scales"
    method = f"percentile {chosen['percentile']}" if chosen["method"] == "percentile" else chosen["method"]
    lines = [f"{report.network} for {report.chip}: method {method}, {scales}, one per {chosen['granularity']}",
             f"{report.samples} samples" + _accuracy(report), "",
             table([_output_row(item, len(_distances(report))) for item in report.outputs],
                   ["output", "kind", "SNR dB", "spikes differ", "spikes float", "spikes fixed", *_distances(report)]),
             "",
             table([_quantity_row(item) for item in report.quantities],
                   ["quantity", "format", "scale", "max error", "rms error", "relative", "clipped"])]
    return "\n".join([*lines, *(f"note: {note}" for note in report.notes)])


def _accuracy(report: QuantizeReport) -> str:
    if report.accuracy_float is None or report.accuracy_fixed is None:
        return ""
    return (f": accuracy {100 * report.accuracy_float:.1f} % in float64, "
            f"{100 * report.accuracy_fixed:.1f} % in fixed point")


def _distances(report: QuantizeReport) -> list[str]:
    apart = any(item.van_rossum is not None for item in report.outputs)
    return ["van Rossum", "Victor-Purpura"] if apart else []


def _output_row(item: OutputError, n_distances: int) -> list[str]:
    name = item.population if item.output in ("spike", "graded", "ternary") else f"{item.population}.{item.output}"
    spikes = item.mismatch_rate is not None
    apart = ["" if value is None else f"{value:.3g}" for value in (item.van_rossum, item.victor_purpura)]
    snr = "" if spikes else "exact" if item.snr_db is None else f"{item.snr_db:.1f}"
    return [name, item.kind, snr,
            "" if item.mismatch_rate is None else f"{100 * item.mismatch_rate:.2f} %",
            str(item.spikes_float) if spikes else "", str(item.spikes_fixed) if spikes else "", *apart[:n_distances]]


def _quantity_row(item: QuantityError) -> list[str]:
    format_ = f"{'s' if item.signed else 'u'}{item.bits}.{item.fraction}"
    scale = f"{item.scale_low:.3g}" if item.n_scales == 1 else f"{item.scale_low:.3g} to {item.scale_high:.3g}"
    name = item.where if item.quantity == "weight" else f"{item.where}.{item.quantity}"
    return [name, format_, scale, f"{item.max_error:.2g}", f"{item.rms_error:.2g}", f"{100 * item.relative_rms:.2g} %",
            f"{item.n_clipped} of {item.n_values}" if item.n_clipped else "0"]
