"""How the figures of the scenarios look: colours of Okabe and Ito, which the colour-blind can tell apart."""

from __future__ import annotations

from typing import Any

INK, FAINT, LINE = "#1f2933", "#5f6b77", "#d9dfe5"
BLUE, ORANGE, GREEN, PURPLE, RED, SKY, BLACK = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9",
                                                "#000000")
# For `matplotlib.pyplot.rc_context`.
STYLE: Any = {
    "font.family": "sans-serif", "font.size": 10, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": FAINT,
    "axes.spines.top": False, "axes.spines.right": False, "xtick.color": FAINT, "ytick.color": FAINT,
    "axes.axisbelow": True, "legend.frameon": False, "axes.titlesize": 11, "axes.titleweight": "bold",
    "axes.titlelocation": "left"}
