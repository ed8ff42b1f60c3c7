from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from personalrm.errors import MissingExtra
from personalrm.formatting.plot_style import PAPER
from personalrm.training.curves import PNG, SVG, render_curves, write_curves
from personalrm.training.outcome import Curve, EvalPoint

MEMBERS = [Curve(tuple(EvalPoint(at, 0.6 / at, 0.6 + 0.01 * at) for at in range(1, 30)), 1) for _ in range(3)]


def test_curves_are_independent_of_the_users_rcparams(tmp_path: Path) -> None:
    first = render_curves("pref", "epoch", MEMBERS, 0.55)
    with matplotlib.rc_context({"lines.linewidth": 9, "svg.fonttype": "path"}):
        assert render_curves("pref", "epoch", MEMBERS, 0.55) == first
    write_curves(tmp_path, "pref", "epoch", MEMBERS, 0.55)
    assert ((tmp_path / SVG).read_bytes(), (tmp_path / PNG).read_bytes()) == first
    text = first[0].decode()
    ElementTree.fromstring(first[0])
    assert PAPER["--hue1"] in text
    assert PAPER["--hue2"] in text
    assert "one line per member" in text
    assert "population-level reward" in text
    assert first[1].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "curves",
    [
        [Curve((EvalPoint(1, 0.6, 0.5),), 1)],
        [Curve((EvalPoint(3, 0.6, None), EvalPoint(6, None, 0.5)), 6)],
        [Curve((EvalPoint(3, 0.6, None),), 3)],
        [],
    ],
)
def test_curves_of_short_runs(curves: list[Curve]) -> None:
    svg, _ = render_curves("bradley-terry · <data> & more", "step", curves, None)
    ElementTree.fromstring(svg)
    assert b"one line per member" not in svg


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'personalrm\[train\]'"):
        render_curves("pref", "epoch", MEMBERS, 0.55)
