"""Charts become SVG that belongs to its page: words, variables for colours, nothing of others as markup."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from xml.etree import ElementTree

import pytest

from personalrm.bench.charts import Chart, Dots, Lines, Matrix, Point, Scatter, Series, as_json, from_json
from personalrm.bench.report.drawing import draw
from personalrm.bench.report.svg import COLOURS

EVIL = "</text></svg><script>alert(1)</script> $x^2$ & <b> \x00\x1b[31m \u202e 名 😀 \ud800"
CURVE = tuple(Point(x, 0.5 + x / 40, 0.4 + x / 40, 0.6 + x / 40) for x in (2, 4, 8.4))
CHARTS: dict[str, Chart] = {
    "dots": Dots("Accuracy", "accuracy", (Series("a", (Point(0, 0.7, 0.6, 0.8),)), Series(EVIL, (Point(0, 0.6),))), 0.5,
                 ("a",)),
    "lines": Lines("Learning", "choices", "accuracy", (Series("a", CURVE), Series(EVIL, CURVE[:2])), 0.5),
    "many lines": Lines("Many", "x", "y", tuple(Series(f"s{n}", CURVE) for n in range(9)), log_x=True),
    "level": Lines("Level", "x", "y", (Series("same", (Point(1, 0.5), Point(3, 0.5))),)),
    "calibration": Lines("Calibration", "given", "true", (Series("a", (Point(0.2, 0.3, 0.1, 0.4), Point(0.8, 0.7))),),
                         diagonal=True),
    "scatter": Scatter("Cost", "$", "accuracy", (Series("free", (Point(0, 0.5, 0.4, 0.6),)),
                                                 Series(EVIL, (Point(0.01, 0.6),)), Series("c", (Point(3, 0.7),))),
                       log_x=True),
    "all paid": Scatter("Cost", "$", "accuracy", (Series("a", (Point(0.1, 0.5),)), Series("b", (Point(30, 0.6),))),
                        log_x=True),
    "matrix": Matrix("Transfer", "judge", "from", ("a", EVIL), ("a", "b"), ((0.1, None), (-0.2, 0.0)), 0.0),
    "wide matrix": Matrix("Wide", "", "", tuple(f"column {n}" for n in range(12)), ("r",), (tuple([0.5] * 12),)),
}  # fmt: skip


@cache
def drawn(name: str) -> str:
    """A chart of `CHARTS`, drawn once: it takes a quarter of a second."""
    return draw(CHARTS[name])


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_one_sound_element(name: str) -> None:
    svg = drawn(name)
    root = ElementTree.fromstring(svg)
    tags = {one.tag for one in root.iter()}
    assert root.tag == "svg"
    assert root.find("title") is not None
    assert not tags & {"script", "b", "style", "image", "metadata", "foreignObject"}
    assert not re.search(r"http|xmlns|xlink|url\((?!#)|\x00|\x1b|\u202e", svg)
    ids = [one.attrib["id"] for one in root.iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids))
    pointed = re.findall(r'(?:href="#|url\(#)([\w-]+)', svg)
    assert set(pointed) == set(ids)


@pytest.mark.parametrize("name", CHARTS)
def test_colours_are_the_pages_and_backgrounds_open(name: str) -> None:
    svg = drawn(name)
    assert not re.search(r": #[0-9a-f]{3,6}", svg)
    assert set(re.findall(r"var\((--\w+),", svg)) <= set(COLOURS)
    assert "--ink" in svg or "--soft" in svg


def test_equal_charts_are_drawn_equally_whatever_the_user_has_set() -> None:
    import matplotlib

    plain = drawn("lines")
    with matplotlib.rc_context({"axes.grid": False, "lines.linewidth": 9, "svg.fonttype": "path", "font.size": 30}):
        assert draw(CHARTS["lines"]) == plain
        assert matplotlib.rcParams["font.size"] == 30
    assert draw(CHARTS["lines"]) == plain


def test_two_figures_share_no_id() -> None:
    one, other = (set(re.findall(r' id="([^"]+)"', drawn(name))) for name in ("lines", "dots"))
    assert one
    assert not one & other


def test_words_stay_words() -> None:
    svg = drawn("matrix")
    texts = ["".join(one.itertext()) for one in ElementTree.fromstring(svg).iter("text")]
    for wanted in ("+0.100", "-0.200", "+0.000", "–", "judge", "from", "b"):
        assert wanted in texts
    assert "$x^2$" in draw(replace(CHARTS["lines"], x_label="$x^2$"))


def test_names_that_are_too_long_lose_their_middle() -> None:
    series = (Series("begin" + "x" * 200 + "end", (Point(0, 0.5),)),)
    assert re.search(r">beginx+…x+end<", draw(Dots("t", "x", series)))


def test_marks_of_a_leaderboard_stand_where_their_values_are() -> None:
    series = tuple(Series(str(value), (Point(0, value),)) for value in (0.5, 0.6, 0.8))
    svg = draw(Dots("t", "x", series))
    across = sorted({float(x) for x in re.findall(r'<use [^>]*x="([\d.]+)"[^>]*--hue1', svg)})
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])  # type: ignore[index]
    assert len(across) == 3
    assert 0 < across[0] < across[-1] < width
    assert (across[1] - across[0]) / (across[2] - across[0]) == pytest.approx(1 / 3, abs=1e-4)


@pytest.mark.parametrize(
    "chart",
    [
        Dots("t", "x", ()),
        Dots("t", "x", (Series("a", ()),)),
        Lines("t", "x", "y", (Series("a", ()),)),
        Matrix("t", "x", "y", ("a",), ("b",), ((None,),)),
        Matrix("t", "x", "y", (), (), ()),
    ],
)
def test_nothing_to_draw_is_no_figure(chart: Chart) -> None:
    assert draw(chart) == ""


def test_a_chart_that_was_stored_is_drawn_the_same() -> None:
    for name, chart in CHARTS.items():
        stored = from_json(as_json(chart))
        assert stored == chart, name  # equal charts are drawn equally
    assert draw(from_json(as_json(CHARTS["dots"]))) == drawn("dots")
