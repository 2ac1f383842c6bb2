"""Rules that carry a published figure to another node, voltage or size.

Each keeps the published figure in `original`, names itself in `rule`, and widens the interval, since a scaled figure
is worth less than a published one. A guess that is scaled stays a guess (`assumed`).
Leakage must not be scaled: it follows area, temperature and the choice of transistors, not the node alone.
"""

from __future__ import annotations

import math

from hw_models.schema import Basis, Figure

# Dynamic energy goes as V**2; short-circuit currents and the share of fixed-voltage circuits bend it both ways.
_VOLTAGE_EXPONENT, _VOLTAGE_EXPONENT_SPREAD = 2.0, 0.5


def scale_figure(figure: Figure, nominal: float, low: float, high: float, rule: str | None = None) -> Figure:
    """Return `figure` times `nominal`, with its interval times `low` and `high`.

    Parameters
    ----------
    figure : in any unit
    nominal, low, high : factors, 0 <= low <= nominal <= high
    rule : how the factors were come by; their numbers where left out

    Raises
    ------
    ValueError  if the factors are not ordered
    """
    if not 0 <= low <= nominal <= high < math.inf:
        raise ValueError(f"factors {low} <= {nominal} <= {high} are not ordered")
    basis: Basis = "assumed" if figure.basis == "assumed" else "scaled"
    step = rule or f"scale_figure({nominal:g}, {low:g}, {high:g})"
    return Figure(
        value=figure.value * nominal,
        low=figure.low * low,
        high=figure.high * high,
        basis=basis,
        source=figure.source,
        condition=figure.condition,
        original=figure.value if figure.original is None else figure.original,
        rule=step if figure.rule is None else f"{figure.rule}; {step}",
    )


def scale_energy_by_node(figure: Figure, from_nm: float, to_nm: float) -> Figure:
    """Return an energy per event carried from one process node to another at the same voltage.

    E = C V**2, and the switched capacitance C goes with the node: factor to/from (28 -> 14 nm: 0.5, 28 -> 22: 0.8).
    Interval: from the square of the factor (capacitance falls with the area) to no change at all.

    Source
    ------
    weste2011, chapter 5 (dynamic power); the interval is an assumption. Not for leakage, nor for wires of fixed length.
    """
    factor = _ratio(to_nm, from_nm)
    low, high = sorted((factor**2, 1.0))
    return scale_figure(figure, factor, low, high, f"scale_energy_by_node({from_nm:g}, {to_nm:g})")


def scale_energy_by_voltage(figure: Figure, from_v: float, to_v: float) -> Figure:
    """Return an energy per event carried from one supply voltage to another on the same node.

    E ~ V**2; interval: exponents 1.5 to 2.5. `condition` becomes the new voltage.

    Source
    ------
    weste2011, chapter 5 (dynamic power); the interval is an assumption. Does not hold near the threshold voltage.
    """
    ratio = _ratio(to_v, from_v)
    low, high = sorted(ratio ** (_VOLTAGE_EXPONENT + side * _VOLTAGE_EXPONENT_SPREAD) for side in (-1, 1))
    scaled = scale_figure(
        figure, ratio**_VOLTAGE_EXPONENT, low, high, f"scale_energy_by_voltage({from_v:g}, {to_v:g})"
    )
    return scaled.model_copy(update={"condition": f"{to_v:g} V"})


def _ratio(to: float, origin: float) -> float:
    if not (0 < to < math.inf and 0 < origin < math.inf):
        raise ValueError(f"{origin} -> {to}: both must be above 0")
    return to / origin
