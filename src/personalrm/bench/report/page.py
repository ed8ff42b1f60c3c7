"""Render a report as one self-contained HTML page: no network access, no scripts, no other files.

    text = page(Report(record, evidence, studies), draw)       # "<!doctype html>…"

The page begins with the findings, followed by figures and tables. Without matplotlib, figures are replaced by notes.
Colours follow the reader's light or dark scheme. The content is data (`blocks`), rendered by the templates of
`personalrm.formatting`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from personalrm.bench.charts import Chart, Dots
from personalrm.bench.record import RunRecord
from personalrm.bench.report import charts_from_record, selective, tables
from personalrm.bench.report.blocks import (
    Block,
    Bullets,
    ChartBlock,
    Folded,
    Heading,
    Paragraph,
    Part,
    bullets,
    paragraphs,
    table_blocks,
)
from personalrm.bench.report.evidence import Evidence
from personalrm.bench.report.examples import personas, worst
from personalrm.bench.report.lines import ranked
from personalrm.bench.report.published import published
from personalrm.bench.report.reading import findings, notes, warning
from personalrm.bench.report.settings import settings, settings_of_study
from personalrm.bench.report.studies import Study
from personalrm.bench.report.table import Table, words
from personalrm.errors import MissingExtra
from personalrm.formatting import pages
from personalrm.formatting.texts import counted

Draw = Callable[[Chart], str]
Blocks = tuple[Block, ...]

_DOTS = "Dots are accuracies, lines their 95 % intervals; the dashed line is chance."
_CURVES = "Bands are 95 % intervals. Horizontal lines are methods that do not use the person's choices."


@dataclass(frozen=True, slots=True)
class Report:
    """The content of a page; ``record`` is None for a folder with studies only."""

    record: RunRecord | None
    evidence: Evidence = field(default_factory=Evidence)
    studies: tuple[Study, ...] = ()


def page(report: Report, draw: Draw) -> str:
    """Render the page as HTML; if ``draw`` raises MissingExtra, a note replaces each figure.

    Raises:
        MissingExtra: Jinja2 is not installed.
    """
    record, shown = report.record, _Figures(draw)
    studies = [
        Part(f"study-{at}", f"Study: {one.name.replace('-', ' ')}", _study(one, shown))
        for at, one in enumerate(report.studies, 1)
    ]
    if record is None:
        return _written("Studies", counted(len(studies), "study", "studies"), (), studies)
    asked = record["asked"]
    behind = f"{counted(asked['pairs'], 'choice')} of {counted(asked['people'], 'person', 'people')}"
    said = (
        *paragraphs(warning(record), style="warning"),
        *_failed(record["failed"]),
        Bullets(tuple(findings(record)), "lead"),
    )
    parts = [*_figures_of(record, shown), *studies, *_evidence_and_settings(report, record)]
    title = f"{record['data'] or 'Benchmark'}: {record['protocol']}"
    return _written(title, f"{behind}, seed {record['seed']}", said, parts)


def _written(title: str, sub: str, said: Blocks, parts: list[Part]) -> str:
    """Render the page with its non-empty parts."""
    kept = [one for one in parts if one.blocks]
    return pages.page("report.html", title=title, sub=sub, said=said, parts=kept, words=words)


def _figures_of(record: RunRecord, shown: _Figures) -> list[Part]:
    return [
        Part("accuracy", "Accuracy", _accuracy(record, shown)),
        Part("tests", "Significance of differences", _tests(record, shown)),
        Part("probabilities", "Probabilities", _probabilities(record, shown)),
        Part("selective", "Selective prediction", _selective(record, shown)),
        Part("slices", "Accuracy by subset", _slices(record, shown)),
        Part("learning", "Learning curves", _learning(record, shown)),
        Part("cost", "Cost against accuracy", _cost(record, shown)),
        Part("same-pairs", "On the same pairs", _same_pairs(record, shown)),
        Part("published", "Published numbers", _published(record, shown)),
    ]


def _evidence_and_settings(report: Report, record: RunRecord) -> list[Part]:
    return [
        Part("personas", "Personas and their evidence", personas(report.evidence)),
        Part("worst", "The worst predictions", worst(report.evidence)),
        Part("settings", "Settings", table_blocks(settings(record), captioned=False)),
        Part("notes", "Notes", bullets([*notes(record), *report.evidence.absent])),
    ]


class _Figures:
    """Draws charts; returns a note instead if matplotlib is missing."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def __call__(self, chart: Chart | None, caption: str = "") -> Blocks:
        if chart is None:
            return ()
        try:
            svg = self._draw(chart)
        except MissingExtra as error:
            return (Paragraph(f"The figure “{chart.title}” was not drawn: {error}.", "note"),)
        return (ChartBlock(pages.trusted(svg), chart.title, caption),) if svg else ()


