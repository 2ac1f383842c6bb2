"""How long the page of a run with ten million spikes takes to make and to open, and how large it is.

    python benchmarks/report_page.py            # needs Plotly, playwright and a Chromium

Opening is the time from asking for the file until the browser has painted the first content, until figures, energy and
spikes, which are at the top of the page, are drawn, and until the last chart is: on the clock, which other programs on
the machine lengthen, and as CPU time of the page's main thread. The browser draws in software.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from harness import Figure, Progress, environment, figures_table, parser_of, print_environment, write_figures

from hw_models.load import load_chip, to_mapping
from neurosim.engine.link_blocks import link_loads
from neurosim.events import CHIP_EVENTS, CORE_EVENTS
from neurosim.report import write_report_page
from neurosim.traces.schema import RunHeader, SampleResult, SpikeTable
from neurosim.traces.store import Trace, TraceWriter

N_SAMPLES, N_STEPS, STEP_PS, N_CORES, PER_CORE = 100, 200, 1_000_000, 16, 128
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MAIN_THREAD = "TaskDuration"


class Opening(NamedTuple):
    """Seconds until there is something: first content painted, top of the page and all of it drawn.

    top_cpu, cpu : CPU time of the page's main thread until the top, and all of it, is drawn
    """

    first: float
    top: float
    drawn: float
    top_cpu: float
    cpu: float


def header(n_samples: int) -> RunHeader:
    """Return the header of a run on sixteen cores of a mesh."""
    chip = load_chip("generic-mesh")
    provenance = {"network": "ten million spikes", "chip": json_text(to_mapping(chip)), "chip_name": chip.name}
    return RunHeader(
        provenance=provenance, population_names=("layer",), population_sizes=(N_CORES * PER_CORE,),
        output_names=("layer",), output_population=(0,), output_kind=(0,), readout_populations=(),
        core_physical=np.arange(N_CORES), core_tile=np.arange(N_CORES), core_is_port=np.zeros(N_CORES, np.int64),
        columns=4, rows=4, cores_per_tile=1,
        core_slices=tuple((f"layer[{PER_CORE * core}:{PER_CORE * (core + 1)}]",) for core in range(N_CORES)),
        utilisation=tuple({"neurons": (PER_CORE, 1024)} for _ in range(N_CORES)), n_samples=n_samples,
        schedule="pipelined", interval=1, depth=1, detail="event", numbers="float64", engine="compiled")


def json_text(mapping: dict[str, Any]) -> str:
    """Return a chip as a trace keeps it."""
    import json

    return json.dumps(mapping, sort_keys=True)


def sample_result(sample: int, n_spikes: int, random: np.random.Generator) -> SampleResult:
    """Return a sample in which `n_spikes` neurons and steps drawn at random fire."""
    cells = np.sort(random.choice(N_STEPS * N_CORES * PER_CORE, n_spikes, replace=False))
    step, neuron = np.divmod(cells, N_CORES * PER_CORE)
    spikes = SpikeTable(step.astype(np.int32), np.zeros(n_spikes, np.int32), neuron, np.ones(n_spikes),
                        step * STEP_PS + random.integers(0, STEP_PS, n_spikes))
    busy = random.integers(STEP_PS // 4, STEP_PS, (N_STEPS, N_CORES))
    counts = np.zeros((N_STEPS, N_CORES, len(CORE_EVENTS)), np.int32)
    np.add.at(counts[:, :, CORE_EVENTS.index("spike_out")], (step, neuron // PER_CORE), 1)
    link_busy = random.integers(0, STEP_PS // 2, (N_STEPS, 5 * N_CORES))
    return SampleResult(
        sample=sample, n_tokens=N_STEPS, readout=random.random(10), readout_tokens=None,
        step_end_ps=np.arange(1, N_STEPS + 1) * STEP_PS, core_counts=counts,
        chip_counts=np.zeros((N_STEPS, len(CHIP_EVENTS)), np.int64), soma_ps=busy // 2, synapse_ps=busy // 2,
        network_ps=np.zeros(N_STEPS, np.int64), link_packets=link_busy.sum(axis=0) // 1000,
        link_busy_ps=link_busy.sum(axis=0), queue_peak=np.zeros(N_CORES, np.int64), spikes=spikes,
        link_loads=link_loads(np.cumsum(link_busy, axis=0), 1))


def write_trace(path: Path, n_spikes: int, seed: int, progress: Progress) -> None:
    """Write a trace of so many spikes in a hundred samples."""
    random = np.random.default_rng(seed)
    with TraceWriter(path, header(N_SAMPLES)) as writer:
        writer.set_labels(random.integers(0, 10, N_SAMPLES))
        for sample in range(N_SAMPLES):
            progress(f"writing sample {sample + 1} of {N_SAMPLES}")
            writer.write(sample_result(sample, n_spikes // N_SAMPLES, random))


def open_page(path: Path, n_times: int) -> list[Opening]:
    """Open a page in a browser some times."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        found = [_open_once(browser, path) for _ in range(n_times)]
        browser.close()
    return found


