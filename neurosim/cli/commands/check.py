"""`neurosim check`: say of each file whether it is sound, or list all its faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from neurosim.cli import options


class Verdict(NamedTuple):
    """What was found out about a file."""

    file: str
    kind: str
    summary: str
    faults: list[str]


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The files, of any of these kinds.")],
    json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print faults alone, and no progress.")] = False,
) -> None:
    """Check files: chips, networks, scenarios, weights, traces and input data."""
    import sys

    from neurosim.cli.output import print_json, progress_bar

    verdicts = []
    with progress_bar("files", quiet=quiet or len(files) < 2) as progress:
        for n_done, file in enumerate(files, 1):
            verdicts.append(_verdict(file))
            if progress is not None:
                progress(n_done, len(files))
    if json:
        print_json([{"file": each.file, "kind": each.kind, "ok": not each.faults, "summary": each.summary,
                     "faults": each.faults} for each in verdicts])
    for each in verdicts:
        if not each.faults and not json and not quiet:
            print(f"{each.file}: ok, {each.kind} {each.summary}".rstrip())
        for fault in each.faults:
            print(f"neurosim: {fault}", file=sys.stderr)
    if any(each.faults for each in verdicts):
        raise typer.Exit(2)


def _verdict(file: Path) -> Verdict:
    from hw_models.located import ConfigError
    from neurosim.errors import InputError
    from neurosim.traces.check import DAMAGE, damaged

    kind = "file"
    try:
        kind, summarise = _kind(file)
        return Verdict(str(file), kind, summarise(file), [])
    except ConfigError as error:
        return Verdict(str(file), kind, "", [str(fault) for fault in error.faults])
    except InputError as error:
        return Verdict(str(file), kind, "", [str(error)])
    except DAMAGE as error:
        return Verdict(str(file), kind, "", [str(damaged(file, error))])


def _kind(file: Path) -> tuple[str, Callable[[Path], str]]:
    """Return what the file is, and the function that checks it and sums it up."""
    from neurosim.errors import DataError

    if not file.exists():
        raise DataError(f"{file}: no such file", mend="check the path")
    if file.is_dir():
        return "data", _recordings
    if file.suffix in (".yaml", ".yml"):
        return _yaml_kind(file)
    if file.suffix == ".partial":
        return "trace", _trace
    if file.suffix in (".h5", ".hdf5"):
        return _hdf5_kind(file)
    if _is_of_events(file):
        return "data", _recordings
    if file.suffix in (".npy", ".npz") and not _holds_weights(file):
        return "data", _data
    return "weights", _weights


def _yaml_kind(file: Path) -> tuple[str, Callable[[Path], str]]:
    from hw_models.located import read_located

    keys = read_located(file).value
    return ("scenario", _scenario) if "networks" in keys else ("chip", _chip)


def _hdf5_kind(file: Path) -> tuple[str, Callable[[Path], str]]:
    from neurosim.data_files import array_shapes

    arrays = array_shapes(file)
    if any(name.startswith(("mapping/", "provenance/", "samples/", "steps/")) for name in arrays):
        return "trace", _trace
    return ("network", _network) if "header" in arrays or not arrays else ("data", _data)


def _holds_weights(file: Path) -> bool:
    """Whether the arrays are named as those of a trained network are."""
    from neurosim.data_files import array_shapes

    return file.suffix == ".npz" and any(
        f".{name}".endswith((".weight", ".bias")) or "s4_layers." in name for name in array_shapes(file))


def _chip(file: Path) -> str:
    from hw_models.load import load_chip

    return load_chip(file).name


def _scenario(file: Path) -> str:
    """Check the file, each network it names, and the data."""
    from neurosim.scenario import load_scenario

    scenario, _ = load_scenario(file)
    for name in scenario.content.networks:
        network = scenario.network(name)
        if scenario.content.data.file:
            n_columns = sum(population.size for population in network.inputs)
            scenario.inputs(n_columns)
            scenario.labels()
    return f"{scenario.name}: {', '.join(scenario.content.networks)}"


def _network(file: Path) -> str:
    from neurosim.api import load_network

    network = load_network(file)
    return f"{network.name}: {network.n_neurons} neurons, {network.n_synapses} synapses"


def _weights(file: Path) -> str:
    return _network(file)


def _trace(file: Path) -> str:
    """Read every value, and sum it up as a report would."""
    from hw_models.located import ConfigError
    from neurosim.api import summarise
    from neurosim.traces.check import damaged
    from neurosim.traces.store import Trace

    with Trace.open(file, partial=file.suffix == ".partial") as trace:
        trace.verify()
        try:
            summarise(trace)
        except ConfigError as error:
            raise damaged(file, error) from error
        return f"of {trace.n_samples} samples" if trace.complete else f"incomplete, {trace.n_samples} samples so far"


def _is_of_events(file: Path) -> bool:
    from neurosim.recordings.files import holds_recordings

    return holds_recordings(file)


def _recordings(file: Path) -> str:
    """Read every event."""
    from neurosim.recordings.load import summed_up

    return summed_up(file)


def _data(file: Path) -> str:
    """Read every array; shapes are checked against a network only when one is run."""
    from neurosim.inputs import check_file

    shapes = check_file(file)
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