def _failed(failed: Mapping[str, str]) -> Blocks:
    if not failed:
        return ()
    sentence = "Not finished, and therefore not in the tables; run the same command again to resume:"
    return (Bullets(tuple(f"{label}: {why}" for label, why in failed.items()), "warning", sentence),)


def _accuracy(record: RunRecord, shown: _Figures) -> Blocks:
    drawn = shown(charts_from_record.leaderboard(ranked(record)), _DOTS)
    return (*drawn, *table_blocks(tables.leaderboard(record), captioned=False))


def _tests(record: RunRecord, shown: _Figures) -> Blocks:
    caption = "Blue: the row's method is more accurate; orange: less accurate. The table has the significance tests."
    return (
        *table_blocks(tables.against(record)),
        *shown(charts_from_record.differences(record), caption),
        *table_blocks(tables.pairwise(record)),
    )


def _probabilities(record: RunRecord, shown: _Figures) -> Blocks:
    caption = "The dotted line is perfect calibration; a flatter curve is overconfident, a steeper one underconfident."
    curves = [one for chart in charts_from_record.calibration(record) for one in shown(chart, caption)]
    bins = tables.calibration(record)
    folded = (Folded(bins.title, table_blocks(bins, captioned=False)),) if curves else ()
    return (*table_blocks(tables.probabilities(record), captioned=False), *curves, *folded)


def _selective(record: RunRecord, shown: _Figures) -> Blocks:
    caption = "Error rate if a method answers only the pairs it is most confident about; lower curves are better."
    return (
        *table_blocks(selective.risk_coverage(record), captioned=False),
        *(one for chart in charts_from_record.risk_coverage(record) for one in shown(chart, caption)),
        *table_blocks(selective.promised_risk(record)),
    )


def _slices(record: RunRecord, shown: _Figures) -> Blocks:
    return (
        *table_blocks(tables.length_matched(record)),
        *shown(charts_from_record.domains(record), "Blue: more accurate than chance; orange: less accurate."),
        *table_blocks(tables.domains(record)),
        *table_blocks(tables.tastes(record)),
    )


def _published(record: RunRecord, shown: _Figures) -> Blocks:
    compared = published(record)
    if not compared.rows:
        return ()
    return (
        *paragraphs(compared.note),
        *shown(charts_from_record.published(compared), "The data sets and pairs differ."),
        *table_blocks(Table(compared.name, compared.title, compared.columns, compared.rows, "", compared.published)),
    )


def _learning(record: RunRecord, shown: _Figures) -> Blocks:
    drawn = [one for chart in charts_from_record.learning(record) for one in shown(chart, _CURVES)]
    return (*drawn, *table_blocks(tables.learning(record)))


def _cost(record: RunRecord, shown: _Figures) -> Blocks:
    drawn = shown(charts_from_record.cost(record), "Up and left is better.")
    said = "" if drawn else "No method asked a language model, so the only cost is run time."
    return (*paragraphs(said), *drawn, *table_blocks(tables.costs(record), captioned=False))


def _same_pairs(record: RunRecord, shown: _Figures) -> Blocks:
    parts: list[Block] = []
    for (label, rows), one in zip(record["same_pairs"].items(), tables.same_pairs(record), strict=True):
        chart = charts_from_record.leaderboard(ranked({"methods": rows}), f"Accuracy on the pairs that {label} scored")
        parts += [Heading(one.title), *shown(chart, _DOTS), *table_blocks(one, captioned=False)]
    return tuple(parts)


def _study(study: Study, shown: _Figures) -> Blocks:
    if study.problem:
        return paragraphs(study.problem, style="warning")
    asked = settings_of_study(study.settings)
    return (
        *paragraphs(study.question, style="sub"),
        *bullets(study.reading),
        *(block for one in study.charts for block in shown(one, _DOTS if isinstance(one, Dots) else "")),
        *(block for one in study.tables for block in table_blocks(one)),
        *((Folded(asked.title, table_blocks(asked, captioned=False)),) if asked.rows else ()),
    )
