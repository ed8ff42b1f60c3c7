"""The results as one HTML page that needs nothing else: no network, no scripts.

    page(record_of(result, "longer"), ["Intervals are 95 % …"])    # "<!doctype html>…"

A table with intervals, a dot-and-whisker picture (accuracy, 95 % interval, the coin's 0.5 as a line), the paired tests,
the settings, and notes on what was not measured. It follows the reader's light or dark colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from personalrm.bench.figures import number

Record = Mapping[str, Any]

_STYLE = """
:root{color-scheme:light dark;--ink:#1a1d21;--soft:#5d6670;--line:#d9dee3;--paper:#fff;--mark:#0b62a8}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9aa3ad;--line:#3a4149;--paper:#16191d;--mark:#6cb4f0}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
body{max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:0}h2{font-size:1.1rem;margin-top:2rem}p.sub{color:var(--soft);margin-top:.2rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .8rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:500}
svg{width:100%;height:auto}svg text{fill:var(--ink);font-size:13px}svg .soft{fill:var(--soft)}
svg .grid{stroke:var(--line)}svg .coin{stroke:var(--soft);stroke-dasharray:4 3}
svg .mark{stroke:var(--mark);fill:var(--mark);stroke-width:2}
"""
_OTHERS = ("none; the prior that ships with the package", "the people of the other folds")
_LEFT, _WIDTH, _STEP, _TOP = 250, 900, 30, 10


def page(report: Record, notes: Sequence[str]) -> str:
    """The whole page as text."""
    asked = report["asked"]
    title = f"{report['data'] or 'Benchmark'}: {report['protocol']}"
    sub = f"{asked['pairs']:,} choices of {asked['people']:,} people, seed {report['seed']}"
    parts = [
        f"<h1>{escape(title)}</h1><p class=sub>{escape(sub)}</p>",
        picture(report["methods"]),
        "<h2>Methods</h2>" + _methods(report["methods"]),
    ]
    if report["comparisons"]:
        parts.append(f"<h2>Against {escape(report['comparisons'][0]['against'])}, pair by pair</h2>")
        parts.append(_tests(report["comparisons"]))
    for name, rows in report["same_pairs"].items():
        parts.append(f"<h2>On the pairs that {escape(name)} scored</h2>" + picture(rows) + _methods(rows))
    parts += ["<h2>Settings</h2>" + _settings(report), "<h2>Notes</h2>" + _list(notes)]
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{escape(title)}</title>"
    return f"<!doctype html><html lang=en>{head}<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"


def picture(rows: Sequence[Record]) -> str:
    """Accuracies as dots with their intervals as whiskers: an SVG element."""
    shown = [row for row in rows if row["accuracy"] is not None]
    bounds = [row[key] for row in shown for key in ("accuracy", "low", "high") if row[key] is not None] + [0.5]
    low, high = max(0.0, min(bounds) - 0.02), min(1.0, max(bounds) + 0.02)
    bottom = _TOP + _STEP * len(shown)

    def x(value: float) -> str:
        return f"{_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - 70):.1f}"

    ticks = [tick / 20 for tick in range(21) if low <= tick / 20 <= high]
    drawn = [
        f"<line class='{'coin' if tick == 0.5 else 'grid'}' x1='{x(tick)}' x2='{x(tick)}' y1='{_TOP}' y2='{bottom}'/>"
        f"<text class='soft' x='{x(tick)}' y='{bottom + 18}' text-anchor='middle'>{tick:.2f}</text>"
        for tick in ticks
    ]
    drawn += [_dot(row, _TOP + _STEP * index + _STEP // 2, x) for index, row in enumerate(shown)]
    label = "Accuracy of each method with its 95 % interval"
    return f"<svg viewBox='0 0 {_WIDTH} {bottom + 26}' role='img' aria-label='{label}'>{''.join(drawn)}</svg>"


def _dot(row: Record, y: int, x: Any) -> str:
    whisker = ""
    if row["low"] is not None:
        whisker = f"<line class='mark' x1='{x(row['low'])}' x2='{x(row['high'])}' y1='{y}' y2='{y}'/>"
    name = row["label"] if len(row["label"]) <= 30 else f"{row['name'][:14]}…{row['name'][-15:]}"
    return (
        f"<g><title>{escape(row['name'])}</title>"
        f"<text x='{_LEFT - 12}' y='{y + 4}' text-anchor='end'>{escape(name)}</text>"
        f"{whisker}<circle class='mark' cx='{x(row['accuracy'])}' cy='{y}' r='4'/>"
        f"<text x='{_WIDTH - 60}' y='{y + 4}'>{row['accuracy']:.3f}</text></g>"
    )


def _methods(rows: Sequence[Record]) -> str:
    heads = ["method", "model", "accuracy", "95 % interval", "people", "pairs", "coverage", "log loss", "calls"]
    heads += ["prompt tokens", "completion tokens", "cost", "seconds"]
    return _table(heads, (_cells(row) for row in rows))


def _cells(row: Record) -> list[str]:
    return [
        row["label"],
        row["model"],
        number(row["accuracy"]),
        "–" if row["low"] is None else f"{row['low']:.3f} – {row['high']:.3f}",
        f"{row['people']:,}",
        f"{row['pairs']:,}",
        f"{row['coverage']:.1%}",
        number(row["log_loss"]),
        f"{row['calls']:,}",
        f"{row['prompt_tokens']:,}",
        f"{row['completion_tokens']:,}",
        "unknown" if row["cost"] is None else f"${row['cost']:.2f}",
        f"{row['seconds']:.1f}",
    ]


def _tests(comparisons: Sequence[Record]) -> str:
    heads = ["method", "difference", "95 % interval", "p", "p (Holm)", "people", "pairs"]
    rows = []
    for one in comparisons:
        effect = one["effect"]
        interval = "–" if effect["low"] is None else f"{effect['low']:+.3f} – {effect['high']:+.3f}"
        p_values = [f"{effect['p']:.4f}", f"{one['p_corrected']:.4f}"]
        behind = [f"{effect['people']:,}", f"{effect['pairs']:,}"]
        rows.append([one["name"], f"{effect['difference']:+.3f}", interval, *p_values, *behind])
    return _table(heads, rows)


def _settings(report: Record) -> str:
    rows = [
        ["data", str(report["data"])],
        ["protocol", str(report["protocol"])],
        ["folds by person", str(report["folds"])],
        ["population", report["population"] or _OTHERS[report["folds"] > 1]],
        ["seed", str(report["seed"])],
    ]
    for one in report["details"]:
        rows += [[f"prompt {name} of {one['label']}", str(digest)] for name, digest in one["prompts"].items()]
    return _table(["setting", "value"], rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _list(notes: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>"
