"""A report as one HTML page that needs nothing else: no network, no script, no file beside it.

    text = page(Report(record, evidence, studies), draw)       # "<!doctype html>…"

The page says first what was found, then shows what that rests on. Every figure has its table; without matplotlib the
page is the same but for the figures, and says so. It follows the reader's light or dark colours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from personalrm.bench.charts import Chart, Dots
from personalrm.bench.report import charts_from_record, tables
from personalrm.bench.report.evidence import Evidence
from personalrm.bench.report.examples import personas, worst
from personalrm.bench.report.lines import ranked
from personalrm.bench.report.markup import bullets, figure, folded, paragraph, section, table, text
from personalrm.bench.report.published import published
from personalrm.bench.report.reading import findings, notes, warning
from personalrm.bench.report.studies import Study
from personalrm.bench.report.table import Column, Table
from personalrm.errors import MissingExtra
from personalrm.formatting.texts import counted

Record = Mapping[str, Any]
Draw = Callable[[Chart], str]

_DOTS = "Dots are accuracies, lines their 95 % intervals; the dashed line is a coin."
_CURVES = "Bands are 95 % intervals. Level lines know nothing of the person."
_OTHERS = ("none; the prior that ships with the package", "the people of the other folds")


@dataclass(frozen=True, slots=True)
class Report:
    """All that a page shows; ``record`` is None where a folder holds studies alone."""

    record: Record | None
    evidence: Evidence = field(default_factory=Evidence)
    studies: tuple[Study, ...] = ()


Part = tuple[str, str, str]
"""A part of the page: its place, its title, what stands in it."""


def page(report: Report, draw: Draw) -> str:
    """The whole page as text; ``draw`` may raise MissingExtra, and then a sentence stands for each figure."""
    record, shown = report.record, _Figures(draw)
    studies = [(f"study-{at}", _study_title(one), _study(one, shown)) for at, one in enumerate(report.studies, 1)]
    if record is None:
        return _framed("Studies", counted(len(studies), "study", "studies"), "", studies)
    asked = record["asked"]
    behind = f"{counted(asked['pairs'], 'choice')} of {counted(asked['people'], 'person', 'people')}"
    said = [
        paragraph(warning(record), "warning"),
        _failed(record["failed"]),
        f"<div class=lead>{bullets(findings(record))}</div>",
    ]
    parts = [*_figures_of(record, shown), *studies, *_behind(report, record)]
    title = f"{record['data'] or 'Benchmark'}: {record['protocol']}"
    return _framed(title, f"{behind}, seed {record['seed']}", "".join(said), parts)


def _figures_of(record: Record, shown: _Figures) -> list[Part]:
    return [
        ("accuracy", "Accuracy", _accuracy(record, shown)),
        ("tests", "Which differences are real", _tests(record, shown)),
        ("probabilities", "Probabilities", _probabilities(record, shown)),
        ("slices", "Where", _slices(record, shown)),
        ("learning", "Learning curves", _learning(record, shown)),
        ("cost", "Cost against accuracy", _cost(record, shown)),
        ("same-pairs", "On the same pairs", _same_pairs(record, shown)),
        ("published", "Published numbers", _published(record, shown)),
    ]


def _behind(report: Report, record: Record) -> list[Part]:
    return [
        ("personas", "Personas and their evidence", personas(report.evidence)),
        ("worst", "The worst predictions", worst(report.evidence)),
        ("settings", "Settings", table(_settings(record), title=False)),
        ("notes", "Notes", bullets([*notes(record), *report.evidence.absent])),
    ]


def _framed(title: str, sub: str, said: str, parts: Iterable[Part]) -> str:
    """The page around its parts; empty ones are left out."""
    kept = [one for one in parts if one[2]]
    top = f"<header><h1>{text(title)}</h1><p class=sub>{text(sub)}</p>"
    body = f"{top}{_contents((name, head) for name, head, _ in kept)}</header>{said}" + "".join(
        section(*one) for one in kept
    )
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{text(title)}</title>"
    return f"<!doctype html>\n<html lang=en><head>{head}<style>{style}</style></head><body>{body}</body></html>\n"


class _Figures:
    """Draws; says instead what is missing where matplotlib is."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def __call__(self, chart: Chart | None, caption: str = "") -> str:
        if chart is None:
            return ""
        try:
            svg = self._draw(chart)
        except MissingExtra as error:
            return paragraph(f"Here would be the figure “{chart.title}”: {error}.", "note")
        return figure(svg, f"{chart.title}. {caption}".strip()) if svg else ""


