"""Parts of the page about single people: personas with their evidence, and the worst predictions.

Quotes are short: the first lines of a persona, some of its claims with the ids of the cited choices, the beginning of a
judge's reasoning. A run's folder does not contain the texts of the choices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from personalrm.bench.record import RunRecord
from personalrm.bench.report.blocks import Block, Card, Cards, ClaimText, Folded, Paragraph, table_blocks
from personalrm.bench.report.evidence import Evidence, Learned, Miss
from personalrm.bench.report.table import Column, Table
from personalrm.formatting.texts import counted, cut

_PERSONA, _CLAIM, _REASONING = 600, 200, 280
_CLAIMS, _IDS = 8, 4
_KNOWN = frozenset({"persona", "claims", "arm", "confidence"})


def personas(evidence: Evidence) -> tuple[Block, ...]:
    """Cards of three people per method."""
    if not evidence.personas:
        return ()
    said = "For each method that writes personas: the people with the lowest, the median and the highest log loss."
    parts: list[Block] = [Paragraph(said, "note")]
    for at, (label, learned) in enumerate(evidence.personas.items()):
        parts.append(Folded(label, (Cards(tuple(map(_card, learned))),), opened=not at))
    return tuple(parts)


def _card(one: Learned) -> Card:
    known = one.learned
    how = f"log loss {one.log_loss:.3f} on {counted(one.pairs, 'choice')}, learned from {one.history}"
    notes = (_arm(known), *(f"{name}: {cut(str(value), _CLAIM)}" for name, value in _others(known)))
    return Card(
        user=one.user,
        how=f"{one.place.capitalize()}: {how}.",
        persona=cut(str(known["persona"]), _PERSONA),
        claims=tuple(_claims(known.get("claims") or ())),
        notes=tuple(filter(None, notes)),
    )


def _claims(claims: Sequence[Any]) -> Iterator[ClaimText]:
    for one in [claim for claim in claims if isinstance(claim, Mapping)][:_CLAIMS]:
        backing = [*_cited("for", one.get("for")), *_cited("against", one.get("against"))]
        yield ClaimText(cut(str(one.get("claim", "")), _CLAIM), "; ".join(backing) or "no choice is cited")
    if len(claims) > _CLAIMS:
        yield ClaimText(f"and {len(claims) - _CLAIMS} more claims")


def _cited(side: str, ids: Any) -> list[str]:
    if not isinstance(ids, list) or not ids:
        return []
    named = ", ".join(cut(str(one), 40) for one in ids[:_IDS])
    more = f" and {len(ids) - _IDS} more" if len(ids) > _IDS else ""
    return [f"{len(ids)} {side} it: {named}{more}"]


def _arm(known: RunRecord) -> str:
    if not known.get("arm"):
        return ""
    if known["arm"] == "default":
        return "Used for this person: the plain judge, because nothing predicted the held-out choices better."
    return f"Used for this person: {known['arm']}."  # a "confidence" in an older run was not calibrated on people


def _others(known: RunRecord) -> list[tuple[str, Any]]:
    """Other text and number fields that a judge learned."""
    return [
        (name, value)
        for name, value in known.items()
        if name not in _KNOWN and isinstance(value, str | int | float) and value != ""
    ]


def worst(evidence: Evidence) -> tuple[Block, ...]:
    """The predictions with the highest log loss, one table per method."""
    shown = {label: misses for label, misses in evidence.worst.items() if misses}
    if not shown:
        return ()
    said = "P: the probability given to the response that the person preferred."
    tables = [
        Folded(label, table_blocks(_misses(label, misses), captioned=False), opened=not at)
        for at, (label, misses) in enumerate(shown.items())
    ]
    return (Paragraph(said, "note"), *tables)


def _misses(label: str, misses: Sequence[Miss]) -> Table:
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
    return Table("worst", f"The worst predictions of {label}", columns, rows).without_empty()
