"""Style of all charts: the colours for print and the shared matplotlib settings.

matplotlib.rcParams.update(style(PAPER))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PAPER = {
    "--ink": "#1a1d21",
    "--soft": "#5d6670",
    "--line": "#d9dee3",
    "--more": "#0b62a8",
    "--less": "#c2500a",
    "--hue1": "#0b62a8",
    "--hue2": "#c2500a",
    "--hue3": "#0a7f5c",
    "--hue4": "#a8508a",
    "--hue5": "#8a6d00",
    "--hue6": "#4a5fb8",
}
"""CSS variable → colour in print."""


def style(colours: Mapping[str, str]) -> dict[Any, Any]:
    """The shared matplotlib settings in these colours (`svg.COLOURS`, or `svg.PAPER`)."""
    ink, soft, line = (colours[name] for name in ("--ink", "--soft", "--line"))
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "personalrm",
        "text.parse_math": False,
        "text.usetex": False,
        "font.family": "DejaVu Sans",
        "font.size": 9.5,
        "text.color": ink,
        "axes.labelcolor": soft,
        "axes.edgecolor": line,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "xtick.color": line,
        "ytick.color": line,
        "xtick.labelcolor": soft,
        "ytick.labelcolor": soft,
        "grid.color": line,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
        "axes.formatter.useoffset": False,
    }
