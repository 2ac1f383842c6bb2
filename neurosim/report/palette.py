"""Colours and fonts of the page. One colour means one thing throughout."""

from __future__ import annotations

from typing import Any

INK, FAINT, LINE, PAPER = "#1f2933", "#7b8794", "#d9dfe5", "#ffffff"
POPULATIONS = ("#2f6db5", "#e07b39", "#3c9d6b", "#a4508b", "#c9a227", "#4aa5b8", "#c0504d", "#6b6ecf", "#7d8c3b",
               "#8c6d5a")
GROUPS = {"static": "#8fa3b5", "soma": "#3c9d6b", "synapse": "#2f6db5", "network": "#e07b39", "io": "#a4508b",
          "barrier": "#c9a227"}
CORE_MAP, LINK_MAP = "Blues", "Oranges"
RASTER_GRADED_ALPHA = 0.35
OVERFLOW = "#d0021b"

STYLE: Any = {
    "font.family": "sans-serif", "font.size": 11, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": LINE,
    "axes.titlesize": 13, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "xtick.color": FAINT,
    "ytick.color": FAINT, "xtick.labelcolor": INK, "ytick.labelcolor": INK, "grid.color": LINE, "grid.linewidth": 0.8,
    "hatch.linewidth": 1.0, "figure.facecolor": PAPER, "savefig.facecolor": PAPER,
}


def population_colour(index: int) -> str:
    """Return the colour of the index-th population shown."""
    return POPULATIONS[index % len(POPULATIONS)]
