"""`neurosim run`: run a network on a chip and report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurosim.cli import options

if TYPE_CHECKING:
    from neurosim.api import RunResult


def run(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SCENARIO|NET", help=(
        "Scenario (digits, digits:gsu, a YAML file), network file or weight file."))],
    chip: options.Chip = None,
    input_: Annotated[str | None, typer.Option("--input", metavar="DATA", help=(
        "A .npy, .npz or .h5 file, FILE:FIELD, recordings of events (docs/events.md) or a folder of them; by default "
        "the scenario's own data."))] = None,
    labels: Annotated[str | None, typer.Option("--labels", metavar="DATA", help=(
        "Class of each sample; by default an array `labels` beside the inputs."))] = None,
    trace: Annotated[Path | None, typer.Option("--trace", metavar="OUT.h5", help="Keep the trace here.")] = None,
    network: options.Network = None,
    engine: Annotated[str, typer.Option("--engine", metavar="NAME", help=(
        "auto, compiled or reference, all with the same result; auto begins with reference while kernels "
        "compile."))] = "auto",
    detail: Annotated[str, typer.Option("--detail", metavar="NAME", help="functional, analytic or event.")] = "event",
    numbers: Annotated[str, typer.Option("--numbers", metavar="NAME", help=(
        "float64, float32, or fixed: the chip's arithmetic."))] = "float64",
    schedule: options.Schedule = None,
    set_: options.Settings = None,
    samples: Annotated[int | None, typer.Option("--samples", metavar="N", help="Only the first N samples.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", metavar="N", help=(
        "Samples that run at once; by default one per processor core."))] = None,
    record: Annotated[str, typer.Option("--record", metavar="NAME", help=(
        "counts, spikes, packets, or all."))] = "spikes",
    times: Annotated[str | None, typer.Option("--times", metavar="DATA", help=(
        "When each token enters a free-running chip, in ps: an array [sample, token] or [token]."))] = None,
    jitter_ns: Annotated[float, typer.Option("--jitter-ns", metavar="NS", help=(
        "The most that a packet comes late at a core of a free-running chip, drawn by --seed."))] = 0.0,
    jitter_runs: Annotated[int, typer.Option("--jitter-runs", metavar="N", help=(
        "Repeat the run N times with such delays, and report what they change."))] = 0,
    seed: options.Seed = 0,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run a network on a chip: accuracy, time, energy."""
    from neurosim import api
    from neurosim.cli.output import check_output, progress_bar
    from neurosim.engine import first_run

    check_output(trace, force=force)
    with progress_bar("running", quiet=quiet) as progress, _told_where_the_samples_are(trace):
        result = api.run(source, chip, input_, labels, network=network, samples=samples, detail=detail,
                         numbers=numbers, schedule=schedule, engine=engine, seed=seed, workers=workers,
                         overrides=set_ or [], record=record, trace=trace, force=force, progress=progress,
                         command=context.obj, times=times, jitter_ns=jitter_ns, jitter_runs=jitter_runs)
    _show(result, json=json, quiet=quiet)
    if not quiet and first_run.compiling():
        print("neurosim: a first run, by the reference engine; kernels compile in the background for the next ones",
              file=sys.stderr)


@contextmanager
def _told_where_the_samples_are(trace: Path | None) -> Iterator[None]:
    """Say on Ctrl-C what is left of the run."""
    try:
        yield
    except KeyboardInterrupt:
        if trace is not None:
            from neurosim.traces.store import partial_path

            if partial_path(trace).exists():
                print(f"neurosim: the samples so far are in {partial_path(trace)}", file=sys.stderr)
        raise


def _show(result: RunResult, *, json: bool, quiet: bool) -> None:
    from neurosim.cli.output import print_json
    from neurosim.report import to_text

    with result.trace:
        if json:
            print_json(result.summary.to_json())
        elif not quiet:
            print(to_text(result.summary))
