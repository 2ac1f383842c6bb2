"""The rules of who may import whom, checked from the syntax tree. ARCHITECTURE.md gives the reasons."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("neurosim", "hw_models", "importers", "scenarios", "benchmarks")

# From top to bottom: each may import what stands below it. Units of one layer may import each other only where the
# layer says so.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("scenarios", "benchmarks"),
    ("neurosim.__main__", "neurosim.warm"),
    ("neurosim.cli",),
    ("neurosim.advisor", "neurosim.explore"),
    ("neurosim.api", "neurosim.doctor", "neurosim.profiling", "neurosim"),
    ("neurosim.run_data",),
    ("neurosim.resolve", "neurosim.calibrate"),
    ("neurosim.scenario",),
    ("neurosim.inputs",),
    ("neurosim.recordings",),
    ("neurosim.data_files",),
    ("neurosim.validate",),
    ("importers", "neurosim.mapping", "neurosim.engine", "neurosim.report", "neurosim.export"),
    ("neurosim.models", "neurosim.noc", "neurosim.traces"),
    ("neurosim.scales",),
    ("neurosim.numbers",),
    ("neurosim.graph", "neurosim.weights", "neurosim.graph_io", "neurosim.machine", "neurosim.model_specs",
     "neurosim.own_models", "neurosim.quantity_specs", "neurosim.formats", "neurosim.connections", "hw_models"),
    ("neurosim.events", "neurosim.units", "neurosim.errors", "neurosim.kernel", "neurosim.lanes",
     "neurosim.integer_lanes", "neurosim.pointers", "neurosim.hdf5_bytes", "neurosim.new_files", "neurosim.pages"),
)
SOCIABLE = (LAYERS[4], LAYERS[-2], LAYERS[-1])
BOTTOM = LAYERS[-1]

# Unit -> the only units of ours that it may see, where that is less than its layer allows.
ONLY: dict[str, tuple[str, ...]] = {
    "hw_models": (),
    "importers": ("neurosim.graph", "neurosim.weights", "neurosim.graph_io", "neurosim.model_specs",
                  "neurosim.quantity_specs", "neurosim.formats", *BOTTOM),
    "neurosim.report": ("neurosim.traces", "hw_models", *BOTTOM),
}
NEVER: dict[str, tuple[str, ...]] = {
    **{unit: ("neurosim.graph", "neurosim.weights", "neurosim.graph_io", "hw_models")
       for unit in ("neurosim.engine", "neurosim.noc", "neurosim.traces")},
    **{unit: ("hw_models",) for unit in LAYERS[-2] if unit != "hw_models"},
}

# Library -> the modules that may import it.
EDGES: dict[str, tuple[str, ...]] = {
    "simpy": ("neurosim.engine.reference", "neurosim.engine.reference_network"),
    "networkx": ("neurosim.graph", "neurosim.mapping.*", "neurosim.noc.topology"),
    # neurosim.data_files, neurosim.recordings: users keep their data in HDF5, and nothing else reads it at the edge.
    "h5py": ("neurosim.graph_io", "neurosim.traces.store", "neurosim.traces.head",
             "neurosim.traces.opening", "neurosim.export.*", "importers.files.*", "importers.netx",
             "importers.nir.*", "neurosim.hdf5_bytes", "neurosim.data_files", "neurosim.recordings.*"),
    "typer": ("neurosim.cli.*",),
    "rich": ("neurosim.cli.*", "neurosim.report.text"),
    "matplotlib": ("neurosim.report.*",),   # in modules that load when a page is drawn
}
# Imported inside functions only; the scenarios' training scripts are run by hand and may use PyTorch openly.
LAZY = ("torch", "nir", "safetensors", "optuna", "dask", "distributed", "plotly", "pyarrow", "pynwb")
# A module that PyTorch trains is a class of its: neurosim.export loads these when they are asked for.
OPENLY = ("scenarios.*", "benchmarks.*", "neurosim.export.torch_*", "importers.live.torch_*",
          "neurosim.explore.dask_plugin")

# Kernels see arrays, constants and each other. `machine`, `events` and `tables` give constants and array types.
KERNELS = ("neurosim.models.*", "neurosim.noc.kernels", "neurosim.noc.wheel", "neurosim.noc.streams",
           "neurosim.noc.stream_crossing", "neurosim.*_kernels")
KERNEL_IMPORTS = ("__future__", "typing", "math", "numpy", "numpy.*", "numba", "numba.*", "neurosim.kernel",
                  "neurosim.lanes", "neurosim.integer_lanes", "neurosim.numbers", "neurosim.machine",
                  "neurosim.events", "neurosim.engine.tables",
                  "neurosim.engine.*_tables", "neurosim.pointers", "neurosim.model_specs", "neurosim.own_models",
                  *KERNELS)     # behind `pointers`: what finds a model's step
# Start-up: what `neurosim --help` loads must not import these at module level.
HEAVY = ("numpy", "numba", "h5py", "networkx", "simpy", "pydantic", "yaml", "matplotlib", "rich", "hw_models",
         "neurosim.*", "importers", "scenarios")


class Import(NamedTuple):
    module: str        # dotted name of the importing module
    name: str          # dotted name of what it imports
    line: int
    top_level: bool    # runs when the module is loaded

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name}"


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports_of(module: str) -> list[Import]:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return list(walk(module, tree.body, top_level=True))


def walk(module: str, nodes: list[ast.AST] | list[ast.stmt], *, top_level: bool) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, top_level)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(module, imported(module, node, alias.name), node.lineno, top_level)
        else:
            inner = top_level and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            inner = inner and not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
            yield from walk(module, list(ast.iter_child_nodes(node)), top_level=inner)


def imported(module: str, node: ast.ImportFrom, name: str) -> str:
    base = node.module or ""
    if node.level:
        parents = module.split(".") if MODULES[module].name == "__init__.py" else module.split(".")[:-1]
        base = ".".join([*parents[:len(parents) - node.level + 1], *([base] if base else [])])
    return f"{base}.{name}" if f"{base}.{name}" in MODULES else base


ALL = list(dict.fromkeys(each for module in MODULES for each in imports_of(module)))


def unit(name: str) -> str | None:
    """Return the unit that a module of ours belongs to, or None for other people's modules."""
    if name.split(".")[0] not in PACKAGES:
        return None
    known = [each for layer in LAYERS for each in layer if name == each or name.startswith(f"{each}.")]
    if name != "neurosim" and name.startswith("neurosim."):
        known = [each for each in known if each != "neurosim"]
    assert known, f"{name} stands in no layer: add it to LAYERS and to ARCHITECTURE.md"
    return max(known, key=len)


