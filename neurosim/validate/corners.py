"""A chip with its figures elsewhere in their intervals: at one end, or drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, cast

from hw_models.costs import sample_figures
from hw_models.figures import Figure, Strict
from hw_models.schema import Chip

End = Literal["low", "high"]


def at_end(chip: Chip, end: End) -> Chip:
    """Return `chip` with all durations of cores, network and barrier at their low or high end; energies as they are."""
    return _changed(chip, lambda path, figure: getattr(figure, end) if path.endswith("_ns") else figure.value)


def drawn(chip: Chip, n_draws: int, seed: int) -> Iterator[Chip]:
    """Yield chips with every figure drawn from its interval, correlated within the chip (`hw_models.costs`)."""
    found: dict[str, Figure] = {}
    _changed(chip, lambda path, figure: found.setdefault(path, figure).value)
    values = sample_figures(list(found.values()), n_draws, seed)
    row = {path: index for index, path in enumerate(found)}
    for draw in range(n_draws):
        one = {path: float(values[index, draw]) for path, index in row.items()}
        yield _with_values(chip, one)


def _with_values(chip: Chip, values: Mapping[str, float]) -> Chip:
    return _changed(chip, lambda path, _: values[path])


def _changed(chip: Chip, value_of: Callable[[str, Figure], float]) -> Chip:
    """Return `chip` with the value of each figure replaced; the function gets its dotted path."""
    return cast(Chip, _walked(chip, "", value_of))


def _walked(item: Any, path: str, value_of: Callable[[str, Figure], float]) -> Any:
    if isinstance(item, Figure):
        return item.model_copy(update={"value": value_of(path, item)})
    if isinstance(item, Strict):
        return item.model_copy(update={name: _walked(value, f"{path}.{name}", value_of) for name, value in item})
    if isinstance(item, list):
        return [_walked(value, f"{path}.{index}", value_of) for index, value in enumerate(item)]
    return item
