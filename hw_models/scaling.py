"""Rules that carry a published figure to another node, voltage, frequency or size, and the rules' small language.

Each keeps the published figure in `original`, names itself in `rule`, and widens the interval, since a scaled figure
is worth less than a published one. A guess that is scaled stays a guess (`assumed`).
Leakage must not be scaled with the node: it follows area, temperature and the choice of transistors; see
`leakage_by_area`.

A rule is written as calls, `scale_energy_by_node(28, 22); scale_energy_by_voltage(0.7, 0.5)`: the first is applied to
`original`, each further one to the result. `apply_rule` recomputes a figure from the two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from hw_models.figures import Basis, Figure

# Dynamic energy goes as V**2; short-circuit currents and the share of fixed-voltage circuits bend it both ways.
_VOLTAGE_EXPONENT, _VOLTAGE_EXPONENT_SPREAD = 2.0, 0.5
# Velocity saturation: 1.3 in short channels; 1 fully saturated, 2 without saturation.
_ALPHA, _ALPHA_LOW, _ALPHA_HIGH = 1.3, 1.0, 2.0
# Where the published energy of a bit over a link was measured (TrueNorth), and how long its link is.
_HOP_NODE_NM, _HOP_V, _HOP_MM = 28.0, 0.775, 0.24
_HOP_SPREAD = 4.0


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


def scale_delay_by_node(figure: Figure, from_nm: float, to_nm: float) -> Figure:
    """Return a latency carried from one process node to another at the same headroom of voltage.

    Gate delay goes with the node: factor to/from. Interval: from the square of it to no change, since wires do not
    follow.

    Source
    ------
    weste2011, chapter 4 (delay); the interval is an assumption. Not for times that a clock or the outside sets.
    """
    factor = _ratio(to_nm, from_nm)
    low, high = sorted((factor**2, 1.0))
    return scale_figure(figure, factor, low, high, f"scale_delay_by_node({from_nm:g}, {to_nm:g})")


def scale_delay_by_voltage(figure: Figure, from_v: float, to_v: float, threshold_v: float) -> Figure:
    """Return a latency of unclocked circuits carried from one supply voltage to another.

    Alpha-power law: delay ~ V / (V - Vt)**alpha with alpha = 1.3; interval: alpha 1 to 2.

    Raises
    ------
    ValueError  if a voltage is not above the threshold, where the law does not hold

    Source
    ------
    sakurai1990.
    """
    if not 0 <= threshold_v < min(from_v, to_v):
        raise ValueError(f"{from_v} -> {to_v} V: both must be above the threshold of {threshold_v} V")
    headroom = (from_v - threshold_v) / (to_v - threshold_v)
    nominal, one, other = (_ratio(to_v, from_v) * headroom**alpha for alpha in (_ALPHA, _ALPHA_LOW, _ALPHA_HIGH))
    low, high = sorted((one, other))
    return scale_figure(figure, nominal, low, high,
                        f"scale_delay_by_voltage({from_v:g}, {to_v:g}, {threshold_v:g})")


def scale_delay_by_frequency(figure: Figure, from_mhz: float, to_mhz: float) -> Figure:
    """Return a latency of clocked circuits at another frequency: the cycles stay, so the factor is from/to, exactly."""
    factor = _ratio(from_mhz, to_mhz)
    return scale_figure(figure, factor, factor, factor, f"scale_delay_by_frequency({from_mhz:g}, {to_mhz:g})")


def cycles_at(figure: Figure, frequency_mhz: float, low: float = 1.0, high: float = 1.0) -> Figure:
    """Return the nanoseconds of a number of clock cycles: 1000 / frequency_mhz each.

    Parameters
    ----------
    figure : in cycles
    frequency_mhz : above 0
    low, high : factors of the interval, where the number of cycles is itself uncertain
    """
    cycle_ns = _ratio(1000.0, frequency_mhz)
    return scale_figure(figure, cycle_ns, cycle_ns * low, cycle_ns * high,
                        f"cycles_at({frequency_mhz:g}, {low:g}, {high:g})")


def period_of_rate(figure: Figure, share: float, least: float, most: float) -> Figure:
    """Return the nanoseconds between two events of a rate in 1/ns, of which `share` (`least` to `most`) is ours.

    value = 1 / (rate share), low = 1 / (rate most), high = 1 / (rate least).
    """
    if not 0 < least <= share <= most or figure.value <= 0:
        raise ValueError(f"rate {figure.value}, shares {least} <= {share} <= {most}: must be above 0 and ordered")
    inverse = figure.value**-2
    return scale_figure(figure, inverse / share, inverse / most, inverse / least,
                        f"period_of_rate({share:g}, {least:g}, {most:g})")


def hop_energy(figure: Figure, n_bits: float, to_nm: float, to_v: float, length_mm: float) -> Figure:
    """Return the energy of a packet of `n_bits` over one link of `length_mm`, from the energy of a bit on TrueNorth.

    E = n_bits e (to_nm / 28) (to_v / 0.775)**2 (length_mm / 0.24), with e = 0.072 pJ at 28 nm and 0.775 V over a core
    of 0.24 mm. Interval: a quarter to four times as much, since a router's own share is not published.

    Source
    ------
    merolla2014 (energy of a hop); weste2011 (C ~ node, E ~ V**2). Uncalibrated elsewhere than on TrueNorth.
    """
    nominal = n_bits * _ratio(to_nm, _HOP_NODE_NM) * _ratio(to_v, _HOP_V) ** 2 * _ratio(length_mm, _HOP_MM)
    return scale_figure(figure, nominal, nominal / _HOP_SPREAD, nominal * _HOP_SPREAD,
                        f"hop_energy({n_bits:g}, {to_nm:g}, {to_v:g}, {length_mm:g})")


def leakage_by_area(figure: Figure, area_mm2: float, least: float, most: float) -> Figure:
    """Return static power in milliwatts from a density in mW/mm2 of another chip.

    Parameters
    ----------
    figure : a measured density, e.g. 1.7 (Loihi, 104 mW on 60 mm2)
    area_mm2 : of the chip
    least, most : densities of the interval, in the unit of `figure`; measured are 0.1 (TrueNorth) to 7.5 (Loihi 2)
    """
    if not 0 <= least <= figure.value <= most or area_mm2 <= 0:
        raise ValueError(f"densities {least} <= {figure.value} <= {most}, area {area_mm2}: not ordered, or no area")
    return scale_figure(figure, area_mm2, area_mm2 * _ratio(least, figure.value) if least else 0.0,
                        area_mm2 * _ratio(most, figure.value), f"leakage_by_area({area_mm2:g}, {least:g}, {most:g})")


Rule = Callable[..., Figure]
RULES: dict[str, Rule] = {rule.__name__: rule for rule in (
    scale_figure, scale_energy_by_node, scale_energy_by_voltage, scale_delay_by_node, scale_delay_by_voltage,
    scale_delay_by_frequency, cycles_at, period_of_rate, hop_energy, leakage_by_area)}
_CALL = re.compile(r"\s*(\w+)\(([-+.\deE,\s]*)\)\s*")


def parse_rule(rule: str) -> list[tuple[str, tuple[float, ...]]]:
    """Return the calls of a rule, as (name, numbers).

    Raises
    ------
    ValueError  where it is not written as calls of `RULES`, divided by semicolons
    """
    return list(_calls(rule))


def _calls(rule: str) -> Iterator[tuple[str, tuple[float, ...]]]:
    for part in rule.split(";"):
        match = _CALL.fullmatch(part)
        if match is None or match[1] not in RULES:
            raise ValueError(f"rule {part.strip()!r}: not a call of {', '.join(RULES)}")
        yield match[1], tuple(float(number) for number in match[2].split(","))


def apply_rule(original: float, rule: str) -> Figure:
    """Return what `rule` makes of a published figure; its interval is the rule's own.

    Raises
    ------
    ValueError  if the rule cannot be read, or does not take these numbers

    Example
    -------
    >>> round(apply_rule(81, "scale_energy_by_node(14, 7)").value, 3)
    40.5
    """
    figure = Figure(value=original, low=original, high=original, basis="measured", source="user")
    for name, numbers in parse_rule(rule):
        try:
            figure = RULES[name](figure, *numbers)
        except TypeError as error:
            raise ValueError(f"rule {name}{numbers}: {error}") from None
    return figure


def _ratio(to: float, origin: float) -> float:
    if not (0 < to < math.inf and 0 < origin < math.inf):
        raise ValueError(f"{origin} -> {to}: both must be above 0")
    return to / origin
