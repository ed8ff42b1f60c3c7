"""Responses side by side with a column for each outcome: ``a_wins``, ``b_wins``, ``tie``; or one: ``prefers_a``."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from personalrm.data.columns import ROLES, plain
from personalrm.data.fields import Fields, describe, flag, missing, without
from personalrm.data.formats.base import Format
from personalrm.data.sides import find_sides
from personalrm.data.winner_words import TIES
from personalrm.errors import RowError

_WON = frozenset(("wins", "win", "won", "winner", "preferred", "prefers", "better", "best", "chosen", "selected"))
_BESIDE = frozenset(("model", "is", "response", "answer", "option", "system", "count", "the"))


def rows(row: Fields) -> Iterator[Fields]:
    outcomes = _outcomes(row)
    said = {side: flag(row[name], name) for side, name in outcomes.items() if not missing(row[name])}
    won = [side for side, true in said.items() if true]
    sides = find_sides(row).responses.labels
    if len(outcomes) == 1 and said and not won:
        won = [side for side in sides if side not in outcomes]  # the other one
    elif len(won) > 1 and {*sides} == {*won}:
        won = ["tie"]
    if len(won) != 1:
        expected = f"true in exactly one of {', '.join(outcomes.values())}"
        raise RowError(expected, field=next(iter(outcomes.values())), found=", ".join(won) or describe(None))
    yield {**without(row, *outcomes.values()), "winner": won[0]}


def _outcomes(columns: Collection[str]) -> dict[str, str]:
    """The column of each outcome: a side's label or ``tie``."""
    labels = {*find_sides(columns).responses.labels}
    found: dict[str, str] = {}
    for name in columns:
        words = {*plain(name).split("_")}
        side = words & labels
        if words & _WON and len(side) == 1 and not words - _WON - side - _BESIDE:
            found[next(iter(side))] = name
    ties = [name for name in columns if plain(name) in TIES or plain(name) in ("is_tie", "winner_tie", "tie_both_bad")]
    return {**found, "tie": ties[0]} if len(found) == len(labels) and len(ties) == 1 else found


def _fits(columns: Collection[str]) -> bool:
    labels = find_sides(columns).responses.labels
    outcomes = _outcomes(columns).keys() - {"tie"}
    known = any(plain(name) in ROLES["winner"] for name in columns)
    return len(labels) == 2 and not known and len(outcomes) in (1, 2)


def _is_flagged(row: Fields) -> bool:
    """Whether the outcome columns hold flags; with one column only, only true or false (1 may be a number of votes)."""
    outcomes = _outcomes(row)
    values = [row[name] for name in outcomes.values() if not missing(row[name])]
    words = {str(one).strip().lower() for one in values}
    return bool(values) and words <= (
        {"true", "false"} if len(outcomes) == 1 else {"true", "false", "0", "1", "0.0", "1.0"}
    )


FORMATS = (Format("a column for each outcome", (), rows, accepts=_is_flagged, also=_fits, hands_on=True),)
