"""NIR files that are wrong: one clear error each, soon, and never a traceback."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from importers.nir import import_nir
from neurosim.errors import DataError
from tests.importers.nir_files import Node, chain, lif, line, write_nir

ROOT = Path(__file__).parents[2]

LINEAR: Node = ("Linear", {"weight": np.ones((3, 3))})
INPUT: Node = ("Input", {"shape": np.array([3])})
OUTPUT: Node = ("Output", {"shape": np.array([3])})


def whole(path: Path) -> Path:
    return line(path, [3], LINEAR, lif(3))


def conv(**fields: Any) -> Node:
    return "Conv2d", {"weight": np.ones((1, 1, 2, 2)), "stride": np.array([1, 1]), "padding": np.array([0, 0]),
                      "dilation": np.array([1, 1]), "groups": 1, "bias": np.zeros(1), **fields}


def without(node: Node, field: str) -> Node:
    return node[0], {name: value for name, value in node[1].items() if name != field}


@pytest.mark.parametrize(("shape", "nodes", "message"), [
    ([3], [("Afine", LINEAR[1])], r"(?s)node 'n0' has type 'Afine'.*did you mean 'Affine'"),
    ([3], [without(lif(3), "tau")], r"(?s)node 'n0' of type LIF has no parameter 'tau'.*tau, r, v_leak"),
    ([4], [LINEAR], r"(?s)node 'n0' \(Linear\): weight takes 3 values, but \(4,\) come"),
    ([3], [lif(4)], r"(?s)node 'n0' \(LIF\): \w+ has shape \(4,\), but values of shape \(3,\) come"),
    ([3], [("Linear", {"weight": np.ones(3)})], r"(?s)weight has shape \(3,\).*two dimensions"),
    ([3], [("Affine", {"weight": np.ones((3, 3)), "bias": np.ones(2)})], r"(?s)bias has shape \(2,\).*\(3,\)"),
    ([3], [lif(3, tau=0.0)], r"(?s)tau reaches 0.0.*above 0"),
    ([3], [lif(3, tau=1e-5)], r"(?s)tau reaches 1e-05, below the time step.*tau_unit"),
    ([3], [("Delay", {"delay": np.full(3, 1.5e-4)})], r"(?s)delay = 0.00015 is 1.5 time steps.*whole number"),
    ([3], [("Delay", {"delay": np.full(3, -1e-4)})], r"(?s)is -1 time steps"),
    ([3], [conv()], r"(?s)gets values of shape \(3,\).*channels and 2 dimensions"),
    ([1, 1, 1], [conv()], r"(?s)kernel \(2, 2\).*fits into the padded image"),
    ([1, 4, 4], [conv(padding="smae")], r"padding = 'smae'"),
    ([1, 4, 4], [conv(padding="same", stride=np.array([2, 2]))], r"padding = 'same' with stride \(2, 2\)"),
    ([1, 4, 4], [conv(groups=2)], r"(?s)n0.*groups = 2"),
    ([1, 4, 4], [conv(input_shape=np.array([5, 5]))], r"input_shape = \(5, 5\), but an image of \(4, 4\) comes"),
    ([1, 4, 4], [conv(stride=np.array([1, 1, 1]))], r"stride = \(1, 1, 1\)"),
    ([1, 4, 4], [conv(stride=np.array([0, 1]))], r"stride \(0, 1\)"),
    ([2, 2], [("Flatten", {"start_dim": 0, "end_dim": 5})], r"end_dim = 5 for a shape \(2, 2\)"),
    ([0], [LINEAR], r"shape = \(0,\)"), ([2.5], [LINEAR], r"shape = \[2.5\]"),
    ([2**20, 2**20], [lif(1)], r"shape = \(1048576, 1048576\)"),
    ([3], [("SumPool2d", {"kernel_size": np.array([10**6, 10**6]), "stride": np.array([1, 1]),
                          "padding": np.array([0, 0])})], r"SumPool2d"),
    ([1, 4, 4], [("SumPool2d", {"kernel_size": np.array([10**6, 10**6]), "stride": np.array([1, 1]),
                                "padding": np.array([0, 0])})], r"kernel_size = \(1000000, 1000000\)"),
])
def test_nodes(shape: list[int], nodes: list[Node], message: str, tmp_path: Path) -> None:
    path = line(tmp_path / "n.nir", shape, *nodes)
    with pytest.raises(DataError, match=message) as caught:
        import_nir(path, framework="generic")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("nodes", "edges", "message"), [
    ({"a": LINEAR, "output": OUTPUT}, chain("a", "output"), r"no node of type Input"),
    ({"input": INPUT, "a": LINEAR}, chain("input", "a"), r"no node of type Output"),
    ({"input": INPUT, "a": LINEAR, "output": OUTPUT}, chain("input", "b", "output"),
     r"(?s)edge input -> b: there is no node 'b'.*allowed: a, input, output"),
    ({"input": INPUT, "a": LINEAR, "output": OUTPUT}, chain("input", "output"), r"no edge leads to node 'a'"),
    ({"input": INPUT, "a": LINEAR, "output": OUTPUT}, chain("input", "a", "input", "output"),
     r"edge a -> input, an Input"),
    ({"input": INPUT, "a": LINEAR, "output": OUTPUT}, chain("input", "output", "a"), r"out of an Output"),
    ({"input": INPUT, "a": lif(3), "b": lif(3), "output": OUTPUT}, [*chain("input", "output"), *chain("a", "b", "a")],
     r"'a' is not reached from any Input"),
    ({"input": INPUT, "a": LINEAR, "b": LINEAR, "output": OUTPUT}, chain("input", "a", "b", "a", "output"),
     r"loop without a neuron: "),
    ({"input": INPUT, "a": lif(3), "b": lif(3), "output": OUTPUT}, chain("input", "a", "b", "a", "output"),
     r"(?s)loop without delay through 2 neuron nodes: .*feedback="),
    ({"input": INPUT, "a": LINEAR, "d": ("Delay", {"delay": np.full(3, 1e-4)}), "output": OUTPUT},
     chain("input", "a", "d", "a", "output"), r"loop without a neuron among a, d"),
    ({"input": INPUT, "g": ("NIRGraph", {"nodes": {"lif": lif(3)}, "edges": []}), "output": OUTPUT},
     chain("input", "g", "output"), r"graph 'g' has 0 nodes of type Input"),
    ({"input": INPUT, "a": LINEAR, "b": ("Linear", {"weight": np.ones((2, 3))}), "c": lif(3), "output": OUTPUT},
     [*chain("input", "a", "c", "output"), *chain("input", "b", "c")], r"edge b -> c: \(2,\) values come"),
])
def test_graphs(nodes: dict[str, Node], edges: list[tuple[str, str]], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        import_nir(write_nir(tmp_path / "n.nir", nodes, edges))


def test_feedback_closes_a_loop(tmp_path: Path) -> None:
    nodes = {"input": INPUT, "a": lif(3), "b": lif(3), "output": OUTPUT}
    path = write_nir(tmp_path / "n.nir", nodes, chain("input", "a", "b", "a", "output"))
    network = import_nir(path, feedback="b -> a").network
    assert {(p.source, p.target): p.delay_steps for p in network.projections} == {
        ("input", "a"): 0, ("a", "b"): 0, ("b", "a"): 1}


def test_malformed_inner_graph(outside_data: Callable[[str], Path]) -> None:
    """Its edges name `lif`, its node is called `lif1`."""
    path = outside_data("nir/03_rnn/extras/braille_noDelay_bias_zero_subgraph.nir")
    with pytest.raises(DataError, match=r"(?s)there is no node 'lif1.lif'.*did you mean 'lif1'"):
        import_nir(path)


def edit(path: Path, change: Callable[[h5py.File], None]) -> Path:
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def nest(file: h5py.File) -> None:
    group = file["node"]
    for _ in range(40):
        inner = group["nodes"] if "nodes" in group else group.create_group("nodes")
        if "type" not in group:
            group.create_dataset("type", data="NIRGraph", dtype=h5py.string_dtype())
        group = inner.create_group("deep")


def replace(file: h5py.File, name: str, **options: Any) -> None:
    del file[name]
    file.create_dataset(name, **options)


WEIGHT = "node/nodes/n0/weight"


@pytest.mark.parametrize(("change", "message"), [
    (nest, r"nested 17 deep"),
    (lambda file: replace(file, WEIGHT, shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000), compression="gzip"),
     r"claims 4000000000000 bytes"),
    (lambda file: replace(file, WEIGHT, shape=(10**5, 10**4), dtype="f8"), r"claims 8000000000 bytes"),
    (lambda file: replace(file, WEIGHT, shape=(3, 3), dtype="f4", chunks=(20000, 20000), maxshape=(None, None)),
     r"has chunks"),
    (lambda file: replace(file, WEIGHT, data=np.array([[np.nan] * 3] * 3)), r"weight\[0, 0\] = nan"),
    (lambda file: replace(file, WEIGHT, data=np.zeros((3, 3), complex)), r"has type complex128"),
    (lambda file: replace(file, "node/nodes/n0/type", data=3), r"node 'n0': type is no text"),
    (lambda file: replace(file, "node/nodes/n0/type", data="x" * 5000), r"text of 5000 letters"),
    (lambda file: replace(file, "node/edges", data=np.zeros((2, 3))), r"edges has shape \(2, 3\)"),
    (lambda file: file.__delitem__("node/edges"), r"has no `edges`"),
    (lambda file: file.__delitem__("node"), r"node is missing"),
    (lambda file: replace(file, "node/type", data="LIF"), r"node has type 'LIF'"),
])
def test_contents(change: Callable[[h5py.File], None], message: str, tmp_path: Path) -> None:
    path = edit(whole(tmp_path / "n.nir"), change)
    with pytest.raises(DataError, match=message):
        import_nir(path)


def test_links(tmp_path: Path) -> None:
    other = whole(tmp_path / "other.nir")
    for link in (h5py.ExternalLink(str(other), WEIGHT), h5py.SoftLink("/" + WEIGHT.replace("n0", "n1"))):
        path = whole(tmp_path / "n.nir")
        with h5py.File(path, "r+") as file:
            del file[WEIGHT]
            file[WEIGHT] = link
        with pytest.raises(DataError, match="link to another place"):
            import_nir(path)
    path = whole(tmp_path / "n.nir")
    with h5py.File(path, "r+") as file:
        del file[WEIGHT]
        file.create_dataset(WEIGHT, (3, 3), "f8", external=[(str(tmp_path / "raw"), 0, 72)])
    with pytest.raises(DataError, match="lies in another file"):
        import_nir(path)


def test_not_a_nir_file(tmp_path: Path) -> None:
    path = tmp_path / "n.nir"
    for content in (b"", b"hello", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" + bytes(50)):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"n\.nir"):
            import_nir(path)
    with pytest.raises(DataError, match="no such file"):
        import_nir(tmp_path / "none.nir")


def test_truncated(tmp_path: Path) -> None:
    content = whole(tmp_path / "whole.nir").read_bytes()
    path = tmp_path / "n.nir"
    for length in range(0, len(content) - 1, max(1, len(content) // 60)):
        path.write_bytes(content[:length])
        with pytest.raises(DataError):
            import_nir(path)


def test_behind_a_user_block(tmp_path: Path) -> None:
    with h5py.File(whole(tmp_path / "whole.nir")) as file, \
            h5py.File(tmp_path / "block.nir", "w", userblock_size=512) as other:
        for name in file:
            file.copy(name, other)
    with pytest.raises(DataError, match=r"block\.nir: lies behind a user block of 512 bytes"):
        import_nir(tmp_path / "block.nir")


FUZZ = """
import signal, sys, time
from pathlib import Path
import numpy as np
from importers.nir import import_nir
from neurosim.errors import InputError
from tests.importers.damage import peak_kilobytes
content, path, slowest = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]), 0.0
random = np.random.default_rng(int(sys.argv[3]))
used = np.flatnonzero(np.frombuffer(content, np.uint8))
import_nir(sys.argv[1])
for turn in range(int(sys.argv[4])):
    damaged = np.frombuffer(content, np.uint8).copy()
    for _ in range(int(random.integers(1, 9))):
        # Most of the file is empty: every second time, hit something that is there.
        at = int(random.choice(used) if random.random() < 0.5 else random.integers(len(damaged)))
        damaged[at:at + int(random.integers(1, 5))] = random.choice([0, 1, 127, 255, int(random.integers(256))])
    path.write_bytes(damaged.tobytes())
    print(turn, flush=True)
    started = time.perf_counter()
    signal.alarm(10)
    try:
        import_nir(path)
    except InputError:
        pass
    signal.alarm(0)
    slowest = max(slowest, time.perf_counter() - started)
print("slowest", slowest, "peak", peak_kilobytes() * 1024)
"""


@pytest.mark.parametrize("seed", [0, 1])
def test_damaged(seed: int, tmp_path: Path) -> None:
    """Random damage, in a process of its own: no traceback, no crash, no loop, under 1 GB and 5 s."""
    source = whole(tmp_path / "whole.nir")
    done = subprocess.run([sys.executable, "-c", FUZZ, str(source), str(tmp_path / "n.nir"), str(seed), "400"],
                          cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"turn {done.stdout.split()[-1:]}: {done.stderr[-2000:]}"
    words = done.stdout.split()
    assert float(words[words.index("slowest") + 1]) < 5 and int(words[words.index("peak") + 1]) < 10**9


def test_large_shapes_take_no_memory(tmp_path: Path) -> None:
    """A file of some kilobytes that claims a huge network is refused before anything of that size is made."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    with pytest.raises(DataError):
        import_nir(line(tmp_path / "n.nir", [2**31], ("Scale", {"scale": np.float64(2)})))
    assert time.perf_counter() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20
