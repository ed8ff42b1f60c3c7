"""What a page of a report is made of, as data; the template ``report.html`` writes it.

Part("cost", "Cost", (ChartBlock(svg, "Cost", "Further up is better."), TableBlock(table)))
table_blocks(table)                 # the table; folded away behind its title where it is long
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from personalrm.bench.report.table import Table

if TYPE_CHECKING:
    from markupsafe import Markup

LONG = 14
"""Tables of more rows are folded away behind their title."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or more; ``style`` is a class of the page's style."""

    text: str
    style: str = ""
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True, slots=True)
class Heading:
    """Of what follows in a part."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences one below the other; ``style`` is "lead" or "warning" for those in a box, which ``intro`` opens."""

    items: tuple[str, ...]
    style: str = ""
    intro: str = ""
    kind: ClassVar[str] = "bullets"


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table; its caption is not shown where a heading says the same."""

    table: Table
    captioned: bool = True
    kind: ClassVar[str] = "table"


@dataclass(frozen=True, slots=True)
class ChartBlock:
    """A drawn chart with its title and what one must know to read it; ``svg`` is markup of our own."""

    svg: Markup
    title: str
    caption: str
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True, slots=True)
class ClaimText:
    """A claim and, in words, the choices for and against it."""

    text: str
    cited: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One person: how well predicted, the persona, its claims, and what else was learned."""

    user: str
    how: str
    persona: str
    claims: tuple[ClaimText, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cards:
    """People side by side."""

    cards: tuple[Card, ...]
    kind: ClassVar[str] = "cards"


@dataclass(frozen=True, slots=True)
class Folded:
    """Something that is shown when asked for."""

    title: str
    blocks: tuple[Block, ...]
    opened: bool = False
    kind: ClassVar[str] = "folded"


Block = Paragraph | Heading | Bullets | TableBlock | ChartBlock | Cards | Folded


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page: its place, its title, what stands in it."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def paragraphs(*sentences: str, style: str = "") -> tuple[Block, ...]:
    """A paragraph of each that says anything."""
    return tuple(Paragraph(one, style) for one in sentences if one)


def bullets(items: Iterable[str]) -> tuple[Block, ...]:
    """The sentences; nothing if there are none."""
    held = tuple(items)
    return (Bullets(held),) if held else ()


def table_blocks(shown: Table, *, captioned: bool = True) -> tuple[Block, ...]:
    """A table with its title and its note; a long one is folded away behind its title. Nothing if it has no rows."""
    if not shown.rows:
        return ()
    if len(shown.rows) > LONG and captioned:
        return (Folded(f"{shown.title} ({len(shown.rows)} rows)", (TableBlock(shown, captioned=False),)),)
    return (TableBlock(shown, captioned),)
