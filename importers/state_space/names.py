"""Where the parts of a state-space network stand in a file: the key names of published code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from importers.checkpoint import Checkpoint, bare_key
from neurosim.errors import DataError


@dataclass(frozen=True)
class Layout:
    """Key names, with {} for the number of a layer.

    block : before the keys of a block (`ln_vth`, `neuron.…`, `w`)
    stands_alone : a single block, without residual stream, encoder and decoder
    final_norm : a norm behind the last layer, which is there where norms stand before the blocks
    """

    name: str
    block: str
    kernel: str
    d: str
    output: str
    norm: str = ""
    final_norm: str = ""

    @property
    def stands_alone(self) -> bool:
        """Whether the keys are those of one block."""
        return "{}" not in self.kernel

    def layers(self, keys: Iterable[str]) -> list[int]:
        """Return the numbers of the layers, ascending, as the file has them."""
        if self.stands_alone:
            return [0]
        start = re.escape(self.block.split("{}", maxsplit=1)[0])
        found = (re.match(rf"{start}(\d+)\.", key) for key in keys)
        return sorted({int(match.group(1)) for match in found if match})

    def key(self, part: str, layer: int, name: str = "") -> str:
        """Return a key of a layer: `part` is one of block, kernel, d, output, norm."""
        start = str(getattr(self, part)).format(layer)
        return ".".join(word for word in (start, name) if word)


LAYOUTS = (
    Layout("s4_layers", "s4_layers.{}", "s4_layers.{}.kernel", "s4_layers.{}.D", "s4_layers.{}.output_linear.0",
           "norms.{}"),
    Layout("S4Block", "layers.{}.layer", "layers.{}.layer.layer.kernel", "layers.{}.layer.layer.D",
           "layers.{}.layer.output_linear.0", "layers.{}.norm.norm", "norm.norm"),
    Layout("S4D alone", "", "kernel", "D", "output_linear.0"),
    Layout("S4Block alone", "", "layer.kernel", "layer.D", "output_linear.0"),
)
_MARKS = (r"s4_layers\.", r"layers\.\d+\.layer\.layer\.(kernel\.|D$)", r"kernel\.C$", r"layer\.kernel\.C$")


def find_layout(keys: Iterable[str]) -> Layout | None:
    """Return the layout of these (possibly wrapped) keys, or None."""
    bare = [bare_key(key) for key in keys]
    for layout, mark in zip(LAYOUTS, _MARKS, strict=True):
        if any(re.match(mark, key) for key in bare):
            return layout
    return None


def layout_of(checkpoint: Checkpoint) -> Layout:
    """Return the layout of a state-space network.

    Raises
    ------
    DataError       keys of none; gaps in the numbering of layers; parts that cannot be imported, with the reason
    """
    layout = find_layout(checkpoint.tensors)
    if layout is None:
        shown = ", ".join(list(checkpoint.tensors)[:8]) or "none"
        raise DataError(f"{checkpoint.path}: keys of no state-space network: {shown}",
                        allowed="; ".join(f"{item.kernel.format('i')}.C ({item.name})" for item in LAYOUTS))
    _refuse_foreign(checkpoint)
    layers = layout.layers(checkpoint.tensors)
    if layers != list(range(len(layers))) or not layers:
        start = layout.block.split("{}", maxsplit=1)[0]
        raise DataError(f"{checkpoint.path}: layers numbered {', '.join(map(str, layers)) or 'not at all'}",
                        allowed=f"{start}0, {start}1, … without gaps")
    return layout


def _refuse_foreign(checkpoint: Checkpoint) -> None:
    for key in checkpoint.tensors:
        if key.endswith((".kernel.P", "kernel.l_kernel")) or key == "kernel.P":
            raise DataError(f"{checkpoint.path}: {key}: an S4 kernel with a low-rank part (DPLR), whose modes mix with "
                            "each other", allowed="diagonal kernels (S4D)", mend="train with mode diag")
        if "retrieval." in key:
            raise DataError(f"{checkpoint.path}: {key}: a head that compares two documents, while a network here takes "
                            "one sequence per sample", allowed="one decoder of one sequence",
                            mend="import the file without its decoder: the stream's mean is what the head compares")
