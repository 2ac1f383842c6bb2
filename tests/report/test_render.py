"""The page is drawn for whatever a trace holds."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hw_models import from_mapping
from neurosim.errors import OptionError, SimulationError
from neurosim.report import summarise, to_png
from neurosim.report.quantities import with_prefix
from neurosim.traces import Trace, TraceWriter
from neurosim.traces.schema import RunHeader, SampleResult
from tests.traces.synthetic import COLUMNS, ROWS, chip_mapping, make_header, make_result

ROOT = Path(__file__).parents[2]


def open_trace(tmp_path: Path, results: list[SampleResult], header: RunHeader | None = None) -> Trace:
    with TraceWriter(tmp_path / "run.h5", header or make_header(len(results)), force=True) as writer:
        for result in results:
            writer.write(result)
        writer.set_labels([0] * len(results))
    return Trace.open(tmp_path / "run.h5")


def idle(result: SampleResult) -> SampleResult:
    """Return a sample as detail `functional` leaves it: equal steps, no loads."""
    zeros = {name: np.zeros_like(getattr(result, name)) for name in (
        "soma_ps", "synapse_ps", "network_ps", "link_packets", "link_busy_ps", "queue_peak")}
    end_ps = 2_000_000 * np.arange(1, result.n_steps + 1)
    spikes = replace(result.spikes, time_ps=end_ps[result.spikes.step] - 2_000_000)
    return replace(result, step_end_ps=end_ps, spikes=spikes, **zeros)


def png_size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def test_a_page_is_wide_enough_for_a_poster(tmp_path: Path):
    with open_trace(tmp_path, [make_result(sample) for sample in range(4)]) as trace:
        path = to_png(trace, tmp_path / "page.png")
    width, height = png_size(path)
    assert width >= 1600 and 1000 <= height <= width
    assert 50_000 < path.stat().st_size < 5_000_000
    assert [file.name for file in tmp_path.glob("*.png*")] == ["page.png"]


@pytest.mark.parametrize("results", [[], [idle(make_result(0))], [make_result(0, n_tokens=1)]],
                         ids=["empty", "functional", "one token"])
def test_a_page_of_little(tmp_path: Path, results: list[SampleResult]):
    with open_trace(tmp_path, results) as trace:
        assert png_size(to_png(trace, tmp_path / "page.png"))[0] >= 1600


def test_a_page_of_an_unfinished_run(tmp_path: Path):
    with pytest.raises(KeyError), TraceWriter(tmp_path / "run.h5", make_header(5)):
        raise KeyError
    with Trace.open(tmp_path / "run.h5.partial", partial=True) as trace:
        assert png_size(to_png(trace, tmp_path / "page.png"))[0] >= 1600


def test_texts_do_not_overlap(tmp_path: Path):
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    from neurosim.report import palette
    from neurosim.report.render import page

    with open_trace(tmp_path, [make_result(sample) for sample in range(3)]) as trace, rc_context(palette.STYLE):
        figure = page(trace)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer()).padded(-1))
                 for text in figure.findobj(Text) if re.search("[a-z]", text.get_text()) and text.get_visible()]
    shown = [(text, box) for text, box in boxes if figure.bbox.overlaps(box) and box.width > 1 and box.height > 1]
    clashes = [(one, other) for index, (one, first) in enumerate(shown) for other, second in shown[index + 1:]
               if first.overlaps(second)]
    assert clashes == []
    for text, box in shown:
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1, text


@pytest.mark.parametrize(("populations", "marks"), [([], 0), ([3], 1), ([1, 3], 2)])
def test_overflows_are_marked_where_they_were(tmp_path: Path, populations: list[int], marks: int):
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba
    from matplotlib.text import Text

    from neurosim.report import palette
    from neurosim.report.render import page

    result = make_result(0)
    result.overflows[:] = 0
    result.overflows[4, populations] = 1000
    with open_trace(tmp_path, [result]) as trace:
        figure = page(trace)
    raster = figure.axes[0]
    lines = [each for each in raster.collections if isinstance(each, LineCollection)
             and each.get_color()[0].tolist() == list(to_rgba(palette.OVERFLOW)) and len(each.get_segments())]
    assert len(lines) == marks
    for line in lines:
        middle_us = (result.step_end_ps[3] + result.step_end_ps[4]) / 2 * 1e-6
        assert [segment[0][0] for segment in line.get_segments()] == pytest.approx([middle_us])
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert ("overflows" in texts) is ("red: overflows in this time step" in texts) is bool(populations)
    assert any(text.startswith("most in") for text in texts) is bool(populations)


def test_energy_bars_add_up(tmp_path: Path):
    from neurosim.report.energy_bars import MAX_BARS, energy_bars

    with open_trace(tmp_path, [make_result(sample) for sample in range(2)]) as trace:
        summary = summarise(trace)
    bars = energy_bars(summary)
    assert len(bars) <= MAX_BARS + 1
    assert sum(bar.energy_j for bar in bars) == pytest.approx(summary.energy.total_j / 2)
    assert all(bar.low_j <= bar.energy_j <= bar.high_j for bar in bars)


def test_links_join_neighbouring_tiles():
    from neurosim.report.mesh import mesh_links

    links = {link.number: link for link in mesh_links(make_header())}
    assert len(links) == 2 * (COLUMNS - 1) * ROWS + 2 * COLUMNS * (ROWS - 1)
    east, south = links[0], links[3]                    # of tile 0, at the top left: y runs down
    assert east.stop[0] > east.start[0] and east.stop[1] == east.start[1]
    assert south.stop[1] > south.start[1] and south.stop[0] == south.start[0]
    assert links[4 + 1].start[0] > links[4 + 1].stop[0]     # west of tile 1
    assert links[4 * COLUMNS + 2].start[1] > links[4 * COLUMNS + 2].stop[1]     # north of the tile below tile 0


def test_a_folder_that_does_not_exist(tmp_path: Path):
    with open_trace(tmp_path, [make_result(0)]) as trace, pytest.raises(OptionError, match="cannot be written"):
        to_png(trace, tmp_path / "missing" / "page.png")


def test_plotting_loads_late():
    script = ("import sys, neurosim.report, neurosim.traces\n"
              "from neurosim.report import summarise, to_png, to_text\n"
              "from neurosim.traces import Trace\n"
              "assert not {'matplotlib', 'h5py', 'rich'} & set(sys.modules), sys.modules.keys()")
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_a_full_disk_is_a_failure_that_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    with (open_trace(tmp_path, [make_result(0)]) as trace,
          pytest.raises(SimulationError, match="No space left on device")):
        to_png(trace, tmp_path / "page.png")
    assert [path.name for path in tmp_path.iterdir()] == ["run.h5"]


@pytest.mark.parametrize("name", ["page.png", "page.png.partial"])
def test_a_pipe_is_never_replaced(tmp_path: Path, name: str):
    os.mkfifo(tmp_path / name)
    with open_trace(tmp_path, [make_result(0)]) as trace, pytest.raises(OptionError, match="not a regular file"):
        to_png(trace, tmp_path / "page.png")
    assert (tmp_path / name).is_fifo()


def test_a_page_is_priced_with_the_chip_asked_for(tmp_path: Path):
    from matplotlib.text import Text

    from neurosim.report.render import page

    dearer = chip_mapping()
    dearer["name"], dearer["power"]["chip_idle_mw"]["high"] = "dear", 4000.0
    dearer["power"]["chip_idle_mw"]["value"] = 3000.0
    with open_trace(tmp_path, [make_result(0)]) as trace:
        texts = [[text.get_text() for text in figure.findobj(Text)]
                 for figure in (page(trace), page(trace, from_mapping(dearer)))]
        energy = with_prefix(summarise(trace, from_mapping(dearer)).energy_per_sample_j, "J")
    assert energy in texts[1] and energy not in texts[0]
    assert all("synthetic on toy" in each for each in texts)
    assert ["priced with dear" in " ".join(each) for each in texts] == [False, True]
