"""Pieces of a page: every text that comes in is escaped here, once.

table(Table(…))                     # "<div class=wide tabindex=0><table>…"
section("cost", "Cost", body)       # "<section id=cost><h2>Cost</h2>…"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from personalrm.bench.report.table import Column, Table, words
from personalrm.formatting.texts import plain

LONG = 14
"""Tables of more rows are folded away behind their title."""


def text(value: object) -> str:
    """Text of anyone, as text."""
    return escape(plain(str(value)))


def section(name: str, title: str, *parts: str) -> str:
    """A part of the page; empty if nothing is in it."""
    body = "".join(parts)
    return f"<section id='{escape(name)}'><h2>{text(title)}</h2>{body}</section>" if body else ""


def paragraph(sentence: str, kind: str = "") -> str:
    """A sentence or more; ``kind`` is a class of the style."""
    return f"<p{f' class={kind}' if kind else ''}>{text(sentence)}</p>" if sentence else ""


def bullets(sentences: Iterable[str]) -> str:
    """Sentences one below the other."""
    items = "".join(f"<li>{text(one)}</li>" for one in sentences)
    return f"<ul>{items}</ul>" if items else ""


def folded(title: str, body: str, *, opened: bool = False) -> str:
    """Something that is shown when asked for."""
    return f"<details{' open' if opened else ''}><summary>{text(title)}</summary>{body}</details>"


def figure(svg: str, caption: str) -> str:
    """A drawn chart with what one must know to read it."""
    return f"<figure><div class=wide tabindex=0>{svg}</div><figcaption>{text(caption)}</figcaption></figure>"


def table(shown: Table, *, title: bool = True) -> str:
    """A table with its title and its note; a long one is folded away. Empty if it has no rows."""
    if not shown.rows:
        return ""
    head = "".join(_head(one) for one in shown.columns)
    rows = [_row(shown.columns, row, published=at in shown.published) for at, row in enumerate(shown.rows)]
    whole = (
        f"<div class=wide tabindex=0><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
    note = paragraph(shown.note, "note")
    if len(shown.rows) > LONG and title:
        return folded(f"{shown.title} ({len(shown.rows)} rows)", whole + note)
    return f"{f'<h3>{text(shown.title)}</h3>' if title else ''}{whole}{note}"


def _head(column: Column) -> str:
    return f"<th scope=col{_kind(column)}>{text(column.head)}</th>"


def _row(columns: Sequence[Column], row: Sequence[object], *, published: bool) -> str:
    cells = []
    for at, (column, cell) in enumerate(zip(columns, row, strict=True)):
        shown = text(words(column, cell))  # type: ignore[arg-type]
        cells.append(f"<th scope=row class=name>{shown}</th>" if not at else f"<td{_kind(column)}>{shown}</td>")
    return f"<tr{' class=published' if published else ''}>{''.join(cells)}</tr>"


def _kind(column: Column) -> str:
    return " class=name" if column.form == "text" else ""
