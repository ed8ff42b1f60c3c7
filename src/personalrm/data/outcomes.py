"""Reads the outcome of a row with several responses: the winner, or a score, rank or thumb for each response.

outcome = of_sides(row, layout, numbering)
outcome.pairs(outcome.responses, min_gap=0)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from personalrm.data.about import is_tie
from personalrm.data.columns import MODELS, ORDERS, plain
from personalrm.data.contents import Turns
from personalrm.data.conversations import turns
from personalrm.data.fields import NOBODY, Fields, describe, first_of, missing, number
from personalrm.data.layout import ColumnsError, Layout
from personalrm.data.numbering import Numbering
from personalrm.data.ratings import Judged, Pair, best_of, judged, pairs_of
from personalrm.data.responses_named import in_order, is_ambiguous, of_id, one_number
from personalrm.data.unpacking import structured, unpacked
from personalrm.data.winner_words import TIES
from personalrm.data.winners import Winner, decode
from personalrm.errors import RowError

_ORDER = re.compile(r"\s*(?:>+|≻|,|;)\s*|(?<![=≈~])\s+(?![=≈~])")
_SAME = re.compile(r"[=≈~]+")
_UNCLEAR = ("ranking", "rankings")
_NAME = 40
"""Maximum characters for which two texts without a space may be model names."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Responses and the judgements of them.

    Attributes:
        judged: the responses with their judgements.
        field, fields: the column of all responses, and the column of each.
        turns: the responses as conversations, if given as such.
        best: the preferred responses; None if scores, ranks or thumbs decide.
        simple: the choice is between two responses, and is one pair.
        labels: if false, there are no judgements.
    """

    judged: Sequence[Judged]
    field: str
    fields: Sequence[str]
    turns: Sequence[Turns] = ()
    best: frozenset[int] | None = None
    simple: bool = False
    labels: bool = True

    @property
    def responses(self) -> list[str]:
        return [one.response for one in self.judged]

    def pairs(self, responses: Sequence[str], min_gap: float, slope: float = 1.0) -> tuple[list[Pair], int]:
        """The pairs, with these texts as responses, and the number of pairs below ``min_gap``; ``slope`` as in
        `pairs_of`."""
        said = [one._replace(response=text) for one, text in zip(self.judged, responses, strict=True)]
        if not self.labels:
            return best_of(responses, range(len(responses))), 0
        if self.best is None:
            return pairs_of(said, min_gap, slope)
        made = best_of(responses, self.best)
        scores = {one.response: one.score for one in said}
        return [pair._replace(gap=_gap(scores[pair.chosen], scores[pair.rejected])) for pair in made], 0


def of_sides(row: Fields, layout: Layout, numbering: Numbering, labels: bool = True) -> Outcome:
    """Read a row with one column per response. RowError if nothing determines which one is preferred."""
    there = [at for at, column in enumerate(layout.sides.columns) if _is_there(row.get(column), at)]
    columns = [layout.sides.columns[at] for at in there]
    if len(columns) < 2:
        absent = next(column for at, column in enumerate(layout.sides.columns) if at not in there)
        raise RowError("text", field=absent, found=describe(row.get(absent)))
    sides = [turns(row[column], column) for column in columns]
    texts = [side[-1].content for side in sides]
    _check_doubtful(layout, texts)
    said = [
        Judged(text, _beside(row, layout.scores.columns, at), _beside(row, layout.ranks.columns, at))
        for text, at in zip(texts, there, strict=True)
    ]
    several = [side for side in sides if len(side) > 1]
    found = Outcome(said, columns[0], columns, sides if several else (), simple=len(columns) == 2, labels=labels)
    if not labels:
        return found
    return _decided(found, row, layout, there, numbering)


def _decided(found: Outcome, row: Fields, layout: Layout, there: Sequence[int], numbering: Numbering) -> Outcome:
    if is_tie(row, layout):
        return replace(found, best=frozenset(range(len(there))))
    column, value = layout.role(row, "winner")
    value = _only(value)
    if column and not (isinstance(value, str) and value in NOBODY):
        winner = layout.winner
        names = [row.get(one) for one in layout.models.columns] or [None] * len(layout.sides.columns)
        every = dict(zip(there, found.responses, strict=True))
        texts = [every.get(at, "") for at in range(len(layout.sides.columns))]
        if (
            layout.doubtful
            and len(layout.sides.columns) == 2
            and layout.models.columns == ()
            and not _means(winner, value)
        ):
            raise ColumnsError("the columns of a known format", found=f"the columns {', '.join(map(str, row))}")
        best = decode(
            value,
            winner,
            column,
            lambda: numbering.of(column, layout.sides.labels, lambda _: len(layout.sides.columns)),
            texts,
            names,
        )
        places = frozenset(there.index(at) for at in best if at in there)
        if not places:
            raise RowError("an existing response", field=column, found=describe(value))
        return replace(found, best=places)
    ranked = _ranking(row, layout, found.judged, layout.sides.labels)
    if ranked:
        return replace(found, judged=ranked, simple=False)
    if any(one.score is not None or one.rank is not None for one in found.judged):
        return replace(found, simple=False)
    named = layout.roles.get("winner")
    if not named:
        raise ColumnsError("a column that says which response won", found=f"the columns {', '.join(map(str, row))}")
    raise RowError("a, b or tie (in label: 1, 0 or 0.5)", field=named[0], found=describe(row.get(named[0])))


def ratings_in(row: Fields, layout: Layout, numbering: Numbering) -> list[float]:
    """All scores in a row, of any response. RowError if the row is invalid."""
    if layout.kind == "one":
        name, value = layout.role(row, "score")
        return [number(value, name)] if name else []
    if layout.kind not in ("list", "sides"):
        return []
    found = (of_list if layout.kind == "list" else of_sides)(row, layout, numbering)
    return [one.score for one in found.judged if one.score is not None] if found.best is None else []


def of_list(row: Fields, layout: Layout, numbering: Numbering, labels: bool = True) -> Outcome:
    """Read a row with one column for all responses. RowError if nothing determines which one is preferred."""
    field, listed = first_of(row, layout.roles.get("responses", ()))
    listed = structured(listed, field)
    if isinstance(listed, Mapping):  # {"model one": "its response", …}
        listed = [
            {"model": name, **(one if isinstance(one, Mapping) else {"content": one})} for name, one in listed.items()
        ]
    if not isinstance(listed, list | tuple) or not listed:
        raise RowError("a list of responses", field=field or "responses", found=describe(listed))
    fields = [f"{field}.{at}" for at in range(len(listed))]
    said = [judged(one, name) for one, name in zip(listed, fields, strict=True)]
    found = Outcome(said, field, fields, labels=labels)
    if not labels:
        if len(set(found.responses)) < 2:
            raise RowError("at least two different responses", field=field, found=f"{len(set(found.responses))}")
        return found
    ranked = _ranking(row, layout, said, ()) or _listed(row, layout, "scores", said)
    if ranked:
        return _compared(replace(found, judged=ranked))
    if is_tie(row, layout) and len(said) > 1:
        return replace(found, best=frozenset(range(len(said))), simple=len(said) == 2)
    column, value = layout.role(row, "winner")
    if column:
        return _winner_in_list(found, row, layout, numbering, listed, column, structured(value, column))
    if not any(one.score is not None or one.rank is not None or one.liked is not None for one in said):
        if listed and not isinstance(listed[0], Mapping):
            raise RowError("an object with content and score", field=fields[0], found=describe(listed[0]))
        raise RowError("at least two different scored responses", field=field, found="0 scored")
    return _compared(found)


def _compared(found: Outcome) -> Outcome:
    """Check that at least two responses are ranked; a single score or thumb is allowed."""
    ranked = [one for one in found.judged if one.rank is not None]
    if not any(one.score is not None or one.liked is not None for one in found.judged) and (
        len({one.response for one in ranked}) < 2
    ):
        raise RowError("at least two different ranked responses", field=found.field, found=f"{len(ranked)} ranked")
    return found


def _winner_in_list(
    found: Outcome, row: Fields, layout: Layout, numbering: Numbering, listed: Sequence[Any], column: str, value: Any
) -> Outcome:
    names = [first_of(one, MODELS)[1] if isinstance(one, Mapping) else None for one in listed]
    winner = layout.winner_among(len(listed))
    source = layout.roles["responses"]

    def count(other: Fields) -> int:
        several = first_of(other, source)[1]
        several = structured(several, column)
        return len(several) if isinstance(several, list | tuple) else 0

    best: set[int] = set()
    for one in value if isinstance(value, list | tuple) else (value,):
        own = of_id(one, listed)
        best |= own or decode(one, winner, column, lambda: numbering.of(column, (), count), found.responses, names)
    if not best:
        raise RowError("one of the responses", field=column, found=describe(value))
    return replace(found, best=frozenset(best), simple=len(listed) == 2)


def _ranking(row: Fields, layout: Layout, said: Sequence[Judged], labels: Sequence[str]) -> Sequence[Judged] | None:
    """Ranks from a separate column: a list of them, or an order such as "B > A > C"."""
    found = _listed(row, layout, "ranks", said)
    if found:
        return found
    value = layout.role(row, "ranks")[1]
    if not isinstance(value, str) or not labels or value[:1] in ("[", "{"):
        return None
    winner = Winner(labels, [f"response {label}" for label in labels])
    ranks: dict[int, float] = {}
    for rank, tier in enumerate(_ORDER.split(value.strip()[:500]), 1):
        for name in map(str.strip, _SAME.split(tier)):
            one = winner.of(name) if name else None
            if one is None or len(one) != 1 or next(iter(one)) in ranks:
                return None
            ranks[next(iter(one))] = float(rank)
    return [one._replace(rank=ranks[at]) for at, one in enumerate(said)] if len(ranks) == len(said) else None


def _listed(row: Fields, layout: Layout, role: str, said: Sequence[Judged]) -> Sequence[Judged] | None:
    """The responses with the numbers of a column that is a list with one number per response."""
    texts = {one.response for one in said}
    for column in layout.roles.get(role, ()):
        values = structured(row.get(column), column) if isinstance(row.get(column), str) else row.get(column)
        if not isinstance(values, list | tuple) or not values:
            continue
        if len(values) != len(said):
            raise RowError(f"{len(said)} {role}, one per response", field=column, found=f"{len(values)}")
        if role == "ranks" and (
            plain(column) in ORDERS or all(isinstance(one, str) and one in texts for one in values)
        ):
            return in_order(values, said, column)
        read = [None if missing(one) else one_number(one, f"{column}.{at}") for at, one in enumerate(values)]
        if role == "ranks" and plain(column) in _UNCLEAR and is_ambiguous(read):
            raise RowError(
                "a list named 'ranks' (one a response) or 'order' (best first)", field=column, found="either"
            )
        if any(one is not None for one in read):
            both = zip(said, read, strict=True)
            return [one._replace(score=value) if role == "scores" else one._replace(rank=value) for one, value in both]
    return None


def tie_words(row: Fields, layout: Layout) -> bool:
    """Whether a winner column beside chosen and rejected says tie, or the ratings are equal."""
    for column in layout.roles.get("winner", ()):
        value = row.get(column)
        if isinstance(value, str) and value.strip().lower().startswith(TIES):
            return True
        if column.strip().lower() == "label" and str(value).strip() in ("0.5", "0.50"):
            return True
    for column in layout.roles.get("scores", ()):
        value = row.get(column)
        if isinstance(value, list | tuple) and len(value) == 2 and value[0] == value[1] and not missing(value[0]):
            return True
    return False


def _is_there(value: object, at: int) -> bool:
    """Whether the response exists; the first two may be empty texts, because people vote on empty answers."""
    return not (
        value is None or value != value or (at > 1 and isinstance(value, str) and value.strip() in ("", *NOBODY))
    )


def _only(value: Any) -> Any:
    """The only item of a list, also in JSON text, as in doccano's ``"label": ["A"]``; else the value."""
    found = unpacked(value) if isinstance(value, str) and value[:2] in ('["', "['") else value
    return found[0] if isinstance(found, list) and len(found) == 1 else value


def _beside(row: Fields, columns: Sequence[str], at: int) -> float | None:
    if not columns or missing(row.get(columns[at])):
        return None
    return number(row[columns[at]], columns[at])


def _check_doubtful(layout: Layout, texts: Sequence[str]) -> None:
    if layout.doubtful and all(len(text) <= _NAME and " " not in text.strip() for text in texts):
        found = "texts that may be model names (if they are the responses: --columns a=…,b=…)"
        raise ColumnsError("the columns of a known format", field=layout.sides.columns[0], found=found)


def _means(winner: Winner, value: object) -> bool:
    return not isinstance(value, str) or winner.of(value) is not None or winner.said(value) is not None


def _gap(high: float | None, low: float | None) -> float | None:
    return None if high is None or low is None or high < low else high - low
