"""Brian2, C++ standalone: CPU time of the program's simulation loop alone, without its start and its files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import brian2
from brian2_network import build
from peer import serve

directory = Path(tempfile.mkdtemp(prefix="brian2-"))
brian2.set_device("cpp_standalone", build_on_run=False)
brian2.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j1"]
whole, monitor, duration = build()
brian2.device.insert_code("before_network_run", "const clock_t loop_began = clock();")
brian2.device.insert_code("after_network_run", """
{
    std::ofstream file("loop_cpu_s.txt");
    file << double(clock() - loop_began) / CLOCKS_PER_SEC;
}""")
whole.run(duration)
brian2.device.build(directory=str(directory), compile=True, run=False, debug=False)


def run() -> tuple[float, int]:
    """Run the program once."""
    brian2.device.run(str(directory))
    return float((directory / "loop_cpu_s.txt").read_text(encoding="utf-8")), int(monitor.num_spikes)


serve(f"Brian2 {brian2.__version__}", run)