def layer(of: str) -> int:
    return next(index for index, units in enumerate(LAYERS) if of in units)


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) or fnmatch(name, pattern.removesuffix(".*")) for pattern in patterns)


def test_every_module_has_a_layer() -> None:
    for module in MODULES:
        assert unit(module)


def test_imports_point_downwards() -> None:
    wrong = []
    for each in ALL:
        source, target = unit(each.module), unit(each.name)
        # `from neurosim import __version__` is the package itself, which knows nobody when it is loaded.
        if target is None or source is None or source == target or each.name == "neurosim":
            continue
        if layer(target) < layer(source) or (layer(target) == layer(source) and LAYERS[layer(source)] not in SOCIABLE):
            wrong.append(str(each))
    assert not wrong, "\n".join(wrong)


def test_narrow_units_see_only_what_they_may() -> None:
    wrong = []
    for each in ALL:
        source, target = str(unit(each.module)), unit(each.name)
        if target is None or source == target:
            continue
        if (source in ONLY and target not in ONLY[source]) or target in NEVER.get(source, ()):
            wrong.append(str(each))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("library", EDGES)
def test_libraries_stay_at_the_edges(library: str) -> None:
    wrong = [str(each) for each in ALL
             if matches(each.name, (f"{library}.*",)) and not matches(each.module, (*EDGES[library], *OPENLY))]
    assert not wrong, "\n".join(wrong)


def test_optional_and_slow_libraries_are_imported_in_functions() -> None:
    wrong = [str(each) for each in ALL
             if each.top_level and each.name.split(".")[0] in LAZY and not matches(each.module, OPENLY)]
    assert not wrong, "\n".join(wrong)


def test_kernels_see_arrays_alone() -> None:
    wrong = [str(each) for each in ALL if matches(each.module, KERNELS) and not matches(each.name, KERNEL_IMPORTS)]
    assert not wrong, "\n".join(wrong)


def test_the_command_line_loads_nothing_heavy() -> None:
    wrong = [str(each) for each in ALL if each.top_level and unit(each.module) in ("neurosim.cli", "neurosim")
             and matches(each.name, HEAVY) and not matches(each.name, ("neurosim.cli.*", "neurosim.errors"))]
    assert not wrong, "\n".join(wrong)


def test_the_rules_notice_offenders(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that points upwards, and one of a library within a module, are found."""
    bad = [Import("neurosim.graph", "neurosim.mapping.place", 1, True),
           Import("neurosim.mapping.place", "h5py", 2, True)]
    monkeypatch.setitem(globals(), "ALL", bad)
    with pytest.raises(AssertionError, match=r"neurosim\.graph:1"):
        test_imports_point_downwards()
    with pytest.raises(AssertionError, match=r"place:2 imports h5py"):
        test_libraries_stay_at_the_edges("h5py")