def _contents(parts: Iterable[tuple[str, str]]) -> str:
    links = "".join(f"<li><a href='#{text(name)}'>{text(title)}</a></li>" for name, title in parts)
    return f"<nav aria-label='Contents'><ul>{links}</ul></nav>"


def _failed(failed: Mapping[str, str]) -> str:
    if not failed:
        return ""
    said = bullets(f"{label}: {why}" for label, why in failed.items())
    sentence = "Not finished, so without a row here; the same command goes on where it stopped:"
    return f"<div class=warning role=alert>{paragraph(sentence)}{said}</div>"


def _accuracy(record: Record, shown: _Figures) -> str:
    return shown(charts_from_record.leaderboard(ranked(record)), _DOTS) + table(tables.leaderboard(record), title=False)


def _tests(record: Record, shown: _Figures) -> str:
    caption = "Blue: the row's method is right more often; orange: less often. Whether that is chance says the table."
    return (
        table(tables.against(record))
        + shown(charts_from_record.differences(record), caption)
        + table(tables.pairwise(record))
    )


def _probabilities(record: Record, shown: _Figures) -> str:
    caption = (
        "On the dotted line a probability means what it says; a flatter curve is too sure, a steeper one too timid."
    )
    curves = "".join(shown(chart, caption) for chart in charts_from_record.calibration(record))
    bins = tables.calibration(record)
    return (
        table(tables.probabilities(record), title=False) + curves + (folded(bins.title, table(bins)) if curves else "")
    )


def _slices(record: Record, shown: _Figures) -> str:
    return (
        table(tables.length_matched(record))
        + shown(charts_from_record.domains(record), "Blue: more often right than a coin; orange: less often.")
        + table(tables.domains(record))
    )


def _published(record: Record, shown: _Figures) -> str:
    compared = published(record)
    if not compared.rows:
        return ""
    return (
        paragraph(compared.note)
        + shown(charts_from_record.published(compared), "Sets and pairs differ.")
        + table(Table(compared.name, compared.title, compared.columns, compared.rows, "", compared.published))
    )


def _learning(record: Record, shown: _Figures) -> str:
    return "".join(shown(chart, _CURVES) for chart in charts_from_record.learning(record)) + table(
        tables.learning(record)
    )


def _cost(record: Record, shown: _Figures) -> str:
    drawn = shown(charts_from_record.cost(record), "Further up and further left is better.")
    said = "" if drawn else paragraph("No method asked a language model, so accuracy cost nothing but time.")
    return said + drawn + table(tables.costs(record), title=False)


def _same_pairs(record: Record, shown: _Figures) -> str:
    parts = []
    for (label, rows), one in zip(record["same_pairs"].items(), tables.same_pairs(record), strict=True):
        chart = charts_from_record.leaderboard(ranked({"methods": rows}), f"Accuracy on the pairs that {label} scored")
        parts.append(f"<h3>{text(one.title)}</h3>" + shown(chart, _DOTS) + table(one, title=False))
    return "".join(parts)


def _study_title(study: Study) -> str:
    return f"Study: {study.name.replace('-', ' ')}"


def _study(study: Study, shown: _Figures) -> str:
    if study.problem:
        return paragraph(study.problem, "warning")
    settings = Table(
        "", "Settings of this study", (Column("setting"), Column("value")),
        tuple((str(name), _said(value)) for name, value in study.settings.items()),
    )  # fmt: skip
    return (
        paragraph(study.question, "sub")
        + bullets(study.reading)
        + "".join(shown(one, _DOTS if isinstance(one, Dots) else "") for one in study.charts)
        + "".join(table(one) for one in study.tables)
        + (folded(settings.title, table(settings, title=False)) if settings.rows else "")
    )


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _settings(record: Record) -> Table:
    rows = [
        ("data", str(record["data"])),
        ("fingerprint of all choices", str(record["fingerprint"])),
        ("protocol", str(record["protocol"])),
        ("folds by person", str(record["folds"])),
        ("population", str(record["population"] or _OTHERS[record["folds"] > 1])),
        ("seed", str(record["seed"])),
    ]
    by_prompt: dict[tuple[str, str], list[str]] = {}
    for one in record["details"]:
        for name, digest in one["prompts"].items():
            by_prompt.setdefault((name, str(digest)), []).append(one["label"])
    several = len(set(map(tuple, by_prompt.values()))) > 1
    for (name, digest), labels in by_prompt.items():
        of_whom = f" ({', '.join(labels)})" if several else ""
        rows.append((f"prompt {name}{of_whom}", digest))
    return Table("settings", "Settings", (Column("setting"), Column("value")), tuple(rows))
