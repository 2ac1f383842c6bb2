"""Numbers as people read them: three digits and a prefix."""

from __future__ import annotations

import math

PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


def with_prefix(value: float | None, unit: str) -> str:
    """Return `value` with three significant digits and a prefix, such as `1.23 mJ`; `–` for None.

    >>> with_prefix(0.00123, "J")
    '1.23 mJ'
    """
    if value is None:
        return "–"
    exponent = prefix_exponent(value)
    scaled = value / 10.0**exponent
    return f"{_digits(scaled)} {PREFIXES[exponent]}{unit}".rstrip()


def prefix_exponent(value: float) -> int:
    """Return the power of ten, a multiple of three, of the prefix that suits `value`."""
    if value == 0 or not math.isfinite(value):
        return 0
    # Three digits first: 999.7 is written as 1.00 k.
    exponent = 3 * math.floor(math.log10(float(f"{abs(value):.2e}")) / 3 + 1e-12)
    return min(max(exponent, min(PREFIXES)), max(PREFIXES))


def percent(share: float | None) -> str:
    """Return a share of 0 to 1 as per cent, with a digit more where it is small; `–` for None."""
    if share is None:
        return "–"
    return f"{100 * share:.1f} %" if share >= 0.01 or share == 0 else f"{100 * share:.2g} %"


def count(number: float | None) -> str:
    """Return a count with a space between thousands; `–` for None."""
    if number is None:
        return "–"
    text = f"{number:,.0f}" if float(number).is_integer() or abs(number) >= 100 else f"{number:,.2f}"
    return text.replace(",", " ")


def shortened(text: str, n_letters: int) -> str:
    """Return `text` with at most `n_letters`, cut with an ellipsis."""
    return text if len(text) <= n_letters else text[:n_letters - 1].rstrip() + "…"


def _digits(scaled: float) -> str:
    decimals = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
    return f"{scaled:.{decimals}f}"
