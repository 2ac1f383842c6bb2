"""What there is to say about a chip, in plain data: for `neurosim chips NAME` and the documentation."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from hw_models.checks import load_sources, source_key
from hw_models.load import to_mapping
from hw_models.schema import Chip

# What is said elsewhere on a page than among the plain values.
_APART = ("name", "title", "missing", "leaves_out", "unpublished", "core.capabilities")


class FigureRow(NamedTuple):
    """A figure and where it stands in the chip file; the unit ends the field's name."""

    field: str
    value: float
    low: float
    high: float
    basis: str
    source: str
    condition: str
    scaled_from: str


class SourceRow(NamedTuple):
    """A work that the figures of a chip cite, and how it was read."""

    key: str
    title: str
    access: str
    where: str


class Page(NamedTuple):
    """What there is to say about a chip.

    values : what is no figure: field -> value
    capabilities : name -> value, "(assumed)" behind those that nobody published
    """

    chip: Chip
    figures: tuple[FigureRow, ...]
    values: dict[str, str]
    capabilities: dict[str, str]
    sources: tuple[SourceRow, ...]

    @property
    def bases(self) -> dict[str, int]:
        """How many figures are measured, simulated, scaled and assumed; not counting those that are zero throughout."""
        return dict(Counter(row.basis for row in self.figures if row.high > 0))


def chip_page(chip: Chip) -> Page:
    """Return what there is to say about a chip."""
    leaves = _leaves("", to_mapping(chip))
    figures = tuple(_figure(field, value) for field, value in leaves if isinstance(value, dict))
    values = {field: _plain(value) for field, value in leaves
              if not isinstance(value, dict) and not any(field == name or field.startswith(f"{name}.")
                                                         for name in _APART)}
    return Page(chip, figures, values, _capabilities(chip), _sources(chip, figures))


def summary_row(chip: Chip) -> dict[str, Any]:
    """Return one line about a chip, for a list of chips."""
    bases = chip_page(chip).bases
    return {"name": chip.name, "title": chip.title, "process_nm": chip.process_nm, "cores": chip.n_cores,
            "neurons_per_core": chip.core.max_neurons, "sync": chip.sync,
            "mesh": f"{chip.noc.columns}x{chip.noc.rows}", "figures": bases, "unpublished": chip.unpublished}


def _leaves(path: str, value: Any) -> list[tuple[str, Any]]:
    """Return (dotted path, value) of everything below; a figure counts as one value, and so does a plain list."""
    if isinstance(value, dict) and "basis" not in value:
        return [leaf for key, item in value.items() for leaf in _leaves(f"{path}.{key}" if path else str(key), item)]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [leaf for index, item in enumerate(value) for leaf in _leaves(f"{path}.{index}", item)]
    return [(path, value)]


def _figure(field: str, value: dict[str, Any]) -> FigureRow:
    scaled = f"{value['original']:g}: {value['rule']}" if value.get("original") is not None else ""
    return FigureRow(field, value["value"], value["low"], value["high"], value["basis"], value["source"],
                     value.get("condition") or "", scaled)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _capabilities(chip: Chip) -> dict[str, str]:
    able = chip.core.capabilities
    assumed = set(able.assumed)
    return {name: _plain(value) + (" (assumed)" if name in assumed else "")
            for name, value in to_mapping(chip)["core"]["capabilities"].items() if name not in ("source", "assumed")}


def _sources(chip: Chip, figures: tuple[FigureRow, ...]) -> tuple[SourceRow, ...]:
    known = load_sources()
    keys = dict.fromkeys(source_key(text) for text in
                         (*(row.source for row in figures), chip.core.capabilities.source))
    return tuple(SourceRow(key, known[key].title, known[key].access.replace("_", " "), known[key].where)
                 for key in keys if key in known)
