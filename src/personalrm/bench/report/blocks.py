"""The elements of a report page as data; the template ``report.html`` renders them.

Part("cost", "Cost", (ChartBlock(svg, "Cost", "Up and left is better."), TableBlock(table)))
table_blocks(table)                 # the table; collapsed under its title if it is long
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from personalrm.bench.report.table import Table

if TYPE_CHECKING:
    from markupsafe import Markup

LONG = 14
"""Tables with more rows are collapsed under their title."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; ``style`` is a CSS class of the page."""

    text: str
    style: str = ""
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a part."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A bullet list; ``style`` "lead" or "warning" puts it in a box that begins with ``intro``."""

    items: tuple[str, ...]
    style: str = ""
    intro: str = ""
    kind: ClassVar[str] = "bullets"


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table; ``captioned`` says whether its title is shown."""

    table: Table
    captioned: bool = True
    kind: ClassVar[str] = "table"


@dataclass(frozen=True, slots=True)
class ChartBlock:
    """A drawn chart with title and caption; ``svg`` is trusted markup."""

    svg: Markup
    title: str
    caption: str
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True, slots=True)
class ClaimText:
    """A claim of a persona; ``cited`` describes the choices that support and oppose it."""

    text: str
    cited: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One user: prediction quality (``how``), persona, claims, and further notes."""

    user: str
    how: str
    persona: str
    claims: tuple[ClaimText, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cards:
    """Cards side by side."""

    cards: tuple[Card, ...]
    kind: ClassVar[str] = "cards"


@dataclass(frozen=True, slots=True)
class Folded:
    """A collapsible section."""

    title: str
    blocks: tuple[Block, ...]
    opened: bool = False
    kind: ClassVar[str] = "folded"


Block = Paragraph | Heading | Bullets | TableBlock | ChartBlock | Cards | Folded


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page: anchor name, title and content."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def paragraphs(*sentences: str, style: str = "") -> tuple[Block, ...]:
    """A paragraph for each non-empty text."""
    return tuple(Paragraph(one, style) for one in sentences if one)


def bullets(items: Iterable[str]) -> tuple[Block, ...]:
    """A bullet list; empty if there are no items."""
    held = tuple(items)
    return (Bullets(held),) if held else ()


def table_blocks(shown: Table, *, captioned: bool = True) -> tuple[Block, ...]:
    """A table with title and note; a long one is collapsed under its title. Empty if it has no rows."""
    if not shown.rows:
        return ()
    if len(shown.rows) > LONG and captioned:
        return (Folded(f"{shown.title} ({len(shown.rows)} rows)", (TableBlock(shown, captioned=False),)),)
    return (TableBlock(shown, captioned),)