def _open_once(browser: Any, path: Path) -> Opening:
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    started = time.perf_counter()
    page.goto(path.as_uri())
    page.wait_for_selector("#raster .main-svg")
    top, top_cpu = time.perf_counter() - started, _cpu(session)
    page.wait_for_selector("body[data-drawn]")
    drawn, cpu = time.perf_counter() - started, _cpu(session)
    first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    page.context.close()
    return Opening(first, top, drawn, top_cpu, cpu)


def _cpu(session: Any) -> float:
    metrics = {row["name"]: row["value"] for row in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics[MAIN_THREAD])


def main() -> None:
    """Print the figures."""
    parser = parser_of(__doc__, repeat=5, repeat_help="times that the page is opened")
    parser.add_argument("--spikes", type=int, default=10_000_000, help="of the trace, default 10 000 000")
    options = parser.parse_args()
    missing = [name for name in ("plotly", "playwright") if find_spec(name) is None]
    if missing or CHROMIUM is None:
        print(f"skipped: needs {', '.join([*missing, *([] if CHROMIUM else ['a Chromium'])])}")
        return
    where, progress = environment(None), Progress()
    print_environment(where)
    with tempfile.TemporaryDirectory() as folder:
        trace, page = Path(folder) / "run.h5", Path(folder) / "page.html"
        write_trace(trace, options.spikes, options.seed, progress)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.process_time()
        with Trace.open(trace) as opened:
            write_report_page(opened, page)
        seconds, peak = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        progress("opening the page")
        size, openings = page.stat().st_size, open_page(page, options.repeat)
    progress.clear()
    medians = Opening(*(statistics.median(column) for column in zip(*openings, strict=True)))
    load = f" load of the machine {where['load_1_min']:.1f}"
    million = f"{options.spikes / 1e6:g} million spikes"
    figures = [
        Figure("", f"page of {million}: made, CPU time", seconds, "s"),
        Figure("", f"page of {million}: peak memory (writing the trace: {before // 1024} MB)", peak / 1024, "MB",
               at_most=1000),
        Figure("", f"page of {million}: size", size / 1e6, "MB", at_most=12),
        Figure("", f"page of {million}: first content, on the clock", medians.first, "s", at_most=2),
        Figure("", f"page of {million}: top drawn, CPU time of the page", medians.top_cpu, "s", at_most=2),
        Figure("", f"page of {million}: all drawn, CPU time of the page", medians.cpu, "s", at_most=2),
        Figure("", f"page of {million}: top drawn, on the clock", medians.top, "s", at_most=2, note=load),
        Figure("", f"page of {million}: all drawn, on the clock", medians.drawn, "s", note=load),
    ]
    print(figures_table(figures))
    write_figures(options.json, where, f"python benchmarks/report_page.py --spikes {options.spikes}", figures)


if __name__ == "__main__":
    main()
