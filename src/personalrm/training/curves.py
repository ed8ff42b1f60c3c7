"""Training curves: loss and validation loss of each ensemble member, in the colours of the reports.

    svg, png = render_curves("pref · prism.jsonl.gz", "epoch", curves, population=0.556)

A thin line per member; a dot marks the epoch whose weights were kept. Equal curves give equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from personalrm.errors import MissingExtra
from personalrm.files import replace_file, stored
from personalrm.formatting.plot_style import PAPER, style
from personalrm.formatting.texts import shortened
from personalrm.renamed import renamed
from personalrm.training.outcome import Curve

SVG, PNG = "curves.svg", "curves.png"
_SIZE, _DOTS = (7.6, 3.8), 160
_TITLE = 80
_LEAST = 0.02  # smallest range of the y axis, nats
_FEW = 6  # up to this many points each has a dot
_LOOKS: dict[str, dict[str, Any]] = {
    "loss": {
        "color": PAPER["--hue1"],
        "linewidth": 0.9,
        "alpha": 0.55,
    },  # noisy: episodes change each epoch
    "validation_loss": {"color": PAPER["--hue2"], "linewidth": 1.3},
}
_METADATA: dict[str, dict[str, Any]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}


def write_curves(out: Path, title: str, across: str, curves: Sequence[Curve], population: float | None) -> None:
    """Write the figure as SVG and as PNG.

    Raises:
        MissingExtra: matplotlib is not installed.
        StorageError: the folder cannot be written.
    """
    svg, png = render_curves(title, across, curves, population)
    with stored(out):
        replace_file(out / SVG, [svg])
        replace_file(out / PNG, [png])


def render_curves(title: str, across: str, curves: Sequence[Curve], population: float | None) -> tuple[bytes, bytes]:
    """The figure as SVG and PNG; ``population`` is the log loss of the population-level reward."""
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("drawing the curves needs matplotlib: pip install 'personalrm[train]'") from None
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # independent of the user's own rcParams
        matplotlib.rcParams.update(style(PAPER))
        figure = Figure(figsize=_SIZE, facecolor="white")
        FigureCanvasAgg(figure)
        _onto(figure, shortened(title, _TITLE), across, curves, population)
        return _saved(figure, "svg"), _saved(figure, "png")


def _saved(figure: Any, kind: str) -> bytes:
    out = BytesIO()
    figure.savefig(out, format=kind, dpi=_DOTS, metadata=_METADATA[kind])
    return out.getvalue()


def _onto(figure: Any, title: str, across: str, curves: Sequence[Curve], population: float | None) -> None:
    axes = figure.add_subplot()
    each = ", one line per member" if len(curves) > 1 else ""
    axes.set_title(title + each, loc="left", fontsize=10.5)
    axes.grid()
    if population is not None:
        look = {"color": PAPER["--soft"], "linewidth": 1, "linestyle": (0, (5, 2))}
        axes.axhline(population, label="population-level reward", **look)
    few = max((len(one.points) for one in curves), default=0) <= _FEW
    for number, curve in enumerate(curves):
        _line(axes, curve, "loss", few, "" if number else "training people")
        _line(axes, curve, "validation_loss", few, "" if number else "validation people")
        _kept(axes, curve, "" if number else "kept")
    _scaled(axes, curves)
    axes.set_xlabel(across)
    axes.set_ylabel("log loss, nats per choice")
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=4, handlelength=2.4)


def _line(axes: Any, curve: Curve, what: str, few: bool, name: str) -> None:
    known = [(one.at, getattr(one, what)) for one in curve.points if getattr(one, what) is not None]
    if known:
        dots = {"marker": "o", "markersize": 3.5} if few else {}
        axes.plot(*zip(*known, strict=True), **_LOOKS[what], **dots, label=name or "_")


def _kept(axes: Any, curve: Curve, name: str) -> None:
    found = [one.validation_loss for one in curve.points if one.at == curve.kept and one.validation_loss is not None]
    if found:
        look = {
            "color": PAPER["--hue2"],
            "markeredgecolor": "white",
            "markersize": 7,
            "label": name or "_",
            "zorder": 3,
        }
        axes.plot([curve.kept], found[:1], "o", linestyle="none", **look)


def _scaled(axes: Any, curves: Sequence[Curve]) -> None:
    """Integer ticks on the x axis, and a minimum range where there is one point or no change."""
    from matplotlib.ticker import MaxNLocator

    places = sorted({one.at for curve in curves for one in curve.points})
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, steps=[1, 2, 5, 10]))
    axes.margins(x=0.03, y=0.08)
    if len(places) == 1:
        axes.set_xlim(places[0] - 1, places[0] + 1)
        axes.set_xticks(places)
    low, high = axes.get_ylim()
    if high - low < _LEAST:
        axes.set_ylim((low + high - _LEAST) / 2, (low + high + _LEAST) / 2)


__getattr__ = renamed(__name__, {"draw": "write_curves", "drawn": "render_curves"})
