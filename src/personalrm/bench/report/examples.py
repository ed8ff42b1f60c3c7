"""What a page shows of single people: personas with their evidence, and predictions that went wrong.

Little is quoted: a persona's first lines, some of its claims with the ids of the choices behind them, the beginning of
a judge's reasoning. The texts of the choices themselves are not in a run's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalrm.bench.report.evidence import Evidence, Learned, Miss
from personalrm.bench.report.markup import folded, paragraph, table, text
from personalrm.bench.report.table import Column, Table
from personalrm.formatting.texts import counted, cut

_PERSONA, _CLAIM, _REASONING = 600, 200, 280
_CLAIMS, _IDS = 8, 4
_KNOWN = frozenset({"persona", "claims", "arm", "confidence"})
Record = Mapping[str, Any]


def personas(evidence: Evidence) -> str:
    """Three people a method, as cards."""
    if not evidence.personas:
        return ""
    said = "Of each method that writes personas: the person it predicts best, one in the middle, and the worst."
    parts = [paragraph(said, "note")]
    for at, (label, learned) in enumerate(evidence.personas.items()):
        cards = "".join(_card(one) for one in learned)
        parts.append(folded(label, f"<div class=cards>{cards}</div>", opened=not at))
    return "".join(parts)


def _card(one: Learned) -> str:
    known = one.learned
    how = f"log loss {one.log_loss:.3f} on {counted(one.pairs, 'choice')}, learned from {one.history}"
    parts = [
        f"<h4>{text(one.user)}</h4>",
        paragraph(f"{one.place.capitalize()}: {how}.", "note"),
        f"<blockquote>{text(cut(str(known['persona']), _PERSONA))}</blockquote>",
        _claims(known.get("claims") or ()),
        paragraph(_arm(known), "note"),
        *(paragraph(f"{name}: {cut(str(value), _CLAIM)}", "note") for name, value in _others(known)),
    ]
    return f"<article class=card>{''.join(parts)}</article>"


def _claims(claims: Sequence[Any]) -> str:
    items = []
    for one in [claim for claim in claims if isinstance(claim, Mapping)][:_CLAIMS]:
        backing = [*_cited("for", one.get("for")), *_cited("against", one.get("against"))]
        ids = f"<span class=ids>{text('; '.join(backing) or 'no choice is named')}</span>"
        items.append(f"<li>{text(cut(str(one.get('claim', '')), _CLAIM))}{ids}</li>")
    if len(claims) > _CLAIMS:
        items.append(f"<li>and {len(claims) - _CLAIMS} more claims</li>")
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _cited(side: str, ids: Any) -> list[str]:
    if not isinstance(ids, list) or not ids:
        return []
    named = ", ".join(cut(str(one), 40) for one in ids[:_IDS])
    more = f" and {len(ids) - _IDS} more" if len(ids) > _IDS else ""
    return [f"{len(ids)} {side} it: {named}{more}"]


def _arm(known: Record) -> str:
    if not known.get("arm"):
        return ""
    if known["arm"] == "default":
        return "Used for this person: the plain judge, because on held-back choices nothing was seen to help more."
    sure = known.get("confidence")
    how_sure = f", {sure:.0%} sure that it beats the plain judge" if isinstance(sure, float) else ""
    return f"Used for this person: {known['arm']}{how_sure}."


def _others(known: Record) -> list[tuple[str, Any]]:
    """What else a judge learned, as far as it is a word or a number."""
    return [
        (name, value)
        for name, value in known.items()
        if name not in _KNOWN and isinstance(value, str | int | float) and value != ""
    ]


def worst(evidence: Evidence) -> str:
    """The predictions that were furthest off, a table a method."""
    shown = {label: misses for label, misses in evidence.worst.items() if misses}
    if not shown:
        return ""
    said = "P: the probability that was given to the response the person then preferred."
    parts = [paragraph(said, "note")]
    parts += [folded(label, table(_misses(misses), title=False), opened=not at) for at, (label, misses) in
              enumerate(shown.items())]  # fmt: skip
    return "".join(parts)


def _misses(misses: Sequence[Miss]) -> Table:
    columns = (
        Column("choice"),
        Column("person"),
        Column("domain"),
        Column("P", "figure"),
        Column("log loss", "figure"),
        Column("the judge's reasoning"),
    )
    rows = tuple(
        (one.id, one.user, one.domain, one.probability, one.log_loss, cut(one.reasoning or "", _REASONING))
        for one in misses
    )
    return Table("worst", "", columns, rows).without_empty()
