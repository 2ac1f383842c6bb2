"""The table of what each importer supports, as Markdown: `python -m importers.table > docs/importers.md`."""

from __future__ import annotations

import inspect

from importers.registry import IMPORTERS, Importer

_HEAD = """# Importers

`neurosim import SOURCE -o NET.h5` reads a trained network and writes it as a network file; `neurosim run SOURCE`,
`map` and `quantize` take the source as it is. Which importer a file needs is told by its content; `--format NAME` says
it, `--set NAME=VALUE` gives an option. Printed is what became of every tensor or node: mapped, folded into another, or
dropped, and why. In Python: `neurosim.import_network(path, **options)`.

This page is made by `python -m importers.table`.

| format | reads | from |
|---|---|---|
"""
_CONTAINERS = {"tensors": "safetensors, PyTorch (`.pt`, `.pth`, `.ckpt`; weights only, extra `torch`), npz, msgpack",
               "hdf5": "HDF5"}


def document() -> str:
    """Return the page."""
    rows = "".join(f"| [`{item.name}`](#{item.name}) | {item.title} | {_CONTAINERS[item.container]} |\n"
                   for item in IMPORTERS)
    return _HEAD + rows + "".join(_section(item) for item in IMPORTERS)


def _section(importer: Importer) -> str:
    lines = [f"\n## {importer.name}\n", f"{importer.title}.\n", "| source | becomes | remark |", "|---|---|---|"]
    lines += [f"| {_cell(row.what)} | {_cell(row.becomes)} | {_cell(row.remark)} |" for row in importer.supports()]
    lines += ["", f"Options of `{importer.function}`:\n", "```text", _docstring(importer), "```"]
    return "\n".join(lines) + "\n"


def _docstring(importer: Importer) -> str:
    text = inspect.getdoc(importer.read()) or ""
    defaults = ", ".join(f"{name}={value!r}" for name, value in importer.options().items())
    return f"{importer.function}(source, *, {defaults})\n\n{text}".strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    print(document(), end="")
